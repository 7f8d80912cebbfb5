"""A line of text that shows a course in eight heights, over a range that is given and never guessed."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from kvmtui.widgets.glyphs import UNICODE, Glyphs

if TYPE_CHECKING:
    from collections.abc import Iterable


def sparkline(values: Iterable[float | None], low: float = 0.0, high: float = 100.0, glyphs: Glyphs = UNICODE) -> str:
    """Return a character for each value: a space where it is not known, else one of eight heights."""
    levels = glyphs.levels
    scale = 8 / (high - low) if high > low else 0.0
    return "".join(
        levels[0] if value is None or isnan(value) else levels[max(1, min(8, int((value - low) * scale) + 1))]
        for value in values
    )
