"""Lines of our own among those of the guest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.emulator.looks import SEAM

if TYPE_CHECKING:
    from kvmtui.emulator.screen import Screen


def write_note(screen: Screen, line: str) -> None:
    """Write a line, safe and no longer than a row, on a line of its own.

    While a program has the alternate screen, it is put over the last row there, and the cursor stays; on the main
    screen it is written all the same, where the cursor was when the alternate screen came.
    """
    if not screen.on_alternate:
        _write(screen, line)
        return
    place = screen.x, screen.y
    screen.y = screen.height - 1
    screen.write_over(line, SEAM)
    screen.show_main()
    was_saved = screen.saved.charsets is not None
    screen.x, screen.y = screen.saved.x, screen.saved.y if was_saved else screen.height - 1
    _write(screen, line)
    screen.saved = screen.saved._replace(x=screen.x, y=screen.y)
    screen.show_alternate()
    screen.x, screen.y = place


def _write(screen: Screen, line: str) -> None:
    if screen.x or not screen.grid.rows[screen.y].is_blank:
        screen.index()
    screen.write_over(line, SEAM)
    screen.x = 0
    screen.index()
