"""What a running command is given."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from kvmtui.core.errors import BackendError, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmtui.backend.base import Backend
    from kvmtui.commands.base import Scene
    from kvmtui.config import Settings
    from kvmtui.core.clock import Clock
    from kvmtui.core.inventory import HostEntry, Vm
    from kvmtui.monitor import Monitor
    from kvmtui.tasks.runner import TaskRunner
    from kvmtui.tasks.task import Hosts, Task

_POLL_FIRST, _POLL_MOST = 2.0, 10.0  # seconds between two readings of a VM that is waited for


class Running:
    """The `commands.base.Context` of one task."""

    def __init__(self, task: Task, hosts: Hosts, clock: Clock, settings: Settings, runner: TaskRunner) -> None:
        self._task = task
        self._hosts = hosts
        self._clock = clock
        self._settings = settings
        self._runner = runner

    @property
    def backend(self) -> Backend:
        return self._monitor.backend

    @property
    def entry(self) -> HostEntry:
        return self._monitor.entry

    def backend_of(self, host: str) -> Backend:
        return self._hosts.monitor(host).backend

    @contextmanager
    def stoppable(self, stop: Callable[[], None]) -> Iterator[None]:
        self._task.stop = stop
        try:
            yield
        finally:
            self._task.stop = None

    @property
    def shutdown_wait(self) -> float:
        return self._settings.shutdown_wait

    @property
    def _monitor(self) -> Monitor:
        return self._hosts.monitor(self._task.target.host)

    def scene(self) -> Scene:
        return self._hosts.scene()

    def progress(self, message: str, percent: float | None = None) -> None:
        self._runner.progress(self._task, message, percent)

    def written(self, virsh: str) -> None:
        self._runner.written(self._task, virsh)

    def touches(self, *volumes: str) -> None:
        self._runner.touches(self._task, volumes)

    async def look(self, host: str) -> Vm | None:
        return await self._hosts.monitor(host).read(self._task.target.uuid)

    async def wait_for(self, test: Callable[[Vm | None], bool], seconds: float) -> bool:
        """Return True when the VM passes, False when time is up; raises when it could not be read to the end."""
        self._task.waits = True
        try:
            return await self._wait_for(test, seconds)
        finally:
            self._task.waits = False

    async def _wait_for(self, test: Callable[[Vm | None], bool], seconds: float) -> bool:
        uuid = self._task.target.uuid
        now = self._clock.monotonic
        deadline = now() + seconds
        pause, due = _POLL_FIRST, now()
        unread: BackendError | None = None
        while True:
            monitor = self._monitor
            if now() >= due:
                try:
                    await monitor.read(uuid)
                    unread = None
                except BackendError as error:
                    unread = error
                due, pause = now() + pause, min(2 * pause, _POLL_MOST)
            if unread is None and monitor.state is not None and test(monitor.state.vms.get(uuid)):
                return True
            if now() >= deadline:
                if unread is not None:
                    raise TimedOut(unread.text, hint=unread.hint, unknown=True)
                return False
            # A change that the monitor saw is read already; without one the VM is read again now and then.
            with suppress(TimeoutError):
                async with asyncio.timeout(min(due, deadline) - now()):
                    await monitor.next_change()
                    unread = None if monitor.condition.is_answering else unread

    async def reconnect(self) -> None:
        await self._hosts.reconnect(self._task.target.host)

    async def disconnect(self) -> None:
        await self._hosts.disconnect(self._task.target.host)

    async def unlock(self, seconds: float) -> None:
        self._hosts.unlock(self._task.target.host, seconds)

    def cancel_task(self, task_id: str) -> bool:
        return self._runner.cancel(task_id)
