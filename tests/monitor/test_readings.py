"""A host's state stays fresh at an even pace, and of two readings that overlap the newer counts."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Inventory
from kvmtui.changes import vm_event
from kvmtui.core.errors import TimedOut
from kvmtui.core.inventory import ConditionKind, Job, Reason, Severity, Vm, VmState
from kvmtui.picture import Change
from tests.fleet_lab import now, running, virtual

if TYPE_CHECKING:
    from pathlib import Path


# --- the steady state ---


@virtual
async def test_rows_and_rates_are_there_within_the_first_interval(tmp_path: Path) -> None:
    async with running(tmp_path, refresh=2.0) as lab:
        assert lab.vm("web-1").state is VmState.RUNNING
        since = lab.vm("web-1").since
        assert since is not None
        assert not since.exact
        took = await lab.until(lambda: all(entry.state and entry.state.rates for entry in lab.engine.fleet.hosts))
        assert took <= 2.5
        rates = lab.engine.fleet.rates(lab.ref("web-1"))
        assert rates is not None
        assert rates.cpu_cores is not None
        state = lab.entry("hv1").state
        assert state is not None
        assert state.load is not None
        assert state.load.committed == sum(vm.memory_max for vm in state.vms.values() if vm.is_active)


@virtual
async def test_hosts_do_not_tick_at_the_same_instant(tmp_path: Path) -> None:
    async with running(tmp_path, refresh=3.0) as lab:
        await asyncio.sleep(30)
        phases = {round(backend.sampled[-1][0] % 3.0, 2) for backend in lab.backends.values()}
        assert len(phases) == 3


@virtual
async def test_the_next_tick_comes_after_the_last_is_done_and_backs_off(tmp_path: Path) -> None:
    async with running(tmp_path, refresh=1.0) as lab:
        lab.faults.slow("hv1", 0.8)
        await asyncio.sleep(30)
        slow = lab.backends["hv1"].sampled[-10:]
        assert all(later[0] > earlier[1] for earlier, later in itertools.pairwise(slow))
        assert slow[-1][0] - slow[-2][0] >= 1.5  # more than half of the interval was spent answering
        quick = lab.backends["hv2"].sampled[-10:]
        assert quick[-1][0] - quick[-2][0] == pytest.approx(1.0, abs=0.1)


@virtual
async def test_steal_of_all_every_fifth_tick_and_of_the_one_looked_at_each_time(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.sleep(20)
        wants = lab.backends["hv1"].wants
        assert [want.delay for want in wants[:11]] == [number < 2 or number % 5 == 0 for number in range(11)]
        assert not any(want.delay_of or want.per_cpu for want in wants)
        ref = lab.ref("web-1")
        lab.engine.look_at(ref)
        lab.engine.look_at_host("hv1")
        seen = len(wants)
        await asyncio.sleep(3)
        assert all(ref.uuid in want.delay_of and want.per_cpu for want in wants[seen:])
        lab.engine.look_at(lab.ref("web-4"))
        lab.engine.look_at_host(None)
        await asyncio.sleep(3)
        assert not wants[-1].delay_of
        assert not wants[-1].per_cpu


@virtual
async def test_a_full_reading_makes_no_new_objects_when_nothing_changed(tmp_path: Path) -> None:
    async with running(tmp_path, resync=10.0, lease_interval=5.0) as lab:
        await asyncio.sleep(8)
        before = lab.entry("hv2").state
        count = lab.backends["hv2"].inventories
        await asyncio.sleep(25)
        after = lab.entry("hv2").state
        assert lab.backends["hv2"].inventories >= count + 2
        assert before is not None
        assert after is not None
        assert after.vms is before.vms
        assert after.pools is before.pools


# --- readings that overlap ---


@virtual
async def test_a_reading_that_began_earlier_and_ended_later_is_dropped(tmp_path: Path) -> None:
    async with running(tmp_path, resync=3600.0, refresh=60.0) as lab:
        picture = lab.engine.monitor("hv1").picture
        assert picture.state is not None
        uuid = lab.ref("web-1").uuid
        old = picture.state.vms[uuid]
        off = replace(old, state=VmState.OFF, domain_id=None, since=None)
        early, full, late = picture.ticket(), picture.ticket(), picture.ticket()
        stale = Inventory(dict(picture.state.vms), picture.state.networks, picture.state.pools)
        assert picture.one(uuid, off, now(), late) is not None
        assert picture.one(uuid, old, now(), early) is None
        picture.full(stale, now(), full)
        assert picture.state.vms[uuid].state is VmState.OFF
        assert picture.one(uuid, None, now(), picture.ticket()) is not None
        picture.full(stale, now(), full)
        assert uuid not in picture.state.vms
        picture.full(stale, now(), picture.ticket())
        assert picture.state.vms[uuid].state is VmState.RUNNING


@virtual
async def test_anothers_job_is_followed_to_its_end(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("web-1")
        guest = lab.world.host("hv1").guest(ref.uuid)
        lab.world.put(lab.world.host("hv1"), guest, replace(guest.vm, job=Job("backup", 10.0, ours=False)))
        await lab.until(lambda: lab.vm("web-1").job is not None)
        guest.vm = replace(guest.vm, job=Job("backup", 60.0, ours=False))  # no event tells of it
        await lab.until(lambda: (job := lab.vm("web-1").job) is not None and job.percent == 60.0, 3.0)
        guest.vm = replace(guest.vm, job=None)
        await lab.until(lambda: lab.vm("web-1").job is None, 3.0)


@virtual
async def test_a_late_full_reading_is_slow_until_one_comes(tmp_path: Path) -> None:
    async with running(tmp_path, resync=10.0) as lab:
        lab.faults.refuse(TimedOut("The list of VMs did not come."), verb="inventory", host="hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SLOW)
        await asyncio.sleep(30)
        assert lab.entry("hv1").condition.why == "The list of VMs did not come."
        lab.faults.calm()
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP)


@virtual
async def test_reconnecting_twice_at_once_leaves_one_connection(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.gather(lab.engine.reconnect("hv1"), lab.engine.reconnect("hv1"))
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP)
        await asyncio.sleep(5)
        count = len(lab.backends["hv1"].sampled)
        await asyncio.sleep(10)
        assert len(lab.backends["hv1"].sampled) - count <= 11


def test_what_became_of_a_vm_that_is_listed_no_more() -> None:
    vm = Vm("u", "web-1", VmState.RUNNING)
    cases = {
        "was deleted on": (replace(vm, state=VmState.OFF), vm),
        "ended on": (replace(vm, persistent=False),),
        "moved away from": (
            replace(vm, job=Job("migration out", 90.0, ours=False)),
            replace(vm, state=VmState.OFF, reason=Reason.MIGRATED),
        ),
    }
    for said, befores in cases.items():
        for before in befores:
            event = vm_event("hv1", Change("u", before, None, 0.0, seen=True), "")
            assert event is not None
            assert event.subject == f"web-1 {said} hv1"


def test_a_move_that_breaks_after_the_vm_has_gone_on_is_said_and_one_that_does_not_is_no_pause() -> None:
    vm = Vm("u", "web-1", VmState.RUNNING, Reason.BOOTED)
    passing = replace(vm, state=VmState.PAUSED, reason=Reason.POSTCOPY)
    broken = replace(passing, reason=Reason.POSTCOPY_FAILED)
    assert vm_event("hv1", Change("u", vm, passing, 0.0, seen=True), "") is None
    assert vm_event("hv1", Change("u", broken, broken, 0.0, seen=True), "") is None
    for before, after in ((passing, broken), (vm, replace(vm, reason=Reason.POSTCOPY_FAILED))):
        event = vm_event("hv1", Change("u", before, after, 0.0, seen=True), "")
        assert event is not None
        assert (event.severity, event.subject) == (Severity.BAD, "web-1 is stuck in its move on hv1")
        assert event.detail == "post-copy failed"
