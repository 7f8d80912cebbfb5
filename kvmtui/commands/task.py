"""What can be done to a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.commands.base import Command, Judgement, Level, Noun
from kvmtui.core.errors import Refused
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.commands.base import Answers, Context, Scene, Target


def _judge(scene: Scene, target: Target) -> Judgement:
    """Refuse what has ended, and what another process does."""
    task = next((task for task in scene.fleet.tasks if task.id == target.uuid), None)
    name = safe(target.name)
    if task is None:
        return Judgement(Level.FORCED, f"The task to {name} is not known any more.")
    if task.phase.is_final:
        return Judgement(Level.FORCED, f"The task to {name} has ended: {task.phase.value}.")
    if not task.ours:
        hint = "Cancel it where it was begun."
        return Judgement(Level.FORCED, f"The task to {name} is run by another kvmtui, of {safe(task.user)}.", hint)
    return Judgement(Level.FORCED)


async def cancel(context: Context, target: Target, _answers: Answers) -> str:
    """Ask the task to stop."""
    name = safe(target.name)
    if not context.cancel_task(target.uuid):
        task = next((task for task in context.scene().fleet.tasks if task.id == target.uuid), None)
        if task is not None and not task.phase.is_final:
            text = f"The task to {name} cannot be stopped: {safe(task.host)} was asked, and has not answered yet."
            raise Refused(text, hint="What comes of it shows when it does.")
        raise Refused(f"The task to {name} cannot be stopped any more.", hint="See how it ended.")
    return f"The task to {name} was asked to stop."


def _no_line(_target: Target, _answers: Answers) -> str:
    """Return nothing: virsh knows no tasks."""
    return ""


TASK = (
    Command(
        "task.cancel",
        Noun.TASK,
        ("!", "c"),
        "cancel",
        "Ask a task to stop; what it has done by then stays done.",
        _judge,
        cancel,
        _no_line,
        headless=False,
        level=Level.FORCED,
    ),
)
