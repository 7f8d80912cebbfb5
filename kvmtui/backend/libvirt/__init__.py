"""Real hosts, over libvirt. `kvmtui.backend.libvirt.uri` can be imported where libvirt is not installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmtui.backend.libvirt.backend import LibvirtBackend

__all__ = ["LibvirtBackend"]


def __getattr__(name: str) -> object:
    """Load the backend, and libvirt with it, when it is first asked for."""
    if name != "LibvirtBackend":
        raise AttributeError(name)
    from kvmtui.backend.libvirt.backend import LibvirtBackend  # noqa: PLC0415 - libvirt loads only when used

    return LibvirtBackend
