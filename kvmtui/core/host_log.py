"""What a host's logs say of a VM's end: QEMU's own log, and the kernel's, where memory and disks fail; pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.units import hhmmss

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_LINES = 200  # of each log
LONGEST = 600  # characters of a line
NEAR, AFTER = 900.0, 60.0  # seconds before and after a VM's end within which what befell its host may explain it

KERNEL_WORDS = (
    "out of memory|oom-kill|oom_reaper|oom-killer|killed process|i/o error|medium error|critical (medium|target|space)"
    "|read-only|(ext4|xfs|btrfs).*(error|corrupt)|nvme.*(timeout|reset|abort)|ata[0-9].*(error|failed|exception)"
    "|no space left|not responding|blocked for more than|segfault|general protection|hardware error"
)
"""What of the kernel's log is read at all, as an extended regular expression without regard to case."""

_OOM = re.compile(r"out of memory|oom.kill|oom_reaper|killed process", re.IGNORECASE)
_CRASH = re.compile(r"segfault|general protection", re.IGNORECASE)
_UNIX = re.compile(r"(\d{9,11}\.\d+) \S+ kernel: (.*)", re.DOTALL)
_BOOTED = re.compile(r"(?:<\d+>)?\[ *(\d+\.\d+)\] ?(?:\[[^\]]*\] )?(.*)", re.DOTALL)
_PID = re.compile(r"(?:pid=|[Kk]illed process |reaped process |\[)(\d+)")
_STAMPED = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)\.\d+(?:\+0000|Z):? ")
_ENDED = re.compile(_STAMPED.pattern + r"shutting down, reason=(\w+)")


class Kind(Enum):
    """What a line of the kernel's log is about."""

    OOM = "out of memory"
    IO = "storage"
    CRASH = "crash"


class KernelLine(NamedTuple):
    """A line of the kernel's log."""

    at: float | None  # epoch seconds
    text: str  # hostile
    kind: Kind
    own: bool  # it names the VM's process


class Ending(NamedTuple):
    """How QEMU's log says that a VM ended."""

    at: float
    reason: str  # "shutdown", "destroyed", "crashed", "failed", "migrated", "saved", ...


def kernel_lines(
    lines: Iterable[str],
    *,
    name: str,
    pid: int | None,
    booted: float,
    around: float | None,
    until: float,
) -> tuple[KernelLine, ...]:
    """Return the lines that name the VM's QEMU, and those about memory or disks near `around` (None: of a day).

    `booted` is when the host's kernel began to count, `until` its present time, both in epoch seconds. That another
    VM's process was killed says nothing of this one, and is left out.
    """
    scope = re.compile(r"qemu\\x2d\d+\\x2d" + re.escape(_escaped(name)) + r"\.scope")
    mine: set[int] = {pid} if pid else set()
    others: set[int] = set()
    read = [_parsed(line, booted) for line in lines]
    for _, text in read:
        found = _PID.search(text) if "machine-qemu" in text else None
        if found is not None:
            (mine if scope.search(text) else others).add(int(found[1]))
    first, last = (until - 86_400.0, until) if around is None else (around - NEAR, around + AFTER)
    kept = []
    for at, text in read:
        numbers = {int(number) for number in _PID.findall(text)}
        own = not mine.isdisjoint(numbers)
        kind = Kind.OOM if _OOM.search(text) else Kind.CRASH if _CRASH.search(text) else Kind.IO
        near = at is None or first <= at <= last
        # That some process was killed concerns a VM that ended then, unless it is known whose it was.
        told = kind is Kind.IO or (around is not None and not mine and others.isdisjoint(numbers))
        if own or (near and told):
            kept.append(KernelLine(at, text[:LONGEST], kind, own))
    return tuple(kept[-MOST_LINES:])


def _parsed(line: str, booted: float) -> tuple[float | None, str]:
    found = _UNIX.fullmatch(line)
    if found is not None:
        return float(found[1]), found[2]
    found = _BOOTED.fullmatch(line)
    return (booted + float(found[1]), found[2]) if found is not None else (None, line)


def _escaped(name: str) -> str:
    r"""Return a VM's name as systemd writes it into the name of a scope: "db-2" is "db\x2d2"."""
    return "".join(
        chr(byte) if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in ":_.") else f"\\x{byte:02x}"
        for byte in name.encode(errors="replace")
    )


def qemu_line(line: str) -> tuple[float | None, str]:
    """Return when a line of QEMU's log was written, where it says so, and its text."""
    found = _STAMPED.match(line)
    at = _moment(found) if found is not None else None
    return (None, line) if found is None or at is None else (at, line[found.end() :])


def _moment(found: re.Match[str]) -> float | None:
    """Return the epoch seconds of the six figures of a time in UTC, None for one that never was."""
    try:
        year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def ending(lines: Sequence[str]) -> Ending | None:
    """Return how QEMU's log says that its last run ended; None while it runs, or when it does not say."""
    for line in reversed(lines):
        if ": starting up" in line:
            return None
        found = _ENDED.search(line)
        at = _moment(found) if found is not None else None
        if found is not None and at is not None:
            return Ending(at, found[7])
    return None


_ENDINGS = {
    "crashed": "its QEMU crashed or was killed",
    "failed": "its QEMU did not come up",
    "destroyed": "it was forced off",
    "shutdown": "the guest shut down",
    "saved": "its state was saved",
    "migrated": "it was moved away",
    "daemon": "the daemon ended it",
}


def cause(lines: Sequence[KernelLine], ended: Ending | None) -> str:
    """Return why a VM went off, as far as the host's logs tell, in one sentence without an end; "" when they do not."""
    mine = [line for line in lines if line.own]
    killed = next((line for line in reversed(mine) if line.kind is Kind.OOM), None)
    if killed is not None and (ended is None or ended.reason == "crashed"):
        when = f" at {hhmmss(killed.at)}" if killed.at is not None else ""
        return f"its host ran out of memory{when}: the kernel killed its QEMU"
    crashed = next((line for line in reversed(mine) if line.kind is Kind.CRASH), None)
    if crashed is not None and ended is not None and ended.reason == "crashed":
        return "a fault in its QEMU: the kernel ended it"
    if ended is None:
        return ""
    return f"{_ENDINGS.get(ended.reason, ended.reason)} at {hhmmss(ended.at)}"
