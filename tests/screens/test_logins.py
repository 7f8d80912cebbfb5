"""A login asks in a dialog, one question at a time, and not in the middle of what a person types."""

from __future__ import annotations

import asyncio

from kvmtui.backend.base import Prompt, PromptKind
from kvmtui.widgets.login import LoginScreen
from tests.screens.harness import Desk, desk

FIRST = Prompt("hv8", "root@hv8's password: ", PromptKind.SECRET, again=False)
SECOND = Prompt("hv9", "root@hv9's password: ", PromptKind.SECRET, again=False)


def asked(it: Desk) -> Prompt | None:
    """Return what is asked, once it can be read."""
    screen = it.app.screen
    return screen.prompt if isinstance(screen, LoginScreen) and screen.guard.is_up else None


async def test_questions_come_one_after_the_other() -> None:
    async with desk() as it:
        prompts = it.app.prompts
        answers = [asyncio.create_task(prompts.ask(one)) for one in (FIRST, SECOND)]
        await it.until(lambda: asked(it) == FIRST)
        await it.press("a", "b", "enter")
        assert await answers[0] == "ab"
        await it.until(lambda: asked(it) == SECOND)
        await it.press("escape")
        assert await answers[1] is None
        await it.until(lambda: it.app.page is not None)


async def test_a_question_that_was_taken_back_leaves_the_screen() -> None:
    async with desk() as it:
        asking = asyncio.create_task(it.app.prompts.ask(FIRST))
        await it.until(lambda: asked(it) == FIRST)
        asking.cancel()
        await it.until(lambda: it.app.page is not None)


async def test_what_is_being_typed_is_not_disturbed() -> None:
    async with desk() as it:
        await it.press("/", "w")
        asking = asyncio.create_task(it.app.prompts.ask(FIRST))
        await asyncio.sleep(1.5)  # longer than it would take to come up
        assert it.app.page is not None
        await it.press("escape")
        await it.until(lambda: asked(it) == FIRST)
        asking.cancel()
