from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import events, on
from textual.app import App, ComposeResult

from kvmtui.core.errors import FilterError
from kvmtui.widgets.commandline import CommandLine
from kvmtui.widgets.filterbar import FilterBar
from kvmtui.widgets.menu import LeaderMenu, MenuEntry
from kvmtui.widgets.table import Cell, Column, ResourceTable, Row
from kvmtui.widgets.textline import LineEditor, TextBar

if TYPE_CHECKING:
    from collections.abc import Sequence


def check(text: str) -> None:
    if text.endswith(">"):
        raise FilterError("A number must follow.", column=len(text))


def complete(text: str) -> Sequence[str]:
    return [known for known in ("start web-1", "start web-2", "stop") if known.startswith(text)]


class Page(App[None]):
    """A table with the bars and the menu over its foot."""

    ENABLE_COMMAND_PALETTE = False

    def __init__(self) -> None:
        super().__init__()
        self.said: list[Any] = []

    def compose(self) -> ComposeResult:
        yield ResourceTable((Column("name", "VM", 10, flexible=True),))
        yield LeaderMenu()
        yield FilterBar(check)
        yield CommandLine(complete)

    def on_mount(self) -> None:
        table = self.query_one(ResourceTable)
        table.show([f"vm-{number}" for number in range(50)], lambda key: Row((Cell(str(key)),)))
        table.focus()

    @on(FilterBar.Changed)
    def _changed(self, message: FilterBar.Changed) -> None:
        self.said.append(("changed", message.text))

    @on(TextBar.Entered)
    @on(TextBar.Closed)
    def _entered(self, message: TextBar.Entered | TextBar.Closed) -> None:
        self.said.append((type(message).__name__.lower(), message.bar.text))

    def shown(self, y: int) -> str:
        return "".join(strip.text for strip in [self.screen._compositor.render_strips()[y]]).rstrip()


def test_editing_a_line() -> None:
    editor = LineEditor("start web")
    for key, text in (
        ("left", "start web"),
        ("backspace", "start wb"),
        ("home", "start wb"),
        ("delete", "tart wb"),
        ("S", "Start wb"),
        ("end", "Start wb"),
        ("ctrl+w", "Start "),
        ("ctrl+u", ""),
    ):
        assert editor.key(key, key if len(key) == 1 else None)
        assert editor.text == text
    assert not editor.key("f5", None)
    assert not editor.key("ctrl+x", "\x18")
    editor.insert("a\x1bb\n")
    assert editor.text == "a b"


async def test_the_filter_bar_takes_keys_from_the_moment_it_is_opened() -> None:
    app = Page()
    async with app.run_test(size=(80, 12)) as pilot:
        bar = app.query_one(FilterBar)
        bar.open()
        assert bar.active
        for key in "db":
            bar.feed(key, key)
        assert bar.filter == "db"
        await pilot.press("-", "1")
        assert app.said == [("changed", "d"), ("changed", "db"), ("changed", "db-"), ("changed", "db-1")]
        await pilot.press("enter")
        assert not bar.active
        assert bar.filter == "db-1"
        assert app.focused is app.query_one(ResourceTable)


async def test_an_unreadable_filter_says_where_and_keeps_the_last_good_one() -> None:
    app = Page()
    async with app.run_test(size=(80, 12)) as pilot:
        bar = app.query_one(FilterBar)
        bar.open()
        await pilot.press(*"cpu", "greater_than_sign")
        assert bar.filter == "cpu"
        assert app.shown(11).endswith("column 5: A number must follow.")
        await pilot.press("8")
        assert bar.filter == "cpu>8"
        assert app.shown(11) == "/cpu>8"


async def test_escape_clears_the_filter_and_keys_are_for_the_list_again() -> None:
    app = Page()
    async with app.run_test(size=(80, 12)) as pilot:
        app.query_one(FilterBar).open()
        await pilot.press("d", "b", "escape", "j")
        assert app.said[-2:] == [("changed", ""), ("closed", "")]
        assert app.query_one(ResourceTable).cursor == "vm-1"


async def test_history_comes_back() -> None:
    app = Page()
    async with app.run_test(size=(80, 12)) as pilot:
        line = app.query_one(CommandLine)
        for text in ("start a", "start b"):
            line.open()
            await pilot.press(*text.replace(" ", "\0").split("\0")[0], "space", text[-1], "enter")
        line.open()
        await pilot.press("x", "up", "up")
        assert line.text == "start a"
        await pilot.press("down", "down")
        assert line.text == "x"
        assert line.history.texts == ("start a", "start b")
        await pilot.press("up", "up", "escape")
        line.open()
        await pilot.press("up")
        assert line.text == "start b", "the newest first, wherever somebody stopped before"


async def test_completion_writes_what_is_common_and_names_the_rest() -> None:
    app = Page()
    async with app.run_test(size=(80, 12)) as pilot:
        line = app.query_one(CommandLine)
        line.open()
        await pilot.press("s", "t")
        assert app.shown(11).endswith("start web-1  start web-2  stop")
        await pilot.press("a", "tab")
        assert line.text == "start web-"
        await pilot.press("2", "tab", "enter")
        assert app.said[-1] == ("entered", "start web-2 ")


async def test_what_is_pasted_into_a_bar_enters_nothing() -> None:
    app = Page()
    async with app.run_test(size=(80, 12)) as pilot:
        line = app.query_one(CommandLine)
        line.open()
        app.post_message(events.Paste("start web-1\nstop\n"))
        await pilot.pause()
        assert line.text == "start web-1 stop"
        assert app.said == []


async def test_the_menu_shows_the_whole_name_and_why_a_letter_is_dim() -> None:
    app = Page()
    async with app.run_test(size=(80, 16)) as pilot:
        menu = app.query_one(LeaderMenu)
        name = "web-" + "n" * 200 + "\x1b[31m"
        menu.open(f"x on {name}", [MenuEntry("s", "start", "it is running"), MenuEntry("d", "shut down", note="enter")])
        assert menu.is_open
        await pilot.pause()
        assert name.replace("\x1b", r"\x1b") in menu.plain.replace("\n ", "").replace("\n", "")
        lines = [app.shown(y) for y in range(16)]
        assert lines[-2:] == ["  s  start      it is running", "  d  shut down  enter"]
        assert menu.entry("s") == MenuEntry("s", "start", "it is running")
        assert menu.entry("z") is None
        table = app.query_one(ResourceTable).size
        why = "hv3 does not answer since 14:02:53: nothing on it can be changed from here, whatever the letter."
        menu.open("x  web-4 on hv3", [MenuEntry(letter, "start", why) for letter in "sdrpuwhk"])
        await pilot.pause()
        said = menu.plain.splitlines()
        assert " ".join(line.strip() for line in said[1:3]) == why, "said once, and whole"
        assert [line.split()[::2] for line in said[3:]] == [["s", "r", "u", "h"], ["d", "p", "w", "k"]]
        menu.close()
        await pilot.pause()
        assert app.shown(15).startswith("   vm-14")
        assert app.query_one(ResourceTable).size == table
