"""One simulated host: its guests, and the time that passes for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.backend.demo.guest import GIB, MEMORY_PERIOD, Guest
from kvmtui.backend.demo.noise import MASK, smooth
from kvmtui.core.errors import NotFound
from kvmtui.core.inventory import Host, Network, Pool, VmState, Volume
from kvmtui.core.metrics import CpuTimes, HostMemory, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmtui.backend.base import Want

CROWDED = 0.42  # the share of a host's CPUs from which its guests wait for one another
_SLOW = 1 / 41.0  # knots a second of the slow noise
_FAST = 1 / 5.3
_SETTLES = 25.0  # seconds until crowding is felt in full
_BASE_MEMORY = 5 * GIB  # what the host itself uses


class SimHost:
    """A simulated host; counters are integrals, moved on by `advance`."""

    def __init__(self, name: str, facts: Host, *, knots: tuple[float, ...], uptime: float) -> None:
        """Make a host without guests that has been up for `uptime` seconds."""
        self.name = name
        self.facts = facts
        self.guests: dict[str, Guest] = {}
        self.pools: tuple[Pool, ...] = ()
        self.networks: tuple[Network, ...] = ()
        self.volumes: dict[str, Volume] = {}  # what the pools hold, by path or source
        self.systems: dict[str, str] = {}  # what is installed on a volume, by its path
        self.deleted: set[str] = set()  # sources of volumes that are gone
        self.iowait = 0.004  # the usual share of time
        self.at: float | None = None  # monotonic; None before the first advance
        self.pressure = 0.0  # cores wanted over cores there are
        self._crowd = 0.0
        self._knots = knots
        self._running: list[Guest] | None = None
        self._next_id = 0
        self._next_tap = 0
        total = uptime * facts.cpus * 1e9
        self._busy, self._waited, self._idle = total * 0.2, total * 0.005, total * 0.795
        self._cores: list[list[float]] | None = None
        self._cores_seen = (0.0, 0.0, 0.0)

    def guest(self, uuid: str) -> Guest:
        """Return a guest; raises NotFound."""
        guest = self.guests.get(uuid)
        if guest is None:
            raise NotFound(f"{self.name} has no VM with the UUID {uuid}.", hint="It was deleted or moved away.")
        return guest

    def new_id(self) -> int:
        """Return the next domain id."""
        self._next_id += 1
        return self._next_id

    def new_tap(self) -> str:
        """Return the next network device's name."""
        self._next_tap += 1
        return f"vnet{self._next_tap - 1}"

    def regroup(self) -> None:
        """Note that guests came, went or changed their state."""
        self._running = None

    @property
    def running(self) -> list[Guest]:
        """The guests whose CPUs run."""
        if self._running is None:
            self._running = [guest for guest in self.guests.values() if guest.vm.state is VmState.RUNNING]
        return self._running

    def pool(self, name: str) -> Pool | None:
        """Return the pool of that name."""
        return next((pool for pool in self.pools if pool.name == name), None)

    def advance(self, now: float, wall: float, levels: Mapping[str, float]) -> None:
        """Let time pass up to `now` (monotonic seconds); `levels` are the roles' loads at this hour."""
        if self.at is None:
            self.at = now
            self._crowd = 0.12 if sum(guest.mean for guest in self.running) > 0.6 * self.facts.cpus else 0.0
            for guest in self.guests.values():
                ahead = MEMORY_PERIOD * (guest.phase % 1.0)  # not all in one tick
                guest.report(wall - MEMORY_PERIOD + ahead, guest.phase % 1.0, 1e6)
                guest.memory_due = now + ahead
        seconds = now - self.at
        if seconds <= 0.0:
            return
        self.at = now
        running = self.running
        wanted = self._wanted(now, wall, levels)
        cpus = self.facts.cpus
        total = sum(wanted)
        self.pressure = total / cpus
        grant = min(1.0, 0.98 * cpus / total) if total else 1.0
        self._crowd += (max(0.0, (self.pressure - CROWDED) * 0.45) - self._crowd) * min(1.0, seconds / _SETTLES)
        crowd = self._crowd + 0.003 + 0.7 * (1.0 - grant)
        for guest, cores in zip(running, wanted, strict=True):
            guest.work(seconds, cores * grant, guest.fast, crowd, booting=guest.boot_until > now)
            if guest.memory_due <= now:
                guest.memory_due = now + MEMORY_PERIOD
                guest.report(wall, smooth(self._knots, wall / 300.0 + guest.phase), now - guest.started)
        busy = min(0.99, self.pressure * grant + 0.012)
        waiting = min(1.0 - busy, self.iowait * (0.5 + smooth(self._knots, wall / 23.0)))
        whole = seconds * cpus * 1e9
        self._busy += whole * busy
        self._waited += whole * waiting
        self._idle += whole * (1.0 - busy - waiting)

    def _wanted(self, now: float, wall: float, levels: Mapping[str, float]) -> list[float]:
        """Return the cores that each running guest wants."""
        knots, mask = self._knots, MASK
        slow_at, fast_at = wall * _SLOW, wall * _FAST
        wanted: list[float] = []
        for guest in self.running:
            place = slow_at + guest.phase
            index = int(place)
            left = knots[index & mask]
            slow = left + (knots[(index + 1) & mask] - left) * (place - index)
            place = fast_at + guest.phase
            index = int(place)
            left = knots[index & mask]
            fast = left + (knots[(index + 1) & mask] - left) * (place - index)
            guest.fast = fast
            role = guest.role
            calm, swing, jitter, burst, knee = role.wobble
            load = calm + swing * slow + jitter * fast
            if slow > knee:
                load += burst * (slow - knee)
            cores = guest.mean * levels[role.name] * load
            vcpus = guest.vm.vcpus
            if guest.boot_until > now:
                cores = max(cores, min(vcpus, 2.0) * (0.75 + 0.2 * fast))
            wanted.append(min(cores, vcpus * (0.94 + 0.05 * fast)))
        return wanted

    def sample(self, now: float, wall: float, want: Want) -> Sample:
        """Return the counters as a bulk reading and two of the node give them."""
        delay, some = want.delay, want.delay_of
        vms = {
            uuid: guest.counters(delay=delay or uuid in some)
            for uuid, guest in self.guests.items()
            if guest.vm.domain_id is not None
        }
        return Sample(
            at=now,
            wall=wall,
            vms=vms,
            cpu=self.cpu() if want.node else None,
            memory=self.memory() if want.node else None,
            per_cpu=self.per_cpu(wall) if want.per_cpu else None,
        )

    def cpu(self) -> CpuTimes:
        """Return the CPU time of the host since it booted."""
        return _times(self._busy, self._waited, self._idle)

    def memory(self) -> HostMemory:
        """Return the host's memory: what its guests touched, itself, and a page cache."""
        total = self.facts.memory
        guests = sum(guest.memory.rss or 0 for guest in self.guests.values() if guest.vm.domain_id is not None)
        used = min(int(total * 0.985), _BASE_MEMORY + guests)
        cached = (total - used) * 3 // 5
        buffers = (total - used) // 50
        free = total - used - cached - buffers
        return HostMemory(total, free, buffers, cached, free + cached * 9 // 10)

    def per_cpu(self, wall: float) -> tuple[CpuTimes, ...]:
        """Return each CPU's times; they part what the host did since they were last asked for."""
        count = self.facts.cpus
        seen = (self._busy, self._waited, self._idle)
        if self._cores is None:
            self._cores = [[part / count for part in seen] for _ in range(count)]
            self._cores_seen = seen
        busy, waited, idle = (now - before for now, before in zip(seen, self._cores_seen, strict=True))
        self._cores_seen = seen
        each = (busy + waited + idle) / count
        weights = [0.15 + smooth(self._knots, wall / 7.0 + index * 37.3) ** 2 for index in range(count)]
        scale = busy / sum(weights)
        for core, weight in zip(self._cores, weights, strict=True):
            own = min(weight * scale, each * 0.99)
            wait = min(waited / count, each - own)
            core[0] += own
            core[1] += wait
            core[2] += each - own - wait
        return tuple(_times(*core) for core in self._cores)


def _times(busy: float, waited: float, idle: float) -> CpuTimes:
    # Each is cut by itself: one as the difference of two cut ones would fall by a nanosecond now and then.
    return CpuTimes(user=int(busy * 0.79), kernel=int(busy * 0.21), idle=int(idle), iowait=int(waited))
