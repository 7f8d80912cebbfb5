"""The engine shows one picture of the fleet: true, in time, and only when it is another."""

from __future__ import annotations

import asyncio
import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Wake, WakeKind
from kvmtui.commands import registry
from kvmtui.commands.base import Target
from kvmtui.config import HostConfig, Settings
from kvmtui.core.errors import NotFound
from kvmtui.core.inventory import ConditionKind, Guard, Reason, VmRef, VmState
from kvmtui.engine import Engine
from kvmtui.engine.histories import Histories
from kvmtui.engine.identities import connection_scope
from kvmtui.journal import Journal
from tests.fleet_lab import BEGAN, VirtualClock, running, virtual

if TYPE_CHECKING:
    from pathlib import Path

    from kvmtui.core.inventory import Fleet


@virtual
async def test_it_publishes_at_most_four_times_a_second(tmp_path: Path) -> None:
    async with running(tmp_path, "demo:///?hosts=20&vms=60&seed=7", refresh=0.5) as lab:
        loop = asyncio.get_running_loop()
        times: list[float] = []
        lab.engine.watch(lambda _: times.append(loop.time()))
        guests = [(host.name, uuid) for host in lab.world.hosts.values() for uuid in host.guests]
        for host, uuid in guests:
            guest = lab.world.host(host).guest(uuid)
            guest.vm = replace(guest.vm, title=f"{guest.vm.title} again")
            lab.world.tell(host, Wake(WakeKind.VM, uuid))
            await asyncio.sleep(0.1)
        assert len(times) > 10
        for at in times:
            assert sum(at <= other < at + 1.0 for other in times) <= 4


@virtual
async def test_a_change_is_published_at_once_even_between_ticks_of_many_hosts(tmp_path: Path) -> None:
    async with running(tmp_path, "demo:///?hosts=20&vms=100&seed=7", refresh=1.0) as lab:
        await asyncio.sleep(10)
        for _ in range(5):
            ref = next(
                VmRef(entry.name, vm.uuid) for entry, vm in lab.engine.fleet.vms() if vm.state is VmState.RUNNING
            )
            lab.faults.enter(ref.host, ref.uuid, VmState.OFF, Reason.DESTROYED)

            def is_off(ref: VmRef = ref) -> bool:
                vm = lab.engine.fleet.vm(ref)
                return vm is not None and vm.state is VmState.OFF

            assert await lab.until(is_off) <= 0.26
            await asyncio.sleep(1.3)


@virtual
async def test_how_a_quick_task_ended_is_shown_soon_after_many_others(tmp_path: Path) -> None:
    async with running(tmp_path, refresh=60.0) as lab:
        await asyncio.sleep(10)
        pause = registry.by_id("vm.pause")
        assert pause is not None
        for name in ("web-1", "web-2", "web-3", "app-1"):
            ref = lab.ref(name)
            entry = lab.entry(ref.host)
            assert entry.state is not None
            ids = lab.engine.submit(pause, [Target.of_vm(entry, entry.state.vms[ref.uuid])], {})
            await lab.engine.wait(ids)
            took = await lab.until(lambda name=name: lab.vm(name).state is VmState.PAUSED)  # type: ignore[misc]
            assert took < 0.4


@virtual
async def test_nothing_is_published_when_nothing_changed(tmp_path: Path) -> None:
    async with running(tmp_path, refresh=3600.0, resync=10.0, lease_interval=3600.0) as lab:
        await asyncio.sleep(120)
        seen: list[Fleet] = []
        end = lab.engine.watch(seen.append)
        lab.faults.enter("hv1", lab.ref("mail").uuid, VmState.RUNNING, Reason.BOOTED)
        await asyncio.sleep(0.05)
        assert len(seen) == 1
        await asyncio.sleep(300)  # it boots, and gets its address
        count = len(seen)
        await asyncio.sleep(200)
        assert len(seen) == count
        end()
        lab.faults.enter("hv1", lab.ref("mail").uuid, VmState.OFF)
        await asyncio.sleep(1)
        assert len(seen) == count


@virtual
async def test_parts_that_did_not_change_are_the_same_objects(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.sleep(40)
        before = lab.engine.fleet
        await lab.until(lambda: lab.engine.fleet is not before)
        after = lab.engine.fleet
        assert after.tasks is before.tasks
        assert after.events is before.events
        assert all(new.condition is old.condition for new, old in zip(after.hosts, before.hosts, strict=True))
        vms = {VmRef(entry.name, vm.uuid): vm for entry, vm in before.vms()}
        assert all(vms[VmRef(entry.name, vm.uuid)] is vm for entry, vm in after.vms())


@virtual
async def test_leaving_waits_for_no_host(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with running(tmp_path) as lab:
        lab.faults.silence("hv1")
        lab.faults.slow("hv2", 9.0)
        await asyncio.sleep(1)
        began = loop.time()
        await lab.engine.stop()
        assert loop.time() - began < 0.1


@virtual
async def test_no_host_is_a_fleet_too(tmp_path: Path) -> None:
    engine = Engine(Settings(label="prod"), clock=VirtualClock(), journal=Journal(tmp_path / "journal"))
    await engine.start()
    assert engine.fleet.hosts == ()
    assert engine.fleet.label == "prod"
    with pytest.raises(NotFound):
        engine.backend("hv1")
    await engine.stop()


@virtual
async def test_an_address_that_is_not_allowed_shows_in_its_row(tmp_path: Path) -> None:
    hosts = (HostConfig("bad", "demo://x/"),)
    engine = Engine(Settings(hosts=hosts), clock=VirtualClock(), journal=Journal(tmp_path / "journal"))
    await engine.start()
    await asyncio.sleep(1)
    (entry,) = engine.fleet.hosts
    assert entry.condition.kind is ConditionKind.DENIED
    assert entry.condition.why
    await engine.stop()


@virtual
async def test_a_fault_in_a_monitor_is_raised(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:

        async def broken(*_: object) -> None:
            raise ZeroDivisionError

        lab.backends["hv1"].ping = broken  # type: ignore[method-assign]
        with pytest.raises(BaseExceptionGroup) as fault:
            await lab.engine.fault()
        assert fault.group_contains(ZeroDivisionError)


@virtual
async def test_a_locked_host_is_open_for_as_long_as_was_said(tmp_path: Path) -> None:
    async with running(tmp_path, configs=lambda config: replace(config, guard=Guard.READ_ONLY)) as lab:
        lab.engine.unlock("hv1", 900.0)
        await asyncio.sleep(0.5)
        assert lab.entry("hv1").unlocked_until == pytest.approx(BEGAN + asyncio.get_running_loop().time() + 900, abs=1)
        await asyncio.sleep(901)
        assert lab.entry("hv1").unlocked_until is None


@virtual
async def test_a_host_that_is_opened_for_longer_is_not_locked_at_the_end_of_the_first_time(tmp_path: Path) -> None:
    async with running(tmp_path, configs=lambda config: replace(config, guard=Guard.READ_ONLY)) as lab:
        lab.engine.unlock("hv1", 60.0)
        await asyncio.sleep(30)
        lab.engine.unlock("hv1", 900.0)
        await asyncio.sleep(60)
        assert lab.entry("hv1").unlocked_until is not None
        await asyncio.sleep(900)
        assert lab.entry("hv1").unlocked_until is None


@virtual
async def test_events_are_bounded_and_newest_first(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        uuid = lab.ref("mail").uuid
        for _ in range(150):
            lab.faults.enter("hv1", uuid, VmState.RUNNING, Reason.BOOTED)
            await asyncio.sleep(0.3)
            lab.faults.enter("hv1", uuid, VmState.OFF, Reason.DESTROYED)
            await asyncio.sleep(0.3)
        events = lab.engine.fleet.events
        assert len(events) == 200
        assert events[0].at >= events[-1].at


@virtual
async def test_what_another_kvmtui_did_is_said_to_be_its_users(tmp_path: Path) -> None:
    async with running(tmp_path) as mine, running(tmp_path) as theirs:
        start = registry.by_id("vm.start")
        assert start is not None
        entry = theirs.entry("hv1")
        assert entry.state is not None
        uuid = theirs.ref("mail").uuid
        theirs.engine.journal._process = replace(theirs.engine.journal._process, pid=1)
        await theirs.engine.wait(theirs.engine.submit(start, [Target.of_vm(entry, entry.state.vms[uuid])], {}))
        mine.faults.enter("hv1", uuid, VmState.RUNNING, Reason.BOOTED)
        await mine.until(lambda: mine.said("mail started on hv1"))
        assert mine.engine.fleet.events[0].by.startswith("kvmtui, user ")


# --- the past --------------------------------------------------------------------------------


@virtual
async def test_the_past_has_a_point_each_ten_seconds_and_a_gap_where_nothing_was_read(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("web-1")
        await asyncio.sleep(100)
        history = lab.engine.history(ref)
        assert history is not None
        times, values = history.series("cpu")
        assert 9 <= len(times) <= 11
        assert all(9.0 < later - earlier < 12.0 for earlier, later in itertools.pairwise(times))
        assert all(0.0 <= value <= 100.0 for value in values)
        lab.faults.silence("hv1")
        await asyncio.sleep(60)
        lab.faults.answer("hv1")
        await asyncio.sleep(30)
        _, values = history.series("cpu")
        assert any(math.isnan(value) for value in values)
        assert not math.isnan(values[-1])


@virtual
async def test_graphs_that_are_open_have_every_reading(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("web-1")
        lab.engine.look_at(ref, graphs=True)
        await asyncio.sleep(60)
        history = lab.engine.history(ref)
        assert history is not None
        assert history.full is not None
        assert 55 <= len(history.full) <= 65
        assert "vda.read" in history.full.names


def test_of_many_vms_less_is_kept_and_the_recordings_are_bounded() -> None:
    histories = Histories(refresh=1.0)
    for number in range(20):
        histories.record(VmRef("hv1", str(number)))
    kept = [
        one.full is not None for number in range(20) if (one := histories.of(VmRef("hv1", str(number)))) is not None
    ]
    assert kept == [False] * 12 + [True] * 8


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("qemu:///system", "qemu+ssh://root@localhost/system", True),
        ("qemu:///system", "qemu:///session", False),
        ("qemu+ssh://ann@hv1/session", "qemu+ssh://bob@hv1/session", False),
        ("qemu+ssh://ann@hv1/system", "qemu+tls://hv1/system", True),
    ],
)
def test_two_addresses_of_one_driver_are_known_as_such(one: str, other: str, same: bool) -> None:
    from kvmtui.backend.demo import World, parse

    host = World(parse("demo:///")[0]).host("hv1").facts
    assert (connection_scope(one, host) == connection_scope(other, host)) is same
