"""The screen of a guest's console: paints the rows of an emulator that changed, no faster than a line carries them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

from kvmtui.widgets.glyphs import UNICODE, Glyphs
from kvmtui.widgets.scrolling import scroll_lines
from kvmtui.widgets.terminal_row import NOTHING, Mark, PaintedRow, places, strip_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.strip import Strip
    from textual.timer import Timer

    from kvmtui.emulator import Emulator

LEAST = (80, 24)  # columns and rows that a guest has at least, however small the widget is
SHORTEST = 1 / 30  # seconds between two paintings
SCROLLING = 1 / 9  # seconds between two paintings while it scrolls on and on
FLOOD = 0.5  # seconds within which one scrolling after the other is a flood
BUDGET = 80_000  # bytes a second, about, that paintings may send
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
        self._clock = clock
        self._emulator: Emulator | None = None
        self._live = True  # whether somebody can type: then the cursor is shown
        self._rows: list[PaintedRow] = []
        self._strips: dict[int, Strip] = {}
        self._top = 0  # the first row of the emulator's screen that is seen
        self._left = 0  # its first column that is seen
        self._anchor: int | None = None  # the number of the line at the top, in the scrollback; None: it follows
        self._painted_number = 0  # the number of the line that was painted at the top
        self._word = ""
        self._found: int | None = None  # the number of the line that the search stands on
        self._due: Timer | None = None
        self._next = 0.0  # when it may be painted again
        self._scrolled_at = float("-inf")
        self._told = (0, 0)  # the first row and the lines above, as they were said last
        self.by_keys = False
        """Whether keys, not only the wheel, move in the scrollback."""
        self.paintings = 0
        """How often something was painted."""

    # -- what is shown

    @property
    def emulator(self) -> Emulator | None:
        """What is shown."""
        return self._emulator

    def show(self, emulator: Emulator | None) -> None:
        """Show another emulator from now on."""
        if emulator is self._emulator:
            return
        self._emulator, self._anchor, self._found, self._word = emulator, None, None, ""
        self.by_keys = False
        self._top = self._left = 0
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
        wait = self._next - self._clock()
        if wait <= 0:
            self._paint()
        else:
            self._due = self.set_timer(wait, self._paint_due)

    def guest_size(self) -> tuple[int, int]:
        """Return the columns and rows that the emulator should have."""
        return max(LEAST[0], self.size.width), max(LEAST[1], self.size.height)

    def _fit(self) -> None:
        if self._emulator is not None and self.size.width and self.size.height:
            columns, rows = self.guest_size()
            if (self._emulator.columns, self._emulator.rows) != (columns, rows):
                self._emulator.resize(columns, rows)

    def on_resize(self) -> None:
        """Give the guest the new size."""
        self._fit()
        self._repaint()

    def notify_style_update(self) -> None:
        """Forget the theme's colours."""
        super().notify_style_update()
        self._strips.clear()

    # -- the scrollback

    @property
    def scrolled(self) -> int:
        """How many lines further up than the end it looks; 0: it is at the end."""
        return 0 if self._anchor is None else max(0, self._last_top() - self._anchor)

    @property
    def scrollable(self) -> int:
        """How many lines it can look up at most."""
        emulator = self._emulator
        return 0 if emulator is None else self._last_top() - emulator.pushed + emulator.history_length

    @property
    def first_row(self) -> int:
        """Which row of the guest's screen is seen at the top, from 0."""
        return self._top

    def text_seen(self) -> str:
        """Return what is seen, as text."""
        emulator = self._emulator
        if emulator is None:
            return ""
        index = self._number_at_top(emulator) - emulator.pushed
        lines = range(index, min(emulator.rows, index + self.size.height))
        return "\n".join(emulator.text(line) for line in lines).rstrip("\n")

    @property
    def is_scrolling(self) -> bool:
        """Whether it stands still while the guest writes on."""
        return self._anchor is not None

    def scroll_by_lines(self, lines: int) -> None:
        """Go down by lines in the scrollback, up when negative; nothing moves any more while the guest writes."""
        emulator = self._emulator
        if emulator is None:
            return
        top = emulator.pushed + self._top if self._anchor is None else self._anchor
        self._go(top + lines)

    def scroll_to_first(self) -> None:
        """Go to the oldest line that is kept."""
        if self._emulator is not None:
            self._go(self._emulator.pushed - self._emulator.history_length)

    def scroll_to_last(self) -> None:
        """Go to the guest's screen, and stand still there."""
        if self._emulator is not None:
            self._go(self._last_top())

    def follow(self) -> None:
        """Show the guest's screen as it changes."""
        self._anchor = self._found = None
        self._word, self.by_keys = "", False
        self._paint()
        self.post_message(self.Moved())

    def _last_top(self) -> int:
        emulator = self._emulator
        return 0 if emulator is None else emulator.pushed + max(0, emulator.rows - self.size.height)

    def _go(self, top: int) -> None:
        emulator = self._emulator
        if emulator is not None:
            first = emulator.pushed - emulator.history_length
            self._anchor = max(first, min(top, self._last_top()))
            self._paint()

    # -- looking for a text

    @property
    def searched(self) -> str:
        """The text that was looked for."""
        return self._word

    def find(self, text: str) -> bool:
        """Look for a text, upwards from the end of what is seen; False when it is nowhere."""
        self._word, self._found = text, None
        return self.find_next(-1)

    def find_next(self, step: int) -> bool:
        """Go to the next line with the text, up when `step` is -1; False when there is none."""
        emulator = self._emulator
        if emulator is None or not self._word:
            return False
        first, end = emulator.pushed - emulator.history_length, emulator.pushed + emulator.rows
        if self._found is None:
            top = self._number_at_top(emulator)
            start = min(end, top + self.size.height) - 1 if step < 0 else top
        else:
            start = self._found + step
        for number in range(start, first - 1 if step < 0 else end, step):
            if places(self._word, emulator.text(number - emulator.pushed)):
                self._found = number
                top = self._number_at_top(emulator)
                inside = top <= number < top + self.size.height
                self._go(top if inside else number - self.size.height // 2)
                return True
        return False

    def _number_at_top(self, emulator: Emulator) -> int:
        return emulator.pushed + self._top if self._anchor is None else self._anchor

    # -- painting

    def _repaint(self) -> None:
        """Paint everything anew, now."""
        self._rows = []
        self._strips.clear()
        self._next = 0.0
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
        emulator, height = self._emulator, self.size.height
        if emulator is None or not self.is_attached or height <= 0:
            return
        changed = emulator.take_changed()
        self._follow_cursor(emulator)
        number = self._number_at_top(emulator)
        if self._anchor is not None and number < emulator.pushed - emulator.history_length:
            number = self._anchor = emulator.pushed - emulator.history_length
        before = self._rows if len(self._rows) == height else [NOTHING] * height
        by, self._painted_number = number - self._painted_number, number
        index = number - emulator.pushed
        after = [
            before[y] if self._is_same(before, y, by, index + y, changed) else self._row(emulator, index + y)
            for y in range(height)
        ]
        self._rows = after
        rows, cost = self._send(before, after, by)
        self._pace(cost, scrolls=changed is None or rows > max(3, height // 4))
        if (self._top, self.scrolled) != self._told:
            self._told = (self._top, self.scrolled)
            self.post_message(self.Moved())

    def _is_same(
        self, before: Sequence[PaintedRow], y: int, by: int, line: int, changed: frozenset[int] | None
    ) -> bool:
        """Whether a row need not even be looked at."""
        if changed is None or by or line in changed or line < 0 or before[y] is NOTHING or before[y].left != self._left:
            return False
        return self._anchor is None and not before[y].marks and line != self._cursor_line()

    def _cursor_line(self) -> int | None:
        emulator = self._emulator
        if emulator is None or not self._live or not emulator.cursor_shown:
            return None
        return emulator.cursor[1]

    def _pace(self, cost: int, *, scrolls: bool) -> None:
        """Work out when it may be painted again; a lone screenful is followed at once by what comes behind it."""
        now = self._clock()
        pause = SCROLLING if scrolls and now - self._scrolled_at < FLOOD else SHORTEST
        if scrolls:
            self._scrolled_at = now
        self._next = now + max(pause, cost / BUDGET)

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

    def _follow_cursor(self, emulator: Emulator) -> None:
        """Keep the part of a larger screen in view that has the cursor in it."""
        x, y = emulator.cursor
        width, height = self.size
        self._top = _window(self._top, y, height, emulator.rows)
        self._left = _window(self._left, min(x, emulator.columns - 1), width, emulator.columns, step=width // 2)

    def _row(self, emulator: Emulator, line: int) -> PaintedRow:
        if line >= emulator.rows:
            return PaintedRow((), (), self._left)
        marks: list[Mark] = []
        if self._word and self._anchor is not None:
            text = emulator.text(line)
            kind = "here" if line + emulator.pushed == self._found else "found"
            marks += [Mark(start, end, kind) for start, end in places(self._word, text)]
        runs = emulator.line(line)
        if self._anchor is None and line == self._cursor_line():
            x = min(emulator.cursor[0], emulator.columns - 1)
            marks.append(Mark(x, x + 1, "cursor"))
        return PaintedRow(runs, tuple(marks), self._left)

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
        if self._anchor is None:
            if self._is_programs():
                self.post_message(self.Wheeled(WHEEL_ROWS))
            return
        if self._anchor + WHEEL_ROWS >= self._last_top():
            self.follow()
        else:
            self.scroll_by_lines(WHEEL_ROWS)

    def _is_programs(self) -> bool:
        """Whether the wheel is for a program of the guest, such as a pager."""
        return self._anchor is None and self._live and self._emulator is not None and self._emulator.alternate


def _window(first: int, place: int, seen: int, whole: int, step: int = 0) -> int:
    """Return the first of `seen` places, of the `whole`, so that `place` is among them; it moves only when it must."""
    if place < first:
        first = place - step
    elif place >= first + seen:
        first = place - seen + 1 + step
    return max(0, min(first, whole - seen))


def _gains(before: Sequence[PaintedRow], after: Sequence[PaintedRow], by: int) -> bool:
    """Tell whether most rows are what they were, only `by` rows further up."""
    height = len(after)
    if not 0 < abs(by) <= height // 2:
        return False
    kept = range(max(0, -by), min(height, height - by))
    moved = sum(after[y] == before[y + by] for y in kept)
    stayed = sum(after[y] == before[y] for y in range(height))
    return moved > height // 2 and moved > stayed
