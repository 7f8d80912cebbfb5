"""Which of many keys are seen, and which one the cursor is on. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.widgets.rows import Rule

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


class Viewport:
    """A window of `height` lines on keys; the cursor belongs to a key, and the key keeps its line."""

    def __init__(self) -> None:
        self.keys: tuple[Hashable, ...] = ()
        self.height = 0  # lines
        self.top = 0  # index of the first key that is seen
        self.cursor: Hashable | None = None
        self.place = 0  # the cursor's index, also when its row is gone
        self._moved = False  # by a person
        self._begun = False

    @property
    def seen(self) -> tuple[Hashable, ...]:
        """The keys in the window."""
        return self.keys[self.top : self.top + self.height]

    def show(self, keys: Sequence[Hashable]) -> None:
        """Have these keys in this order."""
        line = self.place - self.top
        self.keys = tuple(keys)
        place = self.find(self.cursor)
        if place is not None:
            # Until somebody has moved, what is worst stays in sight at the top.
            self.top = 0 if not self._moved and place < self.height else place - line
            self.place = place
        elif self.cursor is not None:
            self.cursor = None
        elif not self._moved and not self._begun:
            self._put(self._near(0, 1))
        self._begun = self._begun or self.cursor is not None
        self.settle()

    def fit(self, height: int) -> None:
        """Have this many lines."""
        self.height = height
        self.settle()

    def move(self, rows: int) -> None:
        """Move the cursor by rows, up when negative."""
        place = self.place + rows
        if self.cursor is None and rows > 0:  # its row is gone: the next one has moved up to its place
            place -= 1
        self.go(place, 1 if rows > 0 else -1)

    def go(self, place: int, step: int) -> None:
        """Put the cursor on the row at a place, or the nearest in the direction of `step`."""
        self._moved = True
        self._put(self._near(max(0, min(place, len(self.keys) - 1)), step))

    def find(self, key: Hashable | None) -> int | None:
        """Return a key's index."""
        if key is None:
            return None
        if self.place < len(self.keys) and self.keys[self.place] == key:
            return self.place
        try:
            return self.keys.index(key)
        except ValueError:
            return None

    def settle(self) -> None:
        """Scroll as little as shows the cursor and fills the window."""
        if self.height <= 0:
            return
        if self.cursor is not None:
            self.top = min(self.top, self.place)
            self.top = max(self.top, self.place - self.height + 1)
        self.top = max(0, min(self.top, len(self.keys) - self.height))

    def _near(self, place: int, step: int) -> int | None:
        """Return the first place from `place` on, or else before it, that holds a row."""
        for way in (step, -step):
            at = place
            while 0 <= at < len(self.keys):
                if not isinstance(self.keys[at], Rule):
                    return at
                at += way
        return None

    def _put(self, place: int | None) -> None:
        if place is None:
            self.cursor = None
            return
        self.cursor, self.place = self.keys[place], place
        if place == self._near(0, 1):
            self.top = 0  # with the rule above it
        self.settle()
