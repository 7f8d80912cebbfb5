from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from textual import events
from textual.app import App

from kvmtui.commands.base import Answers, Choice, FieldKind, Question
from kvmtui.core.errors import Refused
from kvmtui.widgets.fields import LONGEST, Choices, FieldRow, Knob
from kvmtui.widgets.foot import Review
from kvmtui.widgets.form import Form, Live

if TYPE_CHECKING:
    from collections.abc import Sequence

QUESTIONS = (
    Question("name", "New name", FieldKind.TEXT, "What it is called.", initial="web-1", required=True),
    Question("nvram", "Delete the NVRAM too", FieldKind.FLAG, "Its boot entries."),
    Question(
        "disks",
        "Disks",
        FieldKind.SOME,
        "Deleted with it.",
        choices=(Choice("vda", "vda 20G"), Choice("vdb", "vdb 1T", blocked="db-1 uses it"), Choice("vdc", "vdc 1G")),
    ),
    Question("mode", "Mode", FieldKind.ONE, "How.", initial="b", choices=(Choice("a", "first"), Choice("b", "second"))),
)


class Host(App[None]):
    """Shows a form, with a clock that stands still until it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = 50.0
        self.form = Form("Rename web-1?", QUESTIONS, review=self.review, clock=lambda: self.clock)
        self.answers: list[Answers | None] = []

    def review(self, answers: Answers) -> Sequence[str]:
        if answers["name"] == "taken":
            raise Refused("A VM called taken is there already.")
        return (f"It will be called {answers['name']}.", "virsh domrename web-1 ...")

    async def on_mount(self) -> None:
        await self.push_screen(self.form, self.answers.append)

    @property
    def said(self) -> str:
        return self.form.query_one("#said", Review).whole


def press_on(app: Host, which: str) -> None:
    app.form.query_one(f"#{which}", Knob).focus()


async def test_enter_goes_from_field_to_field_and_submits_only_on_review_and_do_it() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("2", "enter", "space", "enter", "space", "down", "space", "down", "space", "enter", "enter")
        assert app.focused is app.form.query_one("#review")
        assert app.answers == []
        await pilot.press("enter")
        assert "It will be called web-12." in app.said
        await pilot.press("enter")
        assert app.answers == []  # [Do it] has just appeared
        app.clock += 0.5
        await pilot.press("enter")
        assert app.answers == [{"name": "web-12", "nvram": True, "disks": ("vda", "vdc"), "mode": "b"}]


async def test_what_is_pasted_stands_on_one_line_and_ends_somewhere() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.post_message(events.Paste("\n-of\nann\n"))
        await pilot.pause()
        assert app.form.answers["name"] == "web-1-of ann"
        await pilot.press("home", "shift+right")
        app.post_message(events.Paste("db"))
        await pilot.pause()
        assert app.form.answers["name"] == "dbeb-1-of ann"
        await pilot.press("home")
        app.post_message(events.Paste("ü" * 1_000_000))
        await pilot.pause()
        await pilot.press("x")
        name = str(app.form.answers["name"])
        assert (len(name), name[-len("xdbeb-1-of ann") :]) == (LONGEST + 1, "xdbeb-1-of ann")


async def test_what_is_missing_or_refused_is_said_and_nothing_can_be_done() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("ctrl+u")
        press_on(app, "review")
        await pilot.press("enter")
        assert app.said == "New name is needed."
        assert not app.form.query_one("#do").display
        await pilot.press("shift+tab", "shift+tab", "shift+tab", "shift+tab")
        await pilot.press(*"taken")
        press_on(app, "review")
        await pilot.press("enter")
        assert app.said == "A VM called taken is there already."
        assert not app.form.query_one("#do").display


async def test_a_change_after_the_review_asks_for_another() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        press_on(app, "review")
        await pilot.press("enter")
        assert app.form.query_one("#do").display
        app.form.query_one("Input").focus()
        await pilot.press("x")
        assert not app.form.query_one("#do").display


async def test_escape_gives_up_the_review_and_then_the_form() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        press_on(app, "review")
        await pilot.press("enter", "escape")
        assert app.answers == []
        await pilot.press("escape")
        assert app.answers == [None]


MANY = Question(
    "image",
    "Image",
    FieldKind.ONE,
    "Which.",
    choices=(*(Choice(f"i{n}", f"image {n}") for n in range(20)), Choice("z", "pool/zeta")),
)


class Folding(App[None]):
    """Shows a form whose choices fold, and that asks anew for an image."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Answers] = []
        self.form = Form("New", (MANY, QUESTIONS[3]), review=lambda _: ("fine",), live=Live(self.revise, folds=True))

    async def revise(self, answers: Answers) -> Sequence[Question]:
        self.asked.append(answers)
        more = (QUESTIONS[0],) if answers.get("image") == "i19" else ()
        return (MANY, *more, QUESTIONS[3])

    async def on_mount(self) -> None:
        await self.push_screen(self.form)

    def shown(self, name: str) -> list[str]:
        field = next(one for one in self.form.query(Choices) if one.name == name)
        return str(field.render()).splitlines()


async def test_many_choices_scroll_and_a_choice_without_the_focus_is_one_line() -> None:
    app = Folding()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert len(app.shown("image")) == 7
        assert app.shown("image")[-1].strip() == "1 to 6 of 21"
        assert app.shown("mode") == ["second"]
        await pilot.press("z")
        assert app.shown("image")[-2].startswith(">( ) pool/zeta")
        assert app.shown("image")[-1].strip() == "16 to 21 of 21"
        await pilot.press("up", "enter")
        await pilot.pause(0.1)
        assert app.shown("image") == ["image 19"]
        assert app.form.answers["image"] == "i19"
        assert app.asked[-1] == {"image": "i19"}
        assert "name" in app.form.answers
        assert app.shown("mode")[1].startswith(">(x) second")


async def test_the_click_that_unfolds_chooses_nothing() -> None:
    app = Folding()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        mode = next(one for one in app.form.query(Choices) if one.name == "mode")
        await pilot.click(mode)
        assert app.form.answers["mode"] == "b"
        await pilot.click(mode, offset=(2, 0))
        assert app.form.answers["mode"] == "a"


class Reading(Folding):
    """Asks anew only once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.read = asyncio.Event()
        self.answered = asyncio.Event()

    async def revise(self, answers: Answers) -> Sequence[Question]:
        with suppress(asyncio.CancelledError):  # a host that was asked may answer all the same
            await self.read.wait()
        self.answered.set()
        return await super().revise(answers)


async def test_an_answer_that_comes_when_the_form_was_left_changes_nothing() -> None:
    app = Reading()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("z", "up", "space")
        _ = app.form.dismiss(None)
        app.read.set()
        await app.answered.wait()
        await pilot.pause()
        assert app.screen is not app.form
        assert app.is_running


async def test_a_form_can_be_left_at_any_instant() -> None:
    app = Folding()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for turns in range(30):
            form = Form("New", QUESTIONS, review=lambda _: ("fine",), live=Live(app.revise))
            _ = app.push_screen(form)
            for _ in range(turns):
                await asyncio.sleep(0)
            _ = app.pop_screen()
            await pilot.pause()
            assert app.screen is app.form


async def test_a_key_while_fields_are_put_in_leaves_each_of_them_once() -> None:
    app = Folding()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        before = len(app.form.query(FieldRow))
        await pilot.press("z", "up")
        choices = app.form.query(Choices).first()
        choices.settle()
        for _ in range(1000):
            if len(app.form.query(FieldRow)) > before:
                break
            await asyncio.sleep(0)
        app.form.workers.cancel_group(app.form, "revise")  # as any change of an answer does
        await pilot.press("tab", "tab", "up", "space")
        await pilot.pause(0.1)
        names = [row.question.name for row in app.form.query(FieldRow)]
        assert names == ["image", "name", "mode"]
        assert app.form.answers == {"image": "i19", "name": "web-1", "mode": "a"}


class Dropping(App[None]):
    """Shows a form two of whose fields go with an answer."""

    def __init__(self) -> None:
        super().__init__()
        texts = [Question(name, name.upper(), FieldKind.TEXT, "What.", initial="x") for name in ("a", "b")]
        self.all = (QUESTIONS[3], *texts)
        self.form = Form("New", self.all, review=lambda _: ("fine",), live=Live(self.revise, folds=True))

    async def revise(self, answers: Answers) -> Sequence[Question]:
        return self.all[:1] if answers.get("mode") == "a" else self.all

    async def on_mount(self) -> None:
        await self.push_screen(self.form)

    async def begin_dropping(self) -> None:
        """Return in the instant in which the fields begin to go."""
        self.form.query(Choices).first().settle()
        before = len(self.form.answers)
        for _ in range(1000):
            if len(self.form.answers) < before:
                return
            await asyncio.sleep(0)
        raise AssertionError("no field goes")


@pytest.mark.parametrize("at", range(3))
async def test_keys_reach_a_form_whose_focused_field_goes_with_others(at: int) -> None:
    app = Dropping()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("up")
        app.form.set_focus(list(app.form.query(FieldRow))[at].field)
        await app.begin_dropping()
        await pilot.pause(0.1)
        assert list(app.form.answers) == ["mode"]
        await pilot.press("escape")
        assert app.screen is not app.form


@pytest.mark.parametrize("turns", range(6))
async def test_an_answer_changed_while_fields_go_leaves_the_program_running(turns: int) -> None:
    app = Dropping()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("up")
        await app.begin_dropping()
        for _ in range(turns):
            await asyncio.sleep(0)
        app.form.workers.cancel_group(app.form, "revise")  # as any change of an answer does
        await pilot.pause(0.1)
        assert app.is_running
        assert list(app.form.answers) == ["mode"]
        await pilot.press("escape")
        assert app.screen is not app.form
