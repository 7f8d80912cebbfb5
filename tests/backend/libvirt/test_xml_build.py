"""Definitions of new VMs, against golden documents that libvirt has taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.backend.base import Offers
from kvmtui.backend.libvirt.xml import vm as vm_xml
from kvmtui.backend.libvirt.xml.build import build
from kvmtui.backend.libvirt.xml.placing import placed, volumes_without_path
from kvmtui.core.errors import NotSupported
from kvmtui.core.inventory import AgentState, Volume
from kvmtui.core.sizing import BootKind, DiskOrigin
from kvmtui.core.specs import BootSpec, DiskSpec, NicSpec, SeedSpec, VmSpec, VolumeName

GOLDEN = Path(__file__).parent / "golden"
UUID = "6f1c2a2e-5a0e-4a0d-9d3a-0c6f5d1f2b11"
MIB = 1 << 20
FOLDER = "/var/lib/libvirt/images"
KVM = Offers(
    accels=("kvm", "qemu"),
    kvm_why="",
    arch="x86_64",
    machine="q35",
    vcpus_max=288,
    disk_buses=("fdc", "scsi", "virtio", "usb", "sata"),
    nic_models=("virtio",),
    cpu_modes=("host-passthrough", "maximum", "host-model", "custom"),
    cpu_model="EPYC-Milan",
    graphics=("sdl", "vnc", "spice"),
    videos=("cirrus", "virtio", "vga"),
)
EMULATED = replace(KVM, accels=("qemu",), kvm_why="there is no /dev/kvm", cpu_modes=("maximum", "host-model", "custom"))
BARE = replace(KVM, cpu_modes=("host-passthrough", "custom"), graphics=(), videos=(), rng=False)
ARM = replace(
    EMULATED,
    arch="aarch64",
    machine="virt-9.1",
    disk_buses=("fdc", "scsi", "virtio", "usb"),
    videos=("virtio", "ramfb"),
)

IMAGE = VolumeName("default", "debian.qcow2")
LINKED = DiskSpec(
    DiskOrigin.LINKED, VolumeName("default", "web-1.qcow2"), 20 << 30, IMAGE, path=f"{FOLDER}/web-1.qcow2"
)
SEED = SeedSpec("ann", (), "web-1", VolumeName("default", "web-1-seed.iso"), path=f"{FOLDER}/web-1-seed.iso")
ISO = BootSpec(BootKind.ISO, VolumeName("iso", "install.iso"), "/srv/iso/install & more.iso")
CLOUD = VmSpec(
    uuid=UUID,
    name="web-1",
    vcpus=1,
    memory=2048 * MIB,
    accel="qemu",
    disk=LINKED,
    boot=BootSpec(),
    nic=NicSpec("network", "default"),
    seed=SEED,
    title="The first <web> server & more",
)
INSTALL = replace(
    CLOUD,
    accel="kvm",
    vcpus=4,
    boot=ISO,
    disk=DiskSpec(DiskOrigin.NEW, VolumeName("default", "web-1.qcow2"), 20 << 30, path=f"{FOLDER}/web-1.qcow2"),
    seed=replace(SEED, sata=True),
)
KERNEL = replace(
    CLOUD,
    disk=DiskSpec(DiskOrigin.NONE),
    boot=BootSpec(BootKind.KERNEL, None, "", "/boot/vmlinuz", "/boot/initrd.img", "console=ttyS0 quiet"),
    nic=NicSpec("bridge", "br0"),
    seed=None,
    title="",
)
DEVICE = replace(
    CLOUD,
    accel="kvm",
    vcpus=2,
    disk=DiskSpec(DiskOrigin.EXISTING, VolumeName("vg", "web-1"), path="/dev/vg/web-1", format="raw", block=True),
    nic=None,
    seed=None,
    title="",
)

CASES = {
    "cloud-image-emulated": (CLOUD, EMULATED),
    "iso-on-kvm": (INSTALL, KVM),
    "kernel-without-disk": (KERNEL, EMULATED),
    "block-device-bare-host": (DEVICE, BARE),
    "iso-on-arm": (replace(INSTALL, accel="qemu"), ARM),
}


@pytest.mark.parametrize("case", CASES)
def test_a_definition_is_as_it_was_taken_before(case: str) -> None:
    assert build(*CASES[case]) == (GOLDEN / f"{case}.xml").read_text()


@pytest.mark.parametrize("case", CASES)
def test_a_definition_reads_back_as_what_was_wanted(case: str) -> None:
    spec, offers = CASES[case]
    read = vm_xml.read(build(spec, offers))
    assert read is not None
    assert (read.name, read.title, read.vcpus, read.memory_max) == (spec.name, spec.title, spec.vcpus, spec.memory)
    assert (read.accel, read.arch, read.machine) == (spec.accel, offers.arch, offers.machine)
    assert read.agent is AgentState.DISCONNECTED
    assert read.immovable == ()
    wanted = [spec.disk.path, spec.boot.iso_path, spec.seed.path if spec.seed is not None else ""]
    assert [disk.source for disk in read.disks] == [path for path in wanted if path]
    assert [(disk.readonly, disk.format) for disk in read.disks[1:]] == [(True, "raw")] * len(read.disks[1:])
    assert all(disk.format for disk in read.disks)
    assert len({disk.target for disk in read.disks}) == len(read.disks)
    assert [(nic.kind, nic.source) for nic in read.nics] == ([(spec.nic.kind, spec.nic.source)] if spec.nic else [])


def _order(spec: VmSpec, offers: Offers = KVM) -> list[tuple[str, str]]:
    root = ET.fromstring(build(spec, offers))
    disks = root.findall("devices/disk")
    return [
        (disk.find("target").get("dev", ""), disk.find("boot").get("order", ""))  # type: ignore[union-attr]
        for disk in disks
        if disk.find("boot") is not None
    ]


def test_an_installed_system_wins_over_its_iso() -> None:
    assert _order(INSTALL) == [("vda", "1"), ("sda", "2")]
    assert _order(replace(INSTALL, disk=DiskSpec(DiskOrigin.NONE))) == [("sda", "1")]
    assert _order(CLOUD) == [("vda", "1")]
    assert _order(KERNEL) == []
    assert _order(replace(KERNEL, disk=LINKED)) == []


def test_a_cpu_is_one_that_another_host_can_give() -> None:
    def cpu(spec: VmSpec, offers: Offers) -> tuple[str, str]:
        element = ET.fromstring(build(spec, offers)).find("cpu")
        assert element is not None
        return element.get("mode", ""), element.findtext("model", "")

    assert cpu(INSTALL, KVM) == ("host-model", "")
    assert cpu(replace(INSTALL, accel="qemu"), KVM) == ("custom", "qemu64")
    assert cpu(INSTALL, BARE) == ("custom", "EPYC-Milan")
    assert cpu(INSTALL, replace(BARE, cpu_model="")) == ("host-passthrough", "")


def test_a_screen_listens_on_the_host_alone() -> None:
    root = ET.fromstring(build(CLOUD, EMULATED))
    graphics = root.findall("devices/graphics")
    assert [screen.get("type") for screen in graphics] == ["vnc"]
    assert [listen.attrib for listen in root.iterfind("devices/graphics/listen")] == [
        {"type": "address", "address": "127.0.0.1"}
    ]
    assert ET.fromstring(build(DEVICE, BARE)).find("devices/graphics") is None


@pytest.mark.parametrize(
    ("spec", "offers", "said"),
    [
        (INSTALL, EMULATED, "there is no /dev/kvm"),
        (replace(CLOUD, vcpus=289), EMULATED, "at most 288 vCPUs"),
        (replace(CLOUD, disk=replace(LINKED, path="")), EMULATED, "Where the disk lies"),
        (replace(CLOUD, seed=replace(SEED, path="")), EMULATED, "Where the seed lies"),
        (replace(INSTALL, boot=replace(ISO, iso_path="")), KVM, "Where the ISO lies"),
    ],
    ids=["kvm", "vcpus", "disk", "seed", "iso"],
)
def test_what_a_host_does_not_offer_is_refused(spec: VmSpec, offers: Offers, said: str) -> None:
    with pytest.raises(NotSupported, match=said):
        build(spec, offers)


_NASTY = st.text("ab/<>&'\"]; \u00e9\u65e5", min_size=1, max_size=20).filter(str.strip)  # blanks alone are refused


@given(title=_NASTY, path=_NASTY, words=_NASTY)
def test_no_text_breaks_out_of_its_place(title: str, path: str, words: str) -> None:
    kernel = BootSpec(BootKind.KERNEL, None, "", f"/k{path}", f"/i{path}", words)
    spec = replace(KERNEL, title=title, boot=kernel, disk=replace(LINKED, path=f"/{path}"))
    root = ET.fromstring(build(spec, EMULATED))
    assert root.findtext("title") == title
    assert (root.findtext("os/kernel"), root.findtext("os/initrd")) == (f"/k{path}", f"/i{path}")
    assert root.findtext("os/cmdline") == words
    assert [source.get("file") for source in root.iterfind("devices/disk/source")] == [f"/{path}"]


def test_places_are_filled_in_where_they_are_missing() -> None:
    bare = replace(
        INSTALL,
        disk=DiskSpec(DiskOrigin.EXISTING, VolumeName("vg", "old")),
        boot=replace(ISO, iso_path=""),
        seed=replace(SEED, path=""),
    )
    assert [str(name) for name in volumes_without_path(bare)] == ["vg/old", "iso/install.iso", "default/web-1-seed.iso"]
    old = Volume("vg", "old", "/dev/vg/old", "raw", MIB, MIB, block=True)
    spec = placed(
        bare,
        {("vg", "old"): old, ("iso", "install.iso"): "/srv/i.iso", ("default", "web-1-seed.iso"): "/srv/s.iso"},
    )
    assert (spec.disk.path, spec.disk.block, spec.disk.format) == ("/dev/vg/old", True, "raw")
    assert (spec.boot.iso_path, spec.seed and spec.seed.path) == ("/srv/i.iso", "/srv/s.iso")
    assert list(volumes_without_path(spec)) == []
    assert placed(spec, {}) == spec


def test_a_disk_to_be_made_keeps_the_format_that_is_wanted() -> None:
    bare = replace(CLOUD, disk=replace(LINKED, path=""))
    spec = placed(bare, {("default", "web-1.qcow2"): f"{FOLDER}/x"})
    assert (spec.disk.path, spec.disk.format, spec.disk.block) == (f"{FOLDER}/x", "qcow2", False)
