"""Volumes and new VMs on real hosts: every promise, images that are really there, and guests that really boot."""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend import backend_for
from kvmtui.core.errors import Aborted, BackendError, Conflict, NotFound, Unreachable
from kvmtui.core.sizing import BootKind, DiskOrigin
from kvmtui.core.specs import BootSpec, DiskSpec, NewVolume, SeedSpec, VolumeName
from tests.backend.creation_contract import MIB, CreationBench, CreationContract, Payload, cd
from tests.backend.libvirt.test_xml_build import CASES, GOLDEN
from tests.real.lab import GuestSpec, Host, Lab, LabError, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from kvmtui.core.inventory import Volume
    from tests.real.lab import Guest

IMAGE = VolumeName("default", "image.qcow2")


def _information(host: Host, volume: Volume) -> dict[str, object]:
    """Return what qemu-img says of a volume."""
    found: dict[str, object] = json.loads(host.output("qemu-img", "info", "--output=json", volume.path))
    return found


def _contents(host: Host, scratch: Path, volume: Volume) -> bytes:
    file = scratch / "read"
    host.output("cp", volume.path, str(file))
    return file.read_bytes()


@pytest.fixture(scope="module")
def image(hv2: Host) -> Iterator[VolumeName]:
    """An image with something in it, and a VM whose name is taken."""
    path = f"/var/lib/libvirt/images/{IMAGE.name}"
    hv2.output("qemu-img", "create", "-q", "-f", "qcow2", path, "32M")
    hv2.output("qemu-io", "-c", "write -P 7 0 8M", path)
    hv2.virsh("pool-refresh", "default")
    yield IMAGE
    hv2.output("rm", "-f", path)


@pytest.fixture(scope="module")
def other(lab: Lab, hv2: Host) -> Iterator[Guest]:
    """A VM that is there."""
    made = lab.guest(hv2, GuestSpec("creation-taken"))
    yield made
    made.remove()


@pytest.fixture
async def bench(hv2: Host, image: VolumeName, other: Guest, tmp_path: Path) -> AsyncIterator[CreationBench]:
    """A connected backend over TCP."""
    backend = backend_for(hv2.uri)
    await backend.connect()
    made = CreationBench(backend, "default", image, "default", "qemu", other.name)
    made.contents = partial(_contents, hv2, tmp_path)
    yield made
    await backend.close()


class TestCreation(CreationContract):
    """Every promise, on a real host."""


async def test_a_dev_kvm_that_runs_no_guest_is_not_offered(bench: CreationBench, hv2: Host) -> None:
    offers = await bench.backend.creation.offers()
    capabilities = hv2.virsh("domcapabilities", "--virttype", "kvm", "--machine", "q35")
    if "<model usable='yes' vendor='unknown'>kvm64</model>" in capabilities:
        assert offers.accels == ("kvm", "qemu")
    else:
        assert offers.accels == ("qemu",)
        assert "kvm" in offers.kvm_why


async def test_qemu_img_finds_what_was_made(bench: CreationBench, hv2: Host) -> None:
    storage = bench.backend.storage
    wanted = (
        NewVolume("default", "n.qcow2", 64 * MIB),
        NewVolume("default", "l.qcow2", 48 * MIB, backing=IMAGE),
        NewVolume("default", "c.qcow2", 48 * MIB, copy_of=IMAGE),
        NewVolume("default", "r.raw", 48 * MIB, format="raw", copy_of=IMAGE),
    )
    made = {volume.name: _information(hv2, volume) for volume in [await storage.create_volume(new) for new in wanted]}
    assert [(known["format"], known["virtual-size"]) for known in made.values()] == [
        ("qcow2", 64 * MIB),
        ("qcow2", 48 * MIB),
        ("qcow2", 48 * MIB),
        ("raw", 48 * MIB),
    ]
    assert made["l.qcow2"]["backing-filename-format"] == "qcow2"
    assert str(made["l.qcow2"]["backing-filename"]).endswith("/image.qcow2")
    assert "backing-filename" not in made["c.qcow2"]
    folder = "/var/lib/libvirt/images"
    for name in ("l.qcow2", "c.qcow2"):
        hv2.output("qemu-io", "-r", "-c", "read -P 7 0 8M", "-c", "read -P 0 40M 1M", f"{folder}/{name}")
    for name in made:
        await storage.delete_volume("default", name)


HOSTILE = ("h [red]x.img", "h bidi\u202egnp.img", "h c1\u009b31m.img", "h a&b<c>'\".img", "h n\nl.img", "h 日本.img")


@pytest.fixture
def hostile_files(hv2: Host) -> Iterator[None]:
    """Files in the pool with hostile names, also two that libvirt cannot or will not tell."""
    folder = os.fsencode(hv2.folder / "lib/images")
    files = [
        Path(os.fsdecode(folder + b"/" + name)) for name in (*map(str.encode, HOSTILE), b"h \xff.img", b"h \x1b.img")
    ]
    for file in files:
        file.write_bytes(b"x" * MIB)
    hv2.virsh("pool-refresh", "default")
    yield
    for file in files:
        file.unlink()
    hv2.virsh("pool-refresh", "default")


@pytest.mark.usefixtures("hostile_files")
async def test_files_with_hostile_names_are_listed_as_far_as_they_can_be(bench: CreationBench) -> None:
    assert {name for name in await bench.names() if name.startswith("h ")} == set(HOSTILE)
    for name in HOSTILE:
        if "\n" in name:
            continue
        image = VolumeName("default", name)
        made = await bench.backend.storage.create_volume(NewVolume("default", "upon.qcow2", 0, backing=image))
        assert made.backing.endswith(f"/{name}")
        await bench.backend.storage.delete_volume("default", "upon.qcow2")


async def test_a_long_copy_that_is_given_up_is_deleted_when_it_is_done(bench: CreationBench, hv2: Host) -> None:
    """The host cannot be told to stop copying; what it made is gone soon after."""
    source = "/var/lib/libvirt/images/long.raw"
    hv2.output("dd", "if=/dev/urandom", f"of={source}", "bs=1M", "count=256", "status=none")
    hv2.virsh("pool-refresh", "default")
    before = await bench.names()
    wanted = NewVolume("default", "long-copy.qcow2", 0, copy_of=VolumeName("default", "long.raw"))
    running = asyncio.ensure_future(bench.backend.storage.create_volume(wanted))
    for _ in range(400):
        if "long-copy.qcow2" in hv2.output("ls", "/var/lib/libvirt/images").split():
            break
        await asyncio.sleep(0.01)
    assert running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await bench.settles_to(before)
    assert "long-copy.qcow2" not in hv2.output("ls", "/var/lib/libvirt/images").split()
    await bench.backend.storage.delete_volume("default", "long.raw")


async def test_an_image_that_was_copied_there_by_hand_is_found(bench: CreationBench, hv2: Host) -> None:
    """Libvirt knows what it saw at its last look; the pool is looked at anew for an image that is named."""
    hv2.output("cp", f"/var/lib/libvirt/images/{IMAGE.name}", "/var/lib/libvirt/images/by-hand.qcow2")
    made = await bench.backend.storage.create_volume(
        NewVolume("default", "upon.qcow2", 0, backing=VolumeName("default", "by-hand.qcow2"))
    )
    assert _information(hv2, made)["backing-filename-format"] == "qcow2"
    for name in ("upon.qcow2", "by-hand.qcow2"):
        await bench.backend.storage.delete_volume("default", name)


async def test_a_qcow2_that_is_sent_is_the_same_image_there(bench: CreationBench, hv2: Host, tmp_path: Path) -> None:
    file = tmp_path / "small.qcow2"
    hv2.output("qemu-img", "create", "-q", "-f", "qcow2", str(file), "77M")
    made = await bench.send("sent.qcow2", Payload(file.read_bytes()), "qcow2")
    assert (made.format, made.capacity) == ("qcow2", 77 * MIB)
    listed = await bench.volume(VolumeName("default", "sent.qcow2"))
    assert (listed.format, listed.capacity) == ("qcow2", 77 * MIB)
    known = _information(hv2, made)
    assert (known["format"], known["virtual-size"]) == ("qcow2", 77 * MIB)
    hv2.output("cmp", str(file), made.path)
    hv2.output("qemu-img", "check", "-q", made.path)
    await bench.backend.storage.delete_volume("default", "sent.qcow2")


async def test_what_is_nothing_but_zeros_is_not_sent(bench: CreationBench, hv2: Host) -> None:
    """A sparse image of a gigabyte takes as little room there, and less time than its bytes would."""
    payload = Payload(b"begin".ljust(MIB, b"\0"), size=1 << 30)
    zeros = bytes(MIB)
    payload.read = lambda size: _zeros_after(payload, zeros, size)  # type: ignore[method-assign]
    made = await bench.send("sparse.img", payload, "raw")
    assert made.capacity == 1 << 30
    assert hv2.output("stat", "-c", "%s", made.path).strip() == str(1 << 30)
    assert int(hv2.output("du", "-k", made.path).split()[0]) < 4096
    await bench.backend.storage.delete_volume("default", "sparse.img")


def _zeros_after(payload: Payload, zeros: bytes, size: int) -> bytes:
    at = payload.read_so_far
    part = payload.data[at : at + size] if at < len(payload.data) else zeros[: min(size, payload.size - at)]
    payload.read_so_far += len(part)
    return part


@pytest.fixture
def tight(hv2: Host) -> Iterator[str]:
    """A pool with room for 8 MiB."""
    folder = "/var/lib/libvirt/tight"
    hv2.output("mkdir", "-p", folder)
    hv2.output("mount", "-t", "tmpfs", "-o", "size=8m", "tight", folder)
    hv2.virsh("pool-create-as", "tight", "dir", "--target", folder)
    yield "tight"
    hv2.virsh("pool-destroy", "tight")
    hv2.output("umount", folder)


async def test_a_full_disk_gives_the_hosts_words_and_leaves_nothing(bench: CreationBench, tight: str) -> None:
    storage = bench.backend.storage
    bench.pool = tight
    with pytest.raises(BackendError, match="No space left on device") as raised:
        await bench.send("large.img", Payload(b"r" * 32 * MIB), "raw")
    assert not raised.value.unknown
    big = await storage.create_volume(NewVolume("default", "big.raw", 0, format="raw", copy_of=IMAGE))
    await storage.delete_volume("default", big.name)
    await bench.send("fits.img", Payload(b"r" * 6 * MIB), "raw")
    with pytest.raises(BackendError, match=r"(?i)no space left|write"):
        await storage.create_volume(NewVolume(tight, "copy.qcow2", 0, copy_of=IMAGE))
    assert await bench.names() == {"fits.img"}


async def test_a_daemon_that_stops_answering_cannot_hold_an_upload(bench: CreationBench, hv2: Host) -> None:
    payload = Payload(b"r" * 64 * MIB)
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def at(sent: int) -> None:
        if sent >= 4 * MIB and not began.is_set():
            hv2.stop()
            loop.call_soon_threadsafe(began.set)

    payload.at = at
    running = asyncio.ensure_future(bench.send("held.img", payload, "raw"))
    try:
        await asyncio.wait_for(began.wait(), 20)
        payload.stop = True
        asked = time.monotonic()
        loop.call_later(6, hv2.cont)
        with pytest.raises(Aborted):
            await running
        assert time.monotonic() - asked < 40
    finally:
        hv2.cont()
    assert await bench.settles_to(await bench.names() - {"held.img"})


async def test_a_daemon_that_dies_under_an_upload_is_told_as_it_is(
    own_host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent is deleted over the next connection; without one, the error says that it may be left."""
    backend = backend_for(own_host.uri)
    await backend.connect()

    def dying() -> Payload:
        payload = Payload(b"r" * 64 * MIB)
        payload.at = lambda sent: own_host.kill9() if sent >= 4 * MIB else None
        return payload

    async def send() -> Unreachable:
        sending = backend.storage.upload("default", "lost.img", dying(), kind="raw", progress=lambda _: None)
        with pytest.raises(Unreachable) as raised:
            await sending
        return raised.value

    monkeypatch.setattr("kvmtui.backend.libvirt.upload.RECONNECT_SECONDS", 1.0)
    error = await send()
    assert "default/lost.img may be left" in error.text
    assert (error.unknown, bool(error.hint)) == (True, True)
    await asyncio.to_thread(own_host.restart)
    await backend.connect()
    await backend.storage.delete_volume("default", "lost.img")
    monkeypatch.undo()
    sending = asyncio.ensure_future(send())
    await asyncio.to_thread(until, lambda: not _is_up(own_host), "libvirtd dies")
    await asyncio.to_thread(own_host.restart)
    await backend.connect()
    error = await sending
    assert "left" not in error.text
    assert not error.unknown
    assert "lost.img" not in own_host.output("ls", "/var/lib/libvirt/images").split()
    await backend.close()


def _is_up(host: Host) -> bool:
    try:
        return host.pid > 0
    except LabError:
        return False


@pytest.mark.parametrize("case", sorted(case for case, (_, offers) in CASES.items() if offers.arch == "x86_64"))
async def test_golden_definitions_are_taken(bench: CreationBench, case: str) -> None:
    made = await bench.backend.creation.define((GOLDEN / f"{case}.xml").read_text())
    await bench.backend.definition.undefine(made, nvram=False, snapshots=False, saved=False)


async def test_bad_xml_is_refused_by_the_schema(bench: CreationBench) -> None:
    creation = bench.backend.creation
    text = await creation.xml(bench.spec("bad-xml", DiskSpec(DiskOrigin.NONE)))
    for wrong in (
        text.replace("<memballoon", "<nonsense").replace("</memballoon", "</nonsense"),
        text.replace('type="virtio"', 'type="rtl8139x y"'),
        text.replace("</name>", "/../x</name>"),
    ):
        with pytest.raises(BackendError) as raised:
            await creation.define(wrong)
        assert not isinstance(raised.value, Conflict)
    assert "bad-xml" not in await bench.vms()


async def test_a_kernel_that_its_pool_does_not_hold_is_missed_at_once(bench: CreationBench) -> None:
    boot = BootSpec(BootKind.KERNEL, kernel="/var/lib/libvirt/images/vmlinuz-missing")
    with pytest.raises(NotFound, match="vmlinuz-missing"):
        await bench.backend.creation.xml(bench.spec("no-kernel", DiskSpec(DiskOrigin.NONE), boot=boot))


@pytest.fixture
def lab_kernel(hv2: Host) -> Callable[[str], BootSpec]:
    """What boots the lab's system as a guest of that name."""

    def boot(name: str) -> BootSpec:
        words = f"console=ttyS0 quiet lab.name={name}"
        return BootSpec(BootKind.KERNEL, None, "", str(hv2.image.kernel), str(hv2.image.initramfs), words)

    return boot


async def test_a_new_vm_boots_with_every_device_it_was_given(
    bench: CreationBench, hv2: Host, lab_kernel: Callable[[str], BootSpec]
) -> None:
    """Kernel and initrd, a linked disk, a seed, a card with an address, an agent that answers, memory that is told."""
    storage, creation, name = bench.backend.storage, bench.backend.creation, "new-vm"
    await storage.create_volume(NewVolume("default", f"{name}.qcow2", 0, backing=IMAGE))
    await bench.send(f"{name}-seed.iso", Payload(cd()), "iso")
    spec = bench.spec(
        name,
        bench.linked(f"{name}.qcow2"),
        boot=lab_kernel(name),
        vcpus=2,
        memory=128 * MIB,
        seed=SeedSpec("ann", (), name, VolumeName("default", f"{name}-seed.iso")),
    )
    made = await creation.define(await creation.xml(spec))
    try:
        await bench.backend.power.start(made)
        until(partial(_pings, hv2, name), f"the agent of {name} answers", timeout=90)
        sizes = _execute(hv2, name, "/bin/cat", "/sys/block/vda/size", "/sys/block/vdb/size", "/sys/block/vdb/ro")
        assert sizes.split() == [str(32 * MIB // 512), str(2 * MIB // 512), "1"]
        cpus = _execute(hv2, name, "/bin/grep", "-m1", "flags", "/proc/cpuinfo").split()
        assert {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"} <= set(cpus)  # x86-64-v2
        addresses = await bench.backend.guest.addresses(made)
        assert addresses
        displays = hv2.virsh("domdisplay", name)
        assert displays.startswith("vnc://127.0.0.1:")
    finally:
        hv2.virsh("destroy", name)
        await bench.backend.definition.undefine(made, nvram=False, snapshots=False, saved=False)
        for volume in (f"{name}.qcow2", f"{name}-seed.iso"):
            await storage.delete_volume("default", volume)


def _pings(host: Host, name: str) -> bool:
    try:
        host.agent(name, "guest-ping")
    except LabError:
        return False
    return True


def _execute(host: Host, name: str, *argv: str) -> str:
    from tests.real.lab.guest import Guest

    return Guest(host, GuestSpec(name)).execute(*argv)


@pytest.mark.parametrize("way", ["disk", "sata seed", "iso"])
async def test_every_way_to_start_is_taken_by_the_host(bench: CreationBench, hv2: Host, way: str) -> None:
    """It starts: what its firmware finds on the disk is another matter."""
    storage, creation, name = bench.backend.storage, bench.backend.creation, "started"
    await storage.create_volume(NewVolume("default", "started.raw", 8 * MIB, format="raw"))
    await bench.send("started.iso", Payload(cd()), "iso")
    iso = VolumeName("default", "started.iso")
    spec = bench.spec(name, DiskSpec(DiskOrigin.EXISTING, VolumeName("default", "started.raw")), boot=BootSpec())
    if way == "iso":
        spec = replace(spec, boot=BootSpec(BootKind.ISO, iso))
    elif way == "sata seed":
        spec = replace(spec, seed=SeedSpec("ann", (), name, iso, sata=True))
    made = await creation.define(await creation.xml(spec))
    try:
        await bench.backend.power.start(made)
        disks = [(disk.target, disk.device, disk.bus, disk.readonly) for disk in (await bench.backend.vm(made)).disks]
        assert disks[0] == ("vda", "disk", "virtio", False)
        assert disks[1:] == ([] if way == "disk" else [("sda", "cdrom", "sata", True)])
    finally:
        hv2.virsh("destroy", name)
        await bench.backend.definition.undefine(made, nvram=False, snapshots=False, saved=False)
        for volume in ("started.raw", "started.iso"):
            await storage.delete_volume("default", volume)


async def test_a_new_vm_can_be_moved_to_another_host(hv1: Host, hv2: Host) -> None:
    """Its CPU, machine and devices are what both can give; its disk and seed lie where both see them."""
    hv1.share()
    hv2.add_cloud_image("shared", "moving.qcow2")
    backend = backend_for(hv2.uri)
    await backend.connect()
    image, name = VolumeName("shared", "moving.qcow2"), "moving-vm"
    bench = CreationBench(backend, "shared", image, "default", "qemu", "")
    await backend.storage.create_volume(bench.new(f"{name}.qcow2", 0, backing=image))
    await bench.send(f"{name}-seed.iso", Payload(cd()), "iso")
    seed = SeedSpec("ann", (), name, VolumeName("shared", f"{name}-seed.iso"))
    spec = bench.spec(name, bench.linked(f"{name}.qcow2"), boot=BootSpec(), seed=seed, vcpus=2)
    made = await backend.creation.define(await backend.creation.xml(spec))
    on = hv2
    try:
        await backend.power.start(made)
        hv2.virsh("migrate", "--live", "--p2p", "--persistent", "--undefinesource", "--unsafe", name, hv1.uri)
        on = hv1
        assert hv1.virsh("domstate", name) == "running"
        assert name not in await bench.vms()
    finally:
        on.virsh("destroy", name)
        on.virsh("undefine", name)
        for volume in (f"{name}.qcow2", f"{name}-seed.iso", "moving.qcow2"):
            await backend.storage.delete_volume("shared", volume)
        await backend.close()


async def test_an_image_goes_over_ssh(hv2: Host, bench: CreationBench) -> None:
    backend = backend_for(hv2.ssh_uri)
    await backend.connect()
    data = bytes(range(256)) * 4096 * 8
    made = await backend.storage.upload("default", "ssh.img", Payload(data), kind="raw", progress=bench.told.append)
    assert bench.contents is not None
    assert bench.contents(made) == data
    await backend.storage.delete_volume("default", "ssh.img")
    await backend.close()
