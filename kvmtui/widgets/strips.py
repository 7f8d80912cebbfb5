"""Lines of a screen that free themselves.

Textual keeps what a strip is divided into with the strip, and a strip that is as wide as its screen is divided into
itself: each such line would be a circle, which only a search for garbage finds. A key paints a few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_divide = Strip.divide


def divide(strip: Strip, cuts: Iterable[int]) -> Sequence[Strip]:
    """Return the pieces of a strip up to each cut (cells from its start)."""
    places = [cut for cut in cuts if cut <= strip.cell_length]
    return [strip] if places == [strip.cell_length] else _divide(strip, places)


def install() -> None:
    """Divide all strips so from now on."""
    Strip.divide = divide  # type: ignore[method-assign, assignment] # see above
