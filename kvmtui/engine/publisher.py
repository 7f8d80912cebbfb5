"""When a new fleet is published: at once after a quiet spell, and never more than four times a second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 0.34  # seconds after which there may be one more: two saved up and two earned are four in any second
_SAVED = 2.0  # pictures
_GATHER = 0.015  # seconds that news wait for what comes along: a quick task begins and ends in one picture


class Publisher:
    """Calls `publish` on the loop, soon after it was asked to.

    New figures alone leave one publication saved up, so that what a person waits for need not wait for them.
    """

    def __init__(self, publish: Callable[[], bool], every: float = EVERY) -> None:
        """Take the function that publishes; it tells whether there was anything new. `every`: seconds, above 0."""
        self._publish = publish
        self._every = every
        self._saved = _SAVED
        self._counted = 0.0  # the loop's time at which `_saved` was true
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
        self._count(now)
        missing = (1.0 if urgent else _SAVED) - self._saved
        return now + max(missing * self._every, min(_GATHER, self._every) if urgent else 0.0)

    def _count(self, now: float) -> None:
        self._saved = min(_SAVED, self._saved + (now - self._counted) / self._every)
        self._counted = now

    def _fire(self) -> None:
        self._timer = None
        if self._publish():
            self._count(asyncio.get_running_loop().time())
            self._saved -= 1.0
