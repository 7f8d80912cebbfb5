"""The filter language: `cpu>80 state:running host:hv1 tag:web mem>=4G -name:test "two words"`.

Parts stand apart by spaces, and all must hold. A bare word is looked for in every field that people search in
(name, host, IP, disk path, tag, OS, and from four characters on MAC, UUID and vnet). `field:text` contains,
`field=text` is the same, `!=` is its negation, `> >= < <=` compare; `=""` finds what has no value. `-` in front
negates a part. Upper and lower case are one. What is not known is never greater, less or equal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Generic, NamedTuple

from kvmtui.core.errors import FilterError
from kvmtui.core.fields.field import Field, Match, Row, Value
from kvmtui.core.text import safe
from kvmtui.core.units import parse_size

Test = Callable[[Row], bool]

_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_+-]*)(!=|>=|<=|:|=|>|<)")
_HEX_ADDRESS = re.compile(r"[0-9A-Fa-f]{1,4}(:[0-9A-Fa-f]{0,4}){2,}")
_NUMBER = re.compile(r"-?(\d+(?:\.(\d+))?)\s*([a-z%]*)", re.IGNORECASE | re.ASCII)
SHORTEST_CODE = 4  # characters of a bare word that is looked for in UUIDs and MACs too
_QUOTES = "\"'"
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
}
_NUMBER_UNITS = {
    Match.NUMBER: {"": 1.0},
    Match.PERCENT: {"": 1.0, "%": 1.0},
    Match.TIME: {"": 1.0, "ms": 1.0, "us": 0.001, "s": 1000.0, "min": 60_000.0},
}


@dataclass(frozen=True, slots=True)
class Filter(Generic[Row]):
    """A filter text that was understood; without parts it matches every row."""

    text: str
    tests: tuple[Test[Row], ...] = ()

    def matches(self, row: Row) -> bool:
        """Return whether every part of the filter holds for the row."""
        for test in self.tests:  # noqa: SIM110 - all() with a generator takes twice as long on 5,000 rows
            if not test(row):
                return False
        return True

    def __bool__(self) -> bool:
        return bool(self.tests)


class _Part(NamedTuple):
    """A part of the text: where it begins, and each of its characters with whether it was quoted."""

    at: int
    negated: bool
    name: str  # "" for a bare word
    operator: str
    operand: str
    operand_at: int


def parse(text: str, fields: Iterable[Field[Row]]) -> Filter[Row]:
    """Return the filter that `text` means; raises FilterError with the column of what cannot be read."""
    known = tuple(fields)
    return Filter(text, tuple([_test(part, known) for part in _parts(text)]))


def _parts(text: str) -> list[_Part]:
    parts: list[_Part] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        part, at = _part(text, at)
        parts.append(part)
    return parts


def _part(text: str, start: int) -> tuple[_Part, int]:
    at = start
    negated = text[at] == "-"
    if negated:
        at += 1
    name, operator = "", ""
    found = _NAME.match(text, at)
    if found is not None and not _is_address(text, at):
        name, operator = found.groups()
        at = found.end()
    operand, end = _operand(text, at)
    if end == at:
        missing = f"{name}{operator} needs something to compare with." if name else "There is nothing after the minus."
        raise FilterError(
            missing,
            column=min(at, len(text) - 1),
            hint=f"For instance {name or '-name:test'}{operator}…" if name else "For instance -name:test.",
        )
    return _Part(start, negated, name.lower(), operator, operand, at), end


def _is_address(text: str, at: int) -> bool:
    """Whether a MAC or IPv6 address stands here, and not a field's name before a colon."""
    end = at
    while end < len(text) and not text[end].isspace():
        end += 1
    return _HEX_ADDRESS.fullmatch(text, at, end) is not None


def _operand(text: str, start: int) -> tuple[str, int]:
    """Return the text up to the next space, without its quotes, and where it ends."""
    taken: list[str] = []
    at = start
    while at < len(text) and not text[at].isspace():
        if text[at] not in _QUOTES:
            taken.append(text[at])
            at += 1
            continue
        close = text.find(text[at], at + 1)
        if close < 0:
            raise FilterError("A quote is not closed.", column=at, hint=f"Write {text[at]} at its end.")
        taken.append(text[at + 1 : close])
        at = close + 1
    return "".join(taken), at


def _test(part: _Part, fields: tuple[Field[Row], ...]) -> Test[Row]:
    test = _field_test(part, fields) if part.name else _word_test(part.operand, fields)
    if part.negated != (part.operator == "!="):
        return lambda row: not test(row)
    return test


def _word_test(word: str, fields: tuple[Field[Row], ...]) -> Test[Row]:
    needle = word.casefold()
    values = tuple([field.value for field in fields if field.word and (len(word) >= SHORTEST_CODE or not field.code)])

    def test(row: Row) -> bool:
        for value in values:
            texts = value(row)
            if isinstance(texts, str):
                if needle in texts.casefold():
                    return True
            elif isinstance(texts, tuple):
                for text in texts:
                    if needle in text.casefold():
                        return True
        return False

    return test


def _field_test(part: _Part, fields: tuple[Field[Row], ...]) -> Test[Row]:
    field = _field(part, fields)
    if part.operand == "" and part.operator in (":", "=", "!="):
        value = field.value
        return lambda row: value(row) in (None, "", ())
    if field.match in (Match.TEXT, Match.CHOICE):
        if part.operator in _ORDERS:
            raise FilterError(
                f"{field.name} is a text and is not greater or less than another.",
                column=part.at,
                hint=f"Use {field.name}:, {field.name}= or {field.name}!=.",
            )
        return _choice_test(part, field) if field.match is Match.CHOICE else _text_test(part, field)
    return _number_test(part, field)


def _field(part: _Part, fields: tuple[Field[Row], ...]) -> Field[Row]:
    names: list[str] = []
    for field in fields:
        if part.name == field.name or part.name in field.aliases:
            return field
        names.extend((field.name, *field.aliases))
    near = get_close_matches(part.name, names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(field.name for field in fields)}."
    raise FilterError(f"There is no field {safe(part.name, limit=40)}.", column=part.at + int(part.negated), hint=hint)


def _texts(value: Value) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, str) else (str(value),)


def _text_test(part: _Part, field: Field[Row]) -> Test[Row]:
    needle = part.operand.casefold()
    value = field.value
    if part.operator == ":":
        return lambda row: any(needle in text.casefold() for text in _texts(value(row)))
    return lambda row: any(needle == text.casefold() for text in _texts(value(row)))


def _choice_test(part: _Part, field: Field[Row]) -> Test[Row]:
    wanted = part.operand.casefold()
    value = field.value
    exact = [choice for choice in field.choices if choice.casefold() == wanted]
    chosen = frozenset(exact or [choice for choice in field.choices if choice.casefold().startswith(wanted)])
    if not chosen:
        near = get_close_matches(wanted, field.choices, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else f"It is one of {', '.join(field.choices)}."
        raise FilterError(f"{field.name} is never {safe(part.operand, limit=40)}.", column=part.operand_at, hint=hint)
    return lambda row: not chosen.isdisjoint(_texts(value(row)))


def _number_test(part: _Part, field: Field[Row]) -> Test[Row]:
    wanted, half = _size(part) if field.match is Match.SIZE else _number(part, field.match)
    value = field.value
    compare = _ORDERS.get(part.operator)
    if compare is None:
        return lambda row: isinstance(have := value(row), (int, float)) and abs(have - wanted) <= half
    return lambda row: isinstance(have := value(row), (int, float)) and compare(have, wanted)


def _number(part: _Part, match: Match) -> tuple[float, float]:
    """Return the number that was typed and half of its last digit: what is equal as written."""
    found = _NUMBER.fullmatch(part.operand.strip())
    factor = None if found is None else _NUMBER_UNITS[match].get(found[3].lower())
    if found is None or factor is None:
        raise FilterError(
            f"{safe(part.operand, limit=40)} is not a number.",
            column=part.operand_at,
            hint=f"For instance {part.name}{part.operator}80.",
        )
    amount = float(found[1]) * factor * (-1 if part.operand.strip().startswith("-") else 1)
    return amount, (0.0 if match is Match.NUMBER else factor * 0.5 * 10.0 ** -len(found[2] or ""))


def _size(part: _Part) -> tuple[float, float]:
    try:
        amount = float(parse_size(part.operand))
    except (ValueError, OverflowError):
        amount = math.inf
    if math.isinf(amount):
        raise FilterError(
            f"{safe(part.operand, limit=40)} is not a size.",
            column=part.operand_at,
            hint=f"For instance {part.name}{part.operator}4G.",
        )
    number = _NUMBER.match(part.operand.strip())
    decimals = len(number[2] or "") if number is not None else 0
    unit = float(parse_size("1" + part.operand.strip().lstrip("0123456789. ")))
    return amount, unit * 0.5 * 10.0**-decimals
