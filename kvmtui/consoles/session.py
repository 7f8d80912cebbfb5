"""One console: it is opened, fed into its emulator, and opened again wherever its VM runs."""

from __future__ import annotations

import asyncio
import time
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kvmtui.consoles import whereabouts
from kvmtui.core import units
from kvmtui.core.errors import BackendError, Busy, Conflict, Denied, InUse, KvmtuiError, NotFound, NotSupported
from kvmtui.core.text import safe
from kvmtui.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.base import Backend, ConsoleLine
    from kvmtui.core.inventory import Fleet, VmRef

FIRST_PAUSE, MOST_PAUSE = 0.25, 5.0  # seconds between attempts
OWN_GHOST = 20.0  # seconds in which a host may still take a session of ours that was lost for a living one
_BRIEF = 2.0  # seconds: a line that lives no longer was hardly open
_STEP = 0.004  # seconds that the emulator may hold the loop
_SLICES = (256, 16_384)  # bytes fed at once
_CAUGHT_UP = 16_384  # bytes: a shorter piece was all that there was
_TURNS = 4  # of the loop between two steps: a key takes several to come through
_PUT_BACK = b"\x18\x1b[?1049l\x1b[!p"  # end a sequence, leave the second screen, ordinary modes


class Phase(Enum):
    """How it stands with a console."""

    OPENING = "opening"
    LIVE = "live"
    WAITING = "waiting"  # for its VM or its host; it reopens by itself
    TAKEN = "taken"  # somebody else holds it
    FAILED = "failed"  # there is no way; only `retry` tries again
    CLOSED = "closed"


class _End(Enum):
    """How an open line ended."""

    HUNG_UP = "hung up"  # the VM ended or moved, or somebody took the line
    LOST = "lost"  # the connection broke


class Surroundings(Protocol):
    """What a session needs of the program."""

    def reach(self, host: str) -> Backend:
        """Return the backend of a host; raises KvmtuiError."""
        ...

    def fleet(self) -> Fleet:
        """Return what is known now."""
        ...

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...


class _Past(NamedTuple):
    """What the next opening has to know of the last one."""

    ref: VmRef
    end: _End


class ConsoleSession:
    """The console of one VM, from its opening by a person to its closing, whatever happens to the VM between."""

    def __init__(self, ref: VmRef, name: str, around: Surroundings, *, ghost: float) -> None:
        """`ghost`: for how many seconds the host may still hold a session of ours that was closed."""
        self.ref = ref
        self.name = name
        self.emulator = Emulator()
        self.phase = Phase.OPENING
        self.why = ""
        self.was_open = False
        """Whether it has been open here at all."""
        self.is_held = False
        """Whether the host has said that another session has it, since it was open here."""
        self._around = around
        self._force = False
        self._watchers: list[Callable[[], None]] = []
        self._line: ConsoleLine | None = None
        self._stirred = asyncio.Event()
        self._twins = whereabouts.twins(around.fleet(), ref)
        self._seen = self._find()
        self._past: _Past | None = None
        self._loop = asyncio.get_running_loop()
        self._ghost_until = self._loop.time() + ghost
        self._skipped = 0
        self._slice = 2048
        self.task = asyncio.create_task(self._live(), name=f"console of {safe(name)}")

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back on the loop when output was fed or the phase has changed; returns what ends that."""
        self._watchers.append(callback)

        def end() -> None:
            if callback in self._watchers:
                self._watchers.remove(callback)

        return end

    def write(self, data: bytes) -> str:
        """Type; returns "" or a sentence that says why nothing was taken."""
        if self._line is None or self.phase is not Phase.LIVE:
            return self.why or f"The console of {safe(self.name)} is not open: nothing was typed."
        if locked := self._locked():
            self._enter(Phase.LIVE, locked)
            return f"{locked} :unlock {safe(self.ref.host)} 15m opens it."
        try:
            self._line.write(data)
        except Busy as error:
            return safe(str(error))
        return ""

    @property
    def takes_keys(self) -> bool:
        """Whether what is typed goes to the guest, now or a little later."""
        return self.phase is Phase.LIVE and not self._locked()

    @property
    def is_beginning(self) -> bool:
        """Whether it is being opened for the first time, and nothing is known to be in the way."""
        return self.phase is Phase.OPENING and not self.was_open

    def take_over(self) -> None:
        """Open it even if somebody else holds it."""
        if self.phase is not Phase.LIVE:
            self._force = True
            self._stirred.set()

    def retry(self) -> None:
        """Try to open it now."""
        self._stirred.set()

    def notice(self, fleet: Fleet) -> None:
        """Look at a new fleet: the VM may run again, or elsewhere."""
        self._twins &= whereabouts.running_elsewhere(fleet, self.ref)
        if self.phase is Phase.LIVE:
            self._enter(Phase.LIVE, self._trouble(fleet))
            return
        seen = self._find()
        if seen != self._seen:
            self._seen = seen
            self._stirred.set()

    def close(self) -> None:
        """Let go of it at once."""
        self.task.cancel()
        if self._line is not None:
            self._line.close()
            self._line = None
        self._enter(Phase.CLOSED, f"The console of {safe(self.name)} is closed.")

    # --- life --------------------------------------------------------------------------------

    async def _live(self) -> None:
        brief = 0
        while True:
            line = await self._open()
            self._line, began = line, self._loop.time()
            try:
                end = await self._listen(line)
            finally:
                self._line = None
                line.close()
            self._past = _Past(self.ref, end)
            if end is _End.LOST:
                self._ghost_until = self._loop.time() + OWN_GHOST
            self._enter(Phase.OPENING, "")
            # One that ends as soon as it is open, again and again, must not be opened in a busy loop.
            brief = brief + 1 if self._loop.time() - began < _BRIEF else 0
            if brief > 1:
                self._stirred.clear()
                await self._rest(min(MOST_PAUSE, FIRST_PAUSE * 2**brief))

    async def _open(self) -> ConsoleLine:
        """Return an open line, however long that takes."""
        pause = FIRST_PAUSE
        while True:
            self._stirred.clear()
            self._seen = self._find()
            if not self._seen.refs:
                self._enter(Phase.WAITING, self._seen.why)
                await self._stirred.wait()
                pause = FIRST_PAUSE
                continue
            try:
                return await self._open_somewhere(self._seen.refs)
            except InUse:
                self.is_held = True
                if self._loop.time() >= self._ghost_until:
                    self._enter(Phase.TAKEN, self._who_has_it())
                    await self._stirred.wait()
                    pause = FIRST_PAUSE
                    continue
                self._enter(Phase.WAITING, f"{safe(self.ref.host)} has not let go of the last session yet.")
            except (NotSupported, Denied) as error:
                self._enter(Phase.FAILED, safe(str(error)))
                await self._stirred.wait()
                continue
            except KvmtuiError as error:
                self._enter(Phase.WAITING, safe(str(error)))
            pause = FIRST_PAUSE if await self._rest(pause) else min(MOST_PAUSE, pause * 2)

    async def _rest(self, seconds: float) -> bool:
        """Wait until there is news, or so long; tells whether there was."""
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            return False
        return True

    async def _open_somewhere(self, refs: tuple[VmRef, ...]) -> ConsoleLine:
        """Open it at the first address where the VM is; raises what the last one said."""
        force, self._force = self._force, False
        last: BackendError | None = None
        for ref in refs:
            try:
                line = await self._around.reach(ref.host).console.open(ref.uuid, force=force)
            except (Conflict, NotFound) as error:  # the fleet does not know yet that it has gone from there
                last = last or error
                continue
            self._opened(ref)
            return line
        raise last or NotFound(f"{self.name} was not found.")

    def _opened(self, ref: VmRef) -> None:
        """Mark the seam, if there is one."""
        past, self._past = self._past, None
        self.is_held = self._force = False
        self.was_open = True
        self._twins = whereabouts.twins(self._around.fleet(), ref)
        self._ghost_until = 0.0
        if past is not None:
            at = units.hhmmss(self._around.now())
            if ref.host != past.ref.host:
                self.emulator.note(f"moved to {safe(ref.host)}: output in between may be missing")
            elif past.end is _End.LOST:
                self.emulator.note(f"opened again at {at}: output in between may be missing")
            else:
                self.emulator.feed(_PUT_BACK)
                self.emulator.note(f"opened again at {at}")
        self.ref = ref
        self._enter(Phase.LIVE, self._trouble(self._around.fleet()))

    async def _listen(self, line: ConsoleLine) -> _End:
        """Feed what comes until it ends."""
        self._skipped = 0
        while True:
            try:
                data = await line.read()
            except BackendError:
                return _End.LOST
            if not data:
                return _End.HUNG_UP
            await self._feed(line, data)
            if line.skipped > self._skipped and len(data) < _CAUGHT_UP:
                missing = units.size(line.skipped - self._skipped)
                self._skipped = line.skipped
                self.emulator.note(f"{missing} came faster than it could be shown, and is missing")
                self._tell()

    async def _feed(self, line: ConsoleLine, data: bytes) -> None:
        """Feed in slices, so that no step holds the loop for long."""
        place = 0
        while place < len(data):
            began = now = time.perf_counter()
            while place < len(data) and now - began < _STEP / 2:
                piece = data[place : place + self._slice]
                self.emulator.feed(piece)
                place += len(piece)
                before, now = now, time.perf_counter()
                self._fit_slice(len(piece), now - before)
            self._answer(line)
            self._tell()
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    def _fit_slice(self, size: int, seconds: float) -> None:
        """Choose the next slice so that it takes a quarter of a step."""
        least, most = _SLICES
        if size == self._slice:
            wanted = int(size * _STEP / 4 / max(seconds, 1e-6))
            self._slice = max(least, min(most, (self._slice + wanted) // 2))

    def _answer(self, line: ConsoleLine) -> None:
        """Send what the emulator was asked by the guest: numbers only."""
        replies = self.emulator.take_replies()
        if replies and not self._locked():
            try:
                line.write(replies)
            except Busy:
                return  # who asks faster than he listens gets no answer

    # --- what is shown -----------------------------------------------------------------------

    def _find(self) -> whereabouts.Whereabouts:
        return whereabouts.find(self._around.fleet(), self.ref, self.name, self._twins)

    def _locked(self) -> str:
        return whereabouts.locked(self._around.fleet(), self.ref, self._around.now())

    def _trouble(self, fleet: Fleet) -> str:
        """Return what is to be known of a line that is open."""
        locked = whereabouts.locked(fleet, self.ref, self._around.now())
        return locked or whereabouts.silence(fleet, self.ref)

    def _who_has_it(self) -> str:
        verb = "holds" if self._past is None else "has taken"
        return f"Somebody else {verb} the console of {safe(self.name)}."

    def _enter(self, phase: Phase, why: str) -> None:
        if (phase, why) != (self.phase, self.why) and self.phase is not Phase.CLOSED:
            self.phase, self.why = phase, why
            self._tell()

    def _tell(self) -> None:
        for callback in tuple(self._watchers):
            callback()
