"""Every verb, by its chord, by its line and by the palette: what it asks, what reaches the host, how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from kvmtui.backend.base import ShutdownMode
from kvmtui.commands import registry
from kvmtui.commands.base import Level, Noun
from kvmtui.core.inventory import ConditionKind, Reason, TaskPhase, VmState
from kvmtui.core.units import hhmm
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from collections.abc import Iterator

ALT_F4 = ((56, 62),)
NAME = "<name>"  # in what confirms: the VM's name is typed


class Case(NamedTuple):
    """A verb on a VM of the small fleet."""

    id: str
    vm: str
    says: str  # how it ended
    calls: tuple[tuple[str, tuple[object, ...]], ...]
    state: tuple[VmState, Reason] | None = None  # what the VM is brought to first
    asks: Level = Level.EASY
    fill: tuple[str, ...] = ()  # keys that fill the form in; the first field has the focus
    form: bool = False


DEFAULT = (ShutdownMode.DEFAULT,)
PLAIN = (
    Case("vm.start", "old-crm", "old-crm goes on from its saved state.", (("start", ()),)),
    Case("vm.shutdown", "web-1", "web-1 is off.", (("shutdown", DEFAULT),), asks=Level.ORDINARY),
    Case("vm.reboot", "web-1", "web-1 was asked to reboot.", (("reboot", DEFAULT),), asks=Level.ORDINARY),
    Case("vm.pause", "web-1", "web-1 is paused.", (("pause", ()),), asks=Level.ORDINARY),
    Case("vm.resume", "web-1", "web-1 runs again.", (("resume", ()),), (VmState.PAUSED, Reason.USER)),
    Case("vm.wake", "web-1", "web-1 was woken.", (("wake", ()),), (VmState.SUSPENDED, Reason.NONE)),
    Case("vm.hibernate", "web-1", "web-1 is off, its memory is saved.", (("save", ()),), asks=Level.ORDINARY),
    Case("vm.force-off", "web-1", "web-1 was forced off.", (("force_off", ()),), asks=Level.FORCED),
    Case("vm.reset", "web-1", "web-1 was reset.", (("reset", ()),), asks=Level.FORCED),
    Case("vm.nmi", "web-1", "An NMI was sent to web-1.", (("nmi", ()),), asks=Level.FORCED),
    Case(
        "vm.drop-saved", "old-crm", "The saved state of old-crm was dropped.", (("drop_saved", ()),), asks=Level.FORCED
    ),
    Case("vm.autostart-on", "old-crm", "old-crm starts with its host.", (("set_autostart", (True,)),)),
    Case("vm.autostart-off", "web-1", "web-1 no longer starts with its host.", (("set_autostart", (False,)),)),
)
FORMS = (
    Case(
        "vm.send-keys",
        "web-1",
        "alt-f4 was pressed on web-1.",
        (("send_keys", ALT_F4),),
        fill=("ctrl+u", *"alt-f4", "enter"),
        form=True,
    ),
    Case(
        "vm.rename",
        "mail",
        "mail is now called post.",
        (("rename", ("post",)),),
        fill=("ctrl+u", *"post", "enter"),
        form=True,
    ),
    Case(
        "vm.describe",
        "web-1",
        "The title and description of web-1 are set.",
        (("set_text", ("Shop", "Ask Dana")),),
        fill=("ctrl+u", *"Shop", "enter", "ctrl+u", *"Ask", "space", *"Dana", "enter"),
        form=True,
    ),
    Case(
        "vm.tags",
        "web-1",
        "web-1 has the tags blue, green.",
        (("set_tags", (("blue", "green"),)),),
        fill=("ctrl+u", *"blue", "space", *"green", "enter"),
        form=True,
    ),
    Case(
        "vm.delete",
        "mail",
        "The definition of mail was deleted; vdb (/srv/hdd/images/mail-data1.qcow2) was deleted.",
        (("undefine", (False, False, False)), ("delete_disk", ("/srv/hdd/images/mail-data1.qcow2",))),
        asks=Level.LOSS,
        fill=("down", "space", "enter"),
        form=True,
    ),
)
CASES = PLAIN + FORMS
ELSEWHERE = (
    "vm.console",
    "vm.take-console",
    "vm.display",
    "vm.migrate",
    "vm.create",
    "volume.upload",
)  # tested in files of their own
OF_HOSTS_AND_TASKS = ("host.reconnect", "host.disconnect", "host.unlock", "task.cancel")


@pytest.fixture(autouse=True)
def _quick_hands() -> Iterator[None]:
    """Let [Do it] be pressed at once; that it waits is tested with the form itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kvmtui.widgets.form.GUARD", 0.0)
        yield


def test_every_row_has_its_test() -> None:
    assert sorted([*(case.id for case in CASES), *ELSEWHERE, *OF_HOSTS_AND_TASKS]) == sorted(
        one.id for one in registry.ALL
    )


async def answer(it: Desk, case: Case) -> None:
    """Fill the form in and confirm, and see each that nothing was sent before."""
    if case.form:
        await it.until(lambda: isinstance(it.app.screen, Form), "the form")
        await it.settle()
        await it.press(*case.fill)
        await it.press("enter")  # [Review]
        await it.until_text("Would run:")
        assert it.calls == []
        await it.press("enter")  # [Do it]
    if case.asks is Level.EASY:
        return
    await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "the dialog")
    await it.settle()
    command = registry.by_id(case.id)
    assert command is not None
    assert f"{command.label} {case.vm} on {it.world.ref(case.vm).host}?".lower() in it.text.lower()
    wrong = {
        Level.ORDINARY: ("!", "y", "space"),
        Level.FORCED: ("enter", "y", "space"),
        Level.LOSS: ("enter", "!", "y"),
    }
    await it.press(*wrong[case.asks])
    if case.asks is Level.LOSS:
        await it.press("enter", "ctrl+u")
    assert it.calls == []
    right = {Level.ORDINARY: ("enter",), Level.FORCED: ("!",), Level.LOSS: (*case.vm, "enter")}
    await it.press(*right[case.asks])


async def outcome(it: Desk, case: Case, ref_of: tuple[str, str]) -> None:
    """See that exactly this change was sent, and that its end can be read."""
    [task] = await it.until_done()
    assert [(call.verb, call.args) for call in it.calls] == list(case.calls)
    assert all((call.host, call.uuid) == ref_of for call in it.calls if call.verb != "delete_disk")
    assert (task.phase, task.message) == (TaskPhase.DONE, case.says)
    assert (task.host, task.vm_uuid) == ref_of
    await it.until_text(f"last: {task.label} {case.vm} done")
    await it.press("7")
    await it.until(lambda: case.says[:60] in it.text, "its outcome on the tasks page")


async def prepared(it: Desk, case: Case) -> tuple[str, str]:
    ref = it.world.ref(case.vm)
    if case.state is not None:
        it.faults.enter(ref.host, ref.uuid, *case.state)
        await it.until_state(case.vm, case.state[0])
    found = await it.go_to(case.vm)
    return found.host, found.uuid


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
async def test_by_its_keys(case: Case) -> None:
    command = registry.by_id(case.id)
    assert command is not None
    keys = command.chord or ((command.key,) if command.key else ())
    if not keys:
        keys = (":", *command.verb, "enter")
    async with desk() as it:
        ref = await prepared(it, case)
        await it.press(*keys)
        await answer(it, case)
        await outcome(it, case, ref)


@pytest.mark.parametrize("case", PLAIN[::3], ids=lambda case: case.id)
async def test_by_its_name_with_the_vm(case: Case) -> None:
    command = registry.by_id(case.id)
    assert command is not None
    async with desk() as it:
        ref = await prepared(it, case)
        await it.go_to("wiki")
        await it.say(f"{command.verb} {case.vm}")
        await answer(it, case)
        await outcome(it, case, ref)


async def test_by_the_palette_and_a_word_of_virsh() -> None:
    async with desk() as it:
        case = next(case for case in PLAIN if case.id == "vm.force-off")
        ref = await prepared(it, case)
        await it.press("ctrl+p")
        await it.type("destroy")
        await it.until_text("> destroy", "force off")
        await it.press("enter")
        await answer(it, case)
        await outcome(it, case, ref)


@pytest.mark.parametrize("name", ["off web-1", "destroy web-1", "force-off hv1/web-1", "vm.force-off web-1"])
async def test_names_that_mean_the_forced_verb_ask_as_its_keys_do(name: str) -> None:
    async with desk() as it:
        await it.say(name)
        await it.until_text("Force off web-1 on hv1?", "press ! again")
        await it.press("escape")
        assert it.calls == []
        assert it.tasks == ()


# -- hosts and tasks


async def test_reconnect() -> None:
    async with desk() as it:
        await it.go_to_host("hv2")
        await it.press("x")
        await it.until_text("x  hv2", "reconnect", "disconnect")
        await it.press("r")
        await it.until_text("Reconnect hv2?")
        await it.press("enter")
        [task] = await it.until_done()
        assert (task.phase, task.message, task.host) == (TaskPhase.DONE, "hv2 is being connected to anew.", "hv2")
        await it.until(lambda: it.entry("hv2").condition.kind is ConditionKind.UP)
        assert it.calls == []


async def test_disconnect_leaves_what_was_seen_and_reconnect_brings_it_back() -> None:
    async with desk() as it:
        await it.go_to_host("hv2")
        await it.press("x", "o", "enter")
        await it.until_text("disconnected", "15 VMs as last seen", "15 VMs of hv2")
        await it.press("x", "r", "enter")
        await it.until_gone("as last seen")
        assert it.calls == []


async def test_unlock_opens_a_read_only_host_for_a_while() -> None:
    from dataclasses import replace

    from kvmtui.core.inventory import Guard

    async with desk(configs=lambda host: replace(host, guard=Guard.READ_ONLY)) as it:
        assert it.lines[0].startswith("prod RO")
        await it.go_to("old-crm")
        await it.press("x", "s")
        await it.until_told("hv2 is read-only by the configuration. :unlock hv2 15m opens it for a while.")
        await it.say("unlock hv2 15m")
        await it.until_text("Unlock hv2?")
        await it.press("enter")
        [task] = await it.until_done()
        assert task.message == f"hv2 can be changed until {hhmm(task.started + 900)}."
        await it.until_text("prod RW")
        await it.press("x", "s")
        await it.until_done(2)
        assert [call.verb for call in it.calls] == ["start"]


async def test_unlock_wants_a_time() -> None:
    from dataclasses import replace

    from kvmtui.core.inventory import Guard

    async with desk(configs=lambda host: replace(host, guard=Guard.READ_ONLY)) as it:
        await it.say("unlock hv2 soon")
        await it.until(lambda: it.toasts)
        assert it.tasks == ()
        assert it.entry("hv2").unlocked_until is None


async def test_cancel_a_task() -> None:
    async with desk() as it:  # the guest of erp does not react to the power button
        await it.go_to("erp")
        await it.press("x", "d", "enter")
        await it.until_text("> shut down erp", "waiting for the guest")
        await it.press("7")
        await it.until_text("running")
        await it.press("!")
        await it.until_text("!  shut down erp", "cancel")
        await it.press("c")
        await it.until_text("Cancel shut down erp?", "press ! again")
        await it.press("!")
        await it.until(lambda: all(task.phase.is_final for task in it.tasks))
        phases = {task.command: task.phase for task in it.tasks}
        assert phases == {"vm.shutdown": TaskPhase.CANCELLED, "task.cancel": TaskPhase.DONE}
        await it.until_text("cancelled")
        assert [call.verb for call in it.calls] == ["shutdown"]


# -- what a verb may and may not be done to


async def test_read_only_refuses_every_verb_and_says_why() -> None:
    async with desk(read_only=True) as it:
        await it.go_to("web-1")
        for command in registry.of_noun(Noun.VM):
            if command.id == "vm.display":  # it looks, and changes nothing
                continue
            it.app.clear_notifications()
            await it.settle()
            await it.say(command.verb)
            await it.until_told("kvmtui runs read-only: nothing can be changed. Start it without --read-only.")
            assert not isinstance(it.app.screen, ConfirmScreen | Form), command.id
            assert it.calls == [], command.id
        assert it.tasks == ()
