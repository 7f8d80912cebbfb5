"""What is painted frees itself: no key leaves lines behind that only a search for garbage would find."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from rich.segment import Segment
from textual.strip import Strip

from kvmtui.widgets import strips
from tests.screens.harness import desk

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = 100
LEFT = 100  # lines, of the screen itself and of what changed on it meanwhile; without this three for each key


@pytest.fixture
def _no_search() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> int:
    return sum(isinstance(each, Strip) for each in gc.get_objects())


@pytest.mark.parametrize("cuts", [[5], [2, 5], [2, 9], []])
@pytest.mark.usefixtures("_no_search")
def test_a_divided_line_is_free_when_it_is_dropped(cuts: list[int]) -> None:
    strips.install()
    before = alive()
    line = Strip([Segment("abc"), Segment("de")])
    pieces = line.divide(cuts)
    assert "".join(piece.text for piece in pieces) == "abcde"[: max([cut for cut in cuts if cut <= 5], default=0)]
    del line, pieces
    assert alive() == before


@pytest.mark.usefixtures("_no_search")
async def test_moving_the_selection_leaves_no_lines_behind() -> None:
    async with desk() as it:
        await it.until_text("cache-1")
        before = alive()
        for turn in range(KEYS):
            await it.press("down" if turn % 20 < 10 else "up")
        assert alive() - before < LEFT
