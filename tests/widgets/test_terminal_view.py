from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.color import ColorType
from rich.style import Style
from textual.app import App, ComposeResult

from kvmtui.emulator import Emulator, Look
from kvmtui.widgets.terminal import TerminalView
from kvmtui.widgets.terminal_port import SHORTEST
from kvmtui.widgets.terminal_row import Mark, PaintedRow, places, strip_of, style_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot
    from textual.strip import Strip


class Shown(App[None]):
    """A guest's screen."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__()
        self.at = 100.0
        self.view = TerminalView(clock=lambda: self.at)
        self.emulator = Emulator()
        self.painted: list[int] = []
        original = self.view.render_line

        def render_line(y: int) -> Strip:
            self.painted.append(y)
            return original(y)

        self.view.render_line = render_line  # type: ignore[method-assign]

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.view.show(self.emulator)

    def feed(self, text: str) -> None:
        """The guest writes, long after the last painting."""
        self.at += 10
        self.emulator.feed(text.encode())
        self.view.touched()

    @property
    def lines(self) -> list[str]:
        return [self.view.render_line(y).text.rstrip() for y in range(self.view.size.height)]

    def reversed_cells(self) -> list[tuple[int, int, str]]:
        """Column, row and text of what is drawn in reverse."""
        found = []
        for y in range(self.view.size.height):
            x = 0
            for text, style, _ in self.view.render_line(y):
                if style is not None and style.reverse:
                    found.append((x, y, text))
                x += len(text)
        return found


async def until(pilot: Pilot[None], true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await pilot.pause(0.01)


async def test_it_shows_what_the_guest_wrote_and_the_cursor() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.feed("login: root\r\nhello\r\n$ ")
        await pilot.pause()
        assert app.lines[:3] == ["login: root", "hello", "$"]
        assert app.reversed_cells() == [(2, 2, " ")]
        app.feed("\x1b[?25l")
        await pilot.pause()
        assert app.reversed_cells() == []


async def test_only_rows_that_changed_are_painted() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.feed("one\r\ntwo\r\nthree\r\n")
        await pilot.pause()
        app.painted.clear()
        app.feed("\x1b[10;1Hx")
        await pilot.pause()
        assert sorted(set(app.painted)) == [3, 9]  # where the cursor was, and where it is
        app.painted.clear()
        app.feed("")
        await pilot.pause()
        assert app.painted == []


async def test_a_flood_of_the_same_line_paints_nothing_anew() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.feed("y\r\n" * 100)
        await pilot.pause()
        app.painted.clear()
        app.feed("y\r\n" * 500)
        await pilot.pause()
        assert app.painted == []
        assert app.lines == [*["y"] * 23, ""]


async def test_paintings_are_held_apart_and_the_newest_state_is_painted_in_the_end() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.feed("begin")
        before = app.view.paintings
        for number in range(50):
            app.emulator.feed(b"\r\n" + str(number).encode() * 20)
            app.view.touched()  # the clock stands still
        assert app.view.paintings == before
        await until(pilot, lambda: app.lines[-1] == "49" * 20)
        assert app.view.paintings == before + 1
        for number in range(2):
            app.at += SHORTEST * 2  # enough after a small change, not when it scrolls on and on
            app.emulator.feed(b"\r\n".join(str(number + line).encode() * 30 for line in range(24)))
            app.view.touched()
        assert app.view.paintings == before + 2
        await until(pilot, lambda: app.lines[-1] == "24" * 30)
        assert app.view.paintings == before + 3


async def test_a_flood_is_painted_less_than_ten_times_a_second() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)):
        before = app.view.paintings
        for number in range(3000):
            app.at += 0.001
            app.emulator.feed(b"%d of a flood\r\n" % number)
            if app.view._due is not None and app.view.pace.wait <= 0:
                app.view._paint_due()
            app.view.touched()
        assert 20 < app.view.paintings - before < 30  # in three seconds


async def test_a_colourful_flood_sends_no_more_than_a_line_carries() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)):
        began, before, sent = app.at, app.view.paintings, 0.0
        while app.view.paintings < before + 10:
            app.at += max(0.0, app.view.pace.wait)
            line = "".join(f"\x1b[38;5;{app.view.paintings + colour}mx" for colour in range(80))
            app.emulator.feed(f"\x1b[H{line * 24}".encode())
            app.view._paint_due()
            sent += 24 * 80 * len("\x1b[38;2;208;208;208;48;2;18;18;18mx\x1b[0m")
        assert sent / (app.at + app.view.pace.wait - began) < 100_000


async def test_a_small_widget_shows_the_part_with_the_cursor() -> None:
    app = Shown()
    async with app.run_test(size=(60, 20)) as pilot:
        assert (app.emulator.columns, app.emulator.rows) == (80, 24)
        app.feed("\r\n".join(f"line {number}" for number in range(24)))
        await pilot.pause()
        assert app.lines[0] == "line 4"
        assert app.lines[-1] == "line 23"
        app.feed("\x1b[1;1H")
        await pilot.pause()
        assert app.lines[0] == "line 0"
        app.feed("\x1b[1;70Hfar out")
        await pilot.pause()
        assert app.lines[0].endswith("far out")
        app.feed("\x1b[1;1H")
        await pilot.pause()
        assert app.lines[0].startswith("line 0")


async def test_the_guest_has_as_much_room_as_the_widget() -> None:
    app = Shown()
    async with app.run_test(size=(100, 30)) as pilot:
        assert (app.emulator.columns, app.emulator.rows) == (100, 30)
        await pilot.resize_terminal(120, 20)
        await pilot.pause()
        assert (app.emulator.columns, app.emulator.rows) == (120, 24)


async def test_the_scrollback_stands_still_while_the_guest_writes_on() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.feed("\r\n".join(f"line {number}" for number in range(100)))
        await pilot.pause()
        app.view.scroll_by_lines(-10)
        await pilot.pause()
        assert app.lines[0] == "line 66"
        assert app.reversed_cells() == []
        app.feed("\r\n" + "\r\n".join(f"line {number}" for number in range(100, 200)))
        await pilot.pause()
        assert app.lines[0] == "line 66"
        assert app.view.port.scrolled == 110
        app.view.scroll_to_first()
        await pilot.pause()
        assert app.lines[0] == "line 0"
        app.view.scroll_to_last()
        await pilot.pause()
        assert app.lines[-1] == "line 199"
        app.view.follow()
        app.feed("\r\nmore")
        await pilot.pause()
        assert app.lines[-1] == "more"


async def test_what_was_dropped_from_a_full_scrollback_is_left_behind() -> None:
    app = Shown()
    app.emulator = Emulator(history=50)
    async with app.run_test(size=(80, 24)) as pilot:
        app.feed("\r\n".join(f"line {number}" for number in range(60)))
        app.view.scroll_to_first()
        await pilot.pause()
        assert app.lines[0] == "line 0"
        app.feed("\r\n" + "\r\n".join(f"line {number}" for number in range(60, 200)))
        await pilot.pause()
        assert app.lines[0] == "line 126"


async def test_a_text_is_found_upwards_and_on_both_ways() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.feed("\r\n".join("Error: disk" if number % 40 == 5 else f"line {number}" for number in range(200)))
        await pilot.pause()
        assert app.view.find("error")
        await pilot.pause()
        assert "Error: disk" in app.lines
        here = app.view.port.scrolled
        assert app.view.find_next(-1)
        assert app.view.port.scrolled > here
        assert app.view.find_next(1)
        assert app.view.port.scrolled <= here + 24
        assert not app.view.find("no such text")
        assert not app.view.find("error:DISK")


async def test_what_is_seen_can_be_copied() -> None:
    app = Shown()
    async with app.run_test(size=(80, 24)) as pilot:
        app.feed("one\r\n\x1b[31mtwo\x1b[m\r\n")
        await pilot.pause()
        assert app.view.port.text() == "one\ntwo"


def cells(row: PaintedRow, width: int = 20) -> list[tuple[str, Style | None]]:
    return [(text, style) for text, style, _ in strip_of(row, width, Style())]


def runs_of(text: str, columns: int = 20) -> PaintedRow:
    emulator = Emulator(columns, 5)
    emulator.feed(text.encode())
    return PaintedRow(emulator.line(0), (), 0)


def test_colours_are_the_terminals_own_where_they_are_of_the_first_sixteen() -> None:
    red = style_of(Look(fg=1, bg=12))
    assert red.color is not None
    assert red.color.type is ColorType.STANDARD
    assert red.bgcolor is not None
    assert red.bgcolor.number == 12
    assert style_of(Look(fg=200)).color == Style.parse("color(200)").color
    assert style_of(Look(fg=(1, 2, 3))).color == Style.parse("#010203").color
    assert style_of(Look()).color is None


def test_hidden_text_is_not_sent() -> None:
    row = runs_of("a\x1b[8msecret漢\x1b[mb")
    assert "".join(text for text, _ in cells(row)) == "a        b          "


def test_a_wide_character_at_the_edge_leaves_a_row_as_wide_as_the_widget() -> None:
    row = runs_of("ab漢字")
    for width in range(1, 8):
        assert sum(map(_cells, (text for text, _ in cells(row, width)))) == width
    left = row._replace(left=3)
    assert sum(map(_cells, (text for text, _ in cells(left, 4)))) == 4


def test_the_cursor_covers_a_wide_character_whole() -> None:
    row = runs_of("ab漢字")._replace(marks=(Mark(2, 3, "cursor"),))
    assert [text for text, style in cells(row) if style and style.reverse] == ["漢"]


def test_frames_are_drawn_in_ascii_where_a_terminal_may_lack_them() -> None:
    row = runs_of("\x1b(0lqwk x\x1b(B é█")
    assert strip_of(row, 12, Style(), ascii_lines=True).text == "+-++ | é#   "


def test_the_cursor_is_seen_on_reversed_text() -> None:
    row = runs_of("\x1b[7mabc\x1b[m")._replace(marks=(Mark(1, 2, "cursor"),))
    assert [(text, bool(style and style.reverse)) for text, style in cells(row, 4)] == [
        ("a", True),
        ("b", False),
        ("c", True),
        (" ", False),
    ]


def test_places_of_a_text_are_counted_in_cells() -> None:
    assert places("b", "ab漢b") == [(1, 2), (4, 5)]
    assert places("error", "Error ERROR") == [(0, 5), (6, 11)]
    assert places("Error", "Error ERROR") == [(0, 5)]
    assert places("", "abc") == []


def _cells(text: str) -> int:
    from kvmtui.core.text import cell_width

    return cell_width(text)


ACTIVE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400), st.integers(1, 30), st.integers(0, 30))
def test_nothing_but_printable_text_reaches_the_terminal(data: bytes, width: int, left: int) -> None:
    emulator = Emulator(40, 5)
    emulator.feed(data)
    for y in range(5):
        strip = strip_of(PaintedRow(emulator.line(y), (Mark(3, 4, "cursor"),), left), width, Style())
        assert strip.cell_length == width
        for text, style, control in strip:
            assert not ACTIVE.search(text)
            assert control is None
            assert style is None or (style.link is None and not style.meta)
