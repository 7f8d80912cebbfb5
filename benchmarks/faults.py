"""Keys while things go wrong: each fault on a host of three, with calm before it, in one run of the program."""

from __future__ import annotations

import itertools
import os
import re
import signal
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, number
from benchmarks.pressing import Finger, Presses
from benchmarks.recording import COLS, ROWS, Missing, Recording
from benchmarks.trouble import configured
from tests.real.lab import Lab
from tests.real.lab.gate import Gate, SlowPool
from tests.real.lab.guest import crowd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.real.lab import Host

GUESTS = 5  # on each host
OFF = 6  # more on the third, which are started
CALM = 5.0  # seconds of keys before each fault
LASTS = 9.0  # seconds of keys while it lasts
SHOWN = 40.0  # seconds within which the screen says so, on a machine that does much else
ENDS = 4.0  # seconds of keys while it is mended
SETTLES = 1.5  # seconds of keys after it, which are in no figure
BACK = 60.0  # seconds within which all is as before
ASIDE = 10  # by how much less the hosts' processes weigh than the program: they would run on other machines
ALL_UP = re.compile(r"hosts 3/3")
SIZES = ((COLS, ROWS), (COLS - 10, ROWS - 4), (COLS + 20, ROWS + 6), (COLS - 4, ROWS))


def nothing() -> None:
    """Do nothing."""


class Fault:
    """Something that goes wrong, and the keys that were pressed while it did."""

    def __init__(
        self,
        what: str,
        begin: Callable[[], object],
        end: Callable[[], object],
        sign: str = "",
        before_each: Callable[[], None] | None = None,
    ) -> None:
        """`sign`: what the screen shows of it by its end, as a regular expression."""
        self.what = what
        self.begin = begin
        self.end = end
        self.sign = sign
        self.before_each = before_each
        self.keys = Presses()


class Storm:
    """VMs of two hosts that are stopped and started, paused and resumed as fast as libvirt does it."""

    def __init__(self, restarted: Host, paused: Host, guests: int) -> None:
        self._over = threading.Event()
        numbers = range(2, guests + 1)
        orders = {
            restarted: [f"{verb} {restarted.name}-{number:02}" for verb in ("destroy", "start") for number in numbers],
            paused: [f"{verb} {paused.name}-{number:02}" for number in numbers for verb in ("suspend", "resume")] * 20,
        }
        self._threads = [threading.Thread(target=self._blow, args=each) for each in orders.items()]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _blow(self, host: Host, orders: list[str]) -> None:
        with aside():
            while not self._over.is_set():
                host.virsh("; ".join(orders))


@contextmanager
def aside() -> Iterator[None]:
    """Let what this thread starts weigh less than the program that is measured."""
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, usual + ASIDE)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)


def faults() -> list[Figure]:
    """Press keys through one fault after the other, with calm in between."""
    with Lab() as lab, tempfile.TemporaryDirectory(prefix="kvmtui-bench-") as folder:
        with aside():
            hosts = [lab.host(f"hv{number}") for number in (1, 2, 3)]
            third = hosts[2]
            gate, pool = Gate(third, "prepare begin"), SlowPool(third)
            for host in hosts:
                crowd(host, GUESTS + OFF * (host is third), prefix=host.name)
            third.virsh("; ".join(f"destroy {name}" for name in _off(third)))
        home = configured(Path(folder), {host.name: host.uri for host in hosts})
        with Recording([sys.executable, "-m", "kvmtui"], home) as recording:
            made = _faults(recording, hosts, gate, pool)
            try:
                calm = _through(recording, made)
            finally:
                gate.open()
                pool.go_on()
    name = "keys while things go wrong"
    return [
        Figure(name, "key to the row it highlights, p95, in between", calm.p95, "ms", 50.0, calm.about),
        *(Figure(name, fault.what, fault.keys.p95, "ms", 50.0, against(fault.keys, calm)) for fault in made),
    ]


def against(keys: Presses, calm: Presses) -> str:
    """Return how keys compare with those of calm times in the same run, and what they are."""
    return f"{number(keys.p95 / calm.p95)} ({number(keys.own / calm.own)}) times of in between; {keys.about}"


def _off(third: Host) -> list[str]:
    return [f"{third.name}-{number:02}" for number in range(GUESTS + 1, GUESTS + OFF + 1)]


def _faults(recording: Recording, hosts: Sequence[Host], gate: Gate, pool: SlowPool) -> list[Fault]:
    _, second, third = hosts
    storm = Storm(second, third, GUESTS)
    hung = f"{second.name}-03"
    sizes = itertools.cycle(SIZES)
    first, *others = _off(third)

    def start(*names: str) -> None:
        gate.shut()
        for name in names:
            _enter(recording, f"start {name}")
        gate.wait_reached()

    def tell(how: signal.Signals) -> None:
        os.kill(second.qemu_pid(hung), how)

    def usual_size() -> None:
        recording.resize(COLS, ROWS)

    silent = rf"{second.name} +no answer since"
    late = rf"{hung} .*not answering|{second.name} .*slow"
    return [
        Fault("one libvirtd stopped", second.stop, second.cont, silent),
        Fault("one QEMU stopped", lambda: tell(signal.SIGSTOP), lambda: tell(signal.SIGCONT), late),
        Fault("packets to a host lost", second.drop_packets, second.pass_packets, silent),
        Fault("a host unplugged", second.unplug, second.plug, silent),
        Fault("libvirtd killed, and started again", second.kill9, second.start, rf"{second.name} +down since"),
        Fault("a hook holds a start up", lambda: start(first), gate.open, r"\b1 task\b"),
        Fault("five calls that do not end", lambda: start(*others), gate.open, rf"\b{len(others)} tasks\b"),
        Fault("a pool's refresh does not end", pool.hang, pool.go_on),
        Fault("VMs stop, start and pause all the time", storm.begin, storm.end),
        Fault(
            "the terminal has another size for each key",
            nothing,
            usual_size,
            before_each=lambda: recording.resize(*next(sizes)),
        ),
    ]


def _enter(recording: Recording, line: str) -> None:
    """Enter a line after `:`."""
    typed = f":{line}"
    recording.send(f":{line}".encode())
    recording.until(lambda one: any(each.startswith(typed) for each in one.lines()), "the line")
    time.sleep(0.1)
    recording.send(b"\r")
    recording.until(lambda one: not any(each.startswith(typed) for each in one.lines()), "the line's end")
    time.sleep(0.1)


def _through(recording: Recording, faults: list[Fault]) -> Presses:
    """Press keys through all of them; returns what was measured in between."""
    calm = Presses()
    rows = re.compile(r"hv\d-\d+ +on .*\d\.\d/1\b")
    recording.until(lambda one: len(rows.findall("\n".join(one.lines()))) >= GUESTS, "rows of VMs", BACK)
    finger = Finger(recording)
    finger.during(CALM)  # what is loaded with the first keys is in no figure
    for fault in faults:
        calm.each.extend(finger.during(CALM))
        with aside():
            fault.begin()
        fault.keys.each.extend(finger.during(LASTS, fault.before_each))
        shown = _until_shown(recording, fault, finger)
        mending = threading.Thread(target=_aside, args=(fault.end,))
        mending.start()
        fault.keys.each.extend(finger.during(ENDS))
        mending.join()
        if not shown:
            raise Missing(f"{fault.sign!r} did not come to the screen")
        recording.until(lambda one: ALL_UP.search(one.lines()[0]), "all hosts", BACK)
        finger.during(SETTLES)
    return calm


def _until_shown(recording: Recording, fault: Fault, finger: Finger) -> bool:
    """Press keys for longer where the machine is so busy that the screen does not say yet what is wrong."""
    sign = re.compile(fault.sign)
    deadline = time.monotonic() + SHOWN
    while not sign.search("\n".join(recording.lines())):
        if time.monotonic() > deadline:
            return False
        fault.keys.each.extend(finger.during(1.0, fault.before_each))
    return True


def _aside(end: Callable[[], object]) -> None:
    with aside():
        end()
