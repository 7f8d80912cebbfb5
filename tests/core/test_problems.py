from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from kvmtui.core.fields import state_text
from kvmtui.core.inventory import (
    Condition,
    ConditionKind,
    Disk,
    HostEntry,
    Job,
    Nic,
    Pool,
    Reason,
    Severity,
    TaskPhase,
    TaskView,
    Vm,
    VmRef,
    VmState,
)
from kvmtui.core.metrics import Growth
from kvmtui.core.problems import Problem, ProblemKind, doubles, fleet_problems, host_problem, vm_problem
from kvmtui.core.rows import HostRow
from tests.core.makers import GIB, HOSTILE, NOW, a_fleet, a_row, a_vm, an_entry, some_rates

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OFF, PAUSED = VmState.OFF, VmState.PAUSED


def kinds(problems: tuple[Problem, ...]) -> list[ProblemKind]:
    return [problem.kind for problem in problems]


@pytest.mark.parametrize(
    ("vm", "kind", "text"),
    [
        (a_vm(state=PAUSED, reason=Reason.POOL_FULL), ProblemKind.IO_PAUSE, "paused: pool full"),
        (a_vm(state=PAUSED, reason=Reason.IO_ERROR), ProblemKind.IO_PAUSE, "paused: I/O error"),
        (a_vm(reason=Reason.POSTCOPY_FAILED), ProblemKind.POSTCOPY_FAILED, "its move broke"),
        (a_vm(state=OFF, autostart=True), ProblemKind.SHOULD_BE_ON, "off, should be on"),
        (a_vm(state=OFF, autostart=True, reason=Reason.FAILED), ProblemKind.SHOULD_BE_ON, "off, failed to start"),
        (a_vm(state=OFF, reason=Reason.CRASHED), ProblemKind.CRASHED, "off: crashed"),
        (a_vm(state=VmState.CRASHED, reason=Reason.PANICKED), ProblemKind.CRASHED, "crashed"),
    ],
)
def test_what_is_wrong_with_a_vm_is_named(vm: Vm, kind: ProblemKind, text: str) -> None:
    problem = vm_problem(a_row(vm))
    assert problem is not None
    assert problem.kind is kind
    assert problem.text.startswith(text)
    assert problem.ref == VmRef("hv1", vm.uuid)
    assert fleet_problems(a_fleet(an_entry(vms=[vm])), NOW) == (problem,)


@pytest.mark.parametrize(
    "vm",
    [
        a_vm(),
        a_vm(state=OFF),
        a_vm(state=OFF, reason=Reason.DESTROYED),
        a_vm(state=OFF, autostart=True, template=True),
        a_vm(state=PAUSED, reason=Reason.USER),
        a_vm(state=PAUSED, reason=Reason.MIGRATING),
        a_vm(state=VmState.SUSPENDED),
        a_vm(state=VmState.UNKNOWN),
    ],
)
def test_what_was_meant_is_no_problem(vm: Vm) -> None:
    assert vm_problem(a_row(vm, some_rates(steal=9.0))) is None
    assert fleet_problems(a_fleet(an_entry(vms=[vm])), NOW) == ()


def test_a_guest_may_take_a_while_to_shut_down() -> None:
    assert vm_problem(a_row(stopping=NOW - 100)) is None
    late = vm_problem(a_row(stopping=NOW - 540))
    assert late is not None
    assert (late.kind, late.text) == (ProblemKind.STOPPING_LONG, "stopping since 13:54")


def test_steal_and_stalls_are_problems_of_what_runs() -> None:
    steal = vm_problem(a_row(rates=some_rates(steal=11.0)))
    assert steal is not None
    assert (steal.kind, steal.severity, steal.text) == (ProblemKind.STEAL, Severity.WARN, "steal 11 %")
    stall = vm_problem(a_row(rates=some_rates(steal=11.0, stalled=True)))
    assert stall is not None
    assert stall.kind is ProblemKind.STALL
    assert vm_problem(a_row(a_vm(state=PAUSED), some_rates(stalled=True))) is None


def test_a_vm_whose_qemu_does_not_answer_is_a_problem_unless_a_job_keeps_it_busy() -> None:
    hung = some_rates(complete=False, cpu_cores=None, at=NOW, silent_since=NOW - 12)
    found = vm_problem(a_row(rates=hung))
    assert found is not None
    assert (found.kind, found.severity) == (ProblemKind.HUNG, Severity.BAD)
    assert found.text == "its QEMU has not answered since 14:02:48"
    assert state_text(a_row(rates=hung)) == "on, no answer"
    vm = a_vm()
    entry = an_entry(vms=[vm])
    assert entry.state is not None
    entry = replace(entry, state=replace(entry.state, rates={vm.uuid: hung}))
    assert ProblemKind.HUNG in kinds(fleet_problems(a_fleet(entry), NOW))
    assert vm_problem(a_row(rates=hung._replace(silent_since=NOW - 4))) is None
    assert vm_problem(a_row(a_vm(job=Job("save", 4.0, ours=False)), hung)) is None


def test_the_vms_of_a_silent_host_are_not_judged_but_the_host_is() -> None:
    vms = [a_vm("a", OFF, autostart=True), a_vm("b", PAUSED, reason=Reason.IO_ERROR)]
    entry = an_entry(vms=vms, kind=ConditionKind.SILENT)
    (problem,) = fleet_problems(a_fleet(entry), NOW)
    assert (problem.kind, problem.severity, problem.ref) == (ProblemKind.SILENT, Severity.BAD, None)
    assert problem.text == "no answer since 14:02:53; 2 VMs as last seen"


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        (ConditionKind.UP, None),
        (ConditionKind.CONNECTING, None),
        (ConditionKind.DISCONNECTED, None),
        (ConditionKind.SLOW, Severity.WARN),
        (ConditionKind.DOWN, Severity.BAD),
        (ConditionKind.DENIED, Severity.BAD),
    ],
)
def test_a_host_is_a_problem_unless_it_is_as_it_should_be(kind: ConditionKind, severity: Severity | None) -> None:
    entry = HostEntry("hv1", "qemu:///system", Condition(kind, NOW, "no key fits"))
    problem = host_problem(HostRow(entry, a_fleet(entry), NOW))
    assert (problem and problem.severity) is severity


def test_sold_memory_and_full_pools_are_problems_of_a_host() -> None:
    sold = an_entry(vms=[a_vm(memory_max=70 * GIB)])
    problem = host_problem(HostRow(sold, a_fleet(sold), NOW))
    assert problem is not None
    assert (problem.kind, problem.text) == (ProblemKind.OVERSOLD, "memory sold to 110 %")
    full = an_entry(pools=(Pool("u", "nvme", True, 1000, 960, 40, "/srv"), Pool("v", "old", False, 10, 10, 0, "/old")))
    problem = host_problem(HostRow(full, a_fleet(full), NOW))
    assert problem is not None
    assert (problem.kind, problem.text) == (ProblemKind.POOL_FULL, "pool nvme 96 % full")


def test_the_worst_comes_first() -> None:
    vms = [
        a_vm("steal"),
        a_vm("auto", OFF, autostart=True),
        a_vm("full", PAUSED, reason=Reason.POOL_FULL),
        a_vm("fine"),
    ]
    rates = {"uuid-of-steal": some_rates(steal=30.0)}
    silent = an_entry("hv3", [a_vm("x", OFF, autostart=True)], kind=ConditionKind.SILENT)
    found = fleet_problems(a_fleet(silent, an_entry("hv1", vms, rates=rates)), NOW)
    assert kinds(found) == [
        ProblemKind.IO_PAUSE,
        ProblemKind.SILENT,
        ProblemKind.SHOULD_BE_ON,
        ProblemKind.STEAL,
    ]
    assert [problem.rank for problem in found[:2]] == sorted(problem.rank for problem in found[:2])


def test_one_vm_on_on_two_hosts_is_the_worst() -> None:
    found = fleet_problems(a_fleet(an_entry("hv1", [a_vm()]), an_entry("hv2", [a_vm()])), NOW)
    assert kinds(found) == [ProblemKind.TWO_COPIES] * 2
    assert {problem.host for problem in found} == {"hv1", "hv2"}
    assert found[0].text == "runs on hv1 and hv2 at once"
    assert found[0].severity is Severity.BAD


def test_one_vm_defined_on_two_hosts_is_said_also_when_one_is_silent() -> None:
    silent = an_entry("hv2", [a_vm()], kind=ConditionKind.SILENT)
    found = doubles(a_fleet(an_entry("hv1", [a_vm(state=OFF)]), silent))
    assert {ref.host: problem.text for ref, problem in found.items()} == {
        "hv1": "defined on hv1 and hv2",
        "hv2": "defined on hv1 and hv2",
    }


def test_a_vm_that_moves_stands_on_two_hosts_for_a_while() -> None:
    going = a_vm(job=Job("migration out", 61.0, ours=True))
    coming = a_vm(state=PAUSED, reason=Reason.MIGRATING)
    assert not doubles(a_fleet(an_entry("hv1", [going]), an_entry("hv2", [coming])))


def a_disk(source: str, **more: bool) -> Disk:
    return Disk("vda", "disk", "virtio", "block", source, "raw", **more)


def test_a_name_mac_or_writable_disk_on_two_hosts_is_said() -> None:
    nic = Nic("52:54:00:00:00:01", "vnet0", "virtio", "bridge", "br0")
    one = [
        a_vm("same", uuid="1"),
        a_vm("a", uuid="2", nics=(nic,)),
        a_vm("c", uuid="3", disks=(a_disk("/dev/san/c"),)),
        a_vm("e", uuid="4", disks=(a_disk("/iso", readonly=True), a_disk("/gfs", shareable=True), a_disk(""))),
    ]
    other = [
        a_vm("same", uuid="5"),
        a_vm("b", uuid="6", nics=(Nic("52:54:00:00:00:01".upper(), "vnet9", "e1000", "bridge", "br1"),)),
        a_vm("d", uuid="7", disks=(a_disk("/dev/san/c"),)),
        a_vm("f", uuid="8", disks=(a_disk("/iso", readonly=True), a_disk("/gfs", shareable=True), a_disk(""))),
    ]
    found = doubles(a_fleet(an_entry("hv1", one), an_entry("hv2", other)))
    assert {ref.uuid: (problem.severity, problem.text) for ref, problem in found.items() if ref.host == "hv1"} == {
        "1": (Severity.INFO, "same name same on hv1 and hv2"),
        "2": (Severity.WARN, "same MAC 52:54:00:00:00:01 on hv1 and hv2"),
        "3": (Severity.WARN, "same disk /dev/san/c on hv1 and hv2"),
    }


def test_what_a_host_has_now_counts_and_not_what_it_had() -> None:
    one = an_entry("hv1", [a_vm()])
    assert doubles(a_fleet(one, an_entry("hv2", [a_vm()])))
    assert not doubles(a_fleet(one, an_entry("hv2", [a_vm("other")])))


def a_task(phase: TaskPhase, ended: float = NOW - 60, uuid: str = "uuid-of-web-1") -> TaskView:
    return TaskView("1", "vm.start", "start", "hv1", "h", "web-1", uuid, "ann", phase, ended - 1, ended)


def test_an_unknown_outcome_is_a_problem_until_another_task_ended() -> None:
    entry = an_entry(vms=[a_vm()])
    unknown, done = a_task(TaskPhase.UNKNOWN), a_task(TaskPhase.DONE)
    (problem,) = fleet_problems(a_fleet(entry, tasks=(unknown, done)), NOW)
    assert problem.kind is ProblemKind.UNKNOWN_OUTCOME
    assert problem.text == "start: outcome unknown since 14:02"
    assert fleet_problems(a_fleet(entry, tasks=(done, unknown)), NOW) == ()
    assert fleet_problems(a_fleet(entry, tasks=(a_task(TaskPhase.UNKNOWN, NOW - 90_000),)), NOW) == ()
    assert fleet_problems(a_fleet(entry, tasks=(a_task(TaskPhase.UNKNOWN, uuid=""),)), NOW) == ()


@pytest.mark.parametrize("text", HOSTILE)
def test_problems_are_safe_to_show(text: str) -> None:
    vms = [a_vm(text, uuid=text, disks=(a_disk(text),))]
    down = HostEntry(text + "3", text, Condition(ConditionKind.DOWN, NOW, text, text))
    task = TaskView("1", "x", text, text, text, text, text, text, TaskPhase.UNKNOWN, NOW)
    fleet = a_fleet(an_entry(text, vms), an_entry(text + "2", vms), down, tasks=(task,))
    found = fleet_problems(fleet, NOW)
    assert found
    assert all(problem.text.isprintable() and len(problem.text) < 400 for problem in found)


# -- what is about a limit


def steal_seen(figures: Iterable[float | None], every: float = 2.0) -> list[str]:
    """Return what is said of a VM for each figure of its steal; "" for nothing."""
    said: list[str] = []
    before: tuple[Problem, ...] = ()
    for index, figure in enumerate(figures):
        vm = a_vm()
        entry = an_entry(vms=[vm], rates={} if figure is None else {vm.uuid: some_rates(steal=figure)})
        before = fleet_problems(a_fleet(entry), NOW + index * every, before)
        said.append(before[0].text if before else "")
    return said


def changes(said: Sequence[str]) -> int:
    return sum(bool(one) is not bool(other) for one, other in pairwise(said))


@pytest.mark.parametrize(
    "figures",
    [
        [9.8, 10.3] * 100,
        [12.0, 5.0] * 100,
        [2.0, 14.0, 0.0, 0.0, 3.0, 11.0] * 40,
        [10.1] + [8.0] * 200,
        [9.9, 10.1, None, None, 9.9] * 40,
    ],
    ids=["about the limit", "to and fro", "by fits", "a little below", "with gaps"],
)
def test_steal_about_its_limit_comes_once_and_stays(figures: list[float | None]) -> None:
    said = steal_seen(figures)
    assert changes(said) <= 1
    assert said[-1]


def test_steal_that_is_over_is_no_problem_after_a_while_and_its_figure_is_never_an_old_one() -> None:
    said = steal_seen([12.0, *[3.0] * 60])
    assert said[:2] == ["steal 12 %", "steal 3 %, lately above 10"]
    assert changes(said) == 1
    assert said[20:] == [""] * 41
    assert steal_seen([12.0, None])[-1] == "steal not known now, lately above 10"


def test_steal_that_is_over_is_said_in_few_words_without_a_figure() -> None:
    vm = a_vm()
    high = an_entry(vms=[vm], rates={vm.uuid: some_rates(steal=12.0)})
    low = an_entry(vms=[vm], rates={vm.uuid: some_rates(steal=3.0)})
    (first,) = fleet_problems(a_fleet(high), NOW)
    (then,) = fleet_problems(a_fleet(low), NOW + 2.0, (first,))
    assert (first.short, then.short) == ("steal 12 %", "lately steal > 10")


def test_steal_below_its_limit_is_no_problem_by_itself() -> None:
    assert steal_seen([9.9, 8.0, 10.0] * 20) == [""] * 60


def test_what_was_wrong_with_a_vm_that_is_off_now_is_over() -> None:
    vm = a_vm()
    before = fleet_problems(a_fleet(an_entry(vms=[vm], rates={vm.uuid: some_rates(steal=20.0)})), NOW)
    assert kinds(before) == [ProblemKind.STEAL]
    off = replace(vm, state=OFF)
    assert fleet_problems(a_fleet(an_entry(vms=[off])), NOW + 1, before) == ()


def test_a_clock_that_is_set_back_holds_nothing() -> None:
    vm = a_vm()
    before = fleet_problems(a_fleet(an_entry(vms=[vm], rates={vm.uuid: some_rates(steal=20.0)})), NOW)
    low = a_fleet(an_entry(vms=[vm], rates={vm.uuid: some_rates(steal=1.0)}))
    assert fleet_problems(low, NOW - 3600, before) == ()


def test_a_pool_about_its_limit_comes_once_and_stays_until_there_is_room() -> None:
    said: list[str] = []
    before: tuple[Problem, ...] = ()
    for index, used in enumerate([949, 951, 949, 955, 948, 951, 935] * 10 + [925, 949]):
        pool = Pool("u", "nvme", True, 1000, used, 1000 - used, "/srv")
        before = fleet_problems(a_fleet(an_entry(pools=(pool,))), NOW + 60 * index, before)
        said.append(before[0].text if before else "")
    assert changes(said) == 2
    assert said[2] == "pool nvme 95 % full"
    assert said[-2:] == ["", ""]


def test_a_pool_that_may_be_full_within_a_day_comes_once_and_stays() -> None:
    said: list[str] = []
    before: tuple[Problem, ...] = ()
    hours_left = [25.0, 23.0] * 20 + [40.0]
    for index, hours in enumerate(hours_left):
        pool = Pool("u", "nvme", True, 1000 * GIB, 500 * GIB, 500 * GIB, "/srv")
        growth = {("hv1", "u"): Growth(500 * GIB / (hours * 3600.0), 7200.0)}
        before = fleet_problems(a_fleet(an_entry(pools=(pool,)), growth=growth), NOW + 60 * index, before)
        said.append(before[0].text if before else "")
    assert changes(said) == 2
    assert said[1].startswith("pool nvme full in ~23 h")
    assert said[-1] == ""
