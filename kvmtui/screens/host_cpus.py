"""The CPUs of a host one by one, and its NUMA cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from kvmtui.core.fields import Tone
from kvmtui.core.fields.field import rising
from kvmtui.core.limits import HOST_CPU
from kvmtui.core.units import size
from kvmtui.screens.host_sheets import PAGE
from kvmtui.screens.sheet import Head, Sheet, Span, bar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmtui.backend.base import HostDetails, NumaCell
    from kvmtui.core.fields import HostRow

FULL_CELL = 20  # cells: number, bar and figure
SHORT_CELL = 8  # number and figure
FULL_MOST, SHORT_MOST = 64, 192  # CPUs up to which each has a bar, a figure


def cpu_lines(row: HostRow, details: HostDetails | None, sheet: Sheet) -> list[Text]:
    """Return each CPU's load, by NUMA cell: a bar, a figure or one sign each, as there are many."""
    state = row.entry.state
    load = state.load if state is not None and row.live else None
    shares = load.per_cpu if load is not None else None
    if state is None or load is None or not shares:
        sheet.sentence(_no_cpus(row), Tone.MUTED)
    else:
        mean = sum(shares) / len(shares)
        busy = sum(share > HOST_CPU.bad for share in shares)
        by_number = dict(zip(load.online or range(len(shares)), shares, strict=False))
        said = f"{len(shares)} CPUs, {busy} above {HOST_CPU.bad:.0f} %"
        sheet.gauge("all CPUs", mean, rising(mean, *HOST_CPU), Span(said))
        for title, cell, cpus in _groups(details, list(by_number)):
            note = ""
            if cell is not None:
                free = "" if cell.free is None else f", {size(cell.free)} free"
                mine = [by_number[cpu] for cpu in cpus]
                note = (
                    f"{len(cpus)} CPUs at {sum(mine) / len(mine):.0f} %, memory {size(cell.memory)}{free}"
                    if mine
                    else ""
                )
            sheet.head(title, note)
            _cpu_rows([(cpu, by_number[cpu]) for cpu in cpus], len(shares), sheet)
    if details is not None:
        _cells(details, sheet)
    return sheet.lines


def _no_cpus(row: HostRow) -> str:
    if not row.live:
        return "Each CPU's load is not known: the host does not answer."
    state = row.entry.state
    if state is not None and state.load is not None and state.load.cpu is None:
        return "This host does not tell how busy its CPUs are."
    return "Each CPU's load is read while this page is open; two readings are needed."


def _groups(details: HostDetails | None, online: list[int]) -> list[tuple[str, NumaCell | None, list[int]]]:
    cells, there = details.cells if details is not None else (), set(online)
    known = [(cell, [cpu for cpu in cell.cpus if cpu in there]) for cell in cells]
    if sum(len(cpus) for _, cpus in known) == len(online) and len(known) > 1:
        return [(f"NUMA CELL {cell.id}", cell, cpus) for cell, cpus in known]
    return [("CPUS", None, online)]


def _cpu_rows(cpus: Sequence[tuple[int, float]], all_: int, sheet: Sheet) -> None:
    if all_ > SHORT_MOST:
        _dense_rows(cpus, sheet)
        return
    width = FULL_CELL if all_ <= FULL_MOST else SHORT_CELL
    across = max(1, (sheet.width + 2) // (width + 2))
    if across >= 8:
        across -= across % 8
    down = -(-len(cpus) // across)
    for y in range(down):
        line = Text(no_wrap=True)
        for cpu, share in cpus[y * across : (y + 1) * across]:
            if line:
                line.append("  ")
            _cpu_cell(line, cpu, share, width, sheet)
        sheet.lines.append(line)


def _cpu_tone(share: float) -> Tone:
    """Return the tone of one CPU: a busy one is worth a look, but nothing is wrong with it."""
    return Tone.WARN if share > HOST_CPU.bad else Tone.NORMAL


def _cpu_cell(line: Text, cpu: int, share: float, width: int, sheet: Sheet) -> None:
    tone = _cpu_tone(share)
    line.append(f"{cpu:>3} ", sheet.tones[Tone.MUTED])
    if width == FULL_CELL:
        room = width - 8
        line.append(
            f"{bar(share, room, sheet.glyphs):<{room}}", sheet.tones[Tone.ACCENT if tone is Tone.NORMAL else tone]
        )
    line.append(f"{share:>4.0f}", sheet.tones[tone])


def _dense_rows(cpus: Sequence[tuple[int, float]], sheet: Sheet) -> None:
    """Add one sign of eight heights for each CPU, in groups of eight."""
    groups = max(1, (sheet.width - 5) // 9)
    across = (groups if groups < 8 else 8 * (groups // 8)) * 8
    levels = sheet.glyphs.levels
    for start in range(0, len(cpus), across):
        part = cpus[start : start + across]
        line = Text(no_wrap=True)
        line.append(f"{part[0][0]:>4} ", sheet.tones[Tone.MUTED])
        for index, (_, share) in enumerate(part):
            if index and index % 8 == 0:
                line.append(" ")
            tone = _cpu_tone(share)
            sign = levels[max(1, min(8, int(share * 8 / 100) + 1))]
            line.append(sign, sheet.tones[Tone.ACCENT if tone is Tone.NORMAL else tone])
        sheet.lines.append(line)


def _cells(details: HostDetails, sheet: Sheet) -> None:
    heads = (
        Head("NUMA", 6),
        Head("CPUs", 14, grows=True),
        Head("memory", 7, right=True),
        Head("free", 7, right=True),
        Head("huge pages: size, total, free", 34),
    )
    rows = []
    for cell in details.cells:
        pages = [
            f"{size(page)} {total} {'-' if free is None else free}"
            for page, (total, free) in sorted(cell.pages.items())
            if page > PAGE and total
        ]
        rows.append(
            (
                Span(f"{cell.id}", Tone.ACCENT),
                Span(ranges(cell.cpus)),
                Span(size(cell.memory)),
                Span(size(cell.free)),
                Span(", ".join(pages) or "none reserved", Tone.NORMAL if pages else Tone.MUTED),
            )
        )
    sheet.table("NUMA", heads, rows, "no NUMA cells told")


def ranges(numbers: Iterable[int]) -> str:
    """Return "0-15,32-47"."""
    parts: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1] = (parts[-1][0], number)
        else:
            parts.append((number, number))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts) or "-"
