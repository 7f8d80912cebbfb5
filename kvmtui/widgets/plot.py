"""Lines of numbers over time on a raster of braille dots, or of signs in ASCII. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, isnan, log10
from typing import NamedTuple

BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column of a cell
ASCII_SIGNS = "*+ox#@"
BROKEN_AFTER = 2.5  # medians between points: a longer wait is a gap


class Series(NamedTuple):
    """One line: times are epoch seconds, ascending; NaN is a gap."""

    name: str
    times: Sequence[float]
    values: Sequence[float]


class Mark(NamedTuple):
    """An event on the time axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What a chart shows: `start` to `end` in epoch seconds; `top` is the axis's end, None: what the values need."""

    title: str
    series: tuple[Series, ...]
    start: float
    end: float
    top: float | None = 100.0
    bottom: float = 0.0
    unit: Callable[[float], str] = "{:.0f}".format
    marks: tuple[Mark, ...] = ()
    note: str = ""  # said where there is nothing to draw


class Grid:
    """A raster of cells, each with braille dots, or a sign in ASCII, and the series that was drawn last there."""

    def __init__(self, width: int, height: int, *, ascii_only: bool) -> None:
        self.width, self.height = width, height
        self._ascii = ascii_only
        self._across, self._down = (1, 1) if ascii_only else (2, 4)
        self._dots = [bytearray(width) for _ in range(height)]
        self._owners = [bytearray(width) for _ in range(height)]

    @property
    def points(self) -> tuple[int, int]:
        """How many points there are across and down."""
        return self.width * self._across, self.height * self._down

    def line(self, owner: int, from_: tuple[int, int], to: tuple[int, int]) -> None:
        """Draw from one point to the other; y grows downwards. The owner is a series' number from 1."""
        (x, y), (x_end, y_end) = from_, to
        steps = max(abs(x_end - x), abs(y_end - y))
        if not steps:
            self.dot(owner, x, y)
            return
        for step in range(steps + 1):
            self.dot(owner, x + round((x_end - x) * step / steps), y + round((y_end - y) * step / steps))

    def dot(self, owner: int, x: int, y: int) -> None:
        """Draw one point; one outside is not drawn."""
        column, row = x // self._across, y // self._down
        if 0 <= column < self.width and 0 <= row < self.height:
            self._dots[row][column] |= 1 if self._ascii else DOTS[y % 4][x % 2]
            self._owners[row][column] = owner

    def row(self, y: int) -> list[tuple[str, int]]:
        """Return a row of cells as runs of text, each with its owner (0: nobody)."""
        runs: list[tuple[str, int]] = []
        text, last = "", 0
        for dots, owner in zip(self._dots[y], self._owners[y], strict=True):
            sign = (
                " " if not dots else ASCII_SIGNS[(owner - 1) % len(ASCII_SIGNS)] if self._ascii else chr(BRAILLE + dots)
            )
            if dots and owner != last:
                if text.strip():
                    runs.append((text, last))
                    text = ""
                last = owner
            text += sign
        return [*runs, (text, last)]


def plot(picture: Picture, grid: Grid, top: float) -> None:
    """Draw the series of a picture; points further apart than usual are not joined."""
    across, down = grid.points
    seconds, span = max(1e-9, picture.end - picture.start), max(1e-9, top - picture.bottom)
    for owner, series in enumerate(picture.series, 1):
        first = max(0, bisect_left(series.times, picture.start) - 1)
        times, values = series.times[first:], series.values[first:]
        longest = usual(times) * BROKEN_AFTER
        last: tuple[int, int] | None = None
        last_at = 0.0
        for at, value in zip(times, values, strict=False):
            if at > picture.end + longest or isnan(value):
                last = None
                continue
            x = min(across, int((at - picture.start) / seconds * (across - 1)))
            y = round((top - min(top, max(picture.bottom, value))) / span * (down - 1))
            if x >= 0:
                if last is not None and at - last_at <= longest:
                    grid.line(owner, (max(-1, last[0]), last[1]), (x, y))
                else:
                    grid.dot(owner, x, y)
            last, last_at = (x, y), at


def usual(times: Sequence[float]) -> float:
    """Return the median of the times between points."""
    waits = sorted(after - before for before, after in pairwise(times))
    return waits[len(waits) // 2] if waits else 1.0


def round_top(picture: Picture) -> float:
    """Return the axis's end: the given one, or the next round number over the largest value shown."""
    if picture.top is not None:
        return picture.top
    largest = max(
        (
            value
            for series in picture.series
            for at, value in zip(series.times, series.values, strict=False)
            if picture.start <= at <= picture.end and not isnan(value)
        ),
        default=0.0,
    )
    if largest <= picture.bottom:
        return picture.bottom + 1.0
    power = 10.0 ** floor(log10(largest))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= largest * 0.999999)
