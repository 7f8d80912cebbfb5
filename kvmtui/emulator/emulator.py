"""The terminal that a guest's serial console writes to: bytes in, lines out."""

from __future__ import annotations

from kvmtui.core.text import cell_width, safe
from kvmtui.core.text import cut as shortened
from kvmtui.emulator.grid import Grid
from kvmtui.emulator.history import History
from kvmtui.emulator.looks import PLAIN, Run
from kvmtui.emulator.notes import write_note
from kvmtui.emulator.parser import Parser
from kvmtui.emulator.row import BLANK, cut, runs_of
from kvmtui.emulator.screen import Screen

LARGEST = 1000  # columns or rows


class Emulator:
    """A VT220 with the colours and the alternate screen of xterm.

    Whatever is fed: it never raises, what it keeps is bounded, and its lines hold printable characters alone. It
    answers a cursor position, a status and what it is, in figures, and nothing else.
    """

    def __init__(self, columns: int = 80, rows: int = 24, *, history: int = 5000) -> None:
        self._history = History(history)
        self._screen = Screen(Grid(_sane(columns), _sane(rows), self._history))
        self._parser = Parser(self._screen)

    @property
    def columns(self) -> int:
        return self._screen.columns

    @property
    def rows(self) -> int:
        return self._screen.height

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and row, from 0, always on the screen."""
        return min(self._screen.x, self.columns - 1), self._screen.y

    @property
    def cursor_shown(self) -> bool:
        return self._screen.modes.shown

    @property
    def history_length(self) -> int:
        """How many lines are above the screen."""
        return len(self._history)

    @property
    def pushed(self) -> int:
        """How many lines ever went up from the screen, less those that came back.

        By how much it grew is by how much a line's number in the history went down, also when the history is full.
        """
        return self._history.pushed

    @property
    def rings(self) -> int:
        """How often the bell was rung."""
        return self._screen.rings

    @property
    def application_cursor(self) -> bool:
        """Whether the cursor keys send ESC O instead of ESC [."""
        return self._screen.modes.application_cursor

    @property
    def application_keypad(self) -> bool:
        """Whether the keypad sends sequences instead of digits."""
        return self._screen.modes.application_keypad

    @property
    def bracketed_paste(self) -> bool:
        """Whether what is pasted is to be put in brackets."""
        return self._screen.modes.bracketed_paste

    @property
    def alternate(self) -> bool:
        """Whether a program has the screen for itself, apart from the history."""
        return self._screen.on_alternate

    def feed(self, data: bytes) -> None:
        """Carry out what the guest wrote: UTF-8 and sequences, cut anywhere."""
        self._parser.feed(data)

    def resize(self, columns: int, rows: int) -> None:
        """Take another size; lines are not broken anew, and what a narrower screen hides comes back on a wider one."""
        columns, rows = _sane(columns), _sane(rows)
        if (columns, rows) != (self.columns, self.rows):
            self._screen.resize(columns, rows)
            self._parser.resized()

    def take_replies(self) -> bytes:
        """Return what is to be sent to the guest, once."""
        replies = bytes(self._screen.replies)
        self._screen.replies.clear()
        return replies

    def take_changed(self) -> frozenset[int] | None:
        """Return the rows of the screen that changed since this was asked last; None when all may have."""
        grid = self._screen.grid
        changed = None if grid.all_changed else frozenset(grid.changed)
        grid.all_changed = False
        grid.changed.clear()
        return changed

    def line(self, y: int) -> tuple[Run, ...]:
        """Return a line without plain blanks at its end: 0 is the top of the screen, -1 the newest of the history.

        Raises IndexError when there is no such line.
        """
        if y < 0:
            return cut(runs_of(self._history.line(-y)), self.columns)
        runs = self._screen.grid.rows[y].runs()
        return self._reversed(runs) if self._screen.modes.reverse else runs

    def text(self, y: int) -> str:
        """Return the text of a line, without blanks at its end."""
        return "".join(run.text for run in self.line(y)).rstrip(BLANK)

    def note(self, text: str) -> None:
        """Write a line of our own, made safe, in a look of its own, on a line of its own.

        What was begun before is forgotten, since this marks where output may be missing. While a program has the
        screen for itself, the line is put over the last row, too, and the cursor stays.
        """
        self._parser.begin()
        write_note(self._screen, shortened(safe(text), self.columns))

    def reset(self) -> None:
        """Be as at the start; the history stays, and what was to be seen goes there."""
        self._parser.begin()
        self._screen.reset()

    def _reversed(self, runs: tuple[Run, ...]) -> tuple[Run, ...]:
        missing = self.columns - sum(cell_width(run.text) for run in runs)
        filled = (*runs, Run(BLANK * missing, PLAIN)) if missing > 0 else runs
        return tuple(Run(text, look._replace(reverse=not look.reverse)) for text, look in filled)


def _sane(size: int) -> int:
    return max(1, min(size, LARGEST))
