"""Rows of the core become lines of a table: which columns, which cells, which signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core.fields import HOST_FIELDS, VM_FIELDS, HostRow, Shown, Tone, VmRow, by_name
from kvmtui.core.fields.host_facts import condition_text
from kvmtui.core.inventory import ConditionKind, Severity
from kvmtui.core.problems import ProblemKind
from kvmtui.core.text import cell_width, safe, vm_name
from kvmtui.core.units import hhmm, hhmmss
from kvmtui.widgets.spark import sparkline
from kvmtui.widgets.table import EMPTY_CELL, Cell, Column, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmtui.core.fields import Field
    from kvmtui.core.metrics import History
    from kvmtui.core.problems import Problem
    from kvmtui.widgets.glyphs import Glyphs

VM_BY_NAME = by_name(VM_FIELDS)
HOST_BY_NAME = by_name(HOST_FIELDS)
WIDE = 120  # columns from which more is shown
VERY_WIDE = 160  # and still more of the hosts
TREND = Column("trend", "TREND", 12, priority=8)
TREND_POINTS = 12
ROOM = {"state": 20, "name": 16}  # cells: "stopping since 13:54" in full, also at 80 columns
NARROW = 72  # columns below which a state has room for its usual words alone
NARROW_ROOM = {"state": 17, "name": 14}
BAR = "bar"
HOST_NAME = 32  # cells of a host's name at most: further away its figures are hard to follow
HOST_NAME_NARROW = 10  # and at least
VM_NAME = 48  # the same of a VM's
FURTHER = (("ip", 134), ("os", 156), ("tags", 171), ("since", 186))  # columns, and the cells from which they are shown

SIGNS = {
    Severity.NONE: EMPTY_CELL,
    Severity.INFO: Cell("i", Tone.MUTED),
    Severity.WARN: Cell("!", Tone.WARN),
    Severity.BAD: Cell("!", Tone.BAD),
}

# Which column goes first where there is no room; what is not named here goes after these.
_PRIORITY = {"name": 0, "state": 0, "host": 2, "cpu": 1, "mem": 3, "steal": 4, "lat": 5, "flags": 6}
_HOST_PRIORITY = {"name": 0, "cpu": 0, "used": 0, "vms": 0, "sold": 1, "pool": 2}  # what makes a host a problem stays
_WORD_FOR = {ProblemKind.SLOW: "slow", ProblemKind.POOL_FULL: "fills up"}  # no longer than a bar


def host_room(names: Iterable[str], width: int) -> int:
    """Return the cells that a column of host names gets on a screen so wide."""
    most = 8 if width < WIDE else 16
    return max(5, min(most, max((cell_width(safe(name, limit=most + 1)) for name in names), default=5)))


def vm_columns(
    width: int, chosen: Sequence[str], *, hosts: int, every: bool = False
) -> tuple[tuple[Field[VmRow] | None, ...], tuple[Column, ...]]:
    """Return the fields and columns of a list of VMs; None stands for the trend, which is no field.

    `hosts` are the cells of a host's name, 0 where all are of one.
    """
    if chosen:
        names = list(chosen)
    else:
        names = [one.name for one in VM_FIELDS if one.shown is Shown.ALWAYS]
        if width >= WIDE or every:
            names += [one.name for one in VM_FIELDS if one.shown is Shown.WIDE]
            names += [name for name, least in FURTHER if width >= least and not every]
            names.insert(names.index("cpu") + 1 if "cpu" in names else len(names), "trend")
        if every:
            names += [one.name for one in VM_FIELDS if one.shown is Shown.OPTIONAL]
    if not hosts:
        names = [name for name in names if name != "host"]
    room = _rooms(width)
    fields: list[Field[VmRow] | None] = []
    columns: list[Column] = []
    for place, name in enumerate(names):
        if name == "trend":
            fields.append(None)
            columns.append(TREND)
        elif name in VM_BY_NAME:
            one = VM_BY_NAME[name]
            fields.append(one)
            columns.append(
                Column(
                    one.name,
                    one.title,
                    hosts if one.name == "host" else room.get(one.name, one.width),
                    right=one.right,
                    flexible=one.name == "name",
                    most=VM_NAME,
                    priority=_PRIORITY.get(one.name, 10 + place),
                )
            )
    return tuple(fields), tuple(columns)


def _rooms(width: int) -> Mapping[str, int]:
    return NARROW_ROOM if width < NARROW else ROOM


def state_room(width: int) -> int:
    """Return the cells that a state has in a list so wide."""
    return _rooms(width)["state"]


def host_columns(width: int, *, over_ssh: bool = False) -> tuple[tuple[Field[HostRow] | None, ...], tuple[Column, ...]]:
    """Return the fields and columns of a list of hosts; None stands for the bar beside the CPU, which is no field.

    `over_ssh`: some of them are reached that way.
    """
    names = [one.name for one in HOST_FIELDS if one.shown is Shown.ALWAYS]
    if width >= WIDE:
        names.insert(names.index("pool") + 1, "pool_name")
        names += [*(["ssh"] if over_ssh else []), "uptime", "libvirt", "qemu"]
    if width >= VERY_WIDE:
        names += ["cpus", "model"]
    fields: list[Field[HostRow] | None] = []
    columns: list[Column] = []
    for place, name in enumerate(names):
        one = HOST_BY_NAME[name]
        fields.append(one)
        columns.append(
            Column(
                one.name,
                one.title,
                HOST_NAME_NARROW if width < NARROW and one.name == "name" else one.width,
                right=one.right,
                flexible=one.name == "name",
                most=HOST_NAME,
                priority=_HOST_PRIORITY.get(one.name, 10 + place),
            )
        )
        if name == "cpu":
            fields.append(None)
            columns.append(Column(BAR, "", bar_room(width), priority=8))
    return tuple(fields), tuple(columns)


def bar_room(width: int) -> int:
    """Return the cells of a bar on a screen so wide."""
    return 8 if width < WIDE else 12 if width < VERY_WIDE else 24


def trend(history: History | None, glyphs: Glyphs) -> str:
    """Return the last two minutes of CPU, one level for each 10 s."""
    if history is None or not len(history):
        return ""
    _times, values = history.series("cpu")
    return sparkline(values[-TREND_POINTS:], 0.0, 100.0, glyphs)


def bar(percent: float | None, width: int, glyphs: Glyphs) -> str:
    """Return a bar of at most `width` cells, in eighths where the terminal can."""
    if percent is None:
        return ""
    eighths = round(min(100.0, max(0.0, percent)) / 100 * width * 8)
    if glyphs.ascii:
        return "#" * round(eighths / 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def vm_line(
    row: VmRow,
    fields: Sequence[Field[VmRow] | None],
    *,
    problem: Problem | None,
    course: str,
    marked: bool,
    room: int,
) -> Row:
    """Return a VM's line: `course` is its trend, and its state has `room` cells."""
    cells = tuple(
        Cell(course, Tone.MUTED)
        if one is None
        else _state_cell(row, problem, room)
        if one.name == "state"
        else Cell(one.text(row), one.tone(row))
        for one in fields
    )
    sign = SIGNS[problem.severity] if problem is not None else EMPTY_CELL
    if not row.live:
        sign = Cell("?", Tone.WARN)
    return Row(cells, sign, marked=marked, muted=not row.live)


def _state_cell(row: VmRow, problem: Problem | None, room: int) -> Cell:
    """Return the state, and what is wrong where it does not say so: no figure or colour says it alone."""
    state = VM_BY_NAME["state"]
    said = state.text(row)
    if problem is None or problem.in_state or not row.live:
        return Cell(said, state.tone(row))
    both = f"{said}, {problem.short}"
    tone = Tone.BAD if problem.severity is Severity.BAD else Tone.WARN
    if cell_width(both) <= room:
        return Cell(both, tone)
    # How far a move or a job is, or a shutdown, stands nowhere else; a figure that is too high has a column of its own.
    on_its_way = row.moving is not None or row.stopping is not None or row.vm.job is not None
    return Cell(said if on_its_way and tone is Tone.WARN else problem.short, tone)


def gone_line(row: VmRow, at: float, how: str) -> Row:
    """Return the struck line of a VM that vanished under the cursor."""
    return Row(
        (Cell(vm_name(row.vm.name, row.vm.uuid)), Cell(f"gone {hhmm(at)}: {how}", Tone.WARN)),
        Cell("x", Tone.WARN),
        struck=True,
    )


def many_vms(count: int) -> str:
    """Return "1 VM" or "8 VMs"."""
    return f"{count} VMs" if count != 1 else "1 VM"


def fold_line(host: str, count: int, seen: float | None) -> Row:
    """Return the one line for the VMs of a host that does not answer."""
    when = f"as last seen at {hhmmss(seen)}" if seen else "never seen"
    return Row(
        (Cell(f"{many_vms(count)} of {safe(host)}", Tone.MUTED), Cell(f"{when}; enter lists them", Tone.MUTED)),
        Cell("?", Tone.WARN),
        muted=True,
    )


def group_line(name: str, count: int, *, folded: bool) -> Row:
    """Return the heading of a group."""
    return Row((Cell(f"{'+' if folded else '-'} {safe(name)}   {many_vms(count)}", Tone.ACCENT),))


def host_line(
    row: HostRow, fields: Sequence[Field[HostRow] | None], problem: Problem | None, glyphs: Glyphs, *, room: int
) -> Row:
    """Return a host's line, its bar in `room` cells; of one that does not answer, what is the matter with it."""
    entry = row.entry
    name = Cell(safe(entry.name))
    if not entry.condition.is_answering:
        text = condition_text(entry, row.now)
        count = len(entry.state.vms) if entry.state else 0
        if count:
            text = f"{text.rstrip('.')}; {many_vms(count)} as last seen"
        elif entry.condition.hint:
            text += f"  {safe(entry.condition.hint)}"
        calm = entry.condition.kind in (ConditionKind.CONNECTING, ConditionKind.DISCONNECTED)
        return Row((name, Cell(text, Tone.MUTED if calm else Tone.BAD)), EMPTY_CELL if calm else Cell("x", Tone.BAD))
    if entry.condition.kind is ConditionKind.SLOW and entry.state is not None and entry.state.load is None:
        return Row((name, Cell(condition_text(entry, row.now), Tone.WARN)), Cell("!", Tone.WARN))  # no figures to show
    cells: list[Cell] = []
    figures = [Cell(one.text(row), one.tone(row)) for one in fields if one is not None and one.name in ("sold", "pool")]
    for one in fields:
        if one is not None:
            cells.append(Cell(one.text(row), one.tone(row)))
            continue
        load, tone = entry.state.load if entry.state else None, cells[-1].tone
        word = _WORD_FOR.get(problem.kind, "") if problem is not None else ""
        if word and not any(cell.tone in (Tone.WARN, Tone.BAD) for cell in figures):
            cells.append(Cell(word, Tone.WARN))
            continue
        # What is as it should be is quiet; the figure beside it says how much it is.
        cells.append(Cell(bar(load.cpu if load else None, room, glyphs), Tone.MUTED if tone is Tone.NORMAL else tone))
    sign = SIGNS[problem.severity] if problem is not None else EMPTY_CELL
    return Row(tuple(cells), sign)
