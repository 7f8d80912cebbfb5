"""What a stream has brought: put in on libvirt's event thread, taken out on the loop; holds no libvirt object."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_KEPT = 1 << 19  # bytes
PIECE = 65_536  # bytes
_RECOVER = b"\x18"  # ends a sequence of which the rest is gone


class Inbox:
    """A bounded queue of output.

    The client library takes everything from the network whether or not it is asked for, and keeps it without
    limit. So all of it is fetched at once, and of what is more than can be shown the oldest is thrown away.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, broken: str) -> None:
        """`broken` is the sentence for a connection that broke."""
        self._loop = loop
        self._broken = broken
        self._lock = threading.Lock()
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._is_told = False
        self._is_ended = False
        self._lost = ""
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self.skipped = 0

    # --- on any thread ---

    def put(self, data: bytes) -> None:
        """Add output; more than there is room for drives out the oldest."""
        with self._lock:
            self._pieces.append(data)
            self._size += len(data)
            if self._size > MOST_KEPT:
                self._throw_away()
        self._tell()

    def end(self) -> None:
        """Note that nothing more will come."""
        self._is_ended = True
        self._tell()

    def lose(self) -> None:
        """Note that the connection broke."""
        self._lost = self._broken
        self.end()

    def make_room(self) -> None:
        """Note that the stream takes input again."""
        self._call(self._room.set)

    # --- on the loop ---

    @property
    def lost(self) -> str:
        """A sentence when the connection broke, else ""."""
        return self._lost

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will come."""
        return self._is_ended

    def take(self) -> bytes:
        """Return the next output, at most a piece; b"" when there is none now."""
        with self._lock:
            if not self._pieces:
                self._is_told = False
                return b""
            taken = [self._pieces.popleft()]
            size = len(taken[0])
            while self._pieces and size + len(self._pieces[0]) <= PIECE:
                taken.append(self._pieces.popleft())
                size += len(taken[-1])
            self._size -= size
        return b"".join(taken)

    async def wait(self) -> None:
        """Wait until there is something to take, or the end."""
        if not self._is_ended:
            await self._news.wait()
        self._news.clear()

    async def wait_for_room(self) -> None:
        """Wait until the stream takes input again."""
        await self._room.wait()
        self._room.clear()

    def empty(self) -> None:
        """Throw everything away, and end."""
        with self._lock:
            self._pieces.clear()
            self._size = 0
        self.end()

    # --- inside ---

    def _throw_away(self) -> None:
        """Keep the newest half, from the beginning of a line on."""
        before = self._size
        while self._size > MOST_KEPT // 2:
            self._size -= len(self._pieces.popleft())
        if self._pieces:
            first = self._pieces.popleft()
            kept = _RECOVER + first[first.find(b"\n") + 1 :]
            self._pieces.appendleft(kept)
            self._size += len(kept) - len(first)
        self.skipped += before - self._size

    def _tell(self) -> None:
        with self._lock:
            if self._is_told and not self._is_ended:
                return
            self._is_told = True
        self._call(self._news.set)

    def _call(self, callback: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(callback)
