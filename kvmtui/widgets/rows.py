"""How the rows of a table are laid out: columns, and the texts of one line with what each is. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.fields import Tone
from kvmtui.core.text import cell_width, cut, safe, shorten

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.widgets.glyphs import Glyphs

GUTTER = 3  # cells: cursor or mark, sign, space
STRUCK = "struck"
Part = tuple[str, str]
"""A text and the use that styles it: a tone's value, "mark", "header" or "rule"; behind a tone may stand STRUCK."""


class Column(NamedTuple):
    """How a column is drawn; cells are given in the order of the columns."""

    id: str
    title: str
    width: int  # cells; of the flexible column the least
    right: bool = False
    flexible: bool = False  # one of the columns may take the rest
    priority: int = 0  # on a narrow screen the highest goes first; 0 never goes
    most: int = 0  # cells that a flexible one takes at most; 0 for all that are left
    sentence: bool = False  # what is too long loses its end, not its middle


class Cell(NamedTuple):
    """A text that is safe to show, and how it is meant."""

    text: str
    tone: Tone = Tone.NORMAL


EMPTY_CELL = Cell("")


class Row(NamedTuple):
    """What a line shows; with fewer cells than columns the last one takes the rest of the line."""

    cells: tuple[Cell, ...]
    sign: Cell = EMPTY_CELL  # severity, one character
    marked: bool = False
    struck: bool = False  # its first cell: it is gone, and stays until the cursor leaves it
    muted: bool = False  # old


class Rule(NamedTuple):
    """A key that is a line between rows: nothing can be done with it. Two rules of a table differ."""

    text: str


class Span(NamedTuple):
    """Where a column stands."""

    column: int  # its index
    start: int  # cells
    width: int


def lay_out(columns: Sequence[Column], width: int) -> list[Span]:
    """Give each column its place; drop what there is no room for."""
    kept = list(range(len(columns)))
    room = width - GUTTER

    def needed() -> int:
        return sum(columns[index].width + 1 for index in kept) - 1

    while kept and needed() > room:
        worst = max(kept, key=lambda index: (columns[index].priority, index))
        if not columns[worst].priority:
            break
        kept.remove(worst)
    spare = max(0, room - needed()) if kept else 0
    spans = []
    start = GUTTER
    for index in kept:
        column = columns[index]
        wide = column.width + (spare if column.flexible else 0)
        if column.flexible and column.most:
            wide = max(column.width, min(wide, column.most))
        spans.append(Span(index, start, wide))
        start += wide + 1
    return spans


class Painter(NamedTuple):
    """Makes the texts of lines for columns of a width, with the signs that the terminal has."""

    columns: tuple[Column, ...]
    spans: list[Span]
    width: int
    glyphs: Glyphs

    def header(self, by: str = "", *, descending: bool = False) -> list[Part]:
        """Return the titles; the column `by` wears the sort mark."""
        parts = [" " * GUTTER]
        for index, _, room in self.spans:
            column = self.columns[index]
            title = column.title
            if by and by == column.id:
                mark = self.glyphs.descending if descending else self.glyphs.ascending
                title = shorten(title, room - 1) + mark
            parts.append(self.fitted(title, room, right=column.right) + " ")
        return [("".join(parts), "header")]

    def rule(self, rule: Rule) -> list[Part]:
        """Return a rule as long as the line."""
        dash = self.glyphs.dash
        said = self.glyphs.fit(cut(rule.text, self.width - 6))
        text = f"{dash * 2} {said} "
        return [(text + dash * (self.width - cell_width(text)), "rule")]

    def row(self, row: Row, *, cursor: bool) -> list[Part]:
        """Return cursor or mark, sign and cells."""
        glyphs = self.glyphs
        mark = glyphs.mark if row.marked else " "
        parts = [
            (glyphs.cursor, "normal") if cursor else (mark, "mark"),
            (row.sign.text[:1] or " ", row.sign.tone.value),
            (mark if cursor else " ", "mark"),
        ]
        last = len(row.cells) - 1
        for index, start, room in self.spans:
            if index > last:
                break
            right = self.columns[index].right
            cell = row.cells[index]
            sentence = self.columns[index].sentence
            if index == last < len(self.columns) - 1:
                # It takes the rest of the line.
                room, right, sentence = self.width - start, False, True  # noqa: PLW2901
            tone = Tone.MUTED if row.muted else cell.tone
            text = cut(cell.text, room) if sentence else cell.text
            text = self.fitted(text, room, right=right)
            use = f"{tone.value} {STRUCK}" if row.struck and not index else tone.value
            said = text.strip()
            before = len(text) - len(text.lstrip())
            # Blanks are of no use of their own: what is struck or reversed is the text alone.
            parts += [(" " * before, "normal"), (said, use), (text[before + len(said) :] + " ", "normal")]
        return parts

    def fitted(self, text: str, width: int, *, right: bool = False) -> str:
        """Return a text in exactly `width` cells."""
        if not text.isprintable():
            text = safe(text)
        used = cell_width(text)
        if used > width:
            text = self.glyphs.fit(shorten(text, width))
            used = cell_width(text)
        return " " * (width - used) + text if right else text + " " * (width - used)
