"""A host's state stays fresh, and what is shown of it is true, whatever the host does."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kvmtui.backend.base import Inventory, Wake, WakeKind
from kvmtui.changes import vm_event
from kvmtui.core.errors import Busy, Denied, TimedOut, Unreachable
from kvmtui.core.inventory import AddressSource, ConditionKind, Guard, Job, Reason, Severity, Vm, VmState
from kvmtui.core.policy import Policy
from kvmtui.picture import Change
from tests.fleet_lab import BEGAN, running, virtual

if TYPE_CHECKING:
    from pathlib import Path

    from kvmtui.backend.demo import World


def now() -> float:
    return BEGAN + asyncio.get_running_loop().time()


# --- the steady state ------------------------------------------------------------------------


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


# --- events ----------------------------------------------------------------------------------


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
        where.pools = (replace(where.pools[0], allocation=where.pools[0].capacity), *where.pools[1:])
        lab.world.tell("hv2", Wake(WakeKind.POOL))
        await lab.until(lambda: lab.said("pool nvme on hv2 is 100 % full"))


# --- hosts that do not answer ----------------------------------------------------------------


@virtual
async def test_a_silent_host_is_named_within_10_s_and_the_others_go_on(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.sleep(10)
        last, began = lab.entry("hv1").state, now()
        lab.faults.silence("hv1")
        assert await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT) < 10.0
        condition = lab.entry("hv1").condition
        assert began - 3.5 < condition.since <= began
        assert lab.entry("hv1").state is not None
        assert last is not None
        assert lab.vm("web-1").state is VmState.RUNNING
        assert lab.said("hv1 stopped answering")
        seen = lab.entry("hv2").state
        await asyncio.sleep(20)
        other = lab.entry("hv2").state
        assert seen is not None
        assert other is not None
        assert other.at - seen.at > 15.0


@virtual
async def test_a_silent_host_is_back_at_its_first_answer_with_what_happened_meanwhile(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.silence("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT)
        guest = lab.world.host("hv1").guest(lab.ref("web-1").uuid)
        guest.vm = replace(guest.vm, state=VmState.OFF, domain_id=None)
        lab.faults.answer("hv1")
        assert await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP) < 4.0
        assert await lab.until(lambda: lab.vm("web-1").state is VmState.OFF) < 2.0
        assert lab.said("hv1 answers again")


@virtual
async def test_late_figures_beside_answers_are_slow_not_silent(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.refuse(TimedOut("The figures of hv1 did not come within 15 s."), verb="sample", host="hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SLOW)
        assert lab.entry("hv1").condition.why == "The figures of hv1 did not come within 15 s."
        await asyncio.sleep(20)
        assert lab.kind("hv1") is ConditionKind.SLOW
        lab.faults.calm()
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP, 60)


@virtual
async def test_a_lost_connection_comes_back_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.sleep(20)
        since = lab.vm("web-2").since
        lab.faults.close_door("hv1", Unreachable("Nobody answers at hv1.", hint="Is libvirtd running?"))
        lab.faults.cut("hv1", "End of file.")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.DOWN)
        await lab.until(lambda: lab.entry("hv1").condition.why == "Nobody answers at hv1.")
        assert lab.entry("hv1").condition.hint == "Is libvirtd running?"
        assert lab.vm("web-1").state is VmState.RUNNING
        lab.faults.enter("hv1", lab.ref("web-1").uuid, VmState.OFF, Reason.CRASHED)
        lab.faults.open_door("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP)
        assert lab.vm("web-1").state is VmState.OFF
        found = lab.vm("web-1").since
        assert found is not None
        assert not found.exact  # nobody saw it happen
        assert lab.vm("web-2").since == since  # the same run of it: the domain's id tells


@virtual
async def test_it_tries_again_with_growing_pauses_and_jitter(tmp_path: Path) -> None:
    async with running(tmp_path, backoff_first=1.0, backoff_most=60.0) as lab:
        await asyncio.sleep(20)
        backend = lab.backends["hv1"]
        lab.faults.close_door("hv1")
        lab.faults.cut("hv1")
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(600)
        tries = [at for at in backend.connects if at > began]
        pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
        for pause, wanted in zip(pauses, (2, 4, 8, 16, 32, 60, 60), strict=False):
            assert 0.7 * wanted < pause < 1.3 * wanted
        assert any(pause != round(pause) for pause in pauses)
        lab.faults.open_door("hv1")
        lab.engine.refresh("hv1")
        await lab.engine.reconnect("hv1")
        assert await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP) < 1.0


@virtual
async def test_a_host_that_lets_nobody_in_is_not_asked_again_until_a_person_asks(tmp_path: Path) -> None:
    denied = Denied("hv1 refused the key of ann.", hint="Add the key with ssh-copy-id.")
    async with running(tmp_path, prepare=lambda world: world.faults.close_door("hv1", denied), up=False) as lab:
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.DENIED)
        condition = lab.entry("hv1").condition
        assert (condition.why, condition.hint) == (denied.text, denied.hint)
        await asyncio.sleep(300)
        assert len(lab.backends["hv1"].connects) == 1
        lab.faults.open_door("hv1")
        await lab.engine.reconnect("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP)


@virtual
async def test_a_host_that_never_answers_the_connection_is_silent_not_down(tmp_path: Path) -> None:
    async with running(tmp_path, prepare=lambda world: world.faults.silence("hv1"), up=False) as lab:
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT)
        await lab.until(lambda: lab.kind("hv2") is ConditionKind.UP)
        lab.faults.answer("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP, 90)


@virtual
async def test_a_silent_host_whose_connection_breaks_stays_silent_until_it_is_known_to_refuse(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.silence("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT)
        since = lab.entry("hv1").condition.since
        lab.faults.cut("hv1", "connection closed due to keepalive timeout")
        for _ in range(600):
            await asyncio.sleep(0.1)
            assert lab.kind("hv1") is ConditionKind.SILENT
        assert lab.entry("hv1").condition.since == since
        lab.faults.close_door("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.DOWN)
        assert lab.entry("hv1").condition.since == since, "it was lost when it was last heard, not when that was found"


@virtual
async def test_after_a_loss_of_packets_a_host_does_not_come_and_go_with_each_of_its_connections(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.silence("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT)
        backend, ping = lab.backends["hv1"], lab.backends["hv1"].ping

        async def late() -> None:
            await asyncio.sleep(4.0)
            raise TimedOut("hv1 did not answer within 4 s.")

        backend.ping = late  # type: ignore[method-assign] # its connection still waits to send again; others do not
        lab.faults.answer("hv1")
        await lab.until(lambda: lab.kind("hv1") is not ConditionKind.SILENT, 10)
        for _ in range(300):
            await asyncio.sleep(0.1)
            assert lab.entry("hv1").condition.is_answering
        assert lab.kind("hv1") is ConditionKind.SLOW
        backend.ping = ping  # type: ignore[method-assign]
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP, 10)
        assert sum("stopped answering" in event.subject for event in lab.engine.fleet.events) == 1


@virtual
async def test_a_host_that_falls_silent_while_it_is_slow_is_silent(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.refuse(TimedOut("The figures of hv1 did not come."), verb="sample", host="hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SLOW)
        lab.faults.silence("hv1")
        assert await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT) < 10.0


@virtual
async def test_figures_that_are_too_old_are_none(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.sleep(3)
        lab.faults.refuse(TimedOut("The figures of hv1 did not come."), verb="sample", host="hv1")
        await asyncio.sleep(5)
        state = lab.entry("hv1").state
        assert state is not None
        assert state.load is not None, "they are of a moment ago"
        await asyncio.sleep(15)
        state = lab.entry("hv1").state
        assert state is not None
        assert (state.load, dict(state.rates)) == (None, {})
        assert lab.vm("web-1").state is VmState.RUNNING


@virtual
async def test_a_full_reading_that_never_comes_is_tried_more_and_more_seldom(tmp_path: Path) -> None:
    """Each keeps one of the daemon's workers, which are few."""
    async with running(tmp_path, resync=20.0) as lab:
        lab.faults.refuse(TimedOut("hv1 did not answer within 15 s."), verb="inventory", host="hv1")
        before = lab.backends["hv1"].inventories
        await asyncio.sleep(900)
        assert lab.backends["hv1"].inventories - before < 10
        lab.faults.calm()
        lab.engine.refresh("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP, 10)


@virtual
async def test_a_host_that_answers_and_does_not_list_its_vms_is_not_called_silent(tmp_path: Path) -> None:
    def locked(world: World) -> None:
        world.faults.refuse(TimedOut("hv1 did not answer within 15 s."), verb="inventory", host="hv1")

    async with running(tmp_path, prepare=locked, up=False) as lab:
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.DOWN)
        assert lab.entry("hv1").condition.why == "hv1 answers, but its list of VMs does not come."
        assert "hook" in lab.entry("hv1").condition.hint
        lab.faults.calm()
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP)


@virtual
async def test_another_machine_at_the_address_is_said(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.swap_identity("hv1", "5a7a9e3c-0000-4000-8000-00000000beef")
        lab.faults.cut("hv1")
        await lab.until(lambda: lab.said("hv1 is another machine than before its UUID is 5a7a9e3c-"))


@virtual
async def test_disconnected_by_wish_it_keeps_what_was_seen(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await lab.engine.disconnect("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.DISCONNECTED)
        connects = len(lab.backends["hv1"].connects)
        await asyncio.sleep(300)
        assert len(lab.backends["hv1"].connects) == connects
        assert lab.vm("web-1").state is VmState.RUNNING
        await lab.engine.reconnect("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP)


def test_the_same_host_under_two_addresses_is_said_not_shown_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kvmtui.engine.identities.connection_scope", lambda uri, host: host.driver)

    def same(world: World) -> None:
        facts = world.hosts["hv1"].facts
        world.hosts["hv2"].facts = replace(world.hosts["hv2"].facts, uuid=facts.uuid, hostname=facts.hostname)

    @virtual
    async def check() -> None:
        async with running(tmp_path, prepare=same, up=False) as lab:
            kinds = {ConditionKind.UP, ConditionKind.DISCONNECTED}
            await lab.until(lambda: {lab.kind("hv1"), lab.kind("hv2")} == kinds)
            doubled = "hv1" if lab.kind("hv1") is ConditionKind.DISCONNECTED else "hv2"
            assert "same host as" in lab.entry(doubled).condition.why
            assert lab.entry(doubled).state is None

    check()


# --- guests ----------------------------------------------------------------------------------


@virtual
async def test_an_address_is_known_soon_after_a_start_and_forgotten_when_off(tmp_path: Path) -> None:
    async with running(tmp_path, lease_interval=3600.0) as lab:
        ref = lab.ref("mail")
        await asyncio.sleep(60)
        await lab.engine.backend("hv1").power.start(ref.uuid)
        await lab.until(lambda: bool(lab.vm("mail").addresses), 60)
        assert lab.vm("mail").addresses[0].source is AddressSource.LEASE
        await lab.engine.backend("hv1").power.force_off(ref.uuid)
        await lab.until(lambda: lab.vm("mail").state is VmState.OFF)
        assert lab.vm("mail").addresses == ()


@virtual
async def test_the_agent_is_asked_only_for_the_vm_that_is_looked_at(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.sleep(40)
        agents = [vm for _, vm in lab.engine.fleet.vms() if any(a.source is AddressSource.AGENT for a in vm.addresses)]
        assert agents == []
        lab.engine.look_at(lab.ref("web-1"))
        took = await lab.until(lambda: any(a.source is AddressSource.AGENT for a in lab.vm("web-1").addresses))
        assert took < 1.0


@virtual
async def test_a_guest_agent_that_hangs_holds_nothing_up(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.refuse(TimedOut("The agent did not answer."), verb="addresses")
        lab.engine.look_at(lab.ref("web-1"))
        await asyncio.sleep(2)
        count = len(lab.backends["hv1"].sampled)
        await asyncio.sleep(10)
        assert len(lab.backends["hv1"].sampled) >= count + 9
        assert lab.kind("hv1") is ConditionKind.UP


@pytest.mark.parametrize(
    ("changes", "guard", "asked"),
    [
        ({}, Guard.ASK, 0),
        ({"balloon_period": 10}, Guard.ASK, 1),
        ({"balloon_period": 10, "read_only": True}, Guard.ASK, 0),
        ({"balloon_period": 10}, Guard.READ_ONLY, 0),
    ],
)
def test_memory_reports_are_asked_for_only_when_configured_and_once_a_start(
    tmp_path: Path, changes: dict[str, Any], guard: Guard, asked: int
) -> None:
    @virtual
    async def check() -> None:
        async with running(tmp_path, configs=lambda config: replace(config, guard=guard), **changes) as lab:
            await asyncio.sleep(120)
            uuid, owned = lab.ref("web-1").uuid, lab.ref("instance-0000002a").uuid
            calls = [call.uuid for call in lab.world.calls if "balloon" in call.verb]
            assert calls.count(uuid) == asked
            assert calls.count(owned) == 0
            if asked:
                power = lab.engine.backend("hv1").power
                await power.force_off(uuid)
                await asyncio.sleep(5)
                await power.start(uuid)
                await asyncio.sleep(60)
                calls = [call.uuid for call in lab.world.calls if "balloon" in call.verb]
                assert calls.count(uuid) == 2

    check()


@virtual
async def test_memory_reports_of_another_systems_vms_need_that_owner_allowed(tmp_path: Path) -> None:
    policy = Policy(allowed_owners=frozenset({"nova"}))
    async with running(tmp_path, balloon_period=5, policy=policy) as lab:
        owned = lab.ref("instance-0000002a").uuid
        await lab.until(lambda: any(call.uuid == owned for call in lab.world.calls), 60)


# --- readings that overlap -------------------------------------------------------------------


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
