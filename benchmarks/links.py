"""Long links: the program at the far end of one, twenty hosts at that of twenty, and a list over ssh."""

from __future__ import annotations

import contextlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, percentile, spread
from benchmarks.recording import Missing, Recording
from benchmarks.relay import LISTENER, Relay
from tests.real.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.real.lab import Host

ROUND_TRIP = 0.2  # seconds
LOSS = 0.01
GUESTS = 30
FLEET = 20
ON_EACH = 3
STARTS = 3
PRESSES = 60
LISTS = 7
WINDOW = 20.0  # seconds
SSH_PORT = 22

KVMTUI = Path(sys.executable).with_name("kvmtui")
RUNNING = re.compile(r"crowd-\d+ +on\b")


def shows(pattern: re.Pattern[str], count: int = 1) -> Callable[[Recording], bool]:
    """Return what tells whether so many lines of the screen match."""
    return lambda recording: sum(bool(pattern.search(line)) for line in recording.lines()) >= count


@contextlib.contextmanager
def known(lab: Lab, relay: Relay, hosts: dict[str, Host]) -> Iterator[None]:
    """Let ssh know the hosts at the near ends of their links."""
    file = lab.folder / "home/.ssh/known_hosts"
    before = file.read_text()
    with file.open("a") as names:
        for name, host in hosts.items():
            kind, key, _ = (host.folder / "ssh_host_key.pub").read_text().split(maxsplit=2)
            names.write(f"[{LISTENER}]:{relay.ports[name]} {kind} {key}\n")
    try:
        yield
    finally:
        file.write_text(before)


@contextlib.contextmanager
def master(control: Path, *destination: str) -> Iterator[tuple[str, ...]]:
    """Log in, as a user whose ssh keeps connections does; gives how to go over it."""
    over = ("ssh", "-o", f"ControlPath={control}", *destination)
    subprocess.run([*over, "-M", "-f", "-N", "-o", "ControlPersist=yes"], check=True)
    try:
        yield over
    finally:
        subprocess.run([*over, "-O", "exit"], capture_output=True, check=False)


def far_end() -> list[Figure]:
    """The program runs on the host, and is looked at from the other end of a long link."""
    name = "far end"
    with Lab() as lab:
        host = lab.host("bench")
        lab.crowd(host, GUESTS)
        with (
            Relay({"bench": (host.address, SSH_PORT)}, ROUND_TRIP, LOSS) as relay,
            known(lab, relay, {"bench": host}),
            master(lab.folder / "tmp/far", "-C", "-p", str(relay.ports["bench"]), f"root@{LISTENER}") as over,
        ):
            sizes = []
            for _ in range(STARTS):
                with Recording(_there(over)) as recording:
                    seen = recording.until(shows(RUNNING, 10), "rows of VMs", 60)
                    sizes.append(float(relay.bytes_down(recording.began, seen)))
            with Recording(_there(over)) as recording:
                recording.until(shows(RUNNING, 10), "rows of VMs", 60)
                time.sleep(8.0)
                latencies = _press(recording)
                time.sleep(12.0)  # the order is made anew for the last time after 10
                began = time.monotonic()
                time.sleep(WINDOW)
                moving = relay.bytes_down(began, began + WINDOW) / WINDOW
            with Recording(_there(over, "--refresh", "100")) as recording:
                recording.until(shows(RUNNING, 10), "rows of VMs", 60)
                time.sleep(50.0)  # the second reading comes after 40, the third after 140
                _within_a_minute(recording)
                began = time.monotonic()
                time.sleep(WINDOW)
                still = relay.bytes_down(began, began + WINDOW)
    trip = 1000 * ROUND_TRIP
    return [
        Figure(
            name, "key to the row it highlights, p95", percentile(latencies, 95), "ms", trip + 50, spread(latencies)
        ),
        Figure(
            name, "first screen, on the wire", statistics.median(sizes) / 1024, "KB", 8.0, "ssh -C, after the login"
        ),
        Figure(name, "on the wire while nothing is read", float(still), "bytes", 0.0, f"in {WINDOW:g} s"),
        Figure(name, "on the wire while figures change", moving, "bytes/s", about=f"{GUESTS} idle VMs, every 2 s"),
    ]


def _there(over: tuple[str, ...], *arguments: str) -> list[str]:
    """Return what starts the program on the far host, with a home of its own there."""
    home = tempfile.mkdtemp(prefix="kvmtui-bench-")
    places = [f"XDG_{place}_HOME={home}/{place}" for place in ("CONFIG", "STATE", "DATA", "CACHE")]
    terminal = ["TERM=xterm-256color", "COLORTERM=truecolor", "LC_ALL=C.UTF-8"]
    return [*over, "-tt", "env", *places, *terminal, str(KVMTUI), "-c", "qemu:///system", *arguments]


def _within_a_minute(recording: Recording) -> None:
    """Wait until the screen's clock shows a minute that lasts longer than the window."""
    if time.time() % 60 > 45 - WINDOW:  # it is painted a moment after the minute has begun
        time.sleep(60.5 - time.time() % 60)
    recording.catch_up()
    clock = re.compile(time.strftime(r":%M *$"))
    if not clock.search(recording.lines()[0]):
        recording.until(lambda recording: clock.search(recording.lines()[0]), "the clock of this minute")
    time.sleep(1.0)


def _press(recording: Recording) -> list[float]:
    """Move the selection down and up; returns the milliseconds from each key to the row that it highlights."""
    chance = random.Random(7)  # noqa: S311 - keys at moments that do not keep step with the refresh
    latencies = []
    for count in range(PRESSES):
        recording.catch_up()
        before = recording.selected()
        sent = recording.send(b"\x1b[B" if count // 8 % 2 == 0 else b"\x1b[A")
        seen = recording.until(
            lambda recording, before=before: recording.selected() not in (None, before),  # type: ignore[misc]
            "another highlighted row",
        )
        latencies.append(1000 * (seen - sent))
        time.sleep(chance.uniform(0.4, 0.8))
    return latencies


def fleet() -> list[Figure]:
    """Twenty hosts, each behind a long link of its own."""
    name = f"{FLEET} hosts over ssh"
    first, whole, bare = [], [], []
    with Lab() as lab:
        hosts = {f"far{number}": lab.host(f"far{number}") for number in range(1, FLEET + 1)}
        for host in hosts.values():
            lab.crowd(host, ON_EACH)
        targets = {one: (host.address, SSH_PORT) for one, host in hosts.items()}
        with Relay(targets, ROUND_TRIP) as relay, known(lab, relay, hosts):
            for _ in range(STARTS):
                with Recording(*_all_of(relay)) as recording:
                    first.append(recording.until(shows(RUNNING), "the first rows", 60) - recording.began)
                    head = re.compile(rf"hosts {FLEET}/{FLEET} +VMs {FLEET * ON_EACH} on")
                    whole.append(recording.until(shows(head), "all hosts", 60) - recording.began)
            for _ in range(STARTS):
                began = time.monotonic()
                login = ["ssh", "-p", str(relay.ports["far1"]), f"root@{LISTENER}", "virsh", "list"]
                subprocess.run(login, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
                bare.append(time.monotonic() - began)
    return [
        Figure(name, "start to the first host's rows", statistics.median(first), "s", 2.5, spread(first)),
        Figure(name, "start to all hosts' rows", statistics.median(whole), "s", 6.0, spread(whole)),
        Figure(name, "ssh to one of them, `virsh list` there", statistics.median(bare), "s", about="for comparison"),
    ]


def _all_of(relay: Relay) -> tuple[list[str], dict[str, str]]:
    """Return what starts the program on all links, and its environment."""
    home = Path(tempfile.mkdtemp(prefix="kvmtui-bench-"))
    file = home / "kvmtui/config.toml"
    file.parent.mkdir()
    file.write_text(
        "".join(
            f'[hosts.{name}]\nuri = "qemu+ssh://root@{LISTENER}:{port}/system"\n' for name, port in relay.ports.items()
        )
    )
    return [str(KVMTUI)], {"XDG_CONFIG_HOME": str(home)}


def listed() -> list[Figure]:
    """`kvmtui vms --json` over a login that is there already."""
    name = "list over ssh"
    took, bare = [], []
    with Lab() as lab:
        host = lab.host("bench")
        lab.crowd(host, GUESTS)
        config = lab.folder / "home/.ssh/config"
        control = lab.folder / "tmp/listed"
        config.write_text(f"Host bench\n User root\n ControlPath {control}\n")
        with master(control, "bench"):
            for _ in range(LISTS):
                took.append(_timed([str(KVMTUI), "-c", "qemu+ssh://bench/system", "vms", "--json"]))
                bare.append(_timed([sys.executable, "-c", "import asyncio, libvirt"]))
        config.unlink()
    return [
        Figure(name, f"vms --json, {GUESTS} VMs", statistics.median(took), "s", 0.4, spread(took)),
        Figure(name, "Python that imports asyncio and libvirt", statistics.median(bare), "s", about="for comparison"),
    ]


def _timed(argv: list[str]) -> float:
    began = time.monotonic()
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise Missing(f"{' '.join(argv[:4])}: {ran.stderr or ran.stdout}")
    return time.monotonic() - began
