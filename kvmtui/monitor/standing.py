"""How it stands with a host, by what is heard of it and when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kvmtui.core.errors import TimedOut
from kvmtui.core.inventory import Condition, ConditionKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.core.errors import BackendError
    from kvmtui.monitor.means import Means

_PING = "ping"
_REST = 1.0  # seconds after a ping was sent in which an answer may be to what was asked before it
_LATE = 4.0  # seconds after which a ping counts as not answered
_PATIENCE = 9.0  # seconds for which a host that was heard of is slow, and not silent, though its pings are late


class Standing:
    """A host's condition. `told` is given the one before and the new one, whenever it changes."""

    def __init__(self, means: Means, told: Callable[[Condition, Condition], None]) -> None:
        self.condition = Condition(ConditionKind.CONNECTING, means.clock.now())
        self.answering = asyncio.Event()
        """Set while what is shown of the host is live."""
        self._means = means
        self._told = told
        self._heard = means.clock.now()
        self._heard_at = means.clock.monotonic()
        self._late: dict[str, str] = {}  # which readings are late, and why

    @property
    def is_silent(self) -> bool:
        """Whether it was last known to give no answer."""
        return self.condition.kind is ConditionKind.SILENT

    def connected(self) -> None:
        """Note that the host was read on a new connection."""
        self.heard()
        self._late.clear()
        self.becomes(ConditionKind.UP)

    def heard(self) -> None:
        """Note that the host answered."""
        self._heard, self._heard_at = self._means.clock.now(), self._means.clock.monotonic()

    def pinged(self) -> None:
        """Note that the ping was answered."""
        self.slow(_PING, "")

    def unanswered(self, sent: float) -> None:
        """Note that a ping sent at `sent` (monotonic) was not answered in time; it is silent since its last answer.

        After a loss of packets each connection comes back in its own time: a host that another one has just heard
        of is slow, and that is not taken back at the next ping.
        """
        answers = self.condition.is_answering
        since = sent + _REST
        if answers and _PING in self._late:
            since = sent + _LATE - max(_PATIENCE, 2 * self._means.settings.refresh)
        if answers and self._heard_at > since:
            self.slow(_PING, "What happens there is heard late.")
        elif not self.is_silent:
            hint = "Changes wait until it answers; x r connects anew."
            self.becomes(ConditionKind.SILENT, hint=hint, since=self._heard)

    def slow(self, reading: str, why: str) -> None:
        """Note that a kind of reading is late ("" when it came), beside answers to the ping."""
        if why:
            self._late[reading] = why
        else:
            self._late.pop(reading, None)
        if self.condition.is_answering:
            first = next(iter(self._late.values()), "")
            self.becomes(ConditionKind.SLOW if self._late else ConditionKind.UP, first)

    def lost(self, error: BackendError, *, watched: bool) -> None:
        """Note why there is no connection; a host that was silent stays so until it is known to refuse.

        `watched`: it is the end of a connection that stood, and not of an attempt to make one.
        """
        silent, known = self.is_silent, self.condition
        if silent and watched:
            return
        if isinstance(error, TimedOut):
            self.becomes(ConditionKind.SILENT, error.text, error.hint, known.since if silent else self._heard)
        else:
            self.becomes(ConditionKind.DOWN, error.text, error.hint, known.since if silent else None)

    def becomes(self, kind: ConditionKind, why: str = "", hint: str = "", since: float | None = None) -> None:
        """Replace the condition, if it is another."""
        known = self.condition
        if known.kind is kind and known.why == why and known.hint == hint:
            return
        if since is None:
            since = known.since if known.kind is kind else self._means.clock.now()
        self.condition = Condition(kind, since, why, hint)
        if self.condition.is_answering:
            self.answering.set()
        else:
            self.answering.clear()
        self._told(known, self.condition)
