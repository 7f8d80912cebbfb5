"""What a field is: one attribute of a kind of row, declared once for every use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from typing import Generic, TypeVar

from kvmtui.core import units
from kvmtui.core.text import safe

Row = TypeVar("Row")
Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Value = str | float | tuple[str, ...] | None
"""What a filter compares: text, a number, several texts of which one must match, or None for not known."""
SortKey = tuple[int, float | str]
"""Comparable with the keys of the same field: first what is known, then what is missing."""


class Tone(Enum):
    """How a text is meant; the theme gives the colour."""

    NORMAL = "normal"
    MUTED = "muted"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ACCENT = "accent"


class Match(Enum):
    """How the filter language reads what is compared with a field."""

    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    PERCENT = "percent"
    SIZE = "size"  # bytes
    TIME = "time"  # milliseconds


class Shown(Enum):
    """When a field is a column, unless a person chose otherwise."""

    ALWAYS = "always"
    WIDE = "wide"  # from 120 columns on
    OPTIONAL = "optional"


def _normal(_row: object) -> Tone:
    return Tone.NORMAL


@dataclass(frozen=True, slots=True)
class Field(Generic[Row]):
    """One attribute of a row: a column, a sort key, a word of the filter language and a JSON key."""

    name: str
    title: str
    help: str
    width: int  # cells that it needs; more is welcome where texts are long
    text: Callable[[Row], str]  # safe to show
    value: Callable[[Row], Value]  # raw: for the filter
    json: Callable[[Row], Json]
    order: Callable[[Row], float | str | None]
    tone: Callable[[Row], Tone] = field(default=_normal)
    match: Match = Match.TEXT
    shown: Shown = Shown.OPTIONAL
    right: bool = False
    letter: str = ""  # after the sort key; unique in a table
    choices: tuple[str, ...] = ()  # the words that a CHOICE knows
    aliases: tuple[str, ...] = ()  # other names in the filter language
    word: bool = False  # a filter's bare word looks here too
    code: bool = False  # hexadecimal: a short word is found in most of them by chance, so it is not looked for

    def sort(self, row: Row, *, reverse: bool = False) -> SortKey:
        """Return the sort key: text from A on, numbers from the largest; missing is last, reversed too."""
        order = self.order(row)
        if order is None:
            return (1, 0.0)
        if isinstance(order, str):
            return (0, _backwards(natural(order)) if reverse else natural(order))
        return (0, order if reverse else -order)


def text_field(name: str, title: str, meaning: str, width: int, get: Callable[[Row], str]) -> Field[Row]:
    """Return the field of a text that is shown as it is; "" is not known."""
    return Field(
        name=name,
        title=title,
        help=meaning,
        width=width,
        text=lambda row: or_dash(get(row)),
        value=get,
        json=lambda row: get(row) or None,
        order=lambda row: get(row) or None,
    )


def size_field(name: str, title: str, meaning: str, width: int, get: Callable[[Row], int | None]) -> Field[Row]:
    """Return the field of a number of bytes."""
    plain = number_field(name, title, meaning, width, get)
    return replace(plain, text=lambda row: units.size(get(row)), match=Match.SIZE)


def number_field(name: str, title: str, meaning: str, width: int, get: Callable[[Row], float | None]) -> Field[Row]:
    """Return the field of a number that is shown without a fraction."""
    return Field(
        name=name,
        title=title,
        help=meaning,
        width=width,
        right=True,
        text=lambda row: units.whole(get(row)),
        value=get,
        json=get,
        order=get,
        match=Match.NUMBER,
    )


def yes_field(name: str, title: str, meaning: str, width: int, get: Callable[[Row], bool]) -> Field[Row]:
    """Return the field of what is so or not."""
    return Field(
        name=name,
        title=title,
        help=meaning,
        width=width,
        text=lambda row: "yes" if get(row) else "no",
        value=lambda row: ("yes",) if get(row) else ("no",),
        json=get,
        order=lambda row: float(get(row)),
        match=Match.CHOICE,
        choices=("yes", "no"),
    )


def or_dash(text: str) -> str:
    """Return the text as it can be shown, "-" for an empty one."""
    return safe(text) if text else units.UNKNOWN


def rising(value: float | None, warn: float, bad: float) -> Tone:
    """Return the tone of a figure that is worse the higher it is; at a limit it is still what it was below."""
    if value is None:
        return Tone.MUTED
    if value > bad:
        return Tone.BAD
    return Tone.WARN if value > warn else Tone.NORMAL


def by_name(fields: Iterable[Field[Row]]) -> Mapping[str, Field[Row]]:
    """Return the fields by their names."""
    return {one.name: one for one in fields}


_NUMBER = re.compile(r"[0-9]+")


@lru_cache(maxsize=32_768)
def natural(text: str) -> str:
    """Return a text that sorts as people count: web-2 before web-10, whatever the case."""
    return _NUMBER.sub(lambda found: found[0].zfill(12), text.casefold())


class _Mirror(dict[int, int]):
    """Each character becomes the one as far from the end as it is from the start."""

    def __missing__(self, code: int) -> int:
        self[code] = 0x10FFFE - code if code < 0x10FFFF else 0
        return self[code]


_MIRROR = _Mirror()


def _backwards(text: str) -> str:
    # The end mark is above every mirrored character, so that "ab" comes before "a".
    return text.translate(_MIRROR) + "\U0010ffff"
