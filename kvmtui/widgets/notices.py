"""What is said in passing stands above a dialog, never on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets._toast import ToastHolder, ToastRack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.notifications import Notifications
    from textual.screen import Screen
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


def show_notices(screens: Iterable[Screen[object]], *, shown: bool) -> None:
    """Show the notices of these screens, or hide them."""
    for screen in screens:
        for rack in screen.query(ToastRack):
            rack.display = shown


def take_away_frames(screen: Screen[object], standing: Notifications) -> None:
    """Remove the frames of notices that stand no longer: of one that is said anew Textual removes the text alone."""
    for rack in screen.query(ToastRack):
        kept = {rack._toast_id(each) for each in standing}  # noqa: SLF001 - the one name of a frame
        for frame in rack.children:
            if isinstance(frame, ToastHolder) and frame.id not in kept:
                frame.remove()
