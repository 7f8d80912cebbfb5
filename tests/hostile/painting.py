"""What the program sends to a terminal, and whether a hostile text is in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual._compositor import LayoutUpdate

from kvmtui.core.text import cell_width

if TYPE_CHECKING:
    from tests.screens.harness import Desk

OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[[0-9]+;[0-9]+H")
"""All that the program itself sends while it paints: looks, and where a line begins."""

FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]"
)
"""What a terminal would act upon, what would turn a line around, and what cannot be seen."""


def assert_harmless(text: str) -> None:
    """See that no terminal would do anything but show this."""
    found = FORBIDDEN.search(text)
    assert found is None, (text[max(0, found.start() - 60) : found.end() + 60], found[0])


def assert_painted_well(it: Desk) -> None:
    """See that what is sent for the screen as it stands acts on nothing and fills each line exactly."""
    fault = Painting(it).fault()
    assert not fault, fault


class Painting:
    """The whole screen as it stands: its lines, and what is sent to a terminal for them."""

    def __init__(self, it: Desk) -> None:
        app = it.app
        self._size = app.size
        update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
        assert isinstance(update, LayoutUpdate)
        self._lines = [[segment for strip in line for segment in strip] for line in update.strips]
        self._sent = update.render_segments(app.console)
        self.text = "\n".join("".join(segment.text for segment in line) for line in self._lines)

    def fault(self) -> str:
        """Return what a terminal would do beside showing whole lines, "" when it would do nothing."""
        width, height = self._size
        if len(self._lines) != height:
            return f"{len(self._lines)} lines on a screen of {height}:\n{self.text}"
        sent = OWN.sub("", self._sent).replace("\n", "")
        if found := FORBIDDEN.search(sent):
            return f"{found[0]!a} is sent in {sent[max(0, found.start() - 60) : found.end() + 60]!a}"
        for number, line in enumerate(self._lines):
            text = "".join(segment.text for segment in line)
            widths = {len(text)} if text.isascii() else {cell_len(text), cell_width(text)}
            if widths != {width}:
                return f"line {number} is {widths} wide on a screen of {width}: {text!a}"
            for segment in line:
                if segment.style and (segment.style.link or "@click" in segment.style.meta):
                    return f"line {number} has what a click would run: {segment!a}"
        return ""


def cells(line: str) -> list[str]:
    """Return a line as its cells: a wide character stands in its first, and "" in its second."""
    found: list[str] = []
    for character in line:
        width = cell_width(character)
        if width == 0:
            if found:
                found[-1] += character
            continue
        found.append(character)
        found += [""] * (width - 1)
    return found
