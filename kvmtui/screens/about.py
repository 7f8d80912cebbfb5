"""What is said of a VM or host in one line or a few, and the newest events: texts, no widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from kvmtui.core.fields import Tone, state_text
from kvmtui.core.fields.host_figures import pools_text
from kvmtui.core.inventory import AgentState, Severity, VmState
from kvmtui.core.neighbours import blame
from kvmtui.core.text import cell_width, safe, shorten, vm_name
from kvmtui.core.units import day_or_time, hhmmss, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.style import Style

    from kvmtui.core.fields import HostRow, VmRow
    from kvmtui.core.inventory import Event, Since
    from kvmtui.core.problems import Problem

EVENT_TONES = {Severity.NONE: Tone.MUTED, Severity.INFO: Tone.MUTED, Severity.WARN: Tone.WARN, Severity.BAD: Tone.BAD}
EVENT_SIGNS = {Severity.NONE: " ", Severity.INFO: " ", Severity.WARN: "!", Severity.BAD: "x"}
AGENTS = {AgentState.NONE: "no agent", AgentState.DISCONNECTED: "agent silent", AgentState.CONNECTED: "agent ok"}


def since_text(since: Since | None, now: float) -> str:
    """Return since when a state holds: "since 14:03" when the change was seen, else "since before 14:03"."""
    if since is None:
        return "since when is unknown"
    return f"{'since' if since.exact else 'since before'} {day_or_time(since.at, now)}"


def state_since(row: VmRow) -> str:
    """Return the state and since when it holds; of a host that does not answer, the state says when it was seen."""
    state = state_text(row)
    if not row.live:
        return state
    return f"{state}{'  ' if ',' in state else ' '}{since_text(row.vm.since, row.now)}"


def vm_about(row: VmRow, problem: Problem | None, tones: Mapping[Tone, Style], width: int) -> Text:
    """Return the selection line: the full name, where it is, and what else fits."""
    vm = row.vm
    text = Text(no_wrap=True)
    text.append(vm_name(vm.name, vm.uuid), tones[Tone.ACCENT])
    text.append(f" on {safe(row.entry.name)}")
    parts = [*_trouble(row, problem)]
    if vm.addresses:
        parts.append((safe(vm.addresses[0].ip), Tone.NORMAL))
    if vm.os:
        parts.append((safe(vm.os, limit=30), Tone.NORMAL))
    if row.live and vm.state is VmState.RUNNING:  # of one that stands still its agent does, too
        parts.append((AGENTS[vm.agent], Tone.MUTED))
    if vm.snapshots is not None:
        parts.append((f"snapshots {vm.snapshots}", Tone.MUTED))
    if vm.owner:
        parts.append((f"owned by {safe(vm.owner)}", Tone.WARN))
    if vm.tags:
        parts.append((" ".join(f"#{safe(tag, limit=30)}" for tag in vm.tags), Tone.MUTED))
    if not problem:
        parts.append((state_since(row), Tone.MUTED))
    return _fitted(text, parts, tones, width)


def _trouble(row: VmRow, problem: Problem | None) -> Iterable[tuple[str, Tone]]:
    """Yield what is wrong with it, who makes it slow, and since when a state holds that is wrong."""
    slow = blame(row)
    if problem is not None and not slow.startswith(problem.text):
        yield problem.text, Tone.BAD if problem.severity is Severity.BAD else Tone.WARN
    if slow:
        yield slow, Tone.WARN
    if problem is not None:
        yield since_text(row.vm.since, row.now), Tone.MUTED


def _fitted(text: Text, parts: Iterable[tuple[str, Tone]], tones: Mapping[Tone, Style], width: int) -> Text:
    """Add the parts that there is room for; the first is shown as far as it goes."""
    for place, (part, tone) in enumerate(parts):
        if not place or text.cell_len + 2 + cell_width(part) <= width:
            text.append("  ")
            text.append(part, tones[tone])
    text.truncate(width, overflow="ellipsis")
    return text


def host_about(row: HostRow, problem: Problem | None, tones: Mapping[Tone, Style], width: int) -> Text:
    """Return the selection line of a host."""
    entry = row.entry
    parts: list[tuple[str, Tone]] = []
    if entry.condition.hint:
        # Its row says what is wrong; what to do must not be cut off behind an address.
        parts.append((safe(entry.condition.hint), Tone.NORMAL))
    elif problem is not None:
        parts.append((problem.text, Tone.BAD if problem.severity is Severity.BAD else Tone.WARN))
    pools = pools_text(row) if row.live else ""
    if pools:
        parts.append((f"pools {pools}", Tone.MUTED))
    parts.append((safe(entry.uri), Tone.MUTED))
    if entry.state is not None:
        host = entry.state.host
        parts.append((f"{host.cpus} CPUs  {size(host.memory)}  {safe(host.cpu_model, limit=40)}", Tone.MUTED))
    return _fitted(Text(safe(entry.name), tones[Tone.ACCENT], no_wrap=True), parts, tones, width)


def event_lines(events: Iterable[Event], height: int, width: int, tones: Mapping[Tone, Style]) -> list[Text]:
    """Return the newest events under a heading, `height` lines in all."""
    lines = [Text("EVENTS", tones[Tone.MUTED], no_wrap=True)]
    for event in events:
        if len(lines) >= height:
            break
        line = Text(no_wrap=True)
        line.append(f"{hhmmss(event.at)} ", tones[Tone.MUTED])
        line.append(f"{EVENT_SIGNS[event.severity]}  ", tones[EVENT_TONES[event.severity]])
        room = width - 13 - len(event.by) - 2
        what = shorten(safe(event.subject), max(20, room * 2 // 5))
        line.append(f"{what:<{max(20, min(34, room * 2 // 5))}} ")
        rest = max(0, width - line.cell_len - len(event.by) - 2)
        line.append(shorten(safe(event.detail), rest), tones[Tone.MUTED])
        line.pad_right(max(0, width - line.cell_len - len(event.by)))
        line.append(safe(event.by), tones[Tone.MUTED])
        lines.append(line)
    if len(lines) == 1:
        lines.append(Text("nothing has happened since kvmtui started", tones[Tone.MUTED], no_wrap=True))
    while len(lines) < height:
        lines.append(Text())
    return lines
