"""When Python looks for garbage in cycles: never by itself, but in a pause of who types.

What is painted and what a tick reads is freed without such a search; a page that was left is a few thousand objects of
garbage. Python would search whenever it likes, all that was made since the last time: with 5,000 VMs that holds a key
up for 60 ms, every second.
"""

from __future__ import annotations

import gc
import time

_WORTH = 20_000  # objects more than after the last search for which another one is worth its while: 2 MiB
_PAUSE = 0.3  # seconds without a key in which a search through what is new is in nobody's way
_SOON = 10.0  # seconds between two of them
_MUCH = 200_000  # objects more for which it waits no longer: about 20 MiB
_QUIET = 5.0  # seconds without a key after which a search through everything is in nobody's way
_EVERY = 60.0  # seconds between two of those


class GarbageSearch:
    """Searches at good moments for what reference counts cannot free; Python by itself does so at any."""

    def __init__(self) -> None:
        self._whole = self._new = time.monotonic()  # when everything was searched, and what was new

    def hold(self) -> None:
        """Have nothing searched but by `consider`, and leave what exists by now to the search through everything."""
        gc.disable()
        gc.freeze()
        self._whole = self._new = time.monotonic()

    def consider(self, quiet: float) -> None:
        """Search if it is time; `quiet` is the seconds since the last key. To be called each second."""
        now = time.monotonic()
        if quiet >= _QUIET and now - self._whole >= _EVERY:
            gc.unfreeze()
            gc.collect()
            self.hold()
            return
        more = gc.get_count()[0]
        if (more >= _WORTH and quiet >= _PAUSE and now - self._new >= _SOON) or more >= _MUCH:
            gc.collect()
            gc.freeze()  # what has outlived it is not searched again with what is new then
            self._new = now
