"""One connection to a host, from its first reading until it is lost."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from kvmtui.backend.base import Wake, WakeKind, Want
from kvmtui.core.errors import BackendError, NotFound, NotSupported, TimedOut, Unreachable
from kvmtui.core.rates import RateBook
from kvmtui.core.tracks import LONGEST_GAP
from kvmtui.monitor.guests import Guests
from kvmtui.monitor.pause import pause
from kvmtui.picture import is_new_start

if TYPE_CHECKING:
    from kvmtui.core.inventory import Vm
    from kvmtui.monitor.host import Monitor

_log = logging.getLogger(__name__)
_DELAY_EVERY = 5  # ticks between two readings of every VM's steal: that group is large
_SLOWEST = 30.0  # seconds between ticks of a host that takes long to answer
_AT_ONCE = 8  # VMs that are read side by side: one that hangs does not hold the others up
_STORM = 60  # waiting VMs above which one full reading is cheaper
_AGAIN = 2.0  # seconds until a VM that could not be read is tried again
_TRIES = 3
_SELDOM = 600.0  # seconds until a full reading is tried again, at most, when none has come for long
_FULL_GAP = 1.0  # seconds between two full readings, however many events ask for them
_OLD = 10.0  # seconds after which figures tell nothing of now
_BREATH = 0.5  # seconds between a ping that timed out and the next


class Connection:
    """Pings, ticks, answers events and reads everything now and then; ends by raising what ended it."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._guests = Guests(monitor)
        self._book = RateBook(max(LONGEST_GAP, 3 * monitor.means.settings.refresh))
        self._group: asyncio.TaskGroup | None = None
        self._waiting: dict[str, Wake] = {}
        self._reading: set[str] = set()
        self._tries: dict[str, int] = {}
        self._woken = asyncio.Event()
        self._tick_now = asyncio.Event()
        self._full_now = asyncio.Event()
        self._closed: str | None = None
        self._strays: frozenset[str] = frozenset()
        self._is_outline = False
        self._sampled = monitor.means.clock.monotonic()

    def wake(self, wake: Wake) -> None:
        """Hear an event of the host."""
        match wake.kind:
            case WakeKind.VM:
                if wake.sign is not None:
                    self._monitor.signed(wake.uuid, wake.sign, wake.detail)
                known = self._waiting.get(wake.uuid)
                if known is not None and wake.state is None:
                    wake = known._replace(detail=wake.detail or known.detail)
                self._waiting[wake.uuid] = wake
                self._woken.set()
            case WakeKind.CLOSED:
                self._closed = wake.detail
                self._woken.set()
            case _:
                self._full_now.set()

    def look(self, uuid: str | None) -> None:
        """Read more of this VM, from now on."""
        self._tick_now.set()
        self._guests.look(uuid)

    def refresh(self) -> None:
        """Read everything now."""
        self._full_now.set()
        self._tick_now.set()
        self._guests.refresh()

    async def watch(self, *, is_outline: bool = False) -> None:
        """Keep the host's state fresh; raises the BackendError that ended it.

        `is_outline`: what was read of it so far is no more than that.
        """
        self._is_outline = is_outline
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._pings())
                group.create_task(self._wakes())
                group.create_task(self._ticks())
                group.create_task(self._fulls())
                self._guests.begin(group, is_outline=is_outline)
        except* BackendError as several:
            first: BaseException = several
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            lost = first
        else:
            return
        finally:
            self._group = None
        raise lost

    # --- the four loops ----------------------------------------------------------------------

    async def _pings(self) -> None:
        """Ask every few seconds whether the host is there, whatever else goes on."""
        monitor = self._monitor
        interval = monitor.means.settings.ping_interval
        due = monitor.means.clock.monotonic() + interval
        while True:
            await asyncio.sleep(max(_BREATH, due - monitor.means.clock.monotonic()))
            sent = monitor.means.clock.monotonic()
            due = sent + interval
            try:
                await monitor.backend.ping()
            except TimedOut:
                monitor.standing.unanswered(sent)
            except (Unreachable, NotFound):
                raise
            except BackendError as error:
                _log.debug("%s: ping: %s", monitor.name, error)
                self._pinged()  # an answer, if not a kind one
            else:
                self._pinged()

    def _pinged(self) -> None:
        self._monitor.standing.pinged()
        self._monitor.heard()

    async def _wakes(self) -> None:
        """Read at once what events were about."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self._closed is not None:
                raise Unreachable(self._closed or "The connection ended.")
            if len(self._waiting) > _STORM:
                self._full_now.set()
                continue
            self._spawn()

    def _spawn(self) -> None:
        """Begin to read the waiting VMs, a few side by side, each at most once at a time."""
        if self._group is None:
            return
        for uuid in list(self._waiting):
            if len(self._reading) >= _AT_ONCE:
                return
            if uuid not in self._reading:
                self._reading.add(uuid)
                self._group.create_task(self._read(uuid, self._waiting.pop(uuid)))

    async def _read(self, uuid: str, wake: Wake) -> None:
        monitor = self._monitor
        ticket = monitor.picture.ticket()
        try:
            try:
                reading: Vm | None = await monitor.backend.vm(uuid)
            except NotFound:
                reading = None
        except Unreachable:
            raise
        except BackendError as error:
            self._failed(uuid, wake, error)
            return
        finally:
            self._reading.discard(uuid)
            if self._waiting:
                self._woken.set()
        self._tries.pop(uuid, None)
        monitor.heard()
        change = monitor.picture.one(uuid, reading, monitor.means.clock.now(), ticket, wake)
        if change is not None:
            if is_new_start(change):
                self._guests.started()
                self._tick_now.set()
            if uuid == monitor.looked_at:
                self._guests.look(uuid)
            monitor.tell([change])

    def _failed(self, uuid: str, wake: Wake, error: BackendError) -> None:
        """Try a reading again a few times; the next full reading catches the rest."""
        _log.info("%s: a VM could not be read: %s", self._monitor.name, error)
        tries = self._tries.get(uuid, 0) + 1
        self._tries[uuid] = tries
        if tries >= _TRIES:
            del self._tries[uuid]
            return

        def again() -> None:
            self._waiting.setdefault(uuid, wake)
            self._woken.set()

        asyncio.get_running_loop().call_later(_AGAIN, again)

    async def _fulls(self) -> None:
        """Read everything: slowly all the time, and when an event or a person asks for it."""
        monitor = self._monitor
        clock = monitor.means.clock
        resync = monitor.means.settings.resync
        rest = resync * (0.5 + 0.5 * monitor.spread)  # hosts that were connected together part here
        late = resync
        while True:
            await pause(self._full_now, rest)
            rest = resync
            await monitor.standing.answering.wait()
            self._full_now.clear()
            wakes, self._waiting = (self._waiting, {}) if len(self._waiting) > _STORM else ({}, self._waiting)
            began, ticket = clock.monotonic(), monitor.picture.ticket()
            try:
                inventory = await monitor.backend.inventory()
            except Unreachable:
                raise
            except BackendError as error:
                _log.info("%s: full reading: %s", monitor.name, error)
                monitor.standing.slow("full", error.text)
                self._waiting = wakes | self._waiting
                # Each that does not end keeps a worker of the daemon busy, and these are few.
                late = min(2 * late, max(_SELDOM, resync))
                rest = late
            else:
                monitor.heard()
                monitor.standing.slow("full", "")
                late = resync
                before = monitor.picture.state
                changes = monitor.picture.full(inventory, clock.now(), ticket, wakes)
                if any(is_new_start(change) for change in changes):
                    self._guests.started()
                if self._is_outline and not inventory.is_outline:
                    self._is_outline = False
                    self._guests.defined()
                if monitor.picture.state is not before:
                    monitor.tell(changes, before)
            await asyncio.sleep(max(_FULL_GAP, 2 * (clock.monotonic() - began)))

    async def _ticks(self) -> None:
        """Read the counters: one call in flight, the next after it is done."""
        monitor = self._monitor
        clock = monitor.means.clock
        refresh = monitor.means.settings.refresh
        count = 0
        while True:
            await monitor.standing.answering.wait()
            began = clock.monotonic()
            late = not await self._tick(count)
            count += 1
            took = clock.monotonic() - began
            interval = refresh
            if count == 1:
                # The first rates need a second reading: soon, and at this host's place within the interval.
                interval = refresh * (0.4 + 0.6 * monitor.spread)
            elif late or took > refresh / 2:
                interval = max(refresh, min(_SLOWEST, 2 * took))
            await pause(self._tick_now, max(interval - took, refresh / 4))

    async def _tick(self, count: int) -> bool:
        """Read the counters once and make rates of them; tells whether they came."""
        monitor = self._monitor
        looked_at = monitor.looked_at
        want = Want(
            # Steal needs two readings: the first two ask for it, so that it is known from the start.
            delay=count < 2 or count % _DELAY_EVERY == 0,
            delay_of=frozenset((looked_at,)) if looked_at else frozenset(),
            per_cpu=monitor.looked_at_host,
        )
        try:
            sample = await monitor.backend.sample(want)
        except Unreachable:
            raise
        except NotSupported as error:
            _log.debug("%s: %s", monitor.name, error)
            return False
        except BackendError as error:
            _log.info("%s: counters: %s", monitor.name, error)
            monitor.standing.slow("counters", error.text)
            age = monitor.means.clock.monotonic() - self._sampled
            if age > max(_OLD, 3 * monitor.means.settings.refresh) and monitor.picture.unsampled():
                monitor.means.sink.changed(urgent=False)
            return False
        self._sampled = monitor.means.clock.monotonic()
        monitor.heard()
        monitor.standing.slow("counters", "")
        self._follow_jobs()
        self._notice_strays(sample.vms.keys() ^ monitor.picture.active)
        host = monitor.picture.host
        rates, load = self._book.update(sample, cpus=host.cpus, committed=monitor.picture.committed)
        before = monitor.picture.state
        monitor.picture.sampled(rates, load, sample.wall)
        monitor.tell_pools(before)
        monitor.means.sink.sampled(monitor.name, rates)
        monitor.means.sink.changed(urgent=False)
        return True

    def _follow_jobs(self) -> None:
        """Read VMs that a job holds again: no event tells how far it is."""
        for uuid in self._monitor.picture.jobs:
            self._waiting.setdefault(uuid, Wake(WakeKind.VM, uuid))
            self._woken.set()

    def _notice_strays(self, strays: set[str]) -> None:
        """Read VMs again that are on in one account and off in the other: an event was lost, or is on its way."""
        if not strays and not self._strays:
            return
        for uuid in strays - self._strays:
            self._waiting.setdefault(uuid, Wake(WakeKind.VM, uuid))
            self._woken.set()
        self._strays = frozenset(strays)
