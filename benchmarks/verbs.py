"""Headless verbs: what a script waits for."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, spread
from benchmarks.recording import Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

URI = "qemu:///system"
LIST = (sys.executable, "-m", "kvmtui", "-c", URI, "vms", "--json")
BARE = (sys.executable, "-m", "benchmarks.bare_list", URI)
ROUNDS = 15


def verbs() -> list[Figure]:
    """`kvmtui vms --json` against a bare Python that makes the same calls, by turns."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory(prefix="kvmtui-bench-") as folder:
        for _ in range(ROUNDS):
            bare.append(timed(BARE, folder))
            ours.append(timed(LIST, folder))
    ms = [1000 * statistics.median(values) for values in (ours, bare)]
    name = "vms --json"
    return [
        Figure(name, "against a bare Python with the same calls", ms[0] / ms[1], "times", 1.5, f"{ROUNDS} by turns"),
        Figure(name, "a bare Python that imports asyncio and libvirt", ms[1], "ms", about=spread(_ms(bare))),
        Figure(name, "kvmtui", ms[0], "ms", about=spread(_ms(ours))),
    ]


def timed(argv: Sequence[str], home: str) -> float:
    """Return the seconds that a program takes to print a JSON document of VMs, and to end."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {f"XDG_{place}_HOME": f"{home}/{place.lower()}" for place in ("CONFIG", "STATE", "DATA", "CACHE")}
    began = time.monotonic()
    done = subprocess.run(argv, env=environment, capture_output=True, check=False)
    took = time.monotonic() - began
    if done.returncode or not json.loads(done.stdout)["vms"]:
        raise Missing(f"the VMs, of {' '.join(argv)}: {done.stderr.decode(errors='replace')}")
    return took


def _ms(seconds: Sequence[float]) -> list[float]:
    return [1000 * each for each in seconds]
