from __future__ import annotations

import pytest
from textual import events
from textual.app import App

from kvmtui.commands.base import Level
from kvmtui.widgets.chords import Read
from kvmtui.widgets.confirm import Answering, Confirmation, Confirmed, ConfirmScreen
from kvmtui.widgets.guard import GUARD, Guard

ONE = ("web-1",)
MANY = tuple(f"web-{number}" for number in range(12))


def asked(level: Level, names: tuple[str, ...] = ONE, **more: object) -> Answering:
    return Answering(Confirmation("Sure?", level, names, **more))  # type: ignore[arg-type]


def type_in(answering: Answering, text: str) -> Confirmed | bool:
    answer: Confirmed | bool = True
    for key in text.replace("\n", "\0"):
        answer = answering.key("enter" if key == "\0" else key, alone=True)
        if answer is not True:
            break
    return answer


@pytest.mark.parametrize(
    ("level", "names", "typed"),
    [
        (Level.ORDINARY, ONE, "\n"),
        (Level.ORDINARY, MANY, "12\n"),
        (Level.FORCED, ONE, "!"),
        (Level.FORCED, MANY, "12\n"),
        (Level.LOSS, ONE, "web-1\n"),
        (Level.LOSS, MANY, "delete 12\n"),
    ],
)
def test_each_level_is_confirmed_by_what_it_demands(level: Level, names: tuple[str, ...], typed: str) -> None:
    answering = asked(level, names)
    assert type_in(answering, typed[:-1]) is True
    assert type_in(answering, typed[-1]) == Confirmed(hidden=False)


@pytest.mark.parametrize("level", [Level.FORCED, Level.LOSS])
@pytest.mark.parametrize("names", [ONE, MANY])
@pytest.mark.parametrize(
    "typed", ["\n", "y", "Y", "y\n", "yes\n", " \n", "1\n", "web-\n", "WEB-1\n", "delete\n", "delete 1\n", "11\n"]
)
def test_neither_y_nor_enter_nor_half_a_phrase_confirms_a_loss(
    level: Level, names: tuple[str, ...], typed: str
) -> None:
    assert type_in(asked(level, names), typed) is True


@pytest.mark.parametrize("level", [Level.ORDINARY, Level.FORCED, Level.LOSS])
@pytest.mark.parametrize("names", [ONE, MANY])
def test_escape_cancels(level: Level, names: tuple[str, ...]) -> None:
    assert asked(level, names).key("escape", alone=True) is False


@pytest.mark.parametrize(("level", "key"), [(Level.ORDINARY, "enter"), (Level.FORCED, "!")])
def test_a_key_that_came_with_others_confirms_nothing(level: Level, key: str) -> None:
    assert asked(level).key(key, alone=False) is True


def painted() -> Guard:
    guard = Guard(GUARD)
    guard.begin(1000.0)
    return guard


def test_keys_are_heeded_only_after_it_was_painted_for_a_while() -> None:
    assert not Guard(GUARD).lets(1000.0)
    assert not Guard(GUARD).lets(1000.0, cancels=True)
    assert not painted().lets(999.0)
    assert not painted().lets(1000.0 + GUARD - 0.01)
    guard = painted()
    assert guard.lets(1000.0 + GUARD + 0.01)
    assert guard.lets(1000.0 + GUARD + 0.02)


@pytest.mark.parametrize("gap", [0.011, 0.033, 0.1, 0.3, GUARD - 0.01])
def test_keys_that_go_on_where_the_question_was_opened_do_not_answer_it_at_any_speed(gap: float) -> None:
    guard = painted()
    last = 1000.0
    for _ in range(200):
        last += gap
        assert not guard.lets(last)
    assert guard.lets(last + GUARD + 0.01)


def test_what_cancels_waits_for_no_pause() -> None:
    guard = painted()
    assert not guard.lets(1000.0 + GUARD - 0.1, cancels=True)
    assert guard.lets(1000.0 + GUARD + 0.1, cancels=True)
    assert guard.lets(1000.0 + GUARD + 0.2), "it did not begin anew"
    assert not painted().lets(1000.3)
    held = painted()
    held.lets(1000.3)
    assert not held.lets(1000.6)
    assert held.lets(1000.61, cancels=True)


def test_h_includes_the_hidden_ones_and_the_count_follows() -> None:
    answering = asked(Level.FORCED, MANY, hidden=("db-1", "db-2"))
    assert answering.demand == "type 12 and press enter"
    assert type_in(answering, "h") is True
    assert answering.names[:2] == ("db-1", "db-2")
    assert answering.demand == "type 14 and press enter"
    assert type_in(answering, "12\n") is True
    answering.editor.put("")
    assert type_in(answering, "14\n") == Confirmed(hidden=True)


@pytest.mark.parametrize(
    ("level", "hidden", "typed"),
    [
        (Level.ORDINARY, ONE, "\n"),
        (Level.FORCED, ONE, "!"),
        (Level.LOSS, ONE, "web-1\n"),
        (Level.LOSS, MANY, "delete 12\n"),
    ],
)
def test_only_hidden_ones_are_never_confirmed_without_h(level: Level, hidden: tuple[str, ...], typed: str) -> None:
    answering = asked(level, (), hidden=hidden)
    assert answering.demand == "Nothing is left to do it to."
    assert type_in(answering, typed) is True
    assert type_in(answering, "h") is True
    assert type_in(answering, typed) == Confirmed(hidden=True)


def test_a_name_that_begins_with_h_or_i_can_be_typed() -> None:
    for name in ("host-1", "ice"):
        answering = asked(Level.LOSS, (name,), hidden=ONE, virsh="virsh undefine " + "x" * 80)
        assert type_in(answering, f"{name}\n") == Confirmed(hidden=False)


def test_a_hostile_name_is_typed_as_it_is_shown() -> None:
    answering = asked(Level.LOSS, ("web\x1b[31m\u202e",))
    assert answering.phrase == r"web\x1b[31m\u202e"
    assert type_in(answering, answering.phrase + "\n") == Confirmed(hidden=False)


def test_a_name_of_400_characters_is_never_shortened() -> None:
    answering = asked(Level.LOSS, ("x" * 400,))
    assert answering.phrase == "x" * 400


def test_a_name_that_cannot_be_typed_can_be_pasted_and_needs_enter() -> None:
    answering = asked(Level.LOSS, ("日本",))
    answering.paste("日本\n")
    assert answering.editor.text == "日本"
    assert answering.key("enter", alone=True) == Confirmed(hidden=False)
    several = asked(Level.LOSS, MANY)
    several.paste("delete 12")
    assert several.editor.text == ""


class Host(App[None]):
    """Shows a dialog, with a clock that stands still until it is set."""

    def __init__(self, question: Confirmation) -> None:
        super().__init__()
        self.clock = 1000.0
        self.dialog = ConfirmScreen(question, clock=lambda: self.clock)
        self.answers: list[Confirmed | None] = []

    async def on_mount(self) -> None:
        await self.push_screen(self.dialog, self.answers.append)


async def test_the_dialog_drops_keys_for_400_ms_and_has_no_focus() -> None:
    app = Host(Confirmation("Shut down web-1 on hv1?", Level.ORDINARY, ONE))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.focused is None
        assert app.dialog.answering.guard.is_up
        await pilot.press("enter", "escape")
        assert app.answers == []
        app.clock += GUARD + 0.01
        await pilot.press("enter")
        assert app.answers == [Confirmed(hidden=False)]


async def test_a_paste_that_was_meant_for_what_was_there_before_is_dropped() -> None:
    app = Host(Confirmation("Delete web-1 on hv1?", Level.LOSS, ONE))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for wait, typed in ((0.0, ""), (GUARD + 0.01, "web-1")):
            app.clock += wait
            app.post_message(events.Paste("web-1"))
            await pilot.pause()
            assert app.dialog.answering.editor.text == typed
        assert app.answers == []


async def test_a_key_read_before_the_dialog_was_painted_is_dropped_whenever_it_is_handled() -> None:
    app = Host(Confirmation("Shut down web-1 on hv1?", Level.ORDINARY, ONE))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.clock += 10
        early = events.Key("enter", "\r")
        early.read = Read(1, 999.9, ("enter",))  # type: ignore[attr-defined] # as the driver tags it
        app.post_message(early)
        await pilot.pause()
        assert app.answers == []


async def test_a_dialog_with_more_than_there_is_room_for_says_so_and_shows_it() -> None:
    lines = tuple(f"reason {number} for which a VM is left out of it, which takes two lines" for number in range(20))
    app = Host(Confirmation("Force off 21 VMs?", Level.FORCED, tuple(f"vm-{n}" for n in range(21)), lines=lines))
    async with app.run_test(size=(60, 15)) as pilot:
        await pilot.pause()
        app.clock += 1
        told = app.dialog.told().plain
        assert "Force off 21 VMs?" in told
        assert "reason 0 " in told
        assert "more lines: PgDn" in told
        assert "type 21 and press enter" in told
        assert app.dialog.query_one("#confirm").size.height <= 15
        seen = told
        for _ in range(8):
            await pilot.press("pagedown")
            seen += app.dialog.told().plain
        assert all(f"reason {number} " in seen for number in range(20))
        told = app.dialog.told().plain
        assert "the end, " in told
        assert "type 21 and press enter" in told
        await pilot.press("up")
        assert "1 more line: PgDn" in app.dialog.told().plain
        await pilot.press("2", "1", "enter")
        assert app.answers == [Confirmed(hidden=False)]


async def test_the_dialog_tells_all_that_is_at_stake() -> None:
    question = Confirmation(
        "Delete 2 VMs?",
        Level.LOSS,
        ("[bold]web\x1b[2J", "web-2"),
        hidden=("db-1",),
        lines=("Their disks stay.",),
        virsh="virsh -c qemu+ssh://root@hv1.example.org/system undefine --nvram web-1",
    )
    app = Host(question)
    async with app.run_test(size=(80, 24)) as pilot:
        app.clock += 1
        await pilot.pause()
        told = app.dialog.told().plain
        assert "1 hidden by the filter, left out: db-1" in told
        assert r"2 shown: [bold]web\x1b[2J, web-2" in told
        assert "Their disks stay." in told
        assert "type delete 2 and press enter" in told
        assert "virsh -c" not in told
        app.clock += 1
        await pilot.press("i")
        assert question.virsh in app.dialog.told().plain
        await pilot.press("h", *"delete", "space", "3", "enter")
        assert app.answers == [Confirmed(hidden=True)]
