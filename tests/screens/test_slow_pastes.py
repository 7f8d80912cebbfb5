"""A paste that a slow line brings key by key asks at most: it never answers what it asked."""

from __future__ import annotations

import time

import pytest

from kvmtui.widgets.chords import TOGETHER
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.driver import Decoder
from kvmtui.widgets.floods import Gatherer
from kvmtui.widgets.form import Form
from tests.screens.harness import SMALL, Desk, desk

GAPS = (0.001, 0.012, 0.05, 0.3)  # seconds between two characters: from 9,600 baud to slower than any line


class Line:
    """A line that carries a character in `gap` seconds; nothing but it takes time."""

    def __init__(self, it: Desk) -> None:
        self._it = it
        self.now = time.monotonic() + 3600.0  # later than whatever was pressed without it
        self._decoder, self._gatherer = Decoder(clock=lambda: self.now), Gatherer()

    async def paste(self, text: str, gap: float) -> None:
        """Send a text as a terminal without brackets does, a minute after all else."""
        self.now += 60.0
        for character in text:
            self.now += gap
            due = self._gatherer.deadline
            if due is not None and due < self.now:
                await self._read(self._gatherer.release())
            await self._read(self._gatherer.take(character, self.now))
        self.now += 1.0
        await self._read(self._gatherer.release())
        await self._it.until(lambda: not self._it.app._asking.busy, "what is asked")

    async def come_home(self) -> None:
        """Leave whatever was opened."""
        while len(self._it.app.screen_stack) > 1:
            await self.paste("\x1b", 1.0)

    async def _read(self, text: str) -> None:
        await self._it.send([*self._decoder.tick(), *(self._decoder.feed(text) if text else ())])


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    """Return where a test puts its line, whose clock the dialogs have."""
    lines: list[Line] = []
    for screen in (ConfirmScreen, Form):
        defaults = screen.__init__.__kwdefaults__
        assert defaults is not None
        monkeypatch.setitem(defaults, "clock", lambda: lines[0].now)
    return lines


@pytest.mark.parametrize(
    ("text", "demand"),
    [
        (":shutdown web-1\ry\r\r\ryes\r!\r\r", "press enter"),
        ("xd\r\ry\r\r\r\r", "press enter"),
        ("!f!\r!!!y!!\r!", "press ! again"),
    ],
)
async def test_a_paste_does_not_confirm_what_it_asks_for(line: list[Line], text: str, demand: str) -> None:
    asked = set()
    async with desk(SMALL) as it:
        await it.go_to("web-1")
        line.append(Line(it))
        for gap in GAPS:
            await line[0].paste(text, gap)
            assert it.calls == []
            assert it.tasks == ()
            if isinstance(it.app.screen, ConfirmScreen):
                asked.add(gap)
                assert demand in it.text
            await line[0].come_home()
        assert asked >= {gap for gap in GAPS if gap > TOGETHER}


@pytest.mark.parametrize("text", [":rename mail\rb\r\r\r\rx\r\r\r\r\r", "!d\r\r\r\r\r\rmail\r\r\r\r"])
async def test_a_paste_does_not_do_what_a_form_that_it_opens_would_do(line: list[Line], text: str) -> None:
    async with desk(SMALL) as it:
        await it.go_to("mail")
        line.append(Line(it))
        for gap in GAPS:
            await line[0].paste(text, gap)
            assert it.calls == []
            assert it.tasks == ()
            assert gap < TOGETHER or isinstance(it.app.screen, Form)
            await line[0].come_home()
