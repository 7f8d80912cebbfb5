"""The scenes that are measured: each starts the program and returns its figures."""

from __future__ import annotations

import re
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import calls, links, outside
from benchmarks.consoles import console
from benchmarks.cost import cpu_seconds, memory
from benchmarks.faults import faults
from benchmarks.figures import Figure, percentile, spread
from benchmarks.making import create, migrate
from benchmarks.pressing import Finger, Presses, press
from benchmarks.recording import COLS, ROWS, Recording
from benchmarks.trouble import trouble
from benchmarks.verbs import verbs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GUESTS = 30
STARTS = 7
SETTLED = 14.0  # seconds after the start: the order is made anew for the last time after 10
WINDOW = 20.0  # seconds
REFRESH = 2.0
TICKS = 10
MIB = 2**20

PYTHON = sys.executable
LOCAL = (PYTHON, "-m", "kvmtui", "-c", "qemu:///system")
DEMO = (PYTHON, "-m", "kvmtui", "--demo", "50x5000", "--refresh", "1")
SHAKEN_FLEET = "demo:///?hosts=10&vms=1000&faults=story"
SHAKEN = (PYTHON, "-m", "benchmarks.shaken", "-c", SHAKEN_FLEET, "--refresh", "1")
SHAKES, CALM, SHAKING = 2, 15.0, 25.0  # rounds, and seconds of keys in each
RUNNING = re.compile(r"crowd-\d+ +on\b")
WITH_RATES = re.compile(r"crowd-\d+ +on .*\d\.\d/1\b")
LARGE_ROWS = re.compile(r"\d\.\d/\d+ .*[KMG]\b")


def shows(pattern: re.Pattern[str], count: int = 1) -> Callable[[Recording], bool]:
    """Return what tells whether so many lines of the screen match."""
    return lambda recording: sum(bool(pattern.search(line)) for line in recording.lines()) >= count


def start() -> list[Figure]:
    """From the start to the first rows of VMs with their state, against the one line of a bare Textual program."""
    name = "start"
    bare, rows, rates = [], [], []
    for _ in range(STARTS):
        with Recording([PYTHON, "-m", "benchmarks.bare"]) as recording:
            line = re.compile("this line is the bare program")
            bare.append(recording.until(shows(line), "the bare program's line") - recording.began)
        with Recording(LOCAL) as recording:
            rows.append(recording.until(shows(RUNNING, 10), "rows of VMs") - recording.began)
            rates.append(recording.until(shows(WITH_RATES, 10), "rows with figures") - recording.began)
    ms = [1000 * statistics.median(values) for values in (bare, rows, rates)]
    return [
        Figure(name, "rows of running VMs, against bare Textual", ms[1] / ms[0], "times", 2.0, f"{STARTS} starts each"),
        Figure(name, "bare Textual program, one line", ms[0], "ms", about=spread([1000 * each for each in bare])),
        Figure(
            name, f"kvmtui, rows of {GUESTS} running VMs", ms[1], "ms", about=spread([1000 * each for each in rows])
        ),
        Figure(name, "kvmtui, rows with CPU figures", ms[2], "ms", about="a rate needs two readings"),
    ]


def idle() -> list[Figure]:
    """What it costs to look at VMs that do nothing."""
    with Recording([*LOCAL, "--refresh", str(REFRESH)]) as recording:
        recording.until(shows(WITH_RATES, 10), "rows with figures")
        time.sleep(SETTLED)
        return _steady("idle", recording, cpu=3.0, rss=90.0, rate=2048.0)


def _steady(scene: str, recording: Recording, *, cpu: float, rss: float, rate: float | None) -> list[Figure]:
    """Return CPU, output and memory over a window without keys."""
    pid = recording.process.pid
    began, used = time.monotonic(), cpu_seconds(pid)
    time.sleep(WINDOW)
    ended = time.monotonic()
    percent = 100 * (cpu_seconds(pid) - used) / (ended - began)
    taken = memory(pid)
    bytes_a_second = recording.bytes_between(began, ended) / (ended - began)
    recording.catch_up()
    return [
        Figure(scene, "CPU", percent, "% of a core", cpu, f"over {WINDOW:g} s"),
        Figure(scene, "to the terminal", bytes_a_second, "bytes/s", rate),
        Figure(scene, "memory, resident", taken.rss / MIB, "MiB", rss),
        Figure(scene, "memory, its share of what is shared", taken.pss / MIB, "MiB"),
    ]


def selection() -> list[Figure]:
    """Moving the selection in a list of idle VMs."""
    with Recording([*LOCAL, "--refresh", str(REFRESH)]) as recording:
        recording.until(shows(WITH_RATES, 10), "rows with figures")
        time.sleep(3.0)
        keys, sizes = press(recording)
    name = "selection"
    return [
        Figure(name, "to the terminal for a key, p95", percentile(sizes, 95), "bytes", 2048.0, spread(sizes)),
        Figure(name, "key to the row it highlights, p95", keys.p95, "ms", 50.0, keys.about),
    ]


def large() -> list[Figure]:
    """A simulated fleet of 50 hosts and 5,000 busy VMs."""
    name = "demo 50x5000"
    with Recording(DEMO) as recording:
        first = recording.until(shows(LARGE_ROWS, 5), "rows with figures", 60)
        time.sleep(SETTLED)
        steady = _steady(name, recording, cpu=40.0, rss=250.0, rate=None)
        keys, sizes = press(recording)
        after = memory(recording.process.pid).rss / MIB
    return [
        *steady,
        Figure(name, "memory, resident, at the end", after, "MiB", 250.0),
        Figure(name, "key to the row it highlights, p95", keys.p95, "ms", 50.0, keys.about),
        Figure(name, "to the terminal for a key, p50", percentile(sizes, 50), "bytes", about=spread(sizes)),
        Figure(name, "start to rows with figures", first - recording.began, "s"),
    ]


def thousand() -> list[Figure]:
    """A simulated fleet of 10 hosts and 1,000 VMs, at rest and while things go wrong."""
    name = "demo 10x1000"
    with Recording(SHAKEN) as recording:
        recording.until(shows(LARGE_ROWS, 5), "rows with figures", 60)
        time.sleep(SETTLED)
        finger, calm, shaken = Finger(recording), Presses(), Presses()
        for _ in range(SHAKES):
            calm.each.extend(finger.during(CALM))
            recording.process.send_signal(signal.SIGUSR1)
            shaken.each.extend(finger.during(SHAKING))
            recording.process.send_signal(signal.SIGUSR1)
            time.sleep(3.0)
    return [
        Figure(name, "key to the row it highlights, p95", calm.p95, "ms", 50.0, calm.about),
        Figure(name, "the same while 4 hosts fail, 10 VMs a second change", shaken.p95, "ms", 50.0, shaken.about),
        Figure(name, "the same, against before", shaken.p95 / calm.p95, "times"),
    ]


def changes() -> list[Figure]:
    """A change by virsh to its row on the screen."""
    with Recording([*LOCAL, "--refresh", str(REFRESH)]) as recording:
        recording.until(shows(WITH_RATES, 10), "rows with figures")
        recording.send(b"/")
        recording.send(b"crowd-0")
        recording.send(b"\r")
        recording.until(lambda one: not shows(re.compile(r"crowd-1\d"))(one), "the filtered list")
        time.sleep(2.0)
        after_event, after_virsh = outside.measure(recording)
    name = "change made outside"
    return [
        Figure(name, "libvirt's event to its row, p95", percentile(after_event, 95), "ms", 150.0, spread(after_event)),
        Figure(name, "virsh's end to its row, p95", percentile(after_virsh, 95), "ms", about=spread(after_virsh)),
    ]


def rpc() -> list[Figure]:
    """The calls that go to libvirt while nothing changes."""
    with tempfile.TemporaryDirectory(prefix="kvmtui-bench-") as folder:
        log = Path(folder) / "libvirt.log"
        with Recording([*LOCAL, "--refresh", str(REFRESH)], calls.logging_to(log)) as recording:
            recording.until(shows(WITH_RATES, 10), "rows with figures")
            time.sleep(5.0)
            before = calls.count(log)
            time.sleep(TICKS * REFRESH)
            after = calls.count(log)
    made = after - before
    pings = sum(made.pop(name, 0) for name in calls.PINGS)
    bulk = made.pop(calls.BULK, 0) / TICKS
    sizes = made.pop(calls.SIZES, 0) / TICKS
    rest = sum(made.values()) / TICKS
    names = ", ".join(f"{name} {number / TICKS:.1f}" for name, number in made.most_common())
    name = "calls per host and tick"
    return [
        # A window that is not in step with the ticks holds one more or one less.
        Figure(name, "bulk statistics", bulk, "calls", 1.1, f"{calls.BULK}, over {TICKS} ticks of {REFRESH:g} s"),
        Figure(name, "everything else", rest, "calls", 2.1, names),
        Figure(name, "sizes of answers, asked by libvirt-python itself", sizes, "calls"),
        Figure(name, "pings, by a timer of their own", pings / TICKS, "calls", about=", ".join(calls.PINGS)),
    ]


SCENES: Mapping[str, Callable[[], list[Figure]]] = {
    "start": start,
    "idle": idle,
    "changes": changes,
    "selection": selection,
    "large": large,
    "thousand": thousand,
    "calls": rpc,
    "verbs": verbs,
    "console": console,
    "trouble": trouble,
    "faults": faults,
    "far-end": links.far_end,
    "fleet": links.fleet,
    "listed": links.listed,
    "migrate": migrate,
    "create": create,
}
"""What can be measured, by name."""

WITHOUT_LAB = frozenset({"large", "thousand"})
"""The scenes that need no libvirt host."""
OWN_HOSTS = frozenset({"console", "trouble", "faults", "far-end", "fleet", "listed", "migrate", "create"})
"""The scenes that build hosts for themselves."""

SIZE = f"{COLS}x{ROWS}, true colour"
