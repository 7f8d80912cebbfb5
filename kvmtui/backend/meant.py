"""Which host a task's changes are meant for: its connections may be lost and made anew after the task has checked."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from kvmtui.core.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

MEANT_FOR: ContextVar[str] = ContextVar("meant_for", default="")
"""The UUID of the host that the running task has checked; "" where nothing was checked."""


@contextmanager
def meant_for(host_uuid: str) -> Iterator[None]:
    """Mean a host by what is sent meanwhile, as a task does that changes two hosts."""
    token = MEANT_FOR.set(host_uuid)
    try:
        yield
    finally:
        MEANT_FOR.reset(token)


def need_meant(found: str, host: str) -> None:
    """Raise BackendError unless the host that a change is about to be sent to is the one that it is meant for."""
    meant = MEANT_FOR.get()
    if meant and found and found != meant:
        raise BackendError(
            f"{host} now reaches another host than before; nothing was done.",
            hint="Reconnect, and look at what the address leads to.",
        )
