"""The counters of two readings become rates; a bounded history keeps them.

Readings and rates are named tuples, not dataclasses: thousands are made every second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class DiskCounters(NamedTuple):
    """One disk's totals since the VM started; `*_ns` are summed request times."""

    reads: int
    read_bytes: int
    read_ns: int
    writes: int
    write_bytes: int
    write_ns: int
    flushes: int
    flush_ns: int
    capacity: int | None = None
    allocation: int | None = None
    physical: int | None = None


class NicCounters(NamedTuple):
    """One interface's totals, as the guest sees them (rx: the guest receives)."""

    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_drops: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_drops: int


class MemoryReading(NamedTuple):
    """What the balloon tells, in bytes; None where it did not tell."""

    current: int | None = None
    available: int | None = None  # what the guest has
    usable: int | None = None  # what of it the guest could still use
    unused: int | None = None
    rss: int | None = None  # the host's view of the QEMU process
    updated: float | None = None  # epoch seconds of the guest's sample; None or 0: never
    swap_in: int | None = None
    swap_out: int | None = None


class VmCounters(NamedTuple):
    """What one bulk reading says of one active VM."""

    domain_id: int
    cpu_ns: int | None
    vcpus: int
    delay_ns: int | None  # summed over vCPUs: runnable but waiting; None when the group was not asked for
    memory: MemoryReading
    disks: Mapping[str, DiskCounters]  # by target name, never by index: order changes after a hot-plug
    nics: Mapping[str, NicCounters]  # by the host's device name
    complete: bool = True  # False: the monitor was busy, block and balloon figures are missing


class CpuTimes(NamedTuple):
    """CPU time in ns since boot, of the host or of one of its CPUs."""

    user: int
    kernel: int
    idle: int
    iowait: int


class HostMemory(NamedTuple):
    """A host's memory in bytes."""

    total: int
    free: int
    buffers: int
    cached: int
    available: int | None = None


class Sample(NamedTuple):
    """One reading of a host and its active VMs; `at` is monotonic seconds taken before the call."""

    at: float
    wall: float
    vms: Mapping[str, VmCounters]  # by UUID
    cpu: CpuTimes | None
    memory: HostMemory | None
    per_cpu: tuple[CpuTimes, ...] | None = None


class DiskRates(NamedTuple):
    """One disk, per second; `latency_ms` is None without requests."""

    name: str
    read_bps: float
    write_bps: float
    read_iops: float
    write_iops: float
    latency_ms: float | None


class NicRates(NamedTuple):
    """One interface, per second."""

    name: str
    rx_bps: float
    tx_bps: float
    rx_pps: float
    tx_pps: float
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
