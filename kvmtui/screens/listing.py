"""Which VMs a list shows, and in what order: a problem band, a rule, then the user's order. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.fields import VM_FIELDS, VmRow, by_name, vm_rows
from kvmtui.core.fields.field import natural
from kvmtui.core.filters import Filter, parse
from kvmtui.core.order import Order
from kvmtui.core.text import safe, shorten, vm_name
from kvmtui.screens.rows import many_vms
from kvmtui.widgets.table import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from kvmtui.core.inventory import Fleet, VmRef
    from kvmtui.core.problems import Problem


class Fold(NamedTuple):
    """The VMs of a host that does not answer, as one line."""

    fold: str


class Group(NamedTuple):
    """The heading of a group."""

    group: str


NAME_IN_RULE = 16  # cells
GROUPINGS = ("", "host", "state", "tag", "os")
EVERYTHING = parse("", VM_FIELDS)
FIELDS = by_name(VM_FIELDS)


@dataclass(slots=True)
class View:
    """What a person chose for the list."""

    filter: Filter[VmRow] = EVERYTHING
    faults: bool = False
    sort: str = "cpu"
    reverse: bool = False
    grouping: str = ""
    folded: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)  # silent hosts whose VMs are listed one by one
    host: str = ""  # only this host's VMs


class Shown(NamedTuple):
    """A list as it stands now."""

    keys: tuple[Hashable, ...]  # VmRef, Fold, Group or Rule
    total: int  # VMs of the fleet (or the host)
    listed: frozenset[VmRef]  # those that the filter lets through
    fresh: int  # rows that came since the order was made


def group_of(row: VmRow, grouping: str) -> str:
    """Return the heading under which a VM stands."""
    match grouping:
        case "host":
            return row.entry.name
        case "state":
            return row.vm.state.value
        case "tag":
            return row.vm.tags[0] if row.vm.tags else "no tag"
        case "os":
            return row.vm.os or "OS not known"
        case _:
            return ""


class Listing:
    """Keeps the order of a list of VMs, and says which lines it has."""

    def __init__(self) -> None:
        self.view = View()
        self.order: Order[VmRef | Fold] = Order()
        self.under_cursor: VmRow | None = None
        """The last row of the VM under the cursor, for the struck line of one that vanished."""
        self.counts: dict[str, int] = {}
        """How many VMs stand under each group heading."""
        self.folds: dict[str, int] = {}
        """How many VMs each folded host has."""

    def arrange(
        self, fleet: Fleet, problems: Mapping[VmRef, Problem], now: float, *, resort: bool, band_room: int
    ) -> Shown:
        """Return the lines; `problems` are the worst of each VM, `band_room` how many lines the band may take."""
        rows = self._rows(fleet, now)
        matching = {row.key: row for row in self._matching(rows, problems)}
        silent = {entry.name for entry in fleet.hosts if not entry.condition.is_answering}
        places = self._places(matching, problems, silent, self.order.places_to_find(now, resort=resort))
        keys = self.order.arrange(places, now, resort=resort)
        listed = frozenset(matching)
        band, rest = self._split(keys)
        lines: list[Hashable] = []
        if self.view.faults:
            lines += band
        elif band:
            lines += band[:band_room]
            below = self._below(band[band_room:], matching, problems)
            if rest or below:
                order = f"{len(rest)} more by {FIELDS[self.view.sort].title}; order held while you work, = sorts"
                lines.append(Rule(f"{below}{order}"))
        grouping = self.view.grouping
        groups: dict[VmRef | Fold, str] = {}
        if grouping:
            groups.update((ref, group_of(row, grouping)) for ref, row in matching.items())
        lines += self._grouped(rest, groups)
        return Shown(tuple(lines), len(rows), listed, self.order.new)

    def _below(
        self, hidden: Sequence[VmRef | Fold], rows: Mapping[VmRef, VmRow], problems: Mapping[VmRef, Problem]
    ) -> str:
        """Return how many problems there is no room for, and which is the worst of them; "" for none."""
        if not hidden:
            return ""
        worst = hidden[0]
        if isinstance(worst, Fold):
            said = f"{many_vms(self.folds.get(worst.fold, 0))} of {safe(worst.fold, limit=20)} not known"
        elif worst in rows and worst in problems:
            vm = rows[worst].vm
            said = f"{shorten(vm_name(vm.name, vm.uuid), NAME_IN_RULE)} {problems[worst].short}"
        else:
            said = "one that is gone"
        return f"f lists {len(hidden)} more problem{'s' if len(hidden) > 1 else ''}: {said}; "

    def _rows(self, fleet: Fleet, now: float) -> list[VmRow]:
        rows = vm_rows(fleet, now)
        if self.view.host:
            rows = [row for row in rows if row.entry.name == self.view.host]
        return rows

    def _matching(self, rows: list[VmRow], problems: Mapping[VmRef, Problem]) -> list[VmRow]:
        view = self.view
        if view.faults:
            rows = [row for row in rows if row.key in problems or not row.live]
        if view.filter is not EVERYTHING:
            matches = view.filter.matches
            rows = [row for row in rows if matches(row)]
        return rows

    def _places(
        self,
        rows: Mapping[VmRef, VmRow],
        problems: Mapping[VmRef, Problem],
        silent: set[str],
        wanted: Callable[[VmRef], bool],
    ) -> dict[VmRef | Fold, tuple[int, object]]:
        """Return each line's band, and its sort key where it is wanted; the hosts of `silent` do not answer."""
        view = self.view
        sort, reverse, grouping = FIELDS[view.sort].sort, view.reverse, view.grouping
        places: dict[VmRef | Fold, tuple[int, object]] = {}
        self.folds = {}
        self.counts = {}
        folded = set() if view.host else silent - view.opened
        for ref, row in rows.items():
            problem = problems.get(ref)
            name = row.vm.name
            if ref.host in folded:
                self.folds[ref.host] = self.folds.get(ref.host, 0) + 1
                places[Fold(ref.host)] = (0, (2, 0, ref.host))
            elif problem is not None and ref.host not in silent:
                places[ref] = (0, (3 - problem.severity.value, problem.rank, name))
            elif grouping:
                group = group_of(row, grouping)
                self.counts[group] = self.counts.get(group, 0) + 1
                places[ref] = (1, (natural(group), sort(row, reverse=reverse), name))
            else:
                places[ref] = (1, (sort(row, reverse=reverse), name) if wanted(ref) else None)
        return places

    def _split(self, keys: list[VmRef | Fold]) -> tuple[list[VmRef | Fold], list[VmRef | Fold]]:
        band_of = self.order.band
        band = [key for key in keys if band_of(key) == 0]
        return band, keys[len(band) :] if keys[: len(band)] == band else [key for key in keys if band_of(key) != 0]

    def _grouped(self, keys: Sequence[VmRef | Fold], groups: Mapping[VmRef | Fold, str]) -> list[Hashable]:
        """Return the lines of the user's order, with a heading before each group and without folded groups."""
        if not self.view.grouping:
            return list(keys)
        lines: list[Hashable] = []
        heading: str | None = None
        for key in keys:
            group = groups.get(key, heading or "")
            if group != heading:
                heading = group
                lines.append(Group(group))
            if group not in self.view.folded:
                lines.append(key)
        return lines

    def point(self, ref: VmRef | None, row: VmRow | None) -> None:
        """Say which VM the cursor is on, and how it looks now."""
        self.order.point(ref)
        if row is not None or ref is None:
            self.under_cursor = row
