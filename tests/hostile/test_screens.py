"""Every screen with items of the corpus in every place: what is sent to the terminal shows them, and no more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import TaskPhase, TaskView
from kvmtui.screens.vm import VmPage
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from tests.hostile.corpus import TEXTS
from tests.hostile.painting import assert_painted_well, cells
from tests.hostile.planting import PACKS, plant_hosts, plant_names, plant_packs
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo import World

NAMED = f"demo:///?hosts=2&vms={len(TEXTS)}&faults=none&pace=0"
PACKED = f"demo:///?hosts=1&vms={len(PACKS)}&faults=none&pace=0"
pytestmark = pytest.mark.slow
SIZES = pytest.mark.parametrize("size", [(80, 24), (200, 60)])


async def press(it: Desk, *keys: str) -> None:
    """Press keys, and look at what is painted after each."""
    for key in keys:
        await it.press(key)
        assert_painted_well(it)


def assert_states_stand_in_their_column(it: Desk) -> int:
    """See that nothing in a name moved what stands after it; return how many rows were looked at."""
    lines = [cells(line) for line in it.lines]
    head = next(line for line in lines if "".join(line).startswith("   VM "))
    at = "".join(cell or " " for cell in head).index("STATE")
    rows = 0
    for line in lines[lines.index(head) + 1 :]:
        after = "".join(line[at:])
        if after.startswith(("on ", "off", "paused", "asleep", "suspended")):
            assert line[at - 1] == " ", "".join(line)
            rows += 1
    return rows


@SIZES
async def test_a_list_of_hostile_names_keeps_its_columns(size: tuple[int, int]) -> None:
    async with desk(NAMED, size=size, prepare=plant_names) as it:
        await it.press("2")
        await it.until(lambda: len(it.names) > len(TEXTS) - 300)
        await press(it, "home")
        in_place = 0
        for _ in range(len(TEXTS) // (size[1] - 14) + 1):
            in_place += assert_states_stand_in_their_column(it)
            await press(it, "pagedown")
        assert in_place > len(TEXTS) // 2


@pytest.mark.parametrize("part", range(2))
async def test_pages_of_a_vm_show_what_it_says_of_itself(part: int) -> None:
    """Over all of these VMs, each item stood in each place."""
    async with desk(PACKED, size=(150, 50), prepare=plant_packs) as it:
        for name in [vm.name for _, vm in it.engine.fleet.vms()][part::2]:
            await it.press("2")
            await it.go_to(name)
            await press(it, "enter")
            assert isinstance(it.app.screen, VmPage)
            await it.until_text("UUID")
            assert_painted_well(it)
            await it.press("escape")


@SIZES
async def test_every_tab_menu_and_dialog_of_a_vm(size: tuple[int, int]) -> None:
    async with desk(PACKED, size=size, prepare=plant_packs) as it:
        for name in [vm.name for _, vm in it.engine.fleet.vms()][4::40]:
            await it.press("2")
            await it.go_to(name)
            await press(
                it,
                "p",
                "i",
                "escape",
                "l",
                "escape",
                "y",
                "n",
                "v",
                "k",
                "x",
                "escape",
                "x",
                "escape",
                "!",
                "escape",
                "p",
            )
            await press(it, "o", "escape", "z", "z", "z", "z", "home")
            await it.go_to(name)
            await press(it, "enter", ">", ">", ">", ">", "<", "escape")


@SIZES
async def test_every_dialog_that_asks(size: tuple[int, int]) -> None:
    async with desk(PACKED, size=size, prepare=plant_packs) as it:
        for name in [vm.name for _, vm in it.engine.fleet.vms() if vm.is_active and not vm.owner][::19]:
            await it.press("2")
            await it.go_to(name)
            await it.press("!", "f")
            await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
            await press(it, "i", "i", "escape")
            for keys in (("#",), (":", *"describe", "enter"), ("x", "k"), ("m",)):
                await it.press(*keys)
                await it.until(lambda: isinstance(it.app.screen, Form) or it.toasts)
                assert_painted_well(it)
                await press(it, "escape", "escape")
        assert it.calls == []


@SIZES
async def test_what_a_host_says_of_itself(size: tuple[int, int]) -> None:
    def prepare(world: World) -> None:
        plant_hosts(world)
        for name, error in zip(list(world.hosts)[1:], TEXTS[300:], strict=False):
            world.faults.close_door(name, BackendError(error, hint=error))

    async with desk("demo:///?hosts=40&vms=80&faults=none&pace=0", size=size, prepare=prepare, up=False) as it:
        await it.until(lambda: it.entry("hv1").condition.is_answering)
        await it.until(lambda: sum(bool(entry.condition.why) for entry in it.engine.fleet.hosts) > 30)
        await press(it, "9", "home")
        for _ in range(40):
            await press(it, "down")
        await press(it, "l", "escape", "1", "7", "0", "9")
        await it.go_to_host("hv1")
        await press(it, "enter")
        for _ in range(5):
            for _ in range(12):
                await press(it, "pagedown")
            await press(it, ">")


@pytest.mark.parametrize("part", range(2))
async def test_what_a_host_answers_to_a_change(part: int) -> None:
    """A VM's task fails with an item in what libvirt says: in the toast, the tasks, the journal and the log."""
    async with desk(size=(120, 30)) as it:
        for number, text in enumerate(PACKS[part::5], 1):
            it.faults.calm()
            it.faults.refuse(BackendError(text, hint=text), verb="pause", times=1)
            await it.press("1")
            await it.go_to("web-1")
            await it.press("x", "p")
            await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
            await it.press("enter")
            await it.until_done(number)
            await it.settle()
            assert_painted_well(it)
        await press(it, "7", "enter", "escape", "escape", "0", "pageup", "1")
        await it.go_to("web-1")
        await press(it, "l", "escape", "enter", ">", ">", ">", ">")


async def test_lines_of_the_journal_that_another_program_wrote() -> None:
    async with desk(size=(140, 40)) as it:
        for number, text in enumerate(TEXTS):
            other = TEXTS[-number]
            it.engine.journal.end(
                TaskView(
                    id=f"other-{number}",
                    command=text,
                    label=other,
                    host=text,
                    host_uuid="",
                    vm=text,
                    vm_uuid=it.world.ref("web-1").uuid if number % 7 == 0 else "",
                    user=other,
                    phase=TaskPhase.FAILED,
                    started=it.engine.scene().now - number,
                    message=text,
                    virsh=other,
                )
            )
        for key in "710":
            await press(it, key, "end", *("pageup",) * 12, "l", "escape")
        await it.go_to("web-1")
        await press(it, "enter", ">", ">", ">", ">", *("pagedown",) * 10)


@pytest.mark.parametrize("opener", ["/", ":", "ctrl+p"])
async def test_lines_that_are_typed_or_pasted(opener: str) -> None:
    async with desk(size=(80, 24)) as it:
        await it.until(lambda: it.names)
        for text in PACKS[::2]:
            await it.press(opener)
            await it.paste(text)
            assert_painted_well(it)
            await it.press("escape", "escape")
        assert it.calls == []
        assert it.app.is_running


async def test_names_of_hosts_from_the_configuration() -> None:
    """Its check lets printable names through; a fleet in memory may hold any."""
    async with desk("demo:///?hosts=30&vms=60&faults=none&pace=0", size=(120, 40)) as it:
        names = iter(TEXTS[::33])
        entries = tuple(replace(entry, name=next(names), uri=next(names, "x")) for entry in it.engine.fleet.hosts[:14])
        it.app.fleet = replace(it.engine.fleet, hosts=entries)
        await it.settle()
        await press(it, "9", "1", "2", "home", "down", "7")
