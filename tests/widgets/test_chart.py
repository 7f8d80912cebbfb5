from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

import pytest
from textual import on
from textual.app import App, ComposeResult

from kvmtui.widgets.chart import Chart
from kvmtui.widgets.glyphs import ASCII, UNICODE, Glyphs, glyphs_for
from kvmtui.widgets.plot import Grid, Mark, Picture, Series, plot, round_top
from kvmtui.widgets.spark import sparkline

if TYPE_CHECKING:
    from textual.strip import Strip

START = 1_000_000.0  # 13:46:40 UTC


def picture(*values: float, top: float | None = 100.0, **more: Any) -> Picture:
    times = [START + 10 * index for index in range(len(values))]
    series = Series("web-1", times, values)
    return Picture("CPU", (series,), START, times[-1], top, unit=lambda value: f"{value:.0f} %", **more)


def drawn(what: Picture, width: int = 20, height: int = 5, *, ascii_only: bool = True) -> list[str]:
    grid = Grid(width, height, ascii_only=ascii_only)
    plot(what, grid, round_top(what))
    return ["".join(text for text, _ in grid.row(y)) for y in range(height)]


def test_a_line_goes_from_the_bottom_left_to_the_top_right() -> None:
    lines = drawn(picture(0, 25, 50, 75, 100))
    assert lines[0].endswith("*")
    assert lines[4].startswith("*")
    assert all(line.strip() for line in lines)


def test_braille_has_eight_points_a_cell() -> None:
    lines = drawn(picture(0, 100), 2, 1, ascii_only=False)
    assert lines == ["⡠⠊"]


def test_not_known_is_a_gap_and_not_a_line() -> None:
    lines = drawn(picture(50, 50, nan, nan, nan, 50, 50), 30)
    assert lines[2].strip("*").strip() == ""
    assert "*    " in lines[2]
    assert sum(line.count("*") for line in lines) < 20


def test_points_far_apart_are_not_joined() -> None:
    times = [START, START + 10, START + 20, START + 200, START + 210]
    what = Picture("CPU", (Series("a", times, [50] * 5),), START, START + 210)
    assert " " * 15 in drawn(what, 40)[2]


def test_a_picture_of_no_time_is_drawn_at_once() -> None:
    times = [START + 10 * index for index in range(500)]
    what = Picture("CPU", (Series("a", times, [50.0] * 500),), START + 100, START + 100)
    assert len(drawn(what, 40)) == 5


def test_percentages_have_a_fixed_axis_and_other_values_a_round_one() -> None:
    assert round_top(picture(1, 2, 3)) == 100.0
    assert round_top(picture(1, 2, 3, top=None)) == 5.0
    assert round_top(picture(1, 170, top=None)) == 200.0
    assert round_top(picture(0, 0, top=None)) == 1.0
    assert round_top(picture(nan, nan, top=None)) == 1.0


def test_values_over_the_top_stay_in_the_picture() -> None:
    lines = drawn(picture(150, 150, 150))
    assert lines[0].strip("*") == ""


def test_a_line_from_before_the_start_is_drawn_from_the_edge() -> None:
    what = Picture("CPU", (Series("a", [START - 10, START + 10], [50, 50]),), START, START + 20)
    assert drawn(what, 21)[2].startswith("*" * 10)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0, 12, 13, 50, 99, 100, 250, -5], "▁▁▂▅███▁"),
        ([None, nan, 50], "  ▅"),
        ([], ""),
    ],
)
def test_a_sparkline_has_eight_heights_over_a_fixed_range(values: list[float | None], text: str) -> None:
    assert sparkline(values) == text


def test_a_sparkline_in_ascii() -> None:
    line = sparkline([0, 50, None, 100], glyphs=ASCII)
    assert line == ".+ #"
    assert len(set(ASCII.levels)) == len(set(UNICODE.levels)) == 9


@pytest.mark.parametrize(
    ("environ", "glyphs"),
    [
        ({"LANG": "C"}, ASCII),
        ({}, ASCII),
        ({"LANG": "en_GB.UTF-8"}, UNICODE),
        ({"LANG": "en_GB.utf8@euro"}, UNICODE),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "C"}, ASCII),
        ({"LANG": "C.UTF-8", "TERM": "linux"}, ASCII),
    ],
)
def test_glyphs_follow_the_locale_and_the_terminal(environ: dict[str, str], glyphs: Glyphs) -> None:
    assert glyphs_for(environ) is glyphs


class Shown(App[None]):
    """A chart, and what it said."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Chart { height: 10; }"

    def __init__(self, glyphs: Glyphs = UNICODE) -> None:
        super().__init__()
        self.chart = Chart(glyphs=glyphs)
        self.said: list[object] = []

    def compose(self) -> ComposeResult:
        yield self.chart

    @on(Chart.Zoomed)
    def _zoomed(self, message: Chart.Zoomed) -> None:
        self.said.append(message.step)

    @on(Chart.Read)
    def _read(self, message: Chart.Read) -> None:
        self.said.append(message.at)


async def test_the_chart_tells_axes_units_legend_and_times() -> None:
    app = Shown()
    async with app.run_test(size=(60, 12)) as pilot:
        app.chart.show(picture(*range(61), marks=(Mark(START + 300, "migrated to hv2"),)))
        await pilot.pause()
        lines = app.chart.plain.split("\n")
        assert lines[0] == "CPU  ─ web-1 60 %"
        assert [line.split("┤")[0].strip() for line in lines if "┤" in line] == ["100 %", "50 %", "0 %"]
        assert lines[8].count("▾") == 1
        assert lines[9].split()[0] == "13:46"
        assert lines[9].split()[-1] == "13:56"


async def test_the_read_out_gives_exact_values_gaps_and_events() -> None:
    app = Shown()
    async with app.run_test(size=(80, 12)) as pilot:
        values = [float(value) for value in range(61)]
        values[40:45] = [nan] * 5
        app.chart.show(picture(*values, marks=(Mark(START + 300, "migrated to hv2"),)))
        app.chart.read(START + 301)
        assert app.chart.plain.split("\n")[0] == "CPU  13:51:41  ─ web-1 30 %  13:51:40 migrated to hv2"
        app.chart.read(START + 420)
        assert "web-1 -" in app.chart.plain.split("\n")[0]
        app.chart.focus()
        await pilot.press("left", "right", "plus", "minus")
        assert app.said[2:] == [-1, 1]
        assert app.chart.read_at == pytest.approx(START + 420)


async def test_only_lines_that_differ_are_painted_when_the_read_out_moves() -> None:
    app = Shown()
    async with app.run_test(size=(60, 12)) as pilot:
        app.chart.show(picture(*range(61)))
        app.chart.focus()
        await pilot.press("left")
        painted: list[int] = []
        original = app.chart.render_line

        def render_line(y: int) -> Strip:
            painted.append(y)
            return original(y)

        app.chart.render_line = render_line  # type: ignore[method-assign]
        await pilot.press("left")
        assert sorted(painted) == [0, 8]


async def test_a_chart_without_data_says_why() -> None:
    app = Shown(ASCII)
    async with app.run_test(size=(60, 12)) as pilot:
        app.chart.show(Picture("CPU", (Series("web-1", [], []),), START, START + 60, note="The VM is off."))
        await pilot.pause()
        assert "The VM is off." in app.chart.plain
        assert app.chart.plain.isascii()
        assert "web-1 -" in app.chart.plain


async def test_a_chart_survives_any_size() -> None:
    app = Shown()
    async with app.run_test(size=(60, 12)) as pilot:
        app.chart.show(picture(*range(61)))
        for size in ((1, 1), (5, 3), (20, 6), (200, 60)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
