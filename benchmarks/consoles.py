"""Serial consoles: how fast text is taken in, and whether the program still answers while a guest floods it."""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from benchmarks.cost import cpu_seconds
from benchmarks.figures import Figure, percentile, spread
from benchmarks.own_hosts import engine_on, find, seen
from benchmarks.recording import Recording
from kvmtui.consoles import Consoles, Phase
from kvmtui.core.inventory import VmRef
from tests.real.lab import GuestSpec, Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmtui.backend.base import Backend, ConsoleLine
    from tests.real.lab import Guest, Host

NAME = "console"
MIB = 2**20
TEXT_BYTES = 12 * MIB
PIECE = 65_536
WINDOW = 8.0  # seconds
ROUNDS = 12
FRAME = b"\x1b[?2026h"
"""What Textual writes before each frame, to a terminal that paints whole frames."""
SCROLLING = "while cat /tmp/text; do :; done"
FILL = (
    "for i in $(seq 600); do echo $i of all lines; head -c 60 /lib/modules/order | tr '\\n' ' '; echo; done >/tmp/text"
)
DOCS = Path(__file__).resolve().parent.parent / "docs"


def console() -> list[Figure]:
    """Text through a session, and keys while everything scrolls."""
    with Lab() as lab:
        host = lab.host("hv1")
        guest = lab.guest(host, GuestSpec("talker", nic=False)).start().wait_booted()
        guest.execute("/bin/sh", "-c", FILL)
        return [*asyncio.run(_throughput(host)), *_flood(host, guest)]


# --- text through a session ------------------------------------------------------------------


class _Text:
    """A console line that brings text as fast as it is read, then is silent."""

    def __init__(self, text: bytes) -> None:
        self._pieces = self._cut(text)
        self.is_over = asyncio.Event()
        self.skipped = 0

    @staticmethod
    def _cut(text: bytes) -> Iterator[bytes]:
        yield from (text[at : at + PIECE] for at in range(0, len(text), PIECE))

    async def read(self) -> bytes:
        piece = next(self._pieces, b"")
        if not piece:
            self.is_over.set()
            await asyncio.Event().wait()
        return piece

    def write(self, data: bytes) -> None:
        """Take what is typed."""

    def close(self) -> None:
        """End nothing."""


class _Reader(NamedTuple):
    """As much of a backend as a session uses."""

    line: _Text

    @property
    def console(self) -> _Reader:
        return self

    async def open(self, _uuid: str, *, force: bool = False) -> ConsoleLine:
        del force
        return self.line


def ordinary_text() -> bytes:
    """Return prose and tables with the line ends of a serial line."""
    text = "".join(file.read_text() for file in sorted(DOCS.glob("*.md")))
    once = text.replace("\n", "\r\n").encode()
    return (once * (TEXT_BYTES // len(once) + 1))[:TEXT_BYTES]


async def _throughput(host: Host) -> list[Figure]:
    rates = []
    async with engine_on(host) as engine:
        await seen(engine, lambda fleet: find(fleet, host.name, "talker"), "the guest")
        found = find(engine.fleet, host.name, "talker")
        assert found is not None
        for _ in range(3):
            line = _Text(ordinary_text())
            reader = cast("Backend", _Reader(line))
            consoles = Consoles(lambda _host, reader=reader: reader, lambda: engine.fleet, engine.watch)  # type: ignore[misc]
            began = time.perf_counter()
            session = consoles.open(VmRef(host.name, found[1].uuid), "talker")
            await line.is_over.wait()
            rates.append(TEXT_BYTES / (time.perf_counter() - began) / 1e6)
            assert session.phase is Phase.LIVE
            consoles.close_all()
    about = "the documentation, from memory through a session into its emulator, 80x24"
    return [Figure(NAME, "ordinary text", max(rates), "MB/s", about=about, least=3.0)]


# --- a flood on the screen -------------------------------------------------------------------


def _flood(host: Host, guest: Guest) -> list[Figure]:
    with Recording([sys.executable, "-m", "kvmtui", "-c", host.uri]) as recording:
        recording.until(_shows(rf"^>..{guest.name} +on"), "the guest's row")
        _open(recording)
        recording.send(b"\r")
        recording.until(_shows(rf"^{guest.name}:/#"), "a prompt")
        recording.send(SCROLLING.encode() + b"\r")
        recording.until(_shows(r"^\d+ of all lines"), "text")
        time.sleep(1.0)
        figures = _steady(recording, guest, "text that scrolls")
        recording.send(b"\x03")
        time.sleep(1.0)
        recording.send(b"yes\r")
        recording.until(lambda one: sum(line == "y" for line in one.lines()) > 20, "yes")
        time.sleep(1.0)
        figures += _steady(recording, guest, "yes")
        prefixes, leaves = _leave_and_return(recording, guest)
        recording.send(b"\x03")
    return [
        *figures,
        Figure(NAME, "yes: the prefix to its keys, p95", percentile(prefixes, 95), "ms", 150.0, spread(prefixes)),
        Figure(NAME, "yes: leaving to the list, p95", percentile(leaves, 95), "ms", 150.0, spread(leaves)),
    ]


def _steady(recording: Recording, guest: Guest, what: str) -> list[Figure]:
    """Return what a flood costs over a window without keys."""
    pid, log = recording.process.pid, guest.console_log
    began, used, written = time.monotonic(), cpu_seconds(pid), log.stat().st_size
    time.sleep(WINDOW)
    ended = time.monotonic()
    seconds = ended - began
    percent = 100 * (cpu_seconds(pid) - used) / seconds
    rate = (log.stat().st_size - written) / seconds
    shown = b"".join(chunk.data for chunk in recording.chunks if began <= chunk.at < ended)
    recording.catch_up()
    about = f"the guest writes {rate / 1000:,.0f} kB/s to its serial line"
    return [
        Figure(NAME, f"{what}: to the terminal", len(shown) / seconds / 1000, "kB/s", 100.0, about),
        Figure(NAME, f"{what}: frames", shown.count(FRAME) / seconds, "a second", 10.0),
        Figure(NAME, f"{what}: CPU", percent, "% of a core"),
    ]


def _leave_and_return(recording: Recording, guest: Guest) -> tuple[list[float], list[float]]:
    """Press the prefix and d during a flood, and come back; returns the milliseconds of both keys."""
    chance = random.Random(7)  # noqa: S311 - keys at moments that do not keep step with the frames
    prefixes, leaves = [], []
    for _ in range(ROUNDS):
        time.sleep(chance.uniform(0.3, 0.6))
        recording.catch_up()
        sent = recording.send(b"\x1d")
        prefixes.append(1000 * (recording.until(_shows(r"^ ctrl-\].*d leave"), "the keys of the prefix") - sent))
        time.sleep(chance.uniform(0.2, 0.4))
        recording.catch_up()
        sent = recording.send(b"d")
        leaves.append(1000 * (recording.until(_shows(rf"^>..{guest.name} +on"), "the list") - sent))
        time.sleep(chance.uniform(0.2, 0.4))
        _open(recording)
    return prefixes, leaves


def _open(recording: Recording) -> None:
    recording.catch_up()
    recording.send(b"c")
    recording.until(_shows(r"^ \S+ on \S+  live"), "the console")


def _shows(pattern: str) -> Callable[[Recording], bool]:
    expression = re.compile(pattern)
    return lambda recording: any(expression.search(line) for line in recording.lines())
