"""What a person hears of without having looked for it: how tasks went wrong, and what is about the program itself."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Protocol

from kvmtui.core.inventory import Severity, TaskPhase

if TYPE_CHECKING:
    from kvmtui.core.inventory import Event, Fleet

ALOUD = (TaskPhase.FAILED, TaskPhase.REFUSED, TaskPhase.UNKNOWN)
"""What went well stands in the task line."""


class Tell(Protocol):
    """Says one sentence for a moment."""

    def __call__(self, text: str, *, bad: bool = False) -> None: ...


class Outcomes:
    """Says each outcome and each notice once."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._told: set[str] = set()  # ids of the tasks whose end was said
        self._newest: Event | None = None  # that was looked at

    def look(self, fleet: Fleet) -> None:
        """Say what this fleet tells that was not said yet."""
        self._say_ends(fleet)
        self._say_notices(fleet)

    def _say_ends(self, fleet: Fleet) -> None:
        for task in fleet.tasks:
            if not task.phase.is_final or not task.ours or task.id in self._told:
                continue
            self._told.add(task.id)
            if task.phase in ALOUD:
                self._tell(task.message, bad=True)

    def _say_notices(self, fleet: Fleet) -> None:
        """Say aloud what is about the program itself."""
        seen, self._newest = self._newest, fleet.events[0] if fleet.events else None
        for event in itertools.takewhile(lambda event: event is not seen, fleet.events):
            if not event.host:
                said = f"{event.subject}: {event.detail}" if event.detail else event.subject
                self._tell(said[:1].upper() + said[1:], bad=event.severity is not Severity.INFO)
