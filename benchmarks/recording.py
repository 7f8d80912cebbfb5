"""A program in a terminal of its own, with the instant at which each piece of its output came."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Self

from benchmarks.cost import waited_seconds
from tests.real.lab.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COLS, ROWS = 120, 36
NAME_CELLS = slice(3, 28)  # of a row of a table: what tells it from the others, without the figures that change


class Missing(Exception):
    """What was waited for did not come to the screen."""


class Chunk(NamedTuple):
    """What one read(2) brought, when (seconds, monotonic), and how long the program had waited for a CPU by then."""

    at: float
    data: bytes
    waited: float


class Recording:
    """A program that runs until the end of the context.

    A thread stamps the output as it is read; the screen is drawn afterwards, chunk by chunk, so that what the
    emulator costs is in no figure.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self.chunks: list[Chunk] = []
        self._drawn = 0
        self._came = threading.Condition()
        self._ended = False
        self._master, self._slave = pty.openpty()
        self._emulator = Emulator(COLS, ROWS, self._reply)
        self.resize(COLS, ROWS)
        # Neither this user's configuration nor what an earlier run remembered.
        self._home = tempfile.TemporaryDirectory(prefix="kvmtui-bench-", ignore_cleanup_errors=True)
        places = ("CONFIG", "STATE", "DATA", "CACHE")
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment |= {f"XDG_{place}_HOME": f"{self._home.name}/{place.lower()}" for place in places}
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            # setsid makes the pty the controlling terminal of a new session, and replaces itself by the program.
            ["setsid", "--ctty", *argv],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=environment | dict(env or {}),
        )
        self._reader = threading.Thread(target=self._read, name="recording", daemon=True)
        self._reader.start()

    # --- looking

    def until(self, seen: Callable[[Self], object], what: str, timeout: float = 30) -> float:
        """Draw chunk by chunk until something is seen; returns when that chunk came (monotonic)."""
        deadline = time.monotonic() + timeout
        while True:
            while self._drawn < len(self.chunks):
                at = self._draw()
                if seen(self):
                    return at
            with self._came:
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    raise Missing(f"{what} did not come to this screen:\n" + "\n".join(self.lines()))
                if self._drawn == len(self.chunks):
                    self._came.wait(left)

    def catch_up(self) -> None:
        """Draw all that has come."""
        while self._drawn < len(self.chunks):
            self._draw()

    def lines(self) -> list[str]:
        """Return the rows of the screen as drawn so far."""
        return self._emulator.lines()

    def selected(self) -> tuple[int, str] | None:
        """Return the line and the name of the row that the list of VMs highlights."""
        lines = self.lines()
        heads = [y for y, line in enumerate(lines) if line.startswith("   VM ")]
        if not heads:
            return None
        foot = len(lines) - 1
        for y in self._emulator.reversed_rows():
            if heads[0] < y < foot:
                return y, lines[y][NAME_CELLS].strip()
        return None

    def is_at_top(self) -> bool:
        """Whether the first line of the list of VMs is highlighted."""
        selected = self.selected()
        return selected is not None and self.lines()[selected[0] - 1].startswith("   VM ")

    def bytes_between(self, start: float, end: float) -> int:
        """Return how many bytes were written to the terminal from `start` to `end` (monotonic)."""
        return sum(len(chunk.data) for chunk in self.chunks if start <= chunk.at < end)

    def waited(self, at: float | None = None) -> float:
        """Return the seconds for which the program had waited for a CPU when the chunk of `at` came, or until now."""
        if at is None:
            return waited_seconds(self.process.pid)
        return next(chunk.waited for chunk in reversed(self.chunks) if chunk.at <= at)

    # --- acting

    def send(self, data: bytes) -> float:
        """Send bytes to the program; returns when."""
        at = time.monotonic()
        os.write(self._master, data)
        return at

    def resize(self, cols: int, rows: int) -> None:
        """Give the terminal another size; the program is told by a signal."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        self._emulator.resize(cols, rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGHUP)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(5)
        os.close(self._slave)
        os.close(self._master)
        self._home.cleanup()

    def _draw(self) -> float:
        chunk = self.chunks[self._drawn]
        self._drawn += 1
        self._emulator.feed(chunk.data)
        return chunk.at

    def _reply(self, data: bytes) -> None:
        os.write(self._master, data)

    def _read(self) -> None:
        process = os.pidfd_open(self.process.pid)
        while not self._ended:
            readable, _, _ = select.select([self._master, process], [], [])
            at = time.monotonic()
            with self._came:
                if self._master in readable:
                    self.chunks.append(Chunk(at, os.read(self._master, 65536), waited_seconds(self.process.pid)))
                else:
                    self._ended = True
                self._came.notify_all()
        os.close(process)
