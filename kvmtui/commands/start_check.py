"""Whether a VM may be started: twice at once is how disks are lost. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.commands.base import Level
from kvmtui.commands.judge import FINE, WORDS, Finding
from kvmtui.commands.uses import Owner, copies, users
from kvmtui.core.capacity import census, promised
from kvmtui.core.inventory import TaskPhase
from kvmtui.core.text import safe
from kvmtui.core.units import hhmm, hhmmss, size

if TYPE_CHECKING:
    from kvmtui.commands.base import Scene
    from kvmtui.core.inventory import HostEntry, TaskView, Vm

SAVED_DAYS = 7
"""A saved state older than this is asked about: the guest would go on with an old clock and old connections."""
_DAY = 86_400.0


def start_check(scene: Scene, entry: HostEntry, vm: Vm) -> Finding:
    """Refuse what could run a VM or write a disk twice; ask about what could hurt otherwise."""
    name = safe(vm.name)
    if vm.template:
        return Finding(f"{name} is a template.", "Clone it, and start the clone.")
    for finding in (_being_moved(scene, vm), _copies(scene, entry, vm), _disks(scene, entry, vm)):
        if finding.refusal:
            return finding
    warnings = (*_memory(scene, entry, vm), *_saved(scene, vm))
    return Finding(level=Level.ORDINARY, warnings=warnings) if warnings else FINE


def _being_moved(scene: Scene, vm: Vm) -> Finding:
    """Refuse while a VM is being moved, and while it is not known where its last move left it."""
    move = _newest_move(scene, vm)
    if move is not None and move.phase is TaskPhase.RUNNING:
        text = f"{safe(vm.name)} is being moved from {safe(move.host)} to {safe(move.to)}."
        return Finding(text, "Wait until it has arrived, or cancel that task.")
    return move_known(scene, None, vm)


def move_known(scene: Scene, _entry: HostEntry | None, vm: Vm) -> Finding:
    """Refuse while it is not known on which host the last move left the VM."""
    move = _newest_move(scene, vm)
    if move is None or move.phase is not TaskPhase.UNKNOWN or _both_read_since(scene, move):
        return FINE
    here, there = safe(move.host), safe(move.to)
    text = f"How the move of {safe(vm.name)} from {here} to {there} at {hhmm(move.started)} ended is not known."
    return Finding(text, f"It is known once {here} and {there} are both connected and answer; r reads a host again.")


def _newest_move(scene: Scene, vm: Vm) -> TaskView | None:
    """Return the last move of a VM, of this or, as far as the journal tells, of any other program."""
    ours = [task for task in scene.fleet.tasks if task.vm_uuid == vm.uuid and task.to]
    known = {task.id for task in ours}
    others = [task for task in scene.moves if task.vm_uuid == vm.uuid and task.id not in known]
    return max((*ours, *others), key=lambda task: task.started, default=None)


def _both_read_since(scene: Scene, move: TaskView) -> bool:
    """Tell whether both hosts of a move answer, and all of their VMs were read after it ended.

    What they list is then how it ended: a VM that runs, or is defined, twice is refused for that.
    """
    ended = move.started if move.ended is None else move.ended
    for name in (move.host, move.to):
        entry = scene.fleet.host(name)
        if entry is None or not entry.condition.is_answering or scene.listed.get(name, 0.0) <= ended:
            return False
    return True


def _where(owner: Owner) -> str:
    """Say that a VM runs, or ran when its host was last heard."""
    host, word = safe(owner.entry.name), WORDS[owner.vm.state]
    if owner.entry.condition.is_answering:
        return f"{word} on {host}"
    return f"last known {word} on {host}, which is not heard since {hhmmss(owner.entry.condition.since)}"


def _copies(scene: Scene, entry: HostEntry, vm: Vm) -> Finding:
    """Refuse while the same UUID is defined on another host."""
    others = copies(scene.fleet, entry, vm)
    if not others:
        return FINE
    name = safe(vm.name)
    for owner in others:
        if owner.vm.is_active:
            return Finding(f"{name} is {_where(owner)}.", "The same UUID must not run twice.")
    hosts = " and ".join(sorted({safe(entry.name), *(safe(owner.entry.name) for owner in others)}))
    return Finding(f"{name} is defined on {hosts}.", "Choose one: delete the other definition, without its disks.")


def _disks(scene: Scene, entry: HostEntry, vm: Vm) -> Finding:
    """Refuse while a running VM, on any host, has a disk that this one would write to."""
    for disk in vm.disks:
        if disk.readonly or disk.shareable:
            continue
        for owner in users(scene.fleet, entry, vm, disk):
            if owner.vm.is_active:
                what = f"{disk.target} of {safe(vm.name)} ({safe(disk.source)})"
                return Finding(f"{what} is in use by {safe(owner.vm.name)}, {_where(owner)}.")
    return FINE


def _memory(scene: Scene, entry: HostEntry, vm: Vm) -> tuple[str, ...]:
    """Warn when all running VMs together could want more memory than the host has for them."""
    if entry.state is None or not entry.state.host.memory:
        return ()
    room = max(0, entry.state.host.memory - scene.policy.host_reserve)
    sold = census(entry.state).promised + promised(vm)
    if sold <= room:
        return ()
    return (f"The VMs of {safe(entry.name)} could then want {size(sold)} of the {size(room)} it has for them.",)


def _saved(scene: Scene, vm: Vm) -> tuple[str, ...]:
    """Warn of an old saved state."""
    if not vm.saved or vm.since is None:
        return ()
    days = int((scene.now - vm.since.at) / _DAY)
    if scene.now - vm.since.at <= SAVED_DAYS * _DAY:
        return ()
    return (f"{safe(vm.name)} goes on from a state saved {days} days ago; drop the saved state to boot it afresh.",)
