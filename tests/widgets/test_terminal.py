"""The widgets in a real terminal: what is sent to it, and what it shows."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyte
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WIDTH, HEIGHT = 120, 36
UP, DOWN = "\x1b[A", "\x1b[B"
FOREIGN = re.compile(rb"\x1b\[[>?=<][0-9;]*(?:u|\$p)")  # what pyte would print


class Terminal:
    """The program in a pty, and the screen it draws."""

    def __init__(self) -> None:
        self.pid, self._file = pty.fork()
        if not self.pid:
            # Python's own environment: in C's, readline has left LINES=24 and COLUMNS=80.
            environ = {**os.environ, "PYTHONPATH": str(ROOT)}
            os.execve(sys.executable, [sys.executable, str(HERE / "terminal_app.py")], environ)  # noqa: S606 - into the pty
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self._screen)
        self.sent = 0

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._file)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    def type(self, text: str) -> None:
        os.write(self._file, text.encode())

    def rest(self, quiet: float = 0.15) -> int:
        """Read until nothing came for a while; return how many bytes came."""
        before = self.sent
        while select.select([self._file], [], [], quiet)[0]:
            self._take()
        return self.sent - before

    def wait(self, condition: Callable[[list[str]], bool]) -> None:
        end = time.monotonic() + 20
        while not condition(self.lines):
            left = end - time.monotonic()
            assert left > 0, "\n".join(self.lines)
            if select.select([self._file], [], [], left)[0]:
                self._take()

    def _take(self) -> None:
        data = os.read(self._file, 65536)
        self.sent += len(data)
        self._stream.feed(FOREIGN.sub(b"", data))


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    try:
        terminal.wait(lambda lines: lines[1].startswith(">  vm-0 "))
        terminal.rest()
        yield terminal
    finally:
        terminal.close()


def at_cursor(name: str) -> Callable[[list[str]], bool]:
    return lambda lines: any(line.startswith(f">  {name} ") for line in lines)


def last_line(text: str) -> Callable[[list[str]], bool]:
    return lambda lines: lines[35] == text


def test_moving_costs_little_also_where_the_list_scrolls(terminal: Terminal) -> None:
    costs = []
    for number in range(1, 60):
        terminal.type(DOWN)
        terminal.wait(at_cursor(f"vm-{number}"))
        costs.append(terminal.rest(0.03))
    shown = terminal.lines
    assert shown[34].startswith(">  vm-59 ")
    assert shown[1].startswith("   vm-26 ")
    terminal.type("r")
    terminal.rest()
    assert terminal.lines == shown
    for number in range(58, 20, -1):
        terminal.type(UP)
        terminal.wait(at_cursor(f"vm-{number}"))
        costs.append(terminal.rest(0.03))
    shown = terminal.lines
    assert shown[1].startswith(">  vm-21 ")
    terminal.type("r")
    terminal.rest()
    assert terminal.lines == shown
    assert max(costs) < 2000


def test_a_held_arrow_is_one_picture_and_nothing_moves_it_later(terminal: Terminal) -> None:
    terminal.type(DOWN * 20)
    terminal.wait(at_cursor("vm-20"))
    assert terminal.rest() == 0


def test_nothing_is_sent_while_nothing_changes(terminal: Terminal) -> None:
    assert terminal.rest(1.0) == 0


def test_a_menu_lies_over_the_rows_and_leaves_them_as_they_were(terminal: Terminal) -> None:
    terminal.type(DOWN * 5 + "G")
    terminal.wait(at_cursor("vm-499"))
    terminal.rest()
    before = terminal.lines
    terminal.type("x")
    terminal.wait(lambda lines: "  s  start" in lines)
    assert " x on vm-499" in terminal.lines
    assert terminal.rest() < 2000
    terminal.type("\x1b")
    terminal.wait(lambda lines: lines == before)


def test_a_leader_acts_on_the_row_that_the_moves_before_it_reached(terminal: Terminal) -> None:
    terminal.type("G")
    terminal.wait(at_cursor("vm-499"))
    terminal.type("g")
    terminal.wait(at_cursor("vm-0"))
    terminal.rest()
    terminal.type(DOWN * 33 + "x")
    terminal.wait(lambda lines: "  s  start" in lines)
    assert " x on vm-33" in terminal.lines
    assert terminal.lines[1].startswith("   vm-0 ")


def test_only_typed_chords_count(terminal: Terminal) -> None:
    for piece in ("\x1b", "[M", "!s!"):  # a mouse report, cut up
        terminal.type(piece)
        terminal.rest(0.25)
    terminal.type("xs xs")
    terminal.wait(last_line("5 keys at once ignored: paste?"))
    terminal.rest(0.4)
    terminal.type("\x1b[200~xs\x1b[201~")
    terminal.rest()
    terminal.type(DOWN * 3 + "x")
    terminal.wait(lambda lines: " x on vm-3" in lines)
    terminal.type("s")
    terminal.wait(last_line("5 keys at once ignored: paste? | chord x s"))


def test_a_hundred_thousand_keys_at_once_are_a_paste_and_hold_nothing_up(terminal: Terminal) -> None:
    script = "x s !f dd systemctl stop it\r"
    terminal.type("G")
    terminal.wait(at_cursor("vm-499"))
    for _ in range(100):
        terminal.type(script * 40)
    for _ in range(20):
        terminal.rest(1.0)  # what comes closely behind a paste belongs to it
        if not at_cursor("vm-499")(terminal.lines):
            break
        terminal.type(UP)
    assert "chord" not in terminal.lines[35]
    terminal.type("x")
    terminal.wait(lambda lines: any(line.startswith(" x on vm-49") for line in lines))
