"""What changes on a host is shown at once, and said once, with its time and its reason."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Sign, Wake, WakeKind
from kvmtui.core.errors import Busy
from kvmtui.core.inventory import Reason, Severity, VmState
from tests.fleet_lab import now, running, virtual

if TYPE_CHECKING:
    from pathlib import Path


@virtual
async def test_a_change_made_elsewhere_is_shown_at_once_and_its_time_is_exact(tmp_path: Path) -> None:
    async with running(tmp_path, refresh=60.0) as lab:
        await asyncio.sleep(10)
        at = now()
        lab.faults.enter("hv1", lab.ref("mail").uuid, VmState.RUNNING, Reason.BOOTED)
        assert await lab.until(lambda: lab.vm("mail").state is VmState.RUNNING) < 0.05
        since = lab.vm("mail").since
        assert since is not None
        assert since.exact
        assert since.at == pytest.approx(at, abs=0.05)
        event = lab.engine.fleet.events[0]
        assert event.subject == "mail started on hv1"
        assert event.by == "not by kvmtui"


@virtual
async def test_a_crash_is_named_and_stays_named_when_the_host_has_forgotten_it(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("web-1")
        lab.faults.enter("hv1", ref.uuid, VmState.OFF, Reason.CRASHED)
        await lab.until(lambda: lab.vm("web-1").state is VmState.OFF)
        assert lab.engine.fleet.events[0].severity is Severity.BAD
        assert lab.engine.fleet.events[0].subject == "web-1 crashed on hv1"
        guest = lab.world.host("hv1").guest(ref.uuid)
        guest.vm = replace(guest.vm, reason=Reason.DAEMON)
        lab.engine.refresh("hv1")
        await asyncio.sleep(5)
        assert lab.vm("web-1").reason is Reason.CRASHED


@virtual
async def test_the_event_says_more_than_the_reading_after_it(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("web-1")
        where = lab.world.host("hv1")
        guest = where.guest(ref.uuid)
        guest.vm = replace(guest.vm, state=VmState.PAUSED, reason=Reason.IO_ERROR)
        lab.world.tell("hv1", Wake(WakeKind.VM, ref.uuid, VmState.PAUSED, Reason.POOL_FULL))
        await lab.until(lambda: lab.vm("web-1").state is VmState.PAUSED)
        assert lab.vm("web-1").reason is Reason.POOL_FULL


@virtual
async def test_deleted_moved_and_restarted_vms_are_told_apart(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        moved, deleted = lab.ref("web-1"), lab.ref("web-2")
        lab.faults.vanish("hv1", deleted.uuid)
        lab.faults.move(moved.uuid, "hv1", "hv2")
        await lab.until(lambda: lab.said("web-1 moved to hv2"))
        assert lab.said("web-2 was deleted on hv1")
        assert lab.engine.fleet.vm(deleted) is None
        assert lab.vm("web-1", "hv2").is_active
        guest = lab.world.host("hv1").guest(lab.ref("web-3").uuid)
        guest.vm = replace(guest.vm, domain_id=999)
        lab.world.tell("hv1", Wake(WakeKind.VM, guest.vm.uuid))
        await lab.until(lambda: lab.said("web-3 was restarted on hv1"))


@virtual
async def test_a_moment_of_pause_on_the_way_is_no_event(tmp_path: Path) -> None:
    async with running(tmp_path, lease_interval=3600.0) as lab:
        await asyncio.sleep(60)
        where = lab.world.host("hv1")
        mail, web = where.guest(lab.ref("mail").uuid), where.guest(lab.ref("web-1").uuid)
        for guest, state, reason in (
            (mail, VmState.PAUSED, Reason.STARTING),
            (mail, VmState.RUNNING, Reason.BOOTED),
            (web, VmState.PAUSED, Reason.SNAPSHOT),
            (web, VmState.RUNNING, Reason.UNPAUSED),
            (web, VmState.PAUSED, Reason.SAVING),
            (web, VmState.OFF, Reason.SAVED),
        ):
            domain_id = {VmState.OFF: None}.get(state, guest.vm.domain_id or 77)
            lab.world.put(where, guest, replace(guest.vm, state=state, reason=reason, domain_id=domain_id))
            await lab.until(lambda guest=guest, state=state: lab.vm(guest.vm.name).state is state)  # type: ignore[misc]
        said = [event.subject for event in lab.engine.fleet.events]
        assert said == ["web-1 was saved on hv1", "mail started on hv1"]


@virtual
async def test_a_lost_event_is_made_up_for_by_the_next_tick(tmp_path: Path) -> None:
    async with running(tmp_path, resync=3600.0) as lab:
        await asyncio.sleep(3)
        guest = lab.world.host("hv1").guest(lab.ref("web-1").uuid)
        guest.vm = replace(guest.vm, state=VmState.OFF, reason=Reason.SHUTDOWN, domain_id=None)
        lab.world.host("hv1").regroup()
        assert await lab.until(lambda: lab.vm("web-1").state is VmState.OFF) < 2.0


@virtual
async def test_a_storm_of_events_becomes_one_full_reading(tmp_path: Path) -> None:
    async with running(tmp_path, "demo:///?hosts=1&vms=100&seed=7") as lab:
        await asyncio.sleep(5)
        count = lab.backends["hv1"].inventories
        for uuid in lab.world.host("hv1").guests:
            lab.world.tell("hv1", Wake(WakeKind.VM, uuid))
        await asyncio.sleep(2)
        assert lab.backends["hv1"].inventories == count + 1


@virtual
async def test_a_vm_that_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    async with running(tmp_path, refresh=60.0, resync=3600.0) as lab:
        ref = lab.ref("mail")
        lab.faults.refuse(Busy("mail is busy."), verb="vm", uuid=ref.uuid, times=1)
        lab.faults.enter("hv1", ref.uuid, VmState.RUNNING, Reason.BOOTED)
        assert await lab.until(lambda: lab.vm("mail").state is VmState.RUNNING) < 5.0


@virtual
async def test_a_pool_that_fills_up_is_an_event(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        where = lab.world.host("hv2")
        first = where.pools[0]
        where.pools = (replace(first, allocation=first.capacity, available=0), *where.pools[1:])
        lab.world.tell("hv2", Wake(WakeKind.POOL))
        await lab.until(lambda: lab.said("pool nvme on hv2 is 100 % full"))


@virtual
async def test_a_reboot_is_told_once_a_minute_and_not_beside_our_own(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("web-1")
        reboots = Wake(WakeKind.VM, ref.uuid, sign=Sign.REBOOTED)
        for _ in range(20):
            lab.world.tell("hv1", reboots)
            await asyncio.sleep(2)
        assert [event.subject for event in lab.engine.fleet.events] == ["web-1 was reset or rebooted on hv1"]
        assert lab.engine.fleet.events[0].by == "not by kvmtui"
        await asyncio.sleep(60)
        lab.world.tell("hv1", reboots)
        await asyncio.sleep(1)
        assert len(lab.engine.fleet.events) == 2
        lab.world.tell("hv1", Wake(WakeKind.VM, "not known", sign=Sign.REBOOTED))
        await asyncio.sleep(1)
        assert len(lab.engine.fleet.events) == 2


@virtual
async def test_a_watchdog_that_fired_is_told_with_what_was_done_and_not_the_reboot_after_it(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("web-1")
        lab.world.tell("hv1", Wake(WakeKind.VM, ref.uuid, sign=Sign.REBOOTED))
        lab.world.tell("hv1", Wake(WakeKind.VM, ref.uuid, detail="it was reset", sign=Sign.WATCHDOG))
        lab.world.tell("hv1", Wake(WakeKind.VM, ref.uuid, sign=Sign.REBOOTED))
        await asyncio.sleep(1)
        fired, _ = lab.engine.fleet.events
        assert (fired.severity, fired.subject, fired.detail, fired.by) == (
            Severity.BAD,
            "the watchdog of web-1 fired on hv1",
            "it was reset",
            "",
        )
