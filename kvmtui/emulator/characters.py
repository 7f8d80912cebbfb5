"""What a character becomes in a cell: how wide it is, and what is shown instead of one that may not be shown.

Nothing but what `core.text.safe` lets pass is kept. What the guest counts as no cell (directions, joiners, controls of
Unicode) is dropped, so that the line keeps its columns and shows its characters in the order in which they came.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.text import cell_width, safe

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLACEMENT = "\ufffd"
MOST_MARKS = 4  # on one cell; `safe` lets no more pass


class Kind(Enum):
    """How a character takes its place."""

    NARROW = "one cell for each character shown, maybe none"
    WIDE = "two cells"
    MARK = "on the character before it"


class Shape(NamedTuple):
    """What a character becomes."""

    kind: Kind
    text: str


NARROW = (
    r" -~\u00a1-\u00ac\u00ae-\u02ff\u03a3-\u03ff\u0400-\u0481\u2010-\u2027\u2030-\u205e\u20a0-\u20bf"
    r"\u2190-\u2319\u232b-\u23e8\u2400-\u2426\u2500-\u25fc\u270c-\u2727\u2801-\u28ff\ufffd"
)
"""The commonest characters that are shown as they are in one cell, for a set of a regular expression."""
WIDE = r"\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3\uff01-\uff5e"
"""The same of those in two cells."""
is_narrow = re.compile(f"[{NARROW}]*+").fullmatch
_pieces_of = re.compile(f"([{NARROW}]++)|([{WIDE}]++)|(?s:.)").finditer

_JAMO = range(0x1160, 0x1200)  # vowels and finals, drawn into the syllable before them
_IDEOGRAPHS = range(0x20000, 0x3FFFE)
_SKIN = range(0x1F3FB, 0x1F400)  # would change the face before it in some terminals and stand alone in others


@lru_cache(maxsize=4096)
def shape_of(character: str) -> Shape:
    """Return what `character` becomes."""
    code = ord(character)
    if unicodedata.category(character) in ("Mn", "Me"):
        return Shape(Kind.MARK, character) if safe("a" + character) == "a" + character else _NOTHING
    if code in _JAMO:
        return Shape(Kind.MARK, character)
    if code in _SKIN:
        return _TWO_BLANKS
    if safe(character) == character:
        return Shape(Kind.WIDE if cell_width(character) == 2 else Kind.NARROW, character)
    return _substitute(character)


def shapes_of(text: str) -> Iterator[Shape]:
    """Return what a text becomes, piece by piece: many narrow or wide characters, or one mark."""
    for piece in _pieces_of(text):
        if piece.lastindex is None:
            yield shape_of(piece[0])
        else:
            yield Shape(_KINDS[piece.lastindex - 1], piece[0])


def _substitute(character: str) -> Shape:
    category = unicodedata.category(character)
    # What is not assigned has no width in the database, but the planes of ideographs are wide all the same.
    wide = ord(character) in _IDEOGRAPHS if category == "Cn" else unicodedata.east_asian_width(character) in ("W", "F")
    if category == "Zs" or character in "\u115f\u2800\u3164\uffa0":  # blanks, also those that are called letters
        return _TWO_BLANKS if wide else Shape(Kind.NARROW, " ")
    if character == "\u00ad":
        return Shape(Kind.NARROW, "-")
    if category in ("Co", "Cn", "Cs", "Mc", "So", "No"):
        return Shape(Kind.NARROW, REPLACEMENT + " " if wide else REPLACEMENT)
    return _NOTHING


_KINDS = (Kind.NARROW, Kind.WIDE)
_NOTHING = Shape(Kind.NARROW, "")
_TWO_BLANKS = Shape(Kind.NARROW, "  ")


def marked(cell: str, mark: str) -> str:
    """Return `cell` with `mark` on it; as it was when it can bear no more, or the two make no syllable."""
    if ord(mark) in _JAMO:
        joined = unicodedata.normalize("NFC", cell + mark)
        return joined if len(joined) == 1 else cell
    return cell + mark if len(cell) <= MOST_MARKS else cell


# --- the sets that a program designates -----------------------------------------------------------

GRAPHICS = str.maketrans(
    dict(zip("_`abcdefghijklmnopqrstuvwxyz{|}~", " ◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·", strict=True)),
)
BRITISH = str.maketrans({"#": "£"})
SETS: dict[str, dict[int, str]] = {"0": GRAPHICS, "2": GRAPHICS, "A": BRITISH}
"""The translation of each set that is not ASCII, by the letter that designates it."""


class Charsets:
    """The sets G0 to G3, and which of them is in use."""

    __slots__ = ("_next", "_sets", "_used", "table")

    def __init__(self) -> None:
        self._sets: list[dict[int, str] | None] = [None, None, None, None]
        self._used = 0
        self._next = 0  # the set of the next character alone; 0 when none was asked for
        self.table: dict[int, str] | None = None
        """The translation of what is written next; None while nothing is translated."""

    def designate(self, number: int, letter: str) -> None:
        self._sets[number] = SETS.get(letter)
        self._choose()

    def shift(self, number: int) -> None:
        self._used = number
        self._choose()

    def shift_once(self, number: int) -> None:
        self._next = number
        self._choose()

    def translate(self, text: str) -> str:
        """Return `text` as the sets in use have it."""
        if self._next:
            alone = text[0].translate(self._sets[self._next] or {})
            self._next = 0
            self._choose()
            return alone + (text[1:].translate(self.table) if self.table else text[1:])
        return text.translate(self.table) if self.table else text

    def copy(self) -> Charsets:
        """Return a copy for a saved cursor."""
        other = Charsets()
        other._sets = self._sets.copy()
        other._used = self._used
        other._choose()
        return other

    def _choose(self) -> None:
        self.table = {} if self._next else self._sets[self._used]
