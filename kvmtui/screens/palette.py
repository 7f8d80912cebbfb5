"""The palette: every command and place, found by name, key or virsh word."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.text import Text
from textual.widgets import Static

from kvmtui.commands.base import Level, Noun
from kvmtui.commands.registry import of_noun
from kvmtui.core.fields import Tone
from kvmtui.screens.actions import GO, LIST, MARK, PANES, TABS
from kvmtui.widgets.dialog import Dialog
from kvmtui.widgets.driver import read_of
from kvmtui.widgets.table import Cell, Column, ResourceTable, Row
from kvmtui.widgets.textline import LineEditor

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from textual import events
    from textual.app import ComposeResult

    from kvmtui.commands.base import Command
    from kvmtui.screens.page import Page

COLUMNS = (Column("what", "WHAT", 24), Column("key", "KEY", 7), Column("help", "", 12, flexible=True, sentence=True))


class Entry(NamedTuple):
    """Something the palette can do."""

    id: str
    label: str
    key: str
    help: str
    words: str  # what is searched
    command: Command | None
    action: str = ""
    refusal: str = ""
    theme: str = ""


def open_palette(page: Page) -> None:
    """Show the palette over a page, and do there what is chosen."""
    palette = PaletteScreen(page)
    targets, hidden = page.targets(), page.hidden_targets()

    async def chosen(entry: Entry | None) -> None:
        if entry is None:
            return
        if entry.theme:
            page.face.choose_theme(entry.theme)
        elif entry.command is None:
            await page.app.run_action(entry.action, page)
        elif entry.refusal:
            page.face.tell(entry.refusal, bad=True)
        else:
            page.face.request(entry.command, targets, hidden)

    page.app.push_screen(palette, chosen)


class PaletteScreen(Dialog[Entry | None]):
    """A line to type in and the entries that match; dismissed with the chosen one."""

    DEFAULT_CSS = """
    PaletteScreen { align: center top; background: transparent; }
    PaletteScreen > #line { width: 100%; height: 1; background: $panel; padding: 0 1; }
    PaletteScreen > #hints { width: 100%; height: 1; background: $panel; color: $text-muted; padding: 0 1; }
    PaletteScreen > ResourceTable { width: 100%; height: 60%; background: $surface; }
    """
    AUTO_FOCUS: ClassVar[str | None] = ""
    line = cached_property(lambda _: Static(id="line", markup=False))

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._targets = page.targets()
        self._editor = LineEditor()
        self._entries = {entry.id: entry for entry in self._all()}

    @property
    def targets(self) -> tuple[object, ...]:
        """What a command of it acts on: fixed when it was opened."""
        return self._targets

    @cached_property
    def table(self) -> ResourceTable:
        """What can be done."""
        return ResourceTable(COLUMNS, glyphs=self._page.face.glyphs, header=False, driven=True)

    def compose(self) -> ComposeResult:
        """Compose the line and the list."""
        yield self.line
        yield self.table
        yield Static("enter does it   up down move   esc goes back", id="hints", markup=False)

    def on_mount(self) -> None:
        """List everything."""
        self._say()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if self.is_current:  # and was not left before it was painted
            self.table.set_empty("Nothing is called that.")
            self._list()

    def _all(self) -> Iterator[Entry]:
        page, noun = self._page, self._page.noun()
        bindings, targets = page.face.bindings, (*self._targets, *page.hidden_targets())
        nouns = (noun, *(other for other in (Noun.VM, Noun.HOST) if other is not noun))
        for each in nouns:
            for command in of_noun(each):
                words = " ".join((command.id, command.label, command.help, *command.aliases, bindings.text(command.id)))
                chooses = command.interview is not None  # it asks for its host itself
                refusal = "" if chooses or (each is noun and targets) else f"select a {each.value} first"
                if not refusal and targets:
                    refusal = page.refusal(command, targets[:1] if chooses else targets)
                key = bindings.text(command.id)
                yield Entry(command.id, command.label, key, command.help, words.lower(), command, "", refusal)
        for action in (*LIST, *MARK, *PANES, *TABS, *GO):
            if action.id not in page.bound:
                continue
            shown = page.face.key_map.shown[action.id]
            words = f"{action.id} {action.label} {action.help} {shown}".lower()
            yield Entry(action.id, action.label, shown, action.help, words, None, action.method)
        for name in sorted(self._page.app.available_themes):
            yield Entry(f"theme.{name}", f"theme {name}", "", "Use this theme.", f"theme {name}", None, theme=name)

    def _list(self) -> None:
        wanted = self._editor.text.lower().split()
        found = [entry for entry in self._entries.values() if all(word in entry.words for word in wanted)]
        typed = self._editor.text.lower()
        found.sort(key=lambda entry: (not entry.label.startswith(typed), bool(entry.refusal)))
        self.table.show([entry.id for entry in found], self._line)
        if found:
            self.table.move_to(found[0].id)
        self._say()

    def _say(self) -> None:
        line = Text.assemble(("> ", "bold"), self._editor.shown, (" ", "reverse"), no_wrap=True)
        if not self._editor.text:
            line.append("  a command, a key or a virsh word", "dim")
        self.line.update(line)

    def _line(self, key: Hashable) -> Row:
        entry = self._entries[str(key)]
        said = entry.refusal or entry.help.replace("`", "")
        return Row((Cell(entry.label), Cell(entry.key, Tone.ACCENT), Cell(said, Tone.MUTED)), muted=bool(entry.refusal))

    def on_key(self, event: events.Key) -> None:
        """Take every key: text, moves, enter, escape."""
        event.stop()
        event.prevent_default()
        if event.key in ("escape", "ctrl+p"):
            self.dismiss(None)
        elif event.key in ("up", "down"):
            self.table.action_move(1 if event.key == "down" else -1)
        elif event.key in ("pageup", "pagedown"):
            self.table.action_page(1.0 if event.key == "pagedown" else -1.0)
        elif event.key == "enter":
            read = read_of(event)
            if read is None or len(read.keys) == 1:
                self._choose()
        elif self._editor.key(event.key, event.character):
            self._list()

    def on_paste(self, event: events.Paste) -> None:
        """Write what was pasted."""
        event.stop()
        self._editor.insert(event.text)
        self._list()

    def on_resource_table_chosen(self, event: ResourceTable.Chosen) -> None:
        """Choose by a double click what does not force: that is for the keyboard alone."""
        event.stop()
        command = self._entries[str(event.key)].command
        if command is None or command.level < Level.FORCED:
            self._choose()

    def _choose(self) -> None:
        if self.table.cursor is not None:
            self.dismiss(self._entries[str(self.table.cursor)])
