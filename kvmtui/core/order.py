"""How rows keep their places while a person works, and when they may move.

The order is made anew when it is asked for, or when no key has come for a while. Between, rows that are new
go to the end of their band and rows that vanish fall out, except the one under the cursor: it stays where it
was, as "gone", until the cursor leaves it. So what is under the cursor never becomes something else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

HOLD = 10.0  # seconds after a key in which nothing moves

K = TypeVar("K", bound=Hashable)


class Place(NamedTuple):
    """Where a row belongs: its band (0 first), and its sort key within it."""

    band: int
    key: Any  # anything that compares with the others of its band


class Order(Generic[K]):
    """The places of a table's rows."""

    def __init__(self, hold: float = HOLD) -> None:
        self._hold = hold
        self._held_until = 0.0
        self._keys: list[K] = []
        self._bands: dict[K, int] = {}
        self._cursor: K | None = None
        self._gone: dict[K, float] = {}
        self._new = 0

    @property
    def keys(self) -> tuple[K, ...]:
        """The keys as last arranged."""
        return tuple(self._keys)

    @property
    def new(self) -> int:
        """How many rows came since the order was made."""
        return self._new

    @property
    def gone(self) -> Mapping[K, float]:
        """The rows that vanished and are still shown, with when that was seen."""
        return self._gone

    @property
    def cursor(self) -> K | None:
        """The row that the cursor is on."""
        return self._cursor

    def places_to_find(self, now: float, *, resort: bool) -> Callable[[K], bool]:
        """Return what tells whether `arrange` would look at a row's sort key: of a row that keeps its place, never."""
        if resort or not self.held(now) or not self._keys:
            return lambda _: True
        bands = self._bands
        return lambda key: key not in bands

    def band(self, key: K) -> int:
        """Return the band in which the row stands at present."""
        return self._bands[key]

    def touch(self, now: float) -> None:
        """Say that a key came: nothing moves for a while."""
        self._held_until = now + self._hold

    def held(self, now: float) -> bool:
        """Return whether rows keep their places."""
        return 0.0 < self._held_until - now <= self._hold  # also when the clock is set back

    def point(self, key: K | None) -> None:
        """Say which row the cursor is on; a gone row that it leaves falls out at once."""
        if key != self._cursor:
            self._drop_gone()
        self._cursor = key

    def arrange(self, rows: Mapping[K, tuple[int, Any]], now: float, *, resort: bool = False) -> list[K]:
        """Return the keys in their order; `resort` makes the order anew, as does a while without a key."""
        for key in [key for key in self._gone if key in rows]:
            del self._gone[key]  # it is back
        lost = self._cursor
        if lost is not None and lost not in rows and lost in self._bands:
            self._gone.setdefault(lost, now)
        if resort or not self.held(now) or not self._keys:
            self._sort(rows)
        else:
            self._keep(rows)
        return list(self._keys)

    def _sort(self, rows: Mapping[K, tuple[int, Any]]) -> None:
        places = [(self._keys.index(key), key, self._bands[key]) for key in self._gone]
        self._keys = sorted(rows, key=rows.__getitem__)
        self._bands = {key: place[0] for key, place in rows.items()}
        for index, key, band in places:
            self._keys.insert(index, key)
            self._bands[key] = band
        self._new = 0

    def _keep(self, rows: Mapping[K, tuple[int, Any]]) -> None:
        bands, gone = self._bands, self._gone
        if len(self._keys) - len(gone) != len(rows) or not all(map(rows.__contains__, bands)):
            self._keys = [key for key in self._keys if key in rows or key in gone]
            self._bands = bands = {key: bands[key] for key in self._keys}
        added = [key for key in rows if key not in bands]
        if added:
            self._append(added, rows)

    def _append(self, added: list[K], rows: Mapping[K, tuple[int, Any]]) -> None:
        """Put new rows after the last row of their band."""
        self._new += len(added)
        added.sort(key=rows.__getitem__)
        last: dict[int, int] = {}  # by band: where its last row is
        for index, key in enumerate(self._keys):
            if key not in self._gone:
                last[self._bands[key]] = index
        behind: dict[int, list[K]] = {}  # by index: who comes next
        for key in added:
            band = rows[key][0]
            index = max([place for held, place in last.items() if held <= band], default=-1)
            behind.setdefault(index, []).append(key)
            self._bands[key] = band
        keys = behind.pop(-1, [])
        for index, key in enumerate(self._keys):
            keys.append(key)
            keys.extend(behind.get(index, ()))
        self._keys = keys

    def _drop_gone(self) -> None:
        for key in self._gone:
            self._keys.remove(key)
            del self._bands[key]
        self._gone.clear()
