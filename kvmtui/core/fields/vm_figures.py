"""The figures of a virtual machine that runs: what it uses now, and how that is written; None is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core import units
from kvmtui.core.fields.field import Tone, rising
from kvmtui.core.inventory import VmState
from kvmtui.core.limits import MEMORY

if TYPE_CHECKING:
    from kvmtui.core.rows import VmRow


def flow_tone(row: VmRow) -> Tone:
    """Return the tone of bytes per second: muted where there are none."""
    rates = row.measured
    return Tone.MUTED if rates is None or (rates.read_bps is None and rates.rx_bps is None) else Tone.NORMAL


def cores(row: VmRow) -> float | None:
    """Return the cores in use."""
    rates = row.measured
    return None if rates is None else rates.cpu_cores


def cores_shown(row: VmRow) -> float | None:
    """Return the cores as they are written: VMs that show the same figure stand by name, and do not change places."""
    exact = cores(row)
    return None if exact is None else round(exact, 1)


def cpu(row: VmRow) -> float | None:
    """Return the share of its vCPUs in percent."""
    rates = row.measured
    return None if rates is None else rates.cpu_percent


def cpu_text(row: VmRow) -> str:
    """Return the cores used of its vCPUs: "3.3/4"."""
    rates = row.measured
    if rates is None or rates.cpu_cores is None:
        return units.UNKNOWN
    busy = rates.cpu_cores
    used = f"{busy:.1f}" if busy < 9.95 else f"{busy:.0f}"
    return f"{used}/{rates.vcpus}" if rates.vcpus else used


def steal(row: VmRow) -> float | None:
    """Return the share of the time that its vCPUs waited for a CPU, in percent."""
    rates = row.measured
    return None if rates is None else rates.steal


def guest_memory(row: VmRow) -> int | None:
    """Return the bytes in use as the guest sees it."""
    rates = row.measured
    return None if rates is None else rates.memory_used


def host_memory(row: VmRow) -> int | None:
    """Return the bytes that its process occupies."""
    rates = row.measured
    return None if rates is None else rates.memory_rss


def memory(row: VmRow) -> int | None:
    """Return the bytes in use: as the guest sees it, else as the host does."""
    rates = row.measured
    if rates is None:
        return None
    return rates.memory_rss if rates.memory_used is None else rates.memory_used


def memory_text(row: VmRow) -> str:
    """Return the bytes in use of what it has: "1.7/2.0G", with h for the host's view and ~ for an old figure."""
    rates = row.measured
    if rates is None or (rates.memory_used is None and rates.memory_rss is None):
        return units.UNKNOWN
    total = rates.memory_total
    if rates.memory_used is None:
        return units.pair(rates.memory_rss, total, "h")
    return units.pair(rates.memory_used, total, "~" if rates.memory_stale else "")


def memory_tone(row: VmRow) -> Tone:
    """Return the tone of the memory in use."""
    rates = row.measured
    if rates is None or rates.memory_used is None or not rates.memory_total or rates.memory_stale:
        return Tone.MUTED
    return rising(100.0 * rates.memory_used / rates.memory_total, *MEMORY)


def latency(row: VmRow) -> float | None:
    """Return the latency of the slowest disk in milliseconds."""
    rates = row.measured
    return None if rates is None else rates.latency_ms


def is_stalled(row: VmRow) -> bool:
    """Whether a device of a VM that runs has stopped completing requests."""
    rates = row.measured
    return rates is not None and rates.stalled and row.vm.state is VmState.RUNNING


def latency_order(row: VmRow) -> float | None:
    """Return the same for sorting: a disk that stalls is the slowest."""
    return 1e12 if is_stalled(row) else latency(row)


def read(row: VmRow) -> float | None:
    """Return the bytes read per second."""
    rates = row.measured
    return None if rates is None else rates.read_bps


def write(row: VmRow) -> float | None:
    """Return the bytes written per second."""
    rates = row.measured
    return None if rates is None else rates.write_bps


def rx(row: VmRow) -> float | None:
    """Return the bytes received per second."""
    rates = row.measured
    return None if rates is None else rates.rx_bps


def tx(row: VmRow) -> float | None:
    """Return the bytes sent per second."""
    rates = row.measured
    return None if rates is None else rates.tx_bps


def iops(row: VmRow) -> float | None:
    """Return the disk requests per second."""
    rates = row.measured
    return None if rates is None else rates.iops


def both(one: float | None, other: float | None) -> float | None:
    """Return the sum of two figures; None where one is missing."""
    return None if one is None or other is None else one + other


def two(one: float | None, other: float | None) -> str:
    """Return two sizes as "1.7M/6.2M"."""
    return units.UNKNOWN if one is None and other is None else f"{units.size(one)}/{units.size(other)}"
