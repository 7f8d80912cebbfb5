"""Samples: one bulk reading per tick, two other calls on average, and what to do when a VM hangs.

Beside the counters stand the host's CPU times, every second tick its memory, and now and then what no event tells.

A VM whose monitor hangs holds up the first bulk call that enters it, and the daemon's worker with it.
That call is given up, but the daemon's worker stays in it, and so the VM says by `controlInfo`, which needs
no monitor, that it is stuck. From then on such VMs are left out of the groups that need a monitor, until they
say otherwise. After a few abandoned calls no group that needs a monitor is asked for at all, since a daemon
has only 20 workers.

A VM that its daemon keeps locked, as while a hook of its start waits, holds up every list of VMs. Until a list
comes again, which is tried more and more seldom, the VMs that are known to be on are read by their UUIDs.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.libvirt import api, counters
from kvmtui.backend.libvirt.control import is_stuck
from kvmtui.backend.libvirt.errors import NO_DOMAIN
from kvmtui.backend.libvirt.survey import read_untold
from kvmtui.core.errors import NotSupported, TimedOut
from kvmtui.core.metrics import CpuTimes, HostMemory, Sample, VmCounters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kvmtui.backend.base import Want
    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.backend.libvirt.lanes import Lanes
    from kvmtui.backend.libvirt.survey import Marks
    from kvmtui.core.inventory import Vm

BULK_SECONDS = (5.0, 10.0)  # the shortest and the longest deadline of a bulk call
NODE_SECONDS = 5.0
CHUNK = 100  # VMs
CHUNK_ABOVE = 500  # vCPUs: a reading of more comes near the largest message
MOST_ABANDONED = 3
MARKS_EVERY = 21.0  # seconds between two looks at what no event tells, which are four calls ...
MARKS_SHARE = 20.0  # ... or so many times as long as the last one took
MEMORY_EVERY = 3.0  # seconds: every second of the usual ticks, so that all calls beside the bulk one are two on average
LIST_AGAIN = (20.0, 600.0)  # seconds until a list that did not come is asked for again: at first, and at most

USUAL = api.STATS_STATE | api.STATS_CPU_TOTAL | api.STATS_BALLOON | api.STATS_INTERFACE | api.STATS_BLOCK
NO_MONITOR = api.STATS_STATE | api.STATS_INTERFACE


class Node(NamedTuple):
    """A reading of the host itself."""

    cpu: CpuTimes | None = None
    memory: HostMemory | None = None
    per_cpu: tuple[CpuTimes, ...] | None = None
    online: tuple[int, ...] | None = None  # the numbers of these CPUs


class Reading(NamedTuple):
    """A bulk reading; `at` and `wall` were taken before the call."""

    at: float
    wall: float
    vms: dict[str, VmCounters]


class Sampler:
    """Samples one host."""

    def __init__(
        self,
        lanes: Callable[[], Lanes],
        vcpus: Callable[[str], int],
        active: Callable[[], Sequence[Vm]],
        marked: Callable[[Marks], None] = lambda _: None,
    ) -> None:
        """`vcpus` and `active` tell what was read last; `marked` is told now and then what no event tells."""
        self._lanes = lanes
        self._marked = marked
        self._marks_due = time.monotonic() + MARKS_EVERY
        self._memory: HostMemory | None = None
        self._memory_due = 0.0
        self._vcpus = vcpus
        self._active = active
        self._usual_seconds = 0.0
        self._is_careful = False
        self._check_all = False
        self._abandoned = 0
        self._stuck: frozenset[str] = frozenset()
        self._list_due, self._list_pause = 0.0, LIST_AGAIN[0]

    async def sample(self, want: Want, lacks: frozenset[str], cpus: int) -> Sample:
        """Read the counters; `cpus` is how many the host has."""
        lanes = self._lanes()
        bulk = self._bulk(lanes, want) if "stats" not in lacks else _no_vms()
        started = time.monotonic()
        wants_memory = "node-memory" not in lacks and started >= self._memory_due
        node = _node(lanes, want, cpus, wants_memory=wants_memory) if want.node else _no_node()
        first, second = await asyncio.gather(bulk, node, return_exceptions=True)
        if isinstance(first, BaseException):
            raise first
        if isinstance(second, TimedOut):
            second = Node()  # the VMs' figures came; the ping tells the rest
        if isinstance(second, BaseException):
            raise second
        if second.memory is not None:
            self._memory, self._memory_due = second.memory, started + MEMORY_EVERY
        memory = self._memory if second.cpu is not None else None
        return Sample(first.at, first.wall, first.vms, second.cpu, memory, second.per_cpu, second.online)

    def forget(self) -> None:
        """Begin anew after a connect."""
        self._is_careful = False
        self._abandoned = 0
        self._stuck = frozenset()
        self._list_due, self._list_pause = 0.0, LIST_AGAIN[0]
        self._marks_due = time.monotonic() + MARKS_EVERY
        self._memory, self._memory_due = None, 0.0

    async def _bulk(self, lanes: Lanes, want: Want) -> Reading:
        groups = USUAL | (api.STATS_VCPU if want.delay else 0)
        steal_of = frozenset() if want.delay else want.delay_of
        started = time.monotonic()
        try:
            reading = await (
                self._read_carefully(lanes, groups, steal_of)
                if self._is_careful
                else self._read(lanes, groups, steal_of)
            )
        except TimedOut:
            self._abandon(lanes)
            raise
        self._usual_seconds = max(time.monotonic() - started, 0.7 * self._usual_seconds)
        if not self._is_careful and time.monotonic() >= self._marks_due:
            await self._read_marks(lanes)
        return reading

    async def _read_marks(self, lanes: Lanes) -> None:
        """Look at what no event tells; these lists may hang as those of a reading do, and it is not lost for them."""
        began = time.monotonic()
        try:
            marks = await lanes.bulk(read_untold, self._deadline())
        except TimedOut:
            self._abandon(lanes)
            return
        now = time.monotonic()
        self._marks_due = now + max(MARKS_EVERY, MARKS_SHARE * (now - began))
        self._marked(marks)

    def _abandon(self, lanes: Lanes) -> None:
        """Take care from now on: a call did not come back."""
        if not lanes.is_silent:
            self._abandoned += 1
            self._is_careful = self._check_all = True
            self._put_list_off()

    def _deadline(self) -> float:
        shortest, longest = BULK_SECONDS
        return min(longest, max(shortest, 10 * self._usual_seconds)) if self._usual_seconds else longest

    async def _read(self, lanes: Lanes, groups: int, steal_of: frozenset[str]) -> Reading:
        if sum(vm.vcpus for vm in self._active()) > CHUNK_ABOVE:
            uuids = await lanes.bulk(_list_active, self._deadline())
            return await self._read_chunks(lanes, uuids, groups, steal_of)
        return await lanes.bulk(lambda session: _read_all(session, groups, steal_of, self._vcpus), self._deadline())

    async def _read_chunks(self, lanes: Lanes, uuids: Sequence[str], groups: int, steal_of: frozenset[str]) -> Reading:
        whole = Reading(time.monotonic(), time.time(), {})
        for start in range(0, len(uuids), CHUNK):
            chunk = tuple(uuids[start : start + CHUNK])
            part = await lanes.bulk(
                lambda session, chunk=chunk: _read_these(session, chunk, groups, steal_of, self._vcpus),  # type: ignore[misc]
                self._deadline(),
            )
            whole.vms.update(part.vms)
        return whole

    async def _read_carefully(self, lanes: Lanes, groups: int, steal_of: frozenset[str]) -> Reading:
        is_listed, uuids = await self._list(lanes)
        due = uuids if self._check_all else [uuid for uuid in uuids if uuid in self._stuck]
        self._stuck = await lanes.bulk(lambda session: _stuck_of(session, due), BULK_SECONDS[1])
        responsive = [uuid for uuid in uuids if uuid not in self._stuck]
        if self._abandoned >= MOST_ABANDONED:
            groups, steal_of = NO_MONITOR, frozenset()
        reading = await self._read_chunks(lanes, responsive, groups, steal_of)
        if self._stuck:
            rest = await self._read_chunks(lanes, sorted(self._stuck), NO_MONITOR, frozenset())
            reading.vms.update({uuid: one._replace(complete=False) for uuid, one in rest.vms.items()})
        elif is_listed and not self._check_all:
            self._is_careful = False
            self._abandoned = 0
            self._list_pause = LIST_AGAIN[0]
        self._check_all = False
        return reading

    async def _list(self, lanes: Lanes) -> tuple[bool, list[str]]:
        """Return the active VMs: as listed (True), or as they are known while no list comes."""
        if time.monotonic() >= self._list_due:
            try:
                return True, await lanes.bulk(_list_active, self._deadline())
            except TimedOut:
                if lanes.is_silent:
                    raise
                self._put_list_off()
        known = [vm.uuid for vm in self._active()]
        return False, await lanes.bulk(lambda session: _find(session, known), BULK_SECONDS[1])

    def _put_list_off(self) -> None:
        self._list_due = time.monotonic() + self._list_pause
        self._list_pause = min(2 * self._list_pause, LIST_AGAIN[1])


async def _no_vms() -> Reading:
    return Reading(time.monotonic(), time.time(), {})


async def _no_node() -> Node:
    return Node()


async def _node(lanes: Lanes, want: Want, cpus: int, *, wants_memory: bool) -> Node:
    def read(session: Session) -> Node:
        conn = session.conn
        online = _online(conn, cpus) if want.per_cpu else None
        per_cpu = None if online is None else tuple(_times(conn.getCPUStats(cpu, 0)) for cpu in online)
        memory = conn.getMemoryStats(-1, 0) if wants_memory else None
        return Node(_times(conn.getCPUStats(-1, 0)), None if memory is None else _memory(memory), per_cpu, online)

    try:
        return await lanes.event(read, NODE_SECONDS)
    except NotSupported:
        return Node()


# What follows runs on a lane's thread.


def _times(stats: Mapping[str, int]) -> CpuTimes:
    return CpuTimes(stats.get("user", 0), stats.get("kernel", 0), stats.get("idle", 0), stats.get("iowait", 0))


def _memory(stats: Mapping[str, int]) -> HostMemory:
    available = stats.get("available")
    return HostMemory(
        total=stats.get("total", 0) * 1024,
        free=stats.get("free", 0) * 1024,
        buffers=stats.get("buffers", 0) * 1024,
        cached=stats.get("cached", 0) * 1024,
        available=None if available is None else available * 1024,
    )


def _online(conn: api.Connection, cpus: int) -> tuple[int, ...]:
    """Return the numbers of the CPUs that are online; they need not be the first ones."""
    try:
        _, is_online, _ = conn.getCPUMap(0)
    except api.LibvirtError:
        return tuple(range(cpus))
    return tuple(cpu for cpu, online in enumerate(is_online) if online)


def _list_active(session: Session) -> list[str]:
    session.domains = {domain.UUIDString(): domain for domain in session.conn.listAllDomains(api.LIST_ACTIVE)}
    return sorted(session.domains)


def _find(session: Session, uuids: Sequence[str]) -> list[str]:
    """Look up each VM for itself; returns those that are still there."""
    for uuid in uuids:
        if uuid not in session.domains:
            try:
                session.domains[uuid] = session.domain(uuid)
            except api.LibvirtError as failure:
                if api.fault(failure).code != NO_DOMAIN:
                    raise
    return sorted(uuid for uuid in uuids if uuid in session.domains)


def _read_all(session: Session, groups: int, steal_of: frozenset[str], vcpus: Callable[[str], int]) -> Reading:
    at, wall = time.monotonic(), time.time()
    records = session.conn.getAllDomainStats(groups, api.STATS_ACTIVE | api.STATS_NOWAIT)
    session.domains = {domain.UUIDString(): domain for domain, _ in records}
    reading = Reading(at, wall, _counters(records, vcpus))
    _add_steal(session, reading, steal_of)
    return reading


def _read_these(
    session: Session, uuids: Sequence[str], groups: int, steal_of: frozenset[str], vcpus: Callable[[str], int]
) -> Reading:
    at, wall = time.monotonic(), time.time()
    domains = [session.domains[uuid] for uuid in uuids if uuid in session.domains]
    records = session.conn.domainListGetStats(domains, groups, api.STATS_NOWAIT) if domains else ()
    reading = Reading(at, wall, _counters(records, vcpus))
    _add_steal(session, reading, steal_of & set(uuids))
    return reading


def _counters(records: Sequence[tuple[api.Domain, api.Stats]], vcpus: Callable[[str], int]) -> dict[str, VmCounters]:
    found: dict[str, VmCounters] = {}
    for domain, stats in records:
        if domain.ID() >= 0:  # a list may still name a VM that has just gone off
            uuid = domain.UUIDString()
            found[uuid] = counters.read(stats, domain.ID(), vcpus(uuid))
    return found


def _add_steal(session: Session, reading: Reading, uuids: frozenset[str]) -> None:
    """Read the vCPU group, which is large, for the few VMs that are being looked at."""
    domains = [
        session.domains[uuid]
        for uuid in uuids
        if uuid in session.domains and uuid in reading.vms and reading.vms[uuid].complete
    ]
    if not domains:
        return
    for domain, stats in session.conn.domainListGetStats(domains, api.STATS_VCPU, api.STATS_NOWAIT):
        uuid = domain.UUIDString()
        reading.vms[uuid] = reading.vms[uuid]._replace(delay_ns=counters.delay(stats))


def _stuck_of(session: Session, uuids: Sequence[str]) -> frozenset[str]:
    return frozenset(uuid for uuid in uuids if uuid in session.domains and is_stuck(session.domains[uuid]))
