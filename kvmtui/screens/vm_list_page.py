"""What pages with a list of VMs share: the keys that filter, sort, group, mark and look."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on

from kvmtui.commands.base import Noun
from kvmtui.core.fields import VM_FIELDS, Tone
from kvmtui.core.inventory import VmRef
from kvmtui.core.text import cut, safe
from kvmtui.screens.about import vm_about
from kvmtui.screens.actions import LIST, MARK, bindings
from kvmtui.screens.listing import Fold, Group
from kvmtui.screens.page import Page
from kvmtui.screens.vm_pane import VmPane
from kvmtui.widgets.filterbar import FilterBar
from kvmtui.widgets.table import ResourceTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from textual.binding import BindingType
    from textual.timer import Timer

    from kvmtui.commands.base import Target
    from kvmtui.core.inventory import Fleet
    from kvmtui.widgets.textline import TextBar

ROOM_FOR_DOT = 76  # columns from which it is said what `.` does
REST = 0.15  # seconds without a move after which a detail pane follows


class VmListPage(Page):
    """A page with a `VmPane`."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(LIST, MARK)]

    pane = cached_property(lambda _: VmPane(id="pane"))
    filter_bar = cached_property(lambda _: FilterBar())
    _resting: Timer | None = None
    _filtered_by = ""

    # -- showing

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the newest fleet."""
        if self.pane.display:
            self.pane.show_fleet(fleet)
        super().show_fleet(fleet)

    def highlighted(self) -> None:
        """Follow the cursor with the lines below."""
        self.pane.point()
        self.show_foot()

    def rest_timer(self, then: Callable[[], None]) -> None:
        """Call `then` when the cursor has rested."""
        if self._resting is not None:
            self._resting.stop()
        self._resting = self.set_timer(REST, then)

    def about_line(self) -> Text:
        """Return the line about the VM under the cursor."""
        row = self.pane.row()
        if row is None:
            return Text(no_wrap=True).append(self.pane.gone_text(), self.face.tones[Tone.WARN])
        problem = next((one for one in self.face.problems if one.ref == row.key), None)
        return vm_about(row, problem, self.face.tones, self.size.width)

    def marked_line(self) -> Text:
        """Return which marks there are and what verbs act on."""
        marks, tones = self.face.marks, self.face.tones
        text = Text(no_wrap=True)
        listing = self.pane.shown
        if marks:
            shown, hidden = self.pane.targets() if not marks.this_row else ((), ())
            if marks.this_row:
                text.append("the next command is for the cursor's row alone", tones[Tone.WARN])
            else:
                names = ", ".join(safe(target.name, limit=40) for target in (*shown, *hidden)[:20])
                many = f"marked {len(marks)} ({len(hidden)} hidden)"
                text.append(f"{many}: ", tones[Tone.WARN])
                tail = (
                    "   x ! act on them, . first: on this row"
                    if self.size.width >= ROOM_FOR_DOT
                    else "  x ! act on them"
                )
                text.append(cut(names, max(8, self.size.width - text.cell_len - len(tail))))
                text.append(tail, tones[Tone.MUTED])
            return text
        view = self.pane.listing.view
        if view.filter.text:
            text.append(f"filter {safe(view.filter.text)}: ", tones[Tone.ACCENT])
            text.append(f"{len(listing.listed)} of {listing.total} VMs; esc clears it", tones[Tone.MUTED])
        elif view.faults:
            text.append(f"only faults: {len(listing.listed)} of {listing.total} VMs; f shows all", tones[Tone.ACCENT])
        elif listing.fresh:
            many = "1 new row" if listing.fresh == 1 else f"{listing.fresh} new rows"
            text.append(f"{many} at the end; = sorts", tones[Tone.MUTED])
        else:
            return self.notice_line()
        return text

    def notice_line(self) -> Text:
        """Return why it is the demo that is shown, where nobody asked for it."""
        return Text(no_wrap=True).append(self.face.notice, self.face.tones[Tone.WARN])

    def key_hints(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that work on the selection now."""
        if self.pane.row() is None:
            if not self.pane.shown.total:
                yield "n n", "new VM"
            if isinstance(self.pane.table.cursor, Fold | Group):
                yield "enter", "fold" if self.pane.is_unfolded else "unfold"
            yield "/", "find"
            yield "f", "faults"
            yield from super().key_hints()
            yield "q", "back" if len(self.app.screen_stack) > 1 else "quit"
            return
        yield "enter", "look"
        if self.face.bindings.text("vm.console"):
            yield self.face.bindings.text("vm.console"), "console"
        yield "l", "why"
        yield "x", "power"
        if self.face.bindings.text("vm.migrate"):
            yield self.face.bindings.text("vm.migrate"), "move"
        yield "/", "find"
        yield "f", "faults"
        yield from super().key_hints()
        yield "space", "mark"
        yield "o", "sort"
        yield "z", "group"
        yield "q", "back" if len(self.app.screen_stack) > 1 else "quit"
        yield "n", "new"

    # -- what commands act on

    def targets(self) -> tuple[Target, ...]:
        """Return the VMs in view that a command acts on."""
        return self.pane.targets()[0]

    def hidden_targets(self) -> tuple[Target, ...]:
        """Return the marked VMs that the filter hides."""
        return self.pane.targets()[1]

    def host_here(self) -> str | None:
        """Return the host of what is under the cursor."""
        ref = self.pane.cursor
        return ref.host if ref is not None else None

    def text_bar(self) -> TextBar | None:
        """Return the bar that keys are text for at the moment."""
        return self.filter_bar if self.filter_bar.active else super().text_bar()

    def open_text(self, key: str) -> bool:
        """Open the filter or the `:` line."""
        if key == "/":
            self.action_filter()
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
        if self.face.marks.this_row:
            self.face.marks.this_row = False
            self.show_foot()
            return True
        if self.face.marks:
            self.action_unmark()
            return True
        view = self.pane.listing.view
        if view.filter.text:
            self.filter_bar.clear()
            self._filter_by("")
        elif view.faults:
            self.pane.toggle_faults()
        else:
            return False
        self.show_foot()
        return True

    # -- keys

    def action_look(self) -> None:
        """Look inside the VM under the cursor; unfold a group or a silent host."""
        key = self.pane.table.cursor
        if isinstance(key, VmRef):
            self.face.open_vm(key)
        elif isinstance(key, Fold):
            self.pane.unfold_host(key)
        elif isinstance(key, Group):
            self.pane.fold(key)

    def action_why(self) -> None:
        """Show why the VM is in its state."""
        ref = self.pane.cursor
        if ref is not None:
            self.face.open_vm(ref, "journal")

    def action_facts(self) -> None:
        """Show facts, and the virsh line of every command."""
        from kvmtui.screens.facts import FactsScreen

        targets = self.pane.pointed() if self.noun() is Noun.VM else self.targets()
        if targets:
            self.app.push_screen(FactsScreen(self.noun(), targets[0]))

    def action_copy(self) -> None:
        """Offer what can be copied."""
        from kvmtui.screens.copying import CopyScreen

        row = self.pane.row()
        if row is not None:
            self.app.push_screen(CopyScreen(row))

    def copy_address(self, host: str) -> None:
        """Copy the address of a host."""
        entry = self.fleet.host(host)
        if entry is not None:
            self.app.copy_to_clipboard(safe(entry.uri, limit=2000))
            self.face.tell(f"Copied, if the terminal takes it: {safe(entry.uri)}")

    def action_filter(self) -> None:
        """Open the filter."""
        self.filter_bar.open(self.pane.listing.view.filter.text)

    def action_faults(self) -> None:
        """List only what is wrong, or all."""
        self.pane.toggle_faults()
        self.show_foot()

    def sort_fields(self) -> Mapping[str, str]:
        """Return the letters that may follow `o`, with the fields."""
        return {one.letter: one.name for one in VM_FIELDS if one.letter}

    def sort_by(self, name: str) -> None:
        """Order the list by a field."""
        self.pane.sort_by(name)
        self.show_foot()

    def action_sort_menu(self) -> None:
        """Open the menu of sort letters."""
        self.open_sort_menu(self.sort_fields())

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.pane.reverse()

    def action_resort(self) -> None:
        """Make the order anew."""
        self.pane.resort()
        self.show_foot()

    def action_group(self) -> None:
        """Group by the next thing, or fold a group."""
        self.pane.group()
        grouping = self.pane.listing.view.grouping
        self.face.tell(f"Grouped by {grouping}." if grouping else "Not grouped.")

    def action_wide(self) -> None:
        """Show all columns that fit, or the usual ones."""
        before = self.pane.table.columns_shown
        self.pane.wide = not self.pane.wide
        self.pane.show_fleet(self.fleet, at_once=True)
        if self.pane.wide and self.pane.table.columns_shown == before:
            self.face.tell("No more columns fit here; W chooses which are shown.")

    def action_columns(self) -> None:
        """Choose the columns."""
        from kvmtui.screens.columns import ColumnsScreen

        def chosen(names: list[str] | None) -> None:
            if names is not None:
                self.face.memory.set("columns", names)
                self.pane.show_fleet(self.fleet, at_once=True)

        self.app.push_screen(ColumnsScreen(self.face.memory.get("columns")), chosen)

    def action_read_again(self) -> None:
        """Read the host under the cursor anew."""
        host = self.host_here()
        self.face.read_again(host)
        self.face.tell(f"Reading {safe(host)} again." if host else "Reading all hosts again.")

    def action_mark(self) -> None:
        """Mark the row and step on."""
        self.pane.mark()
        self.show_foot()

    def action_mark_screen(self) -> None:
        """Mark what is on the screen."""
        self.pane.mark_screen()
        self.show_foot()

    def action_mark_invert(self) -> None:
        """Invert the marks."""
        self.pane.invert_marks()
        self.show_foot()

    def action_unmark(self) -> None:
        """Unmark all."""
        self.pane.unmark()
        self.show_foot()

    def action_this_row(self) -> None:
        """Let the next command act on the cursor's row alone, where it would act on the marked ones."""
        self.face.marks.this_row = bool(self.face.marks)
        self.show_foot()

    # -- what the widgets say

    @on(FilterBar.Changed)
    def _filter_changed(self, event: FilterBar.Changed) -> None:
        self._filter_by(event.text)

    def _filter_by(self, text: str) -> None:
        if text != self._filtered_by:
            self._filtered_by = text
            self.filter_bar.complain(self.pane.set_filter(text))
            self.show_foot()

    @on(ResourceTable.Highlighted, "VmPane ResourceTable")
    def _vm_highlighted(self) -> None:
        self.highlighted()

    @on(ResourceTable.Chosen, "VmPane ResourceTable")
    def _vm_chosen(self) -> None:
        self.action_look()

    @on(ResourceTable.HeaderClicked, "VmPane ResourceTable")
    def _vm_header(self, event: ResourceTable.HeaderClicked) -> None:
        if event.column in {one.name for one in VM_FIELDS}:
            self.pane.table.focus()
            VmListPage.sort_by(self, event.column)  # whatever list has the focus until then
