"""What was done to a VM or host and what happened to it, as lines of text, newest first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from kvmtui.core.fields import Tone
from kvmtui.core.inventory import Severity, TaskPhase
from kvmtui.core.text import safe
from kvmtui.core.units import day_or_time, duration, hhmmss
from kvmtui.screens.about import EVENT_SIGNS, EVENT_TONES
from kvmtui.screens.sheet import fitted, wrap
from kvmtui.screens.status import OUTCOME_TONES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.style import Style

    from kvmtui.core.inventory import Event, Fleet, TaskView
    from kvmtui.screens.face import Face

JOURNAL_LINES = 1000  # newest tasks of the journal that are looked through
TASK_SIGNS = {
    TaskPhase.FAILED: ("x", Tone.BAD),
    TaskPhase.UNKNOWN: ("?", Tone.BAD),
    TaskPhase.REFUSED: ("!", Tone.WARN),
    TaskPhase.RUNNING: (">", Tone.ACCENT),
}


class Entry(NamedTuple):
    """One thing of the journal."""

    at: float
    sign: str
    tone: Tone
    what: str
    how: str
    how_tone: Tone
    by: str
    detail: tuple[str, ...] = ()  # further lines


class Subject(NamedTuple):
    """Whose journal it is: a VM, or with uuid "" a host and all of its VMs."""

    host: str
    host_uuid: str
    uuid: str = ""

    def has_task(self, task: TaskView) -> bool:
        """Tell whether a task was on it; a VM is known by its UUID, wherever it was."""
        if self.uuid:
            return task.vm_uuid == self.uuid
        return task.host_uuid == self.host_uuid if self.host_uuid and task.host_uuid else task.host == self.host

    def has_event(self, event: Event) -> bool:
        """Tell whether an event was about it."""
        if self.uuid:
            return event.vm is not None and event.vm.uuid == self.uuid
        return event.host == self.host


class Past:
    """The tasks of the journal on disk that concern a subject; read on a thread, since the file may be long."""

    def __init__(self) -> None:
        self.tasks: tuple[TaskView, ...] = ()
        self.read = False

    async def load(self, face: Face, subject: Subject) -> None:
        """Read the journal."""
        found = await asyncio.to_thread(face.journal, JOURNAL_LINES)
        self.tasks = tuple(task for task in found if subject.has_task(task))
        self.read = True


def entries(fleet: Fleet, subject: Subject, past: Iterable[TaskView]) -> list[Entry]:
    """Return what is known of it, newest first; what runs now is as the fleet says, not as the journal does."""
    tasks = {task.id: task for task in past}
    tasks.update((task.id, task) for task in fleet.tasks if subject.has_task(task))
    found = [_of_task(task, whole=bool(subject.uuid)) for task in tasks.values()]
    found += [_of_event(event) for event in fleet.events if subject.has_event(event)]
    return sorted(found, key=lambda entry: entry.at, reverse=True)


def _of_task(task: TaskView, *, whole: bool) -> Entry:
    sign, tone = TASK_SIGNS.get(task.phase, (" ", Tone.MUTED))
    how = task.phase.value
    if task.phase is TaskPhase.DONE and task.ended is not None:
        how = f"done in {duration(max(0.0, task.ended - task.started))}"
    elif task.percent is not None and not task.phase.is_final:
        how = f"{how}, {task.percent:.0f} %"
    what = safe(task.label, limit=60) if whole else f"{safe(task.label, limit=60)} {safe(task.vm or task.host)}"
    by = "you" if task.ours else f"kvmtui, {safe(task.user, limit=40)}"
    detail = [safe(task.message, limit=600)] if task.message else []
    detail += [safe(line, limit=1000) for line in task.virsh.splitlines()]
    return Entry(task.started, sign, tone, what, how, OUTCOME_TONES.get(task.phase, Tone.ACCENT), by, tuple(detail))


def _of_event(event: Event) -> Entry:
    tone = EVENT_TONES[event.severity]
    loud = tone if event.severity in (Severity.WARN, Severity.BAD) else Tone.MUTED
    return Entry(
        event.at, EVENT_SIGNS[event.severity], tone, safe(event.subject), safe(event.detail), loud, safe(event.by)
    )


def short_lines(found: Sequence[Entry], now: float, tones: Mapping[Tone, Style]) -> list[Text]:
    """Return a line for each entry."""
    lines = []
    for entry in found:
        line = Text(no_wrap=True)
        line.append(f"{when(entry.at, now):>8} ", tones[Tone.MUTED])
        line.append(f"{entry.sign} ", tones[entry.tone])
        line.append(entry.what)
        if entry.how:
            line.append(f"  {entry.how}", tones[entry.how_tone])
        if entry.by:
            line.append(f"  {entry.by}", tones[Tone.MUTED])
        lines.append(line)
    return lines


def long_lines(found: Sequence[Entry], now: float, tones: Mapping[Tone, Style], width: int) -> list[Text]:
    """Return each entry with all that is known of it."""
    lines = []
    for entry in found:
        line = Text(no_wrap=True)
        line.append(f"{when(entry.at, now):>8} ", tones[Tone.MUTED])
        line.append(f"{entry.sign} ", tones[entry.tone])
        room = max(10, width - line.cell_len)
        by = f"  {entry.by}" if entry.by else ""
        how = f"  {entry.how}" if entry.how else ""
        taken = room - len(by)
        first = entry.what + how
        if len(first) <= taken:
            line.append(entry.what)
            line.append(how, tones[entry.how_tone])
        else:
            line.append(fitted(entry.what, min(taken, len(entry.what))))
        line.pad_right(max(0, width - line.cell_len - len(by)))
        line.append(by, tones[Tone.MUTED])
        line.truncate(width)
        lines.append(line)
        if len(first) > taken and entry.how:
            lines += [Text(" " * 11 + piece, tones[entry.how_tone]) for piece in wrap(entry.how, max(10, width - 11))]
        for detail in entry.detail:
            lines += [Text(" " * 11 + piece, tones[Tone.MUTED]) for piece in wrap(detail, max(10, width - 11))]
    return lines


def when(at: float, now: float) -> str:
    """Return the time with seconds for the last half day, else the day."""
    return hhmmss(at) if abs(now - at) < 43_200 else day_or_time(at, now)
