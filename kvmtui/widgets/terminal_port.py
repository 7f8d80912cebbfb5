"""Which part of an emulator is seen: the place of the cursor, or one in the scrollback. Knows no screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.widgets.terminal_row import places

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.emulator import Emulator

SHORTEST = 1 / 30  # seconds between two paintings
SCROLLING = 1 / 9  # seconds between two paintings while it scrolls on and on
FLOOD = 0.5  # seconds within which one scrolling after the other is a flood
BUDGET = 80_000  # bytes a second, about, that paintings may send


class Pace:
    """When it may be painted again, so that a slow line keeps up; times are monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next = 0.0
        self._scrolled_at = float("-inf")

    @property
    def wait(self) -> float:
        """Seconds until then; not positive: now."""
        return self._next - self._clock()

    def hurry(self) -> None:
        """Let it be painted now."""
        self._next = 0.0

    def painted(self, cost: int, *, scrolls: bool) -> None:
        """Note a painting of so many bytes; a lone screenful is followed at once by what comes behind it."""
        now = self._clock()
        pause = SCROLLING if scrolls and now - self._scrolled_at < FLOOD else SHORTEST
        if scrolls:
            self._scrolled_at = now
        self._next = now + max(pause, cost / BUDGET)


class Port:
    """A window of `width` times `height` cells on an emulator's screen and scrollback.

    Lines have numbers that stay theirs: 0 is the first that was ever written.
    """

    def __init__(self, emulator: Emulator, width: int, height: int) -> None:
        self.emulator = emulator
        self.width, self.height = width, height
        self.by_keys = False
        """Whether keys, not only the wheel, move in the scrollback."""
        self.first_row = 0
        """Which row of the guest's screen is seen at the top while it follows."""
        self.left = 0
        """Which column is seen first."""
        self.word = ""
        """The text that was looked for."""
        self.found: int | None = None
        """The number of the line that the search stands on."""
        self._anchor: int | None = None

    @property
    def is_scrolling(self) -> bool:
        """Whether it stands still while the guest writes on."""
        return self._anchor is not None

    @property
    def top(self) -> int:
        """The number of the first line that is seen."""
        if self._anchor is None:
            return self.emulator.pushed + self.first_row
        return max(self._first, min(self._anchor, self._last))

    @property
    def line(self) -> int:
        """The same as the emulator counts: negative in the scrollback."""
        return self.top - self.emulator.pushed

    @property
    def _first(self) -> int:
        return self.emulator.pushed - self.emulator.history_length

    @property
    def _last(self) -> int:
        return self.emulator.pushed + max(0, self.emulator.rows - self.height)

    @property
    def scrolled(self) -> int:
        """How many lines further up than the end it looks; 0: it is at the end."""
        return 0 if self._anchor is None else max(0, self._last - self.top)

    @property
    def scrollable(self) -> int:
        """How many lines it can look up at most."""
        return self._last - self._first

    # -- moving

    def keep_cursor(self) -> None:
        """Move as little as keeps the cursor in what is seen."""
        x, y = self.emulator.cursor
        self.first_row = _window(self.first_row, y, self.height, self.emulator.rows)
        self.left = _window(self.left, x, self.width, self.emulator.columns, self.width // 2)

    def follow(self) -> None:
        """Show the guest's screen as it changes."""
        self._anchor = self.found = None
        self.word, self.by_keys = "", False

    def scroll(self, lines: int) -> None:
        """Go down by lines, up when negative, and stand still there."""
        self._go(self.top + lines)

    def scroll_to_first(self) -> None:
        """Go to the oldest line that is kept."""
        self._go(self._first)

    def scroll_to_last(self) -> None:
        """Go to the guest's screen, and stand still there."""
        self._go(self._last)

    def _go(self, top: int) -> None:
        self._anchor = max(self._first, min(top, self._last))

    # -- looking for a text

    def find(self, text: str) -> bool:
        """Look for a text, upwards from the end of what is seen; False when it is nowhere."""
        self.word, self.found = text, None
        return self.find_next(-1)

    def find_next(self, step: int) -> bool:
        """Go to the next line with the text, up when `step` is -1; False when there is none."""
        if not self.word:
            return False
        top, pushed = self.top, self.emulator.pushed
        end = pushed + self.emulator.rows
        nearest = min(end, top + self.height) - 1 if step < 0 else top
        start = nearest if self.found is None else self.found + step
        places_left = range(start, self._first - 1, -1) if step < 0 else range(max(start, self._first), end)
        for number in places_left:
            if places(self.word, self.emulator.text(number - pushed)):
                self.found = number
                self._go(top if top <= number < top + self.height else number - self.height // 2)
                return True
        return False

    def text(self) -> str:
        """Return what is seen, as text."""
        lines = range(self.line, min(self.emulator.rows, self.line + self.height))
        return "\n".join(map(self.emulator.text, lines)).rstrip("\n")


def _window(first: int, place: int, seen: int, whole: int, step: int = 0) -> int:
    """Return the first of `seen` places, of the `whole`, so that `place` is among them; it moves only when it must."""
    if place < first:
        first = place - step
    elif place >= first + seen:
        first = place - seen + 1 + step
    return max(0, min(first, whole - seen))
