"""The questions of making a VM: which are asked, with which choices and first answers, once some are answered. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.commands.base import Choice, Question, Target
from kvmtui.commands.judge import host_finding, silence
from kvmtui.commands.making_fields import (
    ACCEL,
    ARGUMENTS,
    BOOT,
    DEVICES,
    DISK,
    FILE_HERE,
    FORMAT,
    HOST,
    HOSTNAME,
    IMAGE,
    INITRD,
    ISO,
    KERNEL,
    KEYS,
    MEMORY,
    NAME,
    NETWORK_CARD,
    NO,
    POOL,
    SEED,
    SIZE,
    START,
    TITLE,
    USER,
    VCPUS,
    VOLUME,
)
from kvmtui.commands.making_stock import FILE
from kvmtui.commands.uses import Owner, users
from kvmtui.core import naming
from kvmtui.core.capacity import census
from kvmtui.core.creation import listed
from kvmtui.core.inventory import Disk, Vm, VmState
from kvmtui.core.sizing import BootKind, DiskOrigin, disk_fault, memory_fault, said_by, vcpus_fault
from kvmtui.core.text import safe
from kvmtui.core.units import pair, parse_size, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kvmtui.commands.base import Answer, Answers, Scene
    from kvmtui.commands.making_stock import View
    from kvmtui.core.inventory import HostEntry, Pool, Volume

BRIDGE = "bridge:"
NETWORK = "network:"
IMAGE_FORMATS = frozenset({"qcow2", "raw"})
_BLOCK = "/dev/"  # pools whose volumes are block devices lie there
_COPIES = (DiskOrigin.COPY, DiskOrigin.LINKED)
_SEED_DISKS = (*_COPIES, DiskOrigin.EXISTING)


def host_question(scene: Scene, chosen: str) -> Question:
    """Return the question for the host, with what each has free, and why some cannot be chosen."""
    choices = tuple(_host_choice(scene, entry) for entry in scene.fleet.hosts)
    return replace(HOST, initial=chosen, choices=choices)


def _host_choice(scene: Scene, entry: HostEntry) -> Choice:
    state = entry.state
    if state is None or not entry.condition.is_answering:
        return Choice(entry.name, entry.name, blocked=silence(entry).partition(":")[0])
    host = state.host
    free = max(0, host.memory - scene.policy.host_reserve - census(state).promised)
    said = [f"{pair(free, host.memory)} of memory free", f"{host.cpus} CPUs"]
    if state.load is not None and state.load.cpu is not None:
        said[-1] += f" at {state.load.cpu:.0f} %"
    refusal = host_finding(scene, entry, Target.of_host(entry)).refusal
    return Choice(entry.name, entry.name, ", ".join(said), refusal)


class Sheet:
    """The questions for one host and some answers."""

    def __init__(self, view: View, given: Answers) -> None:
        self._view = view
        self._given = given
        self.boot = BootKind(self._boot())
        self.disk = DiskOrigin(self._disk())

    def questions(self) -> tuple[Question, ...]:
        """Return what is asked, in the order of the form."""
        view, entry = self._view, self._view.entry
        asked = [self._name(), host_question(view.scene, entry.name), self._vcpus(), self._memory(), self._accel()]
        asked += [replace(BOOT, initial=self.boot.value), *self._boot_questions(), self._disk_question()]
        asked += [*self._disk_questions(), self._network(), *self._seed_questions(), START]
        return (*asked, replace(FORMAT, initial=self._format()), TITLE, DEVICES)

    # -- what goes without saying

    def _answer(self, question: Question) -> Answer | None:
        answer = self._given.get(question.name)
        return answer if answer or answer is False else None

    def _among(self, question: Question, values: tuple[str, ...]) -> str:
        answer = self._given.get(question.name)
        return answer if isinstance(answer, str) and answer in values else ""

    def _boot(self) -> str:
        kinds = tuple(kind.value for kind in BootKind)
        if chosen := self._among(BOOT, kinds):
            return chosen
        local = self._view.local
        if self._answer(ISO) or (local is not None and local.image.kind == "iso"):
            return BootKind.ISO
        return BootKind.KERNEL if self._answer(KERNEL) else BootKind.DISK

    def _disk(self) -> str:
        able = tuple(choice.value for choice in self._disk_choices() if not choice.blocked)
        if chosen := self._among(DISK, able):
            return chosen
        if self._answer(VOLUME):
            return DiskOrigin.EXISTING
        return DiskOrigin.COPY if self.boot is BootKind.DISK or self._answer(IMAGE) else DiskOrigin.NEW

    # -- single questions

    def _name(self) -> Question:
        names = {vm.name for vm in self._view.state.vms.values()}
        host = self._view.entry.name

        def fault(name: str) -> str:
            if name in names:
                return f"{safe(host)} has a VM called {safe(name)}."
            return NAME.fault(name)

        return replace(NAME, check=fault)

    def _vcpus(self) -> Question:
        most = self._view.stock.offers.vcpus_max
        cpus = self._view.state.host.cpus
        said = f"How many virtual CPUs; the host has {cpus}."
        first = str(min(2, cpus, most) or 1)
        return replace(VCPUS, help=said, initial=first, check=lambda text: vcpus_fault(text, most or 4096))

    def _memory(self) -> Question:
        memory = self._view.state.host.memory

        def fault(text: str) -> str:
            if wrong := memory_fault(text):
                return wrong
            return f"The host has {size(memory)} in all." if memory and parse_size(text) > memory else ""

        return replace(MEMORY, check=fault)

    def _accel(self) -> Question:
        offers = self._view.stock.offers
        why = {"kvm": offers.kvm_why or "this host cannot", "qemu": "this host does not emulate"}
        choices = tuple(
            choice if choice.value in offers.accels else choice._replace(blocked=why[choice.value])
            for choice in ACCEL.choices
        )
        return replace(ACCEL, choices=choices, initial=next(iter(offers.accels), ""))

    def _boot_questions(self) -> Iterator[Question]:
        if self.boot is BootKind.ISO:
            yield self._of_volumes(ISO, self._isos, local=True)
            if self._brings(ISO):
                yield self._file(iso=True)
        elif self.boot is BootKind.KERNEL:
            yield KERNEL
            yield INITRD
            yield replace(ARGUMENTS, initial="console=ttyS0")

    def _disk_choices(self) -> tuple[Choice, ...]:
        blocked = (
            {DiskOrigin.NEW: "there is nothing on it to start from", DiskOrigin.NONE: "it starts from its disk"}
            if self.boot is BootKind.DISK
            else {}
        )
        return tuple(choice._replace(blocked=blocked.get(DiskOrigin(choice.value), "")) for choice in DISK.choices)

    def _disk_question(self) -> Question:
        return replace(DISK, initial=self.disk.value, choices=self._disk_choices())

    def _disk_questions(self) -> Iterator[Question]:
        from_iso = self.boot is BootKind.ISO and self._brings(ISO)
        if self.disk in _COPIES:
            yield self._of_volumes(IMAGE, self._images, local=not from_iso)
            if not from_iso and self._brings(IMAGE):
                yield self._file(iso=False)
        elif self.disk is DiskOrigin.EXISTING:
            yield self._of_volumes(VOLUME, self._existing)
        if self.makes_volumes:
            yield self._pool()
        if self.disk in (*_COPIES, DiskOrigin.NEW):
            yield self._size()

    @property
    def makes_volumes(self) -> bool:
        """Whether anything is to be put into a pool."""
        made = self.disk in (*_COPIES, DiskOrigin.NEW)
        return made or (self.boot is BootKind.ISO and self._brings(ISO)) or self.seed != NO

    @property
    def seed(self) -> str:
        """The bus of the seed, or none."""
        if self.boot is not BootKind.DISK or self.disk not in _SEED_DISKS:
            return NO
        usual = NO if self.disk is DiskOrigin.EXISTING else "virtio"
        return self._among(SEED, tuple(choice.value for choice in SEED.choices)) or usual

    # -- volumes

    def _brings(self, question: Question) -> bool:
        """Whether the answer to a question about a volume is a file of this machine."""
        answer = self._answer(question)
        return answer == FILE if answer is not None else bool(self._answer(FILE_HERE))

    def _volumes(self) -> Iterator[Volume]:
        for pool in sorted(self._view.stock.volumes):
            yield from sorted(self._view.stock.volumes[pool], key=lambda volume: volume.name)

    def _of_volumes(
        self, question: Question, offered: Callable[[], Iterator[Choice]], *, local: bool = False
    ) -> Question:
        """Offer volumes, those that can be chosen first; the only one goes without saying."""
        found = sorted(offered(), key=lambda choice: (bool(choice.blocked), ", the disk of " in choice.note))
        able = [choice.value for choice in found if not choice.blocked]
        first = able[0] if len(able) == 1 else ""
        if local:
            found.append(Choice(FILE, "a file of this machine", "sent to the host's pool first"))
            if self._brings(question):
                first = FILE
        unread = "; ".join(
            f"{safe(pool)} could not be read: {safe(why)}" for pool, why in self._view.stock.unread.items()
        )
        return replace(question, choices=tuple(found), initial=first, help=f"{question.help} {unread}".strip())

    def _isos(self) -> Iterator[Choice]:
        for volume in self._volumes():
            if is_iso(volume) and not volume.name.endswith("-seed.iso"):
                yield _choice(volume)

    def _images(self) -> Iterator[Choice]:
        for volume in self._volumes():
            if is_iso(volume):
                continue
            blocked = "" if volume.format in IMAGE_FORMATS else "its format is not known here"
            owners = self._owners(volume)
            if self.disk is DiskOrigin.LINKED and owners:
                blocked = f"{_named(owners)} would write to it"
            elif any(owner.vm.is_active for owner in owners):
                blocked = f"{_named(tuple(owner for owner in owners if owner.vm.is_active))} writes to it"
            taken = "" if blocked or not owners else f", the disk of {_named(owners)}"
            yield _choice(volume, blocked, taken)

    def _existing(self) -> Iterator[Choice]:
        backings = {volume.backing for volume in self._volumes() if volume.backing}
        for volume in self._volumes():
            if is_iso(volume):
                continue
            owners = self._owners(volume)
            blocked = f"{_named(owners)} has it" if owners else ""
            if not blocked and volume.path in backings:
                blocked = "another volume builds upon it"
            yield _choice(volume, blocked)

    def _owners(self, volume: Volume) -> tuple[Owner, ...]:
        return owners_of(self._view, volume.path)

    def _file(self, *, iso: bool) -> Question:
        """Ask for the file of this machine, and look at what it is."""
        view, written = self._view, self._given.get(FILE_HERE.name)
        local, wrong = view.local, view.local_fault
        pool = view.pool(self.pool_name())
        if local is not None and not wrong:
            wrong = said_by(naming.new_volume_name)(local.name)
            if iso and local.image.kind != "iso":
                wrong = f"{safe(local.name)} is no ISO."
            elif not iso and local.image.kind == "iso":
                wrong = f"{safe(local.name)} is an ISO, not an image of a disk."
            elif pool is not None and any(each.name == local.name for each in view.stock.volumes.get(pool.name, ())):
                wrong = f"The pool {safe(pool.name)} has a volume {safe(local.name)} already: choose it there."
            elif pool is not None and local.length > pool.available:
                wrong = f"{safe(pool.name)} has {size(pool.available)} left, and it needs {size(local.length)}."
        return replace(FILE_HERE, check=lambda text: wrong if text == written else "")

    def _pool(self) -> Question:
        return replace(POOL, choices=pool_choices(self._view.state.pools), initial=self._usual_pool())

    def _usual_pool(self) -> str:
        able = [pool for pool in self._view.state.pools if pool.active and pool.name in self._view.stock.volumes]
        usual = next((pool for pool in able if pool.name == "default"), None)
        best = usual or max(able, key=lambda pool: pool.available, default=None)
        return best.name if best is not None else ""

    def pool_name(self) -> str:
        """Return the pool that new volumes would be made in."""
        names = tuple(pool.name for pool in self._view.state.pools if pool.active)
        return self._among(POOL, names) or self._usual_pool()

    def _format(self) -> str:
        pool = self._view.pool(self.pool_name())
        return "raw" if pool is not None and pool.path.startswith(_BLOCK) else "qcow2"

    def _size(self) -> Question:
        least = self._image_size()
        if self.disk is DiskOrigin.NEW:
            return replace(SIZE, help="How large the disk is, as in 20G.", initial="20G", required=True)

        def fault(text: str) -> str:
            if not text:
                return ""
            if wrong := disk_fault(text):
                return wrong
            return f"The image has {size(least)}: the disk cannot be smaller." if parse_size(text) < least else ""

        said = f" ({size(least)})" if least else ""
        return replace(SIZE, help=f"As in 20G; as large as the image{said} when nothing is said.", check=fault)

    def _image_size(self) -> int:
        if self._brings(IMAGE):
            return self._view.local.image.capacity if self._view.local is not None else 0
        answer = self._answer(IMAGE)
        volume = self._view.stock.volume(answer) if isinstance(answer, str) else None
        return volume.capacity if volume is not None else 0

    # -- network and seed

    def _network(self) -> Question:
        networks = sorted(self._view.state.networks, key=lambda network: not network.active)
        choices = [
            Choice(
                _network_value(network.name), network.name, "a network", "" if network.active else "it is not active"
            )
            for network in networks
        ]
        own = {network.bridge for network in networks}
        bridges = [name for name in self._view.stock.offers.bridges if name not in own]
        choices += [Choice(f"{BRIDGE}{name}", name, "a bridge of the host") for name in bridges]
        able = [choice.value for choice in choices if not choice.blocked]
        choices.append(Choice(NO, "none"))
        first = "default" if "default" in able else next(iter(able), NO)
        return replace(NETWORK_CARD, choices=tuple(choices), initial=first)

    def _seed_questions(self) -> Iterator[Question]:
        if self.boot is not BootKind.DISK or self.disk not in _SEED_DISKS:
            return
        yield replace(SEED, initial=self.seed)
        if self.seed == NO:
            return
        keys = self._view.keys
        choices = tuple(Choice(each.file, each.file, each.said) for each in keys)
        first = next((each.file for usual in ("ed25519", "ecdsa", "rsa") for each in keys if usual in each.file), "")
        first = first or next((each.file for each in keys), "")
        yield replace(USER, initial=self._view.user)
        said = KEYS.help if keys else "There is no public key in ~/.ssh: ssh-keygen makes one."
        yield replace(KEYS, choices=choices, initial=(first,) if first else (), help=said)
        yield HOSTNAME


def owners_of(view: View, path: str) -> tuple[Owner, ...]:
    """Return the VMs, on any known host, that have the image at this path as a disk."""
    nobody = Vm("", "", VmState.OFF)
    return users(view.scene.fleet, view.entry, nobody, Disk("", "disk", "", "file", path, "")) if path else ()


def is_iso(volume: Volume) -> bool:
    """Tell an ISO from the image of a disk."""
    return volume.format == "iso" or volume.name.lower().endswith(".iso")


def _named(owners: tuple[Owner, ...]) -> str:
    return listed([f"{owner.vm.name} on {owner.entry.name}" for owner in owners], 2)


def _choice(volume: Volume, blocked: str = "", more: str = "") -> Choice:
    name = f"{volume.pool}/{volume.name}"
    return Choice(name, name, f"{volume.format}, {size(volume.capacity)}{more}", blocked)


def pool_choices(pools: Iterable[Pool]) -> tuple[Choice, ...]:
    """Return the pools of a host, with the room in each."""
    return tuple(_pool_choice(pool) for pool in pools)


def _pool_choice(pool: Pool) -> Choice:
    note = f"{pair(pool.available, pool.capacity)} left"
    if pool.late:
        return Choice(pool.name, pool.name, "", "it does not answer")
    return Choice(pool.name, pool.name, note, "" if pool.active else "it is not active")


def _network_value(name: str) -> str:
    return f"{NETWORK}{name}" if name == NO or ":" in name else name
