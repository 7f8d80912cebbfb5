"""What VMs and hosts do: the figures that are shown, and what they are made of (`core.rates` makes them).

They are named tuples, not dataclasses: thousands are made every second.
"""

from __future__ import annotations

from typing import NamedTuple

from kvmtui.core.counters import (
    CpuTimes,
    DiskCounters,
    HostMemory,
    MemoryReading,
    NicCounters,
    Sample,
    VmCounters,
)
from kvmtui.core.history import SERIES, History, Recording

__all__ = [
    "SERIES",
    "CpuTimes",
    "DiskCounters",
    "DiskRates",
    "History",
    "HostMemory",
    "HostRates",
    "MemoryReading",
    "NicCounters",
    "NicRates",
    "Recording",
    "Sample",
    "VmCounters",
    "VmRates",
]


class DiskRates(NamedTuple):
    """One disk, per second; `latency_ms` is None without requests."""

    name: str
    read_bps: float
    write_bps: float
    read_iops: float
    write_iops: float
    latency_ms: float | None
    capacity: int | None = None  # bytes that the guest sees
    allocation: int | None = None  # bytes that its image occupies on the host's storage


class Growth(NamedTuple):
    """How a storage pool has grown."""

    rate: float  # bytes a second
    seconds: float  # over how long that was seen


class NicRates(NamedTuple):
    """One interface, per second."""

    name: str
    rx_bps: float
    tx_bps: float
    drops: float
    errors: float


class VmRates(NamedTuple):
    """What a VM did between two readings. None is *not known*, never zero."""

    at: float  # epoch seconds
    cpu_cores: float | None  # cores used
    vcpus: int
    steal: float | None  # percent, mean over vCPUs
    memory_used: int | None  # the guest's view, else None
    memory_total: int | None
    memory_rss: int | None  # the host's view
    memory_stale: bool  # the guest's sample is older than three periods
    read_bps: float | None
    write_bps: float | None
    iops: float | None
    latency_ms: float | None  # the worst device over the last 10 s; None without requests
    stalled: bool  # a device busy in the last 5 min completed nothing for 10 s
    rx_bps: float | None
    tx_bps: float | None
    disks: tuple[DiskRates, ...]
    nics: tuple[NicRates, ...]
    complete: bool  # False: the VM's monitor did not answer this time
    steal_at: float | None = None  # epoch seconds of the reading that `steal` is from
    silent_since: float | None = None  # epoch seconds of the first of the readings that its monitor has not answered

    @property
    def cpu_percent(self) -> float | None:
        """CPU of the VM's own vCPUs in percent, 0 to 100."""
        if self.cpu_cores is None or not self.vcpus:
            return None
        return min(100.0, 100.0 * self.cpu_cores / self.vcpus)


class HostRates(NamedTuple):
    """What a host did between two readings, percents of all its CPUs."""

    at: float  # epoch seconds
    cpu: float | None  # without iowait
    iowait: float | None
    memory_used: int | None
    memory_total: int | None
    per_cpu: tuple[float, ...] | None  # only while the host's page is open
    uptime: float | None  # seconds, derived from CPU counters: approximate
    steal: float | None = None  # the worst running VM's
    committed: int = 0  # maximum memory of active VMs
    online: tuple[int, ...] | None = None  # the numbers of the CPUs in `per_cpu`; None: from 0 on
