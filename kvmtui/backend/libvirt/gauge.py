"""How far a migration is, from what libvirt says of its job each time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from kvmtui.core.migration import MoveProgress

if TYPE_CHECKING:
    from collections.abc import Mapping

MIGRATION_OUT = 5  # virDomainJobOperation
_MOST = 99.0  # libvirt says that nothing is left before the target runs
_PAGE = 4096  # bytes
_WINDOW = 5.0  # seconds: a slow copy goes on by leaps


class Gauge:
    """Keeps what a percentage that never falls back and a rate need of earlier readings."""

    def __init__(self, memory: int) -> None:
        """`memory`: bytes of the guest's memory, which is sent after its disks and is not in the first readings."""
        self._memory = memory
        self._most = 0.0
        self._seen: deque[tuple[float, int]] = deque()  # when, and what was left

    def read(self, stats: Mapping[str, int | str], at: float) -> MoveProgress | None:
        """Return how far it is at `at` (monotonic seconds); None while there is no such job."""
        if not stats.get("type") or stats.get("operation", MIGRATION_OUT) != MIGRATION_OUT:
            return None
        total, left = self._amounts(stats)
        if total <= 0:
            return MoveProgress(None, None, None, None, None, None)
        self._most = max(self._most, min(_MOST, 100.0 * (total - left) / total))
        dirty = _number(stats, "memory_dirty_rate") * (_number(stats, "memory_page_size") or _PAGE)
        rate = self._rate(stats, at, left)
        gain = (rate or 0) - dirty
        return MoveProgress(
            percent=self._most,
            left=left,
            rate=float(rate) if rate is not None else None,
            dirty=float(dirty) if "memory_dirty_rate" in stats else None,
            downtime=float(_number(stats, "downtime")) if "downtime" in stats else None,
            seconds_left=left / gain if gain > 0 else None,
            iteration=_number(stats, "memory_iteration") if "memory_iteration" in stats else None,
        )

    def _amounts(self, stats: Mapping[str, int | str]) -> tuple[int, int]:
        """Return the bytes in all and those that are left, of disks and memory."""
        memory, memory_left = _number(stats, "memory_total"), _number(stats, "memory_remaining")
        if memory <= 0:
            memory = memory_left = self._memory
        return memory + _number(stats, "disk_total"), memory_left + _number(stats, "disk_remaining")

    def _rate(self, stats: Mapping[str, int | str], at: float, left: int) -> int | None:
        """Return bytes a second: as QEMU says, or as what is left tells while disks are copied."""
        if self._seen and left > self._seen[-1][1]:
            self._seen.clear()  # the disks have come to it, or the guest writes faster than it is read
        self._seen.append((at, left))
        while at - self._seen[0][0] > _WINDOW:
            self._seen.popleft()
        said = _number(stats, "memory_bps") + _number(stats, "disk_bps")
        if said > 0:
            return said
        since, was = self._seen[0]
        return int((was - left) / (at - since)) if at > since else None


def _number(stats: Mapping[str, int | str], key: str) -> int:
    value = stats.get(key, 0)
    return value if isinstance(value, int) else 0
