"""What a clock gives; the real one is made at the edge, tests and the demo give their own."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Two readings of time: the wall's for people, the monotonic one for rates and deadlines."""

    def now(self) -> float:
        """Return seconds since the epoch (UTC)."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never step back."""
        ...
