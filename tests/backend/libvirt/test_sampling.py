"""Samples: few calls, and one VM that hangs costs no other its figures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

import pytest

from kvmtui.backend.base import Want
from kvmtui.backend.libvirt import api, sampling
from kvmtui.backend.libvirt.backend import LibvirtBackend
from kvmtui.backend.libvirt.sampling import MOST_ABANDONED, NO_MONITOR, USUAL, Sampler
from kvmtui.core.errors import TimedOut
from kvmtui.core.inventory import Vm, VmState
from tests.backend.libvirt.fakes import FakeConn, FakeLanes, FakeVm, Hang
from tests.core.makers import a_host

if TYPE_CHECKING:
    from kvmtui.backend.libvirt.survey import Marks
    from kvmtui.core.metrics import Sample


class Bench:
    """A sampler over a fake host of some VMs, each with `vcpus`."""

    def __init__(self, count: int, vcpus: int = 2) -> None:
        self.conn = FakeConn([FakeVm(number) for number in range(1, count + 1)])
        self.lanes = FakeLanes(self.conn)
        self.sampler = Sampler(self.lanes.lanes, lambda _: vcpus, lambda: self.active(vcpus))

    def active(self, vcpus: int) -> list[Vm]:
        """What an inventory knows of the VMs that are on."""
        on = [vm for vm in self.conn.vms if vm.is_on]
        return [Vm(vm.UUIDString(), vm.name(), VmState.RUNNING, vcpus=vcpus) for vm in on]

    async def sample(self, want: Want = Want()) -> Sample:  # noqa: B008 - a frozen tuple
        self.conn.bulk.clear()
        return await self.sampler.sample(want, frozenset(), 4)

    def complete(self, sample: Sample) -> dict[str, bool]:
        return {uuid: counters.complete for uuid, counters in sample.vms.items()}


async def test_a_tick_is_one_bulk_call_and_the_node() -> None:
    bench = Bench(30)
    sample = await bench.sample()
    assert bench.conn.bulk == [(30, USUAL)]
    assert len(sample.vms) == 30
    assert sample.cpu is not None
    assert sample.memory is not None
    assert sample.memory.total == 8 * 1024
    assert sample.per_cpu is None
    assert sample.vms["vm-0001"].vcpus == 2


async def test_the_hosts_memory_is_told_in_each_sample_and_read_in_some(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(1)
    read = bench.conn.getMemoryStats
    reads: list[int] = []

    def counted(cell: int, flags: int = 0) -> dict[str, int]:
        reads.append(cell)
        return read(cell, flags)

    monkeypatch.setattr(bench.conn, "getMemoryStats", counted)
    first, second = await bench.sample(), await bench.sample()
    assert first.memory == second.memory
    assert first.memory is not None
    assert len(reads) == 1
    monkeypatch.setattr(sampling, "MEMORY_EVERY", 0.0)
    bench.sampler.forget()  # as after a connect: what was read before may be another machine's
    await bench.sample()
    await bench.sample()
    assert len(reads) == 3


async def test_steal_of_all_is_in_the_same_call_and_that_of_a_few_in_one_more() -> None:
    bench = Bench(30)
    sample = await bench.sample(Want(delay=True))
    assert bench.conn.bulk == [(30, USUAL | api.STATS_VCPU)]
    assert sample.vms["vm-0001"].delay_ns == 12
    sample = await bench.sample(Want(delay_of=frozenset({"vm-0002", "not there"})))
    assert bench.conn.bulk == [(30, USUAL), (1, api.STATS_VCPU)]
    assert (sample.vms["vm-0001"].delay_ns, sample.vms["vm-0002"].delay_ns) == (None, 12)


async def test_many_vcpus_are_read_in_chunks() -> None:
    bench = Bench(250, vcpus=4)
    sample = await bench.sample()
    assert [count for count, _ in bench.conn.bulk] == [100, 100, 50]
    assert len(sample.vms) == 250


async def test_a_hung_vm_is_incomplete_and_the_others_keep_their_figures() -> None:
    bench = Bench(3)
    bench.conn.vms[1].hangs = True
    with pytest.raises(TimedOut):
        await bench.sample()
    expected = {"vm-0001": True, "vm-0002": False, "vm-0003": True}
    assert bench.complete(await bench.sample()) == expected
    assert (1, NO_MONITOR) in bench.conn.bulk
    assert bench.complete(await bench.sample()) == expected


async def test_a_locked_vm_that_holds_up_every_list_costs_one_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(4)
    bench.conn.vms[3].is_on, bench.conn.vms[3].locked = False, True  # a hook of its start waits
    with pytest.raises(TimedOut):
        await bench.sample()
    monkeypatch.setattr(bench.conn, "_pass_all", lambda: pytest.fail("it is listed again"))
    for _ in range(3):
        assert bench.complete(await bench.sample()) == {"vm-0001": True, "vm-0002": True, "vm-0003": True}
    monkeypatch.undo()
    bench.conn.vms[3].is_on, bench.conn.vms[3].locked = True, False
    monkeypatch.setattr(time, "monotonic", lambda: 1e9)  # long after
    assert len((await bench.sample()).vms) == 4
    await bench.sample()
    assert bench.conn.bulk == [(4, USUAL)]  # back to the one call


async def test_a_list_that_does_not_come_is_asked_for_more_and_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, now = Bench(2), 0.0
    asked: list[float] = []

    def note() -> NoReturn:
        asked.append(now)
        raise Hang

    bench.conn.vms[1].is_on, bench.conn.vms[1].locked = False, True
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(bench.conn, "_pass_all", note)
    with pytest.raises(TimedOut):
        await bench.sample()
    while now < 3600.0:
        now += 2.0
        assert len((await bench.sample()).vms) == 1
    assert len(asked) < 12, "each keeps one of the daemon's 20 workers"


async def test_a_vm_that_answers_again_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(3)
    bench.conn.vms[1].hangs = True
    with pytest.raises(TimedOut):
        await bench.sample()
    await bench.sample()
    monkeypatch.setattr(time, "monotonic", lambda: 1e9)  # a while later
    bench.conn.vms[1].hangs = bench.conn.vms[1].occupied = False
    assert all(bench.complete(await bench.sample()).values())
    await bench.sample()
    assert bench.conn.bulk == [(3, USUAL)]  # back to the one call


async def test_after_a_few_abandoned_calls_no_monitor_is_entered_any_more() -> None:
    bench = Bench(MOST_ABANDONED + 2)
    for hung in range(MOST_ABANDONED):
        bench.conn.vms[hung].hangs = True
        with pytest.raises(TimedOut):
            await bench.sample()
    bench.conn.vms[MOST_ABANDONED].hangs = True
    sample = await bench.sample()
    assert {groups for _, groups in bench.conn.bulk} == {NO_MONITOR}
    assert len(sample.vms) == len(bench.conn.vms)
    assert not any(bench.complete(sample).values())


async def test_a_silent_host_is_not_taken_for_a_hung_vm() -> None:
    bench = Bench(2)
    bench.lanes.is_silent = True
    bench.conn.vms[0].hangs = True
    with pytest.raises(TimedOut):
        await bench.sample()
    bench.conn.vms[0].hangs = bench.conn.vms[0].occupied = False
    await bench.sample()
    assert bench.conn.bulk == [(2, USUAL)]


async def test_a_driver_without_statistics_still_tells_of_its_node(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(2)
    sample = await bench.sampler.sample(Want(), frozenset({"stats", "node-memory"}), 4)
    assert sample.vms == {}
    assert sample.cpu is not None
    assert sample.memory is None
    assert bench.conn.bulk == []


async def test_a_vm_that_has_just_gone_off_has_no_counters() -> None:
    bench = Bench(2)
    lanes = bench.lanes
    await lanes.bulk(sampling._list_active, 1)
    bench.conn.vms[0].is_on = False
    reading = sampling._read_these(lanes.session, ["vm-0001", "vm-0002"], USUAL, frozenset(), lambda _: 1)
    assert reading.vms.keys() == {"vm-0002"}


async def test_what_no_event_tells_is_looked_at_now_and_then_and_not_while_a_vm_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "MARKS_EVERY", 0.0)
    monkeypatch.setattr(sampling, "MARKS_SHARE", 0.0)
    bench = Bench(2)
    told: list[Marks] = []
    bench.sampler = Sampler(bench.lanes.lanes, lambda _: 2, lambda: bench.active(2), told.append)
    bench.conn.vms[1].starts_with_host = True
    await bench.sample()
    assert [marks.autostart for marks in told] == [{"vm-0002"}]
    bench.conn.vms[0].hangs = True
    with pytest.raises(TimedOut):
        await bench.sample()
    await bench.sample()
    assert len(told) == 1


async def test_a_look_that_hangs_loses_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MARKS_EVERY", 0.0)

    def locked(_session: object) -> NoReturn:
        raise Hang

    monkeypatch.setattr(sampling, "read_untold", locked)
    bench = Bench(2)
    assert bench.complete(await bench.sample()) == {"vm-0001": True, "vm-0002": True}
    assert bench.complete(await bench.sample()) == {"vm-0001": True, "vm-0002": True}


async def test_who_watches_is_woken_by_what_no_event_tells_and_for_the_vm_that_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "MARKS_EVERY", 0.0)
    monkeypatch.setattr(sampling, "MARKS_SHARE", 0.0)
    conn = FakeConn([FakeVm(number) for number in range(1, 4)])
    backend = LibvirtBackend("qemu+tcp://hv1/system")
    monkeypatch.setattr(backend, "_current", FakeLanes(conn))
    monkeypatch.setattr(backend, "_host", a_host())
    woken: list[str] = []
    backend.listen(lambda wake: woken.append(wake.uuid))
    await backend.inventory()
    await backend.sample(Want(delay=True))
    assert woken == []
    conn.vms[0].vcpus = 4  # virsh setvcpus --live
    conn.vms[1].starts_with_host = True  # virsh autostart
    await backend.sample(Want())
    assert woken == ["vm-0002"]
    woken.clear()
    await backend.sample(Want(delay=True, delay_of=frozenset({"vm-0003"})))
    assert sorted(woken) == ["vm-0001", "vm-0002", "vm-0003"]
