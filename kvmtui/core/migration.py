"""Whether a VM can be moved to another host, and how: a pure judgement over facts of two hosts and one VM.

libvirt has no dry run, so the facts are read from both sides beforehand. Sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import NamedTuple

from kvmtui.core.inventory import Reason, VmState
from kvmtui.core.text import safe


class CpuFit(Enum):
    """What a host says of a VM's CPU."""

    IDENTICAL = "identical"
    SUPERSET = "superset"
    INCOMPATIBLE = "incompatible"
    UNKNOWN = "unknown"  # the host could not be asked; `Room.cpu_why` says why


@dataclass(frozen=True, slots=True)
class MoveDisk:
    """A disk, as far as moving it matters."""

    target: str
    kind: str  # "file", "block", "network", "volume" ...
    source: str
    format: str
    readonly: bool
    shareable: bool
    cache: str
    capacity: int | None  # what the guest sees; None: not known
    allocation: int | None
    backing: tuple[str, ...] = ()  # what it builds upon, nearest first
    device: str = "disk"  # "disk", "cdrom", "floppy", "lun"
    optional: bool = False  # the VM may start without it (startupPolicy)
    stamp: int | None = None  # as of `Copy`
    origin: str = ""  # as of `Copy`


class Copy(NamedTuple):
    """A source of the VM's disks as the other host has it: the same thing, or another at the same path.

    `stamp` is when its inode was last changed, in nanoseconds since the epoch: no program can set that, so two
    equal ones tell of one file, and two that lie far apart of two files. `origin` names the server and the
    directory that its pool is mounted from: two equal ones tell of one file as well.
    """

    capacity: int | None = None
    stamp: int | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be moved, as its host tells."""

    uuid: str
    name: str
    state: VmState
    persistent: bool
    autostart: bool
    host_uuid: str
    hostname: str
    arch: str
    machine: str
    accel: str
    emulator: str
    cpu_xml: str  # the live <cpu> element, "" for none
    memory_max: int
    vcpus_max: int
    disks: tuple[MoveDisk, ...]
    networks: tuple[str, ...]
    bridges: tuple[str, ...]
    snapshots: int
    checkpoints: int
    blockers: tuple[str, ...]  # devices and settings that cannot be moved live, one clause each
    saved: bool
    hypervisor_version: tuple[int, int, int] = (0, 0, 0)
    reason: Reason = Reason.NONE
    job: str = ""  # what holds it now, "" for nothing
    host_cpu: str = ""  # the host's own CPU, to be compared with another's as a whole
    stamps: Mapping[str, int] = field(default_factory=dict)  # of what its disks build upon, by path, as of `Copy`
    kept: tuple[str, ...] = ()  # what lies on its host beside the disks: "firmware settings (NVRAM)", "TPM state"
    notes: tuple[str, ...] = ()  # what its definition asks of a host and nobody can check from here, one clause each


@dataclass(frozen=True, slots=True)
class Room:
    """What the other host has for it."""

    host_uuid: str
    hostname: str
    same_uuid: VmState | None  # the state of a VM there with its UUID
    same_uuid_name: str
    same_name: bool  # another VM there has its name
    cpu: CpuFit
    cpu_why: str  # the host's own words
    machine: bool | None  # it knows the machine type; None: could not be asked
    accel: bool | None  # it has kvm, or emulates, as the VM needs
    memory_free: int | None
    cpus: int
    networks: Mapping[str, bool]  # name -> active
    bridges: frozenset[str] | None  # None: could not be asked
    paths: Mapping[str, Copy]  # those of the VM's sources that exist there
    pools: Mapping[str, tuple[str, int]]  # folder -> name of the active pool on it, bytes available
    hypervisor_version: tuple[int, int, int] = (0, 0, 0)
    unread: tuple[str, ...] = ()  # pools that did not answer: what they hold is not known
    emulator: bool | None = None  # it has the program that runs the VM at the same path


class StorageWay(StrEnum):
    """What happens to the disks."""

    NONE = "none"  # nothing to take along
    SHARED = "shared"  # both hosts reach the same disks
    COPY = "copy"  # they are copied while it runs


@dataclass(frozen=True, slots=True)
class MovePlan:
    """How a VM is moved."""

    to_uri: str  # as the source host reaches the target
    live: bool  # False: only the definition of a VM that is off
    storage: StorageWay
    copied: tuple[str, ...] = ()  # targets of the disks to copy ("vda")
    unsafe: bool = False  # a person has read why libvirt would refuse, and agreed
    persistent: bool = True
    bandwidth: int | None = None  # MiB/s
    migrate_uri: str = ""  # where the data goes, "" as the target says
    carried: tuple[str, ...] = ()  # targets of disks that are brought there before, by `fetch` and `put`


@dataclass(frozen=True, slots=True)
class MoveProgress:
    """How far a move is."""

    percent: float | None
    left: int | None  # bytes
    rate: float | None  # bytes a second
    dirty: float | None  # bytes a second that the guest writes
    downtime: float | None  # milliseconds, expected
    seconds_left: float | None
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why it cannot be moved there: a sentence, and what mends it."""

    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the facts say of a move."""

    obstacles: tuple[Obstacle, ...]
    cautions: tuple[str, ...]  # what to know beforehand
    storage: StorageWay
    copied: tuple[str, ...] = ()
    unsafe: str = ""  # why libvirt calls it unsafe, to be read and agreed to; "" when it does not
    carried: tuple[str, ...] = ()  # targets of small read-only disks that are brought there first: libvirt copies none


@dataclass(frozen=True, slots=True)
class Case:
    """A move that is thought of: the facts of both sides, and what the two hosts are called."""

    subject: Subject
    room: Room
    source: str  # safe to show
    target: str

    @property
    def is_live(self) -> bool:
        """Whether the VM goes on while it is moved."""
        return self.subject.state.is_active

    @property
    def name(self) -> str:
        """The VM's name, safe to show."""
        return safe(self.subject.name)
