"""The promises of moving VMs, held against the demo; and what only it can show: moves that break off."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.demo import DemoBackend, FleetAddress, World
from kvmtui.core.errors import Aborted, BackendError, Conflict, Unreachable
from kvmtui.core.inventory import Reason, VmState
from kvmtui.core.migration import MovePlan, StorageWay
from kvmtui.core.verdict import verdict
from tests.backend.migration_contract import MigrationContract, Pair

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kvmtui.core.migration import MoveProgress, Verdict


@pytest.fixture
def world() -> World:
    """The small fleet, at a pace at which a move takes a moment."""
    return World(FleetAddress(story=False, pace=0.02))


@pytest.fixture
async def pair(world: World) -> AsyncIterator[Pair]:
    """Hosts hv1 and hv2 of it."""
    source, target = (DemoBackend(f"demo:///{name}", world=world) for name in ("hv1", "hv2"))
    await source.connect()
    await target.connect()
    stopped = world.host("hv1").guest(world.ref("mail").uuid)
    stopped.vm = replace(stopped.vm, disks=())
    yield Pair(source, target, world.ref("web-1").uuid, stopped.vm.uuid)
    await source.close()
    await target.close()


class TestMigration(MigrationContract):
    """Every promise, for the demo."""


async def _judge(world: World, name: str, to: str) -> Verdict:
    ref = world.ref(name)
    source, target = (DemoBackend(f"demo:///{host}", world=world) for host in (ref.host, to))
    await source.connect()
    await target.connect()
    subject = await source.migration.subject(ref.uuid)
    return verdict(subject, await target.migration.room(subject), source=ref.host, target=to)


@pytest.mark.parametrize(
    ("name", "to", "why"),
    [
        ("db-1", "hv3", "passed through"),
        ("erp", "hv3", "2 snapshots"),
        ("web-2", "hv3", "machine type pc-q35-8.2"),
        ("win-rds-1", "hv2", "no bridge called br-office"),
        ("wiki", "hv1", "The pool nvme of hv1 has"),
        ("mail", "hv2", "copies the disks of a VM only while it is on"),
        ("old-crm", "hv1", "a saved state"),
    ],
)
async def test_the_small_fleet_shows_why_a_vm_cannot_go_somewhere(world: World, name: str, to: str, why: str) -> None:
    said = await _judge(world, name, to)
    assert any(why in obstacle.text for obstacle in said.obstacles), said.obstacles


async def test_a_move_that_breaks_off_leaves_the_vm_running_where_it_was(pair: Pair, world: World) -> None:
    world.moves.break_off(pair.running, 40.0)
    seen: list[MoveProgress] = []
    with pytest.raises(BackendError, match="reset"):
        await pair.source.migration.move(pair.running, await pair.plan(pair.running), seen.append)
    vm = await pair.source.vm(pair.running)
    assert (vm.state, vm.job) == (VmState.RUNNING, None)
    assert await pair.is_gone(pair.target, pair.running)


async def test_the_target_shows_the_vm_as_it_comes(pair: Pair, world: World) -> None:
    plan = await pair.plan(pair.running, bandwidth=1)
    move = asyncio.create_task(pair.source.migration.move(pair.running, plan, lambda _: None))
    twin = await pair.until(pair.target, pair.running, lambda vm: vm.job is not None)
    assert (twin.state, twin.reason) == (VmState.PAUSED, Reason.MIGRATING)
    assert (await pair.source.vm(pair.running)).job is not None
    await pair.source.migration.abort(pair.running)
    with pytest.raises(Aborted):
        await move
    assert (await pair.source.vm(pair.running)).job is None


async def test_a_move_goes_on_when_its_caller_goes_away(pair: Pair) -> None:
    plan = await pair.plan(pair.running)
    under_way = asyncio.Event()
    move = asyncio.create_task(pair.source.migration.move(pair.running, plan, lambda _: under_way.set()))
    await under_way.wait()
    move.cancel()
    with pytest.raises(asyncio.CancelledError):
        await move
    await pair.until(pair.target, pair.running, lambda vm: vm.state is VmState.RUNNING)


async def test_a_connection_that_is_lost_leaves_the_outcome_open_and_the_move_goes_on(pair: Pair, world: World) -> None:
    plan = await pair.plan(pair.running)
    under_way = asyncio.Event()
    move = asyncio.create_task(pair.source.migration.move(pair.running, plan, lambda _: under_way.set()))
    await under_way.wait()
    world.faults.cut("hv1")
    with pytest.raises(Unreachable) as caught:
        await move
    assert caught.value.unknown
    await pair.until(pair.target, pair.running, lambda vm: vm.state is VmState.RUNNING)


async def test_a_vm_that_goes_off_on_the_way_does_not_arrive(pair: Pair, world: World) -> None:
    plan = await pair.plan(pair.running, bandwidth=1)
    under_way = asyncio.Event()
    move = asyncio.create_task(pair.source.migration.move(pair.running, plan, lambda _: under_way.set()))
    await under_way.wait()
    world.faults.enter("hv1", pair.running, VmState.OFF, Reason.SHUTDOWN)
    with pytest.raises(BackendError, match="went off"):
        await move
    assert await pair.is_gone(pair.target, pair.running)


async def test_unshared_disks_that_are_not_copied_are_refused(pair: Pair) -> None:
    plan = MovePlan(pair.target.migration.address_for(pair.source.uri), live=True, storage=StorageWay.SHARED)
    with pytest.raises(Conflict, match="unsafe"):
        await pair.source.migration.move(pair.running, plan, lambda _: None)


async def test_a_disk_left_behind_by_a_move_is_not_taken_for_the_same(pair: Pair) -> None:
    await pair.source.migration.move(pair.running, await pair.plan(pair.running), lambda _: None)
    back = Pair(pair.target, pair.source, pair.running, pair.stopped)
    said = await back.judge(pair.running)
    assert any("something else" in obstacle.text for obstacle in said.obstacles)
    assert said.copied == ()
