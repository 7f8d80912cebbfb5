"""How fast pools fill up, and when they will be full, from what was seen since the program started; no clock.

A pool's own figures are from its last refresh, which may never come again. So the disks of its VMs count as well:
what they have come to occupy since, which is the least that the pool has lost.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.capacity import pool_of
from kvmtui.core.metrics import Growth
from kvmtui.core.units import duration, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmtui.core.inventory import HostState, Pool
    from kvmtui.core.metrics import VmRates

SPACING = 60.0  # seconds between two points
POINTS = 360  # six hours of them
LEAST = 900.0  # seconds that must have been seen before anything is said
_SLOWEST = 1 << 20  # bytes an hour below which a pool is as good as still
FULL_SOON = 86_400.0  # seconds
_FARTHEST = 90 * 86_400.0  # seconds: what is later is not said
_HOUR = 3600.0


class _Point(NamedTuple):
    at: float
    used: int  # as the pool says
    written: int  # what its VMs' disks have come to occupy since the first point


class PoolBook:
    """The last hours of every pool; fed with each reading of a host."""

    def __init__(self) -> None:
        self._points: dict[tuple[str, str], deque[_Point]] = {}  # by the fleet's name of the host, and the pool's UUID
        self._disks: dict[str, dict[tuple[str, str], int]] = {}  # what each disk occupies, by host
        self._due: dict[str, float] = {}
        self.growth: Mapping[tuple[str, str], Growth] = {}
        """How fast each pool grows that was seen long enough, by host and the pool's UUID."""

    def sampled(self, host: str, at: float, state: HostState, rates: Mapping[str, VmRates]) -> None:
        """Take a reading of a host at `at` (epoch seconds); most are passed over."""
        due = self._due.get(host)
        if due is not None and due - SPACING <= at < due:
            return
        self._due[host] = at + SPACING
        grown = self._grown(host, state, rates)
        for pool in state.pools:
            points = self._points.setdefault((host, pool.uuid), deque(maxlen=POINTS))
            if not pool.active or (points and at < points[-1].at):
                points.clear()  # it was away, or the clock was set back
            if pool.active:
                written = (points[-1].written if points else 0) + grown.get(pool.uuid, 0)
                points.append(_Point(at, pool.capacity - pool.available, written))
        self.growth = self._growth()

    def _grown(self, host: str, state: HostState, rates: Mapping[str, VmRates]) -> dict[str, int]:
        """Return by how much the disks of each pool have grown since the last point, of those known at both."""
        before, now = self._disks.get(host, {}), {}
        grown: dict[str, int] = {}
        for uuid, one in rates.items():
            vm = state.vms.get(uuid)
            disks = {disk.target: disk for disk in vm.disks} if vm is not None else {}
            for rate in one.disks:
                disk = disks.get(rate.name)
                if disk is None or rate.allocation is None:
                    continue
                now[uuid, rate.name] = rate.allocation
                more = rate.allocation - before.get((uuid, rate.name), rate.allocation)
                pool = pool_of(state, disk) if more else None
                if pool is not None:
                    grown[pool.uuid] = grown.get(pool.uuid, 0) + more
        kept = {key: size for key, size in before.items() if key[0] in state.vms}  # also of those that are off
        self._disks[host] = {**kept, **now}
        return grown

    def _growth(self) -> dict[tuple[str, str], Growth]:
        found = {}
        for key, points in self._points.items():
            seconds = points[-1].at - points[0].at if points else 0.0
            if seconds >= LEAST:
                more = max(points[-1].used - points[0].used, points[-1].written - points[0].written)
                found[key] = Growth(more / seconds, seconds)
        return found


def forecast(pool: Pool, growth: Growth | None) -> str:
    """Return "full in ~3 d at +1.2G/h", "+12M/h", or "" when it is not known or does not grow."""
    if growth is None or not pool.active or growth.rate * _HOUR < _SLOWEST:
        return ""
    left = seconds_left(pool, growth)
    said = f"+{size(growth.rate * _HOUR)}/h"
    return said if left is None else f"full in ~{duration(left)} at {said}"


def seconds_left(pool: Pool, growth: Growth | None) -> float | None:
    """Return in how many seconds a pool will be full if it goes on like this; None when that is not to be said."""
    if growth is None or not pool.active or growth.rate * _HOUR < _SLOWEST or pool.available <= 0:
        return None
    left = pool.available / growth.rate
    return left if left <= _FARTHEST else None
