"""Faults on demand do to the program what real ones would."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Wake, WakeKind, Want
from kvmtui.backend.demo import DemoBackend, FleetAddress, World
from kvmtui.core.errors import Busy, Denied, NotFound, TimedOut, Unreachable
from kvmtui.core.inventory import Reason, VmState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ALL = Want(delay=True)


class Rig:
    """A world whose guests and deadlines are quick, with a connection to a host."""

    def __init__(self) -> None:
        self.world = World(FleetAddress(story=False, pace=0.0))
        self.faults = self.world.faults
        self.faults.patience = 0.004
        self.wakes: list[Wake] = []
        self.heard = asyncio.Event()
        self.backend = DemoBackend("demo:///hv1", world=self.world)
        self.backend.listen(self._hear)

    def _hear(self, wake: Wake) -> None:
        self.wakes.append(wake)
        self.heard.set()

    def uuid(self, name: str) -> str:
        return self.world.ref(name).uuid


@pytest.fixture
async def rig() -> Rig:
    made = Rig()
    await made.backend.connect()
    return made


async def test_a_silent_host_answers_nothing_within_its_deadlines(rig: Rig) -> None:
    rig.faults.silence("hv1")
    calls: tuple[Callable[[], Awaitable[object]], ...] = (
        rig.backend.ping,
        rig.backend.inventory,
        lambda: rig.backend.sample(ALL),
    )
    for call in calls:
        with pytest.raises(TimedOut) as raised:
            await call()
        assert not raised.value.unknown
    rig.faults.answer("hv1")
    await rig.backend.ping()


async def test_a_call_under_way_ends_when_the_host_answers_again(rig: Rig) -> None:
    rig.faults.patience = 1.0
    rig.faults.silence("hv1")
    call = asyncio.create_task(rig.backend.inventory())
    await asyncio.sleep(0)
    assert not call.done()
    rig.faults.answer("hv1")
    assert len((await call).vms) == 18


async def test_a_change_sent_to_a_silent_host_is_carried_out_when_it_wakes(rig: Rig) -> None:
    uuid = rig.uuid("mail")
    rig.faults.silence("hv1")
    with pytest.raises(TimedOut) as raised:
        await rig.backend.power.start(uuid)
    assert raised.value.unknown
    assert not rig.world.vm("mail").is_active
    rig.faults.answer("hv1")
    assert rig.world.vm("mail").is_active
    assert [call.verb for call in rig.world.calls] == ["start"]


async def test_events_of_a_silent_host_come_late_and_not_never(rig: Rig) -> None:
    rig.faults.silence("hv1")
    rig.faults.enter("hv1", rig.uuid("web-1"), VmState.CRASHED, Reason.PANICKED)
    await asyncio.sleep(0)
    assert rig.wakes == []
    rig.faults.answer("hv1")
    await rig.backend.ping()
    assert [(wake.state, wake.reason) for wake in rig.wakes] == [(VmState.CRASHED, Reason.PANICKED)]


async def test_other_hosts_do_not_feel_a_silent_one(rig: Rig) -> None:
    other = DemoBackend("demo:///hv2", world=rig.world)
    await other.connect()
    rig.faults.silence("hv1")
    assert len((await other.inventory()).vms) == 15


async def test_a_slow_host_answers_late_and_too_slow_a_one_not(rig: Rig) -> None:
    rig.faults.slow("hv1", 0.01)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await rig.backend.inventory()
    assert loop.time() - began >= 0.009
    rig.faults.slow("hv1", 60.0)
    with pytest.raises(TimedOut) as raised:
        await rig.backend.power.start(rig.uuid("mail"))
    assert raised.value.unknown
    assert rig.world.vm("mail").is_active


async def test_a_cut_connection_is_told_and_ends_calls_under_way(rig: Rig) -> None:
    rig.faults.patience = 1.0
    rig.faults.silence("hv1")
    read = asyncio.create_task(rig.backend.inventory())
    change = asyncio.create_task(rig.backend.power.start(rig.uuid("mail")))
    await asyncio.sleep(0)
    rig.faults.cut("hv1", "the network is down")
    with pytest.raises(Unreachable) as reading:
        await read
    assert not reading.value.unknown
    with pytest.raises(Unreachable) as changing:
        await change
    assert changing.value.unknown
    await rig.heard.wait()
    assert rig.wakes == [Wake(WakeKind.CLOSED, detail="the network is down")]
    with pytest.raises(Unreachable, match="the network is down"):
        await rig.backend.ping()
    rig.faults.answer("hv1")
    await rig.backend.connect()
    await rig.backend.ping()


async def test_a_host_may_refuse_to_be_connected_to(rig: Rig) -> None:
    rig.faults.close_door("hv1", Denied("The key of hv1 is not known.", hint="Check it with ssh."))
    for _ in range(2):
        with pytest.raises(Denied, match="key of hv1"):
            await rig.backend.connect()
    rig.faults.open_door("hv1")
    await rig.backend.connect()


async def test_another_machine_may_answer_at_the_same_address(rig: Rig) -> None:
    own = await rig.backend.host_uuid()
    rig.faults.swap_identity("hv1", "99999999-9999-4999-8999-999999999999")
    assert await rig.backend.host_uuid() == "99999999-9999-4999-8999-999999999999"
    assert (await rig.backend.connect()).uuid == "99999999-9999-4999-8999-999999999999"
    rig.faults.swap_identity("hv1", None)
    assert await rig.backend.host_uuid() == own


async def test_a_call_may_be_refused_as_often_as_wished(rig: Rig) -> None:
    rig.faults.refuse(Busy("mail is being backed up."), verb="start", times=2)
    for _ in range(2):
        with pytest.raises(Busy):
            await rig.backend.power.start(rig.uuid("mail"))
    await rig.backend.power.start(rig.uuid("mail"))
    assert len(rig.world.calls) == 3


@pytest.mark.parametrize("done", [True, False])
async def test_an_answer_may_get_lost_whether_or_not_it_was_done(rig: Rig, done: bool) -> None:
    rig.faults.patience = 0.001
    rig.faults.lose_reply("hv1", verb="start", done=done)
    with pytest.raises(TimedOut) as raised:
        await rig.backend.power.start(rig.uuid("mail"))
    assert raised.value.unknown
    assert (await rig.backend.vm(rig.uuid("mail"))).is_active is done


async def test_a_hung_vm_lacks_figures_and_takes_only_force_off(rig: Rig) -> None:
    uuid = rig.uuid("web-1")
    rig.faults.hang("hv1", uuid)
    counters = (await rig.backend.sample(ALL)).vms[uuid]
    assert not counters.complete
    assert counters.disks == {}
    assert counters.memory.available is None
    assert counters.cpu_ns
    assert (await rig.backend.sample(ALL)).vms[rig.uuid("web-2")].complete
    with pytest.raises(Busy):
        await rig.backend.power.pause(uuid)
    with pytest.raises(TimedOut):
        await rig.backend.guest.addresses(uuid)
    await rig.backend.power.force_off(uuid)
    assert not rig.world.vm("web-1").is_active


async def test_a_vm_may_vanish(rig: Rig) -> None:
    uuid = rig.uuid("web-1")
    rig.faults.vanish("hv1", uuid)
    with pytest.raises(NotFound):
        await rig.backend.vm(uuid)
    await rig.heard.wait()
    assert rig.wakes[-1].uuid == uuid


async def test_a_vm_may_move_to_another_host_and_keeps_its_uuid(rig: Rig) -> None:
    other = DemoBackend("demo:///hv2", world=rig.world)
    await other.connect()
    uuid = rig.uuid("web-1")
    rig.faults.move(uuid, "hv1", "hv2")
    with pytest.raises(NotFound):
        await rig.backend.vm(uuid)
    assert (await other.vm(uuid)).reason is Reason.MIGRATED
    assert uuid in (await other.sample(ALL)).vms
    await rig.heard.wait()
    assert rig.wakes[-1] == Wake(WakeKind.VM, uuid, VmState.OFF, Reason.MIGRATED)


async def test_one_uuid_may_stand_on_two_hosts(rig: Rig) -> None:
    other = DemoBackend("demo:///hv2", world=rig.world)
    await other.connect()
    uuid = rig.uuid("web-1")
    rig.faults.double(uuid, "hv1", "hv2")
    assert (await rig.backend.vm(uuid)).state is VmState.RUNNING
    assert (await other.vm(uuid)).state is VmState.OFF
    await other.power.start(uuid)
    assert uuid in (await other.sample(ALL)).vms


async def test_calm_ends_what_was_wrong(rig: Rig) -> None:
    rig.faults.silence("hv1")
    rig.faults.slow("hv1", 9.0)
    rig.faults.refuse(Busy("no"))
    rig.faults.close_door("hv1")
    rig.faults.calm()
    await rig.backend.connect()
    await rig.backend.inventory()
