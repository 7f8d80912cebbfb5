"""Runs commands as tasks: checked again before they act, a few at once per host, their outcome proved."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.meant import MEANT_FOR
from kvmtui.commands.base import Answers, Command, Level, Noun, Target
from kvmtui.core.errors import Aborted, BackendError, KvmtuiError, NotFound, Refused, TimedOut
from kvmtui.core.inventory import Moving, TaskPhase, TaskView, Vm, VmRef
from kvmtui.core.text import safe
from kvmtui.journal import Journal, broken_off, user
from kvmtui.tasks.check import check_again
from kvmtui.tasks.context import Running
from kvmtui.tasks.ledger import Ledger
from kvmtui.tasks.task import Batch, Hosts, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from kvmtui.config import Settings
    from kvmtui.core.clock import Clock

_log = logging.getLogger(__name__)
_SHOWN = 200  # tasks in the fleet
_KEPT = 10_000  # tasks that can still be waited for
EXPLAINS = 10.0  # seconds after its end during which a task explains what happened to its VM
_EXPLAINS_LATE = 3600.0  # the same, of one whose outcome is not known
MOVES_AT_ONCE = 2
"""How many moves a host takes part in at once, as their source or their target."""
_PROOF = 20.0  # seconds within which a change whose answer did not come must show
_TOLD = 10  # tasks that are named when the end of the program breaks them off
_COUNTED = (TaskPhase.FAILED, TaskPhase.UNKNOWN)
SHUTDOWN = "vm.shutdown"


class TaskRunner:
    """All tasks of this process."""

    def __init__(self, settings: Settings, clock: Clock, hosts: Hosts, journal: Journal) -> None:
        self._settings = settings
        self._clock = clock
        self._hosts = hosts
        self._ledger = Ledger(journal, hosts.say)
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._docks: dict[str, asyncio.Semaphore] = {}  # for what two hosts are at work on
        self._tasks: dict[str, Task] = {}
        self._acting: list[Task] = []  # those that may explain what happens
        self._token = os.urandom(3).hex()
        self._count = 0
        self._stopping: dict[VmRef, tuple[float, int | None]] = {}
        self._views: tuple[TaskView, ...] | None = ()
        self._moving: dict[VmRef, Moving] = {}
        self._user = user()

    # --- what others see ---------------------------------------------------------------------

    @property
    def views(self) -> tuple[TaskView, ...]:
        """The tasks, newest first; the same object while nothing changed."""
        if self._views is None:
            newest = [task.view for task in reversed(self._tasks.values())]
            older = (view for view in newest[_SHOWN:] if not view.phase.is_final)
            self._views = (*newest[:_SHOWN], *older)
            self._moving = dict(self._moves_of(self._views))
        return self._views

    @property
    def moving(self) -> Mapping[VmRef, Moving]:
        """The VMs that tasks move now, under both addresses; the same object while nothing changed."""
        _ = self.views
        return self._moving

    def _moves_of(self, views: Iterable[TaskView]) -> Iterator[tuple[VmRef, Moving]]:
        for view in views:
            if view.to and view.phase is TaskPhase.RUNNING:
                yield from _both_ends(view)

    def moves(self, ref: VmRef) -> Moving | None:
        """Return how a task moves a VM, or has moved it just now."""
        self._drop_old()
        for task in self._acting:
            if task.view.to and task.view.phase in (TaskPhase.RUNNING, TaskPhase.DONE):
                for end, moving in _both_ends(task.view):
                    if end == ref:
                        return moving
        return None

    def stopping(self, vm_at: Callable[[VmRef], Vm | None]) -> dict[VmRef, float]:
        """Return when each VM that is still on was asked to shut down."""
        for ref, (_, domain_id) in list(self._stopping.items()):
            vm = vm_at(ref)
            if vm is None or not vm.is_active or vm.domain_id != domain_id:
                del self._stopping[ref]
        return {ref: at for ref, (at, _) in self._stopping.items()}

    def explains(self, ref: VmRef) -> bool:
        """Tell whether one of our tasks did what just happened to a VM."""
        self._drop_old()
        return ref in self._stopping or any(ref in _refs(task) for task in self._acting)

    def _drop_old(self) -> None:
        """Forget the tasks that explain nothing any more."""
        now = self._clock.now()
        self._acting = [task for task in self._acting if _explains(task.view, now)]

    # --- what others ask for -----------------------------------------------------------------

    def submit(
        self, command: Command, targets: Sequence[Target], answers: Answers, agreed: Level | None = None
    ) -> tuple[str, ...]:
        """Begin a task for each target, in order; raises Refused for answers that will not do.

        `agreed` is the level at which a person was asked; without it, what holds now counts as agreed.
        """
        full = command.validate(answers)
        scene = self._hosts.scene()
        batch = Batch()
        ids = []
        for target in targets:
            level = command.judge(scene, target).level if agreed is None else agreed
            task = Task(self._first_view(command, target, full), command, target, full, level, batch)
            self._tasks[task.view.id] = task
            task.work = asyncio.create_task(self._work(task), name=f"task {task.view.id}")
            self._hosts.oversee(task.work)
            ids.append(task.view.id)
        self._forget()
        self._news()
        return tuple(ids)

    async def wait(self, task_ids: Iterable[str]) -> tuple[TaskView, ...]:
        """Return the tasks when all have ended; raises what a faulty command raised."""
        tasks = [self._tasks[id_] for id_ in task_ids]
        for task in tasks:
            if task.work is not None:
                await asyncio.shield(task.work)
        return tuple(task.view for task in tasks)

    def cancel(self, task_id: str) -> bool:
        """Stop a task that waits, for its turn or for a guest, or that knows how to end; False for any other."""
        task = self._tasks.get(task_id)
        if task is None or task.view.phase.is_final or task.work is None:
            return False
        if task.stop is not None:
            task.cancelled = True
            task.stop()
            return True
        if not task.waits:
            return False
        task.cancelled = True
        task.work.cancel()
        return True

    async def stop(self) -> tuple[str, ...]:
        """End all tasks at once; what was sent and not answered is unknown. Returns how those ended, as sentences."""
        broken = [task for task in self._tasks.values() if task.work is not None and not task.work.done()]
        works = [task.work for task in broken if task.work is not None]
        for work in works:
            work.cancel()
        if works:
            await asyncio.wait(works)
        lost = self._ledger.close()
        told = [f"{task.view.label} {task.target.name}: {task.view.message}" for task in broken[:_TOLD]]
        more = [f"{len(broken) - _TOLD} more tasks ended so: `kvmtui tasks` lists them."] if broken[_TOLD:] else []
        return (*told, *more, *([lost] if lost else []))

    # --- one task ----------------------------------------------------------------------------

    async def _work(self, task: Task) -> None:
        """Wait for a slot, check, run, and write down how it ended."""
        try:
            async with AsyncExitStack() as slots:
                for slot in self._slots_for(task):
                    await slots.enter_async_context(slot)
                if task.batch.failures >= self._settings.stop_after:
                    text = f"Skipped: {task.batch.failures} before it failed; nothing was done."
                    self._end(task, TaskPhase.CANCELLED, text)
                    return
                task.waits = False
                self._set(task, phase=TaskPhase.RUNNING, started=self._clock.now())
                await check_again(task.command, task.target, task.level, self._hosts)
                self._ledger.begin(task.view)
                task.acted = True
                self._acting.append(task)
                told = await self._run(task)
                try:
                    await self._look(task)
                finally:
                    self._end(task, TaskPhase.DONE, told)
        except asyncio.CancelledError:
            self._end_cancelled(task)
            if not task.cancelled:
                raise
        except Refused as error:
            self._end(task, TaskPhase.REFUSED, str(error))
        except Aborted as error:
            self._end(task, TaskPhase.CANCELLED if task.cancelled else TaskPhase.FAILED, str(error))
        except BackendError as error:
            if task.acted and error.unknown:
                await self._settle(task, error)
            else:
                self._end(task, TaskPhase.FAILED, str(error))
        except KvmtuiError as error:
            self._end(task, TaskPhase.FAILED, str(error))

    def _slots_for(self, task: Task) -> Iterator[asyncio.Semaphore]:
        """Yield what a task waits for before it acts, in an order in which no two wait for each other."""
        if task.command.noun is not Noun.VM:
            return  # letting go of a host, or of a task, must not queue behind what hangs there
        if task.view.to:
            for host in sorted({task.view.host, task.view.to}):
                yield self._docks.setdefault(host, asyncio.Semaphore(MOVES_AT_ONCE))
        host = task.target.host
        yield self._slots.setdefault(host, asyncio.Semaphore(self._settings.parallel_per_host))

    async def _run(self, task: Task) -> str:
        """Run the command; a guest that is asked to shut down counts as stopping from here on."""
        running = Running(task, self._hosts, self._clock, self._settings, self)
        makes = task.command.interview is not None  # something on the host: a VM, a volume
        if (task.command.noun is Noun.VM or makes) and not task.view.to:
            MEANT_FOR.set(task.target.host_uuid)
        if task.command.id != SHUTDOWN:
            return await task.command.run(running, task.target, task.answers)
        ref = task.target.ref
        vm = self._hosts.scene().fleet.vm(ref)
        self._stopping[ref] = (self._clock.now(), vm.domain_id if vm else None)
        try:
            return await task.command.run(running, task.target, task.answers)
        except TimedOut:
            raise  # it was asked, and is still on
        except BackendError as error:
            if not error.unknown:
                self._stopping.pop(ref, None)
            raise

    async def _look(self, task: Task) -> None:
        """Read the VM again: what a task says that it did is seen then, also what no event tells of."""
        if task.command.noun is not Noun.VM:
            return
        try:
            await self._hosts.monitor(task.target.host).read(task.target.uuid)
        except BackendError as error:
            _log.info("%s: reading again: %s", task.view.id, error)

    async def _settle(self, task: Task, error: BackendError) -> None:
        """Look whether a change whose answer did not come was made; it is never sent again."""
        proof = task.command.proof
        name = safe(task.target.name)
        self._tally(task, failed=True)  # until it is known better: the next of its request must not meet the same
        if proof is not None:
            self.progress(task, "no answer came: reading again", None)
            running = Running(task, self._hosts, self._clock, self._settings, self)
            try:
                if await running.wait_for(proof, _PROOF):
                    self._end(task, TaskPhase.DONE, f"{task.command.label} {name}: done (seen by reading again).")
                    return
            except BackendError as later:
                _log.info("%s: %s", task.view.id, later)
            except asyncio.CancelledError:
                if not task.cancelled:
                    self._end_cancelled(task)
                    raise
                # It was sent, so it is no more cancelled than done: what came of it is looked up later.
                self._end(task, TaskPhase.UNKNOWN, _left(name))
                return
        text = f"{safe(error.text)} Whether it was done is not known, and it is not tried again."
        self._end(task, TaskPhase.UNKNOWN, text)
        for ref in _refs(task) if task.view.to else ():
            with suppress(NotFound):
                self._hosts.monitor(ref.host).refresh()  # where its VM is shows in what both hosts list from now on

    def found(self, view: TaskView) -> None:
        """Take what was found out about a task whose outcome was not known, of this process or of another."""
        self._ledger.end(view)
        task = self._tasks.get(view.id)
        if task is not None:
            task.view = view
        self._news()

    # --- keeping account ---------------------------------------------------------------------

    def progress(self, task: Task, message: str, percent: float | None) -> None:
        """Note how far a task is."""
        if not task.view.phase.is_final:
            self._set(task, message=message, percent=percent)

    def touches(self, task: Task, volumes: Sequence[str]) -> None:
        """Write down which volumes a task makes or deletes, before it does: should this process die, they are known."""
        task.view = replace(task.view, touches=tuple(volumes))
        self._ledger.begin(task.view)

    def written(self, task: Task, virsh: str) -> None:
        """Note the virsh line of what is really done."""
        task.view = replace(task.view, virsh=virsh)
        self._news(urgent=False)

    def _first_view(self, command: Command, target: Target, answers: Answers) -> TaskView:
        self._count += 1
        is_vm = command.noun is not Noun.TASK and bool(target.uuid)  # also one that a host is to have
        return TaskView(
            id=f"{self._token}-{self._count}",
            command=command.id,
            label=command.label,
            host=target.host,
            host_uuid=target.host_uuid,
            vm=target.name if is_vm else "",
            vm_uuid=target.uuid if is_vm else "",
            user=self._user,
            phase=TaskPhase.WAITING,
            started=self._clock.now(),
            virsh=command.virsh(target, answers),
            to=str(answers.get(command.toward, "")) if command.toward else "",
        )

    def _end_cancelled(self, task: Task) -> None:
        name = safe(task.target.name)
        if task.view.phase.is_final:
            return
        if not task.acted:
            self._end(task, TaskPhase.CANCELLED, f"Cancelled before anything was sent to {name}.")
        elif task.cancelled:
            self._end(task, TaskPhase.CANCELLED, _left(name))
        else:
            self._end(task, TaskPhase.UNKNOWN, broken_off(task.view))

    def _tally(self, task: Task, *, failed: bool) -> None:
        """Count a task among the failures of its request, once, or no more."""
        task.batch.failures += failed - task.failed
        task.failed = failed

    def _end(self, task: Task, phase: TaskPhase, message: str) -> None:
        self._tally(task, failed=phase in _COUNTED)
        task.view = replace(task.view, phase=phase, ended=self._clock.now(), message=message, percent=None)
        self._ledger.end(task.view)
        self._news()

    def _set(
        self,
        task: Task,
        *,
        phase: TaskPhase | None = None,
        started: float | None = None,
        message: str = "",
        percent: float | None = None,
    ) -> None:
        view = task.view
        task.view = replace(
            view,
            phase=phase or view.phase,
            started=view.started if started is None else started,
            message=message,
            percent=percent,
        )
        self._news(urgent=phase is not None)

    def _news(self, *, urgent: bool = True) -> None:
        self._views = None
        self._hosts.changed(urgent=urgent)

    def _forget(self) -> None:
        """Drop the oldest tasks that have ended."""
        spare = len(self._tasks) - _KEPT
        for id_ in [id_ for id_, task in self._tasks.items() if task.view.phase.is_final][: max(0, spare)]:
            del self._tasks[id_]


def _left(name: str) -> str:
    return f"No longer waited for; what {name} was asked to do may still happen."


def _explains(view: TaskView, now: float) -> bool:
    """Tell whether a task explains what happens now; one without an outcome may long after, when its host is back."""
    is_open = view.phase is TaskPhase.UNKNOWN and not view.looked_up
    return abs(now - (view.ended or now)) < (_EXPLAINS_LATE if is_open else EXPLAINS)  # the clock may be set back


def _refs(task: Task) -> tuple[VmRef, ...]:
    """Return where the VM of a task stands, also the host that it is moved to."""
    here = task.target.ref
    return (here, VmRef(task.view.to, here.uuid)) if task.view.to else (here,)


def _both_ends(view: TaskView) -> tuple[tuple[VmRef, Moving], tuple[VmRef, Moving]]:
    """Return what a move is as seen from its source, and from its target."""
    return (
        (VmRef(view.host, view.vm_uuid), Moving(view.to, leaving=True, percent=view.percent)),
        (VmRef(view.to, view.vm_uuid), Moving(view.host, leaving=False, percent=view.percent)),
    )
