"""Keys that move the selection, and how soon they show."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.figures import number, percentile, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.recording import Recording

PRESSES = 40
REACH = 8  # rows down and up
AFTER_KEY = 0.12  # seconds: what comes to the terminal within them is counted to the key
DRAWN = 500  # samples made of a sample
DOWN, UP = b"\x1b[B", b"\x1b[A"


class Press(NamedTuple):
    """What one key took until its row was highlighted, in milliseconds."""

    took: float
    waited: float
    """Of it, how long the program waited for a CPU: what others on this machine cost."""


@dataclass(frozen=True, slots=True)
class Presses:
    """What many keys took."""

    each: list[Press] = field(default_factory=list)

    @property
    def p95(self) -> float:
        """Milliseconds."""
        return percentile([press.took for press in self.each], 95)

    @property
    def own(self) -> float:
        """The same without what others cost."""
        return percentile([press.took - press.waited for press in self.each], 95)

    @property
    def about(self) -> str:
        """The sample in a few words."""
        return f"{spread([press.took for press in self.each])}; p95 {number(self.own)} without waits for a CPU"


def chance_of(during: Presses, before: Presses) -> str:
    """Return between which values the ratio of two p95 would be in nine of ten such samples."""
    chance = random.Random(7)  # noqa: S311 - the same words for the same samples
    ratios = []
    for _ in range(DRAWN):
        drawn = [Presses(chance.choices(one.each, k=len(one.each))).p95 for one in (during, before)]
        ratios.append(drawn[0] / drawn[1])
    return f"{number(percentile(ratios, 5))} to {number(percentile(ratios, 95))} in nine of ten such samples"


class Finger:
    """Moves the selection down and up for as long as it is let, while rows may come, go and move by themselves."""

    def __init__(self, recording: Recording, reach: int = 5) -> None:
        """`reach`: by how many rows it goes away from where it began."""
        self._recording = recording
        self._reach = reach
        self._count = 0
        self.chance = random.Random(7)  # noqa: S311 - keys at moments that do not keep step with the refresh

    def during(self, seconds: float, before_each: Callable[[], None] | None = None) -> list[Press]:
        """Press keys for so long."""
        made = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if before_each is not None:
                self._recording.catch_up()
                before_each()
            made.append(self.press())
            time.sleep(self.chance.uniform(0.04, 0.2))
        return made

    def press(self) -> Press:
        """Press the next key."""
        recording = self._recording
        recording.catch_up()
        before = name(recording)
        if recording.is_at_top():
            self._count = 0  # rows above it have gone
        key = DOWN if self._count // self._reach % 2 == 0 else UP
        self._count += 1
        waited = recording.waited()
        sent = recording.send(key)
        seen = recording.until(lambda recording: name(recording) not in ("", before), "another highlighted row")
        return Press(1000 * (seen - sent), 1000 * (recording.waited(seen) - waited))


def press(recording: Recording, presses: int = PRESSES) -> tuple[Presses, Sequence[float]]:
    """Move the selection down and up; returns what each key took, and its bytes."""
    finger = Finger(recording, REACH)
    made, sizes = Presses(), []
    for _ in range(presses):
        began = time.monotonic()
        made.each.append(finger.press())
        time.sleep(max(0.0, began + AFTER_KEY - time.monotonic()))
        sizes.append(float(recording.bytes_between(began, began + AFTER_KEY)))
        time.sleep(finger.chance.uniform(0.05, 0.35))
    return made, sizes


def name(recording: Recording) -> str:
    """Return the name in the highlighted row, wherever that stands; "" when none is seen."""
    selected = recording.selected()
    return "" if selected is None else selected[1]
