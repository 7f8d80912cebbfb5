"""A small program over the widgets, run in a pty by test_terminal.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.app import App, ComposeResult

from kvmtui.widgets.chords import Chord, Chords, Dropped, Leader, Pass
from kvmtui.widgets.driver import ReadDriver, name_of, read_of
from kvmtui.widgets.lines import Line
from kvmtui.widgets.menu import LeaderMenu, MenuEntry
from kvmtui.widgets.table import Cell, Column, ResourceTable, Row

if TYPE_CHECKING:
    from collections.abc import Hashable

COLUMNS = (
    Column("name", "VM", 16, flexible=True),
    *(Column(f"c{at}", f"COLUMN{at}", 9, right=True) for at in range(8)),
)


class Program(App[None]):
    """A table of 500 rows, a line that says what each key meant, and the leader's menu."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__(driver_class=ReadDriver)
        self.chords = Chords()
        self.meant: list[str] = []

    def compose(self) -> ComposeResult:
        """Compose the three."""
        yield ResourceTable(COLUMNS)
        yield LeaderMenu()
        yield Line(id="meant")

    def on_mount(self) -> None:
        """Show the rows."""
        table = self.query_one(ResourceTable)
        table.show(range(500), row)
        table.focus()

    async def on_event(self, event: events.Event) -> None:
        """Say what a key means before it goes anywhere."""
        if isinstance(event, events.Key) and not event.is_forwarded and not self.take(event):
            return
        await super().on_event(event)

    def take(self, event: events.Key) -> bool:
        """Tell whether a key is to do what it does by itself."""
        step = self.chords.feed(name_of(event), read_of(event))
        menu = self.query_one(LeaderMenu)
        if not self.chords.pending:
            menu.close()
        match step:
            case Pass(key):
                if key == "Q":
                    self.exit()
                elif key == "r":
                    self.screen.refresh()
                return True
            case Leader(leader):
                menu.open(f"{leader} on vm-{self.query_one(ResourceTable).cursor}", [MenuEntry("s", "start")])
            case Chord(leader, letter):
                self.say(f"chord {leader} {letter}")
            case Dropped(_, sentence):
                self.say(sentence)
        return False

    def say(self, text: str) -> None:
        """Show what was meant so far."""
        self.meant.append(text)
        self.query_one("#meant", Line).say(" | ".join(self.meant))


def row(key: Hashable) -> Row:
    """Return a row whose every cell names its key."""
    return Row((Cell(f"vm-{key}"), *(Cell(f"{key}.{at}") for at in range(8))))


if __name__ == "__main__":
    Program().run()
