"""The promises of volumes and new VMs, held against the demo."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Wake, WakeKind
from kvmtui.backend.demo import DemoBackend, FleetAddress, World
from kvmtui.core.errors import Aborted, BackendError, Denied, TimedOut, Unreachable
from kvmtui.core.inventory import AgentState, VmState, Volume
from kvmtui.core.sizing import DiskOrigin
from kvmtui.core.specs import BootSpec, DiskSpec, NewVolume, VolumeName
from tests.backend.creation_contract import MIB, CreationBench, CreationContract, Payload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

IMAGE = VolumeName("nvme", "debian-13-genericcloud-amd64.qcow2")


async def _bench(*, pace: float = 0.0, host: str = "hv2") -> tuple[World, CreationBench]:
    world = World(FleetAddress(story=False, pace=pace))
    backend = DemoBackend(f"demo:///{host}", world=world)
    await backend.connect()
    taken = next(iter(world.hosts[host].guests.values())).vm.name
    return world, CreationBench(backend, "nvme", IMAGE, "prod", "kvm", taken)


@pytest.fixture
async def bench() -> AsyncIterator[CreationBench]:
    """A host of the small fleet with room in its pools."""
    _, made = await _bench()
    yield made
    await made.backend.close()


class TestCreation(CreationContract):
    """Every promise, for the demo."""


def _begun(bench: CreationBench, payload: Payload) -> tuple[asyncio.Task[Volume], asyncio.Event]:
    """Begin an upload; the event is set when something of it was sent."""
    began = asyncio.Event()
    sending = bench.backend.storage.upload(bench.pool, "begun.img", payload, kind="raw", progress=lambda _: began.set())
    return asyncio.ensure_future(sending), began


async def test_a_vm_from_an_image_boots_and_its_agent_answers(bench: CreationBench) -> None:
    storage, creation = bench.backend.storage, bench.backend.creation
    await storage.create_volume(NewVolume("nvme", "new-1.qcow2", 20 << 30, backing=IMAGE))
    spec = bench.spec("new-1", DiskSpec(DiskOrigin.LINKED, VolumeName("nvme", "new-1.qcow2"), 20 << 30, IMAGE))
    made = await creation.define(await creation.xml(spec))
    await bench.backend.power.start(made)
    vm = await bench.backend.vm(made)
    assert (vm.state, vm.agent, vm.os) == (VmState.RUNNING, AgentState.CONNECTED, "Debian 13")
    assert await bench.backend.guest.addresses(made)
    use = await storage.disk_uses(made)
    assert [(disk.pool, disk.users) for disk in use] == [("nvme", ())]


async def test_a_full_pool_takes_nothing_more() -> None:
    world, bench = await _bench(host="hv1")
    before = await bench.names()
    pools = world.hosts["hv1"].pools
    with pytest.raises(BackendError, match="No space left on device"):
        await bench.send("large.img", Payload(b"r", size=1 << 40), "raw")
    with pytest.raises(BackendError, match="No space left on device"):
        await bench.backend.storage.create_volume(NewVolume("nvme", "copy.qcow2", 0, copy_of=IMAGE))
    assert await bench.names() == before
    assert world.hosts["hv1"].pools == pools


async def test_pools_count_what_volumes_take_and_tell_it() -> None:
    world, bench = await _bench()
    heard: list[Wake] = []
    bench.backend.listen(heard.append)
    host = world.hosts["hv2"]
    before = host.pools
    await bench.send("one.img", Payload(b"r" * 3 * MIB), "raw")
    assert host.pools[0].available == before[0].available - 3 * MIB
    await bench.backend.storage.delete_volume("nvme", "one.img")
    assert host.pools == before
    await asyncio.sleep(0)
    assert {wake.kind for wake in heard} == {WakeKind.POOL}


async def test_a_connection_that_ends_ends_an_upload() -> None:
    world, bench = await _bench(pace=1.0)
    running, began = _begun(bench, Payload(b"r" * 256 * MIB))
    await asyncio.wait_for(began.wait(), 5)
    world.faults.cut("hv2")
    with pytest.raises(Unreachable):
        await running
    assert not any(volume.name == "begun.img" for volume in world.hosts["hv2"].volumes.values())


async def test_an_upload_at_its_pace_can_be_stopped_at_once() -> None:
    _, bench = await _bench(pace=1.0)
    payload = Payload(b"r" * 256 * MIB)
    running, began = _begun(bench, payload)
    await asyncio.wait_for(began.wait(), 5)
    payload.stop = True
    with pytest.raises(Aborted, match="nothing of it is left"):
        await running
    assert payload.read_so_far < payload.size // 2


async def test_a_copy_that_is_given_up_half_way_is_gone() -> None:
    world, bench = await _bench(pace=1.0)
    before = world.hosts["hv2"].pools
    running = asyncio.ensure_future(bench.backend.storage.create_volume(NewVolume("nvme", "c.qcow2", 0, copy_of=IMAGE)))
    await asyncio.sleep(0.05)
    assert "c.qcow2" in await bench.names()
    assert running.cancel()
    assert await bench.settles_to(await bench.names() - {"c.qcow2"})
    assert world.hosts["hv2"].pools == before


async def test_every_call_is_on_record_and_may_be_refused_or_lost() -> None:
    world, bench = await _bench()
    storage = bench.backend.storage
    world.faults.patience = 0.001
    world.faults.lose_reply("hv2", verb="create_volume", done=True)
    with pytest.raises(TimedOut) as raised:
        await storage.create_volume(NewVolume("nvme", "lost.qcow2", MIB))
    assert raised.value.unknown
    assert "lost.qcow2" in await bench.names()
    world.faults.refuse(Denied("No."), verb="define", times=1)
    spec = bench.spec("x", DiskSpec(DiskOrigin.EXISTING, IMAGE), boot=BootSpec())
    text = await bench.backend.creation.xml(spec)
    with pytest.raises(Denied):
        await bench.backend.creation.define(text)
    await bench.backend.creation.define(text)
    assert [call.verb for call in world.calls] == ["create_volume", "define", "define"]


async def test_a_read_only_connection_makes_nothing() -> None:
    backend = DemoBackend("demo:///hv2", read_only=True, world=World(FleetAddress(story=False, pace=0.0)))
    await backend.connect()
    with pytest.raises(Denied):
        await backend.storage.create_volume(NewVolume("nvme", "a.qcow2", MIB))
    with pytest.raises(Denied):
        await backend.storage.upload("nvme", "a.img", Payload(b"a"), kind="raw", progress=lambda _: None)
