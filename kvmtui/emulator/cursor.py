"""Where the next character goes, and how far the cursor may move."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass


@dataclass(slots=True)
class Modes:
    """What a program has switched on or off."""

    inserting: bool = False
    origin: bool = False  # rows count from the top margin, and the cursor stays between the margins
    wrapping: bool = True
    shown: bool = True  # the cursor
    reverse: bool = False  # the whole screen
    new_line: bool = False  # a line feed returns the cursor, too
    application_cursor: bool = False
    application_keypad: bool = False
    bracketed_paste: bool = False


class Cursor:
    """A place on a screen, with the margins, the tab stops and the modes that bind it.

    `x` is the number of columns, one past the last, when the next character is to begin a new line.
    """

    def __init__(self, columns: int, height: int) -> None:
        self.columns = columns
        self.height = height
        self.x = self.y = 0
        self.free()

    def free(self) -> None:
        """Set margins, tab stops and modes as at the start; the cursor stays."""
        self.modes = Modes()
        self.top, self.bottom = 0, self.height - 1  # the first and the last row that scroll
        self.tabs = list(range(8, self.columns, 8))  # in order

    def move(self, x: int, y: int) -> None:
        """Put the cursor there, or as near as the screen reaches."""
        self.x = max(0, min(x, self.columns - 1))
        self.y = max(0, min(y, self.height - 1))

    def go(self, x: int, y: int) -> None:
        """Put the cursor where a program says: in origin mode that counts from the top margin and ends at the other."""
        if self.modes.origin:
            self.move(x, min(self.top + y, self.bottom))
        else:
            self.move(x, y)

    def go_up(self, count: int) -> None:
        """Move up, but not over the top margin."""
        least = self.top if self.y >= self.top else 0
        self.move(self.x, max(least, self.y - count))

    def go_down(self, count: int) -> None:
        """Move down, but not over the bottom margin."""
        most = self.bottom if self.y <= self.bottom else self.height - 1
        self.move(self.x, min(most, self.y + count))

    def go_right(self, count: int) -> None:
        """Move right, or left by a count less than 0."""
        self.move(min(self.x, self.columns - 1) + count, self.y)

    def tab(self, count: int) -> None:
        """Move to the next tab stop, `count` times; to the last column when there is none."""
        index = bisect_right(self.tabs, self.x) + count - 1
        self.x = max(self.x, self.tabs[index] if index < len(self.tabs) else self.columns - 1)

    def tab_back(self, count: int) -> None:
        """Move to the tab stop before, `count` times; to the first column when there is none."""
        index = bisect_left(self.tabs, self.x) - count
        self.x = self.tabs[index] if index >= 0 else 0

    def set_tab(self) -> None:
        """Set a tab stop at the cursor."""
        x = min(self.x, self.columns - 1)
        if x not in self.tabs:
            insort(self.tabs, x)

    def clear_tab(self) -> None:
        """Take away the tab stop at the cursor, if there is one."""
        if self.x in self.tabs:
            self.tabs.remove(self.x)

    def set_margins(self, top: int, bottom: int) -> None:
        """Let the rows from `top` to `bottom` scroll alone; the cursor goes home. Less than two rows are refused."""
        bottom = min(bottom, self.height - 1)
        if top < bottom:
            self.top, self.bottom = top, bottom
            self.go(0, 0)

    def take_size(self, columns: int, height: int) -> None:
        """Be on a screen of another size; the margins are reset."""
        self.tabs = [stop for stop in self.tabs if stop < columns]
        self.tabs += range((self.columns + 7) // 8 * 8, columns, 8)
        self.columns, self.height = columns, height
        self.top, self.bottom = 0, height - 1
