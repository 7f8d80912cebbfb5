"""The program on real hosts: random keys that may change nothing there, and an hour whose memory is measured.

Both run inside the namespaces of a lab: `tests/real/run --exec .venv/bin/python -m tests.soak.hosts`.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.real.lab import Guest, GuestSpec, Host, Lab, LabError, inside_lab
from tests.real.lab.guest import CROWD_MEMORY_MIB
from tests.real.program import SETTINGS, Home, Program

if TYPE_CHECKING:
    from collections.abc import Sequence

REMEMBERED = 50  # inputs that are told when something breaks
SIZES = ((120, 36), (80, 24), (60, 15), (200, 60), (30, 8), (100, 30))
# Neither q nor Q, which may leave: then any end of the program is a fault.
KEYS = (
    *"jkgGhl1279 0+*u.=OzwWZprfiyl?cvmnxx!!sdnoaed<>-[]/:#t",
    *("up", "down", "left", "right", "pageup", "pagedown", "home", "end", "enter", "enter", "tab", "shift+tab"),
    *("escape", "escape", "escape", "backspace", "space", "ctrl+p", "ctrl+l", "ctrl+d", "ctrl+u", "ctrl+c", "ctrl+s"),
)
TEXTS = (
    ":start crowd-02\r",
    ":off crowd-01\r",
    ":delete crowd-03\r",
    "/halted\r",
    "/state:off\r",
    ":pause crowd-01\r",
    ":reset crowd-01\r",
    "xs",
    "!f",
    "!d",
    "!r",
    "xd",
    "nn",
    ":nmi crowd-01\r",
    ":vms\r",
    ":fleet\r",
    "\x1d\x1b",
    "\x1dd",
    "\x1dx",
    ":migrate crowd-01 --to two\r",
    ":autostart-on crowd-02\r",
    ":rename crowd-02 --name other\r",
    ":hosts\r",
    "!dcrowd-03",
)
SEQUENCES = (
    "\x1b[<0;20;10M\x1b[<0;20;10m",
    "\x1b[<2;9;8M\x1b[<2;9;8m",
    "\x1b[<64;5;9M",
    "\x1b[<65;5;9M",
    "\x1b[200~x s\r!f\x1b[201~",
    "\x1bOR",
    "\x1b[1;5C",
    "\x1b]11;rgb:0/0/0\x07",
    "\x1b[97;5u",
    "\x1b[<0;40;12M\x1b[<0;40;12m\x1b[<0;40;12M\x1b[<0;40;12m",
    "\xff\xfe",
)
ERRORS = re.compile(r"^.{23} (ERROR|CRITICAL) .*|^Traceback .*|.*was never (awaited|retrieved).*", re.MULTILINE)
MIB = 1024 * 1024
GROWTH = 5.0  # MiB that the program may grow by after it has warmed up
WARM = 10.0  # minutes
TURNS = 15  # after which a person rests
REST = 8.0  # seconds
ANSWER = 60.0  # seconds in which a key must have been answered, however little of the machine is left for the program
WHOLE = 1500  # bytes that a screen painted anew takes at least


class Broken(AssertionError):
    """Something that must hold does not."""


class Figure(NamedTuple):
    """One result."""

    what: str
    value: str
    reached: bool


def state_of(hosts: Sequence[Host]) -> dict[str, str]:
    """What virsh says of all that a program could change on these hosts."""
    found: dict[str, str] = {}
    for host in hosts:
        for what in ("list --all", "pool-list --all", "net-list --all", "vol-list default", "net-dumpxml default"):
            found[f"{host.name} {what}"] = host.virsh(*what.split())
        for name in host.virsh("list", "--all", "--name").split():
            found[f"{host.name} {name} stored"] = host.virsh("dumpxml", "--inactive", name)
            found[f"{host.name} {name} live"] = host.virsh("dumpxml", name)
            found[f"{host.name} {name} info"] = re.sub(r"CPU time:.*", "", host.virsh("dominfo", name))
    return found


def errors_of(program: Program) -> list[str]:
    """The entries of the log that tell of a fault of the program."""
    return [found.group() for found in ERRORS.finditer(program.home.log())]


# -- random keys on hosts that are only read


def press_at_random(hosts: Sequence[Host], count: int, seed: int) -> Figure:
    """Send so many keys to a program that may only read; raises Broken when it changed anything or has a fault."""
    chance = random.Random(seed)  # noqa: S311 - a game must come again the same way

    home = Home({host.name: host.uri for host in hosts}, SETTINGS)
    before = state_of(hosts)
    sent: deque[str] = deque(maxlen=REMEMBERED)
    done = 0
    program = Program(home, "--read-only", size=(120, 36))
    try:
        program.wait(r"hosts \d+/\d+", 60)
        while done < count:
            done += _press(program, chance, sent)
            if program.process.poll() is not None:
                raise Broken(f"the program ended with {program.process.returncode}:\n{program.told()}")
        if faults := errors_of(program):
            raise Broken(faults[0])
        after = state_of(hosts)
        changed = [what for what in before | after if before.get(what) != after.get(what)]
        if changed:
            what = changed[0]
            raise Broken(f"{changed} changed; {what} was\n{before.get(what)}\nand is\n{after.get(what)}")
        _leave(program)
    except (AssertionError, LabError, OSError) as error:
        error.add_note(f"seed {seed}, after {done} keys; the last inputs: {list(sent)}\n{program.told()}")
        raise
    finally:
        program.close()
    return Figure(f"{done} keys on real hosts, read-only, seed {seed}", "0 changes", True)


def _press(program: Program, chance: random.Random, sent: deque[str]) -> int:
    """Send one thing; returns how many keys it was."""
    match chance.choices(range(6), (78, 8, 6, 3, 1, 4))[0]:
        case 0:
            name = chance.choice(KEYS)
            sent.append(name)
            _send(program, name)
            return 1
        case 1:
            text = chance.choice(TEXTS)
            sent.append(repr(text))
            if chance.random() < 0.3:
                program._send(text.encode())  # in one read
            else:
                for character in text:
                    program._send(character.encode())
                    time.sleep(0.02)
            return len(text)
        case 2:
            text = chance.choice(SEQUENCES)
            cut = chance.randrange(len(text))
            sent.append(f"{text[:cut]!a} {text[cut:]!a}")
            program._send(text[:cut].encode("latin-1"))
            time.sleep(chance.choice((0.0, 0.01, 0.15)))
            program._send(text[cut:].encode("latin-1"))
            return 1
        case 3:
            size = chance.choice(SIZES)
            sent.append(f"size {size}")
            program.resize(*size)
            return 1
        case 4:
            sent.append("wait")
            time.sleep(1.0)
            return 0
        case _:
            sent.append("escapes")
            for _ in range(3):
                program._send(b"\x1b")
                time.sleep(0.12)
            return 3


def _send(program: Program, name: str) -> None:
    try:
        program.keys(name)
    except OSError:
        if program.process.poll() is None:
            raise


def _leave(program: Program) -> None:
    """Leave by Q from wherever it is."""
    program.resize(120, 36)
    deadline = time.monotonic() + 60
    while program.process.poll() is None:
        if time.monotonic() > deadline:
            raise Broken(f"neither esc nor Q leaves it:\n{program.told()}")
        for data in (b"\x1d", b"\x1b", b"\x1b", b"Q"):
            if program.process.poll() is None:
                program._send(data)
                time.sleep(0.3)
    if program.process.returncode != 0:
        raise Broken(f"it ended with {program.process.returncode}:\n{program.told()}")


# -- an hour


class Churn:
    """Guests that come and go, as somebody else's work."""

    def __init__(self, hosts: Sequence[Host], chance: random.Random) -> None:
        self._hosts = hosts
        self._chance = chance
        self._made = 0
        self._there: list[Guest] = []
        self.turns = 0

    def turn(self) -> None:
        """Let one guest come, go, or change its state."""
        self.turns += 1
        if len(self._there) < 4 or (len(self._there) < 14 and self._chance.random() < 0.3):
            self._come()
            return
        guest = self._chance.choice(self._there)
        match (self._chance.choice(("go", "suspend", "resume", "destroy", "start", "start")), guest.state()):
            case ("go", _):
                self._there.remove(guest)
                guest.remove()
            case (
                ("suspend", "running")
                | ("resume", "paused")
                | ("destroy", "running" | "paused")
                | ("start", "shut off")
            ):
                word = {"running": "suspend", "paused": "resume", "shut off": "start"}[guest.state()]
                guest.host.virsh(word if self._chance.random() < 0.7 or word == "start" else "destroy", guest.name)
            case _:
                guest.host.virsh("desc", guest.name, f"turn {self.turns}")

    def _come(self) -> None:
        self._made += 1
        host = self._chance.choice(self._hosts)
        guest = Guest(host, GuestSpec(f"passing-{self._made}", CROWD_MEMORY_MIB, agent=False))
        file = host.folder / f"guests/{guest.name}.xml"
        file.write_text(guest.halted_xml)
        host.virsh("define", str(file))
        file.unlink()
        host.virsh("start", guest.name)
        self._there.append(guest)


WALK = (
    ("down", "down", "up", "2", "j", "j", "k", "1"),
    ("enter", ">", ">", ">", ">", "escape"),
    ("9", "enter", ">", ">", "escape", "1"),
    ("7", "0", "1"),
    ("/", "p", "a", "s", "s", "enter", "j", "escape"),
    ("f", "f", "w", "w", "o", "n", "O", "O", "="),
    ("i", "escape", "?", "escape", "y", "escape"),
    ("x", "escape", "p", "p", "r"),
    ("ctrl+p", "s", "t", "escape"),
    ("2", "end", "enter", ">", "left", "left", "+", "-", "escape", "1", "home"),
)


def memory_of(pid: int) -> float:
    """MiB that a process keeps for itself."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return (
        sum(int(found) for found in re.findall(r"^(?:Private_Dirty|Private_Clean|Swap): +(\d+)", text, re.MULTILINE))
        / 1024
    )


def _expect_an_answer(program: Program) -> None:
    """Raise Broken unless the program still does what a key asks."""
    program.keys("escape", "escape")
    before, deadline = program.received, time.monotonic() + ANSWER
    program.keys("ctrl+l")
    while program.received < before + WHOLE:
        if time.monotonic() > deadline:
            raise Broken(f"no key has been answered for {ANSWER:.0f} s:\n{program.told()}")
        time.sleep(0.1)


def stand(hosts: Sequence[Host], minutes: float, seed: int) -> list[Figure]:
    """Run beside guests that come and go; gives how the program's memory grew, and the faults of its log."""
    chance = random.Random(seed)  # noqa: S311 - the same guests each time
    churn = Churn(hosts, chance)
    program = Program.on(*hosts)
    try:
        began = time.monotonic()
        warm = min(WARM, minutes / 3)
        samples: list[tuple[float, float]] = []
        next_told = 0.0
        while (at := (time.monotonic() - began) / 60) < minutes:
            churn.turn()
            for key in chance.choice(WALK):
                program.keys(key)
                time.sleep(0.05)
            if program.process.poll() is not None:
                raise Broken(f"the program ended with {program.process.returncode}:\n{program.told()}")
            samples.append((at, memory_of(program.process.pid)))
            if at >= next_told:
                print(f"  minute {at:5.1f}: {samples[-1][1]:6.2f} MiB, {churn.turns} turns", flush=True)
                next_told = at + max(1.0, minutes / 30)
            if churn.turns % TURNS == 0:
                _expect_an_answer(program)
            time.sleep(REST if churn.turns % TURNS == 0 else 0.5)
        first = statistics.median(size for at, size in samples if warm <= at < warm + minutes / 12)
        last = statistics.median(size for at, size in samples if at >= minutes - minutes / 12)
        faults = errors_of(program)
        told = [f"\n    {one}" for one in faults[:5]]
        program.keys("escape", "escape")
        _leave(program)
    except (AssertionError, LabError) as error:
        error.add_note(program.told())
        raise
    finally:
        program.close()
    return [
        Figure(
            f"memory after {warm:.0f} of {minutes:g} minutes, {churn.turns} guests that came, went or changed",
            f"{last - first:+.2f} MiB ({first:.1f} to {last:.1f})",
            last - first < GROWTH,
        ),
        Figure("errors in the log of these minutes", "".join([str(len(faults)), *told]), not faults),
    ]


def main() -> int:
    """Build two hosts with guests and run what the arguments name; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.hosts", description=__doc__)
    parser.add_argument("--keys", type=int, default=0, metavar="N", help="random keys on hosts that are only read")
    parser.add_argument("--minutes", type=float, default=0.0, metavar="N", help="how long memory is measured")
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    if not inside_lab():
        parser.error("run it by tests/real/run --exec")
    seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    figures: list[Figure] = []
    with Lab() as lab:
        hosts = [lab.host("one"), lab.host("two")]
        if asked.keys:
            lab.crowd(hosts[0], 3)
            off = lab.guest(hosts[1], GuestSpec("off-1", CROWD_MEMORY_MIB, agent=False))
            booted = lab.guest(hosts[1], GuestSpec("booted", disk_mib=16)).start().wait_booted()
            figures.append(press_at_random(hosts, asked.keys, seed))
            for guest in (off, booted):
                guest.remove()
        if asked.minutes:
            figures += stand(hosts, asked.minutes, seed)
    for what, value, reached in figures:
        print(f"{'ok  ' if reached else 'MISS'}  {what}: {value}")
    return 0 if all(figure.reached for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
