"""What is streamed to a host: a file of this machine, or bytes; and how far, how fast and how long it still takes."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import deque
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kvmtui.core.creation import ImageFile, image_file
from kvmtui.core.errors import NotFound, Refused
from kvmtui.core.images import HEADER
from kvmtui.core.text import safe
from kvmtui.core.units import bps, duration, pair

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from kvmtui.commands.base import Context
    from kvmtui.core.inventory import Volume

WINDOW = 5.0  # seconds over which the rate is taken
LEAVING = 5.0  # seconds in which what was sent is deleted when the program is about to end
EVERY = 0.5  # seconds between two sentences about it


class LocalFile:
    """A file of this machine that was looked into: what it is, and how large."""

    def __init__(self, path: Path, length: int, image: ImageFile) -> None:
        self.path = path
        self.length = length
        self.image = image

    @property
    def name(self) -> str:
        """Its name without its folder."""
        return self.path.name

    @classmethod
    def at(cls, text: str) -> LocalFile:
        """Look into the file at a path as a person writes it; raises Refused, NotFound. Reads the disk."""
        try:
            path = Path(text).expanduser()
            mode = path.stat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):  # to open a pipe would wait for its writer
                raise Refused(f"{safe(text)} is no file.")
            with path.open("rb") as file:
                length = file.seek(0, os.SEEK_END)
                file.seek(0)
                return cls(path.absolute(), length, image_file(path.name, file.read(HEADER), length))
        except FileNotFoundError as error:
            raise NotFound(f"There is no file {safe(text)} on this machine.") from error
        except (OSError, RuntimeError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise Refused(f"{safe(text)} cannot be read: {why}.") from error


class Stream:
    """The `backend.base.Upload` of a file or of bytes; `halt` may be called from the loop at any time."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size
        self.size = size
        self.stop = False

    @classmethod
    def of_file(cls, file: LocalFile) -> Stream:
        """Open a file that was looked into; raises Refused when it is another one by now."""
        try:
            opened = file.path.open("rb")
        except OSError as error:
            raise Refused(f"{safe(str(file.path))} cannot be read: {error.strerror}.") from error
        return cls(opened, file.length)

    @classmethod
    def of_bytes(cls, data: bytes) -> Stream:
        """Stream these bytes."""
        return cls(BytesIO(data), len(data))

    def read(self, size: int) -> bytes:
        """Return the next bytes, never more in all than was said; raises OSError for a file that became shorter."""
        if not self._left:
            return b""
        data = self._file.read(min(size, self._left))
        if not data:
            raise OSError(0, "the file became shorter while it was read")
        self._left -= len(data)
        return data

    def halt(self) -> None:
        """Have it given up."""
        self.stop = True

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


async def sent(stream: Stream, upload: Coroutine[None, None, Volume]) -> Volume:
    """Await an upload; when the program ends under it, wait until what was sent is deleted, and raise that."""
    sending = asyncio.ensure_future(upload)
    try:
        return await asyncio.shield(sending)
    except asyncio.CancelledError:
        stream.halt()
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVING):
                await sending
        raise


class Pace:
    """Says how far a stream is, at most twice a second: bytes, rate, time left."""

    def __init__(self, what: str, total: int, context: Context, clock: Callable[[], float]) -> None:
        self._what = what
        self._total = total
        self._context = context
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])
        self._told = float("-inf")

    def __call__(self, done: int) -> None:
        """Take how many bytes have been sent."""
        now = self._clock()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        if now - self._told >= EVERY or done >= self._total:
            self._told = now
            self._context.progress(self.sentence(), 100.0 * done / self._total if self._total else None)

    def sentence(self) -> str:
        """Return how far it is: "uploading debian.qcow2: 312M/1.2G, 85M/s, 11 s left"."""
        (first, before), (now, done) = self._seen[0], self._seen[-1]
        said = f"{self._what}: {pair(done, self._total)}"
        if now <= first or done <= before:
            return said
        rate = (done - before) / (now - first)
        return f"{said}, {bps(rate)}, {duration((self._total - done) / rate)} left"
