"""Where a URI becomes a backend: the one place that knows which backends exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core.errors import KvmtuiError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmtui.backend.base import Asker, Backend

CLIENT_LIBRARY = "Install libvirt0 (Fedora: libvirt-libs), then kvmtui anew; `kvmtui doctor` says more."


def backend_for(uri: str, *, read_only: bool = False, ask: Asker | None = None, hears: bool = True) -> Backend:
    """Return the backend for `uri`, not yet connected; raises ConfigError for a URI that is not allowed.

    `ask` asks a person what a login wants to know; without it such a login is refused. `hears`: whether to ask for
    events, which who reads once does not need.
    """
    if uri.startswith("demo:"):
        from kvmtui.backend.demo import DemoBackend  # noqa: PLC0415 - each backend loads only when used

        return DemoBackend(uri, read_only=read_only)
    load((uri,))
    from kvmtui.backend.libvirt import LibvirtBackend  # noqa: PLC0415 - libvirt loads only when used

    return LibvirtBackend(uri, read_only=read_only, ask=ask, hears=hears)


def load(uris: Iterable[str]) -> None:
    """Load what these addresses need; raises KvmtuiError where libvirt's client library cannot be loaded."""
    if all(uri.startswith("demo:") for uri in uris):
        return
    try:
        from kvmtui.backend.libvirt import LibvirtBackend  # noqa: F401, PLC0415 - libvirt loads only when used
    except ImportError as error:
        if "libvirt" not in f"{error.name} {error}":
            raise
        text = f"libvirt's client library cannot be loaded: {error}."
        raise KvmtuiError(text, hint=CLIENT_LIBRARY) from error
