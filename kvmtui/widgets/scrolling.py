"""Scrolling done by the terminal: one row moves out, one is sent, instead of all of them anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.widget import Widget


def scroll_lines(widget: Widget, first: int, height: int, by: int) -> bool:
    """Move `height` lines of a widget, from its line `first` on, up by `by` lines (down when negative).

    The lines that come in are left for the caller to paint. Returns False, and has done nothing, where the terminal
    cannot do it rightly: something else stands in those lines, or parts of them wait to be painted.
    """
    driver = widget.app._driver  # noqa: SLF001 - Textual has no public way to write beside its own frames
    screen = widget.screen
    if not isinstance(driver, LinuxDriver) or screen is not widget.app.screen or not 0 < abs(by) < height:
        return False
    region = widget.region
    top, bottom = region.y + first, region.y + first + height
    if region.x or region.width != screen.size.width or bottom > screen.size.height:
        return False
    if widget._repaint_regions or widget.app._batch_count:  # noqa: SLF001 - what waits would be painted in its old place
        return False
    cuts = screen._compositor.cuts  # noqa: SLF001 - where widgets begin and end in each line
    for y in range(top, bottom):
        if cuts[y] != [0, region.width] or screen.get_widget_at(0, y)[0] is not widget:
            return False
    widget._styles_cache.clear()  # noqa: SLF001 - it is kept by line, and the lines have moved
    # Line feeds and reverse line feeds within margins: the Linux console knows no other way.
    move = f"\x1b[{bottom};1H" + "\n" * by if by > 0 else f"\x1b[{top + 1};1H" + "\x1bM" * -by
    driver.write(f"\x1b[{top + 1};{bottom}r{move}\x1b[r")
    return True
