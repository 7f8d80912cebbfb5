"""Where a person is and was: places with a history, as in a browser."""

from __future__ import annotations

from typing import NamedTuple

from kvmtui.core.inventory import VmRef

DEPTH = 50


class Place(NamedTuple):
    """A screen and what it shows."""

    name: str  # "fleet", "vms", "hosts", "tasks", "log", "vm", "host"
    host: str = ""
    uuid: str = ""

    @property
    def ref(self) -> VmRef:
        """The VM of a `vm` place."""
        return VmRef(self.host, self.uuid)


class Places:
    """The places that were visited, and which of them is shown."""

    def __init__(self, first: Place) -> None:
        self._visited = [first]
        self._at = 0
        self._before = first

    @property
    def here(self) -> Place:
        """The place that is shown."""
        return self._visited[self._at]

    @property
    def last(self) -> Place:
        """The place that was shown before this one."""
        return self._before

    def visit(self, place: Place) -> None:
        """Go to a new place; what was ahead in the history is forgotten."""
        if place == self.here:
            return
        self._before = self.here
        del self._visited[self._at + 1 :]
        self._visited.append(place)
        del self._visited[:-DEPTH]
        self._at = len(self._visited) - 1

    def step(self, by: int) -> Place | None:
        """Move in the history; None at its ends."""
        at = self._at + by
        if not 0 <= at < len(self._visited):
            return None
        self._before = self.here
        self._at = at
        return self.here
