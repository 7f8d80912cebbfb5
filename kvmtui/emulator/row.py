"""One row of a screen: a list of cells, and lines as they are shown and kept."""

from __future__ import annotations

from itertools import groupby

from kvmtui.core.text import cell_width
from kvmtui.emulator.characters import Kind, marked, shape_of
from kvmtui.emulator.looks import PLAIN, Look, Run

BLANK = " "

Line = str | tuple[Run, ...]
"""A line as it is kept: its text when all of it is plain, else its runs; without blanks at its end."""


class Row:
    """The cells of one row.

    A cell holds a character with its marks; the cell after a wide character holds "".
    """

    __slots__ = ("_tail", "_untouched", "_wide", "chars", "looks")

    def __init__(self, columns: int, look: Look = PLAIN) -> None:
        self.chars = [BLANK] * columns
        self.looks = None if look is PLAIN else [look] * columns  # None while all is plain
        self._untouched = look is PLAIN  # nothing was written since it was blank and plain
        self._wide = False  # whether there is a wide character, or was one
        self._tail: Row | None = None  # what a narrower screen hides, until something is written here

    def put(self, x: int, text: str, look: Look) -> None:
        """Write narrow characters, as many as there is room for."""
        end = x + len(text)
        if self._wide:
            self._part(x, end)
        self._tail = None
        self._untouched = False
        self.chars[x:end] = text
        looks = self.looks
        if looks is None:
            if look is PLAIN:
                return
            looks = self.looks = [PLAIN] * len(self.chars)
        looks[x:end] = [look] * len(text)

    def put_wide(self, x: int, text: str, look: Look) -> None:
        """Write wide characters; there are two cells for each."""
        end = x + 2 * len(text)
        self.put(x, BLANK * (end - x), look)
        self._wide = True
        self.chars[x:end:2] = text
        self.chars[x + 1 : end : 2] = [""] * len(text)

    def add_mark(self, x: int, mark: str) -> None:
        """Set a combining mark on the character that cell `x` belongs to."""
        if x and not self.chars[x]:
            x -= 1
        self.chars[x] = marked(self.chars[x], mark)
        self._untouched = False

    def erase(self, start: int, end: int, look: Look) -> None:
        """Blank the cells from `start` up to `end`."""
        columns = len(self.chars)
        if self._untouched and look is PLAIN:
            return
        if start <= 0 and end >= columns:
            self.chars = [BLANK] * columns
            self.looks = None if look is PLAIN else [look] * columns
            self._untouched = look is PLAIN
            self._wide = False
            self._tail = None
        elif start < end:
            self.put(start, BLANK * (min(end, columns) - start), look)

    def insert(self, x: int, count: int, look: Look) -> None:
        """Move what is at `x` and after it to the right by `count`; what leaves the row is lost."""
        columns = len(self.chars)
        count = min(count, columns - x)
        self._part(x, columns - count)
        self._tail = None
        self._untouched = False
        self.chars[x:] = [BLANK] * count + self.chars[x : columns - count]
        if self.looks is not None or look is not PLAIN:
            looks = self.looks or [PLAIN] * columns
            self.looks = looks[:x] + [look] * count + looks[x : columns - count]

    def delete(self, x: int, count: int, look: Look) -> None:
        """Take `count` cells out at `x`; what is after them moves to the left."""
        columns = len(self.chars)
        count = min(count, columns - x)
        self._part(x, x + count)
        self._tail = None
        self._untouched = False
        self.chars[x:] = self.chars[x + count :] + [BLANK] * count
        if self.looks is not None or look is not PLAIN:
            looks = self.looks or [PLAIN] * columns
            self.looks = looks[:x] + looks[x + count :] + [look] * count

    def resize(self, columns: int) -> None:
        """Hide what a narrower screen has no room for, or show it again on a wider one."""
        hidden = self._tail
        if hidden is not None:
            self.chars += hidden.chars
            if self.looks is not None or hidden.looks is not None:
                self.looks = (self.looks or [PLAIN] * (len(self.chars) - len(hidden.chars))) + (
                    hidden.looks or [PLAIN] * len(hidden.chars)
                )
            self._tail = None
        missing = columns - len(self.chars)
        if missing > 0:
            self.chars += [BLANK] * missing
            if self.looks is not None:
                self.looks += [PLAIN] * missing
        elif missing < 0:
            self._hide(columns)

    def _hide(self, columns: int) -> None:
        self._part(columns, len(self.chars))
        tail = Row(0)
        tail.chars = self.chars[columns:]
        del self.chars[columns:]
        if self.looks is not None:
            tail.looks = self.looks[columns:]
            del self.looks[columns:]
        self._tail = tail

    def _part(self, start: int, end: int) -> None:
        """Blank the other half of each wide character that only half belongs to what is between."""
        if self._wide:
            chars = self.chars
            for x in (start, end):
                if 0 < x < len(chars) and not chars[x]:
                    chars[x - 1] = chars[x] = BLANK

    @property
    def is_blank(self) -> bool:
        """Whether nothing is to be seen in it."""
        return self._untouched or (self.looks is None and not self.text)

    @property
    def text(self) -> str:
        """Its characters, without the blanks at the end."""
        return "".join(self.chars).rstrip(BLANK)

    def runs(self) -> tuple[Run, ...]:
        """Return what is shown of it, without plain blanks at the end."""
        if self.looks is None:
            text = self.text
            return (Run(text, PLAIN),) if text else ()
        runs = []
        start = 0
        for look, cells in groupby(self.looks):
            end = start + len(list(cells))
            text = "".join(self.chars[start:end])
            start = end
            if text:
                runs.append(Run(text, look))
        if runs and runs[-1].look is PLAIN:
            text = runs.pop().text.rstrip(BLANK)
            if text:
                runs.append(Run(text, PLAIN))
        return tuple(runs)

    def kept(self) -> Line:
        """Return it as a line to be kept, with what a narrower screen hides."""
        if self._untouched:
            return ""
        if self._tail is None:
            return self.text if self.looks is None else self.runs()
        columns = len(self.chars)
        self.resize(columns + len(self._tail.chars))
        line = self.text if self.looks is None else self.runs()
        self.resize(columns)
        return line


def row_of(line: Line, columns: int) -> Row:
    """Return a row of the screen that shows a kept line."""
    row = Row(0)
    row._untouched = False  # noqa: SLF001
    looks: list[Look] = []
    for text, look in runs_of(line):
        for character in text:
            kind = shape_of(character).kind
            if kind is Kind.MARK and row.chars:
                row.add_mark(len(row.chars) - 1, character)
                continue
            row.chars += (character, "") if kind is Kind.WIDE else (character,)
            row._wide |= kind is Kind.WIDE  # noqa: SLF001
            looks += [look] * (len(row.chars) - len(looks))
    row.looks = None if isinstance(line, str) else looks
    row.resize(columns)
    return row


def runs_of(line: Line) -> tuple[Run, ...]:
    """Return a kept line as runs."""
    if isinstance(line, str):
        return (Run(line, PLAIN),) if line else ()
    return line


def cut(runs: tuple[Run, ...], columns: int) -> tuple[Run, ...]:
    """Return what fits on a screen of that many columns."""
    if sum(len(run.text) for run in runs) * 2 <= columns or sum(cell_width(run.text) for run in runs) <= columns:
        return runs
    return row_of(runs, columns).runs()
