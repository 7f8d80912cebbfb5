"""A VM that our own task moves: what its two rows say, what is no problem meanwhile, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.changes import vm_event
from kvmtui.core.fields import Tone
from kvmtui.core.fields.vm_state import should_be_on, state_text, state_tone, state_words
from kvmtui.core.inventory import ConditionKind, Job, Moving, Reason, TaskPhase, TaskView, Vm, VmRef, VmState
from kvmtui.core.problems import ProblemKind, doubles, unknown_outcomes
from kvmtui.core.rows import vm_row, vm_rows
from kvmtui.picture import Change
from tests.core.makers import HOSTILE, NOW, a_fleet, a_row, a_vm, an_entry

if TYPE_CHECKING:
    from kvmtui.core.inventory import Fleet

LEAVING = Moving("hv2", leaving=True, percent=61.4)
ARRIVING = Moving("hv1", leaving=False, percent=None)


def half_way() -> Fleet:
    """A fleet in which app-3 goes from hv1 to hv2."""
    here = a_vm("app-3", job=Job("migration out", 61.0, ours=True))
    there = a_vm("app-3", VmState.PAUSED, reason=Reason.MIGRATING, uuid=here.uuid, persistent=False)
    moving = {VmRef("hv1", here.uuid): LEAVING, VmRef("hv2", here.uuid): ARRIVING}
    return a_fleet(an_entry("hv1", [here]), an_entry("hv2", [there]), moving=moving)


def test_both_rows_say_where_it_goes_and_how_far_it_is() -> None:
    fleet = half_way()
    here, there = vm_rows(fleet, NOW)
    assert (state_text(here), state_tone(here)) == ("to hv2, 61 %", Tone.ACCENT)
    assert (state_text(there), state_tone(there)) == ("from hv1", Tone.ACCENT)
    assert "migrating" in state_words(here)
    assert "migrating" in state_words(there)
    assert vm_row(fleet, here.key, NOW) == here


def test_of_a_silent_host_the_row_says_what_was() -> None:
    row = a_row(a_vm(), kind=ConditionKind.SILENT)._replace(moving=LEAVING)
    assert state_text(row).startswith("on at ")


@pytest.mark.parametrize("name", HOSTILE)
def test_the_other_hosts_name_is_safe(name: str) -> None:
    text = state_text(a_row()._replace(moving=LEAVING._replace(host=name)))
    assert text.isprintable()


def test_while_it_moves_two_copies_are_no_problem() -> None:
    fleet = half_way()
    assert doubles(fleet) == {}
    apart = replace(fleet, moving={}, hosts=tuple(an_entry(name, [a_vm("app-3")]) for name in ("hv1", "hv2")))
    assert doubles(apart) != {}


def test_one_that_has_left_is_not_missed_where_it_was() -> None:
    assert should_be_on(a_vm(state=VmState.OFF, autostart=True))
    assert not should_be_on(a_vm(state=VmState.OFF, autostart=True, reason=Reason.MIGRATED))


def test_an_unknown_move_is_a_problem_on_both_hosts() -> None:
    task = TaskView(
        "7", "vm.migrate", "move", "hv1", "", "app-3", "u", "ann", TaskPhase.UNKNOWN, NOW - 60, NOW - 50, to="hv2"
    )
    found = unknown_outcomes(a_fleet(tasks=(task,)), NOW)
    assert set(found) == {VmRef("hv1", "u"), VmRef("hv2", "u")}
    assert {problem.kind for problem in found.values()} == {ProblemKind.UNKNOWN_OUTCOME}


RUNS, OFF = a_vm(), a_vm(state=VmState.OFF)
WAITS = a_vm(state=VmState.PAUSED, reason=Reason.MIGRATING)
CAME = a_vm(reason=Reason.MIGRATED)
LEFT = a_vm(state=VmState.OFF, reason=Reason.MIGRATED)
FROM, TO = Moving("hv2", leaving=True, percent=None), Moving("hv0", leaving=False, percent=None)


@pytest.mark.parametrize(
    ("before", "after", "moving", "says"),
    [
        (RUNS, None, FROM, "web-1 moved away from hv1 to hv2"),
        (WAITS, LEFT, FROM, "web-1 moved away from hv1 to hv2"),
        (LEFT, None, FROM, ""),  # told already
        (OFF, None, FROM, "web-1 moved away from hv1 to hv2"),
        (RUNS, OFF, FROM, "web-1 is off on hv1 "),  # its guest shut down on the way
        (None, WAITS, TO, ""),  # it only waits there
        (WAITS, CAME, TO, "web-1 moved to hv1 from hv0"),
        (None, CAME, TO, "web-1 moved to hv1 from hv0"),
        (None, OFF, TO, "web-1 moved to hv1 from hv0"),
        (WAITS, None, TO, "web-1 did not arrive on hv1 from hv0"),
        (CAME, a_vm(state=VmState.OFF, reason=Reason.SHUTDOWN), TO, "web-1 is off on hv1 "),
        (OFF, None, TO, "web-1 was deleted on hv1 "),
        (OFF, None, None, "web-1 was deleted on hv1 "),
    ],
)
def test_what_is_told_of_a_move(before: Vm | None, after: Vm | None, moving: Moving | None, says: str) -> None:
    event = vm_event("hv1", Change("u", before, after, NOW, seen=True), "you", moving)
    assert ("" if event is None else f"{event.subject} {event.detail}") == says
