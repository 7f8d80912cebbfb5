"""One command on one target while it runs, and what tasks need around them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kvmtui.commands.base import Answers, Command, Level, Target
from kvmtui.core.inventory import TaskView

if TYPE_CHECKING:
    from kvmtui.commands.base import Scene
    from kvmtui.core.inventory import Severity
    from kvmtui.monitor import Monitor


class Hosts(Protocol):
    """What tasks need of the engine."""

    def monitor(self, host: str) -> Monitor:
        """Return the host's monitor; raises NotFound."""
        ...

    def scene(self) -> Scene:
        """Return what is known now."""
        ...

    def changed(self, *, urgent: bool) -> None:
        """Hear that a task is further than before."""
        ...

    async def reconnect(self, host: str) -> None: ...
    async def disconnect(self, host: str) -> None: ...
    def unlock(self, host: str, seconds: float) -> None: ...
    def say(self, subject: str, detail: str, severity: Severity) -> None:
        """Say something about the program itself."""
        ...

    def oversee(self, work: asyncio.Task[None]) -> None:
        """Hear of a fault of the program in this work."""
        ...


@dataclass(slots=True)
class Batch:
    """The tasks of one request."""

    failures: int = 0


@dataclass(slots=True, eq=False)
class Task:
    """One command on one target."""

    view: TaskView
    command: Command
    target: Target
    answers: Answers
    level: Level  # at which it asked; if it now asks more, it is not done
    batch: Batch
    work: asyncio.Task[None] | None = None
    waits: bool = True  # it may be cancelled now: nothing is on its way to a host
    acted: bool = False
    cancelled: bool = False
    failed: bool = False  # it counts among the failures of its batch
    stop: Callable[[], None] | None = None  # ends what is under way, if that can be ended
