"""Keys that move the selection, and how soon they show."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.recording import Recording

PRESSES = 40
AFTER_KEY = 0.12  # seconds: what comes to the terminal within them is counted to the key


def press(recording: Recording, presses: int = PRESSES) -> tuple[Sequence[float], Sequence[float]]:
    """Move the selection down and up; returns the milliseconds to the row and the bytes of each key."""
    chance = random.Random(7)  # noqa: S311 - keys at moments that do not keep step with the refresh
    latencies, sizes = [], []
    for count in range(presses):
        recording.catch_up()
        before = recording.selected()
        key = b"\x1b[B" if count // 8 % 2 == 0 else b"\x1b[A"
        sent = recording.send(key)
        seen = recording.until(
            lambda recording, before=before: recording.selected() not in (None, before),  # type: ignore[misc]
            "another highlighted row",
        )
        latencies.append(1000 * (seen - sent))
        time.sleep(max(0.0, sent + AFTER_KEY - time.monotonic()))
        sizes.append(float(recording.bytes_between(sent, sent + AFTER_KEY)))
        time.sleep(chance.uniform(0.05, 0.35))
    return latencies, sizes
