"""What is remembered of a VM and of its disks from one reading to the next, so that counters become rates.

Nothing is ever guessed: a counter that went back, or a VM that was started anew, gives no rate and begins a new
comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.metrics import DiskRates, NicRates, VmRates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmtui.core.counters import DiskCounters, MemoryReading, NicCounters, VmCounters

LATENCY_WINDOW = 10.0  # seconds over which latency is a mean
STALL_AFTER = 10.0  # seconds without a completion that make a stall ...
STALL_BUSY = 60.0  # ... of a device that completed something in every reading for so long
STALL_KEPT = 300.0  # seconds after which a quiet device is just idle
LONGEST_GAP = 120.0  # seconds between two readings beyond which a mean says nothing of now
STALE_AFTER = 3  # periods of the balloon after which a guest's figures are old ...
LOST_AFTER = 30  # ... and after which they are not shown at all
BALLOON_PERIOD = 10.0  # seconds, until a VM's own is seen
STEAL_KEPT = 3  # windows for which the last known steal stands ...
STEAL_KEPT_LEAST = 30.0  # ... but at least so many seconds: the delay of all VMs is asked for seldom
_SPACING = 2.4  # seconds, about, between the points kept for the latency window


class DiskTrack:
    """What is remembered of a disk between readings."""

    __slots__ = ("at", "changed_at", "counters", "points", "run_from")

    def __init__(self, counters: DiskCounters, at: float) -> None:
        self.restart(counters, at)

    def restart(self, counters: DiskCounters, at: float) -> None:
        """Begin anew at this reading."""
        self.counters = counters
        self.at = at
        self.points = [(at, _requests(counters), _request_ns(counters))]
        self.run_from = at  # since when every reading saw a request completed ...
        self.changed_at = at - STALL_KEPT - 1  # ... up to here

    def step(self, name: str, counters: DiskCounters, at: float) -> DiskRates | None:
        """Return the rates since the last reading, or None (and begin anew) when a counter went back."""
        reads, read_bytes, read_ns, writes, write_bytes, write_ns, flushes, flush_ns, *sizes = counters
        capacity, highest, physical = sizes
        before = self.counters
        requests = reads + writes + flushes
        spent = read_ns + write_ns + flush_ns
        reads -= before[0]
        read_bytes -= before[1]
        writes -= before[3]
        write_bytes -= before[4]
        flushes -= before[6]
        points = self.points
        while len(points) > 1 and points[1][0] <= at - LATENCY_WINDOW:
            del points[0]
        _, first_requests, first_spent = points[0]
        if reads < 0 or read_bytes < 0 or writes < 0 or write_bytes < 0 or flushes < 0 or spent < first_spent:
            self.restart(counters, at)
            return None
        if reads or writes or flushes:
            if self.changed_at != self.at:
                self.run_from = at
            self.changed_at = at
        if at - points[-1][0] >= _SPACING:
            points.append((at, requests, spent))
        seconds = at - self.at
        self.counters = counters
        self.at = at
        completed = requests - first_requests
        latency = (spent - first_spent) / completed / 1e6 if completed > 0 else None
        return DiskRates(
            name,
            read_bytes / seconds,
            write_bytes / seconds,
            reads / seconds,
            writes / seconds,
            latency,
            capacity,
            highest if physical is None else physical,
        )

    def is_stalled(self) -> bool:
        """Return whether it was busy for a while and then stopped completing anything."""
        quiet = self.at - self.changed_at
        return STALL_AFTER <= quiet <= STALL_KEPT and self.changed_at - self.run_from >= STALL_BUSY


def _requests(counters: DiskCounters) -> int:
    return counters.reads + counters.writes + counters.flushes


def _request_ns(counters: DiskCounters) -> int:
    return counters.read_ns + counters.write_ns + counters.flush_ns


class _Memory(NamedTuple):
    used: int | None
    stale: bool


_UNKNOWN_MEMORY = _Memory(None, stale=False)


class VmTrack:
    """What is remembered of a VM between readings."""

    __slots__ = (
        "at",
        "balloon_at",
        "balloon_period",
        "balloon_updated",
        "counters",
        "delay",
        "disks",
        "silent_since",
        "steal",
        "steal_at",
        "steal_until",
    )

    def __init__(self, counters: VmCounters, at: float, wall: float) -> None:
        self.restart(counters, at, wall)

    def restart(self, counters: VmCounters, at: float, wall: float) -> None:
        """Begin anew at this reading."""
        self.counters = counters
        self.at = at
        self.silent_since = None if counters.complete else wall
        self.disks = {name: DiskTrack(disk, at) for name, disk in counters.disks.items()}
        self.delay: tuple[float, int, int] | None = None  # when, ns, vCPUs
        self.steal: float | None = None
        self.steal_at: float | None = None
        self.steal_until = 0.0
        self.balloon_updated = 0.0
        self.balloon_at = at  # by our clock: the host's may differ
        self.balloon_period = BALLOON_PERIOD
        self._note_delay(counters, at, wall)
        self._guest_memory(counters.memory, at, wall)

    def step(self, counters: VmCounters, at: float, wall: float, longest: float = LONGEST_GAP) -> VmRates | None:
        """Return the rates since the last reading, or None (and begin anew) when there can be none."""
        before = self.counters
        seconds = at - self.at
        cores: float | None = None
        if counters.cpu_ns is not None and before.cpu_ns is not None:
            cores = (counters.cpu_ns - before.cpu_ns) / (seconds * 1e9)
        if counters.domain_id != before.domain_id or seconds > longest or (cores is not None and cores < 0):
            self.restart(counters, at, wall)
            return None
        if counters.complete:
            self.silent_since = None
        elif self.silent_since is None:
            self.silent_since = wall
        self._note_delay(counters, at, wall)
        disks, read, write, iops, latency, stalled = self._step_disks(counters, at)
        nics, rx, tx = _nic_rates(before.nics, counters.nics, seconds)
        memory = counters.memory
        guest = self._guest_memory(memory, at, wall)
        self.counters = counters
        self.at = at
        return VmRates(
            wall,
            cores,
            counters.vcpus,
            self.steal,
            guest.used,
            memory.available if memory.current is None else memory.current,
            memory.rss,
            guest.stale,
            read,
            write,
            iops,
            latency,
            stalled,
            rx,
            tx,
            disks,
            nics,
            counters.complete,
            self.steal_at,
            self.silent_since,
        )

    def _note_delay(self, counters: VmCounters, at: float, wall: float) -> None:
        """Renew the steal when this reading holds the delay; else keep the last, but not for long."""
        delay, vcpus = counters.delay_ns, counters.vcpus
        if delay is None:
            if at > self.steal_until:
                self.steal = self.steal_at = None
            return
        before = self.delay
        self.delay = (at, delay, vcpus)
        self.steal = self.steal_at = None
        if before is None or before[2] != vcpus or vcpus <= 0 or delay < before[1]:
            return
        seconds = at - before[0]
        self.steal = min(100.0, 100.0 * (delay - before[1]) / (seconds * 1e9 * vcpus))
        self.steal_at = wall
        self.steal_until = at + max(STEAL_KEPT_LEAST, STEAL_KEPT * seconds)

    def _step_disks(
        self, counters: VmCounters, at: float
    ) -> tuple[tuple[DiskRates, ...], float | None, float | None, float | None, float | None, bool]:
        """Return each disk's rates, and of all: bytes read and written, requests, the worst latency, a stall."""
        tracks = self.disks
        disks = counters.disks
        if not disks:
            if counters.complete and tracks:
                self.disks = {}
            return (), None, None, None, None, False
        rates: list[DiskRates] = []
        read = write = iops = 0.0
        worst: float | None = None
        stalled = broken = False
        for name, now in disks.items():
            track = tracks.get(name)
            if track is None:
                tracks[name] = DiskTrack(now, at)
                continue
            one = track.step(name, now, at)
            if one is None:
                broken = True
                continue
            rates.append(one)
            read += one[1]
            write += one[2]
            iops += one[3] + one[4]
            latency = one[5]
            if latency is not None and (worst is None or latency > worst):
                worst = latency
            if at - track.changed_at >= STALL_AFTER and track.is_stalled():
                stalled = True
        if len(tracks) > len(disks):
            self.disks = {name: track for name, track in tracks.items() if name in disks}
        if broken or not rates:
            return tuple(rates), None, None, None, worst, stalled
        return tuple(rates), read, write, iops, worst, stalled

    def _guest_memory(self, memory: MemoryReading, at: float, wall: float) -> _Memory:
        """Return what the guest uses, and whether that figure is old; unknown when it never told or long ago."""
        updated = memory.updated
        if not updated or memory.available is None or memory.usable is None:
            return _UNKNOWN_MEMORY
        known = self.balloon_updated
        if updated != known:
            if known and updated > known:
                self.balloon_period = min(300.0, max(1.0, updated - known))
            # The first figure's age is by the host's clock; those that are seen to come are by ours.
            self.balloon_at = at if known else at - max(0.0, wall - updated)
            self.balloon_updated = updated
        age = at - self.balloon_at
        used = memory.available - memory.usable
        if used < 0 or age > LOST_AFTER * self.balloon_period:
            return _UNKNOWN_MEMORY
        return _Memory(used, stale=age > STALE_AFTER * self.balloon_period)


def _nic_rates(
    before: Mapping[str, NicCounters], after: Mapping[str, NicCounters], seconds: float
) -> tuple[tuple[NicRates, ...], float | None, float | None]:
    """Return each interface's rates, and of all the bytes received and sent."""
    rates: list[NicRates] = []
    rx = tx = 0.0
    broken = False
    for name, now in after.items():
        then = before.get(name)
        if then is None:
            continue
        rx_bytes = now[0] - then[0]
        tx_bytes = now[4] - then[4]
        rx_packets = now[1] - then[1]
        tx_packets = now[5] - then[5]
        errors = now[2] + now[6] - then[2] - then[6]
        drops = now[3] + now[7] - then[3] - then[7]
        if rx_bytes < 0 or tx_bytes < 0 or rx_packets < 0 or tx_packets < 0 or errors < 0 or drops < 0:
            broken = True
            continue
        rx += rx_bytes
        tx += tx_bytes
        rates.append(
            NicRates(
                name,
                rx_bytes / seconds,
                tx_bytes / seconds,
                drops / seconds,
                errors / seconds,
            )
        )
    if broken or not rates:
        return tuple(rates), None, None
    return tuple(rates), rx / seconds, tx / seconds
