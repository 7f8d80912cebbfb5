from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from textual import on
from textual.app import App, ComposeResult

from kvmtui.core.fields import Tone
from kvmtui.widgets.glyphs import ASCII
from kvmtui.widgets.table import Cell, Column, ResourceTable, Row, Rule

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from textual.strip import Strip

COLUMNS = (
    Column("name", "VM", 10, flexible=True),
    Column("state", "STATE", 8),
    Column("cpu", "CPU", 6, right=True),
    Column("net", "NET rx/tx", 12, right=True, priority=2),
    Column("disk", "DISK r/w", 12, right=True, priority=1),
)


def row(key: Hashable) -> Row:
    return Row((Cell(f"{key}"), Cell("on"), Cell("0.1/2", Tone.WARN), Cell("1K/2K"), Cell("3K/4K")))


class Shown(App[None]):
    """A table, and what it said."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "ResourceTable { height: 1fr; }"

    def __init__(self, *, columns: Sequence[Column] = COLUMNS, **options: Any) -> None:
        super().__init__()
        self.table = ResourceTable(columns, **options)
        self.said: list[Any] = []
        self.painted: list[int] = []
        original = self.table.render_line

        def render_line(y: int) -> Strip:
            self.painted.append(y)
            return original(y)

        self.table.render_line = render_line  # type: ignore[method-assign]

    def compose(self) -> ComposeResult:
        yield self.table

    @on(ResourceTable.Highlighted)
    @on(ResourceTable.Chosen)
    def _said(self, message: ResourceTable.Highlighted) -> None:
        self.said.append((type(message).__name__, message.key))

    @on(ResourceTable.HeaderClicked)
    def _clicked(self, message: ResourceTable.HeaderClicked) -> None:
        self.said.append(message.column)

    @property
    def lines(self) -> list[str]:
        return ["".join(segment.text for segment in self.table.render_line(y)) for y in range(self.table.size.height)]

    @property
    def at(self) -> tuple[object, int | None]:
        return self.table.cursor, self.table.cursor_line


def names(count: int) -> list[str]:
    return [f"vm-{number}" for number in range(count)]


async def test_only_rows_on_the_screen_are_asked_for() -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        asked: list[Hashable] = []

        def cells(key: Hashable) -> Row:
            asked.append(key)
            return row(key)

        app.table.show(names(5000), cells)
        await pilot.pause()
        assert asked == names(10)
        app.table.action_move(1)
        await pilot.pause()
        assert asked == names(10)


async def test_only_changed_rows_are_painted() -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(names(50), row)
        await pilot.pause()
        app.painted.clear()
        app.table.show(names(50), row)
        await pilot.pause()
        assert app.painted == []
        app.table.show(names(50), lambda key: row(key)._replace(struck=key == "vm-3"))
        await pilot.pause()
        assert app.painted == [4]


async def test_a_key_paints_the_row_left_and_the_row_reached() -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(names(50), row)
        app.table.focus()
        await pilot.pause()
        app.painted.clear()
        await pilot.press("down")
        assert app.at == ("vm-1", 2)
        assert sorted(app.painted) == [1, 2]


async def test_keys_that_come_together_say_once_where_they_end() -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(names(50), row)
        await pilot.pause()
        app.said.clear()
        app.painted.clear()
        for _ in range(5):
            app.table.action_move(1)
        assert app.table.cursor == "vm-5"
        await pilot.pause()
        assert app.said == [("Highlighted", "vm-5")]
        assert sorted(app.painted) == [1, 6]


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (["j", "j"], "vm-2"),
        (["j", "j", "k"], "vm-1"),
        (["G"], "vm-99"),
        (["G", "g"], "vm-0"),
        (["end", "home"], "vm-0"),
        (["pagedown"], "vm-9"),
        (["pagedown", "pageup"], "vm-0"),
        (["ctrl+d"], "vm-4"),
        (["ctrl+d", "ctrl+u"], "vm-0"),
        (["up"], "vm-0"),
        (["G", "down"], "vm-99"),
    ],
)
async def test_keys_move_the_cursor(keys: list[str], name: str) -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(names(100), row)
        app.table.focus()
        await pilot.press(*keys)
        assert app.table.cursor == name
        assert app.lines[app.table.cursor_line or 0].startswith(f">  {name} ")


async def test_the_cursor_keeps_its_key_and_its_line_when_the_order_changes() -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(names(100), row)
        app.table.focus()
        await pilot.press(*["down"] * 30, "up", "up")
        assert app.at == ("vm-28", 8)
        app.table.show([*reversed(names(100))], row)
        await pilot.pause()
        assert app.at == ("vm-28", 8)
        assert app.lines[8].startswith(">  vm-28 ")
        app.table.show(["new-1", "new-2", *reversed(names(100))], row)
        await pilot.pause()
        assert app.at == ("vm-28", 8)


async def test_rows_that_come_before_anybody_moved_push_the_cursor_down_with_its_key() -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(names(100), row)
        app.table.show(["worse", *names(100)], row)
        await pilot.pause()
        assert app.at == ("vm-0", 2)
        assert "worse" in app.lines[1]


async def test_a_vanished_row_stays_struck_while_it_is_listed() -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(names(9), row)
        app.table.focus()
        await pilot.press("down")
        app.table.show(names(9), lambda key: row(key)._replace(struck=key == "vm-1"))
        await pilot.pause()
        assert app.at == ("vm-1", 2)
        strip = app.table.render_line(2)
        assert all(segment.style is not None and segment.style.strike for segment in strip if "vm-1" in segment.text)


@pytest.mark.parametrize(("key", "reached"), [("down", "vm-2"), ("up", "vm-0")])
async def test_the_cursor_never_falls_to_a_neighbour(key: str, reached: str) -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(names(9), row)
        app.table.focus()
        await pilot.press("down")
        app.table.show([name for name in names(9) if name != "vm-1"], row)
        await pilot.pause()
        assert app.table.cursor is None
        assert app.said[-1] == ("Highlighted", None)
        await pilot.press("enter")
        assert app.said[-1] == ("Highlighted", None)
        await pilot.press(key)
        assert app.table.cursor == reached


async def test_a_rule_cannot_be_chosen() -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(["a", Rule("2 more by CPU"), "b", "c"], row)
        app.table.focus()
        await pilot.pause()
        assert app.lines[2].startswith("── 2 more by CPU ───")
        assert len(app.lines[2]) == 60
        await pilot.press("down")
        assert app.at == ("b", 3)
        assert not app.table.move_to(Rule("2 more by CPU"))
        assert app.table.keys_shown == ("a", "b", "c")
        await pilot.click(ResourceTable, offset=(5, 2))
        assert app.table.cursor == "b"


async def test_the_mouse_selects_and_chooses_and_sorts() -> None:
    app = Shown()
    async with app.run_test(size=(70, 11)) as pilot:
        app.table.show(names(50), row)
        await pilot.pause()
        await pilot.click(ResourceTable, offset=(5, 4))
        assert app.table.cursor == "vm-3"
        await pilot.click(ResourceTable, offset=(5, 6), times=2)
        assert app.said[-1] == ("Chosen", "vm-5")
        title = app.lines[0].index("CPU")
        await pilot.click(ResourceTable, offset=(title, 0))
        assert app.said[-1] == "cpu"


async def test_the_wheel_moves_the_cursor_so_that_it_is_always_seen() -> None:
    app = Shown()
    async with app.run_test(size=(60, 11)) as pilot:
        app.table.show(names(50), row)
        await pilot.pause()
        for _ in range(5):
            await pilot._post_mouse_events([_scroll()], ResourceTable, offset=(5, 5))
        assert app.at == ("vm-15", 10)


def _scroll() -> Any:
    from textual import events

    return events.MouseScrollDown


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (70, ("name", "state", "cpu", "net", "disk")),
        (50, ("name", "state", "cpu", "disk")),
        (40, ("name", "state", "cpu")),
        (20, ("name", "state", "cpu")),
    ],
)
async def test_narrow_screens_drop_columns_by_priority(width: int, shown: tuple[str, ...]) -> None:
    app = Shown()
    async with app.run_test(size=(width, 11)) as pilot:
        app.table.show(names(3), row)
        await pilot.pause()
        assert app.table.columns_shown == shown
        assert {len(line) for line in app.lines} == {width}


async def test_long_names_lose_their_middle_and_marks_and_signs_stand_before_them() -> None:
    app = Shown(columns=COLUMNS[:3])
    rows = {
        "a": Row((Cell("web-frontend-of-the-shop-01-prod"), Cell("on")), sign=Cell("!", Tone.BAD), marked=True),
        "b": Row((Cell("b"), Cell("no answer since 14:02:53; its 8 VMs as last seen")), sign=Cell("x")),
        "c": Row((Cell("cache-1"), Cell("on"), Cell("1.0/2")), marked=True),
    }
    async with app.run_test(size=(60, 6)) as pilot:
        app.table.set_sort("cpu", descending=True)
        app.table.show([*rows], lambda key: rows[str(key)])
        await pilot.pause()
        assert [line.rstrip() for line in app.lines] == [
            app.lines[0].rstrip(),
            ">!*web-frontend-of-the-shop-01-prod          on",
            app.lines[2].rstrip(),
            "*  cache-1                                   on        1.0/2",
            "",
            "",
        ]
        assert app.lines[0].endswith("  CPU▼")
        assert app.lines[2].startswith(" x b  ")
        assert "no answer sinc…" in app.lines[2], "a sentence loses its end instead"


async def test_a_short_row_tells_its_last_cell_over_the_rest_of_the_line() -> None:
    app = Shown()
    said = "no answer since 14:02:53; its 8 VMs shown as last seen"
    async with app.run_test(size=(80, 4)) as pilot:
        app.table.show(["hv3"], lambda _: Row((Cell("hv3"), Cell(said, Tone.BAD))))
        app.table.set_columns((COLUMNS[0]._replace(flexible=False), *COLUMNS[1:]))
        app.table.show(["hv3"], lambda _: Row((Cell("hv3"), Cell(said, Tone.BAD))))
        await pilot.pause()
        assert said in app.lines[1]


async def test_ascii_has_a_stand_in_for_every_glyph() -> None:
    app = Shown(columns=COLUMNS[:3], glyphs=ASCII)
    async with app.run_test(size=(40, 6)) as pilot:
        app.table.set_sort("cpu")
        app.table.show(["n" * 60, Rule("more")], row)
        await pilot.pause()
        assert all(line.isascii() for line in app.lines)
        assert app.lines[2].startswith("-- more ---")


async def test_hostile_text_neither_breaks_the_line_nor_reaches_the_terminal() -> None:
    app = Shown(columns=COLUMNS[:3])
    async with app.run_test(size=(60, 6)) as pilot:
        app.table.show(["\x1b]0;x\x07\u202e[red]日本語" * 20, "[bold]b"], row)
        await pilot.pause()
        assert all(line.isprintable() for line in app.lines)
        assert "[bold]b" in app.lines[2]


async def test_an_empty_table_says_what_to_do() -> None:
    app = Shown()
    async with app.run_test(size=(60, 6)) as pilot:
        app.table.set_empty("No VMs yet: n n makes one.")
        app.table.show([], row)
        await pilot.pause()
        assert app.lines[1].strip() == "No VMs yet: n n makes one."
        await pilot.press("down", "up", "G", "enter")
        assert app.table.cursor is None


async def test_growing_and_shrinking_the_screen_keeps_the_cursor_seen() -> None:
    app = Shown()
    async with app.run_test(size=(60, 21)) as pilot:
        app.table.show(names(50), row)
        app.table.focus()
        await pilot.press(*["down"] * 15)
        await pilot.resize_terminal(60, 6)
        await pilot.pause()
        assert app.at == ("vm-15", 5)
        await pilot.press("G")
        await pilot.resize_terminal(60, 30)
        await pilot.pause()
        assert app.at == ("vm-49", 29)


async def test_the_cursor_is_quieter_without_the_focus() -> None:
    app = Shown()
    async with app.run_test(size=(60, 6)) as pilot:
        app.table.show(names(3), row)
        app.table.focus()
        await pilot.pause()
        focused = [segment.style for segment in app.table.render_line(1)]
        app.set_focus(None)
        await pilot.pause()
        assert [segment.style for segment in app.table.render_line(1)] != focused
        assert app.lines[1].startswith("   vm-0"), "one row of a screen has the sign: the one that keys are for"


async def test_another_theme_changes_the_colours() -> None:
    app = Shown()
    async with app.run_test(size=(60, 6)) as pilot:
        app.table.show(names(3), row)
        await pilot.pause()
        before = [segment.style for segment in app.table.render_line(2)]
        app.theme = "textual-light"
        await pilot.pause()
        assert [segment.style for segment in app.table.render_line(2)] != before
