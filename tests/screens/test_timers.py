"""What is late holds nothing up: no time that has passed stops the program, and nothing that comes once is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.notifications import Notification
from textual.widgets._toast import Toast, ToastHolder

from tests.screens.harness import _mouse, desk

if TYPE_CHECKING:
    import pytest


async def test_a_notice_that_runs_out_while_it_is_put_on_the_screen_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk() as it:
        await it.settle()
        monkeypatch.setattr(Notification, "has_expired", False)  # as it was asked a moment before
        monkeypatch.setattr(Notification, "time_left", -0.001)
        it.app.tell("A sentence.")
        await it.until(lambda: not it.toasts, "its end")
        await it.press("?")
        await it.until(lambda: len(it.app.screen_stack) == 2, "the help: keys are done")


async def test_what_is_to_come_once_comes_however_late_it_is() -> None:
    came = []
    async with desk() as it:
        for late in (-1.0, -1e-9, 1e-9):
            it.app.set_timer(late, lambda late=late: came.append(late))
        await it.until(lambda: len(came) == 3, f"all of them: {came}")


async def test_a_sentence_that_is_said_again_and_again_leaves_nothing_behind() -> None:
    async with desk() as it:
        for _ in range(20):
            it.app.tell("The same.")
            it.app.tell("Another.")
            await it.settle()
        await it.until(lambda: len(it.app.screen.query(ToastHolder)) == 2, "a frame for each")
        assert sorted(it.toasts) == ["Another.", "The same."]


async def test_a_press_on_a_notice_that_is_just_going_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as it:
        it.app.tell("A sentence.")
        await it.until_told("A sentence.")
        notice = it.app.screen.query_one(Toast)
        await it.until(lambda: notice.region.area, "its place")
        x, y = notice.region.x + 4, notice.region.y
        screen, detach = it.app.screen, notice._detach
        pressed = []

        def detached() -> None:
            """Press in the instant in which it is out of the tree, but not yet off the screen."""
            detach()
            pressed.append(screen.get_widget_at(x, y)[0])
            screen._forward_event(_mouse(events.MouseDown, x, y, button=1))
            screen._forward_event(_mouse(events.MouseUp, x, y, button=1))

        monkeypatch.setattr(notice, "_detach", detached)
        await notice.remove()
        assert pressed == [notice]
        await it.press("?")
        await it.until(lambda: len(it.app.screen_stack) == 2, "the help: keys are done")
