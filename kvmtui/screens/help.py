"""What `?` shows: the screen in its own words, then every key that works on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.commands.base import Level
from kvmtui.commands.registry import of_noun
from kvmtui.core.fields import HOST_FIELDS, VM_FIELDS
from kvmtui.screens.actions import GO, GRAPHS, LIST, MARK, PANES, TABS
from kvmtui.screens.text_page import TextPage, keys, point

if TYPE_CHECKING:
    from kvmtui.screens.page import Page
    from kvmtui.screens.sheet import Sheet

ASKS = {
    Level.LOOK: "",
    Level.EASY: "",
    Level.ORDINARY: "asks for enter",
    Level.FORCED: "asks for ! again",
    Level.LOSS: "asks for the name",
}


class HelpScreen(TextPage):
    """A page of text over the screen that it explains."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page

    def write(self, sheet: Sheet) -> None:
        """Say the screen in its own words, and its keys."""
        page = self._page
        sheet.head(page.help_title.upper())
        for sentence in page.help_text:
            point(sheet, sentence)
        for title, group in (
            ("Lists", LIST),
            ("Marks", MARK),
            ("Panes", PANES),
            ("Tabs", TABS),
            ("Graphs", GRAPHS),
            ("Going", GO),
        ):
            shown = page.face.key_map.shown
            keys(
                sheet,
                title,
                [(shown.get(one.id, one.shown), one.label, one.help) for one in group if one.id in page.bound],
            )
        noun, key_of = page.noun(), page.face.bindings.text
        commands = of_noun(noun)
        done = [
            (key_of(command.id), command.label, _said(command.help, command.level))
            for command in commands
            if key_of(command.id)
        ]
        keys(sheet, f"What can be done to a {noun.word}", done)
        named = [(f":{command.verb}", command.label, command.help) for command in commands if not key_of(command.id)]
        keys(sheet, "By name only", named)
        fields = VM_FIELDS if noun.value == "vm" else HOST_FIELDS if noun.value == "host" else ()
        columns = [(one.title, one.name, one.help) for one in fields]
        keys(sheet, "Columns, and the words of the filter language", columns)


def _said(said: str, level: Level) -> str:
    asks = ASKS[level]
    return f"{said} ({asks})" if asks else said
