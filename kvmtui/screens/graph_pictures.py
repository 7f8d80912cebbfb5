"""What the charts of a VM draw: the lines of a span of time, out of what is kept of its past."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, log, nan
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.units import bps, latency, size
from kvmtui.widgets.plot import Mark, Picture, Series

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.core.fields import VmRow
    from kvmtui.core.history import History, Recording

WAIT = "recorded since this page was opened"

Line = tuple[Sequence[float], Sequence[float]]


class Past(NamedTuple):
    """What is kept of a VM: points each 10 s, and every reading since its graphs were opened."""

    history: History | None
    recording: Recording | None

    @property
    def first(self) -> float | None:
        """The oldest time there is."""
        found = [times[0] for times in self._all_times() if len(times)]
        return min(found, default=None)

    @property
    def newest(self) -> float | None:
        """The newest time there is."""
        found = [times[-1] for times in self._all_times() if len(times)]
        return max(found, default=None)

    def _all_times(self) -> list[Sequence[float]]:
        kept = (self.history, self.recording)
        return [one.series("cpu")[0] for one in kept if one is not None]

    def line(self, name: str, start: float, step: float) -> Line:
        """Return a series from `start` on: the readings where they reach back so far, else the points each 10 s.

        What stands closer than `step` seconds becomes one point, its mean.
        """
        recording, history = self.recording, self.history
        recorded: Line = recording.series(name) if recording is not None and name in recording.names else ((), ())
        kept: Line = history.series(name) if history is not None and name in KEPT else ((), ())
        if len(recorded[0]) and (not len(kept[0]) or recorded[0][0] <= max(start, kept[0][0] + 10.0)):
            return thinned(recorded, start, step)
        return thinned(kept, start, step)

    def devices(self, ending: str) -> list[str]:
        """Return the devices with a series of that ending: "read", "rx"."""
        names = self.recording.names if self.recording is not None else ()
        return [name.removesuffix(f".{ending}") for name in names if name.endswith(f".{ending}")]


KEPT = frozenset(("cpu", "steal", "mem", "mem_host", "read", "write", "rx", "tx"))


def thinned(line: Line, start: float, step: float) -> Line:
    """Return a line with at most one point each `step` seconds: the mean of those that fall together."""
    times, values = line
    out_times: list[float] = []
    out_values: list[float] = []
    bucket, total, count, seen = None, 0.0, 0, 0.0
    for at, value in zip(times, values, strict=False):
        if at < start - 2 * step:
            continue
        here = int(at / step) if step else at
        if here != bucket:
            if bucket is not None:
                out_times.append(seen)
                out_values.append(total / count if count else nan)
            bucket, total, count = here, 0.0, 0
        seen = at
        if not isnan(value):
            total += value
            count += 1
    if bucket is not None:
        out_times.append(seen)
        out_values.append(total / count if count else nan)
    return out_times, out_values


def round_bytes(largest: float) -> float:
    """Return the next of 1, 2, 5, 10 ... 500 of a binary unit."""
    if largest <= 1.0:
        return 1024.0
    power = int(log(largest, 1024))
    unit = 1024.0**power
    for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1024):
        if step * unit >= largest:
            return step * unit
    return 1024.0 * unit


class Drawer:
    """Makes the pictures of one span of time."""

    def __init__(self, past: Past, start: float, end: float, step: float, marks: tuple[Mark, ...], note: str) -> None:
        self._past = past
        self._start, self._end, self._step = start, end, step
        self._marks = marks
        self._note = note

    def pictures(self, row: VmRow | None, devices: tuple[tuple[str, ...], tuple[str, ...]]) -> dict[str, Picture]:
        """Return the picture of each chart."""
        disks, nics = devices
        most = float(max(row.vm.memory_max, row.vm.memory)) if row is not None else 0.0
        memory = (("guest", "mem"), ("host", "mem_host"))
        return {
            "cpu": self._picture("CPU %", (("CPU", "cpu"), ("steal", "steal")), "{:.0f} %".format, 100.0),
            "memory": self._picture("Memory", memory, size, most or None, at_least=True),
            "disk": self._picture("Disk", _pairs(disks, "read", "write"), bps, None),
            "network": self._picture("Network", _pairs(nics, "rx", "tx"), bps, None),
            "iops": self._picture("IOPS", _singles(disks, "iops"), "{:.0f}".format, None, waits=True),
            "latency": self._picture("Latency", _singles(disks, "latency"), latency, None, waits=True),
        }

    def _picture(
        self,
        title: str,
        names: Sequence[tuple[str, str]],
        unit: Callable[[float], str],
        top: float | None,
        *,
        at_least: bool = False,
        waits: bool = False,
    ) -> Picture:
        series = []
        for label, name in names:
            times, values = self._past.line(name, self._start, self._step)
            if not all(map(isnan, values)):
                series.append(Series(label, times, values))
        largest = max(
            (
                value
                for one in series
                for at, value in zip(one.times, one.values, strict=True)
                if not isnan(value) and self._start <= at <= self._end
            ),
            default=0.0,
        )
        if (top is None and unit is bps) or (at_least and top is not None and largest > top):
            top = round_bytes(largest)
        recorded = waits and (self._past.recording is None or not len(self._past.recording))
        note = WAIT if recorded else self._note
        return Picture(title, tuple(series), self._start, self._end, top, unit=unit, marks=self._marks, note=note)


def _pairs(devices: Sequence[str], one: str, other: str) -> tuple[tuple[str, str], ...]:
    """Return the labels and series of two figures, of each device or of all together."""
    if not devices:
        return ((one, one), (other, other))
    return tuple((f"{name} {word}", f"{name}.{word}") for name in devices for word in (one, other))


def _singles(devices: Sequence[str], word: str) -> tuple[tuple[str, str], ...]:
    if not devices:
        return (("all" if word == "iops" else "worst", word),)
    return tuple((name, f"{name}.{word}") for name in devices)
