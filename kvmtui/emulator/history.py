"""The lines that left the screen at its top, the newest last, bounded in number and in memory."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.emulator.row import Line

RUNS_PER_LINE = 16  # on average over a full history: a guest that colours every cell keeps fewer lines


class History:
    """What was on the screen before."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.pushed = 0  # how many lines ever came, less those that went back to the screen
        self._lines: deque[Line] = deque()
        self._runs = 0  # in the lines that are not plain text
        self._most_runs = most * RUNS_PER_LINE

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, age: int) -> Line:
        """Return a line by its age: 1 is the newest."""
        return self._lines[-age]

    def push(self, line: Line) -> None:
        """Keep a line, and let go of the oldest when there are too many."""
        self.pushed += 1
        self._lines.append(line)
        if not isinstance(line, str):
            self._runs += len(line)
        if len(self._lines) > self.most or self._runs > self._most_runs:
            self._trim()

    def push_texts(self, texts: Sequence[str]) -> None:
        """Keep many plain lines in one step."""
        self.pushed += len(texts)
        self._lines.extend(texts[-self.most :] if self.most else ())
        self._trim()

    def pull(self) -> Line | None:
        """Give the newest line back to the screen; None when there is none."""
        if not self._lines:
            return None
        self.pushed -= 1
        line = self._lines.pop()
        self._runs -= _runs_in(line)
        return line

    def clear(self) -> None:
        self._lines.clear()
        self._runs = 0

    def _trim(self) -> None:
        while len(self._lines) > self.most or self._runs > self._most_runs:
            self._runs -= _runs_in(self._lines.popleft())


def _runs_in(line: Line) -> int:
    return 0 if isinstance(line, str) else len(line)
