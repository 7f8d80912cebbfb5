"""What a row calls things: every problem by a word, every VM by something that can be seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.core.fields import Tone
from kvmtui.core.inventory import Reason, Severity, VmRef, VmState
from kvmtui.core.problems import Problem, ProblemKind, vm_problem
from kvmtui.core.text import cell_width
from kvmtui.screens.listing import Fold
from kvmtui.screens.rows import state_room, vm_columns, vm_line
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.table import Rule
from tests.core.makers import NOW, a_row, a_vm, some_rates
from tests.screens import tour
from tests.screens.harness import FrozenClock, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo import World
    from kvmtui.core.fields import VmRow

BEGAN = 1_795_356_180.0  # 14:03 UTC on a day in November
SIZES = [(60, 15), (80, 24), (120, 36), (200, 60)]
WIDTHS = [width for width, _ in SIZES]


def state_of(row: VmRow, problem: Problem, width: int) -> tuple[str, Tone]:
    """Return what the row of a VM says as its state on a screen so wide, and how."""
    fields, columns = vm_columns(width, (), hosts=5)
    place = next(index for index, column in enumerate(columns) if column.id == "state")
    room = state_room(width)
    assert columns[place].width == room
    cell = vm_line(row, fields, problem=problem, course="", marked=False, room=room).cells[place]
    assert cell_width(cell.text) <= room, cell.text
    return cell.text, cell.tone


@pytest.mark.parametrize("width", WIDTHS)
def test_a_row_names_what_its_figures_show(width: int) -> None:
    for rates, words in ((some_rates(steal=34.2), "steal 34 %"), (some_rates(stalled=True), "disk stalls")):
        row = a_row(rates=rates)
        problem = vm_problem(row)
        assert problem is not None
        said, tone = state_of(row, problem, width)
        assert said == f"on, {words}"
        assert tone in (Tone.WARN, Tone.BAD)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (ProblemKind.TWO_COPIES, "two copies"),
        (ProblemKind.DOUBLE, "UUID twice"),
        (ProblemKind.DOUBLE, "name twice"),
        (ProblemKind.UNKNOWN_OUTCOME, "shut down unknown"),
    ],
)
def test_a_row_names_what_only_the_fleet_shows(kind: ProblemKind, words: str, width: int) -> None:
    off = a_row(a_vm(state=VmState.OFF, reason=Reason.SHUTDOWN))
    for row in (a_row(), off):
        problem = Problem(Severity.WARN, kind, "hv1", row.key, "a long sentence about it", words)
        assert words in state_of(row, problem, width)[0]


def test_a_shutdown_is_not_hidden_by_a_high_figure() -> None:
    row = a_row(rates=some_rates(steal=34.2))._replace(stopping=NOW)
    problem = vm_problem(row)
    assert problem is not None
    assert problem.kind is ProblemKind.STEAL
    assert state_of(row, problem, 80)[0] == "stopping since 14:03"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_state_that_names_the_problem_says_it_once(width: int) -> None:
    for vm in (
        a_vm(state=VmState.PAUSED, reason=Reason.POOL_FULL),
        a_vm(state=VmState.OFF, autostart=True),
        a_vm(state=VmState.OFF, reason=Reason.CRASHED),
    ):
        row = a_row(vm)
        problem = vm_problem(row)
        assert problem is not None
        assert state_of(row, problem, width)[0] == problem.text


@pytest.mark.parametrize("size", SIZES)
async def test_steal_is_said_in_the_row_at_every_size(size: tuple[int, int]) -> None:
    clock = FrozenClock(BEGAN)
    async with desk(size=size, clock=clock) as it:
        await it.until(lambda: len(it.names) > 30)
        await tour.aged(it, clock)
        row = next(line for line in it.lines if line[1:2] == "!" and line[3:].startswith("web-f"))
        assert "on, steal 1" in row


async def test_the_smallest_screen_says_which_host_is_silent_and_what_of_it_is_not_known() -> None:
    clock = FrozenClock(BEGAN)
    async with desk(size=(60, 15), clock=clock, ping_interval=0.02) as it:
        await it.until(lambda: len(it.names) > 30)
        await tour.aged(it, clock)
        it.faults.patience = 0.01
        it.faults.silence("hv3")
        await it.until_text("no answer since")
        assert it.lines[2].endswith("; 8 VMs as last seen"), "whole"
        await it.press("=", "home")
        folded = Fold("hv3") in it.vms.pane.shown.keys
        rule = next(key for key in it.vms.pane.shown.keys if isinstance(key, Rule))
        assert folded or rule.text.startswith("f lists 1 more problem: 8 VMs of hv3 not known; ")
        assert it.line_of("8 VMs of hv3")


def nameless(world: World) -> None:
    for old, new in (("web-1", ""), ("web-2", "   "), ("web-3", "\u200b\u2060")):
        ref = world.ref(old)
        guest = world.hosts[ref.host].guests[ref.uuid]
        guest.vm = replace(guest.vm, name=new)


async def test_a_name_that_cannot_be_seen_has_something_in_its_place_wherever_it_is_shown() -> None:
    async with desk(prepare=nameless) as it:
        await it.until(lambda: len(it.names) > 30)
        found = {
            vm.name: VmRef(entry.name, vm.uuid)
            for entry, vm in it.engine.fleet.vms()
            if not vm.name.strip(" \u200b\u2060")
        }
        assert len(found) == 3
        for name, ref in found.items():
            shown = {"": f"({ref.uuid[:8]})", "   ": r"\x20\x20\x20"}.get(name, r"\u200b\u2060")
            await it.press("home")
            it.vms.pane.table.focus()
            assert it.vms.pane.table.move_to(ref)
            await it.settle()
            assert it.line_of("> ").startswith(f">  {shown} "), "its row"
            await it.until_text(f"{shown} on hv1")
            await it.press("!")
            assert f"{shown} on hv1" in it.menu_text(), "the menu's title"
            await it.press("f")
            await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "the question")
            assert f"Force off {shown} on hv1?" in it.text
            await it.press("escape", "enter")
            await it.until_text("Overview")
            assert it.lines[1].startswith(f" {shown} on hv1"), "its page's title"
            await it.press("q")
