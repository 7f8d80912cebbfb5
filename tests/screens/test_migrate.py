"""Moving on the screen: the form asks the hosts, the review says what is to be known, the row follows the VM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import TaskPhase, TaskView, VmRef
from kvmtui.screens.status import running_words
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.backend.demo import World

SLOW = "demo:///?faults=none&pace=0.05"
DISK = "/srv/nvme/images/app-3.qcow2"


@pytest.fixture(autouse=True)
def _quick_hands() -> Iterator[None]:
    """Let [Do it] be pressed at once; that it waits is tested with the form itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kvmtui.widgets.form.GUARD", 0.0)
        yield


async def opened(it: Desk, name: str) -> None:
    """Press m on a VM and wait for the form."""
    await it.go_to(name)
    await it.press("m")
    await it.until(lambda: isinstance(it.app.screen, Form), "the form")
    await it.until_text("[Review]")


async def reviewed(it: Desk, *words: str) -> None:
    """Go to [Review], press it, and wait for these words."""
    while getattr(it.app.focused, "id", "") != "review":
        await it.press("tab")
    await it.press("enter")
    await it.until_text(*words)


def sent(it: Desk) -> list[str]:
    return [call.verb for call in it.calls]


async def test_m_asks_the_hosts_says_what_would_be_done_and_moves() -> None:
    async with desk(SLOW) as it:
        await opened(it, "app-3")
        assert "Move app-3 on hv1" in it.text
        assert "(x) hv2  108G free, copies vda (13G)" in it.text
        assert "( ) hv3  hv3 does not know its machine type pc-q35-8.2" in it.text
        await reviewed(it, "Would run:")
        assert "Moves app-3 to hv2 while it is running; copies vda (13G)." in it.text
        assert f"The old {DISK} stays on hv1 until you delete it" in it.text
        assert "--copy-storage-all --migrate-disks vda app-3 demo:///hv2" in it.text
        assert "autostart app-3" in it.text
        assert sent(it) == []
        await it.press("enter")
        await it.until_text("app-3 hv1 to hv2", "to hv2, ")
        (task,) = await it.until_done()
        assert (task.phase, task.to) == (TaskPhase.DONE, "hv2")
        assert sent(it) == ["move", "set_autostart"]
        await it.until_text("moved to hv2, you", "last: move app-3 done")
        assert it.line_of("gone ").startswith(">x app-3")
        await it.press("/", *"app-3", "enter")
        await it.until(lambda: it.line_of("app-3").split()[-8:] and " hv2 " in it.line_of(" app-3 "), "its new row")


async def test_a_host_that_cannot_take_it_cannot_be_chosen() -> None:
    def locked(world: World) -> None:
        world.faults.refuse(BackendError("The daemon of hv2 is ill."), verb="room", host="hv2")

    async with desk(prepare=locked) as it:
        await opened(it, "app-3")
        assert "The daemon of hv2 is ill" in it.text
        why = "hv3 does not know its machine type pc-q35-8.2 (x86_64). A newer QEMU there may know it."
        assert why not in " ".join(it.text.split()), "its line has no room for that"
        await it.press("end")
        await it.until(lambda: f"It cannot be chosen: {why}" in " ".join(it.text.split()), "the whole reason")
        await it.press("space", "down", "space")
        await reviewed(it, "to host is needed.")
        assert "[Do it]" not in it.text
        await it.press("escape")
        await it.until(lambda: not isinstance(it.app.screen, Form), "the list")
        assert sent(it) == []


def share(world: World, patch: pytest.MonkeyPatch) -> None:
    """Have hv2 see the disk of app-3 as hv1 does."""
    patch.setattr("kvmtui.backend.demo.migration._stamp", lambda _host, _source: 1_700_000_000_000_000_000)
    world.hosts["hv2"].volumes[DISK] = world.hosts["hv1"].volumes[DISK]


async def test_what_libvirt_calls_unsafe_is_done_only_when_its_reason_was_agreed_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with desk(prepare=lambda world: share(world, monkeypatch), size=(120, 36)) as it:
        await opened(it, "app-3")
        await it.until_text("shares its disks, libvirt calls it unsafe")
        await reviewed(it, "app-3 is not moved to hv2 before you agree to this: ")
        assert "[Do it]" not in it.text
        while getattr(it.app.focused, "name", "") != "unsafe":
            await it.press("shift+tab")
        await it.press("space")
        await reviewed(it, "You agree to this: ", "--unsafe")
        await it.press("enter")
        (task,) = await it.until_done()
        assert task.phase is TaskPhase.DONE
        assert "--unsafe" in task.virsh
        plan = it.calls[0].args[0]
        assert getattr(plan, "unsafe", False) is True
        assert getattr(plan, "copied", None) == ()


async def test_several_marked_go_to_one_host_once_their_number_is_typed() -> None:
    async with desk(size=(120, 36)) as it:
        for name in ("web-1", "web-2", "wiki"):
            await it.go_to(name)
            await it.press("space")
        await it.press("m")
        await it.until_text("Move 3 VMs")
        assert "2 of 3 can go there" in it.line_of(") hv2")
        while ">(" not in it.line_of(") hv2"):
            await it.press("down")
        await it.press("space")
        await reviewed(
            it, "Would run:", "web-1: Moves web-1 to hv2", "web-2: Moves web-2 to hv2", "wiki is on hv2 already"
        )
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "the dialog")
        await it.settle()
        assert "Move 3 VMs?" in it.text
        await it.press("3", "enter")
        tasks = await it.until_done(3)
        ended = {task.vm: task.phase for task in tasks}
        assert ended["web-1"] is TaskPhase.DONE
        assert ended["web-2"] is TaskPhase.DONE
        assert ended["wiki"] is TaskPhase.REFUSED
        assert not it.app.marks


async def test_of_many_what_matters_over_all_comes_first_and_the_rest_is_in_reach() -> None:
    async with desk(size=(60, 15)) as it:
        await it.press("2")
        await it.until(lambda: it.names)
        for _ in range(3):
            await it.press("+", "pagedown")
        await it.press("m")
        await it.until_text("of the first 8 can")
        await it.press("space")
        await reviewed(it, "of the first 8 can go to hv2", "more are judged when their turn comes", "more lines: PgDn")
        await it.until_text("[Do it]", "of the first 8 can go to hv2")
        seen = it.text
        for _ in range(20):
            await it.press("pagedown")
            seen += it.text
        await it.until_text("the end, ", "[Do it]")
        assert "virsh" in seen
        for _ in range(20):
            await it.press("pageup")
        assert "of the first 8 can go to hv2" in it.text


async def test_a_line_asks_with_all_that_is_to_be_known() -> None:
    async with desk(size=(120, 36)) as it:
        await it.say("migrate app-3 --to hv2 --bandwidth 200")
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "the dialog")
        await it.settle()
        assert "Move app-3 on hv1?" in it.text
        assert "copies vda (13G)" in it.text
        await it.press("i")
        await it.until_text("--bandwidth 200 app-3 demo:///hv2", "autostart app-3")
        await it.press("enter")
        (task,) = await it.until_done()
        assert task.phase is TaskPhase.DONE
        await it.say("migrate app-3 --to hv9")
        await it.until_told("to host has no choice hv9")


async def test_a_move_is_cancelled_from_the_tasks() -> None:
    async with desk("demo:///?faults=none&pace=1") as it:
        await opened(it, "app-3")
        await reviewed(it, "Would run:")
        await it.press("enter")
        ref = it.world.ref("app-3")
        await it.until(lambda: it.engine.fleet.moving.get(ref) is not None and "abort" not in sent(it), "the move")
        await it.until(lambda: (it.engine.fleet.moving[ref].percent or 0) > 0, "its progress")
        await it.press("7")
        await it.until_text("running ")
        await it.press("!", "c")
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "the dialog")
        await it.settle()
        await it.press("!")
        await it.until_text("cancelled")
        assert it.world.ref("app-3") == VmRef("hv1", ref.uuid)


def a_move(message: str, percent: float | None) -> TaskView:
    return TaskView(
        "7", "vm.migrate", "move", "hv1", "", "app-3", "u", "ann", TaskPhase.RUNNING, 0.0,
        message=message, percent=percent, to="hv2",
    )  # fmt: skip


def test_a_narrow_line_says_what_matters_most() -> None:
    task = a_move("1.2 GiB/s  4 s left; 2.1G to send, guest writes 40 MiB/s", 61.2)
    assert running_words(task, 80) == "app-3 hv1 to hv2  61 %  1.2 GiB/s  4 s left"
    assert running_words(task, 120).endswith("4 s left; 2.1G to send, guest writes 40 MiB/s")
    assert running_words(a_move("asking hv2 what it has for it", None), 80) == (
        "app-3 hv1 to hv2  asking hv2 what it has for it"
    )
