"""Lines that are more than there is room for: some of them, and a line that says how many more there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

LEAST = 2  # lines: one of the text, and the one that says that there is more
WHEEL = 3  # lines that the mouse wheel moves by
_STEPS = {"down": 1, "up": -1}


class Window:
    """Which part of some lines is shown."""

    def __init__(self) -> None:
        self._top = 0
        self._page = 0  # lines that were shown last; 0: all of them

    @property
    def is_part(self) -> bool:
        """Whether there was no room for all when they were last shown."""
        return self._page > 0

    def reset(self) -> None:
        """Begin at the top: it is another text."""
        self._top = 0

    def part(self, lines: Sequence[Text], room: int) -> list[Text]:
        """Return the lines to show in so much room."""
        if len(lines) <= room:
            self._top = self._page = 0
            return list(lines)
        self._page = max(LEAST, room) - 1
        self._top = max(0, min(self._top, len(lines) - self._page))
        below = len(lines) - self._top - self._page
        said = [f"{below} more line{'s' if below > 1 else ''}: PgDn"] if below else ["the end"]
        said += [f"{self._top} above: PgUp"] if self._top else []
        return [*lines[self._top : self._top + self._page], Text(f"... {', '.join(said)}", style="bold")]

    def key(self, key: str) -> bool:
        """Move by a key; False when it moves nothing."""
        if key not in ("pagedown", "pageup", *_STEPS) or not self.is_part:
            return False
        return self.move(_STEPS.get(key) or (self._page if key == "pagedown" else -self._page))

    def move(self, by: int) -> bool:
        """Move by lines; False when all are shown. The next `part` finds out where they end."""
        self._top = max(0, self._top + by)
        return self.is_part


def wrapped(lines: Iterable[Text], width: int, console: Console) -> list[Text]:
    """Return the lines as they stand in so many cells."""
    pieces = [piece for line in lines for piece in line.wrap(console, max(1, width))]
    for piece in pieces:
        piece.rstrip()
    return pieces
