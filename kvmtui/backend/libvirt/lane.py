"""A lane: one connection with one daemon thread and at most one call in flight, and it is expendable.

No libvirt call has a time-out, so every call here has a deadline. A call that misses it costs its lane: the
lane's transport is cut, which ends the call, and another lane takes its place. The threads are daemon
threads of our own, since asyncio would wait for its workers when the program ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from kvmtui.backend.libvirt import api, descriptors, errors
from kvmtui.backend.libvirt.transport import Line, is_taken, line_for
from kvmtui.backend.libvirt.uri import Transport
from kvmtui.backend.libvirt.xml.capabilities import host_uuid
from kvmtui.backend.meant import need_meant
from kvmtui.core.errors import BackendError, Busy, KvmtuiError, TimedOut, Unreachable

if TYPE_CHECKING:
    from kvmtui.backend.libvirt.asking import AskingServer
    from kvmtui.backend.libvirt.uri import Address

T = TypeVar("T")

KEEPALIVE = (5, 5)  # seconds, and how many may stay unanswered: a broken transport ends after 30 s
CLOSE_SECONDS = 2.0


class Session:
    """What the work on a lane's thread is given; libvirt's objects never leave it."""

    def __init__(self, conn: api.Connection, capabilities: str) -> None:
        """`capabilities`: what the host has just said of itself."""
        self.conn = conn
        self.capabilities = capabilities
        self.host_uuid = host_uuid(capabilities)
        self.domains: dict[str, api.Domain] = {}  # as a bulk reading returned them
        self.stream: api.Stream | None = None  # of a lane that carries one
        self.at_end: list[Callable[[], object]] = []

    def domain(self, uuid: str) -> api.Domain:
        """Look a VM up."""
        return self.conn.lookupByUUIDString(uuid)

    def is_lost(self, error: Exception) -> bool:
        """Tell whether the connection itself failed, and not the call.

        A daemon that does not reach another one (virtnetworkd, a move's target) says so in the same words.
        """
        if not errors.is_lost(api.fault(error)):
            return False
        with contextlib.suppress(api.LibvirtError):
            return self.conn.isAlive() != 1
        return True

    def end(self, by: float, cut: Callable[[], object]) -> None:
        """Take the callbacks back and close; from `by` (monotonic) on the transport is cut, so that nothing waits."""
        for step in (*self.at_end, self.conn.close):
            if time.monotonic() >= by:
                cut()
                by = math.inf
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

    def __init__(
        self,
        address: Address,
        *,
        read_only: bool,
        patience: float,
        on_end: Callable[[Lane], None],
        server: AskingServer | None = None,
    ) -> None:
        """`patience`: seconds that a call may be late before the lane is given up for it; `server` asks a person."""
        self._label = address.label
        self._by_ssh = address.transport is Transport.SSH
        self._line: Line = line_for(address, read_only=read_only, server=server)
        self._read_only = read_only
        self._patience = patience
        self._on_end = on_end
        self._jobs: SimpleQueue[_Job[object] | None] = SimpleQueue()
        self._turn = asyncio.Lock()
        self._current: asyncio.Future[object] | None = None
        self._changes = False  # the call in flight is a change
        self._loop = asyncio.get_running_loop()
        self._is_over = False
        self._is_cut = False
        self._ends_by = math.inf
        self.is_late = False  # the call in flight has missed its deadline
        self.gone = asyncio.Event()
        self.on_over: Callable[[], None] | None = None  # told once, when it takes no more calls
        self.host_uuid = ""

    @property
    def is_over(self) -> bool:
        """Whether it takes no more calls."""
        return self._is_over

    @property
    def is_busy(self) -> bool:
        """Whether a call is in flight or waiting."""
        return self._turn.locked()

    @property
    def is_gone(self) -> bool:
        """Whether its connection and its thread have ended."""
        return self.gone.is_set()

    async def open(self, seconds: float) -> None:
        """Connect; a lane that has not within `seconds` is given up. A person may take longer to answer."""
        future: asyncio.Future[str] = self._loop.create_future()
        future.add_done_callback(_look)
        threading.Thread(target=self._run, args=(future,), name=f"lane to {self._label}", daemon=True).start()
        try:
            await asyncio.wait((future,), timeout=seconds)
            while not future.done() and self._line.asks:
                await asyncio.wait((future,), timeout=seconds)
            if future.done():
                self.host_uuid = future.result()
                return
        except BaseException:
            self.give_up()
            raise
        late = errors.not_opened(self._label, seconds, is_taken=is_taken(self._line))
        self.give_up()
        raise late

    async def call(self, work: Work[T], seconds: float | None, *, change: bool = False) -> T:
        """Run `work` on the thread when its turn comes; None: without a deadline.

        Raises TimedOut after `seconds`, with `unknown` when it is a change that had been sent.
        """
        if change:
            need_meant(self.host_uuid, self._label)
        await self._take_turn(seconds)
        if self._is_over:
            self._turn.release()
            raise Stale(f"The connection to {self._label} was lost.")
        future: asyncio.Future[T] = self._loop.create_future()
        late = self._late(seconds or 0.0, change=change)
        timer = self._loop.call_later(seconds + self._patience, self._overdue, late) if seconds is not None else None
        future.add_done_callback(lambda done: self._settled(done, timer))
        self._current, self._changes = future, change  # type: ignore[assignment]
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
            gone = Unreachable(f"The connection to {self._label} was let go.", unknown=self._changes)
            self._current.set_exception(error or gone)
        self._take_no_more()

    def close(self) -> None:
        """End it in good order, or by a cut when a call is in flight; waits for nothing."""
        if self.is_busy:
            self.give_up()
        else:
            self.finish()

    def finish(self, seconds: float = CLOSE_SECONDS) -> None:
        """End it in good order, the call in flight first, in about `seconds`; waits for nothing.

        libvirt 9.0's daemon may crash over a client that has callbacks there and goes in the midst of a call, or of
        taking them back: for half of that time they are, and then the transport is cut between two calls.
        """
        self._ends_by = time.monotonic() + seconds / 2
        self._take_no_more()
        self._loop.call_later(CLOSE_SECONDS, self.give_up)

    def lose(self) -> None:
        """End it since its host was lost, and with it the call in flight."""
        if self.is_busy:
            self.give_up(errors.lost(self._label, change=self._changes))
        else:
            self.close()

    def close_after_call(self) -> None:
        """Take no more calls, and end when the one in flight has."""
        self._take_no_more()

    def _take_no_more(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._jobs.put(None)
            self._on_end(self)
            if self.on_over is not None:
                self.on_over()

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
            session.end(self._ends_by, self._line.cut)
        self._line.release()
        self._tell(self._leave)

    def _enter(self, opening: asyncio.Future[str]) -> Session | None:
        session: Session | None = None
        error: BaseException | None = None
        try:
            api.prepare()
            self._need_room()
            session = self._connect()
        except api.LibvirtError as failure:
            error = errors.translate(api.fault(failure), self._label, opening=True, by_ssh=self._by_ssh)
        except KvmtuiError as failure:
            error = _bare(failure)
        except BaseException as failure:  # noqa: BLE001 - a bug must reach the one who awaits, not end this thread
            error = failure
        self._tell(_settle, opening, session.host_uuid if session else "", error)
        return session

    def _need_room(self) -> None:
        has_room, limit = descriptors.room()
        if not has_room:
            text = f"The limit of {limit} open files leaves no room for a connection to {self._label}."
            raise Busy(text, hint="Raise it (ulimit -n 8192), or watch fewer hosts at once.")

    def _connect(self) -> Session:
        conn = api.open_connection(self._line.prepare(), read_only=self._read_only)
        self._line.opened()
        with contextlib.suppress(api.LibvirtError):  # the test driver has none
            conn.setKeepAlive(*KEEPALIVE)
        return Session(conn, conn.getCapabilities())

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
            is_lost = session.is_lost(failure)
            error = errors.translate(fault, self._label, change=job.change, lives=not is_lost)
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
        self.gone.set()
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
