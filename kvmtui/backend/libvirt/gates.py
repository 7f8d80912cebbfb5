"""How many logins are under way to one machine: sshd drops some at random when ten wait (MaxStartups 10:30:100)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 8
LOOK = 0.1  # seconds between two looks whether somebody still wants in

_gates: dict[str, Gate] = {}
_making = threading.Lock()


class Gate:
    """Lets a bounded number of logins through at a time; fewer after the machine has turned one away."""

    def __init__(self) -> None:
        self._inside = 0
        self._most = MOST
        self._news = threading.Condition()

    @classmethod
    def to(cls, machine: str) -> Gate:
        """Return the gate that all logins to this machine go through."""
        with _making:
            return _gates.setdefault(machine, cls())

    def enter(self, is_over: Callable[[], bool]) -> bool:
        """Wait for a place; False when `is_over` says that nobody wants it any more."""
        with self._news:
            while self._inside >= self._most:
                if is_over():
                    return False
                self._news.wait(LOOK)
            self._inside += 1
            return True

    def leave(self, *, turned_away: bool) -> None:
        """Give the place back, and say whether the machine had too many."""
        with self._news:
            self._inside -= 1
            self._most = max(1, self._most // 2) if turned_away else min(MOST, self._most + 1)
            self._news.notify()
