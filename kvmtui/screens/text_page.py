"""A page of text over whatever it explains, left by the keys that leave anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from kvmtui.widgets.dialog import Dialog

if TYPE_CHECKING:
    from rich.text import Text
    from textual.app import ComposeResult


class TextPage(Dialog[None]):
    """Shows `text`, which scrolls when it is longer than the screen."""

    DEFAULT_CSS = """
    TextPage { background: $background; }
    TextPage > VerticalScroll { width: 100%; height: 100%; padding: 0 1; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "leave", show=False),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("space,pagedown,ctrl+d", "scroll(10)", show=False),
        Binding("pageup,ctrl+u", "scroll(-10)", show=False),
        Binding("g,home", "scroll(-10000)", show=False),
        Binding("G,end", "scroll(10000)", show=False),
    ]

    def text(self) -> Text:
        """Return what it says."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Compose the text."""
        with VerticalScroll(can_focus=False):
            yield Static(self.text(), markup=False)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss()

    def action_scroll(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
