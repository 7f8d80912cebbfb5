"""Lanes: one connection with one daemon thread and at most one call in flight each, and all of them expendable.

No libvirt call has a time-out, so every call here has a deadline. A call that misses it costs its lane: the
lane's transport is cut, which ends the call, and another lane takes its place. The threads are daemon
threads of our own, since asyncio would wait for its workers when the program ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

from kvmtui.backend.libvirt import api, errors
from kvmtui.backend.libvirt.transport import Line, line_for
from kvmtui.backend.libvirt.uri import Address, Transport
from kvmtui.backend.libvirt.xml.capabilities import host_uuid
from kvmtui.core.errors import BackendError, Busy, KvmtuiError, TimedOut, Unreachable

T = TypeVar("T")

KEEPALIVE = (5, 5)  # seconds, and how many may stay unanswered: a broken transport ends after 30 s
CLOSE_SECONDS = 2.0
DETAIL_LANES = 3
LONG_LANES = 4
MOST_LINGERING = 8


class Session:
    """What the work on a lane's thread is given; libvirt's objects never leave it."""

    def __init__(self, conn: api.Connection, uuid: str) -> None:
        self.conn = conn
        self.host_uuid = uuid
        self.domains: dict[str, api.Domain] = {}  # as a bulk reading returned them
        self.at_end: list[Callable[[], object]] = []

    def domain(self, uuid: str) -> api.Domain:
        """Look a VM up."""
        return self.conn.lookupByUUIDString(uuid)

    def end(self) -> None:
        """Take the callbacks back and close; both wait for the host unless the transport has been cut."""
        for step in (*self.at_end, self.conn.close):
            with contextlib.suppress(api.LibvirtError):
                step()


Work = Callable[[Session], T]


class Stale(Unreachable):
    """The connection had ended before anything was sent."""


class _Job(Generic[T]):
    """A piece of work, and where its outcome goes."""

    def __init__(self, work: Work[T], future: asyncio.Future[T], *, change: bool) -> None:
        self.work = work
        self.future = future
        self.change = change


class Lane:
    """One connection, its thread and its transport."""

    def __init__(self, address: Address, *, read_only: bool, patience: float, on_end: Callable[[Lane], None]) -> None:
        """`patience`: seconds that a call may be late before the lane is given up for it."""
        self._label = address.label
        self._line: Line = line_for(address, read_only=read_only)
        self._read_only = read_only
        self._patience = patience
        self._on_end = on_end
        self._jobs: SimpleQueue[_Job[object] | None] = SimpleQueue()
        self._turn = asyncio.Lock()
        self._current: asyncio.Future[object] | None = None
        self._loop = asyncio.get_running_loop()
        self._is_over = False
        self._is_cut = False
        self.is_late = False  # the call in flight has missed its deadline
        self.is_gone = False
        self.host_uuid = ""

    @property
    def is_over(self) -> bool:
        """Whether it takes no more calls."""
        return self._is_over

    @property
    def is_busy(self) -> bool:
        """Whether a call is in flight or waiting."""
        return self._turn.locked()

    async def open(self, seconds: float) -> None:
        """Connect; a lane that has not within `seconds` is given up."""
        future: asyncio.Future[str] = self._loop.create_future()
        future.add_done_callback(_look)
        threading.Thread(target=self._run, args=(future,), name=f"lane to {self._label}", daemon=True).start()
        try:
            await asyncio.wait((future,), timeout=seconds)
            if future.done():
                self.host_uuid = future.result()
                return
        except BaseException:
            self.give_up()
            raise
        self.give_up()
        raise TimedOut(
            f"{self._label} has not answered the connection within {seconds:g} s.",
            hint="Is libvirt there overloaded or stopped?",
        )

    async def call(self, work: Work[T], seconds: float | None, *, change: bool = False) -> T:
        """Run `work` on the thread when its turn comes; None: without a deadline.

        Raises TimedOut after `seconds`, with `unknown` when it is a change that had been sent.
        """
        await self._take_turn(seconds)
        if self._is_over:
            self._turn.release()
            raise Stale(f"The connection to {self._label} was lost.")
        future: asyncio.Future[T] = self._loop.create_future()
        late = self._late(seconds or 0.0, change=change)
        timer = self._loop.call_later(seconds + self._patience, self._overdue, late) if seconds is not None else None
        future.add_done_callback(lambda done: self._settled(done, timer))
        self._current = future  # type: ignore[assignment]
        self._jobs.put(_Job(work, future, change=change))  # type: ignore[arg-type]
        await asyncio.wait((future,), timeout=seconds)
        if not future.done():
            self.is_late = True
            raise late
        return future.result()

    def give_up(self, error: BackendError | None = None) -> None:
        """Cut the transport, so that the call in flight ends; the thread then ends by itself."""
        if self._is_cut or self.is_gone:
            return
        self._is_cut = True
        self._line.cut()
        if self._current is not None and not self._current.done():
            self._current.set_exception(error or Unreachable(f"The connection to {self._label} was let go."))
        self._take_no_more()

    def close(self) -> None:
        """End it in good order, or by a cut when a call is in flight; waits for nothing."""
        if self.is_busy:
            self.give_up()
        else:
            self._take_no_more()
            self._loop.call_later(CLOSE_SECONDS, self.give_up)

    def close_after_call(self) -> None:
        """Take no more calls, and end when the one in flight has."""
        self._take_no_more()

    def _take_no_more(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._jobs.put(None)
            self._on_end(self)

    async def _take_turn(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._turn.acquire()
        except TimeoutError:
            raise self._late(seconds or 0.0, change=False) from None

    def _late(self, seconds: float, *, change: bool) -> TimedOut:
        return TimedOut(f"{self._label} has not answered within {seconds:g} s.", unknown=change)

    def _overdue(self, late: TimedOut) -> None:
        self.give_up(late)

    def _settled(self, future: asyncio.Future[T], timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
        _look(future)
        self._current = None
        self.is_late = False
        self._turn.release()

    # What follows runs on the lane's thread.

    def _run(self, opening: asyncio.Future[str]) -> None:
        session = self._enter(opening)
        if session is not None:
            while (job := self._jobs.get()) is not None:
                self._carry_out(job, session)
                del job
            session.end()
        self._line.release()
        self._tell(self._leave)

    def _enter(self, opening: asyncio.Future[str]) -> Session | None:
        session: Session | None = None
        error: BaseException | None = None
        try:
            api.prepare()
            session = self._connect()
        except api.LibvirtError as failure:
            error = errors.translate(api.fault(failure), self._label, opening=True)
        except KvmtuiError as failure:
            error = _bare(failure)
        except BaseException as failure:  # noqa: BLE001 - a bug must reach the one who awaits, not end this thread
            error = failure
        self._tell(_settle, opening, session.host_uuid if session else "", error)
        return session

    def _connect(self) -> Session:
        conn = api.open_connection(self._line.prepare(), read_only=self._read_only)
        self._line.opened()
        with contextlib.suppress(api.LibvirtError):  # the test driver has none
            conn.setKeepAlive(*KEEPALIVE)
        return Session(conn, host_uuid(conn.getCapabilities()))

    def _carry_out(self, job: _Job[object], session: Session) -> None:
        value: object = None
        error: BaseException | None = None
        is_lost = False
        try:
            if session.conn.isAlive() == 1:
                value = job.work(session)
            else:
                is_lost, error = True, Stale(f"The connection to {self._label} was lost.")
        except api.LibvirtError as failure:
            fault = api.fault(failure)
            is_lost = errors.is_lost(fault)
            error = errors.translate(fault, self._label, change=job.change)
        except KvmtuiError as failure:
            error = _bare(failure)
        except BaseException as failure:  # noqa: BLE001 - a bug must reach the one who awaits, not end this thread
            error = failure
        self._tell(_settle, job.future, value, error)
        if is_lost:
            self._tell(self.give_up)

    def _tell(self, callback: Callable[..., object], *arguments: object) -> None:
        """Call back on the loop; nothing when it has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _leave(self) -> None:
        self.is_gone = True
        self._is_over = True
        self._on_end(self)


def _bare(error: KvmtuiError) -> KvmtuiError:
    """Return the error without the frames that hold libvirt's objects."""
    error.__context__ = None
    error.__cause__ = None
    return error.with_traceback(None)


def _look(future: asyncio.Future[T]) -> None:
    """Take note of an outcome that nobody may be waiting for any more."""
    if not future.cancelled():
        future.exception()


def _settle(future: asyncio.Future[object], value: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)


class Lanes:
    """The lanes to one host, from one `connect` to the next."""

    def __init__(self, address: Address, *, read_only: bool, lingering: set[Lane], on_lost: Callable[[], None]) -> None:
        """`lingering`: given-up lanes of this host whose thread has not ended, over all connects."""
        self._address = address
        self._read_only = read_only
        self._lingering = lingering
        self._on_lost = on_lost
        self._opening = asyncio.Lock()
        self._slots = asyncio.Semaphore(DETAIL_LANES)
        self._longs = asyncio.Semaphore(LONG_LANES)
        self._open: set[Lane] = set()
        self._idle: list[Lane] = []
        self._event: Lane | None = None
        self._bulk: Lane | None = None
        self._is_dropped = False
        # The test driver keeps a world of its own per connection.
        self.is_single = address.driver == "test"

    @property
    def host_uuid(self) -> str:
        """The host that the event lane reaches."""
        return self._event.host_uuid if self._event is not None else ""

    @property
    def is_silent(self) -> bool:
        """Whether a call on the event lane is late."""
        return self._event is None or self._event.is_late

    async def connect(self, patience: float) -> None:
        """Open the event lane."""
        self._event = await self._new(patience)

    async def event(self, work: Work[T], seconds: float) -> T:
        """Run cheap reads that no VM can hold up."""
        if self._event is None:
            raise Unreachable(f"There is no connection to {self._address.label}.")
        return await self._event.call(work, seconds)

    async def bulk(self, work: Work[T], seconds: float) -> T:
        """Run a bulk reading."""
        if self.is_single:
            return await self.event(work, seconds)
        if self._bulk is None or self._bulk.is_over:
            self._bulk = await self._new()
        return await self._bulk.call(work, seconds)

    async def detail(self, work: Work[T], seconds: float, *, change: bool = False) -> T:
        """Run a read or a change on the first of a few lanes that is free."""
        if self.is_single and self._event is not None:
            return await self._event.call(work, seconds, change=change)
        try:
            async with asyncio.timeout(seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise Busy(f"{DETAIL_LANES} other calls to {self._address.label} are still under way.") from None
        try:
            return await self._on_some_lane(work, seconds, change=change)
        finally:
            self._slots.release()

    async def alone(self, work: Work[T], *, change: bool = True) -> T:
        """Run something long on a lane of its own, without a deadline."""
        if self.is_single and self._event is not None:
            return await self._event.call(work, None, change=change)
        if self._longs.locked():
            raise Busy(f"{LONG_LANES} long operations are under way on {self._address.label}.")
        async with self._longs:
            lane = await self._new()
            try:
                return await lane.call(work, None, change=change)
            finally:
                self._close_when_free(lane)

    def drop(self) -> None:
        """Let go of everything at once."""
        self._is_dropped = True
        for lane in tuple(self._open):
            lane.close()
        self._idle.clear()

    async def _on_some_lane(self, work: Work[T], seconds: float, *, change: bool) -> T:
        while True:
            lane = self._take_idle()
            is_fresh = lane is None
            if lane is None:
                lane = await self._new()
            try:
                return await lane.call(work, seconds, change=change)
            except Stale:
                # The daemon was started anew while the lane was idle. Nothing had been sent.
                if is_fresh:
                    raise
            finally:
                if not lane.is_over and not lane.is_busy:
                    self._idle.append(lane)
                elif not lane.is_over:
                    self._close_when_free(lane)

    def _take_idle(self) -> Lane | None:
        while self._idle:
            lane = self._idle.pop()
            if not lane.is_over:
                return lane
        return None

    def _close_when_free(self, lane: Lane) -> None:
        """Close a lane whose caller has gone; the call in flight may still end in good order."""
        if lane.is_busy:
            lane.close_after_call()
        else:
            lane.close()

    async def _new(self, patience: float = 0.0) -> Lane:
        async with self._opening:
            if self._is_dropped:
                raise Unreachable(f"The connection to {self._address.label} was let go.")
            if len(self._lingering) >= MOST_LINGERING:
                raise Unreachable(
                    f"{len(self._lingering)} calls to {self._address.label} hang and cannot be ended.",
                    hint="It is tried again when one of them ends; restarting kvmtui ends them all.",
                )
            lane = Lane(self._address, read_only=self._read_only, patience=patience, on_end=self._ended)
            self._open.add(lane)
            await lane.open(20.0 if self._address.transport is Transport.SSH else 10.0)
            if self._is_dropped:
                lane.close()
                raise Unreachable(f"The connection to {self._address.label} was let go.")
        if self._event is not None and lane.host_uuid != self._event.host_uuid:
            lane.close()
            raise BackendError(
                f"{self._address.label} now reaches another host than before; nothing was done.",
                hint="Reconnect, and look at what the address leads to.",
            )
        return lane

    def _ended(self, lane: Lane) -> None:
        self._open.discard(lane)
        if lane.is_gone:
            self._lingering.discard(lane)
        else:
            self._lingering.add(lane)
        if lane is self._event and not self._is_dropped:
            self._is_dropped = True
            for other in tuple(self._open):
                other.close()
            self._on_lost()
