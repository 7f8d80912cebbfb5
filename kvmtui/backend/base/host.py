"""What is read of a host itself: all that is on it, and what its page shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmtui.core.inventory import Host, Network, Pool, Vm


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
