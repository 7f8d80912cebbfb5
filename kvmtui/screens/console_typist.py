"""What is typed to a console: keys at once, a paste in pieces that a serial line keeps up with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from kvmtui.widgets.keybytes import PASTE_BEGINS, PASTE_ENDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.consoles import ConsoleSession

PIECE = 256  # bytes of a paste that are sent at once
PAUSE = 0.02  # seconds between two pieces: about what a line of 115,200 baud carries
BUSY_PAUSE = 0.1  # seconds until a piece that was not taken is sent again
MOST = 4 << 20  # bytes that may wait


class Line(Protocol):
    """What takes bytes; returns "" or why it did not."""

    def __call__(self, data: bytes) -> str: ...


class Typist:
    """Keeps what is typed to one console in its order."""

    def __init__(self, write: Line, is_open: Callable[[], bool]) -> None:
        self._write = write
        self._is_open = is_open
        self._waiting = bytearray()
        self._bracketed = False
        self._whole = 0
        self._task: asyncio.Task[None] | None = None
        self.changed: Callable[[], None] = lambda: None
        """Called when it is further with a paste."""

    @property
    def left(self) -> int:
        """How many bytes of a paste have not been sent."""
        return len(self._waiting)

    @property
    def percent(self) -> int:
        """How much of a paste has been sent."""
        return 100 - 100 * len(self._waiting) // max(1, self._whole)

    def type(self, data: bytes) -> str:
        """Send keys, behind a paste that is going on; returns "" or why they were not taken."""
        if not self._waiting:
            return self._write(data)
        if len(self._waiting) + len(data) > MOST:
            return "Too much is waiting to be typed already."
        self._waiting += data
        self._whole += len(data)
        return ""

    def paste(self, data: bytes) -> str:
        """Send a paste in pieces; returns "" or why it was not taken."""
        if len(self._waiting) + len(data) > MOST:
            return "Too much is waiting to be typed already."
        if len(data) <= PIECE and not self._waiting:
            return self._write(data)
        if not self._waiting:
            self._whole = 0
        self._waiting += data
        self._whole += len(data)
        self._bracketed = data.startswith(PASTE_BEGINS)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send(), name="paste")
        return ""

    def stop(self) -> None:
        """Send nothing more of a paste; a guest that was told where it begins is told that it has ended."""
        self._waiting.clear()
        if self._bracketed:
            self._write(PASTE_ENDS)
            self._bracketed = False
        self.changed()

    async def _send(self) -> None:
        while self._waiting:
            piece = bytes(self._waiting[:PIECE])
            if not self._write(piece):
                del self._waiting[:PIECE]
                self.changed()
                await asyncio.sleep(PAUSE)
            elif self._is_open():
                await asyncio.sleep(BUSY_PAUSE)
            else:
                self._waiting.clear()
        self._bracketed = False
        self.changed()


class Typists:
    """The typists of all open consoles."""

    def __init__(self) -> None:
        self._of: dict[ConsoleSession, Typist] = {}

    def of(self, session: ConsoleSession) -> Typist:
        """Return the typist of a session."""
        from kvmtui.consoles import Phase

        if session not in self._of:
            for other in [other for other in self._of if other.phase is Phase.CLOSED]:
                del self._of[other]
            self._of[session] = Typist(session.write, lambda: session.takes_keys)
        return self._of[session]
