"""No VM is started twice, and no disk is written by two."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kvmtui.commands.base import Judgement, Level
from kvmtui.commands.registry import by_id
from kvmtui.core.inventory import ConditionKind, Guard, HostEntry, Pool, Since, TaskPhase, TaskView, VmState
from kvmtui.core.policy import Policy
from tests.commands.scenes import GIB, NOW, OTHER, UUID, a_vm, disk, entry, scene, target


def judged(here: HostEntry, *others: HostEntry, **more: object) -> Judgement:
    start = by_id("vm.start")
    assert start is not None
    return start.judge(scene(here, *others, **more), target(here))  # type: ignore[arg-type]


def test_a_vm_that_nothing_speaks_against_starts_without_being_asked() -> None:
    assert judged(entry(vms=[a_vm(disks=(disk(),))])) == Judgement(Level.EASY)


@pytest.mark.parametrize(
    ("kind", "state", "said"),
    [
        (ConditionKind.UP, VmState.RUNNING, "web-1 is running on hv2."),
        (ConditionKind.UP, VmState.PAUSED, "web-1 is paused on hv2."),
        (ConditionKind.SILENT, VmState.RUNNING, "web-1 is last known running on hv2, which is not heard since "),
        (ConditionKind.DOWN, VmState.RUNNING, "web-1 is last known running on hv2, which is not heard since "),
        (ConditionKind.UP, VmState.OFF, "web-1 is defined on hv1 and hv2."),
        (ConditionKind.SILENT, VmState.OFF, "web-1 is defined on hv1 and hv2."),
    ],
)
def test_the_same_uuid_on_another_host(kind: ConditionKind, state: VmState, said: str) -> None:
    verdict = judged(entry(vms=[a_vm()]), entry("hv2", [a_vm(state)], kind))
    assert verdict.refusal.startswith(said)


@pytest.mark.parametrize("kind", [ConditionKind.UP, ConditionKind.SILENT])
@pytest.mark.parametrize("where", ["hv1", "hv2"])
def test_a_disk_that_a_running_vm_has_anywhere(kind: ConditionKind, where: str) -> None:
    mine = a_vm(disks=(disk(),))
    other = a_vm(VmState.RUNNING, OTHER, "db-1", disks=(disk(),))
    if where == "hv1":
        verdict = judged(entry(vms=[mine, other]))
    else:
        verdict = judged(entry(vms=[mine]), entry("hv2", [other], kind))
    assert verdict.refusal.startswith("vda of web-1 (/srv/web-1.qcow2) is in use by db-1, ")
    assert where in verdict.refusal


@pytest.mark.parametrize(
    ("mine", "theirs", "state"),
    [
        (disk(), disk(), VmState.OFF),
        (disk(readonly=True), disk(), VmState.RUNNING),
        (disk(shareable=True), disk(), VmState.RUNNING),
        (disk("/srv/a.iso", device="cdrom"), disk("/srv/a.iso", device="cdrom"), VmState.RUNNING),
        (disk(""), disk(""), VmState.RUNNING),
        (disk("a", kind="network"), disk("a", kind="volume"), VmState.RUNNING),
    ],
)
def test_disks_that_do_not_collide(mine: object, theirs: object, state: VmState) -> None:
    here = entry(vms=[a_vm(disks=(mine,)), a_vm(state, OTHER, "db-1", disks=(theirs,))])
    assert judged(here).allowed


def test_a_volume_and_its_path_are_one_disk() -> None:
    mine = a_vm(disks=(disk("images/web-1.qcow2", kind="volume"),))
    other = a_vm(VmState.RUNNING, OTHER, "db-1", disks=(disk("/srv/web-1.qcow2"),))
    here = entry(vms=[mine, other])
    assert judged(here).allowed
    assert here.state is not None
    pool = Pool("p", "images", active=True, capacity=1, allocation=0, available=1, path="/srv/")
    assert not judged(replace(here, state=replace(here.state, pools=(pool,)))).allowed


def test_a_changed_fleet_is_looked_at_anew() -> None:
    mine, other = a_vm(disks=(disk(),)), a_vm(VmState.RUNNING, OTHER, "db-1", disks=(disk(),))
    assert not judged(entry(vms=[mine]), entry("hv2", [other])).allowed
    stopped = a_vm(VmState.OFF, OTHER, "db-1", disks=(disk(),))
    assert judged(entry(vms=[mine]), entry("hv2", [stopped])).allowed
    assert not judged(entry(vms=[mine]), entry("hv2", [other])).allowed


def test_a_template_is_not_started() -> None:
    assert judged(entry(vms=[a_vm(template=True)])).refusal == "web-1 is a template."


def move(phase: TaskPhase, at: float, **more: object) -> TaskView:
    """A move of web-1 from hv1 to hv2 that ended five seconds after `at`."""
    task = TaskView(str(at), "vm.migrate", "move", "hv1", "", "web-1", UUID, "ann", phase, at, at + 5.0, to="hv2")
    return replace(task, **more)  # type: ignore[arg-type]


def test_a_vm_whose_last_move_ended_unknown() -> None:
    here = entry(vms=[a_vm()])
    lost, good = move(TaskPhase.UNKNOWN, NOW - 100), move(TaskPhase.DONE, NOW - 50)
    assert "is not known" in judged(here, tasks=(lost,)).refusal
    assert judged(here, tasks=(good, lost)).allowed
    assert judged(here, tasks=(move(TaskPhase.UNKNOWN, NOW - 10, command="vm.reboot", to=""),)).allowed


def test_either_copy_is_refused_until_both_hosts_were_read_after_the_move() -> None:
    lost = move(TaskPhase.UNKNOWN, NOW - 100)
    here, there = entry(vms=[a_vm()]), entry("hv2")
    before, after = NOW - 96, NOW - 10
    for listed in ({}, {"hv1": after}, {"hv1": after, "hv2": before}):
        refused = judged(here, there, moves=(lost,), listed=listed)
        assert refused.refusal.startswith("How the move of web-1 from hv1 to hv2 at ")
        assert refused.hint.startswith("It is known once hv1 and hv2 are both connected and answer")
    read = {"hv1": after, "hv2": after}
    assert judged(here, there, moves=(lost,), listed=read).allowed
    silent = entry("hv2", kind=ConditionKind.SILENT)
    assert not judged(here, silent, moves=(lost,), listed=read).allowed
    arrived = entry("hv2", [a_vm()])
    assert judged(here, arrived, moves=(lost,), listed=read).refusal == "web-1 is defined on hv1 and hv2."


def test_a_vm_that_another_program_moves_is_not_started() -> None:
    moving = move(TaskPhase.RUNNING, NOW - 10, ours=False, ended=None)
    assert judged(entry(vms=[a_vm()]), moves=(moving,)).refusal == "web-1 is being moved from hv1 to hv2."


@pytest.mark.parametrize("guard", [Guard.ASK, Guard.FREE])
def test_memory_that_would_be_oversold_is_asked_about_even_on_a_free_host(guard: Guard) -> None:
    big = a_vm(VmState.RUNNING, OTHER, "db-1", memory_max=60 * GIB)
    verdict = judged(entry(vms=[a_vm(memory_max=8 * GIB), big], guard=guard))
    assert verdict.level is Level.ORDINARY
    assert "could then want" in verdict.warnings[0]
    off = a_vm(VmState.OFF, OTHER, "db-1", memory_max=60 * GIB)
    assert judged(entry(vms=[a_vm(memory_max=8 * GIB), off])).level is Level.EASY
    kept = Policy(host_reserve=60 * GIB)
    assert judged(entry(vms=[a_vm(memory_max=8 * GIB), off]), policy=kept).level is Level.ORDINARY


@pytest.mark.parametrize(("days", "level"), [(6.9, Level.EASY), (7.1, Level.ORDINARY), (30, Level.ORDINARY)])
@pytest.mark.parametrize("exact", [True, False])
def test_a_saved_state_of_over_a_week_is_asked_about(days: float, level: Level, exact: bool) -> None:
    verdict = judged(entry(vms=[a_vm(saved=True, since=Since(NOW - days * 86_400, exact))]))
    assert verdict.level is level
    assert (level is Level.EASY) is not bool(verdict.warnings)
