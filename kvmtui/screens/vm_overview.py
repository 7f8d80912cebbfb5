"""What a VM's page says first: how it stands now, its disks and interfaces, what it is, and what was done to it."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from kvmtui.core.capacity import host_sold, pool_fill, pool_of
from kvmtui.core.fields import Tone, state_text
from kvmtui.core.fields.field import rising
from kvmtui.core.fields.vm_state import state_tone
from kvmtui.core.history import SPACING
from kvmtui.core.inventory import AgentState, Reason, Severity, VmState
from kvmtui.core.limits import MEMORY, POOL, STEAL, VM_CPU
from kvmtui.core.neighbours import blame
from kvmtui.core.text import cell_width, safe, vm_name
from kvmtui.core.units import bps, duration, hhmmss, pair, percent, size
from kvmtui.screens.about import AGENTS, since_text
from kvmtui.screens.journal_lines import Subject, entries, short_lines
from kvmtui.screens.sheet import GLUE, NAME, Sheet, Span, greyed, side_by_side
from kvmtui.screens.vm_devices import devices
from kvmtui.widgets.spark import sparkline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kvmtui.core.fields import VmRow
    from kvmtui.core.inventory import TaskView
    from kvmtui.core.metrics import History, VmRates
    from kvmtui.core.problems import Problem
    from kvmtui.screens.face import Face

TWO_COLUMNS, THREE_COLUMNS = 116, 180  # cells from which parts stand side by side
TREND_POINTS = 36  # of 10 s each
RECENT = 5  # journal lines
IO_REASONS = (Reason.IO_ERROR, Reason.POOL_FULL)


class VmPicture(NamedTuple):
    """All that the sheet is made of."""

    row: VmRow
    problem: Problem | None
    history: History | None
    recent: Sequence[Text]  # journal lines, newest first


def vm_lines(row: VmRow, face: Face, width: int, past: Iterable[TaskView] = (), *, gone: bool = False) -> list[Text]:
    """Return a VM's sheet as it is now; one that is gone, or whose host does not answer, stands grey."""
    ref, tones = row.key, face.tones
    problem = next((one for one in face.problems if one.ref == ref), None)
    recent = short_lines(entries(face.fleet, Subject(ref.host, "", ref.uuid), past), face.now(), tones)
    sheet = Sheet(tones, width, face.glyphs)
    lines = overview(VmPicture(row, problem, face.history(ref), recent), sheet)
    if gone or not row.live:
        head = Text(last_seen(row) or "as last seen", tones[Tone.WARN], no_wrap=True)
        lines = [head, *greyed(lines, tones[Tone.MUTED])]
    return lines


def overview(picture: VmPicture, sheet: Sheet) -> list[Text]:
    """Return the sheet's lines for its width."""
    width = sheet.width
    if width < TWO_COLUMNS:
        now(picture, sheet)
        devices(picture.row, sheet)
        trends(picture, sheet)
        identity(picture.row, sheet)
        journal(picture.recent, sheet)
        return sheet.lines
    if width < THREE_COLUMNS:
        left = sheet.beside(max(63, (width - 3) * 56 // 100))
        right = sheet.beside(width - 3 - left.width)
        now(picture, left)
        devices(picture.row, left)
        trends(picture, left)
        identity(picture.row, right)
        below = sheet.beside(width)
        journal(picture.recent, below)
        return [*side_by_side([left, right]), Text(), *below.lines]
    each = (width - 6) // 3
    sheets = [sheet.beside(each), sheet.beside(each - 10), sheet.beside(width - 6 - 2 * each + 10)]
    now(picture, sheets[0])
    devices(picture.row, sheets[0])
    trends(picture, sheets[0])
    identity(picture.row, sheets[1])
    journal(picture.recent, sheets[2])
    return side_by_side(sheets)


def now(picture: VmPicture, sheet: Sheet) -> None:
    """Add how it stands now."""
    row = picture.row
    vm, rates = row.vm, row.measured
    sheet.head("NOW")
    more = since_words(row)
    if vm.state is VmState.RUNNING and vm.reason is not Reason.NONE and vm.reason.value not in state_text(row):
        more += f", {vm.reason.value}"
    gap = "" if more.startswith(",") else "  " if "," in state_text(row) else " "
    if NAME + cell_width(f"{state_text(row)}{gap}{more}") <= sheet.width:
        sheet.fact("state", Span(f"{state_text(row)}{gap}", state_tone(row)), Span(more, Tone.MUTED))
    else:
        sheet.wrapped("state", state_text(row), state_tone(row))
        sheet.wrapped("", more.removeprefix(", "), Tone.MUTED)
    if picture.problem is not None:
        tone = Tone.BAD if picture.problem.severity is Severity.BAD else Tone.WARN
        if picture.problem.text != state_text(row):
            sheet.wrapped("problem", picture.problem.text, tone)
        advice = remedy(row, picture.problem)
        if advice:
            sheet.wrapped("what to do", advice)
    if vm.job is not None:
        whose = "" if vm.job.ours else ", not by kvmtui"
        done = "" if vm.job.percent is None else f", {vm.job.percent:.0f} %"
        sheet.fact("job", Span(f"{safe(vm.job.kind, limit=60)}{done}{whose}", Tone.ACCENT))
    if rates is None:
        sheet.fact("vCPUs", vcpus_text(row))
        sheet.fact("memory", memory_size(row))
    else:
        _load(row, rates, sheet)


def _load(row: VmRow, rates: VmRates, sheet: Sheet) -> None:
    cores = "-" if rates.cpu_cores is None else f"{rates.cpu_cores:.1f}"
    share = rates.cpu_percent
    sheet.gauge("CPU", share, rising(share, *VM_CPU), Span(f"{cores}/{rates.vcpus} vCPUs"))
    sheet.fact(
        "steal",
        Span(percent(rates.steal), rising(rates.steal, *STEAL)),
        Span("" if rates.steal is None else "  ready but waiting, mean of its vCPUs", Tone.MUTED),
    )
    used, total = rates.memory_used, rates.memory_total
    share = 100.0 * used / total if used is not None and total else None
    old = (
        Span("the guest's report is old", Tone.WARN) if rates.memory_stale else Span("as the guest sees it", Tone.MUTED)
    )
    if used is None:
        old = Span("the guest does not tell", Tone.MUTED)
    sheet.gauge("memory", share, rising(share, *MEMORY), Span(pair(used, total)), old)
    bar_room = " " * sheet.gauge_room
    sheet.fact("", Span(f"{bar_room} {size(rates.memory_rss):>5}"), Span("  resident on the host", Tone.MUTED))
    slow = blame(row)
    if slow:
        sheet.wrapped("slow", f"{slow}; l says more", Tone.WARN)
    if rates.stalled:
        sheet.fact("disks", Span("stall: a busy disk has completed nothing for 10 s", Tone.BAD))
    if not rates.complete:
        sheet.fact("", Span("its monitor did not answer: no disk or balloon figures this time", Tone.WARN))


def trends(picture: VmPicture, sheet: Sheet) -> None:
    """Add the course of its figures over the last minutes; a sign for each 10 s."""
    history, vm = picture.history, picture.row.vm
    if history is None or len(history) < 2 or not vm.is_active:
        return
    points = min(TREND_POINTS, len(history), sheet.width - NAME - 18)  # and "at most 999M/s"
    sheet.head("TRENDS", f"the last {duration(SPACING * points)}, a sign each {SPACING:.0f} s")
    memory = float(max(vm.memory, vm.memory_max))
    courses: tuple[tuple[str, tuple[str, ...], float | None, Callable[[float | None], str]], ...] = (
        ("CPU", ("cpu",), 100.0, percent),
        ("memory", ("mem",), memory, size),
        ("disk", ("read", "write"), None, bps),
        ("network", ("rx", "tx"), None, bps),
    )
    for name, series, top, said in courses:
        parts = [history.series(one)[1][-points:] for one in series]
        sums = [sum(values) for values in zip(*parts, strict=True)]
        most = max((value for value in sums if not isnan(value)), default=None)
        if most is None:
            continue
        line = sparkline(sums, 0.0, top or most or 1.0, sheet.glyphs)
        sheet.fact(name, Span(line, Tone.ACCENT), Span(f"  at most {said(most)}", Tone.MUTED))


def since_words(row: VmRow) -> str:
    """Return since when its state holds; of a host that does not answer, nothing: the state says when it was seen."""
    return since_text(row.vm.since, row.now) if row.live else ""


def remedy(row: VmRow, problem: Problem) -> str:
    """Return what a person can do about a problem; "" when its text says enough."""
    vm = row.vm
    if vm.state is VmState.PAUSED and vm.reason in IO_REASONS:
        return f"Make room{_crowded(row)} or mend its storage, then x{GLUE}u resumes it."
    if vm.state is VmState.CRASHED:
        return f"!{GLUE}f ends what is left of it, then x{GLUE}s starts it anew."
    if vm.state is VmState.OFF and vm.reason in (Reason.CRASHED, Reason.PANICKED):
        sold = host_sold(row.entry.state)
        lack = f" {safe(row.entry.name, limit=40)} has sold more memory than it has." if (sold or 0.0) > 100.0 else ""
        return f"x{GLUE}s starts it anew.{lack}"
    if vm.state is VmState.OFF and "should be on" in problem.text:
        return f"x{GLUE}s starts it; x{GLUE}n takes its autostart away."
    if row.stopping is not None:
        return f"The guest has not shut down. A console may tell why; !{GLUE}f pulls its plug."
    return ""


def _crowded(row: VmRow) -> str:
    """Return " on pool nvme" where it is clear which of the pools that the VM writes to is full, else ""."""
    state = row.entry.state
    disks = [disk for disk in row.vm.disks if not disk.readonly]
    found = {pool.uuid: pool for disk in disks if state is not None and (pool := pool_of(state, disk)) is not None}
    pools = sorted(found.values(), key=lambda pool: -(pool_fill(pool) or 0.0))
    alone = len(pools) == 1 and row.vm.reason is Reason.POOL_FULL
    if not pools or ((pool_fill(pools[0]) or 0.0) <= POOL.warn and not alone):
        return ""
    return f" on pool {safe(pools[0].name, limit=40)}"


# -- what it is


def identity(row: VmRow, sheet: Sheet) -> None:
    """Add what it is and how it is defined."""
    vm = row.vm
    sheet.head("WHAT IT IS")
    sheet.wrapped("name", vm_name(vm.name, vm.uuid), most=6)
    if vm.title:
        sheet.wrapped("title", safe(vm.title), most=2)
    if vm.description:
        sheet.wrapped("note", safe(vm.description, limit=1000), most=4)
    if vm.tags:
        sheet.wrapped("tags", " ".join(f"#{safe(tag, limit=40)}" for tag in vm.tags), most=3)
    sheet.fact("UUID", safe(vm.uuid))
    sheet.grid(_facts(row))


def _facts(row: VmRow) -> Iterable[tuple[str, str, Tone]]:
    vm, plain, warn = row.vm, Tone.NORMAL, Tone.WARN
    yield "host", safe(row.entry.name), plain
    yield "id", str(vm.domain_id) if vm.domain_id is not None else "", plain
    yield "OS", safe(vm.os, limit=60) or "unknown", plain
    if vm.state is VmState.RUNNING:
        yield "agent", AGENTS[vm.agent], warn if vm.agent is AgentState.DISCONNECTED else plain
    yield "vCPUs", vcpus_text(row), plain
    yield "memory", memory_size(row), plain
    yield "CPU model", safe(vm.cpu_model, limit=60) or "the hypervisor's default", plain
    yield "acceleration", *accel_text(vm.accel)
    yield "firmware", safe(vm.firmware, limit=30) or "unknown", plain
    yield "machine", f"{safe(vm.machine, limit=40)} {safe(vm.arch, limit=20)}".strip(), plain
    yield "TPM", "yes" if vm.tpm else "", plain
    yield "NVRAM", safe(vm.nvram), plain
    yield "autostart", "on" if vm.autostart else "off", plain
    yield "definition", *definition_text(row)
    yield "snapshots", "unknown" if vm.snapshots is None else str(vm.snapshots), plain
    if vm.saved:
        yield "saved state", "its next start goes on from there", plain
    if vm.template:
        yield "template", "it is not started", warn
    if vm.owner:
        yield "owner", f"{safe(vm.owner, limit=40)}: change it there", warn
    if vm.immovable:
        yield "cannot move", safe(", ".join(vm.immovable)), warn


def vcpus_text(row: VmRow) -> str:
    """Return "4" or "2 of 8"."""
    vm = row.vm
    if not vm.vcpus:
        return "unknown"
    return f"{vm.vcpus} of {vm.vcpus_max}" if vm.vcpus_max > vm.vcpus else str(vm.vcpus)


def memory_size(row: VmRow) -> str:
    """Return "4.0G" or "2.0G of 4.0G"."""
    vm = row.vm
    if not vm.memory and not vm.memory_max:
        return "unknown"
    return f"{size(vm.memory)} of {size(vm.memory_max)}" if vm.memory_max > vm.memory else size(vm.memory)


def accel_text(accel: str) -> tuple[str, Tone]:
    """Return how its CPUs are run."""
    if accel == "kvm":
        return "KVM", Tone.NORMAL
    if accel == "qemu":
        return "none: emulated, slow", Tone.WARN
    return safe(accel, limit=30) or "unknown", Tone.NORMAL


def definition_text(row: VmRow) -> tuple[str, Tone]:
    """Return whether its definition outlives it, and whether it is what runs."""
    vm = row.vm
    if not vm.persistent:
        return "transient: gone when it stops", Tone.WARN
    if vm.pending:
        return "stored; differs from what runs, l says how", Tone.WARN
    return "stored", Tone.NORMAL


def journal(recent: Sequence[Text], sheet: Sheet) -> None:
    """Add the last lines of its journal."""
    sheet.head("JOURNAL")
    if not recent:
        sheet.line(Span("Nothing was done to it, and nothing was seen.", Tone.MUTED))
    for line in recent[:RECENT]:
        shown = line.copy()
        shown.truncate(sheet.width)
        sheet.lines.append(shown)


def last_seen(row: VmRow) -> str:
    """Return "as last seen at 14:02:53" for a VM whose host does not answer, else ""."""
    if row.live or row.entry.state is None:
        return ""
    return f"as last seen at {hhmmss(row.entry.state.at)}"
