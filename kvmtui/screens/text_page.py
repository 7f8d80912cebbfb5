"""A page of text over whatever it explains, left by the keys that leave anything."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.binding import Binding, BindingType

from kvmtui.core.fields import Tone
from kvmtui.core.text import cell_width
from kvmtui.screens.sheet import Sheet, Span, wrap
from kvmtui.widgets.dialog import Dialog
from kvmtui.widgets.lines import Line
from kvmtui.widgets.textview import TextView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from kvmtui.screens.face import Face


class TextPage(Dialog[None]):
    """Shows what `write` puts on a sheet, which scrolls when it is longer than the screen."""

    DEFAULT_CSS = """
    TextPage { background: $background; }
    TextPage > TextView { padding: 0 1; }
    TextPage > Line { background: $panel; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "leave", show=False),
        Binding("space", "page", show=False),
    ]
    view = cached_property(lambda _: TextView())
    foot = cached_property(lambda _: Line(id="foot"))

    @property
    def face(self) -> Face:
        """The app, as far as a screen may know it."""
        return cast("Face", self.app)

    def write(self, sheet: Sheet) -> None:
        """Say what the page says."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Compose the text and its keys."""
        yield self.view
        yield self.foot

    def on_mount(self) -> None:
        """Let the keys move the text."""
        foot = Text("esc goes back   j k move   g G the ends", self.face.tones[Tone.MUTED], no_wrap=True)
        self.foot.say(foot)
        self.view.focus()

    def on_resize(self) -> None:
        """Lay the text out anew."""
        sheet = Sheet(self.face.tones, self.size.width - 3, self.face.glyphs)
        self.write(sheet)
        self.view.show(sheet.lines)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss()

    def action_page(self) -> None:
        """Move by a page."""
        self.view.action_page(1.0)


def paragraph(sheet: Sheet, text: str) -> None:
    """Add a text in as many lines as it needs."""
    sheet.lines += [Text(line, no_wrap=True) for line in wrap(text, sheet.width)]


def point(sheet: Sheet, text: str) -> None:
    """Add a text that stands apart from the one above it."""
    for place, piece in enumerate(wrap(text, max(20, sheet.width - 2))):
        sheet.line(Span("  " if place else "- ", Tone.MUTED), Span(piece))


def keys(sheet: Sheet, title: str, rows: Sequence[tuple[str, str, str]], *, key: int = 12, label: int = 17) -> None:
    """Add what keys or words do: each with its label in `label` cells, if any, and what is said of it."""
    if not rows:
        return
    sheet.head(title.upper())
    tones = sheet.tones
    for shown, name, said in rows:
        line = Text(no_wrap=True)
        line.append(f"{shown:<{key}}" if cell_width(shown) < key else f"{shown} ", tones[Tone.ACCENT])
        line.append(f"{name:<{label}}" if cell_width(name) < label else f"{name} ")
        start = key + label
        room = max(16, sheet.width - start)
        for place, piece in enumerate(wrap(said.replace("`", ""), room)):
            if place:
                sheet.lines.append(line)
                line = Text(" " * start, no_wrap=True)
            line.pad_right(max(0, start - line.cell_len))
            line.append(piece, tones[Tone.MUTED])
        sheet.lines.append(line)
