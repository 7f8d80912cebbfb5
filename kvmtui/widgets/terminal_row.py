"""A row of a terminal as it is drawn: an emulator's runs, what stands out in them, and where a text is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from kvmtui.core.text import cell_width
from kvmtui.emulator import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmtui.emulator import Colour, Look


class Mark(NamedTuple):
    """Cells of a row that stand out."""

    start: int
    end: int
    kind: str  # "cursor", "found" or "here"


class PaintedRow(NamedTuple):
    """What a row of the widget shows."""

    runs: tuple[Run, ...]
    marks: tuple[Mark, ...]
    left: int  # the first column that is seen


IN_ASCII = {
    **dict.fromkeys(range(0x2500, 0x2580), "+"),
    **dict.fromkeys(map(ord, "─━┄┅┈┉╌╍═╴╶╸╺"), "-"),
    **dict.fromkeys(map(ord, "│┃┆┇┊┋╎╏║╵╷╹╻"), "|"),
    **dict.fromkeys(range(0x2580, 0x25A0), "#"),
    0xB7: ".",
    0x25C6: "*",
}
"""What stands for the lines and blocks that programs draw frames with, where a terminal may lack them."""
NOTHING = PaintedRow((), (), 0)
MARK_STYLES = {
    "cursor": Style(reverse=True),
    "found": Style(underline=True, bold=True),
    "here": Style(underline=True, bold=True, reverse=True),
}


def strip_of(row: PaintedRow, width: int, base: Style, *, ascii_lines: bool = False) -> Strip:
    """Return a row as a strip of that width; `base` is what a look leaves open, `ascii_lines` draws frames in ASCII."""
    runs = [Run(run.text.translate(IN_ASCII), run.look) for run in row.runs] if ascii_lines else row.runs
    strip = Strip(_segments(runs))
    for mark in row.marks:
        strip = _marked(strip, mark)
    if row.left:
        strip = strip.crop(row.left, row.left + width)
    return strip.apply_style(base).adjust_cell_length(width, base)


def _segments(runs: Iterable[Run]) -> list[Segment]:
    segments = []
    for text, look in runs:
        shown = " " * cell_width(text) if look.hidden else text
        wide = 0 if shown.isascii() else cell_width(shown) - cell_len(shown)
        # Where Rich and the emulator measure a character differently, what follows keeps its column.
        segments.append(Segment(shown + " " * max(0, wide), style_of(look)))
    return segments


def _marked(strip: Strip, mark: Mark) -> Strip:
    """Return a row with some of its cells standing out; a wide character does so whole."""
    length = strip.cell_length
    if mark.end > length:
        strip = strip.extend_cell_length(mark.end)
        length = mark.end
    end = mark.end
    if mark.kind == "cursor" and mark.start + 2 <= length:
        under = strip.crop(mark.start, mark.start + 2).text
        end += bool(under) and cell_len(under[0]) == 2
    style = MARK_STYLES[mark.kind]
    inside = [
        Segment(text, _turned(own, style) if mark.kind != "found" else (own or Style()) + style)
        for text, own, _ in strip.crop(mark.start, end)
    ]
    return Strip.join([strip.crop(0, mark.start), Strip(inside), strip.crop(end, length)])


def _turned(own: Style | None, style: Style) -> Style:
    """Return a style with its colours the other way round than they are."""
    own = own or Style()
    return own + style + Style(reverse=not own.reverse)


def places(word: str, text: str) -> list[tuple[int, int]]:
    """Return the cells where a word stands in a text; capitals count only when the word has some."""
    if word == word.lower():
        text = text.lower()
    found = []
    at = text.find(word)
    while at >= 0 and word:
        start = cell_width(text[:at])
        found.append((start, start + cell_width(word)))
        at = text.find(word, at + len(word))
    return found


@lru_cache(maxsize=2048)
def style_of(look: Look) -> Style:
    """Return the Rich style of a look: the first sixteen colours are the terminal's own."""
    fg, bg, *_ = look
    return Style(
        color=_colour(fg),
        bgcolor=_colour(bg),
        bold=look.bold or None,
        dim=look.dim or None,
        italic=look.italic or None,
        underline=look.underline or None,
        blink=look.blink or None,
        reverse=look.reverse or None,
        strike=look.strike or None,
    )


def _colour(colour: Colour) -> Color | None:
    if colour is None:
        return None
    return Color.from_ansi(colour) if isinstance(colour, int) else Color.from_rgb(*colour)
