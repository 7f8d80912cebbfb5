"""When Python looks for garbage in cycles: in small bites, and all of it while nobody types.

What is painted and what a tick reads is freed without it; a page that was left is a few thousand objects of garbage.
With 5,000 VMs one search through everything takes 0.2 s.
"""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BITE = 5_000  # objects made and not freed since the last bite: 2 ms to search
_BITES = 3  # after which what has outlived them is searched, too: 10 ms
_WORTH = 4  # times that this was done before a search through all that is new is worth its while
_PAUSE = 0.3  # seconds without a key in which such a search is in nobody's way
_SOON = 10.0  # seconds between two of them
_LATE = 15.0  # seconds after which there is one even while somebody types
_QUIET = 5.0  # seconds without a key after which a search through everything is in nobody's way
_EVERY = 60.0  # seconds between two of those


@contextmanager
def unsearched() -> Iterator[None]:
    """Have nothing searched for during work that makes much and keeps little: with 5,000 VMs that is half its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class GarbageSearch:
    """Searches at good moments for what reference counts cannot free; Python by itself does so at any."""

    def __init__(self) -> None:
        self._whole = self._new = time.monotonic()  # when everything was searched, and what was new

    def hold(self) -> None:
        """Leave everything that exists by now out of the searches, but for the one through everything."""
        gc.freeze()
        gc.enable()
        gc.set_threshold(_BITE, _BITES, 1_000_000)
        self._whole = self._new = time.monotonic()

    def consider(self, quiet: float) -> None:
        """Search if it is time; `quiet` is the seconds since the last key. To be called each second."""
        now = time.monotonic()
        if quiet >= _QUIET and now - self._whole >= _EVERY:
            gc.unfreeze()
            gc.collect()
            self.hold()
        elif gc.get_count()[2] >= _WORTH and now - self._new >= (_SOON if quiet >= _PAUSE else _LATE):
            gc.collect()
            self._new = now
