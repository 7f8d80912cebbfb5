"""Which host a task's changes are meant for: its connections may be lost and made anew after the task has checked."""

from __future__ import annotations

from contextvars import ContextVar

from kvmtui.core.errors import BackendError

MEANT_FOR: ContextVar[str] = ContextVar("meant_for", default="")
"""The UUID of the host that the running task has checked; "" where nothing was checked."""


def need_meant(found: str, host: str) -> None:
    """Raise BackendError unless the host that a change is about to be sent to is the one that it is meant for."""
    meant = MEANT_FOR.get()
    if meant and found and found != meant:
        raise BackendError(
            f"{host} now reaches another host than before; nothing was done.",
            hint="Reconnect, and look at what the address leads to.",
        )
