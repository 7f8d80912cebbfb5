"""What every page says when there is nothing to show, not yet, not any more, or not to this user; and what to do."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from kvmtui.core.errors import Denied, NotSupported, Unreachable
from kvmtui.core.inventory import ConditionKind
from kvmtui.screens.vm_graphs import GraphsTab
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kvmtui.backend.demo import World

NOBODY = "demo:///?hosts=2&vms=0&seed=3"
GROUP = "Join the group libvirt: sudo usermod -aG libvirt $USER, then log in again; or run as root."


def words(it: Desk) -> str:
    """The screen as one line: a sentence may be broken between any two words."""
    return " ".join(it.text.split())


async def says(it: Desk, *sentences: str) -> None:
    for each in sentences:
        await it.until(lambda each=each: each in words(it), each)  # type: ignore[misc]


@asynccontextmanager
async def silent(name: str = "web-1") -> AsyncIterator[Desk]:
    """The page of a VM whose host does not answer any more."""
    async with desk() as it:
        await it.go_to(name)
        it.faults.patience = 0.02
        it.faults.silence("hv1")
        it.engine.refresh(None)
        await it.until(lambda: it.entry("hv1").condition.kind is ConditionKind.SILENT)
        yield it


# --- nothing there yet ---------------------------------------------------------------------------


async def test_where_no_vm_is_every_page_says_what_to_do() -> None:
    async with desk(NOBODY) as it:
        await says(it, "No VMs yet: n n makes one.", "n n new VM")
        assert "console" not in it.lines[-1], "the footer offers what works on the selection"
        for key, *sentences in (
            ("2", "No VMs yet: n n makes one."),
            ("7", "Nothing has been done yet.", "x on a VM shows what can be done."),
            ("0", "Nothing has been done yet, and nothing was seen."),
            ("9", "hosts 2/2"),
        ):
            await it.press(key)
            await says(it, *sentences)
        await it.press("1")
        for key in ("c", "v", "m", "l", "i", "y", "#"):
            await it.press(key)
            await it.until_told("Nothing is selected.")
        await it.press("x")
        await says(it, "Nothing is selected.")
        await it.press("escape", "f")
        await says(it, "Nothing is wrong. f shows all VMs again.")
        await it.press("f", "9", "g", "enter")
        await says(it, "0 on, 0 off")
        await it.press(">")
        await says(it, "No VMs yet: n n makes one.")
    assert it.calls == []


async def test_what_is_filtered_to_nothing_says_how_to_get_back() -> None:
    async with desk() as it:
        for key, sentence in (("1", "No VM matches zzz"), ("2", "No VM matches zzz"), ("7", "No task matches zzz")):
            await it.press(key, "/")
            await it.type("zzz")
            await it.press("enter")
            await says(it, f"{sentence} esc clears the filter.")
            await it.press("escape")
        await it.press("f")
        await says(it, "No task went wrong. f shows all tasks again.")
        await it.press("1", "ctrl+p")
        await it.type("zzzz")
        await says(it, "Nothing is called that.")


# --- not yet ---------------------------------------------------------------------------------------


async def test_while_it_connects_it_says_to_what() -> None:
    def hold(world: World) -> None:
        for host in world.hosts:
            world.faults.slow(host, 60.0)

    async with desk(prepare=hold, up=False) as it:
        await says(it, "hosts 0/3", "VMs -", "Connecting to hv1, hv2, hv3 ...")
        await it.press("2")
        await says(it, "Connecting to hv1, hv2, hv3 ...")
        await it.press("n", "n")
        await it.until(lambda: it.toasts or "connecting" in it.text)
        await it.press("escape", "9", "g", "enter")
        await says(it, "connecting")
    assert it.calls == []


async def test_many_hosts_that_connect_are_counted() -> None:
    def hold(world: World) -> None:
        for host in world.hosts:
            world.faults.slow(host, 60.0)

    async with desk("demo:///?hosts=9&vms=0", prepare=hold, up=False) as it:
        await says(it, "and 5 more ...")


# --- not to this user, or not at all ---------------------------------------------------------------


async def test_a_user_without_rights_is_told_which_group_to_join_on_every_page() -> None:
    def shut(world: World) -> None:
        for host in world.hosts:
            text = f"This user may not open libvirt's socket on {host}."
            world.faults.close_door(host, Denied(text, hint=GROUP))

    async with desk("demo:///hv1?faults=none&pace=0", prepare=shut, up=False) as it:
        sentence = f"hv1: denied: This user may not open libvirt's socket on hv1. {GROUP}"
        await says(it, "hosts 0/1", "1 PROBLEM", sentence)
        await it.press("2")
        await says(it, sentence)
        await it.press("9", "g", "enter")
        await says(it, "denied: This user may not open libvirt's socket on hv1.", f"what to do {GROUP}".split(",")[0])
        await it.press(">")
        await says(it, sentence)
        await it.press(">")
        await says(it, "Each CPU's load is not known: the host does not answer.")


async def test_one_host_down_of_two_leaves_the_other_whole() -> None:
    def shut(world: World) -> None:
        world.faults.close_door("hv1", Unreachable("hv1 refused the connection.", hint="Is libvirt running there?"))

    async with desk(NOBODY, prepare=shut, up=False) as it:
        await says(
            it,
            "hosts 1/2",
            "None of the hosts that answer has VMs; n n makes one.",
            "hv1 refused the connection. Is libvirt running there?",
        )
        await it.press("n", "n")
        await says(it, "New VM", "hv2")


async def test_read_only_refuses_each_change_with_the_way_out() -> None:
    async with desk(read_only=True) as it:
        await it.go_to("web-1")
        assert "RO" in it.lines[0]
        for key in ("m", "#", "c"):
            await it.press(key)
            await it.until_told("kvmtui runs read-only: nothing can be changed. Start it without --read-only.")
        await it.press("x", "d")
        await it.until_told("kvmtui runs read-only")
    assert it.calls == []


# --- not any more ----------------------------------------------------------------------------------


async def test_each_tab_of_a_vm_says_that_its_host_is_silent() -> None:
    async with silent() as it:
        await says(it, "no answer since")
        await it.press("enter")
        await says(it, "its host does not answer", "as last seen at")
        await it.press(">")
        await says(it, "no figures in this time")
        await it.press(">")
        await says(it, "No console of this VM is open.", "c opens it")
        await it.press(">")
        await says(it, "The XML cannot be shown: hv1 did not answer", "r reads it again.")
        await it.press(">")
        await says(it, "Changes wait until it answers; x r connects anew.")
        for key in ("c", "m", "#"):
            await it.press(key)
            await it.until_told("nothing on it can be changed from here. Reconnect to it first.")
    assert it.calls == []


async def test_each_tab_of_a_vm_that_is_off_says_why_it_is_empty() -> None:
    async with desk() as it:
        await it.go_to("mail")
        await it.press("enter")
        await says(it, "off, should be on", "x s starts it")
        await it.press(">")
        await says(it, "it is off: there are no figures")
        await it.press("c")
        await says(it, "mail is off: the console reopens when it starts.", "ctrl-] d leaves")


async def test_what_a_host_is_too_old_for_is_said_in_its_place() -> None:
    async with desk() as it:
        it.faults.refuse(NotSupported("hv1's libvirt is too old for this."), verb="xml")
        await it.go_to("web-1")
        await it.press("enter", ">", ">", ">")
        await says(it, "The XML cannot be shown: hv1's libvirt is too old for this.")


@pytest.mark.parametrize("size", [(59, 24), (80, 14), (40, 10)])
async def test_a_terminal_that_is_too_small_says_how_much_it_lacks(size: tuple[int, int]) -> None:
    async with desk(size=size) as it:
        await says(it, "kvmtui needs 60 columns and 15 lines", f"has {size[0]} and {size[1]}", "press Q to quit.")
        await it.resize(80, 24)
        await says(it, "hosts 3/3")


async def test_nothing_covers_the_sentence_of_a_terminal_that_is_too_small_and_nothing_is_lost() -> None:
    async with desk() as it:
        it.app.tell("what stood there before")
        await it.until_text("what stood there before")
        await it.resize(59, 12)
        await says(it, "kvmtui needs 60 columns and 15 lines")
        assert "before" not in it.text
        for number in range(5):
            it.app.tell(f"sentence {number}")
        await it.settle()
        assert "sentence" not in it.text
        await it.resize(80, 24)
        await says(it, "sentence 2", "sentence 3", "sentence 4")
        assert "sentence 1" not in it.text


async def test_a_tiny_terminal_says_it_shortly_and_scrolls_nothing() -> None:
    async with desk(size=(20, 5)) as it:
        await says(it, "kvmtui needs 60 columns and 15 lines; Q quits.")
        assert it.lines[0].startswith("kvmtui needs")


async def test_graphs_are_drawn_although_nobody_told_them_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual tells a widget no size that it found out while it looked for another one."""
    monkeypatch.setattr(GraphsTab, "on_resize", lambda _self: None)
    async with desk() as it:
        await it.go_to("mail")
        await it.press("enter", ">")
        await says(it, "it is off: there are no figures")
