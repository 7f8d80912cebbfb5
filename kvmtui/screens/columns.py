"""Choosing the columns of the list of VMs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from textual.widgets import Static

from kvmtui.core.fields import VM_FIELDS, Shown, Tone
from kvmtui.widgets.dialog import Dialog
from kvmtui.widgets.driver import name_of
from kvmtui.widgets.glyphs import UNICODE, Glyphs
from kvmtui.widgets.lines import packed
from kvmtui.widgets.table import Cell, Column, ResourceTable, Row

if TYPE_CHECKING:
    from collections.abc import Hashable

    from textual import events
    from textual.app import ComposeResult

COLUMNS = (Column("on", "", 3), Column("title", "COLUMN", 12), Column("help", "", 12, flexible=True, sentence=True))
HINTS = ("space shows or hides", "K J move", "0 the usual ones", "enter done", "esc leaves it as it was")
TREND = "trend"
HELP = {one.name: (one.title, one.help) for one in VM_FIELDS} | {TREND: ("TREND", "CPU over the last two minutes")}


class ColumnsScreen(Dialog[list[str] | None]):
    """The columns with a mark each; dismissed with the names in order, [] for the usual ones, None to leave it."""

    DEFAULT_CSS = """
    ColumnsScreen { align: left bottom; background: transparent; }
    ColumnsScreen > Static { width: 100%; height: auto; background: $panel; padding: 0 1; }
    ColumnsScreen > ResourceTable { width: 100%; height: 70%; background: $surface; }
    """
    AUTO_FOCUS: ClassVar[str | None] = ""
    hints = cached_property(lambda _: Static(id="hints", markup=False))

    def __init__(self, chosen: object, *, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        usual = [one.name for one in VM_FIELDS if one.shown is not Shown.OPTIONAL]
        self._chosen = [str(name) for name in chosen] if isinstance(chosen, list) and chosen else usual
        self._names = [*self._chosen, *(name for name in HELP if name not in self._chosen)]
        self._glyphs = glyphs

    @cached_property
    def table(self) -> ResourceTable:
        """The columns."""
        return ResourceTable(COLUMNS, glyphs=self._glyphs, header=False, driven=True)

    def compose(self) -> ComposeResult:
        """Compose the list and its keys."""
        yield self.hints
        yield self.table

    def on_mount(self) -> None:
        """List the columns."""
        self.call_after_refresh(self._begin)

    def on_resize(self) -> None:
        """Say the keys in as few lines as they fit."""
        self.hints.update("\n".join(packed(HINTS, self.app.size.width - 2)))

    def _begin(self) -> None:
        if self.is_current:  # and was not left before it was painted
            self._list()

    def _list(self) -> None:
        self.table.show(tuple(self._names), self._line)

    def _line(self, key: Hashable) -> Row:
        title, said = HELP.get(str(key), (str(key), ""))
        sign = "[x]" if key in self._chosen else "[ ]"
        return Row((Cell(sign, Tone.ACCENT), Cell(title), Cell(said, Tone.MUTED)))

    def on_key(self, event: events.Key) -> None:
        """Take every key."""
        event.stop()
        event.prevent_default()
        here = self.table.cursor
        match name_of(event):
            case "escape" | "q":
                self.dismiss(None)
            case "enter":
                self.dismiss([name for name in self._names if name in self._chosen])
            case "0":
                self.dismiss([])
            case "down" | "j":
                self.table.action_move(1)
            case "up" | "k":
                self.table.action_move(-1)
            case " " if here is not None:
                self._toggle(str(here))
            case "J" | "K" as key if here is not None:
                self._move(str(here), 1 if key == "J" else -1)
            case _:
                pass

    def _toggle(self, name: str) -> None:
        if name == "name":
            return  # a list without names is of no use
        if name in self._chosen:
            self._chosen.remove(name)
        else:
            self._chosen.append(name)
        self._list()

    def _move(self, name: str, by: int) -> None:
        at = self._names.index(name)
        to = max(0, min(len(self._names) - 1, at + by))
        self._names.insert(to, self._names.pop(at))
        self._list()
