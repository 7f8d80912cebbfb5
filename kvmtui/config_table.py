"""A table of the configuration file: its values are asked for by name and kind, what is left is refused."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, cast

from kvmtui.core.errors import ConfigError, KvmtuiError
from kvmtui.core.units import parse_size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_MOST_BYTES = 1 << 64


def nearest(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean `refresh`?" for a word close to a known one, else a full stop."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean `{found[0]}`?" if found else "."


class Table:
    """One table of the file `file`; `name` is "" for the whole file."""

    def __init__(self, file: str, name: str, values: dict[str, object]) -> None:
        self.file = file
        self._name = name
        self._values = values
        self._known: list[str] = []
        self._tables: list[str] = []

    def names(self) -> tuple[str, ...]:
        """Return the keys that the file gives."""
        return tuple(self._values)

    def error(self, key: str, must: str, value: object) -> ConfigError:
        """Return the one sentence that names the file, the key, what it must be and what it is."""
        place = " ".join(part for part in (f"[{self._name}]" if self._name else "", key) if part)
        return ConfigError(f"{self.file}: {place}: {must}, not {_shown(value)}.")

    def text(self, key: str, default: str) -> str:
        value = self._take(key, default)
        if not isinstance(value, str):
            raise self.error(key, "it is a text in quotes", value)
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.error(key, "it is true or false", value)
        return value

    def number(self, key: str, default: float, least: float, most: float) -> float:
        """Return a number of seconds within the bounds."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise self.error(key, f"it is a number of seconds between {least:g} and {most:g}", value)
        return float(value)

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(key, f"it is a whole number between {least} and {most}", value)
        return value

    def choice(self, key: str, default: str, choices: Collection[str]) -> str:
        value = self._take(key, default)
        if value not in choices:
            raise self.error(key, f"it is one of {', '.join(choices)}", value)
        return cast("str", value)

    def texts(self, key: str, choices: Collection[str] | None = None) -> tuple[str, ...]:
        """Return a list of texts, each one of `choices` if there are any."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error(key, "it is a list of texts in quotes", value)
        for item in value:
            if choices is not None and item not in choices:
                raise self.error(key, f"each is one of {', '.join(choices)}", item)
        return tuple(value)

    def size(self, key: str, default: int) -> int:
        """Return bytes: a whole number, or a text like "4G"."""
        value = self._take(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_BYTES:
            return value
        if isinstance(value, str):
            try:
                return parse_size(value)
            except (KvmtuiError, ValueError):
                pass
        raise self.error(key, 'it is a size like "4G"', value)

    def table(self, key: str) -> Table:
        """Return the table of that name, empty when the file has none."""
        value = self._take(key, {})
        self._tables.append(key)
        name = f"{self._name}.{key}" if self._name else key
        if not isinstance(value, dict):
            raise self.error(key, f"it is a table, written [{name}]", value)
        return Table(self.file, name, value)

    def tables(self, key: str) -> Iterator[tuple[str, Table]]:
        """Yield the tables under that name, e.g. each [hosts.NAME]."""
        under = self.table(key)
        for name in under.names():
            yield name, under.table(name)

    def finish(self) -> None:
        """Refuse what nobody asked for, with the nearest name that exists."""
        for key, value in self._values.items():
            if key in self._known:
                continue
            if isinstance(value, dict):
                text = f"unknown table [{self._name + '.' if self._name else ''}{key}]{nearest(key, self._tables)}"
            else:
                place = f"[{self._name}]" if self._name else "the top of the file"
                text = f"unknown key `{key}` in {place}{nearest(key, self._known)}"
            raise ConfigError(text, hint=f"({self.file})")

    def _take(self, key: str, default: object) -> object:
        self._known.append(key)
        return self._values.get(key, default)


def _shown(value: object) -> str:
    """Return the value as the file might write it, shortened."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
