"""What is remembered of a VM's rates, in rings of bounded size; a gap is NaN, never a line and never zero."""

from __future__ import annotations

from array import array
from math import nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmtui.core.metrics import VmRates

SERIES = ("cpu", "steal", "mem", "mem_host", "read", "write", "rx", "tx")
"""CPU and steal in percent of the vCPUs, memory in bytes, the rest in bytes per second."""

POINTS = 360
POINTS_OF_MANY = 60  # above 1,000 VMs
SPACING = 10.0  # seconds between two points

_INDEX = {name: index for index, name in enumerate(SERIES)}
_WIDTH = len(SERIES)
_GAP = array("f", [nan] * _WIDTH)


def _values(rates: VmRates) -> tuple[float, ...]:
    cpu = rates.cpu_percent
    _, _, _, steal, used, _, rss, stale, read, write, _, _, _, rx, tx, *_ = rates
    return (
        nan if cpu is None else cpu,
        nan if steal is None else steal,
        nan if used is None or stale else used,
        nan if rss is None else rss,
        nan if read is None else read,
        nan if write is None else write,
        nan if rx is None else rx,
        nan if tx is None else tx,
    )


class History:
    """The last points of a VM, and a full recording while it is looked at."""

    __slots__ = ("_next", "_points", "_times", "_values", "full")

    def __init__(self, points: int = POINTS) -> None:
        self._points = points
        self._next = 0  # where the oldest point is, once the ring is full
        self._times = array("d")
        self._values = array("f")
        self.full: Recording | None = None

    def __len__(self) -> int:
        return len(self._times)

    def append(self, at: float, rates: VmRates | None) -> None:
        """Add a point at `at` (epoch seconds); None is a gap."""
        values = _GAP if rates is None else array("f", _values(rates))
        times = self._times
        if len(times) < self._points:
            times.append(at)
            self._values.extend(values)
            return
        index = self._next
        times[index] = at
        self._values[index * _WIDTH : (index + 1) * _WIDTH] = values
        self._next = (index + 1) % self._points

    def series(self, name: str) -> tuple[array[float], array[float]]:
        """Return the times and the values of a series of `SERIES`, oldest first; raises KeyError."""
        values = self._values[_INDEX[name] :: _WIDTH]
        start = self._next
        if not start:
            return self._times[:], values
        return self._times[start:] + self._times[:start], values[start:] + values[:start]

    def record(self, points: int) -> Recording:
        """Begin a full recording of at most `points`, or go on with the one that runs."""
        if self.full is None:
            self.full = Recording(points)
        return self.full

    def stop_recording(self) -> None:
        """Drop the full recording."""
        self.full = None


class Recording:
    """Every reading of a VM that is looked at, with a series for each device: "vda.read", "vnet3.rx"."""

    def __init__(self, points: int) -> None:
        self._points = points
        self._next = 0
        self._times = array("d")
        self._values: dict[str, array[float]] = {name: array("f") for name in SERIES}

    def __len__(self) -> int:
        return len(self._times)

    @property
    def names(self) -> tuple[str, ...]:
        """The series there are: `SERIES`, "iops" and "latency" (ms), and those of the devices."""
        return tuple(self._values)

    def append(self, at: float, rates: VmRates | None) -> None:
        """Add a point at `at` (epoch seconds); None is a gap."""
        point = {} if rates is None else _all_values(rates)
        length = len(self._times)
        for name in point:
            if name not in self._values:
                self._values[name] = array("f", [nan]) * length
        if length < self._points:
            self._times.append(at)
            for name, values in self._values.items():
                values.append(point.get(name, nan))
            return
        index = self._next
        self._times[index] = at
        for name, values in self._values.items():
            values[index] = point.get(name, nan)
        self._next = (index + 1) % self._points

    def series(self, name: str) -> tuple[array[float], array[float]]:
        """Return the times and the values of a series, oldest first; raises KeyError."""
        values, start = self._values[name], self._next
        return self._times[start:] + self._times[:start], values[start:] + values[:start]


def _all_values(rates: VmRates) -> dict[str, float]:
    point = dict(zip(SERIES, _values(rates), strict=True))
    point["iops"] = nan if rates.iops is None else rates.iops
    point["latency"] = nan if rates.latency_ms is None else rates.latency_ms
    for disk in rates.disks:
        point[f"{disk.name}.read"] = disk.read_bps
        point[f"{disk.name}.write"] = disk.write_bps
        point[f"{disk.name}.iops"] = disk.read_iops + disk.write_iops
        point[f"{disk.name}.latency"] = nan if disk.latency_ms is None else disk.latency_ms
    for nic in rates.nics:
        point[f"{nic.name}.rx"] = nic.rx_bps
        point[f"{nic.name}.tx"] = nic.tx_bps
    return point
