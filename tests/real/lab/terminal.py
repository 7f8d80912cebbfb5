"""A program in a terminal of its own: what it shows, and keys for it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from typing import TYPE_CHECKING, Self, TypeVar

from tests.real.lab.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Seen = TypeVar("Seen")

KEYS = {
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "insert": "\x1b[2~",
    "delete": "\x1b[3~",
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "escape": "\x1b",
    "space": " ",
    "backspace": "\x7f",
}

# A program takes an escape for the key only when nothing has followed it for a while (0.1 s in Textual), as far as it
# gets to read at all on a machine that has much to do.
ESCAPE_REST = 0.4


def encode_key(name: str) -> bytes:
    """The bytes of a key: a name of KEYS, ctrl+CHARACTER, or a character that stands for itself."""
    if name in KEYS:
        return KEYS[name].encode()
    if name.startswith("ctrl+") and len(name) == 6:
        return bytes([ord(name[5].upper()) & 0x1F])
    if len(name) != 1:
        raise ValueError(f"no key is called {name!r}")
    return name.encode()


class Terminal:
    """A program in a terminal, read all the time; a context that ends it.

    `env` is added to this process's environment, with TERM xterm-256color and COLORTERM truecolor for a start.
    """

    def __init__(
        self,
        argv: Sequence[str],
        cols: int = 120,
        rows: int = 36,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.received = 0
        """How many bytes the program has written to the terminal so far."""
        self._recordings: list[bytearray] = []
        self._master, slave = pty.openpty()
        self._slave = slave
        self.resize_window(cols, rows)
        self.modes_before = termios.tcgetattr(slave)
        self._emulator = Emulator(cols, rows, self._send)
        self._changed = threading.Condition()
        self._escape_sent = 0.0
        self._ended = False
        self.process = subprocess.Popen(
            # setsid makes the pty the controlling terminal of a new session, and replaces itself by the program.
            # SIGHUP does what it does at a login, also where these tests are run by nohup.
            ["env", "--default-signal=HUP", "setsid", "--ctty", *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
        )
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    # --- looking

    def screen(self) -> list[str]:
        """The rows of the screen as they are now, without the blanks at their ends."""
        with self._changed:
            return self._emulator.lines()

    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.screen())

    def highlighted(self) -> list[str]:
        """The rows that stand out by their background: the selected row of a list is among them."""
        with self._changed:
            lines = self._emulator.lines()
            return [lines[row] for row in self._emulator.reversed_rows()]

    def wait(self, pattern: str, timeout: float = 20) -> re.Match[str]:
        """Wait until a regular expression (multi-line) is on the screen; AssertionError shows what was."""
        return self._until(lambda: re.search(pattern, self.text(), re.MULTILINE), f"{pattern!r} on the screen", timeout)

    def wait_gone(self, pattern: str, timeout: float = 20) -> None:
        """Wait until a regular expression is no longer on the screen."""
        self._until(
            lambda: re.search(pattern, self.text(), re.MULTILINE) is None,
            f"{pattern!r} gone from the screen",
            timeout,
        )

    def row(self, pattern: str) -> str:
        """The first row on the screen that a regular expression is found in; AssertionError when there is none."""
        for line in self.screen():
            if re.search(pattern, line):
                return line
        raise AssertionError(f"no row has {pattern!r} on this screen:\n{self.text()}")

    def wait_quiet(self, seconds: float = 0.3, timeout: float = 20) -> None:
        """Wait until the program has written nothing for that long."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._changed.wait(seconds):
                if time.monotonic() > deadline:
                    raise AssertionError(f"the program was not quiet for {seconds:g} s within {timeout:g} s")

    def record(self) -> bytearray:
        """What the program writes to the terminal from now on, byte for byte: it grows as it comes."""
        with self._changed:
            self._recordings.append(bytearray())
            return self._recordings[-1]

    def is_restored(self) -> bool:
        """Whether the terminal is as the program found it: line modes, screen, cursor, mouse and paste modes."""
        with self._changed:
            modes = self._emulator.modes
        return termios.tcgetattr(self._slave) == self.modes_before and modes == {7, 25}

    def modes(self) -> frozenset[int]:
        """The numbers of the private modes that are set, but the one that is so while a picture is sent."""
        with self._changed:
            return frozenset(self._emulator.modes) - {2026}

    def _until(self, condition: Callable[[], Seen | None], what: str, timeout: float) -> Seen:
        deadline = time.monotonic() + timeout
        with self._changed:
            while (seen := condition()) is None or seen is False:
                left = deadline - time.monotonic()
                if left <= 0 or self._ended:
                    why = "the program ended" if self._ended else f"waited {timeout:g} s"
                    raise AssertionError(f"{why}, and did not see {what}:\n{self.text()}")
                self._changed.wait(min(left, 1.0))
            return seen

    # --- acting

    def keys(self, *names: str) -> None:
        """Press keys: names of KEYS, ctrl+LETTER, ctrl+], or characters that stand for themselves."""
        for name in names:
            self.write(encode_key(name))

    def type_text(self, text: str) -> None:
        """Type a text, a key for each character."""
        self.write(text.encode())

    def write(self, data: bytes) -> None:
        """Send bytes to the program as they are; after an escape key, only when it can no longer be taken for more."""
        rest = self._escape_sent + ESCAPE_REST - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        self._send(data)
        self._escape_sent = time.monotonic() if data == b"\x1b" else 0.0

    def click(self, column: int, row: int) -> None:
        """Press and release the left mouse button on a cell, counted from 0."""
        self.write(f"\x1b[<0;{column + 1};{row + 1}M\x1b[<0;{column + 1};{row + 1}m".encode())

    def resize(self, cols: int, rows: int) -> None:
        """Give the terminal another size and tell the program."""
        with self._changed:
            self._emulator.resize(cols, rows)
        self.resize_window(cols, rows)

    def resize_window(self, cols: int, rows: int) -> None:
        """Set the size that the terminal reports."""
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def wait_exit(self, timeout: float = 10) -> int:
        """Wait until the program has ended by itself, and give its exit code."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"the program still runs after {timeout:g} s:\n{self.text()}") from error

    def close(self) -> None:
        """End the program by the hang-up of its terminal, and by force when it does not heed that."""
        if self._slave < 0:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGHUP)
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(5)
        os.close(self._slave)
        os.close(self._master)
        self._slave = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._master, data) :]

    def _read(self) -> None:
        process = os.pidfd_open(self.process.pid)
        while not self._ended:
            readable, _, _ = select.select([self._master, process], [], [])
            with self._changed:
                if self._master in readable:
                    data = os.read(self._master, 65536)
                    self.received += len(data)
                    for recording in self._recordings:
                        recording.extend(data)
                    self._emulator.feed(data)
                else:
                    # The program has ended, and nothing is left of what it wrote.
                    self._ended = True
                self._changed.notify_all()
        os.close(process)
