"""The screen of a guest's console: paints the rows of an emulator that changed, no faster than a line carries them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from kvmtui.emulator import Emulator
from kvmtui.widgets.glyphs import UNICODE, Glyphs
from kvmtui.widgets.scrolling import scroll_lines
from kvmtui.widgets.terminal_port import Pace, Port
from kvmtui.widgets.terminal_row import NOTHING, Mark, PaintedRow, places, strip_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.strip import Strip
    from textual.timer import Timer


LEAST = (80, 24)  # columns and rows that a guest has at least, however small the widget is
PER_PIECE = 40  # bytes that a piece in another look costs beside its text, in 24-bit colours
PER_ROW = 16  # bytes, about, that going to a row costs
WHEEL_ROWS = 3


class TerminalView(Widget):
    """Shows an `Emulator`: its screen with the cursor, or what has scrolled off it."""

    DEFAULT_CSS = """
    TerminalView { width: 100%; height: 1fr; background: $background; color: $foreground; }
    """
    ALLOW_SELECT: ClassVar[bool] = False

    class Moved(Message):
        """Another part is seen: of the scrollback, or of a guest's screen that is larger than this."""

    class Wheeled(Message):
        """The wheel was turned over a program that has the screen for itself: `lines` down, up when negative."""

        def __init__(self, lines: int) -> None:
            super().__init__()
            self.lines = lines

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
        glyphs: Glyphs = UNICODE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self.port = Port(Emulator(), 0, 0)
        """The part of the guest's screen, or of its scrollback, that is seen."""
        self._live = True  # whether somebody can type: then the cursor is shown
        self._rows: list[PaintedRow] = []
        self._strips: dict[int, Strip] = {}
        self._painted_top = 0  # the number of the line that was painted at the top
        self._due: Timer | None = None
        self.pace = Pace(clock)
        """When it is painted again."""
        self._told = (0, 0)  # the first row and the lines above, as they were said last
        self.paintings = 0
        """How often something was painted."""

    # -- what is shown

    @property
    def emulator(self) -> Emulator:
        """What is shown."""
        return self.port.emulator

    def show(self, emulator: Emulator) -> None:
        """Show another emulator from now on."""
        if emulator is not self.emulator:
            self.port = Port(emulator, *self.size)
            self._fit()
            self._repaint()

    def set_live(self, live: bool) -> None:
        """Show the cursor, or none."""
        if live is not self._live:
            self._live = live
            self.touched()

    def touched(self) -> None:
        """Paint soon what changed; returns at once."""
        if self._due is not None or not self.is_attached:
            return
        wait = self.pace.wait
        if wait <= 0:
            self._paint()
        else:
            self._due = self.set_timer(wait, self._paint_due)

    def _fit(self) -> None:
        """Give the guest the room that there is, and no less than it takes for granted."""
        width, height = self.size
        if width and height:
            self.port.width, self.port.height = width, height
            self.emulator.resize(max(LEAST[0], width), max(LEAST[1], height))

    def on_resize(self) -> None:
        """Give the guest the new size."""
        self._fit()
        self._repaint()

    def notify_style_update(self) -> None:
        """Forget the theme's colours."""
        super().notify_style_update()
        self._strips.clear()

    # -- the scrollback

    def scroll_by_lines(self, lines: int) -> None:
        """Go down by lines, up when negative; nothing moves any more while the guest writes."""
        self.port.scroll(lines)
        self._paint()

    def scroll_to_first(self) -> None:
        """Go to the oldest line that is kept."""
        self.port.scroll_to_first()
        self._paint()

    def scroll_to_last(self) -> None:
        """Go to the guest's screen, and stand still there."""
        self.port.scroll_to_last()
        self._paint()

    def follow(self) -> None:
        """Show the guest's screen as it changes."""
        self.port.follow()
        self._paint()
        self.post_message(self.Moved())

    def find(self, text: str) -> bool:
        """Look for a text, upwards from the end of what is seen; False when it is nowhere."""
        found = self.port.find(text)
        self._paint()
        return found

    def find_next(self, step: int) -> bool:
        """Go to the next line with the text, up when `step` is -1; False when there is none."""
        found = self.port.find_next(step)
        self._paint()
        return found

    # -- painting

    def _repaint(self) -> None:
        """Paint everything anew, now."""
        self._rows = []
        self._strips.clear()
        self.pace.hurry()
        self._paint()
        self.refresh()

    def _paint_due(self) -> None:
        self._due = None
        self._paint()

    def _paint(self) -> None:
        """Paint the rows that show something else than before."""
        if self._due is not None:
            self._due.stop()
            self._due = None
        port, emulator, height = self.port, self.emulator, self.size.height
        if not self.is_attached or height <= 0:
            return
        changed = emulator.take_changed()
        port.keep_cursor()
        by, self._painted_top = port.top - self._painted_top, port.top
        before = self._rows if len(self._rows) == height else [NOTHING] * height
        after = [
            before[y] if self._is_same(before[y], port.line + y, changed, by) else self._row(port.line + y)
            for y in range(height)
        ]
        self._rows = after
        rows, cost = self._send(before, after, by)
        self.pace.painted(cost, scrolls=changed is None or rows > max(3, height // 4))
        if (port.first_row, port.scrolled) != self._told:
            self._told = (port.first_row, port.scrolled)
            self.post_message(self.Moved())

    def _is_same(self, before: PaintedRow, line: int, changed: frozenset[int] | None, by: int) -> bool:
        """Whether a row need not even be looked at."""
        if changed is None or by or line in changed or self.port.is_scrolling or before is NOTHING:
            return False
        return before.left == self.port.left and not before.marks and line != self._cursor_line()

    def _cursor_line(self) -> int | None:
        shown = self._live and self.emulator.cursor_shown and not self.port.is_scrolling
        return self.emulator.cursor[1] if shown else None

    def _send(self, before: Sequence[PaintedRow], after: Sequence[PaintedRow], by: int) -> tuple[int, int]:
        """Repaint the rows that differ; returns how many, and about how many bytes that sends."""
        height = len(after)
        if _gains(before, after, by) and scroll_lines(self, 0, height, by):
            before = [*before[by:], *[NOTHING] * by] if by > 0 else [*[NOTHING] * -by, *before[:by]]
            self._strips.clear()
        cost = rows = 0
        for y, (old, new) in enumerate(zip(before, after, strict=True)):
            if old != new or old is NOTHING:
                self._strips.pop(y, None)
                self.refresh(Region(0, y, self.size.width, 1))
                cost += PER_ROW + self.size.width + PER_PIECE * (1 + len(new.runs) + 2 * len(new.marks))
                rows += 1
        if rows:
            self.paintings += 1
        return rows, cost

    def _row(self, line: int) -> PaintedRow:
        port, emulator = self.port, self.emulator
        if line >= emulator.rows:
            return PaintedRow((), (), port.left)
        marks: list[Mark] = []
        if port.word and port.is_scrolling:
            kind = "here" if line + emulator.pushed == port.found else "found"
            marks = [Mark(start, end, kind) for start, end in places(port.word, emulator.text(line))]
        if line == self._cursor_line():
            x = emulator.cursor[0]
            marks.append(Mark(x, x + 1, "cursor"))
        return PaintedRow(emulator.line(line), tuple(marks), port.left)

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        strip = self._strips.get(y)
        if strip is None:
            row = self._rows[y] if y < len(self._rows) else NOTHING
            strip = self._strips[y] = strip_of(row, self.size.width, self.rich_style, ascii_lines=self._glyphs.ascii)
        return strip

    # -- the mouse

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Look at what has scrolled off."""
        event.stop()
        event.prevent_default()
        if not self._is_programs():
            self.scroll_by_lines(-WHEEL_ROWS)
        else:
            self.post_message(self.Wheeled(-WHEEL_ROWS))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Come back; the end of the scrollback is the guest's screen as it changes."""
        event.stop()
        event.prevent_default()
        if self._is_programs():
            self.post_message(self.Wheeled(WHEEL_ROWS))
        elif self.port.scrolled > WHEEL_ROWS:
            self.scroll_by_lines(WHEEL_ROWS)
        elif self.port.is_scrolling:
            self.follow()

    def _is_programs(self) -> bool:
        """Whether the wheel is for a program of the guest, such as a pager."""
        return self._live and self.emulator.alternate and not self.port.is_scrolling


def _gains(before: Sequence[PaintedRow], after: Sequence[PaintedRow], by: int) -> bool:
    """Tell whether most rows are what they were, only `by` rows further up."""
    height = len(after)
    if not 0 < abs(by) <= height // 2:
        return False
    kept = range(max(0, -by), min(height, height - by))
    moved = sum(after[y] == before[y + by] for y in kept)
    stayed = sum(after[y] == before[y] for y in range(height))
    return moved > height // 2 and moved > stayed
