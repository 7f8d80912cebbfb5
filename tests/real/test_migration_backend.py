"""Moving VMs between real hosts: the contract, and what only real ones show."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kvmtui.backend import backend_for
from kvmtui.core.errors import BackendError, Conflict, Unreachable
from kvmtui.core.inventory import Reason, VmState
from kvmtui.core.migration import CpuFit, MovePlan, Room, StorageWay, Subject, Verdict
from kvmtui.core.verdict import verdict
from tests.backend.migration_contract import MigrationContract, Pair
from tests.real.lab import Guest, GuestSpec, Host, Lab, LabError, until
from tests.real.lab.process import output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from kvmtui.backend.base import Backend

    MakeGuest = Callable[[Host, GuestSpec], Guest]

IMAGES = "/var/lib/libvirt/images"
TIB = 1 << 40

_numbers = itertools.count(1)


@pytest.fixture
async def backends(hv1: Host, hv2: Host) -> AsyncIterator[tuple[Backend, Backend]]:
    """Both hosts, connected to over TCP."""
    source, target = backend_for(hv1.uri), backend_for(hv2.uri)
    await source.connect()
    await target.connect()
    yield source, target
    await source.close()
    await target.close()


@pytest.fixture
def made(make_guest: MakeGuest, hv2: Host) -> MakeGuest:
    """Define guests that are removed from both hosts."""
    return lambda host, spec: make_guest(host, spec).moved(hv2).moved(host)


@pytest.fixture
async def pair(backends: tuple[Backend, Backend], made: MakeGuest, hv1: Host) -> Pair:
    """Two VMs on hv1 that may go to hv2."""
    running = made(hv1, GuestSpec("mover", disk_mib=64, agent=False)).start()
    stopped = made(hv1, GuestSpec("sleeper", agent=False))
    return Pair(*backends, running.uuid, stopped.uuid)


class TestMigration(MigrationContract):
    """Every promise, between real hosts."""


async def judge(source: Backend, target: Backend, uuid: str, **more: Any) -> tuple[Subject, Room, Verdict]:
    subject = await source.migration.subject(uuid)
    room = await target.migration.room(subject)
    later = await source.migration.subject(uuid)
    return subject, room, verdict(subject, room, later=later, source="hv1", target="hv2", **more)


async def move(source: Backend, target: Backend, uuid: str, *, bandwidth: int | None = None) -> Verdict:
    """Move a VM as its verdict says, agreeing to everything; fails when there is an obstacle."""
    subject, _, said = await judge(source, target, uuid)
    assert said.obstacles == ()
    plan = MovePlan(
        target.migration.address_for(source.uri),
        live=subject.state.is_active,
        storage=said.storage,
        copied=said.copied,
        unsafe=bool(said.unsafe),
        persistent=subject.persistent,
        bandwidth=bandwidth,
    )
    await source.migration.move(uuid, plan, lambda _: None)
    return said


def reasons(said: Verdict) -> str:
    return " ".join(obstacle.text for obstacle in said.obstacles)


# --- storage ---------------------------------------------------------------------------------


@pytest.fixture
def shared(made: MakeGuest, hv1: Host, hv2: Host) -> Guest:
    """A running guest with its disk in the folder that both hosts see."""
    hv1.share()
    hv2.share()
    return made(hv1, GuestSpec("common", disk_mib=16, shared=True, agent=False)).start()


async def test_a_shared_disk_is_known_as_one_and_moves_once_a_person_agreed(
    backends: tuple[Backend, Backend], shared: Guest
) -> None:
    source, target = backends
    uuid = shared.uuid
    _, _, said = await judge(source, target, uuid)
    assert (said.obstacles, said.storage, said.copied) == ((), StorageWay.SHARED, ())
    assert "It is one file on both hosts" in said.unsafe
    plan = MovePlan(target.migration.address_for(source.uri), live=True, storage=said.storage)
    with pytest.raises(Conflict, match="unsafe"):
        await source.migration.move(uuid, plan, lambda _: None)
    assert (await source.vm(uuid)).state is VmState.RUNNING
    await source.migration.move(uuid, replace(plan, unsafe=True), lambda _: None)
    assert (await target.vm(uuid)).state is VmState.RUNNING


async def test_a_shared_disk_that_is_being_written_is_known_as_one_as_well(
    backends: tuple[Backend, Backend], shared: Guest, hv1: Host
) -> None:
    writer = hv1.run(["sh", "-c", f"while :; do touch {shared.disk}; sleep 0.01; done"])
    try:
        _, _, said = await judge(*backends, shared.uuid)
    finally:
        writer.kill()
        writer.communicate()
    assert (said.obstacles, said.storage) == ((), StorageWay.SHARED)
    assert "It is one file on both hosts" in said.unsafe


async def test_a_vm_that_is_off_moves_with_its_shared_disk(
    backends: tuple[Backend, Backend], shared: Guest, hv1: Host
) -> None:
    source, target = backends
    uuid = shared.uuid
    hv1.virsh("destroy", shared.name)
    assert (await move(source, target, uuid)).unsafe == ""
    assert (await target.vm(uuid)).state is VmState.OFF
    await move(target, source, uuid)
    assert (await source.vm(uuid)).state is VmState.OFF


async def test_the_disk_that_a_move_left_behind_stands_in_the_way_back_until_it_is_deleted(
    backends: tuple[Backend, Backend], pair: Pair, hv1: Host
) -> None:
    source, target = backends
    await move(source, target, pair.running)
    for way in (None, StorageWay.COPY, StorageWay.SHARED):
        _, _, said = await judge(target, source, pair.running, storage=way)
        assert said.copied == ()
        assert said.obstacles != () or "is lost" in said.unsafe
    hv1.virsh("vol-delete", "--pool", "default", "mover.qcow2")
    assert (await move(target, source, pair.running)).copied == ("vda",)


async def test_a_linked_disk_is_copied_whole(
    backends: tuple[Backend, Backend], made: MakeGuest, hv1: Host, hv2: Host
) -> None:
    source, target = backends
    base, top = f"{IMAGES}/mig-base.qcow2", f"{IMAGES}/mig-top.qcow2"
    hv1.output("qemu-img", "create", "-q", "-f", "qcow2", base, "16M")
    hv1.output("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
    disk = (
        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
        f"<source file='{top}'/><target dev='vda' bus='virtio'/></disk>"
    )
    try:
        uuid = made(hv1, GuestSpec("linked", agent=False, devices=disk)).start().uuid
        said = await move(source, target, uuid)
        assert said.copied == ("vda",)
        assert any("stands alone" in caution for caution in said.cautions)
        assert "backing file" not in hv2.output("qemu-img", "info", "-U", top)
    finally:
        hv2.virsh("destroy", "linked")
        for host in (hv1, hv2):
            host.output("rm", "-f", base, top)


async def test_raw_disks_and_those_named_by_their_pool_are_copied_too(
    backends: tuple[Backend, Backend], made: MakeGuest, hv1: Host, hv2: Host
) -> None:
    source, target = backends
    raw, named = f"{IMAGES}/several.raw", "several-b.qcow2"
    hv1.output("sh", "-c", f"head -c 1048576 /dev/urandom > {raw}")
    hv1.virsh("vol-create-as", "default", named, "2M", "--format", "qcow2")
    disks = (
        "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
        f"<source file='{raw}'/><target dev='vda' bus='virtio'/></disk>"
        "<disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>"
        f"<source pool='default' volume='{named}'/><target dev='vdb' bus='virtio'/></disk>"
    )
    try:
        uuid = made(hv1, GuestSpec("several", agent=False, devices=disks)).start().uuid
        assert (await move(source, target, uuid)).copied == ("vda", "vdb")
        assert hv1.output("sha256sum", raw) == hv2.output("sha256sum", raw)
        assert (await target.vm(uuid)).state is VmState.RUNNING
    finally:
        hv2.virsh("destroy", "several")
        for host in (hv1, hv2):
            host.output("rm", "-f", raw, f"{IMAGES}/{named}")


async def test_a_seed_goes_along_before_the_vm_does(
    backends: tuple[Backend, Backend], made: MakeGuest, hv1: Host, hv2: Host
) -> None:
    source, target = backends
    seed = f"{IMAGES}/seeded-seed.iso"
    hv1.output("sh", "-c", f"head -c 400000 /dev/urandom > {seed}")
    disk = (
        "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
        f"<source file='{seed}'/><target dev='vdb' bus='virtio'/><readonly/></disk>"
    )
    try:
        uuid = made(hv1, GuestSpec("seeded", disk_mib=16, agent=False, devices=disk)).start().uuid
        subject, _, said = await judge(source, target, uuid)
        assert (said.obstacles, said.copied, said.carried) == ((), ("vda",), ("vdb",))
        assert subject.disks[1].source == seed
        await target.migration.put(seed, await source.migration.fetch(seed))
        assert hv1.output("sha256sum", seed) == hv2.output("sha256sum", seed)
        _, _, said = await judge(source, target, uuid)
        assert said.carried == ()
        await move(source, target, uuid)
        assert (await target.vm(uuid)).state is VmState.RUNNING
    finally:
        hv2.virsh("destroy", "seeded")
        for host in (hv1, hv2):
            host.output("rm", "-f", seed)


async def test_a_cd_that_is_not_there_is_a_reason(
    backends: tuple[Backend, Backend], made: MakeGuest, hv1: Host
) -> None:
    iso = f"{IMAGES}/mig.iso"
    hv1.output("truncate", "-s", "100M", iso)
    device = f"<disk type='file' device='cdrom'><source file='{iso}'/><target dev='sda' bus='sata'/><readonly/></disk>"
    guest = made(hv1, GuestSpec("with-cd", agent=False, devices=device)).start()
    try:
        _, _, said = await judge(*backends, guest.uuid)
        assert reasons(said) == f"{iso} (sda) is not on hv2."
    finally:
        hv1.output("rm", "-f", iso)


async def test_hosts_that_are_reached_over_ssh_reach_one_another_so(pair: Pair, hv1: Host, hv2: Host) -> None:
    source, target = backend_for(hv1.ssh_uri), backend_for(hv2.ssh_uri)
    await source.connect()
    await target.connect()
    try:
        assert target.migration.address_for(source.uri) == f"qemu+ssh://root@{hv2.address}/system?no_tty=1"
        await move(source, target, pair.running)
        assert (await target.vm(pair.running)).state is VmState.RUNNING
    finally:
        await source.close()
        await target.close()


# --- states ----------------------------------------------------------------------------------


async def test_a_paused_vm_stays_paused(backends: tuple[Backend, Backend], pair: Pair, hv1: Host) -> None:
    source, target = backends
    hv1.virsh("suspend", "mover")
    await move(source, target, pair.running)
    vm = await target.vm(pair.running)
    assert (vm.state, vm.reason) == (VmState.PAUSED, Reason.USER)


async def test_a_transient_vm_stays_transient(backends: tuple[Backend, Backend], pair: Pair, hv1: Host) -> None:
    source, target = backends
    hv1.virsh("undefine", "mover")
    await move(source, target, pair.running)
    vm = await target.vm(pair.running)
    assert (vm.state, vm.persistent) == (VmState.RUNNING, False)


async def test_a_snapshot_stands_in_the_way(backends: tuple[Backend, Backend], pair: Pair, hv1: Host) -> None:
    hv1.virsh("snapshot-create-as", "mover", "before")
    _, _, said = await judge(*backends, pair.running)
    assert "mover has 1 snapshot" in reasons(said)


async def test_a_saved_state_stands_in_the_way(backends: tuple[Backend, Backend], pair: Pair, hv1: Host) -> None:
    hv1.virsh("managedsave", "mover")
    _, _, said = await judge(*backends, pair.running)
    assert "a saved state" in reasons(said)


# --- the target ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"memory_max": TIB}, "of memory free"),
        ({"machine": "pc-q35-99.0"}, "does not know its machine type pc-q35-99.0"),
        ({"emulator": "/usr/bin/no-such-qemu"}, "has no /usr/bin/no-such-qemu"),
        ({"networks": ("prod",)}, "no network called prod"),
        ({"bridges": ("br77",)}, "no bridge called br77"),
        ({"host_uuid": "TARGET"}, "the same host UUID"),
    ],
)
async def test_the_target_says_what_it_lacks(
    backends: tuple[Backend, Backend], pair: Pair, change: dict[str, Any], why: str
) -> None:
    source, target = backends
    if "host_uuid" in change:
        change = {"host_uuid": await target.host_uuid()}
    subject = replace(await source.migration.subject(pair.running), **change)
    said = verdict(subject, await target.migration.room(subject))
    assert why in reasons(said)
    assert len(said.obstacles) == 1


async def test_the_target_names_the_features_that_its_cpu_lacks(backends: tuple[Backend, Backend], pair: Pair) -> None:
    source, target = backends
    subject = await source.migration.subject(pair.running)
    cpu = "<cpu mode='custom' match='exact'><model>qemu64</model><feature policy='require' name='amx-tile'/></cpu>"
    room = await target.migration.room(replace(subject, cpu_xml=cpu))
    assert room.cpu is CpuFit.INCOMPATIBLE
    assert "amx-tile" in room.cpu_why
    unchecked = cpu.replace("match='exact'", "match='exact' check='none'")
    assert (await target.migration.room(replace(subject, cpu_xml=unchecked))).cpu is CpuFit.UNKNOWN


async def test_a_bridge_of_the_target_is_found(backends: tuple[Backend, Backend], pair: Pair) -> None:
    source, target = backends
    subject = replace(await source.migration.subject(pair.running), bridges=("virbr0",))
    assert verdict(subject, await target.migration.room(subject)).obstacles == ()


async def test_a_network_that_is_not_active_is_a_reason(
    backends: tuple[Backend, Backend], pair: Pair, hv2: Host
) -> None:
    hv2.virsh("net-destroy", "default")
    try:
        _, _, said = await judge(*backends, pair.running)
    finally:
        hv2.virsh("net-start", "default")
    assert reasons(said) == "The network default is not active on hv2."


async def test_a_name_and_a_uuid_that_are_taken_are_reasons(
    backends: tuple[Backend, Backend], pair: Pair, make_guest: MakeGuest, hv1: Host, hv2: Host
) -> None:
    other = make_guest(hv2, GuestSpec("mover", agent=False))
    _, _, said = await judge(*backends, pair.running)
    assert reasons(said) == "hv2 has another VM called mover."
    other.remove()
    double = hv1.virsh("dumpxml", "--inactive", "sleeper").replace(pair.stopped, pair.running)
    hv1.virsh("undefine", "sleeper")
    output(["virsh", "-q", "-c", hv2.uri, "define", "/dev/stdin"], stdin=double)
    try:
        _, _, said = await judge(*backends, pair.running)
        assert reasons(said) == "A VM with its UUID is defined on hv2: sleeper."
        hv2.virsh("start", "sleeper")
        _, _, said = await judge(*backends, pair.running)
        assert reasons(said) == "A VM with its UUID is on hv2 already: sleeper, running."
    finally:
        with contextlib.suppress(LabError):
            hv2.virsh("destroy", "sleeper")
        hv2.virsh("undefine", "sleeper")


# --- what breaks on the way ------------------------------------------------------------------


@pytest.fixture
def own_hosts(lab: Lab) -> Iterator[tuple[Host, Host]]:
    """Two hosts for one test, which may do with them what it likes."""
    number = next(_numbers)
    hosts = lab.host(f"from{number}"), lab.host(f"to{number}")
    yield hosts
    for host in hosts:
        lab.drop(host)


async def _under_way(
    lab: Lab, hosts: tuple[Host, Host], bandwidth: int = 1
) -> tuple[asyncio.Task[Verdict], Backend, Guest]:
    """Begin a move that takes long, at so many MiB a second; return it when it has got somewhere."""
    source, target = backend_for(hosts[0].uri), backend_for(hosts[1].uri)
    await source.connect()
    await target.connect()
    guest = lab.guest(hosts[0], GuestSpec("mover", disk_mib=64, agent=False)).start()
    task = asyncio.create_task(move(source, target, guest.uuid, bandwidth=bandwidth))
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(
        None, lambda: until(lambda: "mover" in hosts[1].virsh("list", "--all", "--name"), "the move has begun")
    )
    return task, source, guest


async def test_a_target_that_dies_on_the_way_leaves_the_vm_running(lab: Lab, own_hosts: tuple[Host, Host]) -> None:
    task, source, guest = await _under_way(lab, own_hosts)
    own_hosts[1].kill9()
    with pytest.raises(BackendError) as caught:
        await task
    assert not caught.value.unknown
    assert "to qemu+tcp://" in caught.value.text
    assert guest.state() == "running"
    await source.close()


async def test_a_source_that_dies_on_the_way_leaves_the_outcome_open(lab: Lab, own_hosts: tuple[Host, Host]) -> None:
    task, source, guest = await _under_way(lab, own_hosts)
    own_hosts[0].kill9()
    with pytest.raises(Unreachable) as caught:
        await task
    assert caught.value.unknown
    own_hosts[0].start()
    guest.wait_state("running")
    await source.close()


async def test_a_move_goes_on_when_its_caller_goes_away(lab: Lab, own_hosts: tuple[Host, Host]) -> None:
    task, source, _ = await _under_way(lab, own_hosts, bandwidth=16)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await source.close()

    def has_arrived() -> bool:
        has_left = "mover" not in own_hosts[0].virsh("list", "--all", "--name")
        return has_left and own_hosts[1].virsh("domstate", "mover") == "running"

    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, lambda: until(has_arrived, "it runs on the target alone", timeout=60))
