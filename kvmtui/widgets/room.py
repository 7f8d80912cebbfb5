"""How much room a terminal must have."""

from __future__ import annotations

LEAST = (60, 15)  # columns and lines below which nothing can be shown as it should


def is_small(width: int, height: int) -> bool:
    """Whether a terminal has too little room."""
    return width < LEAST[0] or height < LEAST[1]
