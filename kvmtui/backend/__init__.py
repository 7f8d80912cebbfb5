"""Where a URI becomes a backend: the one place that knows which backends exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmtui.backend.base import Asker, Backend


def backend_for(uri: str, *, read_only: bool = False, ask: Asker | None = None) -> Backend:
    """Return the backend for `uri`, not yet connected; raises ConfigError for a URI that is not allowed.

    `ask` asks a person what a login wants to know; without it such a login is refused.
    """
    if uri.startswith("demo:"):
        from kvmtui.backend.demo import DemoBackend  # noqa: PLC0415 - each backend loads only when used

        return DemoBackend(uri, read_only=read_only)
    from kvmtui.backend.libvirt import LibvirtBackend  # noqa: PLC0415 - libvirt loads only when used

    return LibvirtBackend(uri, read_only=read_only, ask=ask)
