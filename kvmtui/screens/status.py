"""The status line of every screen, and the line about tasks: texts from a fleet, no widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from kvmtui.core.capacity import census
from kvmtui.core.fields import Tone
from kvmtui.core.inventory import Guard, Severity, TaskPhase, VmState
from kvmtui.core.text import cut, safe, shorten
from kvmtui.core.units import hhmm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.style import Style

    from kvmtui.core.inventory import Fleet, TaskView
    from kvmtui.core.problems import Problem

UNUSUAL = {
    VmState.STOPPING: "on",
    VmState.SUSPENDED: "suspended",
    VmState.CRASHED: "crashed",
    VmState.UNKNOWN: "unknown",
}
WIDE = 120  # columns from which more is said
OUTCOME_TONES = {
    TaskPhase.DONE: Tone.GOOD,
    TaskPhase.FAILED: Tone.BAD,
    TaskPhase.REFUSED: Tone.WARN,
    TaskPhase.UNKNOWN: Tone.BAD,
    TaskPhase.CANCELLED: Tone.MUTED,
}


def counts(fleet: Fleet) -> dict[str, int]:
    """Return how many VMs are on, off, paused, otherwise, and old (of hosts that do not answer)."""
    found = {"on": 0, "off": 0, "paused": 0, "suspended": 0, "crashed": 0, "unknown": 0, "old": 0}
    for entry in fleet.hosts:
        if entry.state is None:
            continue
        counted = census(entry.state)
        if not entry.condition.is_answering:
            found["old"] += counted.total
            continue
        found["on"] += counted.on
        found["paused"] += counted.paused
        found["off"] += counted.off
        if counted.other:
            for vm in entry.state.vms.values():
                if vm.state in UNUSUAL:
                    found[UNUSUAL[vm.state]] += 1
    for ref, moving in fleet.moving.items():
        arriving = None if moving.leaving else fleet.vm(ref)
        if arriving is not None and arriving.state is VmState.PAUSED:
            found["paused"] -= 1  # it is counted where it still runs
    return found


def guard_word(fleet: Fleet) -> str:
    """Return RO when nothing can be changed anywhere, else RW."""
    locked = [entry.guard is Guard.READ_ONLY and (entry.unlocked_until or 0.0) <= fleet.at for entry in fleet.hosts]
    return "RO" if fleet.read_only or (locked and all(locked)) else "RW"


def grave(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems that a person should act upon; what is only worth knowing stands in the line below."""
    return [problem for problem in problems if problem.severity.value >= Severity.WARN.value]


def header(
    fleet: Fleet,
    problems: Sequence[Problem],
    now: float,
    width: int,
    tones: Mapping[Tone, Style],
    *,
    consoles: int = 0,
) -> Text:
    """Return the status line: which fleet, how many answer, how the VMs stand, what is wrong, the time."""
    name = "DEMO" if fleet.demo else safe(fleet.label, limit=20) or "kvmtui"
    word = guard_word(fleet)
    up = sum(entry.condition.is_answering for entry in fleet.hosts)
    found, wrong = counts(fleet), len(grave(problems))
    known = any(entry.state is not None for entry in fleet.hosts)
    running = sum(not task.phase.is_final for task in fleet.tasks)
    parts = [
        _Part(name, Tone.WARN if fleet.demo else Tone.ACCENT),
        _Part(word, Tone.MUTED if word == "RO" else Tone.WARN, near=True),
        _Part("hosts", Tone.NORMAL),
        _Part(f"{up}/{len(fleet.hosts)}", Tone.NORMAL if up == len(fleet.hosts) else Tone.BAD, near=True),
        # Before any host has been read, how many VMs there are is not known.
        _Part(f"VMs {found['on']} on" if known else "VMs -", Tone.NORMAL, rank=1),
    ]
    for word in ("off", "paused", "suspended", "crashed", "unknown", "old"):
        if found[word]:
            tone = {"off": Tone.NORMAL, "crashed": Tone.BAD}.get(word, Tone.WARN)
            parts.append(_Part(f"{found[word]} {word}", tone, near=True, rank=5 if word == "off" else 2))
    if wrong:
        parts.append(_Part(f"{wrong} PROBLEM{'S' if wrong > 1 else ''}", Tone.BAD))
    if running:
        parts.append(_Part(f"{running} task{'s' if running > 1 else ''}", Tone.ACCENT, rank=3))
    if consoles:
        parts.append(_Part(f"{consoles} console{'s' if consoles > 1 else ''}", Tone.ACCENT, rank=4))
    return _lined_up(parts, hhmm(now), width, tones)


class _Part(NamedTuple):
    """A piece of the status line."""

    text: str
    tone: Tone
    near: bool = False  # it belongs to what stands before it
    rank: int = 0  # where there is no room the highest goes first; 0 never goes


def _lined_up(parts: list[_Part], clock: str, width: int, tones: Mapping[Tone, Style]) -> Text:
    """Return the parts that there is room for, most important first, and the time at the right."""
    room = width - len(clock) - 1
    text = _joined(parts, "   ", tones)
    while text.cell_len > room:
        text = _joined(parts, "  ", tones)
        worst = max(parts, key=lambda part: part.rank)
        if text.cell_len <= room or not worst.rank:
            break
        parts = [part for part in parts if part is not worst]
        text = _joined(parts, "   ", tones)
    text.truncate(max(0, room), overflow="ellipsis")
    text.pad_right(max(0, width - len(clock) - text.cell_len))
    text.append(clock, tones[Tone.MUTED])
    return text


def _joined(parts: Sequence[_Part], gap: str, tones: Mapping[Tone, Style]) -> Text:
    text = Text(no_wrap=True)
    for part in parts:
        if text:
            text.append(" " if part.near else gap)
        text.append(part.text, tones[part.tone])
    return text


def task_words(task: TaskView) -> str:
    """Return a task's subject: "start dns-1"."""
    return f"{task.label} {safe(task.vm or task.host)}"


def running_words(task: TaskView, width: int) -> str:
    """Return a task and how far it is: of a move where it goes, and on a narrow screen only what matters most."""
    percent = "" if task.percent is None else f"  {task.percent:.0f} %"
    if not task.to:
        return f"{task_words(task)}  {safe(task.message)}{percent}"
    message = safe(task.message) if width >= WIDE else safe(task.message).partition("; ")[0]
    return f"{safe(task.vm)} {safe(task.host)} to {safe(task.to)}{percent}  {message}"


def task_line(fleet: Fleet, width: int, tones: Mapping[Tone, Style]) -> Text:
    """Return the line about what runs now and what ended last."""
    text = Text(no_wrap=True)
    running = [task for task in fleet.tasks if not task.phase.is_final]
    ended = next((task for task in fleet.tasks if task.phase.is_final and task.ours), None)
    last = Text()
    if ended is not None:
        last.append("last: ", tones[Tone.MUTED])
        # What runs says more than what is over.
        last.append(shorten(task_words(ended), max(10, width // (5 if running else 3))))
        last.append(f" {ended.phase.value}", tones[OUTCOME_TONES[ended.phase]])
        last.append(f" {hhmm(ended.ended or ended.started)}", tones[Tone.MUTED])
    room = width - last.cell_len - (2 if last else 0)
    if running:
        first = running[-1]
        more = f"  + {len(running) - 1} more" if len(running) > 1 else ""
        text.append("> ", tones[Tone.ACCENT])
        text.append(cut(running_words(first, width), max(10, room - 2 - len(more))) + more)
    if last:
        text.pad_right(max(0, width - text.cell_len - last.cell_len))
        text.append_text(last)
    return text
