"""Text is selected only in what is still on the screen.

A widget that is being removed, such as a notice that runs out, is painted for a moment longer, but has no parent any
more: Textual begins a selection in what holds the widget under the mouse, and would end the program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.geometry import Offset
    from textual.widget import Widget


class LastingText:
    """Makes a screen find no text under the mouse where a widget is about to go. It stands before Textual's class."""

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        """Return the widget at a cell, and which cell of its text that is; (None, None) for one that goes."""
        widget: Widget | None
        widget, offset = super().get_widget_and_offset_at(x, y)  # type: ignore[misc] # Screen's
        if widget is not None and widget is not self and widget.parent is None:
            return None, None
        return widget, offset
