"""Definitions and other documents, read."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from kvmtui.backend.libvirt import states
from kvmtui.backend.libvirt.xml import capabilities, vm
from kvmtui.core.inventory import AgentState, Disk, Nic, Reason, VmState

WINDOWS = """
<domain type='kvm' id='7'>
  <name>win-1</name>
  <uuid>11111111-1111-4111-8111-111111111111</uuid>
  <title>The [bold]accounts[/] box</title>
  <description>two
lines</description>
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
      <libosinfo:os id="http://microsoft.com/win/11"/>
    </libosinfo:libosinfo>
    <kvmtui:vm xmlns:kvmtui="https://kvmtui.dev/xmlns/1">
      <kvmtui:tag>prod</kvmtui:tag><kvmtui:tag>a b</kvmtui:tag><kvmtui:tag>prod</kvmtui:tag>
      <kvmtui:template/>
    </kvmtui:vm>
    <nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1"><nova:flavor/></nova:instance>
  </metadata>
  <memory unit='GiB'>16</memory>
  <currentMemory unit='KiB'>8388608</currentMemory>
  <vcpu placement='static' current='2'>8</vcpu>
  <os firmware='efi'>
    <type arch='x86_64' machine='pc-q35-9.2'>hvm</type>
    <loader readonly='yes' secure='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.ms.fd</loader>
    <nvram>/var/lib/libvirt/qemu/nvram/win-1_VARS.fd</nvram>
  </os>
  <cpu mode='custom' match='exact'><model fallback='forbid'>EPYC-Rome</model></cpu>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/>
      <source file='/srv/win-1.snap2' index='2'/>
      <backingStore type='file' index='3'>
        <format type='qcow2'/><source file='/srv/win-1.snap1'/>
        <backingStore type='file' index='4'>
          <format type='raw'/><source file='/srv/base.img'/><backingStore/>
        </backingStore>
      </backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='volume' device='disk'>
      <driver name='qemu' type='raw'/><source pool='nvme' volume='data'/><target dev='vdb' bus='scsi'/><shareable/>
      <backingStore/>
    </disk>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw'/><source protocol='rbd' name='vms/win-1'><host name='ceph'/></source>
      <target dev='vdc' bus='virtio'/>
    </disk>
    <disk type='block' device='lun'><source dev='/dev/sdx'/><target dev='sdb' bus='scsi'/></disk>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
    <interface type='network'>
      <mac address='52:54:00:AA:BB:CC'/><source network='default' portid='x' bridge='virbr0'/>
      <target dev='vnet3'/><model type='virtio'/>
    </interface>
    <interface type='bridge'>
      <mac address='52:54:00:aa:bb:cd'/><source bridge='br0'/><target dev='vnet4'/><model type='e1000e'/>
    </interface>
    <interface type='direct'>
      <mac address='52:54:00:aa:bb:ce'/><source dev='eno1' mode='bridge'/><target dev='macvtap0'/>
    </interface>
    <interface type='user'><mac address='52:54:00:aa:bb:cf'/></interface>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
    <hostdev mode='subsystem' type='pci' managed='yes'/>
    <hostdev mode='subsystem' type='usb' managed='yes'/>
    <filesystem type='mount'><driver type='virtiofs'/></filesystem>
    <tpm model='tpm-crb'><backend type='emulator'/></tpm>
  </devices>
</domain>
"""


def test_a_definition_is_read_whole() -> None:
    found = vm.read(WINDOWS)
    assert found is not None
    assert (found.name, found.title, found.description) == ("win-1", "The [bold]accounts[/] box", "two\nlines")
    assert (found.vcpus, found.vcpus_max) == (2, 8)
    assert (found.memory, found.memory_max) == (8 * 2**30, 16 * 2**30)
    assert (found.tags, found.owner, found.template) == (("prod", "a b"), "nova", True)
    assert (found.os, found.firmware, found.machine, found.arch) == (
        "win 11",
        "UEFI secure boot",
        "pc-q35-9.2",
        "x86_64",
    )
    assert (found.nvram, found.tpm) == ("/var/lib/libvirt/qemu/nvram/win-1_VARS.fd", True)
    assert (found.accel, found.cpu_model, found.agent) == ("kvm", "EPYC-Rome", AgentState.CONNECTED)
    assert found.immovable == ("host device (pci)", "shared directory (virtiofs)")


def test_its_disks() -> None:
    found = vm.read(WINDOWS)
    assert found is not None
    assert found.disks == (
        Disk("vda", "disk", "virtio", "file", "/srv/win-1.snap2", "qcow2", overlay=True),
        Disk("vdb", "disk", "scsi", "volume", "nvme/data", "raw", shareable=True),
        Disk("vdc", "disk", "virtio", "network", "rbd:vms/win-1", "raw"),
        Disk("sdb", "lun", "scsi", "block", "/dev/sdx", ""),
        Disk("sda", "cdrom", "sata", "file", "", "", readonly=True),
    )
    assert vm.chain(WINDOWS)["vda"] == ("/srv/win-1.snap2", "/srv/win-1.snap1", "/srv/base.img")


def test_its_interfaces() -> None:
    found = vm.read(WINDOWS)
    assert found is not None
    assert found.nics == (
        Nic("52:54:00:aa:bb:cc", "vnet3", "virtio", "network", "default"),
        Nic("52:54:00:aa:bb:cd", "vnet4", "e1000e", "bridge", "br0"),
        Nic("52:54:00:aa:bb:ce", "macvtap0", "", "direct", "eno1"),
        Nic("52:54:00:aa:bb:cf", "", "", "user", ""),
    )


def test_what_always_differs_between_live_and_stored_is_no_pending_change() -> None:
    live = vm.read(WINDOWS)
    stored = vm.read(
        WINDOWS.replace("<target dev='vnet3'/>", "")
        .replace(" portid='x' bridge='virbr0'", "")
        .replace("8388608</currentMemory>", "16777216</currentMemory>")
        .replace("state='connected'", "")
    )
    assert live is not None
    assert stored is not None
    assert live.essentials() == stored.essentials()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("current='2'", "current='4'"),
        (">8</vcpu>", ">16</vcpu>"),
        ("<memory unit='GiB'>16", "<memory unit='GiB'>32"),
        ("/srv/win-1.snap2", "/srv/other"),
        ("network='default'", "network='isolated'"),
        ("<tpm model='tpm-crb'><backend type='emulator'/></tpm>", ""),
    ],
)
def test_a_stored_definition_that_differs_is_seen(old: str, new: str) -> None:
    live, stored = vm.read(WINDOWS), vm.read(WINDOWS.replace(old, new))
    assert live is not None
    assert stored is not None
    assert live.essentials() != stored.essentials()


def test_characters_that_xml_forbids_cost_nothing_but_themselves() -> None:
    found = vm.read(WINDOWS.replace("accounts", "a\x1b[31m\x00counts"))
    assert found is not None
    assert found.title == "The [bold]a\ufffd[31m\ufffdcounts[/] box"
    assert found.vcpus_max == 8


@pytest.mark.parametrize("text", ["", "<domain>", "<domain><name>x</domain>", "no xml at all", "<!DOCTYPE x ["])
def test_a_document_that_cannot_be_read_is_none(text: str) -> None:
    assert vm.read(text) is None


def test_an_empty_definition_is_read_as_nothing_known() -> None:
    found = vm.read("<domain/>")
    assert found is not None
    assert (found.vcpus, found.memory, found.disks, found.agent) == (0, 0, (), AgentState.NONE)


@pytest.mark.parametrize(
    ("os", "firmware"),
    [
        ("<os><type>hvm</type></os>", "BIOS"),
        ("<os firmware='efi'><type>hvm</type></os>", "UEFI"),
        ("<os><type>hvm</type><loader type='pflash'>/x</loader></os>", "UEFI"),
        (
            "<os firmware='efi'><type>hvm</type><firmware><feature enabled='yes' name='secure-boot'/></firmware></os>",
            "UEFI secure boot",
        ),
        ("<os><type>exe</type></os>", ""),
    ],
)
def test_firmware(os: str, firmware: str) -> None:
    found = vm.read(f"<domain>{os}</domain>")
    assert found is not None
    assert found.firmware == firmware


def test_new_tags_keep_what_else_is_kept_with_them() -> None:
    own = "<kvmtui:vm xmlns:kvmtui='https://kvmtui.dev/xmlns/1'><kvmtui:tag>old</kvmtui:tag><kvmtui:template/></kvmtui:vm>"
    root = ET.fromstring(vm.with_tags(own, ("a<b", "ü")))
    assert [(child.tag, child.text) for child in root] == [("template", None), ("tag", "a<b"), ("tag", "ü")]


def test_capabilities() -> None:
    text = """
    <capabilities><host><uuid>abc</uuid>
      <cpu><arch>x86_64</arch><model>EPYC</model><vendor>AMD</vendor><feature name='svm'/><feature name='aes'/></cpu>
      <iommu support='yes'/>
      <topology><cells num='1'><cell id='0'><memory unit='KiB'>1024</memory><pages unit='KiB' size='4'>256</pages>
        <pages unit='KiB' size='2048'>3</pages><cpus num='2'><cpu id='0'/><cpu id='4'/></cpus></cell></cells></topology>
    </host><guest><arch name='x86_64'><domain type='qemu'/><domain type='kvm'/></arch></guest></capabilities>
    """
    found = capabilities.read(text)
    assert (found.uuid, found.arch, found.cpu_model, found.kvm, found.iommu) == (
        "abc",
        "x86_64",
        "AMD EPYC",
        True,
        True,
    )
    assert found.features == ("svm", "aes")
    assert found.cells == (capabilities.Cell(0, (0, 4), 1024 * 1024, {4096: 256, 2 * 2**20: 3}),)
    assert capabilities.host_uuid(text) == "abc"
    assert capabilities.read("garbage").uuid == ""


def test_states_and_events() -> None:
    assert states.of_state(3, 5) == (VmState.PAUSED, Reason.IO_ERROR)
    assert states.of_state(5, 3) == (VmState.OFF, Reason.CRASHED)
    assert states.of_state(99, 1) == (VmState.UNKNOWN, Reason.NONE)
    assert states.of_event(5, 2) == (VmState.OFF, Reason.CRASHED)
    assert states.of_event(3, 2) == (VmState.PAUSED, Reason.IO_ERROR)
    assert states.of_event(5, 99) == (VmState.OFF, Reason.NONE)
    assert states.of_event(0, 0) == (None, Reason.NONE)
