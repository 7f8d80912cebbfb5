"""What came of a task whose answer never came: its hosts are read again, later, and nothing is sent anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.commands import registry
from kvmtui.commands.arrival import Outcome, Sight, words_of
from kvmtui.commands.base import Target
from kvmtui.commands.judge import WORDS
from kvmtui.core.errors import NotFound
from kvmtui.core.inventory import TaskPhase
from kvmtui.core.text import safe
from kvmtui.core.units import hhmm, size

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from kvmtui.commands.base import Reach, Scene
    from kvmtui.core.inventory import HostEntry, TaskView, Vm, Volume

PATIENCE = 600.0
"""Seconds after its beginning in which a task that does not show yet may still: a hook may hold up a start."""


class Found(NamedTuple):
    """What is to be seen of it now."""

    phase: TaskPhase  # DONE, FAILED or UNKNOWN
    message: str
    final: bool = True  # nothing more will be found out


class _Case(NamedTuple):
    """A task, and what is known now."""

    task: TaskView
    scene: Scene
    reach: Reach
    vm: Vm | None  # on the task's host, read just now

    @property
    def name(self) -> str:
        return safe(self.task.vm)

    @property
    def host(self) -> str:
        return safe(self.task.host)

    @property
    def seen(self) -> str:
        return f"(seen at {hhmm(self.scene.now)})"

    @property
    def is_old(self) -> bool:
        """Whether what does not show by now never will."""
        return self.scene.now - self.task.started > PATIENCE


async def look_up(scene: Scene, reach: Reach, task: TaskView) -> Found | None:
    """Return what came of a task; None while a host of it does not answer. Raises BackendError."""
    hosts = (task.host, task.to) if task.to else (task.host,)
    if not all(_answers(scene, host) for host in hosts):
        return None
    ended = task.started if task.ended is None else task.ended
    if task.to and any(scene.listed.get(host, 0.0) <= ended for host in hosts):
        return None  # once its outcome is known the VM may be started: what both hosts list must be of then
    entry = scene.fleet.host(task.host)
    if entry is None or entry.state is None or (task.host_uuid and entry.state.host.uuid != task.host_uuid):
        return None  # another machine has the name now
    case = _Case(task, scene, reach, await _read(reach, task.host, task.vm_uuid))
    return await _moved(case) if task.to else await _LOOKS.get(task.command, _proved)(case)


async def _read(reach: Reach, host: str, uuid: str) -> Vm | None:
    """Read a VM on a host; None when it is not there."""
    try:
        return await reach(host).vm(uuid) if uuid else None
    except NotFound:
        return None


def _answers(scene: Scene, host: str) -> bool:
    entry = scene.fleet.host(host)
    return entry is not None and entry.state is not None and entry.condition.is_answering


async def _proved(case: _Case) -> Found:
    """Look at the VM's state, where that tells."""
    command, vm = registry.by_id(case.task.command), case.vm
    where = (
        f"{case.name} is {WORDS[vm.state]} on {case.host}" if vm is not None else f"{case.name} is not on {case.host}"
    )
    if not case.task.vm_uuid or command is None or command.proof is None:
        text = (
            f"{where} {case.seen}; whether it was done does not show."
            if case.name
            else "Whether it was done is not known."
        )
        return Found(TaskPhase.UNKNOWN, text)
    if command.proof(vm):
        return Found(TaskPhase.DONE, f"{where}, as was asked {case.seen}.")
    busy = vm is not None and vm.job is not None
    return Found(TaskPhase.UNKNOWN, f"{where} {case.seen}: it was not done by then.", final=case.is_old and not busy)


async def _saved(case: _Case) -> Found:
    """Look whether the memory was saved; a host goes on with that by itself."""
    found, vm = await _proved(case), case.vm
    if found.phase is TaskPhase.DONE or vm is None:
        return found
    if vm.job is not None:
        return Found(TaskPhase.UNKNOWN, f"{case.name} is still being saved on {case.host}.", final=False)
    text = f"{case.name} was not hibernated: it is {WORDS[vm.state]} on {case.host} {case.seen}."
    return Found(TaskPhase.FAILED, text)


async def _moved(case: _Case) -> Found:
    """Look at both hosts of a move, which goes on without us."""
    task = case.task
    here, there = case.vm, await _read(case.reach, task.to, task.vm_uuid)
    live = any(vm is not None and vm.is_active for vm in (here, there))
    outcome = Outcome(Sight(here), Sight(there), live)
    target = Target(task.host, task.host_uuid, task.vm_uuid, task.vm, None)
    if outcome.has_arrived and there is not None:
        return Found(
            TaskPhase.DONE, f"{case.name} is {WORDS[there.state]} on {safe(task.to)}, as was asked {case.seen}."
        )
    if outcome.is_under_way:
        text = f"{case.name} is still being moved from {case.host} to {safe(task.to)}."
        return Found(TaskPhase.UNKNOWN, text, final=False)
    said = words_of(target, task.to, outcome)
    if not outcome.has_stayed:
        return Found(TaskPhase.UNKNOWN, f"{said} {case.seen}", final=case.is_old)
    left = await _there(case, task.to)
    more = f" Copied to {safe(task.to)}, and left there: {_named(left)}. {_DELETE}" if left else ""
    return Found(TaskPhase.FAILED, f"It was not moved: {said.rstrip('.')} {case.seen}.{more}")


async def _made(case: _Case) -> Found:
    """Look whether the VM is there, and else what is left of it."""
    vm = case.vm
    if vm is not None:
        return Found(TaskPhase.DONE, f"{case.name} was made on {case.host}; it is {WORDS[vm.state]} {case.seen}.")
    left = await _there(case, case.task.host)
    if not left:
        return Found(TaskPhase.FAILED, f"{case.name} was not made on {case.host}; nothing is left of it {case.seen}.")
    text = (
        f"{case.name} was not made on {case.host}; left there, perhaps half-made: {_named(left)} {case.seen}. {_DELETE}"
    )
    return Found(TaskPhase.FAILED, text)


async def _sent(case: _Case) -> Found:
    """Look whether the volume is there; how much of it came does not show."""
    left = await _there(case, case.task.host)
    what = ", ".join(map(safe, case.task.touches)) or "the volume"
    if not left:
        return Found(TaskPhase.FAILED, f"Nothing of {what} is on {case.host} {case.seen}.")
    text = f"{_named(left)} is on {case.host}, and perhaps only half of it came {case.seen}. {_DELETE}"
    return Found(TaskPhase.UNKNOWN, text)


async def _deleted(case: _Case) -> Found:
    """Look whether the definition went, which goes first, and then which disks did not."""
    if case.vm is not None:
        return Found(TaskPhase.FAILED, f"{case.name} was not deleted: it is still on {case.host} {case.seen}.")
    left = await _there(case, case.task.host)
    if not left:
        disks = ", with its disks" if case.task.touches else ""
        return Found(TaskPhase.DONE, f"{case.name} was deleted from {case.host}{disks} {case.seen}.")
    text = (
        f"The definition of {case.name} was deleted from {case.host}; left there: {_named(left)} {case.seen}. {_DELETE}"
    )
    return Found(TaskPhase.FAILED, text)


_DELETE = "`virsh vol-delete PATH` deletes what nothing uses."
_LOOKS: dict[str, Callable[[_Case], Awaitable[Found]]] = {
    "vm.create": _made,
    "vm.delete": _deleted,
    "vm.hibernate": _saved,
    "volume.upload": _sent,
}


def _named(volumes: Iterable[Volume]) -> str:
    """Return the volumes by path, with how much each takes."""
    return ", ".join(f"{safe(volume.path)} ({size(volume.allocation)})" for volume in volumes)


async def _there(case: _Case, host: str) -> list[Volume]:
    """Return those of the task's volumes that an active pool of a host holds."""
    entry = case.scene.fleet.host(host)
    found: list[Volume] = []
    for pool in _pools_of(entry, case.task.touches) if entry is not None else ():
        volumes = await case.reach(host).storage.volumes(pool)
        touched = set(case.task.touches)
        found += [volume for volume in volumes if volume.path in touched or f"{pool}/{volume.name}" in touched]
    return found


def _pools_of(entry: HostEntry, volumes: Iterable[str]) -> list[str]:
    """Return the active pools that volumes are in, each once."""
    names: dict[str, None] = {}
    for pool in entry.state.pools if entry.state is not None else ():
        folder = f"{pool.path.rstrip('/')}/" if pool.path else None
        for volume in volumes:
            inside = volume.startswith(f"{pool.name}/") or (
                folder is not None and volume.startswith(folder) and "/" not in volume.removeprefix(folder)
            )
            if pool.active and inside:
                names[pool.name] = None
    return list(names)
