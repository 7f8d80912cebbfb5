"""Marks: what is marked, what a filter hides, what verbs act on, and when marks fall."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.demo.small import ci_runner
from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import Guard, Reason, TaskPhase, VmState
from kvmtui.screens.marks import IDLE_SECONDS, Marks
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    import pytest


async def marked(it: Desk, *names: str) -> None:
    for name in names:
        await it.go_to(name)
        await it.press("space")


def sent(it: Desk) -> list[tuple[str, str]]:
    """The verbs that were sent, with the names of their VMs."""
    names = {uuid: guest.vm.name for host in it.world.hosts.values() for uuid, guest in host.guests.items()}
    return sorted((call.verb, names.get(call.uuid, "?")) for call in it.calls)


async def asked(it: Desk) -> None:
    await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "a dialog")
    await it.settle()


async def test_space_marks_and_steps_on() -> None:
    async with desk() as it:
        await it.go_to("app-1")
        await it.press("space", "space")
        await it.until_text("marked 2 (0 hidden): app-1, app-2")
        assert it.line_of("   app-1" if "   app-1" in it.text else "app-1").startswith("*")
        await it.go_to("app-2")
        await it.press("space")
        await it.until_text("marked 1 (0 hidden): app-1")


async def test_a_verb_acts_on_all_marked_once_their_number_is_typed() -> None:
    async with desk() as it:
        await marked(it, "web-1", "web-2", "wiki")
        await it.press("x")
        await it.until_text("x  3 marked VMs")
        await it.press("p")
        await asked(it)
        assert "Pause 3 VMs?" in it.text
        assert "web-1, web-2, wiki" in it.text
        await it.press("enter")
        await it.press("2", "enter")
        assert it.calls == []
        await it.press("ctrl+u", "3", "enter")
        await it.until_done(3)
        assert sent(it) == [("pause", "web-1"), ("pause", "web-2"), ("pause", "wiki")]
        assert not it.app.marks  # they fall after the verb
        assert "marked" not in it.text


async def test_several_forced_want_their_number_too() -> None:
    async with desk() as it:
        await marked(it, "web-1", "web-2")
        await it.press("!", "f")
        await asked(it)
        assert "type 2 and press enter" in it.text
        await it.press("!", "!", "ctrl+u", "2", "enter")
        await it.until_done(2)
        assert sent(it) == [("force_off", "web-1"), ("force_off", "web-2")]


async def test_several_losses_want_the_verb_and_the_number() -> None:
    async with desk() as it:
        it.faults.appear("hv3", ci_runner(10))
        await it.until(lambda: "ci-runner-10" in it.names)
        await marked(it, "ci-runner-09", "ci-runner-10")
        await it.press("!", "f")
        await asked(it)
        assert "type force-off 2 and press enter" in it.text
        await it.press(*"force-off", "space", "2", "enter")
        await it.until_done(2)
        assert [call.verb for call in it.calls] == ["force_off", "force_off"]


async def test_those_that_cannot_be_are_skipped_and_named() -> None:
    async with desk() as it:
        await marked(it, "web-1", "mail", "instance-0000002a")
        await it.press("x", "p")
        await asked(it)
        assert "Pause web-1 on hv1?" in it.text
        assert "Skipped: mail is off" in it.text
        assert "Skipped: instance-0000002a belongs to nova" in it.text
        await it.press("enter")
        await it.until_done()
        assert sent(it) == [("pause", "web-1")]


async def test_marks_of_a_silent_host_are_skipped_and_counted() -> None:
    async with desk(ping_interval=0.02) as it:
        await marked(it, "web-4", "web-1")
        it.faults.patience = 0.01
        it.faults.silence("hv3")
        await it.until(lambda: not it.entry("hv3").condition.is_answering)
        await it.press("x", "p")
        await asked(it)
        assert "Pause web-1 on hv1?" in it.text
        assert "Skipped: hv3 does not answer since" in it.text
        await it.press("enter")
        await it.until_done()
        assert sent(it) == [("pause", "web-1")]


async def test_a_filter_hides_marks_which_are_counted_and_left_out_until_h() -> None:
    async with desk() as it:
        await marked(it, "web-1", "wiki")
        await it.press("/", *"wiki", "enter")
        await it.until_text("marked 2 (1 hidden): wiki, web-1")
        await it.press("x")
        await it.until_text("2 marked VMs (1 hidden by the filter)")
        await it.press("p")
        await asked(it)
        assert "1 hidden by the filter, left out: web-1" in it.text
        assert "Pause wiki on hv2?" in it.text
        await it.press("escape")
        await it.press("x", "p")
        await asked(it)
        await it.press("enter")
        await it.until_done()
        assert sent(it) == [("pause", "wiki")]


async def test_h_includes_the_hidden_ones() -> None:
    async with desk() as it:
        await marked(it, "web-1", "wiki")
        await it.press("/", *"wiki", "enter", "x", "p")
        await asked(it)
        await it.press("h")
        await it.until_text("Pause 2 VMs?", "1 hidden by the filter, included: web-1", "type 2 and press enter")
        await it.press("2", "enter")
        await it.until_done(2)
        assert sent(it) == [("pause", "web-1"), ("pause", "wiki")]


async def test_hidden_marks_alone_are_never_acted_on_unasked() -> None:
    async with desk(configs=lambda host: replace(host, guard=Guard.FREE)) as it:
        await marked(it, "web-1")
        await it.press("/", *"wiki", "enter")
        await it.press("x")
        await it.until_text("x  web-1 on hv1  (running)  hidden by the filter")
        await it.press("p")
        await asked(it)
        assert "1 hidden by the filter, left out: web-1" in it.text
        await it.press("enter", "escape")
        assert it.calls == []


async def test_deleting_a_hidden_mark_alone_asks_for_it_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvmtui.widgets.form.GUARD", 0.0)
    async with desk() as it:
        await marked(it, "mail")
        await it.press("/", *"wiki", "enter")
        await it.say("delete")
        await it.until(lambda: isinstance(it.app.screen, Form), "the form")
        await it.settle()
        await it.press("enter", "enter")  # [Review]
        await it.until_text("Would run:")
        await it.press("enter")  # [Do it]
        await asked(it)
        assert "1 hidden by the filter, left out: mail" in it.text
        assert "Nothing is left to do it to." in it.text
        await it.press(*"mail", "enter")
        assert it.calls == []
        await it.press("h")
        await it.until_text("type mail and press enter")
        await it.press(*"mail", "enter")
        await it.until_done()
        assert sent(it) == [("undefine", "?")]


async def test_a_dot_before_the_verb_means_the_cursors_row_alone() -> None:
    async with desk() as it:
        await marked(it, "web-1", "web-2")
        await it.go_to("wiki")
        await it.press(".")
        await it.until_text("the next command is for the cursor's row alone")
        await it.press("x")
        await it.until_text("x  wiki on hv2  (running)")
        await it.press("p", "enter")
        await it.until_done()
        assert sent(it) == [("pause", "wiki")]
        await it.until_text("marked 2 (0 hidden): web-1, web-2")  # they were not acted on


async def test_the_dot_holds_for_one_command_even_one_that_was_left() -> None:
    async with desk() as it:
        await marked(it, "web-1", "web-2")
        await it.go_to("wiki")
        await it.press(".", "x", "p")
        await asked(it)
        await it.press("escape")
        await it.until_text("marked 2 (0 hidden)")
        await it.press(".", "escape")
        await it.until_text("marked 2 (0 hidden)")
        assert it.calls == []


async def test_what_looks_is_about_the_row_whatever_is_marked() -> None:
    async with desk() as it:
        await marked(it, "web-1", "web-2")
        await it.go_to("wiki")
        await it.press("i")
        await it.until_text("Facts of wiki")
        await it.press("escape", "y")
        await it.until_text("Copy of wiki")
        await it.press("escape", "enter")
        await it.until_text("wiki on hv2")
        assert it.calls == []


async def test_plus_marks_the_screen_star_inverts_and_u_clears() -> None:
    async with desk() as it:
        await it.press("/", *"web-", "enter", "+")
        await it.until_text("marked 7 (0 hidden)")
        await it.press("escape")  # clears marks first
        assert "marked" not in it.text
        assert "filter web-" in it.text
        await it.go_to("web-1")
        await it.press("space", "*")
        await it.until_text("marked 6 (0 hidden)")
        await it.press("u")
        assert "marked" not in it.text


async def test_a_mark_falls_when_its_vm_vanishes_or_moves() -> None:
    async with desk() as it:
        await marked(it, "web-1", "web-2", "wiki")
        it.faults.vanish("hv1", it.world.ref("web-1").uuid)
        await it.until_text("marked 2 (0 hidden): web-2, wiki")
        it.faults.move(it.world.ref("web-2").uuid, "hv1", "hv2")
        await it.until_text("marked 1 (0 hidden): wiki")
        await it.until_told("1 mark fell")  # said a moment after it is painted
        await it.press("x")
        await it.until_text("x  wiki on hv2")


def test_all_marks_fall_after_a_quarter_of_an_hour_without_a_key() -> None:
    from kvmtui.core.inventory import Fleet, VmRef

    marks = Marks()
    marks.toggle(VmRef("hv1", "a"))
    marks.touch(100.0)
    assert marks.fall(Fleet(0.0), 100.0 + IDLE_SECONDS + 1) == (VmRef("hv1", "a"),)
    assert not marks


async def test_after_two_failures_the_rest_is_left_alone_and_every_end_is_listed() -> None:
    async with desk(parallel_per_host=1) as it:
        it.faults.refuse(BackendError("The disk is gone."), verb="pause")
        await marked(it, "web-1", "web-2", "web-3", "app-1")
        await it.press("x", "p")
        await asked(it)
        await it.press("4", "enter")
        tasks = await it.until_done(4)
        assert sorted(task.phase for task in tasks) == [
            TaskPhase.CANCELLED,
            TaskPhase.CANCELLED,
            TaskPhase.FAILED,
            TaskPhase.FAILED,
        ]
        assert len(it.calls) == 2
        await it.press("7")
        await it.until_text("failed", "cancelled", "web-1", "app-1")


async def test_hundreds_marked_are_asked_about_in_one_screen() -> None:
    async with desk("demo:///?hosts=4&vms=400&seed=3&pace=0") as it:
        await it.until(lambda: len(it.names) > 300)
        await it.press("*")
        assert len(it.app.marks) > 300
        assert len(it.lines) == 24
        await it.press("x", "p")
        await asked(it)
        assert " VMs?" in it.text
        assert "press enter" in it.text
        await it.press("enter", "escape")
        assert it.calls == []


async def test_a_form_for_one_at_a_time_refuses_several() -> None:
    async with desk() as it:
        await marked(it, "web-1", "web-2")
        await it.press("#")
        await it.until_told("tags is for one at a time, and 2 are marked. . first: this row.")
        assert it.calls == []


async def test_marks_survive_a_state_change_of_their_vm() -> None:
    async with desk() as it:
        await marked(it, "web-1")
        it.faults.enter("hv1", it.world.ref("web-1").uuid, VmState.PAUSED, Reason.USER)
        await it.until_state("web-1", VmState.PAUSED)
        await it.until_text("marked 1 (0 hidden): web-1")
