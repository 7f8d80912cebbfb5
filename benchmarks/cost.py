"""What a running process has used: CPU time and memory, from the kernel."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Memory in bytes."""

    rss: int  # resident, with pages that others share
    pss: int  # shared pages divided among those who share them


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and all its threads."""
    # The kernel's clock of a process: its id is the complement of the pid above three bits, of which 2 means "as
    # scheduled". /proc/PID/stat counts in steps of 10 ms.
    return time.clock_gettime((~pid << 3) | 2)


def memory(pid: int) -> Memory:
    """Return the memory of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = {name: int(number) * 1024 for name, number in re.findall(r"^(Rss|Pss):\s+(\d+) kB", text, re.MULTILINE)}
    return Memory(found["Rss"], found["Pss"])


def waited_seconds(pid: int) -> float:
    """Return how long the first thread of a process has waited for a CPU that other programs had; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
