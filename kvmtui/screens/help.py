"""What `?` shows: the screen in its own words, then every key that works on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from kvmtui.commands.base import Level
from kvmtui.commands.registry import of_noun
from kvmtui.core.fields import HOST_FIELDS, VM_FIELDS, Tone
from kvmtui.screens.actions import GO, GRAPHS, LIST, MARK, PANES, TABS
from kvmtui.screens.text_page import TextPage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.style import Style

    from kvmtui.screens.page import Page

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

    def text(self) -> Text:
        """Return the screen in its own words, and its keys."""
        page, tones = self._page, self._page.face.tones
        text = Text()
        text.append(f"{page.help_title}\n", tones[Tone.ACCENT])
        for sentence in page.help_text:
            text.append(f"{sentence}\n")
        for title, group in (
            ("Lists", LIST),
            ("Marks", MARK),
            ("Panes", PANES),
            ("Tabs", TABS),
            ("Graphs", GRAPHS),
            ("Going", GO),
        ):
            shown = page.face.key_map.shown
            lines = [(shown.get(one.id, one.shown), one.label, one.help) for one in group if one.id in page.bound]
            self._section(text, title, lines, tones)
        noun = page.noun()
        commands = [
            (page.face.bindings.text(command.id), command.label, self._said(command.help, command))
            for command in of_noun(noun)
            if page.face.bindings.text(command.id)
        ]
        self._section(text, f"What can be done to a {noun.value}", commands, tones)
        named = [
            (f":{command.verb}", command.label, command.help)
            for command in of_noun(noun)
            if not page.face.bindings.text(command.id)
        ]
        self._section(text, "By name only", named, tones)
        fields = VM_FIELDS if noun.value == "vm" else HOST_FIELDS if noun.value == "host" else ()
        columns = [(one.title, one.name, one.help) for one in fields]
        self._section(text, "Columns, and the words of the filter language", columns, tones)
        text.append("\nesc or q goes back", tones[Tone.MUTED])
        return text

    def _said(self, said: str, command: object) -> str:
        level = getattr(command, "level", Level.LOOK)
        asks = ASKS[level]
        return f"{said} ({asks})" if asks else said

    def _section(
        self, text: Text, title: str, lines: Iterable[tuple[str, str, str]], tones: Mapping[Tone, Style]
    ) -> None:
        lines = list(lines)
        if not lines:
            return
        text.append(f"\n{title}\n", tones[Tone.ACCENT])
        for key, label, said in lines:
            text.append(f"  {key:<12}", tones[Tone.WARN])
            text.append(f"{label:<16} ")
            text.append(f"{said}\n", tones[Tone.MUTED])
