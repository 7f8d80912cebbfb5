"""The rows of a screen: scrolling, clearing and another size; the cursor is none of its business."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.emulator.looks import PLAIN, Look
from kvmtui.emulator.row import BLANK, Row, row_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.emulator.history import History


class Grid:
    """Rows of one width. With a history, what leaves at the top is kept there; without one it is lost."""

    def __init__(self, columns: int, height: int, history: History | None) -> None:
        self.columns = columns
        self.rows = [Row(columns) for _ in range(height)]
        self.history = history
        self._pushed = 0  # into the history when the screen was cleared last
        self.changed: set[int] = set()
        self.all_changed = True

    def scroll_up(self, top: int, bottom: int, count: int, look: Look, *, keep: bool = True) -> None:
        """Take `count` rows out at `top` and put blank ones in at `bottom` (both belong to what scrolls)."""
        rows, columns = self.rows, self.columns
        history = self.history if keep and top == 0 else None
        for _ in range(min(count, bottom - top + 1)):
            row = rows.pop(top)
            if history is not None:
                history.push(row.kept())
            rows.insert(bottom, Row(columns, look))
        self._touch(top, bottom)

    def scroll_down(self, top: int, bottom: int, count: int, look: Look) -> None:
        """Put `count` blank rows in at `top`; what leaves at `bottom` is lost."""
        count = min(count, bottom - top + 1)
        del self.rows[bottom - count + 1 : bottom + 1]
        self.rows[top:top] = [Row(self.columns, look) for _ in range(count)]
        self._touch(top, bottom)

    def scroll_text(self, texts: Sequence[str]) -> None:
        """Do what writing these plain lines does, each with a line feed, from the start of the last row, a blank one.

        No line is longer than a row.
        """
        height = len(self.rows)
        shown = texts[-(height - 1) :] if height > 1 else []
        passing = texts[: len(texts) - len(shown)]
        leaving = self.rows[: min(len(shown) + len(passing), height - 1)]
        if self.history is not None:
            for row in leaving:
                self.history.push(row.kept())
            self.history.push_texts([text.rstrip(BLANK) for text in passing])
        stays = self.rows[len(leaving) : height - 1]
        self.rows = stays + [self._row(text) for text in shown] + [Row(self.columns)]
        self.all_changed = True

    def clear(self, first: int, last: int, look: Look) -> None:
        """Blank whole rows from `first` to `last`."""
        for y in range(first, last + 1):
            self.rows[y].erase(0, self.columns, look)
        self.changed.update(range(first, last + 1))

    def keep(self, *, unless_still: bool = False) -> None:
        """Put what is to be seen into the history, since all of it is about to be cleared.

        With `unless_still` only when something went there since the screen was cleared last: a login prompt clears
        what has scrolled, but `top` clears its own screen every other second.
        """
        if self.history is None:
            return
        if not unless_still or self.history.pushed != self._pushed:
            for row in self.rows[: self._last_row() + 1]:
                self.history.push(row.kept())
        self._pushed = self.history.pushed

    def resize(self, columns: int, height: int, y: int) -> int:
        """Take another size; return how many rows everything moved down (less than 0: up) with the cursor at `y`.

        Rows that get no room go: blank ones below the cursor first, then those at the top, into the history, and those
        below the cursor last. Rows that are added come from the history first.
        """
        self.columns = columns
        moved = -self._drop(len(self.rows) - height, y)
        while len(self.rows) < height:
            line = self.history.pull() if self.history is not None else None
            if line is None:
                self.rows.append(Row(columns))
            else:
                self.rows.insert(0, row_of(line, columns))
                moved += 1
        for row in self.rows:
            row.resize(columns)
        self.all_changed = True
        return moved

    def _drop(self, excess: int, y: int) -> int:
        """Take `excess` rows away, and return how many of them at the top."""
        if excess <= 0:
            return 0
        blank = min(excess, len(self.rows) - 1 - max(y, self._last_row()))
        top = min(excess - blank, y)
        if self.history is not None:
            for row in self.rows[:top]:
                self.history.push(row.kept())
        self.rows = self.rows[top : len(self.rows) - (excess - top)]
        return top

    def _last_row(self) -> int:
        """Return the last row on which something is to be seen, -1 when there is none."""
        return max((y for y, row in enumerate(self.rows) if not row.is_blank), default=-1)

    def _row(self, text: str) -> Row:
        row = Row(self.columns)
        row.put(0, text, PLAIN)
        return row

    def _touch(self, top: int, bottom: int) -> None:
        if top == 0 and bottom == len(self.rows) - 1:
            self.all_changed = True
        else:
            self.changed.update(range(top, bottom + 1))
