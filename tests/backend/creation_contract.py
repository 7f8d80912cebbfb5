"""What every backend promises of volumes and new VMs: one body of tests, for the demo and real hosts alike.

A module that wants them subclasses `CreationContract` under a name that starts with Test and gives a `bench` fixture.
"""

from __future__ import annotations

import asyncio
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from kvmtui.backend.base import Backend
from kvmtui.core.errors import Aborted, BackendError, Conflict, NotFound, NotSupported
from kvmtui.core.inventory import VmState, Volume
from kvmtui.core.sizing import BootKind, DiskOrigin
from kvmtui.core.specs import BootSpec, DiskSpec, NewVolume, NicSpec, SeedSpec, VmSpec, VolumeName

if TYPE_CHECKING:
    from kvmtui.core.inventory import Vm

MIB = 1 << 20
MISSING = VolumeName("default", "missing.qcow2")


def qcow2(capacity: int, *, backing: int = 0, features: int = 0, size: int = 4 * MIB) -> bytes:
    """Return a file that begins as a qcow2 of that capacity does."""
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, backing, 9 if backing else 0, 16, capacity)
    return (header.ljust(72, b"\0") + struct.pack(">Q", features)).ljust(size, b"q")


def cd(size: int = 2 * MIB) -> bytes:
    """Return a file that looks like a CD."""
    return (bytes(32_768) + b"\x01CD001").ljust(size, b"\1")


class Payload:
    """Bytes to be sent; `at` is called with how many were read before each read."""

    def __init__(self, data: bytes, *, size: int | None = None, at: Callable[[int], None] | None = None) -> None:
        self.data = data
        self.size = len(data) if size is None else size
        self.stop = False
        self.read_so_far = 0
        self.at = at

    def read(self, size: int) -> bytes:
        if self.at is not None:
            self.at(self.read_so_far)
        part = self.data[self.read_so_far : self.read_so_far + size]
        self.read_so_far += len(part)
        return part


@dataclass
class CreationBench:
    """A connected backend with a pool to make things in and an image there."""

    backend: Backend
    pool: str
    image: VolumeName  # a qcow2
    network: str
    accel: str
    taken: str  # the name of a VM that is there
    contents: Callable[[Volume], bytes] | None = None  # what a volume holds, where there is a way to look
    told: list[int] = field(default_factory=list)  # what the progress said

    async def names(self) -> set[str]:
        """Return what the pool holds."""
        return {volume.name for volume in await self.backend.storage.volumes(self.pool)}

    async def settles_to(self, names: set[str]) -> bool:
        """Return whether the pool comes to hold just that, which nobody waits for any more."""
        for _ in range(400):
            if await self.names() == names:
                return True
            await asyncio.sleep(0.05)
        return False

    async def vms(self) -> dict[str, Vm]:
        """Return the VMs by name."""
        return {vm.name: vm for vm in (await self.backend.inventory()).vms.values()}

    async def volume(self, name: VolumeName) -> Volume:
        """Return a volume as the pool lists it."""
        return next(found for found in await self.backend.storage.volumes(name.pool) if found.name == name.name)

    async def send(self, name: str, payload: Payload, kind: str) -> Volume:
        """Upload into the pool."""
        return await self.backend.storage.upload(self.pool, name, payload, kind=kind, progress=self.told.append)

    def new(self, name: str, capacity: int, **more: object) -> NewVolume:
        """Return a volume to be made in the pool."""
        return replace(NewVolume(self.pool, name, capacity or MIB), capacity=capacity, **more)  # type: ignore[arg-type]

    def spec(self, name: str, disk: DiskSpec, **more: object) -> VmSpec:
        """Return a small VM with that disk."""
        return replace(
            VmSpec(
                uuid=str(uuid.uuid4()),
                name=name,
                vcpus=1,
                memory=96 * MIB,
                accel=self.accel,
                disk=disk,
                boot=BootSpec(BootKind.KERNEL, kernel="/boot/vmlinuz"),
                nic=NicSpec("network", self.network),
            ),
            **more,  # type: ignore[arg-type]
        )

    def linked(self, name: str) -> DiskSpec:
        """Return a disk that builds upon the image."""
        return DiskSpec(DiskOrigin.LINKED, VolumeName(self.pool, name), 0, self.image)


class CreationContract:
    """The promises, by what a user of the backend would notice."""

    # --- what is there ---

    async def test_a_host_says_what_it_has_for_new_vms(self, bench: CreationBench) -> None:
        offers = await bench.backend.creation.offers()
        assert bench.accel in offers.accels
        assert ("kvm" in offers.accels) == (not offers.kvm_why)
        assert (offers.arch, offers.machine) == ("x86_64", "q35")
        assert offers.vcpus_max > 1
        assert {"virtio", "sata"} <= set(offers.disk_buses)
        assert "vnc" in offers.graphics

    async def test_a_pool_lists_its_volumes_by_name(self, bench: CreationBench) -> None:
        found = await bench.backend.storage.volumes(bench.pool)
        assert [volume.name for volume in found] == sorted(volume.name for volume in found)
        image = next(volume for volume in found if volume.name == bench.image.name)
        assert (image.pool, image.format, image.backing, image.block) == (bench.pool, "qcow2", "", False)
        assert image.path.endswith(f"/{image.name}")
        assert image.capacity >= MIB
        assert image.allocation > 0

    async def test_a_pool_that_is_not_there_is_not_found(self, bench: CreationBench) -> None:
        storage = bench.backend.storage
        with pytest.raises(NotFound):
            await storage.volumes("nowhere")
        with pytest.raises(NotFound):
            await storage.create_volume(NewVolume("nowhere", "a.qcow2", MIB))
        with pytest.raises(NotFound):
            await storage.delete_volume("nowhere", "a.qcow2")
        with pytest.raises(NotFound):
            await storage.upload("nowhere", "a.img", Payload(b"a"), kind="raw", progress=bench.told.append)

    # --- making volumes ---

    @pytest.mark.parametrize("form", ["qcow2", "raw"])
    async def test_a_new_volume_has_its_size_and_takes_no_room(self, bench: CreationBench, form: str) -> None:
        made = await bench.backend.storage.create_volume(bench.new("new.img", 64 * MIB, format=form))
        assert (made.pool, made.name, made.format, made.capacity) == (bench.pool, "new.img", form, 64 * MIB)
        assert made.allocation < MIB
        assert await bench.volume(VolumeName(bench.pool, "new.img")) == made
        await bench.backend.storage.delete_volume(bench.pool, "new.img")
        assert "new.img" not in await bench.names()

    @pytest.mark.parametrize("more", [0, 32 * MIB])
    async def test_a_linked_volume_builds_upon_its_image(self, bench: CreationBench, more: int) -> None:
        image = await bench.volume(bench.image)
        capacity = image.capacity + more if more else 0
        made = await bench.backend.storage.create_volume(bench.new("linked.qcow2", capacity, backing=bench.image))
        assert (made.format, made.capacity, made.backing) == ("qcow2", image.capacity + more, image.path)
        assert made.allocation < MIB
        await bench.backend.storage.delete_volume(bench.pool, "linked.qcow2")
        assert await bench.volume(bench.image) == image

    @pytest.mark.parametrize("more", [0, 32 * MIB])
    async def test_a_full_copy_stands_alone_and_may_be_larger(self, bench: CreationBench, more: int) -> None:
        image = await bench.volume(bench.image)
        capacity = image.capacity + more if more else 0
        made = await bench.backend.storage.create_volume(bench.new("copy.qcow2", capacity, copy_of=bench.image))
        assert (made.format, made.capacity, made.backing) == ("qcow2", image.capacity + more, "")
        assert made.allocation > image.allocation // 4
        await bench.backend.storage.delete_volume(bench.pool, "copy.qcow2")

    async def test_a_copy_may_change_the_format(self, bench: CreationBench) -> None:
        image = await bench.volume(bench.image)
        made = await bench.backend.storage.create_volume(bench.new("copy.raw", 0, copy_of=bench.image, format="raw"))
        assert (made.format, made.capacity) == ("raw", image.capacity)
        await bench.backend.storage.delete_volume(bench.pool, "copy.raw")

    async def test_what_is_too_small_for_the_image_is_refused(self, bench: CreationBench) -> None:
        before = await bench.names()
        for wanted in (
            bench.new("small.qcow2", MIB, backing=bench.image),
            bench.new("small.qcow2", MIB, copy_of=bench.image),
        ):
            with pytest.raises(BackendError):
                await bench.backend.storage.create_volume(wanted)
        assert await bench.names() == before

    @pytest.mark.parametrize("after", [0.0, 0.02, 0.08])
    async def test_a_copy_whose_caller_is_cancelled_leaves_nothing(self, bench: CreationBench, after: float) -> None:
        before = await bench.names()
        copying = bench.backend.storage.create_volume(bench.new("given-up.qcow2", 0, copy_of=bench.image))
        running = asyncio.ensure_future(copying)
        await asyncio.sleep(after)
        if running.cancel():
            assert await bench.settles_to(before)
        else:
            await bench.backend.storage.delete_volume(bench.pool, "given-up.qcow2")

    async def test_an_image_that_is_not_there_is_not_found(self, bench: CreationBench) -> None:
        before = await bench.names()
        missing = VolumeName(bench.pool, "missing.qcow2")
        for wanted in (bench.new("a.qcow2", 0, backing=missing), bench.new("a.qcow2", 0, copy_of=missing)):
            with pytest.raises(NotFound):
                await bench.backend.storage.create_volume(wanted)
        with pytest.raises(NotFound):
            await bench.backend.storage.delete_volume(bench.pool, "missing.qcow2")
        assert await bench.names() == before

    async def test_a_name_that_is_taken_is_refused_and_its_volume_kept(self, bench: CreationBench) -> None:
        storage, name = bench.backend.storage, "taken.qcow2"
        made = await storage.create_volume(bench.new(name, 8 * MIB))
        for wanted in (
            bench.new(name, 16 * MIB),
            bench.new(name, 0, backing=bench.image),
            bench.new(name, 0, copy_of=bench.image),
        ):
            with pytest.raises(Conflict):
                await storage.create_volume(wanted)
        with pytest.raises(Conflict):
            await bench.send(name, Payload(b"r" * MIB), "raw")
        assert await bench.volume(VolumeName(bench.pool, name)) == made
        await storage.delete_volume(bench.pool, name)

    # --- uploads ---

    @pytest.mark.parametrize(
        ("kind", "data", "capacity"),
        [
            ("raw", bytes(range(256)) * 4096 * 12 + bytes(5 * MIB) + b"end", 17 * MIB + 3),
            ("raw", b"tiny", 4),
            ("iso", cd(), 2 * MIB),
            ("qcow2", qcow2(96 * MIB), 96 * MIB),
        ],
        ids=["raw", "tiny", "iso", "qcow2"],
    )
    async def test_what_is_sent_arrives(self, bench: CreationBench, kind: str, data: bytes, capacity: int) -> None:
        made = await bench.send("sent.img", Payload(data), kind)
        assert (made.name, made.format, made.capacity) == ("sent.img", kind, capacity)
        assert bench.told == sorted(bench.told)
        assert bench.told[-1] == len(data)
        assert "sent.img" in await bench.names()
        if bench.contents is not None:
            assert bench.contents(made) == data
        await bench.backend.storage.delete_volume(bench.pool, "sent.img")

    async def test_an_upload_that_is_stopped_leaves_nothing(self, bench: CreationBench) -> None:
        before = await bench.names()
        payload = Payload(b"r" * 64 * MIB)

        def stop(sent: int) -> None:
            payload.stop = sent >= 3 * MIB

        payload.at = stop
        with pytest.raises(Aborted) as raised:
            await bench.send("stopped.img", payload, "raw")
        assert not raised.value.unknown
        assert payload.read_so_far < payload.size
        assert await bench.names() == before

    async def test_an_upload_whose_caller_is_cancelled_leaves_nothing(self, bench: CreationBench) -> None:
        before = await bench.names()
        reached = asyncio.Event()
        loop = asyncio.get_running_loop()

        def at(sent: int) -> None:
            if sent >= 2 * MIB:
                loop.call_soon_threadsafe(reached.set)

        running = asyncio.ensure_future(bench.send("cancelled.img", Payload(b"r" * 256 * MIB, at=at), "raw"))
        await asyncio.wait_for(reached.wait(), 30)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert await bench.settles_to(before)

    async def test_a_file_that_fails_or_changes_leaves_nothing(self, bench: CreationBench) -> None:
        before = await bench.names()

        def fail(sent: int) -> None:
            if sent >= 2 * MIB:
                raise OSError(5, "Input/output error")

        with pytest.raises(BackendError, match="Input/output error"):
            await bench.send("failed.img", Payload(b"r" * 8 * MIB, at=fail), "raw")
        for size in (7 * MIB, 9 * MIB):
            with pytest.raises(BackendError, match="changed"):
                await bench.send("changed.img", Payload(b"r" * 8 * MIB, size=size), "raw")
        assert await bench.names() == before

    @pytest.mark.parametrize(
        "data",
        [qcow2(MIB, backing=512), qcow2(MIB, features=4), b"\x1f\x8b" + bytes(MIB), b"KDMV" + bytes(MIB)],
        ids=["backing", "data file", "packed", "foreign"],
    )
    async def test_what_no_vm_could_use_is_refused(self, bench: CreationBench, data: bytes) -> None:
        before = await bench.names()
        kind = "qcow2" if data.startswith(b"QFI") else "raw"
        with pytest.raises(BackendError) as raised:
            await bench.send("refused.img", Payload(data), kind)
        assert raised.value.hint
        assert await bench.names() == before

    # --- new VMs ---

    async def test_a_definition_can_be_seen_before_and_changes_nothing(self, bench: CreationBench) -> None:
        names, vms = await bench.names(), set(await bench.vms())
        seed = SeedSpec("ann", ("ssh-ed25519 AAAA ann",), "seen", VolumeName(bench.pool, "seen-seed.iso"))
        spec = bench.spec("seen", bench.linked("seen.qcow2"), boot=BootSpec(), seed=seed)
        root = ET.fromstring(await bench.backend.creation.xml(spec))
        sources = [source.get("file", "") for source in root.iterfind("devices/disk/source")]
        image = await bench.volume(bench.image)
        folder = image.path.rpartition("/")[0]
        assert sources == [f"{folder}/seen.qcow2", f"{folder}/seen-seed.iso"]
        assert (await bench.names(), set(await bench.vms())) == (names, vms)

    async def test_a_defined_vm_is_what_was_wanted(self, bench: CreationBench) -> None:
        storage, creation = bench.backend.storage, bench.backend.creation
        volume = await storage.create_volume(bench.new("made.qcow2", 0, backing=bench.image))
        spec = bench.spec("made", bench.linked("made.qcow2"), vcpus=2, title="Made <by> & for tests")
        made = await creation.define(await creation.xml(spec))
        vm = await bench.backend.vm(made)
        assert (made, vm.name, vm.title, vm.state) == (spec.uuid, "made", "Made <by> & for tests", VmState.OFF)
        assert (vm.vcpus, vm.memory_max, vm.accel, vm.persistent) == (2, 96 * MIB, bench.accel, True)
        (disk,) = vm.disks
        assert (disk.target, disk.bus, disk.source, disk.format) == ("vda", "virtio", volume.path, "qcow2")
        (nic,) = vm.nics
        assert (nic.kind, nic.source, nic.model) == ("network", bench.network, "virtio")
        assert len(nic.mac) == 17
        await bench.backend.definition.undefine(made, nvram=False, snapshots=False, saved=False)
        await storage.delete_volume(bench.pool, "made.qcow2")

    @pytest.mark.parametrize("sata", [False, True])
    async def test_a_seed_may_go_with_its_vm_and_an_iso_stays(self, bench: CreationBench, sata: bool) -> None:
        storage, creation = bench.backend.storage, bench.backend.creation
        for name in ("own-seed.iso", "shelf.iso"):
            await bench.send(name, Payload(cd()), "iso")
        seed = SeedSpec("ann", (), "own", VolumeName(bench.pool, "own-seed.iso"), sata=sata)
        boot = BootSpec(BootKind.ISO, VolumeName(bench.pool, "shelf.iso"))
        spec = bench.spec("own", DiskSpec(DiskOrigin.NONE), boot=boot, seed=seed)
        made = await creation.define(await creation.xml(spec))
        uses = await storage.disk_uses(made)
        assert [(use.source.rpartition("/")[2], use.pool, use.users) for use in uses] == [
            ("own-seed.iso", bench.pool, ())
        ]
        await bench.backend.definition.undefine(made, nvram=False, snapshots=False, saved=False)
        await storage.delete_disk(uses[0].source)
        await storage.delete_volume(bench.pool, "shelf.iso")
        assert "own-seed.iso" not in await bench.names()

    async def test_an_existing_volume_is_taken_in_its_own_format(self, bench: CreationBench) -> None:
        await bench.backend.storage.create_volume(bench.new("old.img", 8 * MIB, format="raw"))
        disk = DiskSpec(DiskOrigin.EXISTING, VolumeName(bench.pool, "old.img"))
        root = ET.fromstring(await bench.backend.creation.xml(bench.spec("old", disk)))
        driver = root.find("devices/disk/driver")
        assert driver is not None
        assert driver.get("type") == "raw"
        await bench.backend.storage.delete_volume(bench.pool, "old.img")

    async def test_a_name_or_uuid_that_is_taken_is_refused_and_its_vm_kept(self, bench: CreationBench) -> None:
        creation = bench.backend.creation
        before = await bench.vms()
        taken = before[bench.taken]
        for spec in (
            bench.spec(bench.taken, DiskSpec(DiskOrigin.NONE), vcpus=3),
            bench.spec("other", DiskSpec(DiskOrigin.NONE), uuid=taken.uuid),
            bench.spec(bench.taken, DiskSpec(DiskOrigin.NONE), uuid=taken.uuid, vcpus=3),
        ):
            with pytest.raises(Conflict):
                await creation.define(await creation.xml(spec))
        after = await bench.vms()
        assert after.keys() == before.keys()
        assert (after[bench.taken].uuid, after[bench.taken].vcpus) == (taken.uuid, taken.vcpus)

    @pytest.mark.parametrize("text", ["", "<domain", "<domain type='qemu'><name>bad</name></domain>", "<pool/>"])
    async def test_what_is_no_definition_is_refused(self, bench: CreationBench, text: str) -> None:
        before = set(await bench.vms())
        with pytest.raises(BackendError):
            await bench.backend.creation.define(text)
        assert set(await bench.vms()) == before

    async def test_a_vm_that_the_host_cannot_give_is_refused(self, bench: CreationBench) -> None:
        with pytest.raises(NotSupported):
            await bench.backend.creation.xml(bench.spec("wide", DiskSpec(DiskOrigin.NONE), vcpus=4000))

    async def test_a_vm_on_a_network_that_is_not_there_does_not_start(self, bench: CreationBench) -> None:
        creation = bench.backend.creation
        spec = bench.spec("netless", DiskSpec(DiskOrigin.NONE), nic=NicSpec("network", "nowhere"))
        made = await creation.define(await creation.xml(spec))
        with pytest.raises(BackendError, match="nowhere"):
            await bench.backend.power.start(made)
        await bench.backend.definition.undefine(made, nvram=False, snapshots=False, saved=False)
        assert "netless" not in await bench.vms()
