"""What keeps a question from being answered by what was typed before anybody could read it. Pure."""

from __future__ import annotations

GUARD = 0.4  # seconds since a question was painted, and since the last key before, until one answers it


class Guard:
    """Lets keys through once the question stood there for a while without one. Times are monotonic seconds.

    A key that comes too early begins the while anew: what goes on key by key where it opened the question, as a paste
    through a slow line does, answers it at no speed. Nothing is lost by one that cancels, which waits for no pause.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._painted_at = self._since = float("inf")

    @property
    def is_up(self) -> bool:
        """Whether the question was painted."""
        return self._painted_at != float("inf")

    def begin(self, painted_at: float) -> None:
        """Count from now on: it can be read."""
        self._painted_at = self._since = painted_at

    def end(self) -> None:
        """Let nothing through until it has been painted again."""
        self.begin(float("inf"))

    def lets(self, arrived: float, *, cancels: bool = False) -> bool:
        """Tell whether what arrived then can have been meant for the question."""
        if arrived - (self._painted_at if cancels else self._since) >= self._pause:
            return True
        if not cancels:
            self._since = max(self._since, arrived)
        return False
