"""Making VMs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kvmtui.core.specs import VmSpec


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
