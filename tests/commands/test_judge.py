"""What may be done to a VM, for each state, guard, owner and condition of its host."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from kvmtui.commands.base import Command, Level, Noun
from kvmtui.commands.judge import ANY, Finding, VmJudge
from kvmtui.commands.registry import by_id, of_noun
from kvmtui.core.inventory import ConditionKind, Guard, Job, Reason, VmState
from kvmtui.core.policy import Policy
from tests.commands.scenes import HOSTILE, NOW, OTHER, UUID, a_vm, entry, scene, target

VMS = of_noun(Noun.VM)
R, P, S, O, C, Z, U = (  # noqa: E741 - one letter a state keeps the table readable
    VmState.RUNNING,
    VmState.PAUSED,
    VmState.STOPPING,
    VmState.OFF,
    VmState.CRASHED,
    VmState.SUSPENDED,
    VmState.UNKNOWN,
)
FITS = {
    "vm.start": {O},
    "vm.shutdown": {R},
    "vm.reboot": {R},
    "vm.pause": {R},
    "vm.resume": {P},
    "vm.wake": {Z},
    "vm.hibernate": {R, P},
    "vm.send-keys": {R},
    "vm.force-off": {R, P, S, C, Z},
    "vm.reset": {R, P, C, Z},
    "vm.nmi": {R},
    "vm.drop-saved": {O},
    "vm.console": {R, P, S, O, C, Z, U},
    "vm.take-console": {R, P, S, C, Z},
    "vm.display": {R, P, S, C, Z},
    "vm.autostart-on": {R, P, S, O, C, Z, U},
    "vm.autostart-off": {R, P, S, O, C, Z, U},
    "vm.migrate": {R, P, O},
    "vm.rename": {O},
    "vm.describe": {R, P, S, O, C, Z, U},
    "vm.tags": {R, P, S, O, C, Z, U},
    "vm.delete": {O},
}
LEVELS = {
    "vm.start": Level.EASY,
    "vm.shutdown": Level.ORDINARY,
    "vm.reboot": Level.ORDINARY,
    "vm.pause": Level.ORDINARY,
    "vm.resume": Level.EASY,
    "vm.wake": Level.EASY,
    "vm.hibernate": Level.ORDINARY,
    "vm.send-keys": Level.ORDINARY,
    "vm.force-off": Level.FORCED,
    "vm.reset": Level.FORCED,
    "vm.nmi": Level.FORCED,
    "vm.drop-saved": Level.FORCED,
    "vm.console": Level.LOOK,
    "vm.take-console": Level.FORCED,
    "vm.display": Level.LOOK,
    "vm.autostart-on": Level.EASY,
    "vm.autostart-off": Level.EASY,
    "vm.migrate": Level.ORDINARY,
    "vm.rename": Level.ORDINARY,
    "vm.describe": Level.EASY,
    "vm.tags": Level.EASY,
    "vm.delete": Level.LOSS,
}
LOOKS = {"vm.display"}
"""Rows that change nothing, so that no guard refuses them."""
EXTRA: dict[str, dict[str, Any]] = {"vm.drop-saved": {"saved": True}, "vm.autostart-off": {"autostart": True}}
OTHER_HOST = entry("hv2")
ANSWERING = {ConditionKind.UP, ConditionKind.SLOW}


def row(id_: str) -> Command:
    command = by_id(id_)
    assert command is not None
    return command


@pytest.mark.parametrize("command", VMS, ids=lambda command: command.id)
def test_every_state_guard_owner_and_condition(command: Command) -> None:
    cases = itertools.product(VmState, Guard, ("", "nova", "oVirt"), ConditionKind, (False, True))
    for state, guard, owner, kind, read_only in cases:
        vm = a_vm(state, owner=owner, **EXTRA.get(command.id, {}))
        host = entry(vms=[vm], kind=kind, guard=guard)
        where = scene(host, OTHER_HOST, policy=Policy(allowed_owners=frozenset({"oVirt"})), read_only=read_only)
        judged = command.judge(where, target(host))
        allowed = (
            state in FITS[command.id]
            and (guard is not Guard.READ_ONLY or command.id in LOOKS)
            and (owner != "nova" or command.level is Level.LOOK)
            and kind in ANSWERING
            and (not read_only or command.id in LOOKS)
        )
        case = (state, guard, owner, kind, read_only, judged)
        assert judged.allowed is allowed, case
        assert judged.allowed or judged.refusal.endswith("."), case
        least = LEVELS[command.id]
        if guard is Guard.FREE and least is Level.ORDINARY:
            least = Level.EASY
        assert not allowed or judged.level is least, case


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (ConditionKind.SILENT, "hv3 does not answer since "),
        (ConditionKind.DOWN, "hv3 is down since "),
        (ConditionKind.DENIED, "hv3 lets nobody in since "),
        (ConditionKind.CONNECTING, "hv3 is being connected to since "),
        (ConditionKind.DISCONNECTED, "hv3 was let go at "),
    ],
)
def test_a_host_that_is_not_heard_says_since_when_and_offers_only_a_new_connection(
    kind: ConditionKind, said: str
) -> None:
    host = entry("hv3", [a_vm(R)], kind)
    where = scene(host)
    for command in VMS:
        judged = command.judge(where, target(host))
        assert judged.refusal.startswith(said)
        assert judged.refusal.endswith(": nothing on it can be changed from here.")
    assert row("host.reconnect").judge(where, target(host, Noun.HOST)).allowed


def test_wrong_states_are_named() -> None:
    def refusal(id_: str, state: VmState) -> str:
        host = entry(vms=[a_vm(state)])
        return row(id_).judge(scene(host), target(host)).refusal

    assert refusal("vm.start", R) == "web-1 is already running."
    assert refusal("vm.shutdown", O) == "web-1 is already off."
    assert refusal("vm.pause", O) == "web-1 is off: only a VM that is running can be paused."
    assert refusal("vm.delete", R) == "web-1 is running: only a VM that is off can be deleted."
    paused = entry(vms=[a_vm(P)])
    assert row("vm.start").judge(scene(paused), target(paused)).hint == "Resume it."
    assert row("vm.delete").judge(scene(paused), target(paused)).hint == "Shut it down first."
    assert refusal("vm.force-off", U) == "The state of web-1 is not known."


def test_an_unlocked_host_can_be_changed_until_its_time_is_up() -> None:
    for until, allowed in ((NOW + 1, True), (NOW - 1, False), (None, False)):
        host = entry(vms=[a_vm(R)], guard=Guard.READ_ONLY, unlocked_until=until)
        judged = row("vm.shutdown").judge(scene(host), target(host))
        assert judged.allowed is allowed
        assert allowed or ":unlock hv1 15m" in judged.hint


def test_unlocking_is_for_hosts_that_the_configuration_locked() -> None:
    unlock = row("host.unlock")
    for guard in Guard:
        host = entry(guard=guard)
        assert unlock.judge(scene(host), target(host, Noun.HOST)).allowed is (guard is Guard.READ_ONLY)
    locked = entry(guard=Guard.READ_ONLY)
    assert not unlock.judge(scene(locked, read_only=True), target(locked, Noun.HOST)).allowed


def test_a_transient_vm_is_lost_when_it_goes_off() -> None:
    host = entry(vms=[a_vm(R, persistent=False)])
    for id_ in ("vm.force-off", "vm.shutdown"):
        judged = row(id_).judge(scene(host), target(host))
        assert judged.level is Level.LOSS
        assert "not stored" in judged.warnings[0]
    for id_ in ("vm.hibernate", "vm.autostart-on"):
        assert "no stored definition" in row(id_).judge(scene(host), target(host)).refusal
    assert row("vm.reboot").judge(scene(host), target(host)).level is Level.ORDINARY


@pytest.mark.parametrize("command", [one for one in VMS if one.level > Level.LOOK], ids=lambda command: command.id)
@pytest.mark.parametrize("guard", [Guard.ASK, Guard.FREE])
def test_anything_done_to_the_vm_that_kvmtui_runs_in_asks_for_its_name(command: Command, guard: Guard) -> None:
    for state in FITS[command.id]:
        host = entry(vms=[a_vm(state, **EXTRA.get(command.id, {}))], guard=guard)
        judged = command.judge(scene(host, OTHER_HOST, policy=Policy(own_vm=UUID.upper())), target(host))
        assert judged.level is Level.LOSS
        assert "kvmtui itself runs in web-1." in judged.warnings


def test_a_job_holds_its_vm_but_force_off_ends_both() -> None:
    host = entry(vms=[a_vm(R, job=Job("migration out", 61.0, ours=False))])
    judged = row("vm.shutdown").judge(scene(host), target(host))
    assert judged.refusal == "web-1 is held by a job (migration out, not by kvmtui)."
    forced = row("vm.force-off").judge(scene(host), target(host))
    assert forced.allowed
    assert "which ends with it" in forced.warnings[0]
    backup = entry(vms=[a_vm(R, job=Job("backup", 1.0, ours=True))])
    assert row("vm.shutdown").judge(scene(backup), target(backup)).allowed


def test_what_something_else_paused_for_a_while_is_not_resumed() -> None:
    for reason in (Reason.MIGRATING, Reason.SAVING, Reason.POSTCOPY_FAILED, Reason.SNAPSHOT):
        host = entry(vms=[a_vm(P, reason=reason)])
        assert not row("vm.resume").judge(scene(host), target(host)).allowed
    full = entry(vms=[a_vm(P, reason=Reason.POOL_FULL)])
    judged = row("vm.resume").judge(scene(full), target(full))
    assert judged.allowed
    assert "pool full" in judged.warnings[0]


def test_what_is_so_already_is_refused() -> None:
    host = entry(vms=[a_vm(autostart=True)])
    assert row("vm.autostart-on").judge(scene(host), target(host)).refusal == "web-1 already starts with its host."
    other = entry(vms=[a_vm()])
    assert not row("vm.autostart-off").judge(scene(other), target(other)).allowed
    assert row("vm.drop-saved").judge(scene(other), target(other)).refusal == "web-1 has no saved state."


def test_a_saved_state_or_snapshots_keep_the_name() -> None:
    for more in ({"saved": True}, {"snapshots": 2}):
        host = entry(vms=[a_vm(**more)])
        assert "cannot be renamed" in row("vm.rename").judge(scene(host), target(host)).refusal


@pytest.mark.parametrize("command", VMS, ids=lambda command: command.id)
def test_a_vm_a_host_or_an_identity_that_is_not_there_any_more_is_refused(command: Command) -> None:
    host = entry(vms=[a_vm()])
    there = target(host)
    assert not command.judge(scene(entry(vms=[a_vm(uuid=OTHER)])), there).allowed
    assert not command.judge(scene(entry("hv9")), there).allowed
    assert not command.judge(scene(entry(vms=[a_vm()], state=None)), there).allowed
    swapped = command.judge(scene(host), there._replace(host_uuid="another"))
    assert "another machine" in swapped.refusal


@pytest.mark.parametrize("command", VMS, ids=lambda command: command.id)
def test_a_hostile_name_is_made_safe_in_every_sentence(command: Command) -> None:
    for state, kind in itertools.product(VmState, (ConditionKind.UP, ConditionKind.SILENT)):
        vm = a_vm(state, name=HOSTILE, persistent=False, owner="")
        host = entry(HOSTILE, [vm], kind)
        judged = command.judge(scene(host), target(host))
        for text in (judged.refusal, judged.hint, *judged.warnings):
            assert text.isprintable()


@pytest.mark.parametrize("id_", ["host.reconnect", "host.disconnect"])
def test_the_connection_to_a_free_host_asks_nothing(id_: str) -> None:
    for guard, level in ((Guard.ASK, Level.ORDINARY), (Guard.FREE, Level.EASY), (Guard.READ_ONLY, Level.ORDINARY)):
        host = entry(guard=guard)
        judged = row(id_).judge(scene(host), target(host, Noun.HOST))
        assert judged.allowed
        assert judged.level is level
    gone = entry(kind=ConditionKind.DISCONNECTED)
    assert row("host.disconnect").judge(scene(gone), target(gone, Noun.HOST)).allowed is False


@pytest.mark.parametrize("found", Level)
def test_no_check_takes_away_what_a_command_asks_by_itself(found: Level) -> None:
    host = entry("hv1", [a_vm()])
    judge = VmJudge(Level.FORCED, ANY, "done", checks=(lambda _scene, _entry, _vm: Finding(level=found),))
    judgement = judge(scene(host), target(host))
    assert judgement.level is max(Level.FORCED, found)
