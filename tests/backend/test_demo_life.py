"""The VMs of the simulated fleet start, stop, save and go away as real ones do."""

from __future__ import annotations

import asyncio

import pytest

from kvmtui.backend.base import ShutdownMode, Wake, WakeKind
from kvmtui.backend.demo import DemoBackend, FleetAddress, World
from kvmtui.core.errors import BackendError, Busy, Conflict, Denied, NotSupported
from kvmtui.core.inventory import AgentState, Reason, VmState
from tests.backend.demo_lab import ALL, Clock, Lab, cores


async def test_a_boot_runs_at_once_and_is_ready_later() -> None:
    lab = Lab()
    backend = await lab.backend("hv1")
    uuid = lab.world.ref("mail").uuid
    lab.world.life.start(lab.world.hosts["hv1"], uuid)
    vm = await backend.vm(uuid)
    assert (vm.state, vm.reason, vm.agent) == (VmState.RUNNING, Reason.BOOTED, AgentState.DISCONNECTED)
    mac = vm.nics[0].mac
    assert vm.nics[0].target
    before = await backend.sample(ALL)
    assert before.vms[uuid].cpu_ns == 0
    lab.go(5.0)
    assert mac not in await backend.guest.leases()
    with pytest.raises(NotSupported):
        await backend.guest.addresses(uuid)
    after = await backend.sample(ALL)
    assert cores(before, after, uuid) > 1.0  # booting is work
    lab.go(20.0)
    assert (await backend.vm(uuid)).agent is AgentState.CONNECTED
    lease = (await backend.guest.leases())[mac][0]
    assert (await backend.guest.addresses(uuid))[0].ip == lease.ip
    assert await backend.guest.os_name(uuid) == "Debian 12"


async def test_on_a_running_loop_events_arrive_by_themselves() -> None:
    world = World(FleetAddress(story=False, pace=0.001))
    backend = DemoBackend("demo:///hv1", world=world)
    wakes: asyncio.Queue[Wake] = asyncio.Queue()
    backend.listen(wakes.put_nowait)
    await backend.connect()
    uuid = world.ref("mail").uuid
    await backend.power.start(uuid)
    assert (await wakes.get()).state is VmState.RUNNING
    await wakes.get()
    assert (await backend.vm(uuid)).agent is AgentState.CONNECTED
    await backend.power.shutdown(uuid)
    assert (await wakes.get()).state is VmState.STOPPING
    assert (await wakes.get()).state is VmState.OFF
    await backend.close()


async def test_a_shutdown_takes_seconds_and_is_told_by_events() -> None:
    lab = Lab(pace=1.0)
    backend = await lab.backend("hv1")
    uuid = lab.world.ref("web-1").uuid
    await backend.power.shutdown(uuid)
    lab.go(1.0)
    assert lab.state("web-1")[0] is VmState.RUNNING
    lab.wakes.clear()
    lab.go(15.0)
    lab.go(1.0)
    assert lab.state("web-1") == (VmState.OFF, Reason.SHUTDOWN)
    await backend.ping()
    assert [(wake.uuid, wake.state, wake.reason) for wake in lab.wakes] == [
        (uuid, VmState.STOPPING, Reason.NONE),
        (uuid, VmState.OFF, Reason.SHUTDOWN),
    ]


async def test_some_guests_ignore_the_power_button() -> None:
    lab = Lab()
    backend = await lab.backend("hv2")
    uuid = lab.world.ref("erp").uuid
    await backend.power.shutdown(uuid)
    await backend.power.reboot(uuid)
    lab.go(600.0)
    assert lab.state("erp")[0] is VmState.RUNNING
    with pytest.raises(NotSupported):
        await backend.power.shutdown(uuid, ShutdownMode.AGENT)
    lab.world.life.force_off(lab.world.hosts["hv2"], uuid)
    assert lab.state("erp") == (VmState.OFF, Reason.DESTROYED)


async def test_saving_says_how_far_it_is_and_holds_the_vm() -> None:
    lab = Lab()
    backend = await lab.backend("hv1")
    host, uuid = lab.world.hosts["hv1"], lab.world.ref("app-1").uuid
    lab.world.life.save(host, uuid)
    assert lab.state("app-1") == (VmState.PAUSED, Reason.SAVING)
    lab.go(1.0)
    job = lab.world.vm("app-1").job
    assert job is not None
    assert job.percent is not None
    assert 0 < job.percent < 100
    for call in (backend.power.resume(uuid), backend.power.shutdown(uuid)):
        with pytest.raises(Busy):
            await call
    for _ in range(30):
        lab.go(0.5)
    assert lab.state("app-1") == (VmState.OFF, Reason.SAVED)
    assert lab.world.vm("app-1").saved
    lab.world.life.start(host, uuid)
    assert lab.state("app-1") == (VmState.RUNNING, Reason.RESTORED)
    assert not lab.world.vm("app-1").saved


async def test_a_save_that_another_ends_is_reported_as_cancelled() -> None:
    lab = Lab(pace=0.0)
    backend = await lab.backend("hv1")
    lab.world.faults.refuse(BackendError("no space left on device"), verb="save", times=1)
    with pytest.raises(BackendError, match="no space"):
        await backend.power.save(lab.world.ref("app-1").uuid)
    assert lab.state("app-1")[0] is VmState.RUNNING


async def test_a_changed_definition_takes_effect_at_the_next_start() -> None:
    lab = Lab(pace=0.0)
    backend = await lab.backend("hv1")
    uuid = lab.world.ref("web-frontend-prod-01").uuid
    before = await backend.vm(uuid)
    assert (before.vcpus, before.pending) == (4, True)
    assert ">8</vcpu>" in await backend.definition.xml(uuid, inactive=True)
    assert ">4</vcpu>" in await backend.definition.xml(uuid)
    await backend.power.reboot(uuid)
    assert (await backend.vm(uuid)).pending
    await backend.power.shutdown(uuid)
    await backend.power.start(uuid)
    after = await backend.vm(uuid)
    assert (after.vcpus, after.memory, after.pending) == (8, 4 << 30, False)


async def test_a_transient_vm_is_gone_once_it_is_off() -> None:
    lab = Lab(pace=0.0)
    backend = await lab.backend("hv3")
    uuid = lab.world.ref("ci-runner-09").uuid
    with pytest.raises(Conflict):
        await backend.definition.set_autostart(uuid, on=True)
    with pytest.raises(Conflict):
        await backend.power.save(uuid)
    await backend.power.force_off(uuid)
    assert uuid not in (await backend.inventory()).vms
    await backend.ping()
    assert (lab.wakes[-1].uuid, lab.wakes[-1].state) == (uuid, VmState.OFF)


async def test_a_vm_on_a_full_pool_stops_again_until_there_is_room() -> None:
    lab = Lab()
    backend = await lab.backend("hv1")
    uuid = lab.world.ref("db-2").uuid
    await backend.power.resume(uuid)
    assert lab.state("db-2")[0] is VmState.RUNNING
    lab.go(30.0)
    assert lab.state("db-2") == (VmState.PAUSED, Reason.POOL_FULL)
    spare = (await backend.storage.disk_uses(lab.world.ref("kafka-1").uuid))[1]
    assert (spare.pool, spare.users) == ("nvme", ())
    pool = (await backend.inventory()).pools[0]
    await backend.storage.delete_disk(spare.source)
    assert (await backend.inventory()).pools[0].available == pool.available + (spare.size or 0)
    assert any(wake.kind is WakeKind.POOL for wake in lab.wakes)
    await backend.power.resume(uuid)
    lab.go(30.0)
    assert lab.state("db-2")[0] is VmState.RUNNING


async def test_a_vm_without_its_disk_does_not_start() -> None:
    lab = Lab(pace=0.0)
    backend = await lab.backend("hv1")
    uuid = lab.world.ref("mail").uuid
    for use in await backend.storage.disk_uses(uuid):
        await backend.storage.delete_disk(use.source)
    assert all(use.pool == "" for use in await backend.storage.disk_uses(uuid))
    with pytest.raises(BackendError, match="mail cannot start on hv1"):
        await backend.power.start(uuid)


async def test_ctrl_alt_delete_reboots_a_linux_guest() -> None:
    lab = Lab()
    backend = await lab.backend("hv1")
    uuid = lab.world.ref("web-1").uuid
    await backend.power.send_keys(uuid, (29, 56, 111))
    lab.go(10.0)
    assert (await backend.vm(uuid)).agent is AgentState.DISCONNECTED
    lab.go(25.0)
    assert (await backend.vm(uuid)).agent is AgentState.CONNECTED
    with pytest.raises(Conflict):
        await backend.power.send_keys(uuid, tuple(range(17)))


async def test_what_would_be_lost_must_be_named_to_undefine() -> None:
    lab = Lab(pace=0.0)
    backend = await lab.backend("hv2")
    for name in ("old-crm", "erp", "registry"):
        with pytest.raises(Conflict):
            await backend.definition.undefine(lab.world.ref(name).uuid, nvram=False, snapshots=False, saved=False)
    uuid = lab.world.ref("old-crm").uuid
    await backend.definition.undefine(uuid, nvram=False, snapshots=False, saved=True)
    assert uuid not in (await backend.inventory()).vms


async def test_a_read_only_connection_reads_and_changes_nothing() -> None:
    world = World(clock=Clock())
    backend = DemoBackend("demo:///hv1", read_only=True, world=world)
    await backend.connect()
    await backend.inventory()
    with pytest.raises(Denied):
        await backend.power.start(world.ref("mail").uuid)
    assert world.calls == []


async def test_every_change_that_was_sent_is_on_record() -> None:
    lab = Lab(pace=0.0)
    backend = await lab.backend("hv1")
    web, mail = lab.world.ref("web-1").uuid, lab.world.ref("mail").uuid
    await backend.vm(web)
    await backend.power.shutdown(web, ShutdownMode.ACPI)
    await backend.definition.set_tags(mail, ("a", "b"))
    with pytest.raises(Conflict):
        await backend.power.resume(mail)
    assert lab.world.calls == [
        ("hv1", "shutdown", web, (ShutdownMode.ACPI,)),
        ("hv1", "set_tags", mail, (("a", "b"),)),
        ("hv1", "resume", mail, ()),
    ]
