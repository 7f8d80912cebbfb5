"""The log of commands really run: the virsh line of every task, to read, copy or learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual import getters, on

from kvmtui.core.fields import Tone
from kvmtui.core.text import safe
from kvmtui.core.units import day_or_time
from kvmtui.screens.page import Page
from kvmtui.screens.places import Place
from kvmtui.widgets.table import Cell, Column, ResourceTable, Row

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from textual.widget import Widget

    from kvmtui.core.inventory import Fleet, TaskView

LINES = 500
COLUMNS = (
    Column("at", "AT", 6),
    Column("phase", "OUTCOME", 9),
    Column("virsh", "THE SAME BY VIRSH", 40, flexible=True),
)


class LogPage(Page):
    """The virsh lines of what was done, newest last, as a shell's history."""

    help_title = "Log"
    help_text = ("What each task did, as the virsh command that does the same. Nothing here runs anything.",)
    table = getters.query_one(ResourceTable)

    def __init__(self) -> None:
        super().__init__()
        self._tasks: dict[str, TaskView] = {}
        self._seen: tuple[object, ...] | None = None

    def where(self) -> Place:
        """Return the place that this is."""
        return Place("log")

    def body(self) -> Iterator[Widget]:
        """Yield the table."""
        yield ResourceTable(COLUMNS, glyphs=self.face.glyphs)

    def on_mount(self) -> None:
        """Show the newest line."""
        self.table.focus()
        self.table.set_empty("Nothing has been done yet.")
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if not self.is_current:
            return  # it was left before it was painted
        self.show_fleet(self.fleet)
        self.table.action_last()

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the newest tasks."""
        phases = tuple((task.id, task.phase) for task in fleet.tasks)
        if phases != self._seen:
            self._seen = phases
            tasks = {task.id: task for task in (*self.face.journal(LINES), *fleet.tasks) if task.virsh}
            self._tasks = dict(sorted(tasks.items(), key=lambda item: item[1].started))
            self.table.show(tuple(self._tasks), self._line)
        super().show_fleet(fleet)

    def _line(self, key: Hashable) -> Row:
        task = self._tasks[str(key)]
        line = "; ".join(task.virsh.splitlines())
        return Row(
            (
                Cell(day_or_time(task.started, self.face.now()), Tone.MUTED),
                Cell(task.phase.value),
                Cell(safe(line, limit=2000)),
            )
        )

    def about_line(self) -> Text:
        """Return the outcome of the line under the cursor."""
        task = self._tasks.get(str(self.table.cursor))
        return Text(safe(task.message, limit=400) if task else "", no_wrap=True)

    @on(ResourceTable.Highlighted)
    def _highlighted(self) -> None:
        self.show_foot()
