"""What may not be done, and what asks more: guards, owners, the start check, silent hosts, dialogs that hold back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kvmtui.core.errors import BackendError, Busy
from kvmtui.core.inventory import ConditionKind, Guard, Reason, TaskPhase, VmState
from kvmtui.core.policy import Policy
from kvmtui.widgets.confirm import ConfirmScreen
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo import World
    from kvmtui.backend.demo.guest import Guest
    from kvmtui.config import HostConfig

QUICK: dict[str, Any] = {"ping_interval": 0.02, "resync": 3600.0}


def guarded(guard: Guard) -> dict[str, Any]:
    def configured(host: HostConfig) -> HostConfig:
        return replace(host, guard=guard)

    return {"configs": configured}


async def asked(it: Desk) -> None:
    await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "a dialog")
    await it.settle()


async def silenced(it: Desk, host: str) -> None:
    it.faults.patience = 0.01
    it.faults.silence(host)
    await it.until(lambda: it.entry(host).condition.kind is ConditionKind.SILENT, f"{host} silent")
    await it.settle()


async def test_the_menu_says_what_cannot_be_done_and_why() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("x")
        await it.until_text("x  web-1 on hv1  (running)", "s  start", "web-1 is already running.")
        assert "web-1 is already" not in it.line_of("d  shut down")
        await it.press("s")
        await it.until_told("web-1 is already running.")
        assert it.calls == []


async def test_a_letter_without_a_verb_says_so() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("x", "q")
        await it.until_told("x q does nothing to a VM.")
        assert it.app.is_running


async def test_escape_closes_the_menu_and_the_letter_after_it_is_alone() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("x", "escape")
        assert "d  shut down" not in it.text
        await it.press("p")
        assert it.calls == []
        assert it.tasks == ()


async def test_guard_free_drops_the_ordinary_question_and_no_other() -> None:
    async with desk(**guarded(Guard.FREE)) as it:
        await it.go_to("web-1")
        await it.press("x", "p")
        await it.until_done()
        assert [call.verb for call in it.calls] == ["pause"]
        await it.press("!", "f")
        await it.until_text("press ! again")
        await it.press("enter", "escape")
        assert [call.verb for call in it.calls] == ["pause"]


async def test_what_another_system_owns_is_refused() -> None:
    async with desk() as it:
        await it.go_to("instance-0000002a")
        assert "owned by nova" in it.text
        await it.press("x", "d")
        await it.until_told("instance-0000002a belongs to nova, which would not know of the change.")
        assert it.calls == []


async def test_what_another_system_owns_can_be_allowed() -> None:
    async with desk(policy=Policy(allowed_owners=frozenset({"nova"}))) as it:
        await it.go_to("instance-0000002a")
        await it.press("x", "d", "enter")
        await it.until_done()
        assert [call.verb for call in it.calls] == ["shutdown"]


async def test_a_template_is_not_started() -> None:
    async with desk() as it:
        await it.go_to("golden-debian-12")
        await it.press("x", "s")
        await it.until_told("golden-debian-12 is a template. Clone it, and start the clone.")
        assert it.calls == []


async def test_memory_that_would_be_oversold_is_asked_about() -> None:
    async with desk() as it:
        await it.go_to("mail")
        await it.press("x", "s")
        await it.until_text("Start mail on hv1?", "The VMs of hv1 could then want", "press enter")
        assert it.calls == []
        await it.press("enter")
        await it.until_done()
        assert [call.verb for call in it.calls] == ["start"]


@pytest.mark.parametrize("silent", [False, True])
async def test_no_start_while_the_same_uuid_runs_elsewhere(silent: bool) -> None:
    def twice(world: World) -> None:
        world.faults.double(world.ref("mail").uuid, "hv1", "hv3", running=True)

    async with desk(prepare=twice, **QUICK) as it:
        if silent:
            await silenced(it, "hv3")
        await it.go_to("mail", "hv1")
        await it.press("x", "s")
        await it.until_told("last known running on hv3" if silent else "mail is running on hv3.")
        assert it.calls == []


async def test_no_start_while_a_disk_of_it_is_in_use() -> None:
    def share(world: World) -> None:
        mail, other = guest_of(world, "mail"), guest_of(world, "old-crm")
        disk = replace(other.vm.disks[0], source=mail.vm.disks[0].source)
        other.vm = replace(other.vm, disks=(disk,), state=VmState.RUNNING, reason=Reason.BOOTED, saved=False)

    async with desk(prepare=share) as it:
        await it.go_to("mail")
        await it.press("x", "s")
        await it.until_told("vda of mail (/srv/nvme/images/mail.qcow2) is in use by old-crm, running on hv2.")
        assert it.calls == []


def guest_of(world: World, name: str) -> Guest:
    ref = world.ref(name)
    return world.hosts[ref.host].guests[ref.uuid]


async def test_a_transient_vm_goes_off_only_by_its_name() -> None:
    async with desk() as it:
        await it.go_to("ci-runner-09")
        await it.press("!", "f")
        await it.until_text(
            "The definition of ci-runner-09 is not stored anywhere", "type ci-runner-09 and press enter"
        )
        await it.press("!", "enter")
        await it.press("ctrl+u", *"ci-runner-0", "enter")
        assert it.calls == []
        await it.press("9", "enter")
        await it.until_done()
        assert [(call.verb, call.host) for call in it.calls] == [("force_off", "hv3")]


async def test_the_vm_that_it_runs_in_wants_its_name() -> None:
    async with desk() as it:
        uuid = it.world.ref("wiki").uuid
    async with desk(policy=Policy(own_vm=uuid)) as it:
        await it.go_to("wiki")
        await it.press("x", "p")
        await it.until_text("kvmtui itself runs in wiki.", "type wiki and press enter")
        await it.press("enter")
        assert it.calls == []
        await it.press(*"wiki", "enter")
        await it.until_done()
        assert [call.verb for call in it.calls] == ["pause"]


# -- dialogs


async def test_keys_that_come_as_a_dialog_opens_are_not_its_answer() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("!")
        await it.early("f")
        await asked(it)
        await it.early("!", "!", "enter", "escape")
        assert isinstance(it.app.screen, ConfirmScreen)
        assert it.calls == []
        await it.press("!")
        await it.until_done()
        assert [call.verb for call in it.calls] == ["force_off"]


async def test_keys_of_one_read_confirm_nothing() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("x", "d")
        await asked(it)
        await it.read("a", "enter")
        await it.read("enter", "enter")
        assert it.calls == []
        await it.press("enter")
        await it.until_done()


async def test_a_dialog_names_its_target_in_full_and_shows_virsh() -> None:
    long = "web-" + "x" * 190 + "-prod"

    def name(world: World) -> None:
        guest = guest_of(world, "web-1")
        guest.vm = replace(guest.vm, name=long)

    async with desk(prepare=name) as it:
        await it.go_to(long)
        await it.press("x")
        await it.until(lambda: long in it.text.replace("\n", "").replace(" ", ""), "the whole name in the menu")
        await it.press("d")
        await asked(it)
        assert long in it.text.replace("\n", "").replace(" ", "")
        await it.press("i")
        await it.until_text("virsh -c ", "i hides virsh")
        await it.press("escape")
        assert it.calls == []


async def test_escape_leaves_every_dialog_undone() -> None:
    async with desk() as it:
        for name, keys in (("web-1", "xd"), ("web-1", "!f"), ("ci-runner-09", "!f"), ("mail", "xs")):
            await it.go_to(name)
            await it.press(*keys)
            await asked(it)
            await it.press("escape")
            await it.until(lambda: not isinstance(it.app.screen, ConfirmScreen))
        assert it.calls == []
        assert it.tasks == ()


# -- what the world does meanwhile


async def test_a_vm_that_changed_since_it_was_chosen_is_left_alone() -> None:
    async with desk() as it:
        ref = await it.go_to("web-1")
        await it.press("x", "d")
        await asked(it)
        it.faults.enter(ref.host, ref.uuid, VmState.PAUSED, Reason.USER)
        await it.until_state("web-1", VmState.PAUSED)
        await it.press("enter")
        [task] = await it.until_done()
        assert task.phase is TaskPhase.REFUSED
        await it.until_told("web-1 on hv1 is now paused, was running when you chose: nothing was done.")
        assert it.calls == []


async def test_a_refusal_of_the_host_is_said_and_kept() -> None:
    async with desk() as it:
        it.faults.refuse(Busy("Another job holds web-1.", hint="Wait for it."), verb="pause")
        await it.go_to("web-1")
        await it.press("x", "p", "enter")
        [task] = await it.until_done()
        assert task.phase is TaskPhase.FAILED
        await it.until_told("Another job holds web-1.")
        await it.until_text("last: pause web-1 failed")


async def test_an_answer_that_never_comes_is_unknown_until_it_shows() -> None:
    async with desk() as it:
        it.faults.patience = 0.01
        it.faults.lose_reply("hv1", verb="pause", done=True)
        await it.go_to("web-1")
        await it.press("x", "p", "enter")
        [task] = await it.until_done()
        assert task.phase is TaskPhase.DONE  # the VM was read again, and it is paused
        assert it.vm("web-1").state is VmState.PAUSED
        assert len(it.calls) == 1


async def test_the_form_of_a_vm_that_is_gone_says_so() -> None:
    async with desk() as it:
        it.faults.refuse(BackendError("It cannot be read."), verb="vm")
        await it.go_to("web-1")
        await it.press("#")
        await it.until_told("It cannot be read.")
        await it.press("j")  # and goes on
        assert it.calls == []


async def test_a_silent_host_folds_its_vms_and_refuses_changes() -> None:
    async with desk(**QUICK) as it:
        await it.until_text("db-2")
        await silenced(it, "hv3")
        await it.until_text("8 VMs of hv3", "no answer since", "8 VMs as last seen")
        assert "hosts 2/3" in it.lines[0]
        assert "8 old" in it.lines[0]
        assert "web-4" not in it.names
        table = it.vms.pane.table
        fold = next(key for key in it.vms.pane.shown.keys if type(key).__name__ == "Fold")
        table.move_to(fold)
        await it.press("x")
        await it.until_text("Nothing is selected.")
        await it.press("escape", "enter")  # lists them
        await it.until(lambda: "web-4" in it.names, "web-4")
        await it.go_to("web-4")
        assert re.match(r">\? web-4 +on at \d\d:", it.line_of("web-4"))
        await it.press("x")
        await it.until_text("hv3 does not answer since")
        await it.press("d")
        await it.until_told("nothing on it can be changed from here.")
        await it.press("!", "f")
        await it.settle()
        assert not isinstance(it.app.screen, ConfirmScreen)
        assert it.calls == []
        it.faults.answer("hv3")
        await it.until(lambda: it.entry("hv3").condition.is_answering)
        await it.until_gone("8 VMs of hv3")


async def test_what_is_sent_to_a_host_that_falls_silent_is_unknown_and_said() -> None:
    async with desk(**QUICK) as it:
        await it.go_to("web-1")
        await it.press("x", "p")
        await asked(it)
        await silenced(it, "hv1")
        await it.press("enter")
        [task] = await it.until_done()
        assert task.phase is TaskPhase.REFUSED
        assert it.calls == []
        await it.until_told("hv1 does not answer since")


async def test_what_was_said_never_covers_what_a_dialog_asks() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        for keys in ("xs", "xu", "xw", "!k", "xa"):
            await it.press(*keys)
            await it.settle()
        await it.until(lambda: len(it.toasts) == 3, "the three newest sentences")
        assert "already starts with its host" in it.toasts[-1]
        await it.press("!", "f")
        await asked(it)
        await it.until_text("Force off web-1 on hv1?", "press ! again   esc cancels   i hides virsh")
        assert "Pull the VM's plug: its guest is not asked, and what it had not written is" in it.text
