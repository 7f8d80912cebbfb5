"""What stands below the fields of a form: what one is for, and what would be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message
from textual.widgets import Static

from kvmtui.core.text import safe
from kvmtui.widgets.window import WHEEL, Window, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.geometry import Size


class Foot(Static):
    """Lines below the fields, which get what these leave."""

    class Resized(Message):
        """It needs more lines than before, or fewer."""

    def on_resize(self) -> None:
        """Say so."""
        self.post_message(self.Resized())


class Review(Foot):
    """What would be done, or what is wrong: as much of it as there is room for, and how much more there is."""

    def __init__(self) -> None:
        super().__init__(id="said")
        self.window = Window()
        self._whole: tuple[Text, ...] = ()

    @property
    def whole(self) -> str:
        """All that is said, whether there is room for it or not."""
        return "\n".join(line.plain for line in self._whole)

    def tell(self, lines: Sequence[str]) -> None:
        """Say this from now on."""
        whole = tuple(Text(safe(line, limit=1000)) for line in lines)
        if whole != self._whole:
            self._whole = whole
            self.window.reset()
            self.refresh(layout=True)

    def turn(self, by: int) -> None:
        """Show what is further down, or up when negative."""
        if self.window.move(by):
            self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Ask for room for all of it."""
        del container, viewport
        return len(wrapped(self._whole, width, self.app.console))

    def render(self) -> Text:
        """Draw the part that there is room for."""
        lines = wrapped(self._whole, self.size.width, self.app.console)
        return Text("\n").join(self.window.part(lines, self.size.height))

    def on_mouse_scroll_down(self) -> None:
        """Show what is further down."""
        self.turn(WHEEL)

    def on_mouse_scroll_up(self) -> None:
        """Show what is further up."""
        self.turn(-WHEEL)
