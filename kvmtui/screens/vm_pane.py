"""A list of VMs with its order, filter, groups and marks; used by the fleet and by a host's page."""

from __future__ import annotations

import time
from functools import cached_property
from textwrap import wrap
from typing import TYPE_CHECKING, cast

from textual.containers import Vertical

from kvmtui.commands.base import Target
from kvmtui.core.errors import FilterError
from kvmtui.core.fields import VM_FIELDS, VmRow, condition_text, vm_row
from kvmtui.core.filters import parse
from kvmtui.core.inventory import ConditionKind, VmRef
from kvmtui.core.text import safe, vm_name
from kvmtui.core.units import hhmm
from kvmtui.screens.listing import EVERYTHING, FIELDS, GROUPINGS, Fold, Group, Listing, Shown
from kvmtui.screens.rows import fold_line, gone_line, group_line, host_room, state_room, trend, vm_columns, vm_line
from kvmtui.screens.status import grave
from kvmtui.widgets.table import Cell, ResourceTable, Row

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from textual.app import ComposeResult

    from kvmtui.core.fields import Field
    from kvmtui.core.inventory import Fleet, HostEntry
    from kvmtui.core.problems import Problem
    from kvmtui.screens.face import Face

MANY = 1000  # VMs from which the list is arranged at most once a second
SETTLE = 10.0  # seconds without a key after which rows may move, and between two such moves
UNSEEN = 4  # hosts of which it is said why nothing is known of them


def unseen_texts(unseen: Sequence[HostEntry], now: float) -> Iterator[str]:
    """Yield a sentence for each of the hosts that nothing is known of: why, and what to do."""
    waiting = [entry for entry in unseen if entry.condition.kind is ConditionKind.CONNECTING]
    if waiting:
        more = f" and {len(waiting) - UNSEEN} more" if len(waiting) > UNSEEN else ""
        yield f"Connecting to {', '.join(safe(entry.name, limit=40) for entry in waiting[:UNSEEN])}{more} ..."
    silent = [entry for entry in unseen if entry.condition.kind is not ConditionKind.CONNECTING]
    for entry in silent[:UNSEEN]:
        stands = condition_text(entry, now).rstrip(".")
        yield f"{safe(entry.name, limit=40)}: {stands}. {safe(entry.condition.hint, limit=200)}".rstrip()
    if len(silent) > UNSEEN:
        yield f"{len(silent) - UNSEEN} more hosts do not answer: 9 lists them."


class VmPane(Vertical):
    """The table of VMs and what a person chose to see in it."""

    table = cached_property(lambda pane: ResourceTable(glyphs=pane.face.glyphs))

    def __init__(self, *, host: str = "", id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.listing = Listing()
        self.listing.view.host = host
        self.shown = Shown((), 0, frozenset(), 0)
        self.wide = False
        self._fields: tuple[Field[VmRow] | None, ...] = ()
        self._problems: Mapping[VmRef, Problem] = {}
        self._judged: Sequence[Problem] | None = None
        self._fleet: Fleet | None = None
        self._columns_for: tuple[object, ...] = ()
        self._arranged = 0.0
        self._sorted = 0.0
        self._began = time.monotonic()

    @property
    def face(self) -> Face:
        """The app, as far as a screen may know it."""
        return cast("Face", self.app)

    def compose(self) -> ComposeResult:
        """Compose the table."""
        yield self.table

    def on_mount(self) -> None:
        """Take up the order and the columns of last time."""
        memory, view = self.face.memory, self.listing.view
        sort, grouping = memory.get("sort"), memory.get("grouping")
        if isinstance(sort, str) and sort in FIELDS:
            view.sort = sort
        view.reverse = memory.get("reverse") is True
        if isinstance(grouping, str) and grouping in GROUPINGS and not view.host:
            view.grouping = grouping

    # -- showing

    def show_fleet(self, fleet: Fleet, *, resort: bool = False, at_once: bool = False) -> None:
        """Show the newest fleet; a large one is arranged at most once a second unless `at_once`."""
        self._fleet = fleet
        self._set_columns()
        now = time.monotonic()
        large = self.shown.total > MANY
        if not large or at_once or resort or (now - self._arranged >= 1.0 and self._judged is self.face.problems):
            self._arrange(fleet, now, resort=resort)
        self._judged = self.face.problems  # judging a large fleet takes its time: it is arranged with the next one
        self.table.show(self.shown.keys, self._line)

    def _arrange(self, fleet: Fleet, now: float, *, resort: bool) -> None:
        self._arranged = now
        view = self.listing.view
        self._problems = {problem.ref: problem for problem in reversed(grave(self.face.problems)) if problem.ref}
        starting = now - self._began < SETTLE and self.face.idle_seconds() > now - self._began
        resting = self.face.idle_seconds() >= SETTLE and now - self._sorted >= SETTLE
        resort = resort or starting or resting
        if resort:
            self._sorted = now
        self.listing.order.touch(self.face.now())  # held, unless `resort` says otherwise
        # Before it has a size: about what the terminal will leave it, so that the first picture has its rows.
        height = self.table.size.height or self.app.size.height * 2 // 3
        room = max(3, height // 3)
        self.shown = self.listing.arrange(fleet, self._problems, self.face.now(), resort=resort, band_room=room)
        self.table.set_sort(view.sort, descending=not view.reverse)
        self.table.set_empty(*self._nothing())

    def _nothing(self) -> tuple[str, ...]:
        view = self.listing.view
        if view.faults:
            return ("Nothing is wrong.", "f shows all VMs again.")
        if view.filter.text:
            return (f"No VM matches {safe(view.filter.text, limit=100)}", "esc clears the filter.")
        of = view.host
        hosts = [one for one in (self._fleet.hosts if self._fleet is not None else ()) if of in ("", one.name)]
        unseen = [entry for entry in hosts if entry.state is None]
        if not unseen:
            return ("No VMs yet: n n makes one.",)
        width = max(20, (self.table.size.width or self.app.size.width) - 6)
        first = "None of the hosts that answer has VMs; n n makes one." if len(unseen) < len(hosts) else ""
        return tuple(line for text in (first, *unseen_texts(unseen, self.face.now())) for line in wrap(text, width))

    def _set_columns(self) -> None:
        chosen = self.face.memory.get("columns")
        names = [str(name) for name in chosen] if isinstance(chosen, list) else []
        width = self.table.size.width or self.app.size.width
        hosts = 0 if self.listing.view.host else host_room((entry.name for entry in self.face.fleet.hosts), width)
        wish = (width, hosts, self.wide, *names)
        if wish == self._columns_for:
            return
        self._columns_for = wish
        self._fields, columns = vm_columns(width, names, hosts=hosts, every=self.wide)
        self.table.set_columns(columns)

    def _line(self, key: Hashable) -> Row:
        """Return the line of a key that is seen."""
        fleet = cast("Fleet", self._fleet)
        if isinstance(key, VmRef):
            row = vm_row(fleet, key, self.face.now())
            if row is None:
                last = self.listing.under_cursor
                if last is None or last.key != key:
                    return Row((Cell(""),))
                return gone_line(last, self.listing.order.gone.get(key, self.face.now()), self._how(key))
            return vm_line(
                row,
                self._fields,
                problem=self._problems.get(key),
                course=trend(self.face.history(key), self.face.glyphs) if None in self._fields else "",
                marked=key in self.face.marks,
                room=state_room(self.table.size.width or self.app.size.width),
            )
        if isinstance(key, Fold):
            entry = fleet.host(key.fold)
            seen = entry.state.at if entry is not None and entry.state is not None else None
            return fold_line(key.fold, self.listing.folds.get(key.fold, 0), seen)
        group = cast("Group", key).group
        return group_line(group, self.listing.counts.get(group, 0), folded=group in self.listing.view.folded)

    def gone_text(self) -> str:
        """Return what became of the VM under the cursor that vanished; "" of any other row."""
        last, ref = self.listing.under_cursor, self.cursor
        if ref is None or last is None or last.key != ref or ref not in self.listing.order.gone:
            return ""
        return f"{vm_name(last.vm.name, last.vm.uuid)} gone {hhmm(self.listing.order.gone[ref])}: {self._how(ref)}"

    @property
    def is_unfolded(self) -> bool:
        """Whether what the heading under the cursor stands for is listed below it."""
        key, view = self.table.cursor, self.listing.view
        return isinstance(key, Group) and key.group not in view.folded

    def _how(self, ref: VmRef) -> str:
        """Return how a VM vanished, as far as an event tells."""
        fleet = cast("Fleet", self._fleet)
        event = next((event for event in fleet.events if event.vm == ref), None)
        by = f", {event.by}" if event is not None and event.by else ""
        for entry in fleet.hosts:
            if entry.state is not None and ref.uuid in entry.state.vms:
                moved = any((task.host, task.vm_uuid, task.to) == (*ref, entry.name) for task in fleet.tasks)
                return f"moved to {safe(entry.name)}{by}" if moved else f"it is on {safe(entry.name)} now"
        if event is None:
            return "not listed by its host any more"
        return f"{event.detail or event.subject}{by}"

    # -- the cursor and what commands act on

    @property
    def cursor(self) -> VmRef | None:
        """The VM under the cursor."""
        key = self.table.cursor
        return key if isinstance(key, VmRef) else None

    def point(self) -> None:
        """Hold on to the VM under the cursor, so that it does not fall out of the list unseen."""
        ref = self.cursor
        row = vm_row(self._fleet, ref, self.face.now()) if ref is not None and self._fleet is not None else None
        struck = bool(self.listing.order.gone)
        self.listing.point(ref, row)
        if struck and not self.listing.order.gone:
            self._again()

    def row(self) -> VmRow | None:
        """Return the row of the VM under the cursor."""
        ref = self.cursor
        return vm_row(self.face.fleet, ref, self.face.now()) if ref is not None else None

    def targets(self) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
        """Return what a command acts on now: the VMs in view, and those of the marked ones that are hidden."""
        marks = self.face.marks
        if marks and not marks.this_row:
            seen = [ref for ref in marks.refs if ref in self.shown.listed]
            hidden = [ref for ref in marks.refs if ref not in self.shown.listed]
            return self._fixed(seen), self._fixed(hidden)
        return self.pointed(), ()

    def pointed(self) -> tuple[Target, ...]:
        """Return the VM under the cursor as what a command acts on, whatever is marked."""
        ref = self.cursor
        return self._fixed([ref]) if ref is not None else ()

    def _fixed(self, refs: list[VmRef]) -> tuple[Target, ...]:
        fleet = self.face.fleet
        found = []
        for ref in refs:
            entry, vm = fleet.host(ref.host), fleet.vm(ref)
            if entry is not None and vm is not None:
                found.append(Target.of_vm(entry, vm))
        return tuple(found)

    # -- choosing what is listed

    def set_filter(self, text: str) -> str:
        """List what matches; returns what is wrong with the text, "" when nothing is."""
        try:
            wanted = parse(text, VM_FIELDS) if text.strip() else EVERYTHING
        except FilterError as error:
            return str(error)
        self.listing.view.filter = wanted
        self._choose_anew()
        return ""

    def toggle_faults(self) -> None:
        """List only what is wrong, or all."""
        self.listing.view.faults = not self.listing.view.faults
        self._choose_anew()

    def _choose_anew(self) -> None:
        """List what is wanted now; a cursor whose VM is not among it goes to the first row, since a person asked."""
        self.listing.order.point(None)
        self._again(resort=True)
        if self.table.cursor is None:
            self.table.action_first()
        self.point()

    def sort_by(self, name: str) -> None:
        """Order by a field; by the same one again, the other way round."""
        view = self.listing.view
        view.reverse = not view.reverse if view.sort == name else False
        view.sort = name
        self._remember()

    def reverse(self) -> None:
        """Turn the order round."""
        self.listing.view.reverse = not self.listing.view.reverse
        self._remember()

    def group(self) -> None:
        """Fold or unfold the group under the cursor; elsewhere, group by the next thing."""
        view = self.listing.view
        key = self.table.cursor
        if isinstance(key, Group):
            self.fold(key)
            return
        view.grouping = GROUPINGS[(GROUPINGS.index(view.grouping) + 1) % len(GROUPINGS)]
        view.folded.clear()
        self._remember()

    def fold(self, key: Group) -> None:
        """Fold or unfold a group."""
        self.listing.view.folded ^= {key.group}
        self._again()

    def unfold_host(self, key: Fold) -> None:
        """List the VMs of a host that does not answer one by one, or as one line again."""
        self.listing.view.opened ^= {key.fold}
        self._again(resort=True)

    def resort(self) -> None:
        """Make the order anew."""
        self._again(resort=True)

    def _remember(self) -> None:
        memory, view = self.face.memory, self.listing.view
        memory.set("sort", view.sort)
        memory.set("reverse", view.reverse)
        memory.set("grouping", view.grouping)
        self._again(resort=True)

    def _again(self, *, resort: bool = False) -> None:
        self.show_fleet(self.face.fleet, resort=resort, at_once=True)

    # -- marks

    def mark(self) -> None:
        """Mark the VM under the cursor, and step on."""
        ref = self.cursor
        if ref is not None:
            self.face.marks.toggle(ref)
            self.table.action_move(1)
            self._again()

    def mark_screen(self) -> None:
        """Mark all that is on the screen at this instant."""
        self.face.marks.add(key for key in self.table.keys_shown if isinstance(key, VmRef))
        self._again()

    def invert_marks(self) -> None:
        """Swap the marks of what is listed."""
        self.face.marks.invert(self.shown.listed)
        self._again()

    def unmark(self) -> bool:
        """Unmark all; return whether anything was marked."""
        had = self.face.marks.clear()
        self._again()
        return had
