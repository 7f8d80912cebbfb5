"""How every screen looks: it fits, it can be read with any theme, it stands still, and what is worst stands out."""

from __future__ import annotations

import asyncio
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import pytest
from rich.color import Color as RichColor
from rich.color import ColorSystem, ColorType
from textual.color import Color

from kvmtui import theme
from kvmtui.core.fields import Tone
from kvmtui.core.limits import HOST_CPU
from kvmtui.screens.console import ConsoleScreen
from kvmtui.screens.copying import CopyScreen
from kvmtui.screens.fleet import FleetPage
from kvmtui.screens.page import Page
from kvmtui.screens.tabs import TabbedPage
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.contrast import contrast
from kvmtui.widgets.form import Form
from kvmtui.widgets.login import LoginScreen
from tests.screens import tour
from tests.screens.harness import Desk, FrozenClock, desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.segment import Segment
    from rich.style import Style

BEGAN = 1_795_356_180.0  # 14:03 UTC on a day in November
PING = {"troubles": 0.02}
MOST_RED = 5  # pieces of text that are red on the first screen


class Look(NamedTuple):
    """A terminal and a theme."""

    size: tuple[int, int]
    theme: str
    contrast: float = 4.5
    tours: tuple[str, ...] = tuple(tour.TOURS)
    environ: dict[str, str] = {}  # noqa: RUF012 - never changed


LOOKS = {
    "60x15 high contrast": Look((60, 15), "high-contrast", 7.0),
    "80x24 dark": Look((80, 24), "kvmtui"),
    "120x36 colour-blind": Look((120, 36), "colour-blind", tours=("lists", "dialogs", "pages", "troubles")),
    "200x60 light": Look((200, 60), "kvmtui-light", tours=("lists", "pages")),
    "80x24 16 colours": Look((80, 24), "16-colour", tours=("dialogs",)),
    "80x24 no colours, ASCII": Look(
        (80, 24), "kvmtui", environ={"NO_COLOR": "1", "LC_ALL": "C", "LANG": "C", "TERM": "vt220"}
    ),
}
EACH = [pytest.param(look, name, id=f"{shown}, {name}") for shown, look in LOOKS.items() for name in look.tours]


# -- what is painted


def is_text(segment: Segment) -> bool:
    """Whether it says something: bars, lines and scrollbars do not."""
    return any(
        not one.isspace() and not "\u2500" <= one <= "\u259f" and not "\u2800" <= one <= "\u28ff"
        for one in segment.text
    )


def colours(style: Style) -> tuple[Color, Color] | None:
    """Return the text's colour and the one behind it; None where they are the terminal's own."""
    front, back = style.color, style.bgcolor
    if front is None or back is None or front.triplet is None or back.triplet is None:
        return None
    if style.reverse:
        front, back = back, front
    text, behind = Color.from_rich_color(front), Color.from_rich_color(back)
    return (behind.blend(text, 0.5) if style.dim else text), behind


def segments(it: Desk) -> Iterator[tuple[int, Segment, Style]]:
    """Yield what is painted, with its line."""
    for y, line in enumerate(it.strips()):
        for segment in line:
            if segment.style is not None:
                yield y, segment, segment.style


def check_colours(it: Desk, look: Look, name: str) -> None:
    """Fail where a text cannot be read, or has a colour that the terminal has not."""
    for y, segment, style in segments(it):
        where = f"{name}, line {y}: {segment.text.strip()!r}"
        if "NO_COLOR" in look.environ:
            assert style.color is None, where
            assert style.bgcolor is None, where
        elif look.theme == theme.SIXTEEN:
            for colour in (style.color, style.bgcolor):
                assert colour is None or colour.type in (ColorType.DEFAULT, ColorType.STANDARD), where
        elif is_text(segment):
            pair = colours(style)
            assert pair is not None, where
            assert contrast(*pair) >= look.contrast - 0.05, f"{where}: {contrast(*pair):.2f}, {pair}"


def check_size(it: Desk, look: Look, name: str) -> None:
    """Fail where a line is too long or too short, or what must be seen is not."""
    width, height = look.size
    lines = it.strips()
    assert len(lines) == height, name
    for y, line in enumerate(lines):
        assert sum(segment.cell_length for segment in line) == width, f"{name}, line {y}"
    screen, text = it.app.screen, it.text
    if look.environ:
        assert text.isascii(), f"{name}:\n{text}"
    wanted = ["PROBLEM", "14:0"] if screen is it.app.page else []
    for words in (*wanted, *_needed(it)):
        assert words in text, f"{name}: {words!r} is not seen\n{text}"
    if isinstance(screen, Page):
        head, foot = it.lines[0], it.lines[-1]
        assert "…" not in head, f"{name}: {head}"
        assert "…" not in foot, f"{name}: {foot}"


def _needed_of_page(screen: Page) -> Iterator[str]:
    if screen.menu.is_open:
        yield "esc closes"
        yield screen.menu._whole[:40]
        yield from (entry.label for entry in screen.menu._entries)
    elif screen.text_bar() is None:
        yield "? help"
    if isinstance(screen, TabbedPage):
        yield from (title for _, title in screen.tabs())


def _needed(it: Desk) -> Iterator[str]:
    """Yield what somebody needs to see on the screen that is shown."""
    screen = it.app.screen
    if isinstance(screen, Page):
        yield from _needed_of_page(screen)
    elif isinstance(screen, ConfirmScreen):
        yield screen.answering.question.title
        yield screen.answering.demand
        yield "esc cancels"
    elif isinstance(screen, Form):
        yield "[Review]"
        yield screen._heading
        if screen._reviewed is not None:
            yield "[Do it]"
    elif isinstance(screen, LoginScreen):
        yield "esc gives the login up"
        yield screen.prompt.host
    elif isinstance(screen, CopyScreen):
        yield "copied" if screen.copied else "esc"
    elif not isinstance(screen, ConsoleScreen):
        yield "esc"


@pytest.mark.parametrize(("look", "walk"), EACH)
async def test_every_screen_fits_and_can_be_read(look: Look, walk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in look.environ.items():
        monkeypatch.setenv(name, value)
    clock = FrozenClock(BEGAN)
    async with desk(size=look.size, clock=clock, theme=look.theme, ping_interval=PING.get(walk, 3600.0)) as it:
        seen = 0
        async for name in tour.TOURS[walk](it, clock):
            it.app.screen._on_timer_update()
            check_size(it, look, name)
            check_colours(it, look, name)
            seen += 1
        assert seen > 5


# -- nothing moves


class Paints:
    """Counts what would be sent to a terminal."""

    def __init__(self, it: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[object] = []

        def displayed(_screen: object, renderable: object) -> None:
            if renderable is not None:
                self.sent.append(renderable)

        monkeypatch.setattr(it.app, "_display", displayed)


async def _again(it: Desk) -> None:
    """Have everything read and shown once more, at the same instant of the same world."""
    it.engine.refresh()
    for _ in range(5):
        await asyncio.sleep(0.06)
        it.app._tick()
        await it.settle()


@pytest.mark.parametrize("size", [(80, 24)])
async def test_nothing_moves_when_nothing_changes(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FrozenClock(BEGAN)
    async with desk(size=size, clock=clock) as it:
        await it.until(lambda: len(it.names) > 30)
        await tour.aged(it, clock)
        await it.go_to("web-2")
        for name, keys in (("fleet", ""), ("VMs", "2"), ("hosts", "9"), ("tasks", "7"), ("log", "0"), ("VM", "")):
            if name == "VM":
                await it.press("1")
                await it.go_to("web-2")
                await it.press("enter")
            else:
                await it.press(*keys)
            await tour.quiet(it)
            await _again(it)
            before = [[(one.text, one.style) for one in line] for line in it.strips()]
            with monkeypatch.context() as patched:
                paints = Paints(it, patched)
                await _again(it)
                assert paints.sent == [], name
            assert [[(one.text, one.style) for one in line] for line in it.strips()] == before, name


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36)])
async def test_columns_stay_where_they_are_while_figures_change(size: tuple[int, int]) -> None:
    clock = FrozenClock(BEGAN)
    async with desk("demo:///?pace=0", size=size, clock=clock) as it:
        await it.until(lambda: len(it.names) > 30)
        await tour.aged(it, clock, 1)
        heads = [it.line_of("HOST  "), it.line_of("STATE")]
        keys = it.lines[-1]
        for _ in range(5):
            await tour.aged(it, clock, 1)
            assert [it.line_of("HOST  "), it.line_of("STATE")] == heads
            assert it.lines[-1] == keys


# -- colours are never the only sign, and can be told apart


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


# What Viénot, Brettel and Mollon (1999) give for two kinds of colour vision, on linear red, green and blue.
SIGHTS: dict[str, tuple[tuple[float, float, float], ...]] = {
    "usual": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deuteranopia": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
}


def seen_as(colour: Color, sight: str) -> tuple[float, float, float]:
    """Return a colour as L*, a* and b* for a kind of colour vision."""
    linear = [_linear(part) for part in colour.normalized]
    red, green, blue = (
        max(0.0, min(1.0, sum(weight * part for weight, part in zip(row, linear, strict=True))))
        for row in SIGHTS[sight]
    )
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    fx, fy, fz = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


@pytest.mark.parametrize("sight", SIGHTS)
def test_tones_can_be_told_apart_with_any_colour_vision(sight: str) -> None:
    current = next(one for one in theme.THEMES if one.name == "colour-blind")
    assert current.foreground is not None
    shown = {
        "good": current.success,
        "warn": current.warning,
        "bad": current.error,
        "normal": current.foreground,
        "muted": theme.defaults(current, {})["kvmtui-muted"],
    }
    for (one, first), (other, second) in combinations(shown.items(), 2):
        assert first is not None
        assert second is not None
        pairs = zip(seen_as(Color.parse(first), sight), seen_as(Color.parse(second), sight), strict=True)
        distance = sum((a - b) ** 2 for a, b in pairs) ** 0.5
        assert distance > 15, (one, other, distance)


async def test_the_same_is_said_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for environ in ({}, {"NO_COLOR": "1"}):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        clock = FrozenClock(BEGAN)
        async with desk(clock=clock) as it:
            await it.until(lambda: len(it.names) > 30)
            await tour.aged(it, clock)
            said.append(it.lines)
            if not environ:
                bad = it.app.tones[Tone.BAD].color
                red = {y for y, one, style in segments(it) if is_text(one) and style.color == bad}
                for y in red:
                    line = it.lines[y]
                    assert line[1] in "!x?" or "PROBLEM" in line or line.startswith("db-2 on hv1"), line
    assert said[0] == said[1]


def test_themes_of_terminals_have_what_the_terminal_has() -> None:
    for name in ("linux", "screen", "xterm", "vt220", "rxvt", ""):
        assert theme.wished("", "", {"TERM": name}) == theme.SIXTEEN, name
        assert theme.wished("", "", {"TERM": name, "COLORTERM": "truecolor"}) == theme.DEFAULT, name
    for name in (
        "xterm-256color",
        "screen-256color",
        "tmux-256color",
        "xterm-kitty",
        "xterm-ghostty",
        "alacritty",
        "xterm-direct",
    ):
        assert theme.wished("", "", {"TERM": name}) == theme.DEFAULT, name
    assert theme.wished("kvmtui-light", "", {"TERM": "xterm"}, colours=False) == theme.PLAIN
    assert theme.wished("", theme.PLAIN, {"TERM": "xterm-256color"}) == theme.DEFAULT, "NO_COLOR is not remembered"
    for one in theme.THEMES:
        if one.ansi:
            parts = (one.primary, one.accent, one.warning, one.error, one.success, one.foreground, one.background)
            assert all(str(part).startswith("ansi_") for part in parts)


@pytest.mark.parametrize("name", [one.name for one in theme.THEMES if not one.ansi])
def test_a_terminal_of_256_colours_shows_text_that_can_be_read(name: str) -> None:
    current = next(one for one in theme.THEMES if one.name == name)
    variables = theme.defaults(current, {}) | current.variables
    texts = (current.foreground, current.accent, current.success, current.warning, current.error)
    for text in (*texts, variables["kvmtui-muted"]):
        for behind in (current.background, current.surface, current.panel):
            assert text is not None
            assert behind is not None
            assert contrast(_of_256(text), _of_256(behind)) > 4.4, (text, behind)


SEEN_WITH = Look((100, 24), "")


async def test_every_theme_that_is_offered_can_be_read() -> None:
    clock = FrozenClock(BEGAN)
    async with desk(size=SEEN_WITH.size, clock=clock) as it:
        await it.until(lambda: len(it.names) > 30)
        await tour.aged(it, clock)
        await it.go_to("web-2")
        names = [name for name, one in it.app.available_themes.items() if not one.ansi]
        assert len(names) > 15
        assert {one.name for one in theme.THEMES} >= set(it.app.available_themes) - set(names), "sixteen colours: ours"
        for name in names:
            it.app.theme = name
            await it.settle()
            check_colours(it, SEEN_WITH, f"{name}: fleet")
            await it.press("!", "f")
            await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "the question")
            await it.settle()
            check_colours(it, SEEN_WITH, f"{name}: question")
            await it.press("escape")
            await it.until(lambda: it.app.page is not None)


def _of_256(name: str) -> Color:
    return Color(*RichColor.parse(name).downgrade(ColorSystem.EIGHT_BIT).get_truecolor())


# -- the worst stands out


def _red(it: Desk) -> list[str]:
    """Return the texts that are as conspicuous as anything is, from above."""
    bad = it.app.tones[Tone.BAD]
    return [
        one.text.strip()
        for _, one, style in segments(it)
        if one.text.strip() and style.bold and style.color is not None and style.color == bad.color
    ]


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36)])
async def test_the_worst_stands_out_on_the_first_screen(size: tuple[int, int]) -> None:
    clock = FrozenClock(BEGAN)
    async with desk(size=size, clock=clock, ping_interval=0.02) as it:
        await it.until(lambda: len(it.names) > 30)
        await tour.aged(it, clock)
        assert it.vms.pane.cursor == it.world.ref("db-2"), "the cursor begins at the worst"
        assert "paused: pool full" in it.line_of("db-2 on hv1"), "and the line below names it"
        await it.go_to("web-2")
        await it.press("home", "down", "down", "down")  # away from it
        await it.settle()
        red = _red(it)
        assert "paused: pool full" in red
        assert len(red) <= MOST_RED, red
        assert it.line_of("paused: pool full").split()[:2] == ["!", "db-2"]
        first = next(line for line in it.lines if line[1:2] == "!" and "hv1" in line and "%" not in line)
        assert first == it.line_of("paused: pool full"), "no VM stands above it"
        it.faults.patience = 0.01
        it.faults.silence("hv3")
        await it.until_text("no answer since")
        assert it.lines[2].startswith(" x hv3"), "a host that does not answer stands above all"
        assert any(text.startswith("no answer since") for text in _red(it))


# -- what is said in passing


LONG = "{} web-frontend-prod-01 on hv1 was not shut down: its guest did not answer within 3 min. Force it off."


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
async def test_what_is_said_in_passing_never_covers_a_dialog(size: tuple[int, int]) -> None:
    async with desk(size=size) as it:
        await it.until(lambda: len(it.names) > 30)
        for name, keys, kind, title in (
            ("mail", "!d", Form, "Delete mail on hv1"),
            ("web-2", "!f", ConfirmScreen, "Force off web-2 on hv1?"),
            ("web-2", "nn", Form, "New VM"),
        ):
            await it.go_to(name)
            await it.press(*keys)
            await it.until(lambda: isinstance(it.app.screen, kind), title)  # noqa: B023 - awaited here
            await tour.quiet(it)
            place = it.lines.index(f" {title}")
            before = it.lines[place:]
            for number in range(3):
                it.app.tell(LONG.format(number))
            await tour.quiet(it)
            assert it.lines[place:] == before
            if place > 2:
                assert "Force it off." in "\n".join(it.lines[:place]), "the newest is seen"
            it.app.clear_notifications()
            await it.press("escape")
            await it.until(lambda: it.app.page is not None)


async def test_a_key_that_can_show_no_more_says_so() -> None:
    async with desk(size=(80, 24)) as it:
        await it.until(lambda: len(it.names) > 30)
        shown = it.vms.pane.table.columns_shown
        await it.press("w")
        assert it.vms.pane.table.columns_shown == shown
        await it.until_told("No more columns fit here; W chooses which are shown.")
        await it.press("w")
        await it.resize(200, 60)
        await it.press("w")
        assert len(it.vms.pane.table.columns_shown) > len(shown)
        assert len(it.toasts) == 1


async def test_a_busy_host_that_has_no_room_is_named() -> None:
    clock = FrozenClock(BEGAN)
    async with desk("demo:///?hosts=12&vms=200&pace=0", clock=clock) as it:
        await it.until(lambda: len(it.names) > 30)
        await tour.aged(it, clock)
        loads = {
            entry.name: entry.state.load.cpu or 0.0
            for entry in it.engine.fleet.hosts
            if entry.state and entry.state.load
        }
        page = it.page
        assert isinstance(page, FleetPage)
        hidden = set(loads) - {str(key) for key in page.hosts.keys_shown}
        assert len(hidden) == 8
        most = max(hidden, key=lambda name: loads[name])
        said = f"; the busiest is {most}, CPU {loads[most]:.0f} %" if loads[most] > HOST_CPU.warn else ""
        assert f"8 more hosts, 9 lists them{said} ─" in it.text
