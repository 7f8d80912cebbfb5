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
KEPT = 4096  # bytes that are kept for a console that is being opened
NOT_SENT = "What was typed before was not sent."


class Line(Protocol):
    """What takes bytes; returns "" or why it did not."""

    def __call__(self, data: bytes) -> str: ...


class Typist:
    """Keeps what is typed to one console in its order."""

    def __init__(
        self, write: Line, is_open: Callable[[], bool], is_beginning: Callable[[], bool] = lambda: False
    ) -> None:
        """`is_beginning`: whether the console is being opened, so that what is typed is kept for it."""
        self._write = write
        self._is_open = is_open
        self._is_beginning = is_beginning
        self._kept = bytearray()
        self._waiting = bytearray()
        self._bracketed = False
        self._whole = 0
        self._task: asyncio.Task[None] | None = None
        self.changed: Callable[[], None] = lambda: None
        """Called when it is further with a paste."""
        self.lost: Callable[[str], None] = lambda _sentence: None
        """Told that what was kept came to nothing."""

    @property
    def left(self) -> int:
        """How many bytes of a paste have not been sent."""
        return len(self._waiting)

    @property
    def kept(self) -> int:
        """How many bytes are kept until the console is open."""
        return len(self._kept)

    @property
    def percent(self) -> int:
        """How much of a paste has been sent."""
        return 100 - 100 * len(self._waiting) // max(1, self._whole)

    def type(self, data: bytes) -> str:
        """Send keys, behind a paste that is going on; returns "" or why they were not taken."""
        if self._is_beginning():
            return self._keep(data)
        if not self._waiting:
            return self._write(data)
        if len(self._waiting) + len(data) > MOST:
            return "Too much is waiting to be typed already."
        self._waiting += data
        self._whole += len(data)
        return ""

    def paste(self, data: bytes) -> str:
        """Send a paste in pieces; returns "" or why it was not taken."""
        if self._is_beginning():
            return self._keep(data)
        if len(self._waiting) + len(data) > MOST:
            return "Too much is waiting to be typed already."
        if len(data) <= PIECE and not self._waiting:
            return self._write(data)
        self._bracketed = data.startswith(PASTE_BEGINS)
        self._begin(data)
        return ""

    def look(self) -> None:
        """Send what was kept as soon as the console is open; drop it when that comes to nothing, or none may type."""
        if not self._kept or self._is_beginning():
            return
        data = bytes(self._kept)
        self._kept.clear()
        if self._is_open():
            self._begin(data)
        else:
            self.lost(NOT_SENT)

    def _keep(self, data: bytes) -> str:
        if len(self._kept) + len(data) > KEPT:
            return "It is not open yet, and too much was typed to keep more."
        self._kept += data
        self.changed()
        return ""

    def _begin(self, data: bytes) -> None:
        """Send this in pieces, behind what is being sent."""
        if not self._waiting:
            self._whole = 0
        self._waiting += data
        self._whole += len(data)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send(), name="paste")

    def stop(self) -> None:
        """Send nothing more of what waits; a guest that was told where a paste begins is told that it has ended."""
        self._kept.clear()
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

    def __init__(self, tell: Callable[[str], None]) -> None:
        """`tell` says a sentence about a console that is not shown."""
        self.tell = tell
        self._of: dict[ConsoleSession, Typist] = {}

    def of(self, session: ConsoleSession) -> Typist:
        """Return the typist of a session."""
        from kvmtui.consoles import Phase

        if session not in self._of:
            for other in [other for other in self._of if other.phase is Phase.CLOSED]:
                del self._of[other]
            typist = Typist(session.write, lambda: session.takes_keys, lambda: session.is_beginning)
            typist.lost = self.tell
            session.watch(typist.look)
            self._of[session] = typist
        return self._of[session]
