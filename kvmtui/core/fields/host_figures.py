"""The figures of a host: how busy and how full it is, and how that is written; None is not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core import units
from kvmtui.core.capacity import census, fullest_pool, host_sold, n_plus_one, pool_fill
from kvmtui.core.fields.field import Tone
from kvmtui.core.forecast import seconds_left
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.core.inventory import Pool
    from kvmtui.core.metrics import HostRates
    from kvmtui.core.rows import HostRow


def _load(row: HostRow) -> HostRates | None:
    state = row.entry.state
    return state.load if state is not None and row.live else None


def cpu(row: HostRow) -> float | None:
    """Return the share of its CPUs that is in use, in percent, without waiting for disks."""
    load = _load(row)
    return None if load is None else load.cpu


def steal(row: HostRow) -> float | None:
    """Return the steal of its worst running VM, in percent."""
    load = _load(row)
    return None if load is None else load.steal


def iowait(row: HostRow) -> float | None:
    """Return the share of time in which its CPUs waited for disks, in percent."""
    load = _load(row)
    return None if load is None else load.iowait


def uptime(row: HostRow) -> float | None:
    """Return the seconds since it was started."""
    load = _load(row)
    return None if load is None else load.uptime


def used(row: HostRow) -> int | None:
    """Return the bytes of memory in use: all but what is free, buffers and cache."""
    load = _load(row)
    return None if load is None else load.memory_used


def total(row: HostRow) -> int | None:
    """Return the bytes of memory that it has."""
    load = _load(row)
    if load is not None and load.memory_total:
        return load.memory_total
    return None if row.entry.state is None else row.entry.state.host.memory


def used_share(row: HostRow) -> float | None:
    """Return the memory in use in percent."""
    taken, all_ = used(row), total(row)
    return 100.0 * taken / all_ if taken is not None and all_ else None


def used_text(row: HostRow) -> str:
    """Return the memory in use of all: "148/256G"."""
    taken = used(row)
    return units.UNKNOWN if taken is None else units.pair(taken, total(row))


def sold(row: HostRow) -> float | None:
    """Return the most that its active VMs may use of its memory, in percent."""
    return host_sold(row.entry.state) if row.live else None


def pool(row: HostRow) -> float | None:
    """Return how full its fullest pool is, in percent."""
    found = fullest_pool(row.entry.state) if row.live else None
    return None if found is None else found[1]


def pool_name(row: HostRow) -> str:
    """Return the name of its fullest pool, "" when there is none."""
    found = fullest_pool(row.entry.state)
    return "" if found is None else found[0].name


def first_full(row: HostRow) -> tuple[Pool, float] | None:
    """Return the pool that will be full first, and in how many seconds; None when none is known to fill up."""
    state = row.entry.state
    if state is None or not row.live:
        return None
    found = [(pool, seconds_left(pool, row.fleet.growth.get((row.entry.name, pool.uuid)))) for pool in state.pools]
    return min(((pool, left) for pool, left in found if left is not None), key=lambda one: one[1], default=None)


def pools_text(row: HostRow) -> str:
    """Return how full each active pool is, the fullest first: "nvme 97 %, hdd 61 %"."""
    state = row.entry.state
    fills = [(fill, pool.name) for pool in (state.pools if state else ()) if (fill := pool_fill(pool)) is not None]
    return ", ".join(f"{safe(name, limit=40)} {units.percent(fill)}" for fill, name in sorted(fills, reverse=True))


def vm_count(row: HostRow) -> int | None:
    """Return how many VMs it has, on and off."""
    return None if row.entry.state is None else census(row.entry.state).total


def active_count(row: HostRow) -> int | None:
    """Return how many of its VMs are on or paused."""
    if row.entry.state is None:
        return None
    counted = census(row.entry.state)
    return counted.total - counted.off


def fits(row: HostRow) -> bool | None:
    """Tell whether its VMs would fit on the other hosts."""
    return n_plus_one(row.fleet, row.entry)


def fits_text(row: HostRow) -> str:
    """Return "yes", "NO" or "-"."""
    room = fits(row)
    if room is None:
        return units.UNKNOWN
    return "yes" if room else "NO"


def fits_order(row: HostRow) -> float | None:
    """Return what it is sorted by: those whose VMs would not fit come together."""
    room = fits(row)
    return None if room is None else float(not room)


def fits_tone(row: HostRow) -> Tone:
    """Return the tone of N+1: a warning where they would not fit."""
    room = fits(row)
    if room is None:
        return Tone.MUTED
    return Tone.NORMAL if room else Tone.WARN
