"""A text in which something was found stays what it is whatever text follows it."""

from __future__ import annotations

import pytest
from rich.text import Text
from textual.app import App, ComposeResult

from kvmtui.widgets.textview import TextView


class Host(App[None]):
    """Shows a text whose lines can be moved sideways."""

    def compose(self) -> ComposeResult:
        """Compose the one view."""
        self.view = TextView(wide=True)
        yield self.view

    def tell(self, *lines: str) -> None:
        """Show these lines."""
        self.view.show([Text(line) for line in lines], width=max(map(len, lines), default=0))


@pytest.mark.parametrize("size", [(60, 15), (20, 5)])
async def test_what_was_found_is_looked_for_in_the_text_that_follows(size: tuple[int, int]) -> None:
    app = Host()
    async with app.run_test(size=size) as pilot:
        app.tell(*(f"disk {number}" for number in range(100)))
        await pilot.pause()
        assert app.view.find("disk 9") == 11
        await pilot.press("enter", "enter")
        assert app.view.found == (3, 11)
        for lines, found in (
            (("disk 9", "x", "disk 91"), (1, 2)),
            (("nothing of it",), (0, 0)),
            ((), (0, 0)),
            (("x", "DISK 9", "y", "disk 99"), (1, 2)),
        ):
            app.tell(*lines)
            assert app.view.found == found
            await pilot.press("enter", "end", "enter", "home", "right", "pagedown")
            assert app.view.found[1] == found[1]
            assert app.view.seen in app.view.plain
