"""When a new fleet is published: at once after a quiet spell, and never more than four times a second."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SPELL = 0.25  # seconds without a publication after which the next goes out at once
_SECOND = 1.0
_MOST = 4  # publications within a second
_ROUTINE = 3  # of these, those that only new figures may use: one stays for what a person waits for


class Publisher:
    """Calls `publish` on the loop, soon after it was asked to."""

    def __init__(self, publish: Callable[[], bool]) -> None:
        """Take the function that publishes; it tells whether there was anything new."""
        self._publish = publish
        self._recent: deque[float] = deque(maxlen=_MOST)
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, *, urgent: bool) -> None:
        """Publish as soon as the rules allow."""
        loop = asyncio.get_running_loop()
        due = self._due(loop.time(), urgent=urgent)
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        # Never from within the caller: what it changes next belongs to the same picture.
        self._timer = loop.call_at(due, self._fire)

    def stop(self) -> None:
        """Publish no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self, now: float, *, urgent: bool) -> float:
        """Return when the next publication may be."""
        recent = self._recent
        due = now
        most = _MOST if urgent else _ROUTINE
        if len(recent) >= most:
            due = max(due, recent[-most] + _SECOND)
        if recent and not urgent:
            due = max(due, recent[-1] + _SPELL)
        return due

    def _fire(self) -> None:
        self._timer = None
        if self._publish():
            self._recent.append(asyncio.get_running_loop().time())
