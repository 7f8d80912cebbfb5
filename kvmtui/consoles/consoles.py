"""All open consoles of the program."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from kvmtui.consoles.session import ConsoleSession, Phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.base import Backend
    from kvmtui.core.inventory import Fleet, VmRef

_GHOST = 5.0  # seconds until a host has surely let go of a session that was closed


class Consoles:
    """The open consoles, in the order of their opening; never two of one VM."""

    def __init__(
        self,
        reach: Callable[[str], Backend],
        fleet: Callable[[], Fleet],
        watch: Callable[[Callable[[Fleet], None]], Callable[[], None]],
        *,
        wall: Callable[[], float] = time.time,
        oversee: Callable[[asyncio.Task[None]], None] | None = None,
    ) -> None:
        """`reach` gives a host's backend, `watch` calls back with each new fleet and returns what ends that.

        `oversee` is given each session's work, to hear of a fault of the program in it.
        """
        self.reach = reach
        self.fleet = fleet
        self.now = wall
        self._watch = watch
        self._oversee = oversee
        self._sessions: tuple[ConsoleSession, ...] = ()
        self._leave: Callable[[], None] | None = None
        self._closed: dict[str, float] = {}  # UUIDs, and when ours was closed

    @property
    def sessions(self) -> tuple[ConsoleSession, ...]:
        """The sessions, in opening order."""
        return self._sessions

    def open(self, ref: VmRef, name: str) -> ConsoleSession:
        """Return the session of this VM, opened if there is none."""
        known = self._of(ref)
        if known is not None:
            if known.phase is not Phase.LIVE:
                known.retry()
            return known
        if self._leave is None:
            self._leave = self._watch(self._notice)
        now = asyncio.get_running_loop().time()
        ghost = max(0.0, self._closed.pop(ref.uuid, float("-inf")) + _GHOST - now)
        session = ConsoleSession(ref, name, self, ghost=ghost)
        if self._oversee is not None:
            self._oversee(session.task)
        self._sessions = (*self._sessions, session)
        return session

    def close(self, session: ConsoleSession) -> None:
        """Let go of a session at once."""
        if session in self._sessions:
            self._sessions = tuple(one for one in self._sessions if one is not session)
            self._closed[session.ref.uuid] = asyncio.get_running_loop().time()
        session.close()
        if not self._sessions and self._leave is not None:
            self._leave()
            self._leave = None

    def close_all(self) -> None:
        """Let go of all."""
        for session in self._sessions:
            self.close(session)

    def _of(self, ref: VmRef) -> ConsoleSession | None:
        """Return the session of the VM at an address, also when it has yet to notice that its VM is there now."""
        for session in self._sessions:
            if session.ref == ref:
                return session
        for session in self._sessions:
            vm = self.fleet().vm(session.ref)
            if session.ref.uuid == ref.uuid and (vm is None or not vm.is_active):
                return session
        return None

    def _notice(self, fleet: Fleet) -> None:
        for session in self._sessions:
            session.notice(fleet)
