"""What one host that hangs costs: the keys while it does, and the way out."""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure
from benchmarks.pressing import Finger, Presses, chance_of
from benchmarks.recording import Recording
from tests.real.lab import Lab
from tests.real.lab.guest import crowd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.real.lab import Host

NAME = "one host of three hangs"
GUESTS = 8  # on each
LEAVES = 5
SETTLED = 12.0  # seconds after the start
ROUNDS = 3  # in which the host answers, and hangs: what else the machine does falls on both alike
CALM = 14.0  # seconds of keys in which it answers
HANGS = 14.0  # and in which it hangs, of which it is called silent after 7
BACK = 3.0  # seconds after it is heard of again
ROW = re.compile(r"hv\d-\d+ +on\b")


def trouble() -> list[Figure]:
    """Three hosts: keys and leaving, with all of them there, and with one whose libvirtd is stopped."""
    with Lab() as lab, tempfile.TemporaryDirectory(prefix="kvmtui-bench-") as folder:
        hosts = [lab.host(f"hv{number}") for number in (1, 2, 3)]
        for host in hosts:
            crowd(host, GUESTS, prefix=host.name)
        home = configured(Path(folder), {host.name: host.uri for host in hosts})
        before, during = _keys(hosts, home)
        whole = [_leave(home) for _ in range(LEAVES)]
        stuck = [_leave(home, hosts[-1]) for _ in range(LEAVES)]
    leaving = [statistics.median(values) for values in (whole, stuck)]
    return [
        Figure(
            NAME,
            "key to the row it highlights, p95, against before",
            during.p95 / before.p95,
            "times",
            1.2,
            chance_of(during, before),
        ),
        Figure(NAME, "the same without waits for a CPU", during.own / before.own, "times"),
        Figure(NAME, "the same before", before.p95, "ms", about=before.about),
        Figure(NAME, "the same while it hangs", during.p95, "ms", 50.0, during.about),
        Figure(NAME, "leaving takes longer by", leaving[1] - leaving[0], "s", 0.3, f"{LEAVES} times each"),
        Figure(NAME, "leaving while all answer", leaving[0], "s"),
    ]


def configured(home: Path, hosts: Mapping[str, str]) -> Mapping[str, str]:
    """Write a configuration with these hosts; returns the environment in which it is read."""
    file = home / "config/kvmtui/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("".join(f'[hosts.{name}]\nuri = "{uri}"\n' for name, uri in hosts.items()))
    return {"XDG_CONFIG_HOME": str(home / "config")}


def _keys(hosts: Sequence[Host], home: Mapping[str, str]) -> tuple[Presses, Presses]:
    """Move the selection while all hosts answer, and while the last one is stopped, by turns."""
    last = hosts[-1]
    silent = re.compile(rf"{last.name} +no answer since")
    all_up = re.compile(rf"hosts {len(hosts)}/{len(hosts)}")
    before, during = Presses(), Presses()
    with Recording([sys.executable, "-m", "kvmtui"], home) as recording:
        recording.until(lambda one: len(ROW.findall("\n".join(one.lines()))) >= GUESTS, "rows of VMs")
        time.sleep(SETTLED)
        finger = Finger(recording)
        for _ in range(ROUNDS):
            before.each.extend(finger.during(CALM))
            last.stop()
            try:
                during.each.extend(finger.during(HANGS))
                recording.until(lambda one: silent.search("\n".join(one.lines())), "no answer")
            finally:
                last.cont()
            recording.until(lambda one: all_up.search(one.lines()[0]), "all hosts")
            time.sleep(BACK)
    return before, during


def _leave(home: Mapping[str, str], stuck: Host | None = None) -> float:
    """Return the seconds from `Q` to the end of the program; `stuck` is stopped meanwhile."""
    with Recording([sys.executable, "-m", "kvmtui"], home) as recording:
        recording.until(lambda one: len(ROW.findall("\n".join(one.lines()))) >= GUESTS, "rows of VMs")
        time.sleep(2.0)
        if stuck is not None:
            stuck.stop()
        try:
            if stuck is not None:
                time.sleep(3.0)  # a call is under way that does not come back
            began = recording.send(b"Q")
            recording.process.wait(20)
            return time.monotonic() - began
        finally:
            if stuck is not None:
                stuck.cont()
