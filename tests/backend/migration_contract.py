"""What every backend promises of moving VMs: one body of tests, for the demo and for real hosts alike.

A module that wants them subclasses `MigrationContract` under a name that starts with Test and gives a `pair` fixture.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Backend
from kvmtui.core.errors import Aborted, BackendError, Busy, Conflict, NotFound
from kvmtui.core.inventory import VmState
from kvmtui.core.migration import MovePlan, StorageWay
from kvmtui.core.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.core.inventory import Vm
    from kvmtui.core.migration import MoveProgress, Room, Subject, Verdict

NOWHERE = "00000000-0000-4000-8000-00000000dead"


@dataclass
class Pair:
    """Two connected backends, and VMs of the first that the tests may do anything to."""

    source: Backend
    target: Backend
    running: str  # UUID of a persistent VM that is on, whose disk only its host has and the target has room for
    stopped: str  # UUID of a VM that is off and has no disk of its own
    slow: int = 1  # MiB/s at which a move takes long enough to be cancelled
    patience: float = 60.0

    async def read(self, uuid: str) -> tuple[Subject, Room]:
        subject = await self.source.migration.subject(uuid)
        return subject, await self.target.migration.room(subject)

    async def judge(self, uuid: str) -> Verdict:
        subject, room = await self.read(uuid)
        return verdict(subject, room, later=await self.source.migration.subject(uuid))

    async def plan(self, uuid: str, *, bandwidth: int | None = None) -> MovePlan:
        """Return the plan that the verdict allows; fails when it allows none."""
        subject = await self.source.migration.subject(uuid)
        said = await self.judge(uuid)
        assert said.obstacles == ()
        return MovePlan(
            to_uri=self.target.migration.address_for(self.source.uri),
            live=subject.state.is_active,
            storage=said.storage,
            copied=said.copied,
            unsafe=bool(said.unsafe),
            persistent=subject.persistent,
            bandwidth=bandwidth,
        )

    async def until(self, backend: Backend, uuid: str, test: Callable[[Vm], bool]) -> Vm:
        async with asyncio.timeout(self.patience):
            while True:
                with contextlib.suppress(NotFound):
                    if test(vm := await backend.vm(uuid)):
                        return vm
                await asyncio.sleep(0.05)

    async def until_gone(self, backend: Backend, uuid: str) -> None:
        async with asyncio.timeout(self.patience):
            while True:
                if await self.is_gone(backend, uuid):
                    return
                await asyncio.sleep(0.05)

    async def is_gone(self, backend: Backend, uuid: str) -> bool:
        try:
            await backend.vm(uuid)
        except NotFound:
            return True
        return False


def _running(vm: Vm) -> bool:
    return vm.state is VmState.RUNNING


class MigrationContract:
    """The promises, by what a user of the backend would notice."""

    async def test_a_vm_that_is_on_is_described_as_it_is(self, pair: Pair) -> None:
        subject, room = await pair.read(pair.running)
        vm = await pair.source.vm(pair.running)
        assert (subject.uuid, subject.name, subject.state) == (vm.uuid, vm.name, VmState.RUNNING)
        assert subject.persistent
        assert subject.memory_max == vm.memory_max
        assert subject.vcpus_max == vm.vcpus_max
        assert subject.machine == vm.machine
        assert subject.host_uuid == await pair.source.host_uuid()
        assert [disk.source for disk in subject.disks] == [disk.source for disk in vm.disks]
        assert all(disk.capacity for disk in subject.disks)
        assert room.host_uuid == await pair.target.host_uuid()
        assert room.same_uuid is None
        assert not room.same_name
        assert room.memory_free
        assert room.cpus

    async def test_a_disk_that_only_its_host_has_is_copied(self, pair: Pair) -> None:
        said = await pair.judge(pair.running)
        assert said.obstacles == ()
        assert said.storage is StorageWay.COPY
        assert said.copied
        assert not said.unsafe

    async def test_its_own_host_is_no_target(self, pair: Pair) -> None:
        subject = await pair.source.migration.subject(pair.running)
        said = verdict(subject, await pair.source.migration.room(subject))
        assert "same host UUID" in said.obstacles[0].text

    async def test_a_running_vm_moves_with_its_disk_and_says_how_far_it_is(self, pair: Pair) -> None:
        seen: list[MoveProgress] = []
        before = await pair.source.vm(pair.running)
        await pair.source.migration.move(pair.running, await pair.plan(pair.running), seen.append)
        after = await pair.until(pair.target, pair.running, _running)
        assert await pair.is_gone(pair.source, pair.running)
        assert (after.name, after.persistent, after.tags) == (before.name, True, before.tags)
        percents = [one.percent for one in seen if one.percent is not None]
        assert percents == sorted(percents)
        assert all(percent <= 99 for percent in percents)

    async def test_a_move_that_is_cancelled_leaves_everything_as_it_was(self, pair: Pair) -> None:
        uuid = pair.running
        subject, room = await pair.read(uuid)
        plan = await pair.plan(uuid, bandwidth=pair.slow)
        under_way = asyncio.Event()
        move = asyncio.create_task(pair.source.migration.move(uuid, plan, lambda _: under_way.set()))
        async with asyncio.timeout(pair.patience):
            await under_way.wait()
        await pair.source.migration.abort(uuid)
        with pytest.raises(Aborted) as caught:
            await move
        assert not caught.value.unknown
        await pair.until(pair.source, uuid, lambda vm: _running(vm) and vm.job is None)
        await pair.until_gone(pair.target, uuid)
        # What was copied so far would stand in the way of the next attempt.
        assert await pair.target.migration.tidy(subject, room, plan.copied) == tuple(
            disk.source for disk in subject.disks if disk.target in plan.copied
        )
        assert (await pair.judge(uuid)).obstacles == ()

    async def test_a_small_volume_is_carried_whole_and_never_over_another(self, pair: Pair) -> None:
        subject, room = await pair.read(pair.running)
        source = subject.disks[0].source
        data = await pair.source.migration.fetch(source)
        assert data
        await pair.target.migration.put(source, data)
        assert await pair.target.migration.fetch(source) == data
        with pytest.raises(Conflict):
            await pair.target.migration.put(source, data)
        assert (await pair.judge(pair.running)).obstacles != ()
        assert await pair.target.migration.tidy(subject, room, (subject.disks[0].target,)) == (source,)
        assert (await pair.judge(pair.running)).obstacles == ()
        with pytest.raises(NotFound):
            await pair.target.migration.fetch(source)
        with pytest.raises(NotFound):
            await pair.target.migration.put("/no/such/folder/seed.iso", data)

    async def test_nothing_is_tidied_away_that_was_there_before_or_is_in_use(self, pair: Pair) -> None:
        subject = await pair.source.migration.subject(pair.running)
        room = await pair.source.migration.room(subject)
        with pytest.raises(Conflict):
            await pair.source.migration.tidy(subject, room, tuple(disk.target for disk in subject.disks))
        subject, room = await pair.read(pair.running)
        assert await pair.target.migration.tidy(subject, room, tuple(disk.target for disk in subject.disks)) == ()

    async def test_what_is_being_moved_is_not_moved_a_second_time(self, pair: Pair) -> None:
        uuid = pair.running
        plan = await pair.plan(uuid, bandwidth=pair.slow)
        under_way = asyncio.Event()
        move = asyncio.create_task(pair.source.migration.move(uuid, plan, lambda _: under_way.set()))
        async with asyncio.timeout(pair.patience):
            await under_way.wait()
        assert (await pair.source.migration.subject(uuid)).job
        with pytest.raises((Busy, Conflict)):
            await pair.source.migration.move(uuid, plan, lambda _: None)
        await pair.source.migration.abort(uuid)
        with pytest.raises(Aborted):
            await move

    async def test_a_vm_that_is_off_moves_with_its_definition(self, pair: Pair) -> None:
        plan = await pair.plan(pair.stopped)
        assert not plan.live
        await pair.source.migration.move(pair.stopped, plan, lambda _: None)
        assert await pair.is_gone(pair.source, pair.stopped)
        assert (await pair.target.vm(pair.stopped)).state is VmState.OFF

    async def test_the_tags_move_along_and_autostart_does_not(self, pair: Pair) -> None:
        await pair.source.definition.set_tags(pair.stopped, ("web", "prod"))
        await pair.source.definition.set_autostart(pair.stopped, on=True)
        plan = await pair.plan(pair.stopped)
        await pair.source.migration.move(pair.stopped, plan, lambda _: None)
        arrived = await pair.target.vm(pair.stopped)
        assert arrived.tags == ("web", "prod")
        assert not arrived.autostart

    async def test_a_target_that_is_not_there_leaves_the_vm_where_it_is(self, pair: Pair) -> None:
        plan = await pair.plan(pair.running)
        scheme, _, _ = plan.to_uri.partition(":")
        lost = MovePlan(f"{scheme}://no-such-host.invalid/system", live=True, storage=plan.storage, copied=plan.copied)
        with pytest.raises(BackendError) as caught:
            await pair.source.migration.move(pair.running, lost, lambda _: None)
        assert not caught.value.unknown
        assert _running(await pair.source.vm(pair.running))
        await pair.source.ping()

    async def test_a_vm_that_is_not_there_cannot_be_read_moved_or_cancelled(self, pair: Pair) -> None:
        plan = await pair.plan(pair.running)
        with pytest.raises(NotFound):
            await pair.source.migration.subject(NOWHERE)
        with pytest.raises(NotFound):
            await pair.source.migration.move(NOWHERE, plan, lambda _: None)
        with pytest.raises(NotFound):
            await pair.source.migration.abort(NOWHERE)

    async def test_what_is_not_being_moved_cannot_be_cancelled(self, pair: Pair) -> None:
        with pytest.raises(BackendError):
            await pair.source.migration.abort(pair.running)
