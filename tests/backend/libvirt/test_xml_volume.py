"""Documents of volumes, pools and domain capabilities."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from kvmtui.backend.libvirt.xml import domcaps
from kvmtui.backend.libvirt.xml.volume import PoolText, VolumeText, build, read, read_pool

FILES = PoolText("/srv/images", has_files=True)
DEVICES = PoolText("/dev/vg", has_files=False)
VOLUME = """
<volume type='file'>
  <name>a.qcow2</name><key>/srv/images/a.qcow2</key>
  <capacity unit='bytes'>80740352</capacity><allocation unit='KiB'>196</allocation>
  <target><path>/srv/images/a.qcow2</path><format type='qcow2'/></target>
  <backingStore><path>/srv/images/base.img</path><format type='raw'/></backingStore>
</volume>"""


def test_a_volume_is_read() -> None:
    assert read(VOLUME) == VolumeText(
        "/srv/images/a.qcow2", "qcow2", 80_740_352, 196 * 1024, "/srv/images/base.img", block=False
    )
    device = read("<volume type='block'><target><path>/dev/vg/a</path></target></volume>")
    assert (device.path, device.format, device.block) == ("/dev/vg/a", "raw", True)
    assert read("no XML").path == ""


@pytest.mark.parametrize(("kind", "has_files"), [("dir", True), ("netfs", True), ("logical", False), ("rbd", False)])
def test_a_pool_says_what_its_volumes_are(kind: str, has_files: bool) -> None:
    pool = read_pool(f"<pool type='{kind}'><name>p</name><target><path>/srv/p</path></target></pool>")
    assert pool == PoolText("/srv/p", has_files)


def test_a_file_takes_room_only_as_it_is_filled() -> None:
    root = ET.fromstring(build("a & b.raw", 1 << 30, "raw", pool=FILES))
    assert root.findtext("name") == "a & b.raw"
    assert (root.findtext("capacity"), root.findtext("allocation")) == (str(1 << 30), "0")
    assert root.find("target/format[@type='raw']") is not None
    assert root.find("backingStore") is None


def test_a_device_is_wholly_there_and_has_no_format() -> None:
    root = ET.fromstring(build("a", 1 << 30, "qcow2", pool=DEVICES))
    assert root.find("allocation") is None
    assert root.find("target/format") is None


@pytest.mark.parametrize(("is_format", "written"), [("qcow2", "qcow2"), ("raw", "raw"), ("iso", "raw")])
def test_the_format_of_what_a_volume_builds_upon_is_always_said(is_format: str, written: str) -> None:
    backing = VolumeText("/srv/images/base", is_format, 1, 1, "", block=False)
    root = ET.fromstring(build("a.qcow2", 1 << 30, "qcow2", pool=FILES, backing=backing))
    assert root.findtext("backingStore/path") == "/srv/images/base"
    form = root.find("backingStore/format")
    assert form is not None
    assert form.get("type") == written
    assert root.findtext("target/compat") == "1.1"


DOMCAPS = """
<domainCapabilities>
  <path>/usr/bin/qemu-system-x86_64</path><domain>kvm</domain><machine>pc-q35-7.2</machine><arch>x86_64</arch>
  <vcpu max='288'/>
  <cpu>
    <mode name='host-passthrough' supported='no'/>
    <mode name='host-model' supported='yes'><model fallback='forbid'>EPYC</model></mode>
    <mode name='custom' supported='yes'>{models}</mode>
  </cpu>
  <devices>
    <disk supported='yes'><enum name='bus'><value>virtio</value><value>sata</value></enum></disk>
    <graphics supported='no'><enum name='type'><value>vnc</value></enum></graphics>
    <video supported='yes'><enum name='modelType'><value>vga</value></enum></video>
    <rng supported='no'/>
  </devices>
</domainCapabilities>"""


def test_domain_capabilities_are_read() -> None:
    found = domcaps.read(DOMCAPS.format(models="<model usable='yes'>kvm64</model><model usable='no'>EPYC</model>"))
    assert (found.arch, found.machine, found.vcpus_max) == ("x86_64", "pc-q35-7.2", 288)
    assert found.disk_buses == ("virtio", "sata")
    assert found.cpu_modes == ("host-model", "custom")
    assert (found.cpu_model, found.usable_models) == ("EPYC", ("kvm64",))
    assert (found.rng, found.graphics, found.videos) == (False, (), ("vga",))
    assert not found.is_crippled


@pytest.mark.parametrize(
    ("models", "is_crippled"),
    [
        ("<model usable='yes'>pentium3</model><model usable='no'>qemu64</model>", True),
        ("<model usable='no'>qemu64</model>", True),
        ("<model usable='yes'>486</model><model usable='yes'>Conroe</model>", False),
        ("<model usable='yes'>qemu64</model>", False),
        ("", False),
        ("<model usable='unknown'>qemu64</model>", False),
    ],
    ids=["old", "none", "intel", "generic", "silent", "unknown"],
)
def test_an_acceleration_without_a_64_bit_cpu_is_none(models: str, is_crippled: bool) -> None:
    assert domcaps.read(DOMCAPS.format(models=models)).is_crippled is is_crippled


def test_nothing_is_read_of_no_document() -> None:
    found = domcaps.read("")
    assert (found.arch, found.disk_buses, found.is_crippled) == ("", (), False)
