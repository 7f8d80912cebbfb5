"""Moving VMs between the hosts of a simulated fleet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvmtui.backend.demo.address import parse
from kvmtui.backend.demo.moves import has_volume
from kvmtui.backend.demo.noise import mix
from kvmtui.backend.demo.volumes import Volumes
from kvmtui.core.errors import ConfigError, Conflict, NotFound, Unreachable
from kvmtui.core.migration import Copy, CpuFit, MoveDisk, Room, Subject
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.demo.connection import Connection
    from kvmtui.backend.demo.guest import Guest
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.moves import Move
    from kvmtui.core.inventory import Disk
    from kvmtui.core.migration import MovePlan, MoveProgress

_POLL = 0.25  # seconds between two looks how far a move is
_GENERATIONS = ("EPYC", "EPYC-Rome", "EPYC-Milan", "EPYC-Genoa")
_FEATURES = ("", "clwb, rdpid, wbnoinvd", "erms, pcid, vaes, vpclmulqdq", "avx512f, avx512bw, gfni")  # new with each
_MACHINE = re.compile(r"pc-q35-(\d+)\.(\d+)")


class DemoMigration:
    """Moving VMs."""

    def __init__(self, connection: Connection) -> None:
        """Act through `connection`."""
        self._to = connection

    async def subject(self, uuid: str) -> Subject:
        """Read what moving this VM depends on."""
        return await self._to.read("subject", lambda: _subject(self._to.host, uuid), uuid=uuid)

    async def room(self, subject: Subject) -> Room:
        """Read what this host has for a VM of another host."""
        return await self._to.read("room", lambda: self._room(subject), uuid=subject.uuid)

    def _room(self, subject: Subject) -> Room:
        self._to.world.advance(self._to.host)
        identity = self._to.world.faults.identities.get(self._to.host.name, "")
        return _room(self._to.host, subject, identity)

    def address_for(self, source_uri: str) -> str:  # noqa: ARG002 - every simulated host reaches every other alike
        """Return the address of this host in its simulated fleet."""
        return f"demo:///{self._to.host.name}"

    async def move(self, uuid: str, plan: MovePlan, progress: Callable[[MoveProgress], None]) -> None:
        """Move it; returns when it stands on the target."""
        world, host = self._to.world, self._to.host
        begun: list[Move] = []

        def begin() -> None:
            try:
                target = world.host(parse(plan.to_uri)[1])
            except ConfigError as error:
                raise Unreachable(f"{host.name} cannot reach {plan.to_uri}: {error.text}") from None
            if target.name in world.faults.silent or target.name in world.faults.shut:
                raise Unreachable(f"{host.name} cannot reach {target.name}.", hint="Is it up?")
            begun.append(world.moves.begin(host, uuid, plan, target))

        await self._to.change("move", uuid, begin, args=(plan,))
        move = begun[0]
        while not move.is_over:
            progress(move.progress())
            await self._to.pause(_POLL)
            world.settle()
        if move.error is not None:
            raise type(move.error)(move.error.text, hint=move.error.hint, unknown=move.error.unknown)

    async def abort(self, uuid: str) -> None:
        """Ask the source to cancel the move; `move` then raises."""
        host = self._to.host
        await self._to.change("abort", uuid, lambda: self._to.world.moves.abort(host, uuid))

    async def fetch(self, source: str) -> bytes:
        """Return all of a small volume of this host: its name stands for what it holds."""

        def read() -> bytes:
            if not has_volume(self._to.host, source):
                raise NotFound(f"No active pool of {self._to.host.name} holds {safe(source)}.")
            return source.encode(errors="replace")

        return await self._to.read("fetch", read)

    async def put(self, source: str, data: bytes) -> None:
        """Make a small volume on this host."""
        host, volumes = self._to.host, Volumes(self._to.world)
        folder, _, name = source.rpartition("/")

        def make() -> None:
            pool = next((pool for pool in host.pools if pool.active and pool.path == folder), None)
            if pool is None:
                raise NotFound(f"No active pool of {host.name} has the folder of {safe(source)}.")
            made = volumes.begin(host, pool.name, name, len(data))
            volumes.finish(host, made, "iso", len(data))

        await self._to.change("put", "", make, args=(source,))

    async def tidy(self, subject: Subject, room: Room, copied: tuple[str, ...]) -> tuple[str, ...]:
        """Delete what a copy that came to nothing has left on this host."""
        host = self._to.host
        left: list[str] = []

        def delete() -> None:
            if subject.uuid in host.guests:
                raise Conflict(f"{subject.name} is on {host.name}: nothing of it is deleted.")
            sources = (disk.source for disk in subject.disks if disk.target in copied)
            left.extend(source for source in sources if source not in room.paths and has_volume(host, source))
            for source in left:
                self._to.world.definitions.delete_disk(host, source)

        await self._to.change("tidy", subject.uuid, delete, args=(copied,))
        return tuple(left)


def _subject(host: SimHost, uuid: str) -> Subject:
    guest = host.guest(uuid)
    vm = guest.vm
    return Subject(
        uuid=vm.uuid,
        name=vm.name,
        state=vm.state,
        persistent=vm.persistent,
        autostart=vm.autostart,
        host_uuid=host.facts.uuid,
        hostname=host.facts.hostname,
        arch=vm.arch,
        machine=vm.machine,
        accel=vm.accel,
        emulator="/usr/bin/qemu-system-x86_64",
        cpu_xml=f"<cpu mode='custom'><model>{host.facts.cpu_model}</model></cpu>",
        memory_max=vm.memory_max,
        vcpus_max=vm.vcpus_max,
        disks=tuple(_disk(host, guest, disk) for disk in vm.disks),
        networks=tuple(nic.source for nic in vm.nics if nic.kind == "network"),
        bridges=tuple(nic.source for nic in vm.nics if nic.kind == "bridge"),
        snapshots=vm.snapshots or 0,
        checkpoints=0,
        blockers=vm.immovable,
        saved=vm.saved,
        hypervisor_version=host.facts.hypervisor_version,
        reason=vm.reason,
        job=vm.job.kind if vm.job is not None else "",
        host_cpu=host.facts.cpu_model,
        kept=(*(("firmware settings (NVRAM)",) if vm.nvram else ()), *(("TPM state",) if vm.tpm else ())),
    )


def _disk(host: SimHost, guest: Guest, disk: Disk) -> MoveDisk:
    known = next((one for one in guest.disks if one.target == disk.target), None)
    volume = host.volumes.get(disk.source)
    whole = volume.capacity if volume is not None else None
    return MoveDisk(
        target=disk.target,
        kind=disk.kind,
        source=disk.source,
        format=disk.format,
        readonly=disk.readonly,
        shareable=disk.shareable,
        cache="none",
        capacity=known.capacity if known is not None else whole,
        allocation=known.allocation if known is not None else None,
        backing=(volume.backing,) if volume is not None and volume.backing else (),
        device=disk.device,
        stamp=_stamp(host, disk.source),
    )


def _room(host: SimHost, subject: Subject, identity: str) -> Room:
    same = host.guests.get(subject.uuid)
    cpu, why = _cpu(subject.host_cpu, host.facts.cpu_model)
    memory = host.memory()
    sources = (disk.source for disk in subject.disks if disk.kind != "network")
    return Room(
        host_uuid=identity or host.facts.uuid,
        hostname=host.facts.hostname,
        same_uuid=same.vm.state if same is not None else None,
        same_uuid_name=same.vm.name if same is not None else "",
        same_name=any(guest.vm.name == subject.name for guest in host.guests.values() if guest.vm.uuid != subject.uuid),
        cpu=cpu,
        cpu_why=why,
        machine=_machine(subject.machine) <= host.facts.hypervisor_version,
        accel=True,
        memory_free=memory.available or memory.free,
        cpus=host.facts.cpus,
        networks={network.name: network.active for network in host.networks},
        bridges=_bridges(host),
        paths={source: Copy(stamp=_stamp(host, source)) for source in sources if has_volume(host, source)},
        pools={pool.path: (pool.name, pool.available) for pool in host.pools if pool.active},
        hypervisor_version=host.facts.hypervisor_version,
    )


def _stamp(host: SimHost, source: str) -> int:
    """Return when the inode was changed: files of two simulated hosts are never one."""
    return 1_700_000_000_000_000_000 + mix(*host.name.encode(), *source.encode()) % 10**16


def _bridges(host: SimHost) -> frozenset[str]:
    """Return the host's own bridges: one for everybody, and those that its VMs are plugged into."""
    used = (nic.source for guest in host.guests.values() for nic in guest.vm.nics if nic.kind == "bridge")
    return frozenset(("br0", *used))


def _cpu(here: str, there: str) -> tuple[CpuFit, str]:
    """Compare two CPU models of one family."""
    if here == there:
        return CpuFit.IDENTICAL, ""
    if here not in _GENERATIONS or there not in _GENERATIONS:
        return CpuFit.INCOMPATIBLE, f"{there} is not {here}"
    first, last = _GENERATIONS.index(there), _GENERATIONS.index(here)
    if first > last:
        return CpuFit.SUPERSET, ""
    return CpuFit.INCOMPATIBLE, f"missing features: {', '.join(_FEATURES[first + 1 : last + 1])}"


def _machine(machine: str) -> tuple[int, int, int]:
    """Return the first QEMU that knows a machine type."""
    found = _MACHINE.fullmatch(machine)
    return (int(found[1]), int(found[2]), 0) if found else (0, 0, 0)
