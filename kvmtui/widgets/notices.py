"""What is said in passing stands above a dialog, never on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets._toast import ToastRack

if TYPE_CHECKING:
    from textual.widget import Widget

LEAST = 2  # lines that are worth a word


def keep_clear(panel: Widget) -> None:
    """Give the notices of a dialog's screen the lines above its panel alone."""
    if not panel.is_attached:
        return
    room = panel.region.y - 1  # the screen's first line is its status
    for rack in panel.screen.query(ToastRack):
        rack.styles.max_height = room if room >= LEAST else 0
        rack.scroll_end(animate=False, force=True)  # the newest counts
