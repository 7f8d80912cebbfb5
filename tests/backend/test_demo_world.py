"""The simulated fleet behaves, and is the same for the same seed and clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvmtui.backend.base import ShutdownMode, Wake, WakeKind, Want
from kvmtui.backend.demo import DemoBackend, FleetAddress, World, hosts_of, world_of
from kvmtui.core.errors import BackendError, Busy, ConfigError, Conflict, Denied, NotSupported
from kvmtui.core.inventory import AgentState, Job, Reason, Vm, VmState
from kvmtui.core.rates import RateBook

if TYPE_CHECKING:
    from kvmtui.core.metrics import Sample

NOON = 1_760_011_200.0  # 12:00 UTC
HOUR = 3_600.0
ALL = Want(delay=True, per_cpu=True)


class Clock:
    """A clock that a test moves."""

    def __init__(self, start: float = NOON) -> None:
        self.start = start
        self.passed = 0.0

    def now(self) -> float:
        return self.start + self.passed

    def monotonic(self) -> float:
        return 5_000.0 + self.passed


class Lab:
    """A world with a clock, and the backends of its hosts."""

    def __init__(self, uri: str = "demo:///?faults=none", start: float = NOON, pace: float = 1.0) -> None:
        self.clock = Clock(start)
        self.world = World(FleetAddress(story=False, pace=pace), clock=self.clock)
        self.backends = {name: DemoBackend(where, world=self.world) for name, where in hosts_of(uri)}
        self.wakes: list[Wake] = []

    async def backend(self, host: str) -> DemoBackend:
        backend = self.backends[host]
        backend.listen(self.wakes.append)
        await backend.connect()
        return backend

    def go(self, seconds: float) -> None:
        """Let the clock and the world go on."""
        self.clock.passed += seconds
        self.world.settle()

    def state(self, name: str) -> tuple[VmState, Reason]:
        vm = self.world.vm(name)
        return vm.state, vm.reason


def cores(before: Sample, after: Sample, uuid: str) -> float:
    old, new = before.vms[uuid].cpu_ns, after.vms[uuid].cpu_ns
    assert old is not None
    assert new is not None
    return (new - old) / (after.at - before.at) / 1e9


# --- the fleet ---


def test_a_fleet_address_becomes_one_address_a_host() -> None:
    assert hosts_of("demo:///") == (
        ("hv1", "demo:///hv1"),
        ("hv2", "demo:///hv2"),
        ("hv3", "demo:///hv3"),
    )
    big = hosts_of("demo:///?hosts=50&vms=5000&seed=7")
    assert len(big) == 50
    assert big[49] == ("hv50", "demo:///hv50?hosts=50&vms=5000&seed=7")
    assert hosts_of("demo:///hv2?hosts=3") == (("hv2", "demo:///hv2?hosts=3"),)


@pytest.mark.parametrize(
    "uri",
    [
        "qemu:///system",
        "demo://elsewhere/hv1",
        "demo:///?hosts=0",
        "demo:///?hosts=many",
        "demo:///?vms=-1",
        "demo:///?colour=red",
        "demo:///?faults=all",
        "demo:///?pace=nan",
        "demo:///hv9",
    ],
)
def test_a_wrong_address_is_refused_with_a_hint(uri: str) -> None:
    with pytest.raises(ConfigError) as raised:
        hosts_of(uri)
    assert raised.value.hint


def test_a_whole_fleet_is_not_a_host() -> None:
    with pytest.raises(ConfigError):
        DemoBackend("demo:///")


def test_the_hosts_of_one_address_share_a_world() -> None:
    address = FleetAddress(hosts=2, vms=4, seed=99)
    assert world_of(address) is world_of(FleetAddress(hosts=2, vms=4, seed=99))
    assert world_of(address) is not world_of(FleetAddress(hosts=2, vms=4, seed=98))


async def test_the_small_fleet_is_what_the_guide_shows() -> None:
    lab = Lab()
    vms: list[Vm] = []
    for host, count in (("hv1", 18), ("hv2", 15), ("hv3", 8)):
        inventory = await (await lab.backend(host)).inventory()
        assert len(inventory.vms) == count
        vms += inventory.vms.values()
    by_name = {vm.name: vm for vm in vms}
    assert len(by_name) == 41
    assert by_name["db-2"].reason is Reason.POOL_FULL
    assert by_name["mail"].autostart
    assert not by_name["mail"].is_active
    assert by_name["web-frontend-prod-01"].pending
    assert by_name["instance-0000002a"].owner == "nova"
    assert by_name["golden-debian-12"].template
    assert not by_name["ci-runner-09"].persistent
    assert by_name["old-crm"].saved
    assert by_name["erp"].snapshots == 2
    assert by_name["db-1"].immovable


def test_every_uuid_mac_and_disk_of_a_large_fleet_is_its_own() -> None:
    world = World(FleetAddress(hosts=20, vms=2000, seed=3, story=False), clock=Clock())
    vms = [guest.vm for host in world.hosts.values() for guest in host.guests.values()]
    assert len(vms) == 2000
    taps = [
        (host.name, nic.target)
        for host in world.hosts.values()
        for guest in host.guests.values()
        for nic in guest.vm.nics
        if guest.vm.is_active
    ]
    for values in (
        [vm.uuid for vm in vms],
        [vm.name for vm in vms],
        [nic.mac for vm in vms for nic in vm.nics],
        [disk.source for vm in vms for disk in vm.disks],
        taps,
    ):
        assert len(set(values)) == len(values)
    assert {vm.state for vm in vms} >= {VmState.RUNNING, VmState.OFF, VmState.PAUSED}


async def test_the_same_seed_and_clock_give_the_same_world() -> None:
    first, second = Lab(), Lab()
    for seconds in (0.0, 1.0, 1.0, 2.5, 600.0, 1.0):
        first.go(seconds)
        second.go(seconds)
        for host in ("hv1", "hv3"):
            one, two = await first.backend(host), await second.backend(host)
            assert await one.inventory() == await two.inventory()
            assert await one.sample(ALL) == await two.sample(ALL)


def test_another_seed_gives_another_fleet() -> None:
    names = [
        tuple(guest.vm.name for guest in World(FleetAddress(hosts=1, vms=30, seed=seed)).hosts["hv1"].guests.values())
        for seed in (1, 2)
    ]
    assert names[0] != names[1]


# --- load ---


@settings(deadline=None, max_examples=25)
@given(steps=st.lists(st.floats(0.0, 20_000.0) | st.floats(0.0, 2e-8), min_size=1, max_size=6))
@example(steps=[0.5, *[2e-9] * 40])  # shorter than a counter's unit
def test_counters_never_fall_however_time_passes(steps: list[float]) -> None:
    lab = Lab()
    host = lab.world.hosts["hv1"]
    lab.world.advance(host)
    before = host.sample(*lab.world.advance(host), ALL)
    for seconds in steps:
        lab.go(seconds)
        after = host.sample(*lab.world.advance(host), ALL)
        for uuid, old in before.vms.items():
            new = after.vms[uuid]
            assert (new.cpu_ns or 0) >= (old.cpu_ns or 0)
            assert (new.delay_ns or 0) >= (old.delay_ns or 0)
            for target, disk in old.disks.items():
                assert all(low <= high for low, high in zip(disk[:8], new.disks[target][:8], strict=True))
            for target, nic in old.nics.items():
                assert all(low <= high for low, high in zip(nic, new.nics[target], strict=True))
        assert before.cpu is not None
        assert after.cpu is not None
        assert all(low <= high for low, high in zip(before.cpu, after.cpu, strict=True))
        assert before.per_cpu is not None
        assert after.per_cpu is not None
        for old_cpu, new_cpu in zip(before.per_cpu, after.per_cpu, strict=True):
            assert all(low <= high for low, high in zip(old_cpu, new_cpu, strict=True))
        before = after


async def test_nothing_uses_more_cpu_than_there_is() -> None:
    lab = Lab()
    backend = await lab.backend("hv1")
    before = await backend.sample(ALL)
    for _ in range(100):
        lab.go(2.0)
        after = await backend.sample(ALL)
        used = [cores(before, after, uuid) for uuid in before.vms]
        assert sum(used) <= 32.0
        assert all(share <= before.vms[uuid].vcpus for share, uuid in zip(used, before.vms, strict=True))
        assert before.cpu is not None
        assert after.cpu is not None
        whole = sum(after.cpu) - sum(before.cpu)
        assert whole == pytest.approx(2.0 * 32 * 1e9, rel=1e-6)
        before = after


async def test_web_servers_work_by_day_and_backups_by_night() -> None:
    world = World(FleetAddress(hosts=1, vms=400, seed=7, story=False), clock=(clock := Clock()))
    host = world.hosts["hv1"]

    def load(role: str, hour: float) -> float:
        """Return the cores in use by a role over half an hour."""
        clock.passed += (hour * HOUR - (clock.now() % 86_400)) % 86_400
        world.advance(host)
        guests = [guest for guest in host.running if guest.role.name == role]
        before = sum(guest.cpu_ns for guest in guests)
        for _ in range(60):
            clock.passed += 30.0
            world.advance(host)
        return sum(guest.cpu_ns for guest in guests) - before

    assert load("web", 18) > 1.5 * load("web", 5)
    assert load("backup", 2) > 5 * load("backup", 14)
    assert 0.7 < load("db", 14) / load("db", 3) < 1.5


async def test_guests_of_a_crowded_host_wait_and_those_of_a_quiet_one_do_not() -> None:
    lab = Lab()

    async def worst(host: str) -> float:
        backend = lab.backends[host]
        before = await backend.sample(ALL)
        lab.go(60.0)
        after = await backend.sample(ALL)
        return max(
            100 * ((after.vms[uuid].delay_ns or 0) - (old.delay_ns or 0)) / 60e9 / old.vcpus
            for uuid, old in before.vms.items()
        )

    for host in ("hv1", "hv2"):
        await lab.backend(host)
    assert await worst("hv1") > 8.0
    assert await worst("hv2") < 1.0


async def test_guests_tell_their_memory_unless_they_cannot() -> None:
    lab = Lab()
    await lab.backend("hv2")
    sample = await lab.backends["hv2"].sample(ALL)
    told = sample.vms[lab.world.ref("db-1").uuid].memory
    assert told.available is not None
    assert told.usable is not None
    assert 0 < told.usable < told.available <= (told.current or 0)
    assert told.updated is not None
    assert sample.wall - told.updated <= 10.0
    mute = sample.vms[lab.world.ref("cache-1").uuid].memory
    assert mute.available is None
    assert mute.rss
    await lab.backend("hv1")
    stale = (await lab.backends["hv1"].sample(ALL)).vms[lab.world.ref("win-rds-1").uuid].memory
    assert stale.updated is not None
    assert sample.wall - stale.updated > 30.0


@pytest.mark.parametrize("tick", [1.0, 2.0, 5.0])
async def test_only_guests_that_fell_silent_have_old_memory_figures(tick: float) -> None:
    lab = Lab()
    stale: set[str] = set()
    books = {name: (await lab.backend(name), RateBook()) for name in lab.backends}
    for _ in range(30):
        for backend, book in books.values():
            rates, _ = book.update(await backend.sample(ALL))
            vms = (await backend.inventory()).vms
            stale |= {vms[uuid].name for uuid, rate in rates.items() if rate.memory_stale}
        lab.go(tick)
    assert stale == {"win-rds-1", "db-2"}  # the one hangs, the other is paused


# --- life ---


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


# --- the story ---


async def test_the_story_silences_the_last_host_for_a_while() -> None:
    clock = Clock()
    world = World(FleetAddress(story=True), clock=clock)
    silent = 0
    for _ in range(120):
        clock.passed += 5.0
        world.settle()
        silent += "hv3" in world.faults.silent
    assert 10 <= silent <= 40
    assert not {"hv1", "hv2"} & world.faults.silent


async def test_the_story_moves_a_vm_and_shows_how_far_it_is() -> None:
    clock = Clock()
    world = World(FleetAddress(story=True), clock=clock)
    uuid = world.ref("app-3").uuid
    clock.passed += 30.0
    world.settle()
    job = world.vm("app-3").job
    assert isinstance(job, Job)
    assert job.kind == "migration out"
    for _ in range(60):
        clock.passed += 2.0
        world.settle()
    assert world.ref("app-3") == ("hv2", uuid)
    assert uuid not in world.hosts["hv1"].guests


async def test_the_story_ends_one_pipeline_and_begins_the_next() -> None:
    clock = Clock()
    world = World(FleetAddress(story=True), clock=clock)
    for _ in range(120):
        clock.passed += 2.0
        world.settle()
    names = {guest.vm.name for guest in world.hosts["hv3"].guests.values()}
    assert "ci-runner-09" not in names
    assert "ci-runner-10" in names
