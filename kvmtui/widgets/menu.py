"""The menu of a leader: the fixed target's full name, and the letters that act on it."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kvmtui.core.text import cell_width, cut, safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual import events


MANY = 6  # entries from which they stand beside each other


class MenuEntry(NamedTuple):
    """A letter and what it does; with a reason it is dimmed, for it cannot be done now."""

    letter: str
    label: str
    reason: str = ""
    note: str = ""  # what to know: the level, the virsh line


class LeaderMenu(Widget):
    """A panel over the foot of the screen, no screen of its own: it is there in a frame and costs its lines alone."""

    DEFAULT_CSS = """
    LeaderMenu {
        height: auto;
        width: 100%;
        overlay: screen;
        offset-y: -100%;
        display: none;
        background: $panel;
        & > .menu--title { text-style: bold; }
        & > .menu--letter { color: $text-accent; text-style: bold; }
        & > .menu--dim { color: $text-muted; }
    }
    LeaderMenu.-forced > .menu--title, LeaderMenu.-forced > .menu--letter { color: $text-error; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"menu--title", "menu--letter", "menu--dim"}

    class Picked(Message):
        """An entry was clicked."""

        def __init__(self, menu: LeaderMenu, letter: str) -> None:
            super().__init__()
            self.menu = menu
            self.letter = letter

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._heading: list[str] = []
        self._whole = ""
        self._entries: tuple[MenuEntry, ...] = ()
        self._common = ""  # why nothing of it can be done
        self._why: list[str] = []
        self._open = False
        self._label = 0  # cells of the longest label and the space behind it
        self._cell = 0  # cells of an entry
        self._across, self._down = 1, 0  # entries beside and below each other

    @property
    def is_open(self) -> bool:
        """Whether it is shown, from the very moment of `open`."""
        return self._open

    def open(self, title: str, entries: Sequence[MenuEntry], *, forced: bool = False) -> None:
        """Show the letters for a target; the whole title is shown, in as many lines as it needs."""
        self._whole, self._entries, self._open = safe(title, limit=2000), tuple(entries), True
        reasons = {entry.reason for entry in entries}
        self._common = reasons.pop() if len(entries) > 1 and len(reasons) == 1 else ""
        self.set_class(forced, "-forced")
        self.display = True
        self.refresh(layout=True)

    def close(self) -> None:
        """Be gone."""
        if self._open:
            self._open = False
            self.display = False

    def entry(self, letter: str) -> MenuEntry | None:
        """Return what a letter does here."""
        return next((entry for entry in self._entries if entry.letter == letter), None)

    @property
    def plain(self) -> str:
        """What it says."""
        return "\n".join(self.render_line(y).text.rstrip() for y in range(self.size.height))

    def on_click(self, event: events.Click) -> None:
        """Say which letter was clicked."""
        event.stop()
        place = event.get_content_offset(self)
        if place is None:
            return
        line = place.y - len(self._heading) - len(self._why)
        at = min(place.x // max(1, self._cell), self._across - 1) * self._down + line
        if 0 <= line < self._down and at < len(self._entries):
            self.post_message(self.Picked(self, self._entries[at].letter))

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """Return the lines of the title and the entries."""
        del container, viewport
        self._heading = _wrapped(self._whole, width - 2)
        self._why = wrap(safe(self._common), max(20, width - 2))
        self._arrange(width)
        return len(self._heading) + len(self._why) + self._down

    def _arrange(self, width: int) -> None:
        """Place entries that are nothing but a letter and a word beside each other; all others below each other."""
        count = len(self._entries)
        self._label = max((cell_width(safe(each.label)) for each in self._entries), default=0) + 2
        plain = not any((each.reason and not self._common) or each.note for each in self._entries)
        self._cell = self._label + 5 if plain and count >= MANY else width
        self._across = max(1, width // max(1, self._cell))
        self._down = -(-count // self._across)

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width, base = self.size.width, self.rich_style
        line = y - len(self._heading) - len(self._why)
        if y < len(self._heading):
            parts = [(" " + self._heading[y], base + self._part("title"))]
        elif line < 0:
            parts = [(" " + cut(self._why[line], width - 2), base)]
        else:
            parts = [
                part
                for at in (range(line, len(self._entries), self._down) if 0 <= line < self._down else ())
                for part in self._entry_parts(at, base)
            ]
        segments = [Segment(text, style) for text, style in parts if text]
        return Strip(segments).adjust_cell_length(width, base)

    def _entry_parts(self, at: int, base: Style) -> list[tuple[str, Style]]:
        entry = self._entries[at]
        label = safe(entry.label)
        label += " " * (self._label - cell_width(label))
        room = self.size.width - self._label - 5
        dim = base + self._part("dim")
        if self._common:
            return [(f"  {entry.letter}  {label}", dim)]
        if entry.reason:
            said = entry.reason if not at or self._entries[at - 1].reason != entry.reason else "the same"
            return [(f"  {entry.letter}  {label}{cut(safe(said), room)}", dim)]
        return [
            ("  ", base),
            (entry.letter, base + self._part("letter")),
            (f"  {label}", base),
            (cut(safe(entry.note), room), dim),
        ]

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"menu--{name}", partial=True)


def _wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` cells, cut anywhere: a name of 200 characters has no spaces."""
    lines = [""]
    for character in text:
        if cell_width(lines[-1] + character) > max(1, width):
            lines.append("")
        lines[-1] += character
    return lines
