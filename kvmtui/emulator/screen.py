"""A screen with a cursor: what a terminal does, whatever sequence asked for it."""

from __future__ import annotations

from typing import NamedTuple

from kvmtui.emulator.characters import REPLACEMENT, Charsets, Kind, is_narrow, shapes_of
from kvmtui.emulator.cursor import Cursor
from kvmtui.emulator.grid import Grid
from kvmtui.emulator.looks import PLAIN, Look, ground_of, styled
from kvmtui.emulator.row import BLANK

MOST_REPLIES = 1024  # bytes that wait for being taken; what a guest asks beyond is not answered


class Saved(NamedTuple):
    """A cursor as DECSC saves it."""

    x: int = 0
    y: int = 0
    look: Look = PLAIN
    charsets: Charsets | None = None
    origin: bool = False


class Screen(Cursor):
    """The main and the alternate screen, one cursor for both, and the look of what it writes."""

    def __init__(self, main: Grid) -> None:
        super().__init__(main.columns, len(main.rows))
        self.main = main
        self.grid = main
        self.other = Grid(self.columns, self.height, None)  # the one that is not shown
        self.rings = 0
        self.replies = bytearray()
        self._last = ""  # the last character written, since a program reset the terminal
        self._reset = False
        self.put_back()

    def put_back(self) -> None:
        """Set modes, margins, tab stops and look as at the start; what is to be seen stays, and so does the cursor."""
        self.free()
        self.look = self.ground = PLAIN
        self.charsets = Charsets()
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
        self._reset = True

    @property
    def is_new(self) -> bool:
        """Whether a program has reset the terminal and written nothing since."""
        return self._reset and not self._last

    # --- writing ----------------------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Write characters, none of them a control; there is at least one."""
        if self.charsets.table is not None:
            text = self.charsets.translate(text)
        end = self.x + len(text)
        if end <= self.columns and not self.modes.inserting and (text.isascii() or is_narrow(text)):
            # Most of what is ever written; the same as below, in one step.
            self.grid.rows[self.y].put(self.x, text, self.look)
            self.grid.changed.add(self.y)
            self.x = end
            self._last = text[-1]
        else:
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
        for kind, shown in shapes_of(text):
            if kind is Kind.MARK:
                self._add_mark(shown)
            elif kind is Kind.NARROW or self.columns < 2:
                self._put(shown if kind is Kind.NARROW else REPLACEMENT * len(shown), 1)
            else:
                self._put(shown, 2)

    def _put(self, text: str, width: int) -> None:
        """Write characters of one width, on as many rows as they need."""
        while text:
            room = (self.columns - self.x) // width
            if not room:
                if self.modes.wrapping:
                    self.x = 0
                    self.index()
                else:
                    self.x = self.columns - width
                continue
            self._place(text[:room], width)
            text = text[room:]
            if not self.modes.wrapping:  # all that finds no room meets at the end of the row
                text = text[-1:]

    def _place(self, text: str, width: int) -> None:
        row = self.grid.rows[self.y]
        count = width * len(text)
        if self.modes.inserting:
            row.insert(self.x, count, self.ground)
        (row.put if width == 1 else row.put_wide)(self.x, text, self.look)
        self.x += count
        self.grid.changed.add(self.y)
        self._last = text[-1]

    def _add_mark(self, mark: str) -> None:
        if self.x:
            self.grid.rows[self.y].add_mark(self.x - 1, mark)
            self.grid.changed.add(self.y)

    def set_look(self, codes: str) -> None:
        """Change the look of what is written next, by SGR's parameters."""
        self.look, self.ground = styled(self.look, codes)  # the ground is the look of what is erased

    # --- the cursor -------------------------------------------------------------------------------

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
        self.ground = ground_of(saved.look)
        self.charsets = saved.charsets.copy() if saved.charsets is not None else Charsets()
        self.modes.origin = saved.origin

    # --- the screen as a whole --------------------------------------------------------------------

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
        moved = self.grid.resize(columns, height, self.y)
        other_moved = self.other.resize(columns, height, min(self.other_saved.y, self.height - 1))
        self.take_size(columns, height)
        self.move(self.x, self.y + moved)
        self.saved = self.saved._replace(y=max(0, min(self.saved.y + moved, height - 1)))
        self.other_saved = self.other_saved._replace(y=max(0, min(self.other_saved.y + other_moved, height - 1)))

    def write_over(self, line: str, look: Look) -> None:
        """Write a line, no longer than a row, over the cursor's row, whatever look and modes a program has set."""
        before = self.look, self.charsets, self.modes.inserting, self._last
        self.look, self.charsets, self.modes.inserting = look, Charsets(), False
        self.grid.rows[self.y].erase(0, self.columns, PLAIN)
        self.x = 0
        self.write(line or BLANK)
        self.look, self.charsets, self.modes.inserting, self._last = before

    def reply(self, answer: bytes) -> None:
        """Let the guest have an answer, as long as not too many wait."""
        if len(self.replies) + len(answer) <= MOST_REPLIES:
            self.replies += answer
