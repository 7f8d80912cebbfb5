"""The only words that the program and a hypervisor share.

A `Backend` is one host. Its facets are small groups of async calls; each raises `BackendError` kinds and
nothing else. None of them blocks the loop, and each ends by itself within its deadline. A change whose
answer did not come raises with `unknown=True`: it may still be carried out, and is never sent again by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kvmtui.core.inventory import Address, Host, Network, Pool, Reason, Vm, VmState

if TYPE_CHECKING:
    from kvmtui.core.metrics import Sample


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


class DiskUse(NamedTuple):
    """A disk image, and who on this host uses it or builds upon it."""

    target: str
    source: str
    pool: str  # "" when no active pool holds it: it cannot be deleted here
    size: int | None  # bytes it occupies
    users: tuple[str, ...]  # names of other VMs


class Storage(Protocol):
    """What deleting a VM needs of storage."""

    async def disk_uses(self, uuid: str) -> tuple[DiskUse, ...]:
        """Return each writable disk of the VM with its other users."""
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

    async def set_balloon_period(self, uuid: str, seconds: int) -> None:
        """Make the guest report its memory; this is a write."""
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
        """Let go of everything at once; never waits for the host."""
        ...


Connector = Callable[[str], Backend]
"""Makes the backend for a URI, without connecting; `backend.backend_for` is the real one."""
