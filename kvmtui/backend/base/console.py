"""The ways to a VM's keyboard and screen."""

from __future__ import annotations

from typing import NamedTuple, Protocol


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
