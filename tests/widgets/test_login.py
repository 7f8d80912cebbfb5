"""The dialog of a login: what is typed as a secret is never seen, and no key meant for something else answers it."""

from __future__ import annotations

import pytest
from textual.app import App

from kvmtui.backend.base import Prompt, PromptKind
from kvmtui.widgets.login import LoginScreen

PASSWORD = Prompt("hv1", "root@hv1's password: ", PromptKind.SECRET, again=False)
KEY = Prompt(
    "hv1",
    "The authenticity of host 'hv1 (10.0.0.1)' can't be established.\n"
    "ED25519 key fingerprint is SHA256:abc.\nAre you sure you want to continue connecting (yes/no/[fingerprint])? ",
    PromptKind.HOST_KEY,
    again=False,
)


class Asked(App[None]):
    """An app that asks one thing."""

    def __init__(self, prompt: Prompt) -> None:
        super().__init__()
        self.dialog = LoginScreen(prompt, clock=lambda: self.time)
        self.time = 0.0
        self.answers: list[str | None] = []

    def on_mount(self) -> None:
        _ = self.push_screen(self.dialog, self.answers.append)


async def test_a_password_is_given_and_not_shown() -> None:
    app = Asked(PASSWORD)
    async with app.run_test() as pilot:
        app.time = 10.0
        await pilot.press(*"s3same")
        told = app.dialog.told().plain
        assert "s3same" not in told
        assert "6 characters" in told
        assert "root@hv1's password" in told
        await pilot.press("enter")
        await pilot.pause()
    assert app.answers == ["s3same"]


async def test_keys_that_came_before_it_could_be_read_answer_nothing() -> None:
    app = Asked(PASSWORD)
    async with app.run_test() as pilot:
        app.time = 0.3
        await pilot.press(*"x", "enter")
        assert app.answers == []
        app.time = 1.0
        await pilot.press("escape")
        await pilot.pause()
    assert app.answers == [None]


@pytest.mark.parametrize(("typed", "answers"), [("yes", ["yes"]), ("y", []), ("no", []), ("", [])])
async def test_a_key_that_is_not_known_is_accepted_by_the_whole_word(typed: str, answers: list[str]) -> None:
    app = Asked(KEY)
    async with app.run_test() as pilot:
        app.time = 10.0
        assert "SHA256:abc" in app.dialog.told().plain
        await pilot.press(*typed, "enter")
        await pilot.pause()
        assert app.answers == answers


async def test_what_a_host_says_cannot_write_over_the_dialog() -> None:
    app = Asked(Prompt("hv1\x1b[2J", "\x1b]0;owned\x07Password\u202e:", PromptKind.SECRET, again=True))
    async with app.run_test():
        told = app.dialog.told().plain
    assert "\x1b" not in told
    assert "\x07" not in told
    assert "\u202e" not in told
    assert "not accepted" in told
