"""The machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """A `core.clock.Clock` that tells the real time."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
