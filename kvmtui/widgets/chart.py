"""A line chart in braille: axes with units, a legend, gaps as gaps, events on the time axis, and a read-out cursor."""

from __future__ import annotations

from bisect import bisect_left
from math import ceil, isnan
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kvmtui.core.text import cell_width, safe, shorten
from kvmtui.core.units import hhmm, hhmmss
from kvmtui.widgets.glyphs import UNICODE, Glyphs
from kvmtui.widgets.plot import ASCII_SIGNS, BROKEN_AFTER, Grid, Mark, Picture, Series, plot, round_top, usual

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

SERIES_STYLES = 6


class Chart(Widget, can_focus=True):
    """Draws a `Picture`; left and right move the read-out, plus and minus ask for another zoom."""

    DEFAULT_CSS = """
    Chart {
        height: 12;
        & > .chart--title { text-style: bold; }
        & > .chart--axis { color: $text-muted; }
        & > .chart--mark { color: $text-accent; }
        & > .chart--cursor { color: $text-accent; text-style: bold reverse; }
        & > .chart--1 { color: $text-accent; }
        & > .chart--2 { color: $text-warning; }
        & > .chart--3 { color: $text-success; }
        & > .chart--4 { color: $text-error; }
        & > .chart--5 { color: $text-secondary; }
        & > .chart--6 { color: $text-primary; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "chart--title",
        "chart--axis",
        "chart--mark",
        "chart--cursor",
        *(f"chart--{number}" for number in range(1, SERIES_STYLES + 1)),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "read(-1)", "read back", show=False, id="chart.back"),
        Binding("right", "read(1)", "read on", show=False, id="chart.on"),
        Binding("plus", "zoom(-1)", "shorter", show=False, id="chart.in"),
        Binding("minus", "zoom(1)", "longer", show=False, id="chart.out"),
    ]

    class Zoomed(Message):
        """Another span of time is wanted: -1 a shorter one, 1 a longer one."""

        def __init__(self, chart: Chart, step: int) -> None:
            super().__init__()
            self.chart = chart
            self.step = step

    class Read(Message):
        """The read-out is at another time; None: it is off."""

        def __init__(self, chart: Chart, at: float | None) -> None:
            super().__init__()
            self.chart = chart
            self.at = at

    def __init__(
        self,
        picture: Picture | None = None,
        *,
        glyphs: Glyphs = UNICODE,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._picture = picture or Picture("", (), 0.0, 1.0)
        self._glyphs = glyphs
        self._at: float | None = None
        self._drawn: list[list[tuple[str, str]]] = []
        self._left = 0  # cells of the axis's labels

    @property
    def read_at(self) -> float | None:
        """The time of the read-out, epoch seconds."""
        return self._at

    def show(self, picture: Picture) -> None:
        """Draw another picture; only lines that differ are painted."""
        self._picture = picture
        self._redraw()

    def read(self, at: float | None) -> None:
        """Put the read-out at a time; charts that stand together share it."""
        self._at = at
        self._redraw()

    def action_read(self, step: int) -> None:
        """Move the read-out by one cell."""
        picture = self._picture
        width = max(1, self._plot_width)
        cell = (picture.end - picture.start) / width
        start = picture.end if self._at is None else self._at
        self.read(max(picture.start, min(picture.end - cell / 2, start + step * cell)))
        self.post_message(self.Read(self, self._at))

    def action_zoom(self, step: int) -> None:
        """Ask for another span of time."""
        self.post_message(self.Zoomed(self, step))

    def on_click(self, event: events.Click) -> None:
        """Read where the mouse points."""
        picture, x = self._picture, event.x - self._left
        if 0 <= x < self._plot_width:
            self.read(picture.start + (x + 0.5) / self._plot_width * (picture.end - picture.start))
            self.post_message(self.Read(self, self._at))

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._drawn = []
        self._redraw()

    @property
    def plain(self) -> str:
        """What it shows, without colours."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self._drawn)

    # --- drawing ---------------------------------------------------------------------------------

    @property
    def _plot_width(self) -> int:
        return max(0, self.size.width - self._left)

    def _redraw(self) -> None:
        if not self.size.width or self.size.height < 4:
            return
        before, self._drawn = self._drawn, self._draw(self.size.width, self.size.height)
        for y, line in enumerate(self._drawn):
            if y >= len(before) or before[y] != line:
                self.refresh(Region(0, y, self.size.width, 1))

    def _draw(self, width: int, height: int) -> list[list[tuple[str, str]]]:
        """Return each line as runs of text and the component that styles it."""
        picture, glyphs = self._picture, self._glyphs
        top = round_top(picture)
        rows = height - 3  # the title, the time axis, its labels
        labels = {
            0: top,
            rows // 2: top - (top - picture.bottom) * (rows // 2) / max(1, rows - 1),
            rows - 1: picture.bottom,
        }
        said = {row: picture.unit(value) for row, value in labels.items()}
        self._left = max(map(cell_width, said.values())) + 1
        grid = Grid(max(1, width - self._left), rows, ascii_only=glyphs.ascii)
        plot(picture, grid, top)
        lines = [self._legend(width)]
        for row in range(rows):
            axis = said.get(row, "").rjust(self._left - 1) + (glyphs.tick if row in said else glyphs.axis)
            lines.append([(axis, "axis"), *self._coloured(grid.row(row))])
        if picture.note and not any(series.values for series in picture.series):
            lines[1 + rows // 2] = [(f"{'':{self._left}}{safe(picture.note)}", "axis")]
        return [*lines, *self._time_axis(grid.width)]

    @staticmethod
    def _coloured(runs: list[tuple[str, int]]) -> list[tuple[str, str]]:
        return [(text, str((owner - 1) % SERIES_STYLES + 1) if owner else "") for text, owner in runs]

    def _column(self, at: float | None) -> int | None:
        picture = self._picture
        if at is None or not picture.start <= at <= picture.end:
            return None
        share = (at - picture.start) / max(1e-9, picture.end - picture.start)
        return min(self._plot_width - 1, int(share * self._plot_width))

    def _legend(self, width: int) -> list[tuple[str, str]]:
        """Return the title, each series with its newest value or the one at the read-out, and an event near it."""
        picture = self._picture
        title = safe(picture.title) + (f"  {hhmmss(self._at)}" if self._at is not None else "")
        parts = [(title, "title")]
        for number, series in enumerate(picture.series):
            sign = ASCII_SIGNS[number % len(ASCII_SIGNS)] if self._glyphs.ascii else "─"
            value = self._value(series)
            said = "-" if value is None else picture.unit(value)
            parts.append((f"  {sign} {safe(series.name)} {said}", str(number % SERIES_STYLES + 1)))
        near = self._near_mark()
        if near is not None:
            parts.append((f"  {hhmmss(near.at)} {safe(near.text)}", "mark"))
        room = width
        fitted = []
        for text, use in parts:
            fitted.append((shorten(text, room), use))
            room = max(0, room - cell_width(text))
        return [part for part in fitted if part[0]]

    def _value(self, series: Series) -> float | None:
        """Return what a series reads at the read-out, or its newest value; None in a gap."""
        if not series.times:
            return None
        if self._at is None:
            index = len(series.times) - 1
        else:
            index = bisect_left(series.times, self._at)
            if index == len(series.times) or (
                index and self._at - series.times[index - 1] < series.times[index] - self._at
            ):
                index -= 1
            if abs(series.times[index] - self._at) > usual(series.times) * BROKEN_AFTER:
                return None
        value = series.values[index]
        return None if isnan(value) else value

    def _near_mark(self) -> Mark | None:
        """Return the event within a cell of the read-out."""
        if self._at is None:
            return None
        cell = (self._picture.end - self._picture.start) / max(1, self._plot_width)
        near = [mark for mark in self._picture.marks if abs(mark.at - self._at) <= cell]
        return min(near, key=lambda mark: abs(mark.at - (self._at or 0.0)), default=None)

    def _time_axis(self, width: int) -> list[list[tuple[str, str]]]:
        """Return the axis with the events on it, and the times below."""
        picture, glyphs = self._picture, self._glyphs
        axis = ["-" if glyphs.ascii else "─"] * width
        for mark in picture.marks:
            column = self._column(mark.at)
            if column is not None:
                axis[column] = glyphs.event
        runs = [(" " * (self._left - 1) + glyphs.corner, "axis")]
        # The read-out stands on this line alone: through the curves it would have every line sent anew.
        reading = self._column(self._at)
        for column, sign in enumerate(axis):
            use = "cursor" if column == reading else "mark" if sign == glyphs.event else "axis"
            if runs[-1][1] == use:
                runs[-1] = (runs[-1][0] + sign, use)
            else:
                runs.append((sign, use))
        seconds = picture.end - picture.start
        written = hhmmss if seconds < 600 else hhmm
        room = len(written(picture.start)) + 4
        count = max(1, min(6, ceil(width / (room * 2))))
        labels = [" "] * (self._left + width)
        for step in range(count + 1):
            label = written(picture.start + seconds * step / count)
            at = self._left + round((width - len(label)) * step / count)
            labels[at : at + len(label)] = label
        return [runs, [("".join(labels), "axis")]]

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        base = self.rich_style
        line = self._drawn[y] if y < len(self._drawn) else []
        return Strip([Segment(text, self._style(use, base)) for text, use in line]).adjust_cell_length(
            self.size.width, base
        )

    def _style(self, use: str, base: Style) -> Style:
        return base + self.get_component_rich_style(f"chart--{use}", partial=True) if use else base
