"""The simulated fleet is the same for the same seed and clock, and the same story happens to it."""

from __future__ import annotations

import pytest

from kvmtui.backend.demo import DemoBackend, FleetAddress, World, hosts_of, world_of
from kvmtui.core.errors import ConfigError
from kvmtui.core.inventory import Job, Reason, Vm, VmState
from tests.backend.demo_lab import ALL, Clock, Lab

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
