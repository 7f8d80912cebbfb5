"""When Python looks for garbage in cycles: while nobody types, since with 5,000 VMs one search takes 0.2 s."""

from __future__ import annotations

import gc
import time

_YOUNG = 50_000  # objects made and not freed since the last search of the young ones; a large fleet needs a third
_QUIET = 5.0  # seconds without a key after which a whole search is in nobody's way
_EVERY = 60.0  # seconds between two whole searches
_LATEST = 600.0  # seconds after which what is new is searched even while somebody types


class GarbageSearch:
    """Searches at good moments for what reference counts cannot free; Python by itself does so at any."""

    def __init__(self) -> None:
        self._searched = time.monotonic()

    def hold(self) -> None:
        """Leave everything that exists by now out of Python's own searches, and make those rare."""
        gc.freeze()
        gc.enable()
        gc.set_threshold(_YOUNG, 50, 1000)
        self._searched = time.monotonic()

    def consider(self, quiet: float) -> None:
        """Search if it is time; `quiet` is the seconds since the last key."""
        waited = time.monotonic() - self._searched
        if quiet >= _QUIET and waited >= _EVERY:
            gc.unfreeze()
        elif waited < _LATEST:
            return
        gc.collect()
        self.hold()
