"""The inventory: cheap when nothing changes, and one VM that hangs or breaks costs only its own details."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import read, survey
from kvmtui.backend.libvirt.read import CHUNK, FEWEST_AGAIN, Reader
from kvmtui.backend.libvirt.survey import Marks
from kvmtui.core.inventory import Reason, VmState
from tests.backend.libvirt.fakes import FakeConn, FakeLanes, FakeVm

if TYPE_CHECKING:
    import pytest


class Bench:
    """A reader over a fake host of some VMs."""

    def __init__(self, count: int) -> None:
        self.vms = [FakeVm(number) for number in range(1, count + 1)]
        self.conn = FakeConn(self.vms)
        self.reader = Reader(FakeLanes(self.conn).lanes)

    def reads(self) -> int:
        """Return how many definitions were read since the last time."""
        total = sum(vm.reads for vm in self.vms)
        for vm in self.vms:
            vm.reads = 0
        return total


async def test_an_inventory_without_news_reads_a_few_definitions_and_keeps_its_vms() -> None:
    bench = Bench(100)
    first = await bench.reader.inventory()
    assert bench.reads() == 200  # the live and the stored one of each
    second = await bench.reader.inventory()
    assert bench.reads() <= 12
    assert all(second.vms[uuid] is vm for uuid, vm in first.vms.items())


async def test_over_a_long_link_those_who_look_on_have_an_outline_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "LONG_SURVEY", -1.0)
    bench = Bench(3)
    assert len((await Reader(FakeLanes(bench.conn).lanes).inventory()).vms) == 3
    assert bench.reads() == 6  # nobody looks on: it is whole
    told: list[str] = []
    bench.reader.on_outline = lambda: told.append("outline")
    outline = await bench.reader.inventory()
    assert outline.vms["vm-0001"].state is VmState.RUNNING
    assert [vm.vcpus for vm in outline.vms.values()] == [0, 0, 0]
    assert (told, bench.reads()) == (["outline"], 0)
    assert [vm.vcpus for vm in (await bench.reader.inventory()).vms.values()] == [2, 2, 2]
    assert told == ["outline"]


async def test_a_glance_taken_before_events_are_heard_shows_who_is_there_and_the_whole_has_what_was_missed() -> None:
    for is_long in (True, False):
        bench = Bench(3)
        told: list[str] = []
        bench.reader.on_outline = partial(told.append, "outline")
        link: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        bench.reader.look_ahead(link)
        for _ in range(100):
            await asyncio.sleep(0)
        assert bench.conn.bulk
        bench.conn.vms = [*bench.vms, FakeVm(4)]  # made before events are heard
        link.set_result(is_long)
        first = await bench.reader.inventory()
        assert (first.is_outline, told) == (is_long, ["outline"] if is_long else [])
        assert [vm.vcpus for vm in first.vms.values()] == ([0, 0, 0] if is_long else [2, 2, 2, 2])
        whole = await bench.reader.inventory()
        assert not whole.is_outline
        assert [vm.vcpus for vm in whole.vms.values()] == [2, 2, 2, 2]


async def test_definitions_that_take_long_are_read_over_several_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call for all of them would miss its deadline, although none of them hangs."""
    monkeypatch.setattr(survey, "CHUNK_SECONDS", 0.0)
    bench = Bench(5)
    assert [vm.vcpus for vm in (await bench.reader.inventory()).vms.values()] == [2] * 5


async def test_every_definition_is_read_again_within_some_twenty_inventories() -> None:
    bench = Bench(100)
    await bench.reader.inventory()
    bench.vms[77].xml = bench.vms[77].stored = "<domain><title>new</title><vcpu>2</vcpu></domain>"
    titles = {(await bench.reader.inventory()).vms["vm-0078"].title for _ in range(20)}
    assert "new" in titles


async def test_what_was_touched_started_or_made_is_read() -> None:
    bench = Bench(3)
    await bench.reader.inventory()
    bench.reads()
    bench.reader.touch("vm-0001")
    bench.vms[1].is_on = False
    bench.vms.append(FakeVm(4))
    bench.conn.vms = bench.vms
    inventory = await bench.reader.inventory()
    assert [vm.reads for vm in bench.vms] == [2, 1, 0, 2]
    assert inventory.vms["vm-0002"].state is VmState.OFF
    assert "vm-0004" in inventory.vms


async def test_a_vm_whose_definition_hangs_costs_only_its_details() -> None:
    bench = Bench(CHUNK + 10)
    bench.vms[3].xml_hangs = True
    inventory = await bench.reader.inventory()
    assert len(inventory.vms) == CHUNK + 10
    without = [uuid for uuid, vm in inventory.vms.items() if vm.vcpus == 0]
    assert without == ["vm-0004"]
    assert inventory.vms["vm-0004"].state is VmState.RUNNING
    bench.vms[3].xml_hangs = False
    assert (await bench.reader.inventory()).vms["vm-0004"].vcpus == 2


async def test_a_definition_that_is_no_xml_costs_only_its_details() -> None:
    bench = Bench(2)
    bench.vms[0].xml = "<domain><name>broken"
    inventory = await bench.reader.inventory()
    assert (inventory.vms["vm-0001"].name, inventory.vms["vm-0001"].vcpus) == ("name-1", 0)
    assert inventory.vms["vm-0002"].vcpus == 2


async def test_a_vm_that_vanishes_while_it_is_read_is_left_out() -> None:
    bench = Bench(3)
    bench.vms[1].gone = True
    assert set((await bench.reader.inventory()).vms) == {"vm-0001", "vm-0003"}


async def test_a_stuck_vm_keeps_its_known_details_and_its_definition_is_not_asked_for() -> None:
    bench = Bench(1)
    before = await bench.reader.vm("vm-0001")
    bench.reads()
    bench.vms[0].occupied = True
    bench.vms[0].state_is = (3, 1)
    after = await bench.reader.vm("vm-0001")
    assert (after.state, after.vcpus) == (VmState.PAUSED, before.vcpus)
    assert bench.reads() == 0


async def test_a_stored_definition_that_differs_is_pending() -> None:
    bench = Bench(2)
    bench.vms[0].stored = bench.vms[0].xml.replace("2</vcpu>", "4</vcpu>")
    inventory = await bench.reader.inventory()
    assert (inventory.vms["vm-0001"].pending, inventory.vms["vm-0002"].pending) == (True, False)


async def test_a_full_pool_is_told_from_other_errors_by_the_disk_or_by_the_event() -> None:
    bench = Bench(3)
    for vm in bench.vms:
        vm.state_is = (3, 5)
    bench.vms[0].disk_errors = {"vda": 2}
    bench.reader.note_reason("vm-0002", VmState.PAUSED, Reason.POOL_FULL)
    inventory = await bench.reader.inventory()
    assert [vm.reason for vm in inventory.vms.values()] == [Reason.POOL_FULL, Reason.POOL_FULL, Reason.IO_ERROR]
    bench.reader.note_reason("vm-0002", VmState.RUNNING, Reason.NONE)
    assert (await bench.reader.vm("vm-0002")).reason is Reason.IO_ERROR


async def test_what_marks_contradict_is_named_and_what_is_read_anew_agrees_with_them() -> None:
    bench = Bench(4)
    inventory = await bench.reader.inventory()
    assert inventory.vms["vm-0001"].snapshots == 0
    none: frozenset[str] = frozenset()
    assert bench.reader.contradicted(Marks(none, none, none)) == []
    marks = Marks(frozenset({"vm-0001"}), frozenset({"vm-0002"}), frozenset({"vm-0003", "not known"}))
    assert bench.reader.contradicted(marks) == ["vm-0001", "vm-0002", "vm-0003"]
    bench.vms[0].starts_with_host = True
    bench.vms[2].snapshots = 2
    assert (await bench.reader.vm("vm-0001")).autostart
    assert (await bench.reader.vm("vm-0003")).snapshots == 2
    assert bench.reader.contradicted(marks) == ["vm-0002"]
    failed = Marks(frozenset({"vm-0001"}), none, marks.snapshots, {"vm-0004": (VmState.OFF, Reason.FAILED)})
    assert bench.reader.contradicted(failed) == ["vm-0004"]
    bench.vms[3].is_on, bench.vms[3].off_is = False, (5, 6)
    assert (await bench.reader.vm("vm-0004")).reason is Reason.FAILED
    assert bench.reader.contradicted(failed) == []


async def test_the_snapshots_of_few_vms_are_counted_again_in_each_survey() -> None:
    bench = Bench(10 * FEWEST_AGAIN)
    bench.vms[-1].snapshots = 2
    await bench.reader.inventory()
    bench.vms[-1].snapshots = 1  # one was deleted, of which no event tells
    await bench.reader.inventory()
    uuid = bench.vms[-1].UUIDString()
    assert (await bench.reader.inventory()).vms[uuid].snapshots == 1
