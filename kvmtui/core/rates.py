"""The counters of two readings become rates: a VM's by what `core.tracks` remembers of it, a host's here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core.metrics import HostRates
from kvmtui.core.tracks import LONGEST_GAP, VmTrack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmtui.core.counters import CpuTimes, HostMemory, Sample
    from kvmtui.core.metrics import VmRates

SHORTEST_GAP = 0.05  # seconds below which the time of a call itself makes a rate worthless


def host_rates(
    before: Sample, after: Sample, *, cpus: int = 0, steal: float | None = None, committed: int = 0
) -> HostRates | None:
    """Return what a host did between two samples; None when the second holds nothing of the host.

    `cpus` are its online CPUs (for the uptime), `steal` is the worst VM's, `committed` the bytes its VMs may use.
    """
    if after.cpu is None and after.memory is None:
        return None
    busy = _shares(before.cpu, after.cpu)
    memory = after.memory
    return HostRates(
        at=after.wall,
        cpu=None if busy is None else busy[0],
        iowait=None if busy is None else busy[1],
        memory_used=None if memory is None else _used_memory(memory),
        memory_total=None if memory is None else memory.total,
        per_cpu=_per_cpu(before.per_cpu, after.per_cpu) if before.online == after.online else None,
        uptime=sum(after.cpu) / 1e9 / cpus if after.cpu is not None and cpus > 0 else None,
        steal=steal,
        committed=committed,
        online=after.online,
    )


def _used_memory(memory: HostMemory) -> int | None:
    # The kernel's own estimate knows that shared memory is no cache; older daemons do not pass it on.
    free = memory.free + memory.buffers + memory.cached if memory.available is None else memory.available
    used = memory.total - free
    return used if used >= 0 else None


def _shares(before: CpuTimes | None, after: CpuTimes | None) -> tuple[float, float] | None:
    """Return the percents of the time spent working and waiting for disks."""
    if before is None or after is None:
        return None
    user, kernel, idle, iowait = (now - then for now, then in zip(after, before, strict=True))
    total = user + kernel + idle + iowait
    if total <= 0 or min(user, kernel, idle, iowait) < 0:
        return None
    return 100.0 * (user + kernel) / total, 100.0 * iowait / total


def _per_cpu(before: tuple[CpuTimes, ...] | None, after: tuple[CpuTimes, ...] | None) -> tuple[float, ...] | None:
    if before is None or after is None or len(before) != len(after):
        return None
    shares = [_shares(one, other) for one, other in zip(before, after, strict=True)]
    return tuple([share[0] for share in shares if share is not None]) if None not in shares else None


class RateBook:
    """What one host's samples come to: keeps of each VM what a rate needs over time."""

    def __init__(self, longest: float = LONGEST_GAP) -> None:
        self._longest = longest
        self._tracks: dict[str, VmTrack] = {}
        self._rates: dict[str, VmRates] = {}
        self._at: float | None = None
        self._node: Sample | None = None  # the newest sample that held the host's figures

    def update(
        self, sample: Sample, *, cpus: int = 0, committed: int = 0
    ) -> tuple[Mapping[str, VmRates], HostRates | None]:
        """Return the rates of the VMs by UUID, and of the host when the sample holds its figures.

        A VM that was not in the last sample, or whose counters went back, has no rates this time. A sample
        older than the last one, or hardly newer, is dropped: the last rates are returned once more.
        """
        at, wall = sample.at, sample.wall
        if self._at is not None and at - self._at < SHORTEST_GAP:
            return self._rates, None
        self._at = at
        tracks = self._tracks
        longest = self._longest
        kept: dict[str, VmTrack] = {}
        rates: dict[str, VmRates] = {}
        for uuid, counters in sample.vms.items():
            track = tracks.get(uuid)
            if track is None:
                kept[uuid] = VmTrack(counters, at, wall)
                continue
            kept[uuid] = track
            one = track.step(counters, at, wall, longest)
            if one is not None:
                rates[uuid] = one
        self._tracks = kept
        self._rates = rates
        return rates, self._host(sample, cpus, committed)

    def forget(self) -> None:
        """Begin anew, as after a lost connection."""
        self._tracks = {}
        self._rates = {}
        self._node = None

    def _host(self, sample: Sample, cpus: int, committed: int) -> HostRates | None:
        if sample.cpu is None and sample.memory is None:
            return None
        before = self._node
        if before is None or sample.at - before.at > self._longest:
            before = sample._replace(cpu=None, per_cpu=None)
        self._node = sample._replace(vms={})
        steals = [one.steal for one in self._rates.values() if one.steal is not None]
        return host_rates(before, sample, cpus=cpus, steal=max(steals) if steals else None, committed=committed)
