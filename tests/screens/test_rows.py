from __future__ import annotations

from kvmtui.core.inventory import Moving, Severity, VmRef
from kvmtui.core.problems import Problem, ProblemKind
from kvmtui.screens.rows import VM_BY_NAME, vm_line
from tests.core.makers import a_row

LEAVING = Moving("hv2", leaving=True, percent=18.0)


def state_of(moving: Moving | None, severity: Severity, words: str, room: int) -> str:
    row = a_row()._replace(moving=moving)
    problem = Problem(severity, ProblemKind.STEAL, "hv1", VmRef("hv1", row.vm.uuid), words)
    (cell,) = vm_line(row, [VM_BY_NAME["state"]], problem=problem, course="", marked=False, room=room).cells
    return str(cell.text)


def test_how_far_a_move_is_gives_way_to_what_is_broken_alone() -> None:
    assert state_of(None, Severity.WARN, "steal 16 %", 24) == "on, steal 16 %"
    assert state_of(None, Severity.WARN, "steal 16 %", 12) == "steal 16 %"
    assert state_of(LEAVING, Severity.WARN, "steal 16 %", 24) == "to hv2, 18 %, steal 16 %"
    assert state_of(LEAVING, Severity.WARN, "steal 16 %", 18) == "to hv2, 18 %"
    assert state_of(LEAVING, Severity.BAD, "disk stalls", 18) == "disk stalls"
