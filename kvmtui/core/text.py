r"""The one place that makes hostile text safe to show.

Names, descriptions and messages come from hypervisors and guests, and may hold escape sequences, bidirectional
overrides or invisible characters. What a terminal could act upon, or a reader could be fooled by, is written
out as in Python: `\x1b`, `\u202e`. `[markup]` stays as it is: nothing here is rendered as markup.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

ELLIPSIS = "…"

# They pass str.isprintable(), but are drawn as nothing at all.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # grapheme joiner, fillers, empty braille
    "\u180b\u180c\u180d\u180f"  # Mongolian variation selectors
    + "".join(map(chr, range(0xFE00, 0xFE10)))  # variation selectors
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
# Terminals do not agree on how wide they are, or draw them into their neighbour: behind one, a line would not keep its
# columns. Hangul's half letters and tone marks, trigrams and hexagrams, counting rods, colours of skin.
_UNSETTLED = (
    range(0x1161, 0x1200),
    range(0x2630, 0x2638),
    range(0x268A, 0x2690),
    range(0x302E, 0x3030),
    range(0x4DC0, 0x4E00),
    range(0xD7B0, 0xD800),
    range(0x1D300, 0x1D380),
    range(0x1F3FB, 0x1F400),
)
_MOST_MARKS = 4  # combining marks on one character: real scripts need no more, a tower of them hides lines
_SHORT_NAMES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def safe(text: str, *, limit: int = 300, newlines: bool = False) -> str:
    """Return `text` as it can be shown: nothing invisible or active in it, at most `limit` characters.

    Everything is one line, unless `newlines` keeps line ends (and turns tabs into four spaces).
    Applying it twice changes nothing.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    if newlines:
        text = text[: limit + 1].replace("\r\n", "\n").expandtabs(4)
    parts: list[str] = []
    room = limit
    marks = _MOST_MARKS  # a mark at the start would sit on whatever stands before the text
    for character in text[: limit + 1]:
        if newlines and character == "\n":
            part, marks = character, _MOST_MARKS
        elif not character.isprintable() or character in _INVISIBLE or _is_unsettled(character):
            part, marks = _written_out(character), 0
        elif _is_mark(character):
            marks += 1
            part = character if marks <= _MOST_MARKS else _written_out(character)
        else:
            part, marks = character, 0
        parts.append(part)
        room -= len(part)
        if room < 0:
            break
    shown = "".join(parts)
    return shown if len(shown) <= limit else shown[: max(0, limit - 1)] + ELLIPSIS[:limit]


def vm_name(name: str, uuid: str, *, limit: int = 300) -> str:
    """Return a VM's name as it can be shown: spaces alone are written out, and no name is the head of the UUID."""
    if not name:
        return f"({safe(uuid[:8])})"
    return safe(name.replace(" ", r"\x20") if name.isspace() else name, limit=limit)


def _written_out(character: str) -> str:
    name = _SHORT_NAMES.get(character)
    if name is not None:
        return name
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _is_mark(character: str) -> bool:
    return character > "\u02ff" and unicodedata.category(character) in ("Mn", "Me")


@lru_cache(maxsize=4096)
def _is_unsettled(character: str) -> bool:
    if character <= "\u02ff":
        return False
    # A spacing mark is one cell in some terminals, and a part of the letter before it in others.
    return unicodedata.category(character) == "Mc" or any(ord(character) in each for each in _UNSETTLED)


def cell_width(text: str) -> int:
    """Return how many cells a terminal uses for safe text: 2 for wide characters, 0 for combining marks."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


@lru_cache(maxsize=4096)
def _character_width(character: str) -> int:
    if _is_mark(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def shorten(text: str, width: int) -> str:
    """Return `text` in at most `width` cells; what is too long loses its middle: "web-front…01-prod"."""
    if cell_width(text) <= width:
        return text
    if width <= 1:
        return ELLIPSIS[: max(0, width)]
    tail_room = (width - 1) * 9 // 20
    head = first_cells(text, width - 1 - tail_room)
    tail = first_cells(text[::-1], tail_room)[::-1]
    while tail and _character_width(tail[0]) == 0:
        tail = tail[1:]  # its base character was cut away
    return head + ELLIPSIS + tail


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` cells; what is too long loses its end, as suits a sentence."""
    return text if cell_width(text) <= width else first_cells(text, width - 1) + ELLIPSIS[: max(0, width)]


def first_cells(text: str, width: int) -> str:
    """Return as much of the beginning as fits into `width` cells."""
    used = 0
    for index, character in enumerate(text):
        used += _character_width(character)
        if used > width:
            return text[:index]
    return text
