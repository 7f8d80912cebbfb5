"""Tasks and the journal: what runs, what was done, by whom, and how it ended."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on

from kvmtui.commands.base import Noun, Target
from kvmtui.core.errors import FilterError
from kvmtui.core.fields import TASK_FIELDS, Shown, Tone, by_name
from kvmtui.core.filters import Filter, parse
from kvmtui.core.inventory import TaskPhase, TaskView, VmRef
from kvmtui.core.text import safe
from kvmtui.screens.actions import LIST, bindings
from kvmtui.screens.journal_lines import when
from kvmtui.screens.page import Page
from kvmtui.screens.places import Place
from kvmtui.widgets.filterbar import FilterBar
from kvmtui.widgets.table import EMPTY_CELL, Cell, Column, ResourceTable, Row

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from textual.binding import BindingType
    from textual.widget import Widget

    from kvmtui.core.inventory import Fleet
    from kvmtui.widgets.textline import TextBar

JOURNAL_LINES = 500
FIELDS = by_name(TASK_FIELDS)
ALL = parse("", TASK_FIELDS)
WIDE = 120
PRIORITY = {"virsh": 50, "host": 40, "user": 30, "took": 20, "message": 10}  # which column goes first
SIGNS = {
    TaskPhase.FAILED: Cell("x", Tone.BAD),
    TaskPhase.UNKNOWN: Cell("?", Tone.BAD),
    TaskPhase.REFUSED: Cell("!", Tone.WARN),
}
_LIST_KEYS = ("list.filter", "list.sort", "list.reverse", "list.faults", "list.look", "list.read")


class TasksPage(Page):
    """The tasks of this program and those of the journal, newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(tuple(one for one in LIST if one.id in _LIST_KEYS))]
    help_title = "Tasks"
    help_text = (
        "Each task with its outcome; it is kept in the journal on disk, also of other runs and of the command line.",
        "unknown means that the answer never came, or that the program ended before it: look at the VM itself.",
        "! c cancels a task that waits, a move and an upload; what else a host has begun is not stopped by it.",
    )

    table = cached_property(lambda page: ResourceTable(glyphs=page.face.glyphs))
    filter_bar = cached_property(lambda _: FilterBar(lambda text: parse(text, TASK_FIELDS)))

    def __init__(self) -> None:
        super().__init__()
        self._journal: dict[str, TaskView] = {}
        self._tasks: dict[str, TaskView] = {}
        self._filter: Filter[TaskView] = ALL
        self._faults = False
        self._sort = "started"
        self._reverse = False
        self._read_for: tuple[str, ...] = ()

    def where(self) -> Place:
        """Return the place that this is."""
        return Place("tasks")

    def body(self) -> Iterator[Widget]:
        """Yield the table and the filter."""
        yield self.table
        yield self.filter_bar

    def on_mount(self) -> None:
        """Begin with what the journal holds."""
        self.table.focus()
        self._read_journal()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if self.is_current:  # and was not left before it was painted
            self.show_fleet(self.fleet)

    def _read_journal(self) -> None:
        self._journal = {task.id: task for task in self.face.journal(JOURNAL_LINES)}

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the newest tasks; the journal is read again when one ended."""
        ended = tuple(task.id for task in fleet.tasks if task.phase.is_final)
        if ended != self._read_for:
            self._read_for = ended
            self._read_journal()
        self._tasks = {**self._journal, **{task.id: task for task in fleet.tasks}}
        listed = [task for task in self._tasks.values() if self._filter.matches(task)]
        if self._faults:
            listed = [task for task in listed if task.phase in SIGNS]
        one = FIELDS[self._sort]
        listed.sort(key=lambda task: one.sort(task, reverse=self._reverse))
        self._set_columns()
        self.table.set_sort(self._sort, descending=not self._reverse)
        if self._filter.text:
            self.table.set_empty(f"No task matches {safe(self._filter.text, limit=100)}", "esc clears the filter.")
        elif self._faults:
            self.table.set_empty("No task went wrong.", "f shows all tasks again.")
        else:
            self.table.set_empty("Nothing has been done yet.", "x on a VM shows what can be done.")
        self.table.show([task.id for task in listed], self._line)
        super().show_fleet(fleet)

    def _set_columns(self) -> None:
        width = self.size.width
        shown = [one for one in TASK_FIELDS if one.shown is Shown.ALWAYS or (one.shown is Shown.WIDE and width >= WIDE)]
        self.table.set_columns(
            [
                Column(
                    one.name,
                    one.title,
                    one.width,
                    right=one.right,
                    flexible=one.name == "message",
                    priority=PRIORITY.get(one.name, 0),
                    sentence=one.name == "message",
                )
                for one in shown
            ]
        )
        self._shown = shown

    def _line(self, key: Hashable) -> Row:
        task, now = self._tasks[str(key)], self.face.now()
        cells = tuple(
            Cell(when(task.started, now)[:8].rstrip("-") if one.name == "started" else one.text(task), one.tone(task))
            for one in self._shown
        )
        return Row(cells, SIGNS.get(task.phase, EMPTY_CELL))

    def _current(self) -> TaskView | None:
        return self._tasks.get(str(self.table.cursor)) if self.table.cursor is not None else None

    def about_line(self) -> Text:
        """Return the whole outcome of the task under the cursor."""
        task = self._current()
        if task is None:
            return Text()
        return Text(safe(task.message or task.phase.value, limit=400), no_wrap=True)

    def marked_line(self) -> Text:
        """Return the virsh line of the task under the cursor."""
        task = self._current()
        text = Text(no_wrap=True)
        if task is not None and task.virsh:
            text.append(safe(task.virsh, limit=400), self.face.tones[Tone.MUTED])
        return text

    def key_hints(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that work here."""
        if self.table.cursor is not None:
            yield "enter", "look"
        if self._tasks:
            yield "/", "find"
            yield "f", "faults"
            yield "o", "sort"
        yield "0", "log"
        yield from super().key_hints()
        yield "q", "back"

    def noun(self) -> Noun:
        """Say what commands act on."""
        return Noun.TASK

    def targets(self) -> tuple[Target, ...]:
        """Return the task under the cursor."""
        task = self._current()
        return (Target.of_task(task),) if task is not None else ()

    # -- keys

    def text_bar(self) -> TextBar | None:
        """Return the bar that keys are text for at the moment."""
        return self.filter_bar if self.filter_bar.active else super().text_bar()

    def open_text(self, key: str) -> bool:
        """Open the filter or the `:` line."""
        if key == "/":
            self.filter_bar.open(self._filter.text)
            return True
        return super().open_text(key)

    def text_fed(self, bar: TextBar, *, entered: bool) -> None:
        """Filter at once: the next key may act on what is listed then."""
        super().text_fed(bar, entered=entered)
        if bar is self.filter_bar:
            self._filter_by(self.filter_bar.filter)

    def step_back(self) -> bool:
        """Undo the first thing `esc` can undo here."""
        if super().step_back():
            return True
        if not self._filter.text and not self._faults:
            return False
        self.filter_bar.clear()
        self._filter, self._faults = ALL, False
        self.show_fleet(self.fleet)
        return True

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        self._filter_by(event.text)

    def _filter_by(self, text: str) -> None:
        try:
            self._filter = parse(text, TASK_FIELDS) if text.strip() else ALL
        except FilterError as error:
            self.filter_bar.complain(str(error))
            return
        self.show_fleet(self.fleet)

    @on(ResourceTable.Highlighted)
    def _highlighted(self) -> None:
        self.show_foot()

    @on(ResourceTable.Chosen)
    def _chosen(self) -> None:
        self.action_look()

    @on(ResourceTable.HeaderClicked)
    def _header(self, event: ResourceTable.HeaderClicked) -> None:
        self.sort_by(event.column)

    def action_look(self) -> None:
        """Look at the VM that the task is about."""
        task = self._current()
        if task is not None and task.vm_uuid:
            self.face.open_vm(VmRef(task.host, task.vm_uuid), "journal")

    def action_faults(self) -> None:
        """List only what did not go well, or all."""
        self._faults = not self._faults
        self.show_fleet(self.fleet)

    def sort_fields(self) -> Mapping[str, str]:
        """Return the letters that may follow `o`, with the fields."""
        return {one.letter: one.name for one in TASK_FIELDS if one.letter}

    def action_sort_menu(self) -> None:
        """Open the menu of sort letters."""
        self.open_sort_menu(self.sort_fields())

    def sort_by(self, name: str) -> None:
        """Order by a field; by the same one again, the other way round."""
        self._reverse = not self._reverse if self._sort == name else False
        self._sort = name
        self.show_fleet(self.fleet)

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._reverse = not self._reverse
        self.show_fleet(self.fleet)

    def action_read_again(self) -> None:
        """Read the journal anew."""
        self._read_journal()
        self.show_fleet(self.fleet)
