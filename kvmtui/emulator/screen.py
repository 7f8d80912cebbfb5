"""A screen with a cursor: what a terminal does, whatever sequence asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from kvmtui.emulator.characters import REPLACEMENT, Charsets, Kind, is_narrow, shape_of
from kvmtui.emulator.grid import Grid
from kvmtui.emulator.looks import PLAIN, Look, on_ground_of, restyled

MOST_REPLIES = 1024  # bytes that wait for being taken; what a guest asks beyond is not answered


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


class Saved(NamedTuple):
    """A cursor as DECSC saves it."""

    x: int = 0
    y: int = 0
    look: Look = PLAIN
    charsets: Charsets | None = None
    origin: bool = False


class Screen:
    """The main and the alternate screen, the cursor, its look, the margins and the modes.

    `x` is the number of columns, one past the last, when the next character is to begin a new line.
    """

    def __init__(self, main: Grid) -> None:
        self.columns = main.columns
        self.height = len(main.rows)
        self.main = main
        self.grid = main
        self.other = Grid(self.columns, self.height, None)  # the one that is not shown
        self.rings = 0
        self.replies = bytearray()
        self.x = self.y = 0
        self._last = ""
        self.put_back()

    def put_back(self) -> None:
        """Set modes, margins, tab stops and look as at the start; what is to be seen stays, and so does the cursor."""
        self.modes = Modes()
        self.top, self.bottom = 0, self.height - 1
        self.set_look("0")
        self.charsets = Charsets()
        self.tabs = set(range(8, self.columns, 8))
        self.saved = Saved()
        self.other_saved = Saved()

    def reset(self) -> None:
        """Be as at the start; the history stays, and what was to be seen goes there."""
        self.show_main()
        self.put_back()
        self.main.keep()
        self.clear(0, self.height - 1)
        self.x = self.y = 0
        self._last = ""

    # --- writing ----------------------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Write characters, none of them a control; there is at least one."""
        if self.charsets.table is not None:
            text = self.charsets.translate(text)
        self._write(text)

    @property
    def takes_lines(self) -> bool:
        """Whether `write_lines` may be used, when the cursor is at the start of a blank row."""
        return (
            self.look is PLAIN
            and self.bottom - self.top == self.height - 1
            and self.charsets.table is None
            and not self.modes.inserting
        )

    def write_lines(self, texts: list[str]) -> None:
        """Write lines of ASCII, each with its end, none longer than a row, from the start of the blank last row."""
        self.grid.scroll_text(texts)
        self._last = next((text[-1] for text in reversed(texts) if text), self._last)

    def repeat(self, count: int) -> None:
        """Write the last character again."""
        if self._last:
            self._write(self._last * min(count, self.columns * self.height))

    def _write(self, text: str) -> None:
        if text.isascii() or is_narrow(text):
            self._put(text)
            return
        narrow: list[str] = []
        for character in text:
            kind, shown = shape_of(character)
            if kind is Kind.NARROW:
                narrow.append(shown)
                continue
            self._put("".join(narrow))
            narrow.clear()
            if kind is Kind.WIDE:
                self._put_wide(shown)
            else:
                self._add_mark(shown)
        self._put("".join(narrow))

    def _put(self, text: str) -> None:
        if not text:
            return
        self._last = text[-1]
        x = self.x
        room = self.columns - x
        while len(text) > room:
            if not self.modes.wrapping:  # all that finds no room meets in the last column
                x = min(x, self.columns - 1)
                text = text[: self.columns - 1 - x] + text[-1]
                break
            if room:
                self._place(x, text[:room])
                text = text[room:]
            self.x = x = 0
            self.index()
            room = self.columns
        self._place(x, text)

    def _place(self, x: int, text: str) -> None:
        grid = self.grid
        row = grid.rows[self.y]
        if self.modes.inserting:
            row.insert(x, len(text), self.ground)
        row.put(x, text, self.look)
        self.x = x + len(text)
        grid.changed.add(self.y)

    def _put_wide(self, character: str) -> None:
        if self.columns < 2:
            self._put(REPLACEMENT)
            return
        self._last = character
        if self.x > self.columns - 2:
            if self.modes.wrapping:
                self.x = 0
                self.index()
            else:
                self.x = self.columns - 2
        row = self.grid.rows[self.y]
        if self.modes.inserting:
            row.insert(self.x, 2, self.ground)
        row.put_wide(self.x, character, self.look)
        self.x += 2
        self.grid.changed.add(self.y)

    def _add_mark(self, mark: str) -> None:
        if self.x:
            self.grid.rows[self.y].add_mark(self.x - 1, mark)
            self.grid.changed.add(self.y)

    def set_look(self, codes: str) -> None:
        """Change the look of what is written next, by SGR's parameters."""
        self.look: Look = PLAIN if codes in ("", "0") else restyled(self.look, codes)
        self.ground = on_ground_of(self.look)  # the look of what is erased

    # --- the cursor -------------------------------------------------------------------------------

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
        stops = sorted(stop for stop in self.tabs if stop > self.x)
        self.x = max(self.x, stops[count - 1] if len(stops) >= count else self.columns - 1)

    def tab_back(self, count: int) -> None:
        """Move to the tab stop before, `count` times; to the first column when there is none."""
        stops = sorted((stop for stop in self.tabs if stop < self.x), reverse=True)
        self.x = stops[count - 1] if len(stops) >= count else 0

    def line_feed(self) -> None:
        """Do what LF does."""
        self.x = 0 if self.modes.new_line else min(self.x, self.columns - 1)
        self.index()

    def index(self) -> bool:
        """Move down by one; at the bottom margin everything between the margins moves up instead, which is returned."""
        if self.y == self.bottom:
            self.grid.scroll_up(self.top, self.bottom, 1, self.ground)
            return True
        if self.y < self.height - 1:
            self.y += 1
        return False

    def reverse_index(self) -> None:
        """Move up by one; at the top margin everything between the margins moves down instead."""
        if self.y == self.top:
            self.grid.scroll_down(self.top, self.bottom, 1, self.ground)
        elif self.y:
            self.y -= 1

    def save(self) -> None:
        """Save the cursor (DECSC)."""
        self.saved = Saved(self.x, self.y, self.look, self.charsets.copy(), self.modes.origin)

    def restore(self) -> None:
        """Restore the cursor (DECRC); one that was never saved is at home."""
        saved = self.saved
        self.move(saved.x, saved.y)
        if saved.x >= self.columns:
            self.x = self.columns
        self.look = saved.look
        self.ground = on_ground_of(saved.look)
        self.charsets = saved.charsets.copy() if saved.charsets is not None else Charsets()
        self.modes.origin = saved.origin

    # --- the screen as a whole --------------------------------------------------------------------

    def set_margins(self, top: int, bottom: int) -> None:
        """Let the rows from `top` to `bottom` scroll alone; the cursor goes home. Less than two rows are refused."""
        bottom = min(bottom, self.height - 1)
        if top < bottom:
            self.top, self.bottom = top, bottom
            self.go(0, 0)

    def fill(self, character: str) -> None:
        """Fill the screen with a character in the plain look."""
        for row in self.grid.rows:
            row.erase(0, self.columns, PLAIN)
            row.put(0, character * self.columns, PLAIN)
        self.grid.all_changed = True

    def clear(self, first: int, last: int) -> None:
        """Blank whole rows."""
        self.grid.clear(first, last, self.ground)

    @property
    def on_alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return self.grid is not self.main

    def show_alternate(self) -> None:
        """Show the alternate screen as it was left."""
        if not self.on_alternate:
            self._switch()

    def show_main(self) -> None:
        """Show the main screen."""
        if self.on_alternate:
            self._switch()

    def _switch(self) -> None:
        self.grid, self.other = self.other, self.grid
        self.saved, self.other_saved = self.other_saved, self.saved
        self.grid.all_changed = True

    def resize(self, columns: int, height: int) -> None:
        """Take another size; the margins are reset."""
        self.tabs |= set(range((self.columns + 7) // 8 * 8, columns, 8))
        self.tabs = {stop for stop in self.tabs if stop < columns}
        moved = self.grid.resize(columns, height, self.y)
        other_moved = self.other.resize(columns, height, min(self.other_saved.y, self.height - 1))
        self.columns, self.height = columns, height
        self.top, self.bottom = 0, height - 1
        self.move(self.x, self.y + moved)
        self.saved = self.saved._replace(y=max(0, self.saved.y + moved))
        self.other_saved = self.other_saved._replace(y=max(0, self.other_saved.y + other_moved))

    def note(self, line: str, look: Look) -> None:
        """Write a line, no longer than a row, on a line of its own.

        On the alternate screen it is put over the last row, and the cursor stays; on the main screen it is written all
        the same, where the cursor was when the alternate screen came.
        """
        if not self.on_alternate:
            self._write_note(line, look)
            return
        x, y = self.x, self.y
        self.x, self.y = 0, self.height - 1
        self._write_as(line, look)
        self._switch()
        self.x, self.y = self.saved.x, self.saved.y
        self._write_note(line, look)
        self.saved = self.saved._replace(x=self.x, y=self.y)
        self._switch()
        self.x, self.y = x, y

    def _write_note(self, line: str, look: Look) -> None:
        if self.x:
            self.x = 0
            self.index()
        self._write_as(line, look)
        self.x = 0
        self.index()

    def _write_as(self, line: str, look: Look) -> None:
        """Write into the cursor's row, blanked before, whatever modes and look a program has set."""
        mine, self.look = self.look, look
        inserting, self.modes.inserting = self.modes.inserting, False
        last = self._last
        self.grid.rows[self.y].erase(0, self.columns, PLAIN)
        self._write(line)
        self.look, self.modes.inserting, self._last = mine, inserting, last

    def reply(self, answer: bytes) -> None:
        """Let the guest have an answer, as long as not too many wait."""
        if len(self.replies) + len(answer) <= MOST_REPLIES:
            self.replies += answer
