"""Tasks that this or another run of the program lost sight of: looked up, said once, and written down."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.commands.lookup import Found, look_up
from kvmtui.core.errors import KvmtuiError
from kvmtui.core.inventory import Event, Severity, TaskPhase, VmRef
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.commands.base import Reach, Scene
    from kvmtui.core.inventory import TaskView, Vm
    from kvmtui.journal import Journal
    from kvmtui.tasks import TaskRunner

_log = logging.getLogger(__name__)
_EVERY = 1.0  # seconds between two looks at what is known of the VMs
_AGAIN = 10.0  # seconds after which a VM is read once more although nothing of it changed
_SELDOM = 300.0  # the same at most for one that holds its reading up: each costs its daemon a worker
_OLDEST = 7 * 86_400.0  # seconds after which nobody asks what came of it any more
_ALOUD = 3  # tasks that are each said aloud at once; more are counted


class _Look(NamedTuple):
    """A look at a task's VM."""

    vms: tuple[Vm | None, ...]  # as they were known then
    due: float  # when it is looked at again, epoch seconds
    rest: float


class Aftermath:
    """Looks up what has no outcome, for as long as it may still have one."""

    def __init__(self, journal: Journal, tasks: TaskRunner, scene: Callable[[], Scene], reach: Reach) -> None:
        self._journal = journal
        self._tasks = tasks
        self._scene = scene
        self._reach = reach
        self._said: set[str] = set()  # ids of those that were said, and may still change
        self._looked: dict[str, _Look] = {}  # by task

    async def run(self, happened: Callable[[Event], None]) -> None:
        """Look again and again; tells what it finds as events."""
        while True:
            for event in self._events(await self._look()):
                happened(event)
            await asyncio.sleep(_EVERY)

    async def _look(self) -> list[tuple[TaskView, Found]]:
        """Return what is new, having written down what will not change any more."""
        news = []
        scene = self._scene()
        for task in self._lost(scene):
            found = await self._looked_up(scene, task)
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

    async def _looked_up(self, scene: Scene, task: TaskView) -> Found | None:
        """Look when something of its VM changed, or after a while; None when there is no news."""
        vms = tuple(scene.fleet.vm(VmRef(host, task.vm_uuid)) for host in (task.host, task.to))
        last = self._looked.get(task.id)
        if last is not None and scene.now < last.due and all(map(is_, vms, last.vms)):
            return None
        rest = _AGAIN
        try:
            found = await look_up(scene, self._reach, task)
        except KvmtuiError as error:
            _log.info("looking up %s: %s", task.id, error)
            found = None
            rest = _AGAIN if last is None else min(2 * last.rest, _SELDOM)
        else:
            if found is None:
                return None  # nobody was asked
        self._looked[task.id] = _Look(vms, scene.now + rest, rest)
        return found

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
