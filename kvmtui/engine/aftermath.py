"""Tasks that this or another run of the program lost sight of: looked up, said once, and written down."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.commands.lookup import Found, look_up
from kvmtui.core.errors import KvmtuiError
from kvmtui.core.inventory import Event, Severity, TaskPhase, VmRef
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.commands.base import Reach, Scene
    from kvmtui.core.inventory import TaskView
    from kvmtui.journal import Journal
    from kvmtui.tasks import TaskRunner

_log = logging.getLogger(__name__)
_SOON, _LATER = 1.0, 10.0  # seconds between two looks: at first, and when the hosts have had their time
_FIRST = 30  # looks that come soon
_OLDEST = 7 * 86_400.0  # seconds after which nobody asks what came of it any more
_ALOUD = 3  # tasks that are each said aloud at once; more are counted


class Aftermath:
    """Looks up what has no outcome, for as long as it may still have one."""

    def __init__(self, journal: Journal, tasks: TaskRunner, scene: Callable[[], Scene], reach: Reach) -> None:
        self._journal = journal
        self._tasks = tasks
        self._scene = scene
        self._reach = reach
        self._said: set[str] = set()  # ids of those that were said, and may still change

    async def run(self, happened: Callable[[Event], None]) -> None:
        """Look again and again; tells what it finds as events."""
        looks = 0
        while True:
            for event in self._events(await self._look()):
                happened(event)
            looks += 1
            await asyncio.sleep(_SOON if looks < _FIRST else _LATER)

    async def _look(self) -> list[tuple[TaskView, Found]]:
        """Return what is new, having written down what will not change any more."""
        news = []
        scene = self._scene()
        for task in self._lost(scene):
            try:
                found = await look_up(scene, self._reach, task)
            except KvmtuiError as error:
                _log.info("looking up %s: %s", task.id, error)
                continue
            if found is None:
                continue
            if found.final:
                ended = scene.now if task.ended is None else task.ended
                self._tasks.found(
                    replace(task, phase=found.phase, message=found.message, ended=ended, percent=None, looked_up=True)
                )
            elif task.id in self._said:
                continue
            self._said.add(task.id)
            news.append((task, found))
        return news

    def _lost(self, scene: Scene) -> list[TaskView]:
        """Return the tasks without an outcome, oldest first."""
        known = {task.id: task for task in (*self._journal.recent(), *scene.fleet.tasks)}
        lost = [task for task in known.values() if task.phase is TaskPhase.UNKNOWN and not task.looked_up]
        return sorted((task for task in lost if scene.now - task.started < _OLDEST), key=lambda task: task.started)

    def _events(self, news: list[tuple[TaskView, Found]]) -> list[Event]:
        now = self._scene().now
        aloud = len(news) <= _ALOUD
        events = []
        for task, found in news:
            severity = Severity.INFO if found.phase is TaskPhase.DONE else Severity.WARN
            vm = VmRef(task.to if task.to and found.phase is TaskPhase.DONE else task.host, task.vm_uuid)
            by = "you" if task.ours else f"kvmtui, user {safe(task.user)}"
            subject = f"{task.label} {safe(task.vm or task.host)}"
            host = "" if aloud else task.host
            events.append(Event(now, severity, host, vm if task.vm_uuid else None, subject, found.message, by))
        if not aloud:
            done = sum(found.phase is TaskPhase.DONE for _, found in news)
            subject = f"{len(news)} tasks had ended without an answer"
            events.append(Event(now, Severity.WARN, "", None, subject, f"{done} are done after all; 7 lists them", ""))
        return events
