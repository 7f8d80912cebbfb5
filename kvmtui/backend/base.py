"""The only words that the program and a hypervisor share.

A `Backend` is one host. Its facets are small groups of async calls; each raises `BackendError` kinds and
nothing else. None of them blocks the loop, and each ends by itself within its deadline. A change whose
answer did not come raises with `unknown=True`: it may still be carried out, and is never sent again by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kvmtui.core.inventory import Address, Host, Network, Pool, Reason, SshUse, Vm, VmState, Volume

if TYPE_CHECKING:
    from kvmtui.core.host_log import KernelLine
    from kvmtui.core.metrics import Sample
    from kvmtui.core.migration import MovePlan, MoveProgress, Room, Subject
    from kvmtui.core.specs import NewVolume, VmSpec


class WakeKind(Enum):
    """What an event was about. Events are hints: read again."""

    VM = "vm"  # one VM changed; `uuid` says which
    INVENTORY = "inventory"  # something changed that only a full reading shows
    NETWORK = "network"
    POOL = "pool"
    CLOSED = "closed"  # the connection ended; `detail` says why


class Wake(NamedTuple):
    """A hint that something changed; `state` and `reason` are what the event said, if it said so.

    They are kept only for what a later reading cannot show: why a VM went off.
    """

    kind: WakeKind
    uuid: str = ""
    state: VmState | None = None
    reason: Reason = Reason.NONE
    detail: str = ""


class Want(NamedTuple):
    """What a sample should hold beyond the usual."""

    delay: bool = False  # steal of all VMs
    delay_of: frozenset[str] = frozenset()  # steal of these VMs (UUIDs)
    per_cpu: bool = False
    node: bool = True  # the host's CPU and memory


class Inventory(NamedTuple):
    """A full reading of a host."""

    vms: Mapping[str, Vm]  # by UUID
    networks: tuple[Network, ...]
    pools: tuple[Pool, ...]
    pools_late: bool = False  # not all pools are told of, or not as they are now: some do not answer
    host: Host | None = None  # more than `connect` could say of it at once; None: nothing new
    is_outline: bool = False  # who is there and in what state, and no more: the whole is to be read next


class PromptKind(Enum):
    """How a question of a login is answered."""

    SECRET = "secret"  # noqa: S105 - the kind of a password, a passphrase or a code; it is never shown
    HOST_KEY = "host key"  # "yes" or "no" to a key that is not known
    CONFIRM = "confirm"  # whether a key may be used
    NOTICE = "notice"  # nothing to answer: touch the key


class Prompt(NamedTuple):
    """What a host, or the way to it, asks before it lets us in."""

    host: str
    text: str  # in the words of ssh: hostile
    kind: PromptKind
    again: bool  # the answer before was wrong


Asker = Callable[[Prompt], Awaitable[str | None]]
"""Asks a person; None: the login is given up. Answers are kept in memory only."""


class ShutdownMode(StrEnum):
    """How a guest is asked to shut down or reboot."""

    DEFAULT = "default"
    ACPI = "acpi"
    AGENT = "agent"


class Power(Protocol):
    """What changes a VM's state. Each call returns when the hypervisor has accepted it."""

    async def start(self, uuid: str) -> None: ...
    async def shutdown(self, uuid: str, mode: ShutdownMode = ShutdownMode.DEFAULT) -> None: ...
    async def reboot(self, uuid: str, mode: ShutdownMode = ShutdownMode.DEFAULT) -> None: ...
    async def reset(self, uuid: str) -> None: ...
    async def force_off(self, uuid: str) -> None: ...
    async def pause(self, uuid: str) -> None: ...
    async def resume(self, uuid: str) -> None: ...
    async def wake(self, uuid: str) -> None: ...
    async def save(self, uuid: str, progress: Callable[[float], None] | None = None) -> None:
        """Managed save; `progress` is given percents while it runs."""
        ...

    async def drop_saved(self, uuid: str) -> None: ...
    async def nmi(self, uuid: str) -> None: ...
    async def send_keys(self, uuid: str, keycodes: tuple[int, ...]) -> None:
        """Press Linux key codes (at most 16) together."""
        ...


class Definition(Protocol):
    """What changes a VM's definition but not its hardware."""

    async def set_autostart(self, uuid: str, *, on: bool) -> None: ...
    async def rename(self, uuid: str, name: str) -> None: ...
    async def set_text(self, uuid: str, *, title: str | None, description: str | None) -> None:
        """Set title and description; None leaves a part alone, "" removes it."""
        ...

    async def set_tags(self, uuid: str, tags: tuple[str, ...]) -> None: ...
    async def undefine(self, uuid: str, *, nvram: bool, snapshots: bool, saved: bool) -> None:
        """Remove the definition, with the named things (NVRAM takes TPM state along); disks stay."""
        ...

    async def xml(self, uuid: str, *, inactive: bool = False) -> str:
        """Return the live (or stored) definition without secrets."""
        ...

    async def stored(self, uuid: str) -> Vm:
        """Return the VM as its next start makes it: what its stored definition says, and nothing else."""
        ...


class DiskUse(NamedTuple):
    """A disk image, and who on this host uses it or builds upon it."""

    target: str
    source: str
    pool: str  # "" when no active pool holds it: it cannot be deleted here
    size: int | None  # bytes it occupies
    users: tuple[str, ...]  # names of other VMs


class Upload(Protocol):
    """What is sent to a host, and whether somebody wants it to stop.

    `read` and `stop` are used on a thread of the backend: a read may block for as long as a disk does.
    """

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    @property
    def stop(self) -> bool:
        """Whether it is to be given up."""
        ...

    def read(self, size: int) -> bytes:
        """Return the next bytes, b"" at the end; raises OSError."""
        ...


class Storage(Protocol):
    """The volumes of a host's pools."""

    async def volumes(self, pool: str) -> tuple[Volume, ...]:
        """Return what an active pool holds, as its last refresh saw it; raises NotFound, Conflict when inactive."""
        ...

    async def create_volume(self, wanted: NewVolume) -> Volume:
        """Make a volume; raises Conflict when the name is taken. A copy takes as long as it takes."""
        ...

    async def upload(
        self, pool: str, name: str, source: Upload, *, kind: str, progress: Callable[[int], None]
    ) -> Volume:
        """Make a volume of a format and stream `source` into it; `progress` is given the bytes sent, on the loop.

        A failed or stopped one leaves nothing behind: the volume is deleted before this raises (Aborted when
        stopped). Raises Conflict when the name is taken.
        """
        ...

    async def delete_volume(self, pool: str, name: str) -> None:
        """Delete a volume, whoever uses it; NotFound when it is not there."""
        ...

    async def disk_uses(self, uuid: str) -> tuple[DiskUse, ...]:
        """Return each disk of the VM that is its own (`Disk.is_own`), with its other users."""
        ...

    async def delete_disk(self, source: str) -> None:
        """Delete the volume that an active pool holds at this source."""
        ...


@dataclass(frozen=True, slots=True)
class NumaCell:
    """A NUMA cell: its CPUs, memory and huge pages (size -> total, free)."""

    id: int
    cpus: tuple[int, ...]
    memory: int
    free: int | None
    pages: Mapping[int, tuple[int, int | None]]


@dataclass(frozen=True, slots=True)
class HostDetails:
    """What the host's page shows beyond the fleet's view; read only while it is open."""

    cells: tuple[NumaCell, ...]
    ksm: Mapping[str, int]  # libvirt's node memory parameters, e.g. "shm_pages_shared"
    cpu_features: tuple[str, ...]
    virtualisation: str  # "VT-x", "AMD-V" or ""
    nested: bool | None
    iommu: bool | None
    capabilities_xml: str
    facts: tuple[tuple[str, str], ...] = ()  # further name/value lines


class GuestUser(NamedTuple):
    """Somebody who is logged in inside a guest, as its agent says."""

    name: str  # hostile
    domain: str  # of Windows, "" elsewhere
    since: float | None  # epoch seconds, by the guest's clock


class Guest(Protocol):
    """What is learnt about a guest from outside and from its agent."""

    async def leases(self) -> Mapping[str, tuple[Address, ...]]:
        """Return addresses by MAC from the leases of every active network."""
        ...

    async def addresses(self, uuid: str) -> tuple[Address, ...]:
        """Ask the guest's agent; raises NotSupported without one, TimedOut when it hangs."""
        ...

    async def os_name(self, uuid: str) -> str:
        """Ask the guest's agent what it runs."""
        ...

    async def users(self, uuid: str) -> tuple[GuestUser, ...]:
        """Ask the guest's agent who is logged in; raises NotSupported without one, TimedOut when it hangs."""
        ...

    async def set_balloon_period(self, uuid: str, seconds: int) -> None:
        """Make the guest report its memory; this is a write."""
        ...


class LogPart(NamedTuple):
    """The end of a log."""

    lines: tuple[str, ...]  # hostile; the newest last
    trouble: str = ""  # why there are none, one sentence with what to do


class HostLogs(NamedTuple):
    """What a host's logs say of one VM."""

    qemu: LogPart  # of its hypervisor process, over all its runs
    kernel: tuple[KernelLine, ...]  # the host's kernel on memory and disks, and on that process
    kernel_trouble: str = ""  # why the kernel's log could not be read, one sentence with what to do


class Logs(Protocol):
    """What a host's own logs tell, beside what its hypervisor says."""

    async def of_vm(self, uuid: str, around: float | None) -> HostLogs:
        """Read the end of QEMU's log of a VM, and what the kernel said about it or near a time (None: today).

        At most 64 KiB and 200 lines of each. Raises NotSupported, with the command to run there, where only the
        hypervisor's own protocol leads to the host.
        """
        ...


class ConsoleLine(Protocol):
    """An open serial console. All of it belongs to the loop; nothing here waits for the host except `read`."""

    @property
    def skipped(self) -> int:
        """How many bytes of output have been thrown away, because they came faster than they were read."""
        ...

    async def read(self) -> bytes:
        """Return the next output, at most 64 KiB; b"" when the guest's end is closed; raises BackendError when lost."""
        ...

    def write(self, data: bytes) -> None:
        """Queue input; raises Busy when the guest takes none and too much is waiting already."""
        ...

    def close(self) -> None:
        """Let go of it at once; a waiting `read` returns b""."""
        ...


class Display(NamedTuple):
    """Where a VM's screen is served."""

    kind: str  # "vnc" or "spice"
    listen: str  # address on the host, "" when only a socket or nothing
    port: int | None
    tls_port: int | None
    socket: str  # path on the host, "" for none
    password: str  # secret: never shown, logged or put on a command line


class Console(Protocol):
    """The ways to a VM's keyboard and screen."""

    async def open(self, uuid: str, *, force: bool = False) -> ConsoleLine:
        """Open the first serial console, on a lane of its own.

        Raises InUse when somebody holds it and not `force`, Conflict when the VM is off, NotSupported when it has
        none.
        """
        ...

    async def displays(self, uuid: str, *, secret: bool = False) -> tuple[Display, ...]:
        """Return the displays of a running VM; a VM that is off has none. Passwords come only with `secret`."""
        ...


@dataclass(frozen=True, slots=True)
class Offers:
    """What a host has for new VMs, as its domain capabilities say."""

    accels: tuple[str, ...]  # best first: ("kvm", "qemu")
    kvm_why: str  # why there is no kvm, one clause; "" when there is
    arch: str
    machine: str  # "q35", or what this host has instead
    vcpus_max: int
    disk_buses: tuple[str, ...]  # "virtio", "sata", ...
    nic_models: tuple[str, ...]
    cpu_modes: tuple[str, ...]  # "host-model", "host-passthrough", "maximum", "custom"
    cpu_model: str  # the best custom model this host can give, "" unknown
    rng: bool = True
    graphics: tuple[str, ...] = ()  # "vnc", "spice", ...
    videos: tuple[str, ...] = ()  # "vga", "virtio", ...
    bridges: tuple[str, ...] = ()  # the host's own bridges that a VM can be plugged into


class Creation(Protocol):
    """Making VMs."""

    async def offers(self) -> Offers:
        """Read what the host has; raises NotSupported where it cannot say."""
        ...

    async def xml(self, spec: VmSpec) -> str:
        """Return the definition that `define` would be given; changes nothing."""
        ...

    async def define(self, xml: str) -> str:
        """Store a new definition, validated by the hypervisor, and return its UUID.

        Raises Conflict when a VM with its name or UUID exists.
        """
        ...


class Migration(Protocol):
    """Moving VMs. `subject`, `move` and `abort` are asked of the source, `room` and `tidy` of the target."""

    async def subject(self, uuid: str) -> Subject:
        """Read what moving this VM depends on."""
        ...

    async def room(self, subject: Subject) -> Room:
        """Read what this host has for a VM of another host."""
        ...

    def address_for(self, source_uri: str) -> str:
        """Return the libvirt address at which a host of `source_uri` would reach this one; "" if not known."""
        ...

    async def move(self, uuid: str, plan: MovePlan, progress: Callable[[MoveProgress], None]) -> None:
        """Move it, peer to peer; returns when the source host says that it is done. Has no deadline.

        Raises Aborted when it was cancelled; `unknown` errors leave the outcome to be proved by both hosts.
        """
        ...

    async def abort(self, uuid: str) -> None:
        """Ask the source to cancel the move; `move` then raises."""
        ...

    async def fetch(self, source: str) -> bytes:
        """Return all of a small volume of this host, the source: what libvirt copies none of (`Verdict.carried`).

        Raises NotFound when no active pool holds it, Conflict when it is too large for this way.
        """
        ...

    async def put(self, source: str, data: bytes) -> None:
        """Make such a volume on this host, the target, under the same path; raises Conflict when there is one."""
        ...

    async def tidy(self, subject: Subject, room: Room, copied: tuple[str, ...]) -> tuple[str, ...]:
        """Delete what a move that came to nothing has left on this host, the target; returns the paths.

        `copied` are the targets of the disks that were copied or carried, and `room` is what this host said
        before: only what was not there then is deleted, and nothing while a VM with the subject's UUID is on
        this host (Conflict).
        """
        ...


class Backend(Protocol):
    """One host."""

    @property
    def uri(self) -> str:
        """The address it was made for."""
        ...

    @property
    def power(self) -> Power: ...
    @property
    def definition(self) -> Definition: ...
    @property
    def storage(self) -> Storage: ...
    @property
    def guest(self) -> Guest: ...
    @property
    def console(self) -> Console: ...
    @property
    def creation(self) -> Creation: ...
    @property
    def migration(self) -> Migration: ...
    @property
    def logs(self) -> Logs: ...

    @property
    def ssh_use(self) -> SshUse | None:
        """What goes over ssh to the host now; None for nothing."""
        ...

    async def connect(self) -> Host:
        """Open what is needed to read and to hear events; callable again after a loss."""
        ...

    def listen(self, wake: Callable[[Wake], None]) -> None:
        """Name who is woken, always on the loop that called `connect`."""
        ...

    async def ping(self) -> None:
        """Return when the host has answered; raises TimedOut after 4 s."""
        ...

    async def inventory(self) -> Inventory:
        """Read everything (slow, at start and on resync)."""
        ...

    async def vm(self, uuid: str) -> Vm:
        """Read one VM anew; raises NotFound."""
        ...

    async def host_uuid(self) -> str:
        """Ask the connection that changes go through which host it reaches."""
        ...

    async def sample(self, want: Want) -> Sample:
        """Read the counters of the active VMs and of the host: one bulk call and at most two more."""
        ...

    async def details(self) -> HostDetails:
        """Read what the host's page shows."""
        ...

    async def close(self) -> None:
        """Let go of everything; waits a moment at most, never for a host that does not answer."""
        ...


Connector = Callable[[str], Backend]
"""Makes the backend for a URI, without connecting; `backend.backend_for` is the real one."""
