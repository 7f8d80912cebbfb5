"""The fields of a task, running or read from the journal."""

from __future__ import annotations

from dataclasses import replace

from kvmtui.core import units
from kvmtui.core.fields.field import Field, Match, Shown, Tone, text_field, yes_field
from kvmtui.core.inventory import TaskPhase, TaskView
from kvmtui.core.text import safe

_PHASE_TONES = {
    TaskPhase.WAITING: Tone.MUTED,
    TaskPhase.RUNNING: Tone.ACCENT,
    TaskPhase.DONE: Tone.GOOD,
    TaskPhase.FAILED: Tone.BAD,
    TaskPhase.REFUSED: Tone.WARN,
    TaskPhase.UNKNOWN: Tone.BAD,
    TaskPhase.CANCELLED: Tone.MUTED,
}


def _took(task: TaskView) -> float | None:
    return None if task.ended is None else max(0.0, task.ended - task.started)


def _phase_text(task: TaskView) -> str:
    if task.phase is TaskPhase.RUNNING and task.percent is not None:
        return f"running {task.percent:.0f} %"
    return task.phase.value


def _outcome_tone(task: TaskView) -> Tone:
    return Tone.NORMAL if task.phase is TaskPhase.DONE else _PHASE_TONES[task.phase]


TASK_FIELDS: tuple[Field[TaskView], ...] = (
    Field(
        name="started",
        title="STARTED",
        help="When it was asked for",
        width=8,
        text=lambda task: units.day_and_time(task.started),
        value=lambda task: units.iso(task.started),
        json=lambda task: units.iso(task.started),
        order=lambda task: task.started,
        tone=lambda _task: Tone.MUTED,
        shown=Shown.ALWAYS,
        letter="t",
    ),
    Field(
        name="task",
        title="TASK",
        help="What was asked for",
        width=14,
        text=lambda task: safe(task.label),
        value=lambda task: (task.label, task.command),
        json=lambda task: task.command,
        order=lambda task: task.label,
        shown=Shown.ALWAYS,
        letter="k",
        aliases=("command", "label"),
        word=True,
    ),
    replace(
        text_field("vm", "VM", "The VM it was asked for", 17, lambda task: task.vm),
        shown=Shown.ALWAYS,
        letter="n",
        aliases=("name",),
        word=True,
    ),
    replace(
        text_field("host", "HOST", "The host it was asked for", 6, lambda task: task.host),
        shown=Shown.ALWAYS,
        letter="h",
        word=True,
    ),
    Field(
        name="phase",
        title="PHASE",
        help="How far it is, or how it ended; unknown: the answer never came",
        width=13,
        text=_phase_text,
        value=lambda task: (task.phase.value,),
        json=lambda task: task.phase.value,
        order=lambda task: task.phase.value,
        tone=lambda task: _PHASE_TONES[task.phase],
        match=Match.CHOICE,
        choices=tuple(phase.value for phase in TaskPhase),
        shown=Shown.ALWAYS,
        letter="p",
        aliases=("state",),
    ),
    replace(
        text_field("message", "OUTCOME", "What came of it", 16, lambda task: task.message),
        tone=_outcome_tone,
        shown=Shown.ALWAYS,
        letter="m",
        aliases=("outcome",),
        word=True,
    ),
    Field(
        name="took",
        title="TOOK",
        help="How long it took",
        width=6,
        right=True,
        text=lambda task: units.duration(_took(task)),
        value=lambda task: None if (took := _took(task)) is None else took * 1000,
        json=_took,
        order=_took,
        match=Match.TIME,
        shown=Shown.WIDE,
        letter="d",
    ),
    replace(
        text_field("user", "USER", "Who asked for it", 10, lambda task: task.user),
        shown=Shown.WIDE,
        letter="u",
        word=True,
    ),
    replace(
        text_field("virsh", "VIRSH", "The virsh line that does the same", 30, lambda task: task.virsh),
        tone=lambda _task: Tone.MUTED,
        shown=Shown.WIDE,
    ),
    Field(
        name="ended",
        title="ENDED",
        help="When it ended",
        width=8,
        text=lambda task: units.day_and_time(task.ended),
        value=lambda task: units.iso(task.ended),
        json=lambda task: units.iso(task.ended),
        order=lambda task: task.ended,
    ),
    Field(
        name="percent",
        title="%",
        help="How far it is",
        width=4,
        right=True,
        text=lambda task: units.whole(task.percent),
        value=lambda task: task.percent,
        json=lambda task: task.percent,
        order=lambda task: task.percent,
        match=Match.PERCENT,
    ),
    replace(
        text_field("uuid", "UUID", "The UUID of the VM it was asked for", 36, lambda task: task.vm_uuid), word=True
    ),
    replace(text_field("to", "TO", "The host that the VM is moved to", 6, lambda task: task.to), word=True),
    text_field("host_uuid", "HOST UUID", "The UUID of the host it was asked for", 36, lambda task: task.host_uuid),
    text_field("id", "ID", "Its number", 12, lambda task: task.id),
    yes_field("ours", "OURS", "Whether this process runs it", 4, lambda task: task.ours),
)
