"""A connection to a simulated host: where calls wait, are refused, get lost or are cut off."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from kvmtui.backend.base import Wake, WakeKind
from kvmtui.backend.demo.world import Call
from kvmtui.backend.meant import need_meant
from kvmtui.core.errors import BackendError, Denied, TimedOut, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.world import World

READ, BULK, CHANGE, PING = 10.0, 15.0, 30.0, 4.0  # seconds until a call is given up

T = TypeVar("T")


class Connection:
    """Carries calls to a simulated host, as a real one would: with waits, deadlines and losses."""

    def __init__(self, world: World, host: SimHost, *, read_only: bool) -> None:
        """Make a connection that is not open yet."""
        self.world = world
        self.host = host
        self._read_only = read_only
        self._wake: Callable[[Wake], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Future[str] | None = None
        self._why = "it was never opened"
        self._leave: list[Callable[[], None]] = []

    @property
    def is_read_only(self) -> bool:
        """Whether it carries no changes."""
        return self._read_only

    def listen(self, wake: Callable[[Wake], None]) -> None:
        """Name who is woken."""
        self._wake = wake

    def on_end(self, ended: Callable[[str], None]) -> Callable[[], None]:
        """Have `ended` called with the reason when this opening of the connection ends; return what takes it back."""
        future = self._ended
        if future is None:
            raise self._gone(change=False)

        def tell(done: asyncio.Future[str]) -> None:
            ended(done.result())

        def leave() -> None:
            future.remove_done_callback(tell)

        future.add_done_callback(tell)
        return leave

    async def open(self) -> None:
        """Connect; raises Unreachable, Denied or TimedOut."""
        self.close("it was opened anew")
        shut = self.world.faults.shut.get(self.host.name)
        if shut is not None:
            await asyncio.sleep(0)
            raise _again(shut)
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        try:
            await self._answer(BULK, change=False)
        except BackendError:
            self.close("the host did not answer")
            raise
        self._leave = [
            self.world.subscribe(self.host.name, self._heard),
            self.world.faults.on_cut(self.host.name, self._cut),
        ]
        self.world.settle()

    def close(self, why: str = "it was closed") -> None:
        """Let go at once; calls under way end as Unreachable."""
        for leave in self._leave:
            leave()
        self._leave = []
        self._why = why
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(why)
        self._ended = None

    async def read(self, verb: str, work: Callable[[], T], *, uuid: str = "", seconds: float = READ) -> T:
        """Ask something; raises Unreachable, TimedOut and what `work` raises."""
        self._need()
        await self._answer(seconds, change=False)
        self._refuse(verb, uuid)
        self.world.settle()
        return work()

    async def change(
        self, verb: str, uuid: str, work: Callable[[], None], *, args: tuple[object, ...] = (), lasts: float = 0.0
    ) -> None:
        """Send a change once; it takes `lasts` seconds at the world's pace."""
        self._need()
        world, host = self.world, self.host
        if self._read_only:
            raise Denied(f"The connection to {host.name} is read-only.", hint="Start without --read-only.")
        need_meant(world.faults.identities.get(host.name, host.facts.uuid), host.name)
        world.calls.append(Call(host.name, verb, uuid, args))
        await self._answer(CHANGE, change=True, late=work)
        self._refuse(verb, uuid)
        world.settle()
        done = world.faults.lost(host.name, verb)
        if done is not None:
            if done:
                work()
            await self._wait(CHANGE * world.faults.patience, change=True)
            raise self._late(CHANGE, change=True)
        work()
        if lasts * world.address.pace > 0.0:
            await self._wait(lasts * world.address.pace, change=True)

    async def pause(self, seconds: float) -> None:
        """Wait while a change goes on; raises Unreachable (outcome unknown) when the connection ends."""
        await self._wait(seconds, change=True)

    async def _answer(self, seconds: float, *, change: bool, late: Callable[[], None] | None = None) -> None:
        """Wait until the host answers."""
        faults, name = self.world.faults, self.host.name
        limit = seconds * faults.patience
        if name in faults.silent:
            if await self._wait(limit, change=change, until=faults.until_answer(name)):
                return
            if late is not None:
                faults.do_late(name, _tolerant(late))
            raise self._late(seconds, change=change)
        delay = faults.delays.get(name, 0.0)
        if delay >= limit:
            await self._wait(limit, change=change)
            if late is not None:
                _tolerant(late)()
            raise self._late(seconds, change=change)
        if delay:
            await self._wait(delay, change=change)
        else:
            await asyncio.sleep(0)
            self._need()

    async def _wait(self, seconds: float, *, change: bool, until: asyncio.Future[None] | None = None) -> bool:
        """Wait for `until` or so many seconds; return whether `until` came; raises when the connection ends."""
        ended = self._ended
        if ended is None:
            raise self._gone(change=change)
        awaited: set[asyncio.Future[str] | asyncio.Future[None]] = {ended}
        if until is not None:
            awaited.add(until)
        await asyncio.wait(awaited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise self._gone(change=change)
        return until is not None and until.done()

    def _refuse(self, verb: str, uuid: str) -> None:
        error = self.world.faults.refusal(self.host.name, verb, uuid)
        if error is not None:
            raise _again(error)

    def _need(self) -> None:
        if self._ended is None:
            raise self._gone(change=False)

    def _gone(self, *, change: bool) -> Unreachable:
        return Unreachable(f"There is no connection to {self.host.name}: {self._why}.", unknown=change)

    def _late(self, seconds: float, *, change: bool) -> TimedOut:
        return TimedOut(f"{self.host.name} did not answer within {seconds:.0f} s.", unknown=change)

    def _cut(self, why: str) -> None:
        self.close(why)
        self._heard(Wake(WakeKind.CLOSED, detail=why))

    def _heard(self, wake: Wake) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._deliver, wake)

    def _deliver(self, wake: Wake) -> None:
        if self._wake is not None and (self._ended is not None or wake.kind is WakeKind.CLOSED):
            self._wake(wake)


def _again(error: BackendError) -> BackendError:
    """Return a fresh error of the same kind: one that is raised twice keeps its first traceback."""
    return type(error)(error.text, hint=error.hint, unknown=error.unknown)


def _tolerant(work: Callable[[], None]) -> Callable[[], None]:
    """Return `work` for when nobody is left to hear that it failed."""

    def do() -> None:
        with contextlib.suppress(BackendError):
            work()

    return do
