"""From validated answers to what would be made: the spec, the volumes, what to know, the shell lines. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvmtui.commands.making_fields import NO
from kvmtui.commands.making_questions import BRIDGE, NETWORK, owners_of
from kvmtui.commands.making_stock import FILE
from kvmtui.commands.start_check import start_check
from kvmtui.commands.streaming import LocalFile
from kvmtui.core.creation import hostname_for
from kvmtui.core.errors import Refused
from kvmtui.core.inventory import Disk, Vm, VmState
from kvmtui.core.sizing import BootKind, DiskOrigin
from kvmtui.core.specs import BootSpec, DiskSpec, NewVolume, NicSpec, SeedSpec, VmSpec, VolumeName
from kvmtui.core.text import safe
from kvmtui.core.units import parse_size, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.commands.base import Answers, Target
    from kvmtui.commands.judge import Finding
    from kvmtui.commands.making_stock import View
    from kvmtui.core.inventory import Volume

EXTENSIONS = {"qcow2": ".qcow2", "raw": ".img"}


@dataclass(frozen=True, slots=True)
class Bring:
    """A file of this machine that becomes a volume."""

    file: LocalFile
    to: VolumeName


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made; paths are those that the volumes will have, as far as that can be said before."""

    spec: VmSpec
    bring: Bring | None
    disk: NewVolume | None
    start: bool


class Reader:
    """Reads answers, which are all there and have passed their questions."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def text(self, name: str) -> str:
        answer = self._answers.get(name, "")
        return answer if isinstance(answer, str) else ""

    def amount(self, name: str) -> int:
        text = self.text(name)
        return parse_size(text) if text else 0

    def volume(self, name: str) -> VolumeName | None:
        """Return the volume of an answer; None for none, and for a file of this machine."""
        pool, slash, volume = self.text(name).partition("/")
        return VolumeName(pool, volume) if slash else None

    def key_files(self) -> tuple[str, ...]:
        answer = self._answers.get("keys", ())
        return answer if isinstance(answer, tuple) else ()

    def on(self, name: str) -> bool:
        return self._answers.get(name) is True


def planned(view: View, target: Target, answers: Answers) -> Plan:
    """Return what the answers mean on this host; raises Refused for what cannot be."""
    reader = Reader(answers)
    bring = _bring(view, reader)
    disk, new = _disk(view, reader, bring)
    spec = VmSpec(
        uuid=target.uuid,
        name=reader.text("name"),
        vcpus=int(reader.text("vcpus")),
        memory=reader.amount("memory"),
        accel=reader.text("accel"),
        disk=disk,
        boot=_boot(view, reader, bring),
        nic=_nic(reader.text("network")),
        seed=_seed(view, reader),
        title=reader.text("title"),
    )
    plan = Plan(spec, bring, new, reader.on("start"))
    _refuse_taken(view, plan)
    _refuse_full(view, plan)
    return plan


def _bring(view: View, reader: Reader) -> Bring | None:
    if FILE not in (reader.text("iso"), reader.text("image")):
        return None
    if view.local is None:
        raise Refused(view.local_fault or "The file of this machine is missing.")
    return Bring(view.local, VolumeName(reader.text("pool"), view.local.name))


def _path(view: View, name: VolumeName) -> str:
    """Return the path that a volume has, or will have."""
    known = view.stock.volume(str(name))
    if known is not None:
        return known.path
    pool = view.pool(name.pool)
    return f"{pool.path.rstrip('/')}/{name.name}" if pool is not None and pool.path.startswith("/") else ""


def _known(view: View, name: VolumeName) -> Volume:
    volume = view.stock.volume(str(name))
    if volume is None:
        raise Refused(f"{safe(name.pool)} has no volume {safe(name.name)}.")
    return volume


def _disk(view: View, reader: Reader, bring: Bring | None) -> tuple[DiskSpec, NewVolume | None]:
    origin = DiskOrigin(reader.text("disk"))
    if origin is DiskOrigin.NONE:
        return DiskSpec(origin), None
    if origin is DiskOrigin.EXISTING:
        there = reader.volume("volume")
        if there is None:
            raise Refused("The volume is missing.")
        volume = _known(view, there)
        return DiskSpec(origin, there, path=volume.path, format=volume.format, block=volume.block), None
    kind = "qcow2" if origin is DiskOrigin.LINKED else reader.text("format")
    pool = reader.text("pool")
    name = VolumeName(pool, f"{reader.text('name')}{EXTENSIONS[kind]}")
    amount, image = reader.amount("size"), None
    if origin is not DiskOrigin.NEW:
        image = bring.to if reader.text("image") == FILE and bring is not None else reader.volume("image")
        if image is None:
            raise Refused("The image is missing.")
    path = _path(view, name)
    new = NewVolume(
        name.pool,
        name.name,
        amount,
        kind,
        backing=image if origin is DiskOrigin.LINKED else None,
        copy_of=image if origin is DiskOrigin.COPY else None,
    )
    return DiskSpec(origin, name, amount, image, path, kind, path.startswith("/dev/")), new


def _boot(view: View, reader: Reader, bring: Bring | None) -> BootSpec:
    kind = BootKind(reader.text("boot"))
    if kind is BootKind.KERNEL:
        return BootSpec(kind, None, "", reader.text("kernel"), reader.text("initrd"), reader.text("arguments"))
    if kind is BootKind.DISK:
        return BootSpec(kind)
    iso = bring.to if reader.text("iso") == FILE and bring is not None else reader.volume("iso")
    if iso is None:
        raise Refused("The ISO is missing.")
    path = _path(view, iso) if bring is not None and iso == bring.to else _known(view, iso).path
    return BootSpec(kind, iso, path)


def _nic(network: str) -> NicSpec | None:
    if network == NO:
        return None
    if network.startswith(BRIDGE):
        return NicSpec("bridge", network.removeprefix(BRIDGE))
    return NicSpec("network", network.removeprefix(NETWORK))


def _seed(view: View, reader: Reader) -> SeedSpec | None:
    if reader.text("seed") == NO:
        return None
    known = {each.file: each.lines for each in view.keys}
    missing = [name for name in reader.key_files() if name not in known]
    if missing:
        raise Refused(f"There are no public keys in {safe(missing[0])}.")
    lines = tuple(dict.fromkeys(line for name in reader.key_files() for line in known[name]))
    volume = VolumeName(reader.text("pool"), f"{reader.text('name')}-seed.iso")
    hostname = reader.text("hostname") or hostname_for(reader.text("name"))
    return SeedSpec(reader.text("user"), lines, hostname, volume, _path(view, volume), reader.text("seed") == "sata")


def made_volumes(plan: Plan) -> tuple[VolumeName, ...]:
    """Return the volumes that are to be made, in order."""
    found = [plan.bring.to] if plan.bring is not None else []
    if plan.disk is not None:
        found.append(VolumeName(plan.disk.pool, plan.disk.name))
    if plan.spec.seed is not None and plan.spec.seed.volume is not None:
        found.append(plan.spec.seed.volume)
    return tuple(found)


def _refuse_taken(view: View, plan: Plan) -> None:
    """Refuse names that are taken on the host, and a UUID that any known host has."""
    host = safe(view.entry.name)
    name = plan.spec.name
    if any(vm.name == name for vm in view.state.vms.values()):
        raise Refused(f"{host} has a VM called {safe(name)}.", hint="Choose another name.")
    for entry, vm in view.scene.fleet.vms():
        if vm.uuid == plan.spec.uuid:
            raise Refused(f"{safe(entry.name)} has a VM with the new UUID.", hint="Ask for it again.")
    for volume in made_volumes(plan):
        if view.pool(volume.pool) is None:
            raise Refused(f"{host} has no active pool {safe(volume.pool)}.")
        if view.stock.volume(str(volume)) is not None:
            text = f"The pool {safe(volume.pool)} of {host} has a volume {safe(volume.name)} already."
            raise Refused(text, hint="Choose another name, or delete it first.")


def _refuse_full(view: View, plan: Plan) -> None:
    """Refuse what cannot fit; a new or linked disk begins small and grows."""
    needed: dict[str, int] = {}
    if plan.bring is not None:
        needed[plan.bring.to.pool] = plan.bring.file.length
    if plan.disk is not None and plan.disk.copy_of is not None:
        image = view.stock.volume(str(plan.disk.copy_of))
        length = image.allocation if image is not None else plan.bring.file.length if plan.bring is not None else 0
        needed[plan.disk.pool] = needed.get(plan.disk.pool, 0) + length
    for name, amount in needed.items():
        pool = view.pool(name)
        if pool is not None and amount > pool.available:
            raise Refused(
                f"The pool {safe(name)} of {safe(view.entry.name)} has {size(pool.available)} left, "
                f"and this needs {size(amount)}."
            )


def stand_in(plan: Plan) -> Vm:
    """Return the VM as it would be seen, for the start check."""
    spec = plan.spec
    path = spec.disk.path
    disks = (Disk("vda", "disk", "virtio", "file", path, spec.disk.format),) if path else ()
    return Vm(
        spec.uuid,
        spec.name,
        VmState.OFF,
        vcpus=spec.vcpus,
        vcpus_max=spec.vcpus,
        memory=spec.memory,
        memory_max=spec.memory,
        disks=disks,
    )


def start_finding(view: View, plan: Plan) -> Finding:
    """Say whether it could be started, and what to know."""
    return start_check(view.scene, view.entry, stand_in(plan))


def said(view: View, plan: Plan) -> tuple[str, ...]:
    """Return the sentences of the review: what is made, and what to know."""
    spec = plan.spec
    cpus = "1 CPU" if spec.vcpus == 1 else f"{spec.vcpus} CPUs"
    how = "kvm" if spec.accel == "kvm" else "emulated, which is many times slower"
    network = "no network" if spec.nic is None else f"on the {spec.nic.kind} {safe(spec.nic.source)}"
    host, name = safe(view.entry.name), safe(spec.name)
    lines = [f"{name} on {host}: {cpus}, {size(spec.memory)} of memory, {how}, {network}."]
    lines += _said_of_volumes(plan)
    if spec.boot.kind is BootKind.KERNEL:
        lines.append(f"It starts from the kernel {safe(spec.boot.kernel)} on {host}.")
    elif spec.boot.iso is not None:
        lines.append(f"It starts from {safe(str(spec.boot.iso))}.")
    if spec.seed is not None:
        lines += _said_of_seed(spec.seed)
    lines.append("It is started then." if plan.start else "It is not started.")
    return (*lines, *warnings(view, plan))


def _said_of_volumes(plan: Plan) -> Iterator[str]:
    disk = plan.spec.disk
    if plan.bring is not None:
        bring = plan.bring
        yield f"{safe(str(bring.file.path))} ({size(bring.file.length)}) is sent to {safe(str(bring.to))}."
    large = size(disk.size) if disk.size else "as large as the image"
    if disk.origin is DiskOrigin.NONE:
        yield "It has no disk."
    elif disk.origin is DiskOrigin.EXISTING:
        yield f"Its disk is {safe(str(disk.volume))}, which is there."
    elif disk.origin is DiskOrigin.NEW:
        yield f"Its disk {safe(str(disk.volume))} is new, {large}."
    elif disk.origin is DiskOrigin.COPY:
        yield f"Its disk {safe(str(disk.volume))} is a full copy of {safe(str(disk.image))}, {large}."
    else:
        yield f"Its disk {safe(str(disk.volume))}, {large}, builds upon {safe(str(disk.image))}, which must stay."


def _said_of_seed(seed: SeedSpec) -> Iterator[str]:
    how = "a SATA CD" if seed.sata else "a virtio disk"
    keys = "1 ssh key" if len(seed.keys) == 1 else f"{len(seed.keys)} ssh keys" if seed.keys else "no ssh key"
    yield f"Its seed, {how}: user {safe(seed.user)}, {keys}, host name {safe(seed.hostname)}."
    if not seed.keys:
        yield "Without a key nobody can log in to it over ssh."


def warnings(view: View, plan: Plan) -> tuple[str, ...]:
    """Return what to know before it is made; raises Refused when it is to be started and could not be."""
    found = []
    if plan.spec.vcpus > view.state.host.cpus > 0:
        found.append(f"It has more CPUs than {safe(view.entry.name)}, which has {view.state.host.cpus}.")
    if plan.disk is not None and plan.disk.copy_of is None:
        pool = view.pool(plan.disk.pool)
        if pool is not None and plan.disk.capacity > pool.available:
            found.append(f"{safe(pool.name)} has {size(pool.available)} left: the disk cannot grow to its size there.")
    if plan.spec.disk.origin is DiskOrigin.EXISTING:
        owners = owners_of(view, plan.spec.disk.path)
        if owners:
            raise Refused(f"{safe(owners[0].vm.name)} on {safe(owners[0].entry.name)} has that disk.")
    if plan.start:
        finding = start_finding(view, plan)
        if finding.refusal:
            raise Refused(finding.refusal, hint=finding.hint)
        found += finding.warnings
    return tuple(found)


def with_paths(plan: Plan, volumes: dict[VolumeName, Volume]) -> VmSpec:
    """Return the spec with the paths that the volumes really have."""
    spec = plan.spec
    disk, boot, seed = spec.disk, spec.boot, spec.seed
    if disk.volume is not None and disk.volume in volumes:
        made = volumes[disk.volume]
        disk = replace(disk, path=made.path, format=made.format or disk.format, block=made.block)
    if boot.iso is not None and boot.iso in volumes:
        boot = replace(boot, iso_path=volumes[boot.iso].path)
    if seed is not None and seed.volume is not None and seed.volume in volumes:
        seed = replace(seed, path=volumes[seed.volume].path)
    return replace(spec, disk=disk, boot=boot, seed=seed)
