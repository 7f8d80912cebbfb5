"""What one reading of a host says: totals since something started.

Readings are named tuples, not dataclasses: thousands are made every second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    online: tuple[int, ...] | None = None  # the numbers of these CPUs; None: from 0 on
