"""The lanes to one host: which call goes where, how many there are, and when one more is opened."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from kvmtui.backend.libvirt import errors
from kvmtui.backend.libvirt.lane import CLOSE_SECONDS, Lane, Stale
from kvmtui.backend.libvirt.uri import Address, Transport
from kvmtui.core.errors import BackendError, Busy, TimedOut, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from kvmtui.backend.libvirt.asking import AskingServer
    from kvmtui.backend.libvirt.lane import Work

T = TypeVar("T")

# With the event and the bulk lane these are the 10 sessions that sshd allows on one connection.
READ_LANES = 2
SPARES = 1  # lanes that are opened beside the first one over ssh
CHANGE_LANES = 3
LONG_LANES = 3
CONSOLE_LANES = 8  # those that the connection does not take any more, ssh opens beside it
MOST_LINGERING = 8
OPEN_SECONDS = 10.0
OPEN_SSH_SECONDS = 20.0
COURTESY = 2.0  # seconds for which figures wait while other hosts are being connected to

_strangers: set[asyncio.Future[None]] = set()
"""One for each host that is being connected to over ssh; done when that has ended."""


class Lanes:
    """The lanes to one host, from one `connect` to the next."""

    def __init__(
        self,
        address: Address,
        *,
        read_only: bool,
        lingering: set[Lane],
        on_lost: Callable[[], None],
        server: AskingServer | None = None,
    ) -> None:
        """`lingering`: given-up lanes of this host whose thread has not ended, over all connects."""
        self._address = address
        self._server = server
        self._read_only = read_only
        self._lingering = lingering
        self._on_lost = on_lost
        # Of two connections that are opened at once it cannot be told whose descriptor is whose; over ssh each has
        # its token, and a long link makes every one that waits for another cost a second or two.
        is_proved = address.transport is Transport.SSH
        self._opening: AbstractAsyncContextManager[object] = nullcontext() if is_proved else asyncio.Lock()
        self._spares = SPARES if is_proved else 0
        self._coming: set[asyncio.Task[Lane]] = set()
        # Changes that take long (a start whose hook waits) must not keep reads from coming through.
        self._reads = asyncio.Semaphore(READ_LANES)
        self._changes = asyncio.Semaphore(CHANGE_LANES)
        self._longs = asyncio.Semaphore(LONG_LANES)
        self._consoles = asyncio.Semaphore(CONSOLE_LANES)
        self._open: set[Lane] = set()
        self._idle: list[Lane] = []
        self._event: Lane | None = None
        self._bulk: Lane | None = None
        self._is_dropped = self._is_lost = False
        # The test driver keeps a world of its own per connection.
        self.is_single = address.driver == "test"

    @property
    def label(self) -> str:
        """What a sentence calls this host."""
        return self._address.label

    @property
    def host_uuid(self) -> str:
        """The host that the event lane reaches."""
        return self._event.host_uuid if self._event is not None else ""

    @property
    def is_silent(self) -> bool:
        """Whether a call on the event lane is late."""
        return self._event is None or self._event.is_late

    async def connect(self, patience: float) -> None:
        """Open the event lane, and at the same time what will be needed next."""
        self._coming = {asyncio.create_task(self._new()) for _ in range(self._spares)}
        for coming in self._coming:
            coming.add_done_callback(self._arrived)
        self._event = await self._new(patience)

    @contextmanager
    def going_first(self) -> Iterator[None]:
        """Let what other hosts can do later wait meanwhile: over ssh each lane costs processor time."""
        if self._address.transport is not Transport.SSH:
            yield
            return
        met = asyncio.get_running_loop().create_future()
        _strangers.add(met)
        try:
            yield
        finally:
            _strangers.discard(met)
            met.cancel()

    async def _let_others_go_first(self) -> None:
        loop = asyncio.get_running_loop()
        others = [met for met in _strangers if met.get_loop() is loop]
        if others and self._address.transport is Transport.SSH:
            await asyncio.wait(others, timeout=COURTESY)

    def _arrived(self, coming: asyncio.Task[Lane]) -> None:
        """Keep a lane that was opened ahead; one that could not be is opened when it is needed."""
        self._coming.discard(coming)
        if coming.cancelled() or coming.exception() is not None:
            return
        lane = coming.result()
        if not self._is_dropped and not lane.is_over:
            self._idle.append(lane)

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
            await self._let_others_go_first()
            self._bulk = await self._new()
        return await self._bulk.call(work, seconds)

    async def detail(self, work: Work[T], seconds: float, *, change: bool = False) -> T:
        """Run a read or a change on the first of a few lanes that is free."""
        if self.is_single and self._event is not None:
            return await self._event.call(work, seconds, change=change)
        slots = self._changes if change else self._reads
        try:
            async with asyncio.timeout(seconds):
                await slots.acquire()
        except TimeoutError:
            raise Busy(f"Other calls to {self._address.label} are still under way; this one was not sent.") from None
        try:
            return await self._on_some_lane(work, seconds, change=change)
        finally:
            slots.release()

    async def alone(self, work: Work[T], *, change: bool = True, on_lane: Callable[[Lane], None] | None = None) -> T:
        """Run something long on a lane of its own, without a deadline; waits while several others do.

        `on_lane` is given the lane just before, so that its caller can give it up.
        """
        if self.is_single and self._event is not None:
            return await self._event.call(work, None, change=change)
        async with self._longs:
            lane = await self._new()
            try:
                if on_lane is not None:
                    on_lane(lane)
                return await lane.call(work, None, change=change)
            finally:
                self._close_when_free(lane)

    async def console(self, ended: Callable[[], None]) -> Lane:
        """Open a lane that its caller closes; `ended` is told when it takes no more calls.

        Raises Busy when there are as many as there may be.
        """
        if self._consoles.locked():
            raise Busy(
                f"{CONSOLE_LANES} consoles of {self._address.label} are open already.", hint="Close one of them first."
            )
        await self._consoles.acquire()
        try:
            lane = await self._new()
        except BaseException:
            self._consoles.release()
            raise

        def over() -> None:
            self._consoles.release()
            ended()

        lane.on_over = over
        return lane

    def drop(self, *, lost: bool = False, seconds: float = CLOSE_SECONDS) -> None:
        """Let go of everything at once; `lost`: it was the host that did. Good order may take so long."""
        self._is_dropped, self._is_lost = True, lost
        for lane in tuple(self._open):
            if lost:
                lane.lose()
            elif lane is self._event and not lane.is_late:
                lane.finish(seconds)  # it has the callbacks
            else:
                lane.close()
        self._idle.clear()

    async def leave(self, seconds: float) -> None:
        """Let go of everything, and wait so long at most until all of it has ended in good order."""
        leaving = tuple(self._open)
        self.drop(seconds=seconds)
        if leaving:
            ends = [asyncio.ensure_future(lane.gone.wait()) for lane in leaving]
            _, late = await asyncio.wait(ends, timeout=seconds)
            for end in late:
                end.cancel()

    async def _on_some_lane(self, work: Work[T], seconds: float, *, change: bool) -> T:
        while True:
            lane = await self._take_coming()
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

    async def _take_coming(self) -> Lane | None:
        while (lane := self._take_idle()) is None and self._coming:
            await asyncio.wait(self._coming, return_when=asyncio.FIRST_COMPLETED)
        return lane

    def _take_idle(self) -> Lane | None:
        while self._idle:
            lane = self._idle.pop()
            # One that came before the event lane could not be compared with it then.
            if not lane.is_over and self._event is not None and lane.host_uuid != self._event.host_uuid:
                lane.close()
            elif not lane.is_over:
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
                raise self._gone()
            if len(self._lingering) >= MOST_LINGERING:
                raise Unreachable(
                    f"{len(self._lingering)} calls to {self._address.label} hang and cannot be ended.",
                    hint="It is tried again when one of them ends; restarting kvmtui ends them all.",
                )
            lane = Lane(
                self._address,
                read_only=self._read_only,
                patience=patience,
                on_end=self._ended,
                server=self._server,
            )
            self._open.add(lane)
            seconds = OPEN_SSH_SECONDS if self._address.transport is Transport.SSH else OPEN_SECONDS
            try:
                await lane.open(seconds)
            except TimedOut:
                if self.is_silent:
                    raise
                raise errors.no_more(self._address.label) from None
            if self._is_dropped:
                lane.close()
                raise self._gone()
        if self._event is not None and lane.host_uuid != self._event.host_uuid:
            lane.close()
            raise BackendError(
                f"{self._address.label} now reaches another host than before; nothing was done.",
                hint="Reconnect, and look at what the address leads to.",
            )
        return lane

    def _gone(self) -> Unreachable:
        label = self._address.label
        if self._is_lost:
            return errors.lost(label, change=False)
        return Unreachable(f"The connection to {label} was let go.")

    def _ended(self, lane: Lane) -> None:
        self._open.discard(lane)
        if lane.is_gone:
            self._lingering.discard(lane)
        else:
            self._lingering.add(lane)
        if lane is self._event and not self._is_dropped:
            self._is_dropped = self._is_lost = True
            for other in tuple(self._open):
                other.lose()
            self._on_lost()
