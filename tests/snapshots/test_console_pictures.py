"""How consoles look: pictures of simulated guests. `pytest --snapshot-update` draws them anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped] # it ships no types

from kvmtui.consoles import Phase
from kvmtui.screens.console import ConsoleScreen
from tests.screens.harness import Desk, FrozenClock, desk

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

BEGAN = 1_795_356_180.0  # 14:03 UTC on a day in November
SIZES = {"80x24": (80, 24), "120x36": (120, 36)}
PREFIX = "ctrl+right_square_bracket"
PROGRAM = (
    "\x1b[?1049h\x1b[H\x1b[1;37;44m  PID USER      %CPU  COMMAND\x1b[K\x1b[m\r\n"
    "  417 app       \x1b[31m28.0\x1b[m  \x1b[1mweb\x1b[m\r\n"
    "  479 root      \x1b[32m 0.4\x1b[m  sshd\r\n\r\n"
    "\x1b[38;5;208mpalette\x1b[m \x1b[38;2;90;160;255mtrue colour\x1b[m \x1b[3mitalic\x1b[m \x1b[4munderline\x1b[m "
    "\x1b[7mreverse\x1b[m \x1b[9mstruck\x1b[m \x1b[2mdim\x1b[m 漢字 é\r\n"
    "\x1b(0lqqqqqqqqwqqqqqqqk\r\nx\x1b(B table  \x1b(0x\x1b(B lines \x1b(0x\r\nmqqqqqqqqvqqqqqqqj\x1b(B\r\n"
)


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(SVGImageExtension)


def drawn(it: Desk) -> str:
    """The screen as an SVG, without what was said in passing."""
    it.app.clear_notifications()
    it.app.screen._on_timer_update()
    return it.app.export_screenshot(title="kvmtui", simplify=True)


async def opened(it: Desk, name: str, phase: Phase = Phase.LIVE) -> ConsoleScreen:
    await it.go_to(name)
    await it.press("c")
    await it.until(lambda: isinstance(it.app.screen, ConsoleScreen))
    screen = it.app.screen
    assert isinstance(screen, ConsoleScreen)
    await it.until(lambda: screen.session.phase is phase)
    await it.settle()
    return screen


async def write(it: Desk, screen: ConsoleScreen, text: str) -> None:
    """Have the guest write."""
    screen.session.emulator.feed(text.encode())
    screen.view.pace.hurry()
    screen.view.touched()
    await it.settle()


@pytest.mark.parametrize("size", SIZES)
async def test_consoles(size: str, picture: SnapshotAssertion) -> None:
    async with desk(size=SIZES[size], clock=FrozenClock(BEGAN)) as it:
        await it.until(lambda: len(it.names) > 30 and "208/256G" in it.text)
        first = await opened(it, "web-1")
        await it.until_text("web-1 login:")
        assert drawn(it) == picture(name=f"login {size}")
        await it.press(PREFIX)
        assert drawn(it) == picture(name=f"prefix {size}")
        await it.press("t")
        await write(it, first, PROGRAM)
        assert drawn(it) == picture(name=f"program {size}")
        await it.press(PREFIX, "d")
        second = await opened(it, "web-2")
        await it.until_text("web-2 login:")
        lines = (f"[{number:4}.000000] line {number} of the boot\r\n" for number in range(100))
        await write(it, second, "\x1b[2J\x1b[H" + "".join(lines))
        await it.press(PREFIX, "v", "pageup")
        await it.press("/", *"line 5", "enter")
        assert drawn(it) == picture(name=f"scrolled {size}")
        await it.press("q", PREFIX, "?")
        await it.settle()
        assert drawn(it) == picture(name=f"help {size}")


async def test_what_is_not_live(picture: SnapshotAssertion) -> None:
    async with desk(clock=FrozenClock(BEGAN)) as it:
        await it.until(lambda: len(it.names) > 30 and "208/256G" in it.text)
        await opened(it, "old-crm", Phase.WAITING)
        assert drawn(it) == picture(name="waiting for a VM")
        await it.press(PREFIX, "x")
        ref = it.world.ref("web-1")
        await it.engine.backend(ref.host).console.open(ref.uuid)
        await opened(it, "web-1", Phase.TAKEN)
        assert drawn(it) == picture(name="taken by somebody else")
        await it.press(PREFIX)
        assert drawn(it) == picture(name="prefix of a console that is taken")
        await it.press("!")
        await it.until_text("Take over console web-1 on hv1?")
        assert drawn(it) == picture(name="question before taking over")
