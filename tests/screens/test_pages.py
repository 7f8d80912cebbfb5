"""Tasks, the log, help, the palette."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kvmtui.backend.demo.small import ci_runner
from kvmtui.commands import registry
from kvmtui.commands.base import Level, Noun
from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import TaskPhase
from kvmtui.screens.actions import GO, LIST, MARK, PANES
from kvmtui.screens.help import HelpScreen
from kvmtui.screens.log import LogPage
from kvmtui.screens.page import Page
from kvmtui.screens.palette import PaletteScreen
from kvmtui.screens.tasks import TasksPage
from tests.screens.harness import Desk, desk


async def worked(it: Desk) -> None:
    """Have one task done, one failed."""
    await it.go_to("old-crm")
    await it.press("x", "s")
    await it.until_done()
    it.faults.refuse(BackendError("The disk is gone.", hint="Restore it."), verb="pause", times=1)
    await it.go_to("web-1")
    await it.press("x", "p", "enter")
    await it.until_done(2)


async def help_text(it: Desk) -> str:
    """All that the help says, scrolled through."""
    await it.until(lambda: isinstance(it.app.screen, HelpScreen))
    screen = it.app.screen
    assert isinstance(screen, HelpScreen)
    seen: list[str] = []
    for _ in range(30):
        await it.settle()
        seen.append(" ".join(it.text.split()))
        before = it.text
        await it.press("space")
        if it.text == before:
            break
    return " ".join(seen)


# -- tasks


async def test_tasks_are_listed_newest_first_with_their_outcome() -> None:
    async with desk(size=(120, 36)) as it:
        await worked(it)
        await it.press("7")
        await it.until_text("pause", "failed", "start", "done", "old-crm", "web-1")
        lines = [line for line in it.lines if " hv" in line]
        assert "web-1" in lines[0]
        assert "x" in lines[0][:3]
        assert "old-crm" in lines[1]
        await it.press("home")
        await it.until_text("The disk is gone.", "virsh -c", "suspend web-1")


async def test_tasks_can_be_filtered_sorted_and_narrowed_to_faults() -> None:
    async with desk(size=(120, 36)) as it:
        await worked(it)
        await it.press("7")
        await it.until_text("failed")
        await it.press("/", *"old-crm", "enter")
        await it.until_gone("suspend web-1")
        await it.press("escape")
        await it.until_text("web-1")
        await it.press("f")
        await it.until(lambda: not any("old-crm" in line and "done" in line for line in it.lines[1:-3]))
        await it.press("f", "o")
        await it.until_text("sort by")
        await it.press("n")
        await it.until(lambda: "old-crm" in next(line for line in it.lines if " hv" in line))
        await it.press("/", *"zzz", "enter")
        await it.until_text("No task matches")
        await it.press("escape", "escape")
        assert it.page.where().name != "tasks"


async def test_a_tasks_chord_by_mouse_or_key_is_refused_once_it_ended() -> None:
    async with desk() as it:
        await worked(it)
        await it.press("7")
        await it.until_text("failed")
        await it.press("!", "c")
        await it.until_told("has ended: failed.")


async def test_the_journal_outlives_the_program() -> None:
    async with desk() as it:
        await worked(it)
        kept = it.engine.journal.read(10)
        assert {task.phase for task in kept} == {TaskPhase.DONE, TaskPhase.FAILED}
        assert all(task.virsh.startswith("virsh -c") for task in kept)


async def test_nothing_done_yet_says_what_to_do() -> None:
    async with desk() as it:
        await it.press("7")
        await it.until_text("Nothing has been done yet.", "x on a VM shows what can be done.")
        await it.press("x")
        await it.until_text("Nothing is selected.")
        await it.press("escape", "enter", "r", "O", "f", "f")
        assert isinstance(it.app.screen, TasksPage)


# -- the log


async def test_the_log_has_the_virsh_lines_of_what_was_done() -> None:
    async with desk() as it:
        await worked(it)
        await it.press("0")
        assert isinstance(it.app.screen, LogPage)
        await it.until_text("start old-crm", "suspend web-1", "done", "failed")
        await it.press("end")
        await it.until_text("The disk is gone.")
        await it.press("x", "s", "!", "f", "enter", "d")
        assert len(it.calls) == 2


# -- help


@pytest.mark.parametrize(("keys", "noun"), [("1", Noun.VM), ("9", Noun.HOST), ("7", Noun.TASK)])
async def test_help_explains_every_key_and_verb_of_the_screen(keys: str, noun: Noun) -> None:
    async with desk(size=(120, 60)) as it:
        await it.press(keys, "?")
        said = await help_text(it)
        for command in registry.of_noun(noun):
            assert command.label in said, command.id
            assert " ".join(command.help.split())[:60] in said, command.id
            key = registry.DEFAULT.text(command.id)
            assert (key or f":{command.verb}") in said
        page = it.app.screen_stack[-2]
        assert isinstance(page, Page)
        for action in (*GO, *LIST, *MARK, *PANES):
            if action.id in page.bound:
                assert f"{action.shown} " in said, action.id
                assert action.help.replace("`", "")[:50] in said, action.id
        await it.press("q")
        assert not isinstance(it.app.screen, HelpScreen)
        assert it.app.is_running


async def test_help_says_what_each_level_asks() -> None:
    async with desk(size=(200, 60)) as it:
        await it.press("?")
        said = await help_text(it)
        for asked in ("asks for enter", "asks for ! again", "asks for the name", "Hold shift to select text"):
            assert asked in said


# -- the palette


async def test_the_palette_finds_by_name_key_and_virsh_word() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        for typed, found in (
            ("destroy", "force off"),
            ("managedsave", "hibernate"),
            ("x d", "shut down"),
            ("undefine", "delete"),
        ):
            await it.press("ctrl+p")
            await it.type(typed)
            await it.until_text(f"> {typed}", found)
            await it.press("escape")
        assert it.calls == []


async def test_every_command_and_action_of_the_screen_is_in_the_palette() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("ctrl+p")
        screen = it.app.screen
        assert isinstance(screen, PaletteScreen)
        offered = set(screen._entries)
        assert {command.id for command in registry.ALL if command.noun is not Noun.TASK} <= offered
        assert {action.id for action in (*GO, *LIST, *MARK, *PANES)} <= offered
        await it.type("nothing like it")
        await it.until_text("Nothing is called that.")
        await it.press("enter", "escape")
        assert it.calls == []


async def test_what_cannot_be_done_is_in_the_palette_with_its_reason() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("ctrl+p")
        await it.type("resume")
        await it.until_text("> resume", "web-1 is already running.")
        await it.press("enter")
        await it.until_told("web-1 is already running.")
        assert it.calls == []


async def test_the_palette_offers_what_can_be_done_to_one_of_the_marked() -> None:
    async with desk() as it:
        for name in ("mail", "web-1"):  # one is off, one is on
            await it.go_to(name)
            await it.press("space")
        await it.press("ctrl+p")
        await it.type("shut down")
        await it.press("enter")
        await it.until_text("Shut down web-1 on hv1?", "Skipped: mail is already off.")
        await it.press("escape")
        await it.press("ctrl+p")
        await it.type("resume")
        await it.press("enter")
        await it.until_told("mail is off: only a VM that is paused can be resumed.")
        assert it.calls == []


async def test_the_palette_asks_as_the_chord_does_and_keeps_its_target() -> None:
    async with desk() as it:
        ref = await it.go_to("web-1")
        await it.press("ctrl+p")
        await it.type("force off")
        it.faults.appear("hv1", replace(ci_runner(10), name="aaa"))
        await it.until(lambda: any(vm.name == "aaa" for _, vm in it.engine.fleet.vms()))
        await it.press("enter")
        await it.until_text("Force off web-1 on hv1?", "press ! again")
        await it.press("!")
        await it.until_done()
        assert [(call.verb, call.uuid) for call in it.calls] == [("force_off", ref.uuid)]


async def test_an_enter_that_came_with_the_text_chooses_nothing() -> None:
    async with desk() as it:
        await it.go_to("old-crm")
        await it.press("ctrl+p")
        await it.read(*"start", "enter")
        await it.settle()
        assert it.calls == []
        assert isinstance(it.app.screen, PaletteScreen)
        await it.paste("start\n")
        assert it.calls == []


async def test_the_palette_goes_marks_and_changes_the_theme() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("ctrl+p")
        await it.type("mark.one")
        await it.press("enter")
        await it.until_text("marked 1")
        await it.press("ctrl+p")
        await it.type("go.tasks")
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, TasksPage))
        await it.press("ctrl+p")
        await it.type("theme nord")
        await it.press("enter")
        await it.until(lambda: it.app.theme == "nord")


async def test_the_palette_of_a_page_offers_only_what_the_page_has() -> None:
    async with desk() as it:
        await it.press("7", "ctrl+p")
        screen = it.app.screen
        assert isinstance(screen, PaletteScreen)
        assert "mark.one" not in screen._entries
        assert "pane.zoom" not in screen._entries
        assert "list.filter" in screen._entries


def test_every_command_has_help_and_a_level() -> None:
    for command in registry.ALL:
        assert command.help.endswith(".")
        assert command.level in Level


async def test_a_start_takes_up_where_the_last_run_left_off() -> None:
    async with desk() as it:
        await it.press("2", "o", "n")
        await it.until(lambda: it.app.memory.get("place") == "vms")
        left = {name: it.app.memory.get(name) for name in ("place", "sort")}
    assert left == {"place": "vms", "sort": "name"}
    async with desk(remembered={"place": "vms", "sort": "name"}) as it:
        await it.until(lambda: it.names)
        assert "USED/TOTAL" not in it.text
        assert "VM▼" in it.text


async def test_a_theme_that_is_not_there_is_said_at_the_start() -> None:
    async with desk(theme="nrod") as it:
        await it.until(lambda: it.toasts, "a sentence")
        assert it.toasts[0].startswith("There is no theme nrod: there is ")
        assert it.app.theme == "kvmtui"
