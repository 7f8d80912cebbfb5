"""What is known of hosts and virtual machines at one instant.

Everything here is frozen: a newer value replaces an older one and shares the parts that did not change.
Text is as the hypervisor gave it (hostile): `core.text.safe()` is applied where it is shown.
Sizes are bytes, times are seconds since the epoch, unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import NamedTuple

from kvmtui.core.metrics import Growth, HostRates, VmRates

SEED_ENDING = "-seed.iso"
"""How the names of the seeds end that new VMs are given."""


class VmState(StrEnum):
    """What a VM is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"  # libvirt's SHUTDOWN: the guest is gone, QEMU is ending
    OFF = "off"
    CRASHED = "crashed"
    SUSPENDED = "suspended"  # by the guest's own power management; `wake` brings it back
    UNKNOWN = "unknown"

    @property
    def is_active(self) -> bool:
        """Whether a hypervisor process exists for it."""
        return self in _ACTIVE


_ACTIVE = frozenset({VmState.RUNNING, VmState.PAUSED, VmState.STOPPING, VmState.SUSPENDED, VmState.CRASHED})


class Reason(StrEnum):
    """Why a VM is in its state, where the hypervisor says so."""

    NONE = ""
    BOOTED = "booted"
    MIGRATED = "migrated"
    RESTORED = "restored"
    FROM_SNAPSHOT = "from snapshot"
    UNPAUSED = "unpaused"
    WOKEN = "woken"
    POSTCOPY = "post-copy"
    POSTCOPY_FAILED = "post-copy failed"
    USER = "by user"
    MIGRATING = "migrating"
    SAVING = "saving"
    DUMPING = "dumping"
    IO_ERROR = "I/O error"
    POOL_FULL = "pool full"
    WATCHDOG = "watchdog"
    SHUTTING_DOWN = "shutting down"
    SNAPSHOT = "snapshot"
    STARTING = "starting"
    API_ERROR = "API error"
    SHUTDOWN = "shut down"
    DESTROYED = "forced off"
    CRASHED = "crashed"
    SAVED = "saved"
    FAILED = "failed to start"
    DAEMON = "daemon"
    PANICKED = "panicked"


class Since(NamedTuple):
    """When a state began: `exact` when the change was seen, else it began before `at`."""

    at: float
    exact: bool


class VmRef(NamedTuple):
    """The address of a VM: the fleet's name of its host, and its UUID (one UUID can stand on two hosts)."""

    host: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of a VM, as its definition says."""

    target: str  # "vda"
    device: str  # "disk", "cdrom", "floppy", "lun"
    bus: str
    kind: str  # "file", "block", "volume", "network", "nvme", ...
    source: str  # path, "pool/volume" or "protocol:name"; "" when empty
    format: str
    readonly: bool = False
    shareable: bool = False
    overlay: bool = False  # it has a backing file

    @property
    def is_own(self) -> bool:
        """Whether it may go with its VM: a disk that it writes, or the seed that it was made with; no CD of a shelf."""
        return not self.readonly or self.source.endswith(SEED_ENDING)


@dataclass(frozen=True, slots=True)
class Nic:
    """A network interface of a VM."""

    mac: str
    target: str  # the host's device, "vnet3"; "" when off
    model: str
    kind: str  # "network", "bridge", "direct", "user", "hostdev", ...
    source: str  # network, bridge or device name


class AddressSource(StrEnum):
    """Where an IP address was learnt."""

    LEASE = "lease"
    AGENT = "agent"


class Address(NamedTuple):
    """An IP address of a guest, with its source and the time it was read."""

    ip: str
    mac: str
    source: AddressSource
    at: float


class AgentState(Enum):
    """The guest agent's channel."""

    NONE = "none"
    DISCONNECTED = "disconnected"
    CONNECTED = "connected"


@dataclass(frozen=True, slots=True)
class Job:
    """A long operation that holds a VM."""

    kind: str  # "migration out", "save", "backup", ...
    percent: float | None
    ours: bool


@dataclass(frozen=True, slots=True)
class Vm:
    """A virtual machine, as its definition and its host say; its rates are in `HostState.rates`."""

    uuid: str
    name: str
    state: VmState
    reason: Reason = Reason.NONE
    domain_id: int | None = None
    since: Since | None = None
    vcpus: int = 0  # now; of an inactive VM those it would start with
    vcpus_max: int = 0
    memory: int = 0  # the balloon's present size
    memory_max: int = 0
    persistent: bool = True
    autostart: bool = False
    saved: bool = False  # a managed save image exists
    pending: bool = False  # the stored definition differs from the running one
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""  # "nova", "oVirt", "KubeVirt" or ""
    template: bool = False
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    addresses: tuple[Address, ...] = ()
    os: str = ""
    firmware: str = ""  # "BIOS", "UEFI", "UEFI secure boot"
    nvram: str = ""
    tpm: bool = False
    machine: str = ""
    arch: str = ""
    accel: str = ""  # "kvm" or "qemu" (emulated)
    cpu_model: str = ""
    agent: AgentState = AgentState.NONE
    snapshots: int | None = None
    job: Job | None = None
    immovable: tuple[str, ...] = ()  # why it cannot be moved live

    @property
    def is_active(self) -> bool:
        """Whether a hypervisor process exists for it."""
        return self.state.is_active


@dataclass(frozen=True, slots=True)
class Network:
    """A virtual network of a host."""

    uuid: str
    name: str
    active: bool
    autostart: bool
    bridge: str


@dataclass(frozen=True, slots=True)
class Pool:
    """A storage pool of a host; sizes are from its last refresh."""

    uuid: str
    name: str
    active: bool
    capacity: int
    allocation: int
    available: int
    path: str
    late: bool = False  # it does not answer: this is what was known of it


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume of an active pool; sizes are from the pool's last refresh."""

    pool: str
    name: str
    path: str
    format: str  # "raw", "qcow2", "iso", ...
    capacity: int  # what a guest sees
    allocation: int  # what it occupies
    backing: str = ""  # path of the image it builds upon
    block: bool = False  # its path is a block device


@dataclass(frozen=True, slots=True)
class Host:
    """What does not change while a connection lasts."""

    uuid: str
    hostname: str
    driver: str  # "QEMU", "TEST", "demo"
    arch: str
    cpu_model: str
    cpus: int  # logical CPUs that are online
    mhz: int
    sockets: int
    cores: int  # per socket
    threads: int  # per core
    numa_cells: int
    memory: int
    libvirt_version: tuple[int, int, int]
    hypervisor_version: tuple[int, int, int]
    kvm: bool
    local: bool  # this machine: psutil can add to what libvirt says
    lacks: frozenset[str] = frozenset()  # what this daemon cannot do, e.g. "stats", "node-memory", "keepalive"


@dataclass(frozen=True, slots=True)
class HostState:
    """Everything known of one host at one instant."""

    at: float  # when the newest part was read
    host: Host
    vms: Mapping[str, Vm]  # by UUID
    rates: Mapping[str, VmRates]  # by UUID; a VM without two readings has none
    load: HostRates | None = None
    networks: tuple[Network, ...] = ()
    pools: tuple[Pool, ...] = ()
    pools_late: bool = False  # not all pools are told of, or not as they are now: some do not answer


class ConditionKind(StrEnum):
    """How it stands between us and a host."""

    CONNECTING = "connecting"
    UP = "up"
    SLOW = "slow"
    SILENT = "not answering"
    DOWN = "down"
    DENIED = "denied"
    DISCONNECTED = "disconnected"  # by the user's wish


@dataclass(frozen=True, slots=True)
class Condition:
    """How it stands with a host, why, since when, and what a person can do about it."""

    kind: ConditionKind
    since: float
    why: str = ""
    hint: str = ""

    @property
    def is_answering(self) -> bool:
        """Whether what is shown of the host is live, and it can be acted upon."""
        return self.kind in (ConditionKind.UP, ConditionKind.SLOW)


class Guard(StrEnum):
    """What may be done to a host, by the configuration."""

    READ_ONLY = "read-only"
    ASK = "ask"
    FREE = "free"


class SshUse(NamedTuple):
    """What goes over ssh to a host, and over how many logins."""

    logins: int
    connections: int  # in use
    room: int  # connections that so many logins carry


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A host of the fleet: its name and address, its condition, and the last state that was read."""

    name: str
    uri: str
    condition: Condition
    state: HostState | None = None
    guard: Guard = Guard.ASK
    groups: tuple[str, ...] = ()
    unlocked_until: float | None = None  # a read-only host that `:unlock` opened for a while
    ssh: SshUse | None = None  # None: nothing goes to it over ssh now


class Severity(Enum):
    """How much a person should care; also the order of problems."""

    NONE = 0
    INFO = 1
    WARN = 2
    BAD = 3


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened and was seen, newest first where listed."""

    at: float
    severity: Severity
    host: str  # "" for what is about the program itself, which is also said aloud
    vm: VmRef | None
    subject: str  # "dns-1 started on hv1"
    detail: str
    by: str  # "you", "not by kvmtui", "kvmtui, user ann" or ""


class TaskPhase(StrEnum):
    """How far a task is; the last five are outcomes and final."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come."""
        return self not in (TaskPhase.WAITING, TaskPhase.RUNNING)


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task at one instant, running or read from the journal."""

    id: str
    command: str  # "vm.start"
    label: str  # "start"
    host: str
    host_uuid: str
    vm: str  # the VM's name, "" for a task on a host
    vm_uuid: str
    user: str
    phase: TaskPhase
    started: float
    ended: float | None = None
    message: str = ""  # the outcome or the progress, one sentence
    percent: float | None = None
    virsh: str = ""
    ours: bool = True  # of this process
    to: str = ""  # the fleet's name of the host that the VM is moved to, "" for any other task
    touches: tuple[str, ...] = ()  # volumes that it makes or deletes, as pool/name or by path
    looked_up: bool = False  # its answer never came, and all that can be found out about it was


class Moving(NamedTuple):
    """How far a task of ours is with moving a VM, as seen from one of the two hosts."""

    host: str  # the other one
    leaving: bool  # it goes to that host; else it comes from there
    percent: float | None


@dataclass(frozen=True, slots=True)
class Fleet:
    """All hosts at one instant, with the tasks and events that belong to the same picture."""

    at: float
    hosts: tuple[HostEntry, ...] = ()
    tasks: tuple[TaskView, ...] = ()  # newest first, bounded
    events: tuple[Event, ...] = ()  # newest first, bounded
    stopping: Mapping[VmRef, float] = field(default_factory=dict)  # asked to shut down at, and still on
    moving: Mapping[VmRef, Moving] = field(default_factory=dict)  # under both addresses while a task moves it
    growth: Mapping[tuple[str, str], Growth] = field(default_factory=dict)  # of pools, by host and the pool's UUID
    demo: bool = False
    read_only: bool = False
    label: str = ""  # what the configuration calls this fleet, e.g. "prod"

    def host(self, name: str) -> HostEntry | None:
        """Return the host of that name."""
        for entry in self.hosts:
            if entry.name == name:
                return entry
        return None

    def vm(self, ref: VmRef) -> Vm | None:
        """Return the VM at that address, as last seen."""
        entry = self.host(ref.host)
        if entry is None or entry.state is None:
            return None
        return entry.state.vms.get(ref.uuid)

    def rates(self, ref: VmRef) -> VmRates | None:
        """Return the newest rates of the VM at that address."""
        entry = self.host(ref.host)
        if entry is None or entry.state is None:
            return None
        return entry.state.rates.get(ref.uuid)

    def vms(self) -> Iterator[tuple[HostEntry, Vm]]:
        """Yield every VM with its host, also those of hosts that do not answer."""
        for entry in self.hosts:
            if entry.state is not None:
                for vm in entry.state.vms.values():
                    yield entry, vm
