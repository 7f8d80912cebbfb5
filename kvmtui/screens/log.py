"""The log: the virsh line of every task that was run, and what others did meanwhile."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on

from kvmtui.core.fields import Tone
from kvmtui.core.inventory import TaskView
from kvmtui.core.text import safe
from kvmtui.core.units import day_or_time
from kvmtui.screens.about import EVENT_SIGNS, EVENT_TONES
from kvmtui.screens.page import Page
from kvmtui.screens.places import Place
from kvmtui.widgets.table import EMPTY_CELL, Cell, Column, ResourceTable, Row

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from textual.widget import Widget

    from kvmtui.core.inventory import Event, Fleet

LINES = 500
COLUMNS = (
    Column("at", "AT", 6),
    Column("by", "BY", 13),
    Column("phase", "OUTCOME", 9),
    Column("virsh", "THE SAME BY VIRSH, OR WHAT WAS SEEN", 40, flexible=True),
)


class LogPage(Page):
    """The virsh lines of what was done, and what was seen to happen besides, newest last, as a shell's history."""

    help_title = "Log"
    help_text = (
        "What each task did, as the virsh command that does the same. Nothing here runs anything.",
        "Between these stands what others did and what befell the hosts, as far as it was seen since kvmtui started.",
    )
    table = cached_property(lambda page: ResourceTable(COLUMNS, glyphs=page.face.glyphs))

    def __init__(self) -> None:
        super().__init__()
        self._things: dict[Hashable, TaskView | Event] = {}
        self._seen: tuple[object, ...] | None = None
        self._events: tuple[Event, ...] = ()

    def where(self) -> Place:
        """Return the place that this is."""
        return Place("log")

    def body(self) -> Iterator[Widget]:
        """Yield the table."""
        yield self.table

    def on_mount(self) -> None:
        """Show the newest line."""
        self.table.focus()
        self.table.set_empty("Nothing has been done yet, and nothing was seen.", "What others did before is not known.")
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if not self.is_current:
            return  # it was left before it was painted
        self.show_fleet(self.fleet)
        self.table.action_last()

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the newest tasks and events."""
        phases = tuple((task.id, task.phase) for task in fleet.tasks)
        if phases != self._seen or fleet.events is not self._events:
            self._seen, self._events = phases, fleet.events
            tasks = {task.id: task for task in (*self.face.journal(LINES), *fleet.tasks) if task.virsh}
            things: list[tuple[float, Hashable, TaskView | Event]] = [
                (task.started, key, task) for key, task in tasks.items()
            ]
            # What this program did stands there as a task.
            things += [(event.at, event, event) for event in fleet.events if event.by != "you"]
            self._things = {key: thing for _, key, thing in sorted(things, key=lambda one: one[0])}
            self.table.show(tuple(self._things), self._line)
        super().show_fleet(fleet)

    def _line(self, key: Hashable) -> Row:
        thing = self._things[key]
        sign = EMPTY_CELL
        if isinstance(thing, TaskView):
            at, by, outcome = thing.started, "you" if thing.ours else safe(thing.user, limit=40), thing.phase.value
            line = "; ".join(thing.virsh.splitlines())
        else:
            at, by, outcome = thing.at, safe(thing.by, limit=40), "seen"
            line = f"{thing.subject}  {thing.detail}".strip()
            sign = Cell(EVENT_SIGNS[thing.severity], EVENT_TONES[thing.severity])
        return Row(
            (
                Cell(day_or_time(at, self.face.now()), Tone.MUTED),
                Cell(by, Tone.MUTED if by == "you" else Tone.NORMAL),
                Cell(outcome, Tone.MUTED if outcome == "seen" else Tone.NORMAL),
                Cell(safe(line, limit=2000)),
            ),
            sign,
        )

    def about_line(self) -> Text:
        """Return the outcome of the line under the cursor, or all that is known of what was seen."""
        thing = self._things.get(self.table.cursor) if self.table.cursor is not None else None
        if thing is None:
            return Text()
        said = thing.message if isinstance(thing, TaskView) else f"{thing.subject}  {thing.detail}"
        return Text(safe(said, limit=400), no_wrap=True)

    def key_hints(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that are of use here."""
        yield from super().key_hints()
        yield "7", "tasks"
        yield "q", "back"

    @on(ResourceTable.Highlighted)
    def _highlighted(self) -> None:
        self.show_foot()
