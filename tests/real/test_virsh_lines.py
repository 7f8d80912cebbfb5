"""The virsh line that a change shows does what the change does, and neither touches anything else of a definition."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import pytest

from kvmtui.backend import backend_for
from kvmtui.commands import registry
from kvmtui.commands.base import Target
from kvmtui.commands.making_lines import shell_lines
from kvmtui.core.inventory import VmState
from tests.real.lab.process import output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kvmtui.backend.base import Backend
    from kvmtui.commands.base import Answers
    from tests.real.lab import Host

KVMTUI = "https://kvmtui.dev/xmlns/1"
ODD = "-a 'b' \"c\" $(exit) `id` \\ <d> & ü"
OS = "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
PLAIN = f"<memory unit='MiB'>16</memory><vcpu>1</vcpu>{OS}<devices><controller type='usb' model='none'/></devices>"
FOREIGN = (
    "<metadata><a:x xmlns:a='https://a.example/1' k='&lt;&amp;'><a:y>1</a:y>text</a:x>"
    "<nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'><nova:name>ü</nova:name></nova:instance>"
    "</metadata>"
)
RICH = {
    "many devices": f"<title>T</title><description>one\ntwo &amp; three</description>{FOREIGN}"
    "<memory unit='KiB'>65537</memory><currentMemory unit='KiB'>40001</currentMemory>"
    f"<vcpu placement='static' current='2'>4</vcpu>{OS}"
    "<features><acpi/><apic/><hyperv mode='custom'><relaxed state='on'/></hyperv>"
    "<kvm><hidden state='on'/></kvm></features>"
    "<clock offset='timezone' timezone='Europe/Berlin'><timer name='rtc' tickpolicy='catchup'/></clock>"
    "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>preserve</on_crash><devices>"
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none' discard='unmap'/>"
    "<source file='/srv/a b&apos;.qcow2'/><target dev='vda' bus='virtio'/>"
    "<iotune><total_iops_sec>100</total_iops_sec></iotune>"
    "<serial>s-1</serial></disk><disk type='network' device='disk'><driver name='qemu' type='raw'/>"
    "<source protocol='rbd' name='pool/x'><host name='ceph' port='6789'/></source>"
    "<target dev='vdb' bus='virtio'/></disk>"
    "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"
    "<interface type='bridge'><mac address='52:54:00:11:22:33'/><source bridge='br9'/><model type='e1000e'/>"
    "<bandwidth><inbound average='1000'/></bandwidth></interface><serial type='pty'/>"
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    "<input type='tablet' bus='usb'/>"
    "<graphics type='vnc' port='-1' autoport='yes' passwd='vnc-pass' listen='127.0.0.1'/>"
    "<graphics type='spice' autoport='yes' passwd='sp-pass'/><video><model type='virtio' heads='2'/></video>"
    "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x07' slot='0x00' "
    "function='0x0'/></source></hostdev><watchdog model='i6300esb' action='reset'/>"
    "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices>",
    "NUMA, huge pages, TPM": "<memory unit='GiB'>2</memory><memoryBacking><hugepages><page size='2048' unit='KiB'/>"
    "</hugepages><source type='memfd'/><access mode='shared'/></memoryBacking>"
    "<vcpu placement='static' cpuset='0-1'>4</vcpu>"
    "<cputune><shares>512</shares><vcpupin vcpu='0' cpuset='0'/></cputune>"
    "<numatune><memory mode='strict' nodeset='0'/></numatune>"
    f"{OS}<features><acpi/></features><cpu mode='custom' match='exact' check='none'><model>qemu64</model>"
    "<topology sockets='1' cores='4' threads='1'/><numa><cell id='0' cpus='0-1' memory='1' unit='GiB'/>"
    "<cell id='1' cpus='2-3' memory='1' unit='GiB'/></numa></cpu><devices>"
    "<filesystem type='mount'><driver type='virtiofs'/><source dir='/srv/share'/><target dir='tag'/></filesystem>"
    "<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>"
    "<memballoon model='none'/></devices>"
    "<seclabel type='none' model='dac'/>",
    "arguments of QEMU's own": f"<memory unit='MiB'>16</memory><vcpu>1</vcpu>{OS}<devices/>"
    "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-name'/>"
    "<qemu:arg value='a,debug-threads=on'/><qemu:env name='A' value='b c'/></qemu:commandline>",
}


class Vms:
    """VMs of one test on a host, each defined from the inside of its `<domain>`."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._made: list[str] = []

    def define(self, inside: str, *, name: str = "", running: bool = False, transient: bool = False) -> Target:
        uuid = str(uuid4())
        xml = f"<domain type='qemu'><name>{name or f'line-{uuid[:8]}'}</name><uuid>{uuid}</uuid>{inside}</domain>"
        output(["virsh", "-q", "-c", self.host.uri, "create" if transient else "define", "/dev/stdin"], stdin=xml)
        self._made.append(uuid)
        if running and not transient:
            self.host.virsh("start", uuid)
        target = self.target(uuid, VmState.RUNNING if running or transient else VmState.OFF)
        return target._replace(persistent=not transient, tpm="<tpm " in inside)

    def target(self, uuid: str, state: VmState) -> Target:
        return Target(self.host.name, "", uuid, self.host.virsh("domname", uuid), state, self.host.uri)

    def document(self, uuid: str, *options: str) -> str:
        return self.host.virsh("dumpxml", uuid, "--security-info", *options)

    def remove(self) -> None:
        left = self.host.virsh("list", "--all", "--uuid").split()
        for uuid in self._made:
            if uuid in left:
                if self.host.virsh("domstate", uuid) != "shut off":
                    self.host.virsh("destroy", uuid)
                if uuid in self.host.virsh("list", "--all", "--uuid").split():
                    self.host.virsh("undefine", uuid, "--managed-save", "--snapshots-metadata", "--keep-nvram")


@pytest.fixture
def vms(hv1: Host) -> Iterator[Vms]:
    made = Vms(hv1)
    yield made
    made.remove()


@pytest.fixture
async def backend(hv1: Host) -> AsyncIterator[Backend]:
    made = backend_for(hv1.uri)
    made.listen(lambda _wake: None)
    await made.connect()
    yield made
    await made.close()


def line(id_: str, target: Target, **answers: str | bool | tuple[str, ...]) -> str:
    """Run the line that a change shows in a shell, and return it."""
    command = registry.by_id(id_)
    assert command is not None
    given: Answers = command.validate(answers)
    said = command.virsh(target, given)
    shell(said)
    return said


def shell(said: str) -> None:
    """Run lines in a shell."""
    words = ["/bin/sh", "-e", "-c", said]
    done = subprocess.run(words, cwd=Path.home(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{said}\n{done.stdout}{done.stderr}"


def texts(document: str) -> tuple[str, str, list[str]]:
    """Return the title, the description and the tags."""
    root = ET.fromstring(document)
    tags = [tag.text or "" for tag in root.iter(f"{{{KVMTUI}}}tag")]
    return root.findtext("title", ""), root.findtext("description", ""), tags


def rest(document: str) -> str:
    """Return the definition without its name, texts, and what kvmtui itself keeps in it."""
    root = ET.fromstring(document)
    for name in ("name", "title", "description"):
        for found in root.findall(name):
            root.remove(found)
    metadata = root.find("metadata")
    if metadata is not None:
        for own in metadata.findall(f"{{{KVMTUI}}}vm"):
            metadata.remove(own)
        if not len(metadata):
            root.remove(metadata)
    return ET.canonicalize(ET.tostring(root), strip_text=True)


@pytest.mark.parametrize("kind", ["off", "running", "transient"])
async def test_the_lines_for_texts_and_tags_do_what_the_program_does(vms: Vms, backend: Backend, kind: str) -> None:
    inside = f"<title>old</title><description>older</description>{FOREIGN}{PLAIN}"
    by_line, by_us = (vms.define(inside, running=kind == "running", transient=kind == "transient") for _ in range(2))
    for title, tags in ((ODD, ("web", "<b>", "-c")), ("", ())):
        description = f"{title}\n{title}" if title else ""
        line("vm.describe", by_line, title=title, description=description)
        line("vm.tags", by_line, tags=",".join(tags))
        await backend.definition.set_text(by_us.uuid, title=title, description=description)
        await backend.definition.set_tags(by_us.uuid, tags)
        for options in ((), ("--inactive",)):
            one, other = (vms.document(target.uuid, *options) for target in (by_line, by_us))
            assert texts(one) == texts(other) == (title, description, list(tags))


@pytest.mark.parametrize("name", ["plain", "--all", f"b{ODD}", "7", "{uuid}"])
async def test_a_vm_of_any_name_is_the_one_that_the_lines_change(vms: Vms, name: str) -> None:
    other = vms.define(PLAIN)
    target = vms.define(PLAIN, name=escape(name.replace("{uuid}", other.uuid)))
    line("vm.autostart-on", target)
    found = vms.host.virsh("list", "--all", "--autostart", "--uuid").split()
    assert (target.uuid in found, other.uuid in found) == (True, False)
    line("vm.autostart-off", target)
    assert target.uuid not in vms.host.virsh("list", "--all", "--autostart", "--uuid").split()
    line("vm.rename", target, name=ODD)
    assert vms.host.virsh("domname", target.uuid) == ODD
    line("vm.delete", vms.target(target.uuid, VmState.OFF))
    assert target.uuid not in vms.host.virsh("list", "--all", "--uuid").split()


@pytest.mark.parametrize("device", ["", "<tpm model='tpm-tis'><backend type='passthrough'/></tpm>"])
def test_the_line_that_deletes_takes_the_chosen_disk_and_no_other(vms: Vms, device: str) -> None:
    folder = "/var/lib/libvirt/images"
    for name in ("line-a.img", "line-b.img"):
        vms.host.virsh("vol-create-as", "default", name, "1M")
    disks = "".join(
        f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{folder}/line-{letter}.img'/>"
        f"<target dev='vd{letter}' bus='virtio'/></disk>"
        for letter in "ab"
    )
    target = vms.define(PLAIN.replace("</devices>", f"{disks}{device}</devices>"))
    try:
        said = line("vm.delete", target, disks=("vda",), snapshots=True, saved=True)
        assert ("--keep-tpm" in said) is bool(device)
        assert target.uuid not in vms.host.virsh("list", "--all", "--uuid").split()
        left = vms.host.virsh("vol-list", "default")
        assert ("line-a.img" in left, "line-b.img" in left) == (False, True)
    finally:
        for name in ("line-a.img", "line-b.img"):
            if name in vms.host.virsh("vol-list", "default"):
                vms.host.virsh("vol-delete", name, "--pool", "default")


@pytest.mark.parametrize("file", ["~/line up.img", "./-line.img"])
def test_the_lines_that_send_a_file_and_make_a_disk_do_what_they_say(vms: Vms, file: str) -> None:
    path = Path.home() / file[2:]
    path.write_bytes(b"ab" * 1024)
    host = Target(vms.host.name, "", "", vms.host.name, None, vms.host.uri)

    def size(name: str) -> str:
        return vms.host.virsh("vol-info", name, "--pool", "default", "--bytes").split("Capacity:")[1].split()[0]

    made = ("line-up.img", "line-new.qcow2", "line-built.qcow2")
    try:
        line("volume.upload", host, host="hv1", file=file.removeprefix("./"), pool="default", name="line-up.img")
        for disk, amount, image in (("new", "1.5 MB", ""), ("linked", "2m", "default/line-up.img")):
            name = made[1 if disk == "new" else 2].removesuffix(".qcow2")
            answers = {"name": name, "pool": "default", "disk": disk, "size": amount, "image": image}
            shell(shell_lines(host, answers, "raw")[0])
        assert [size(name) for name in made] == ["2048", str(3 << 19), str(2 << 20)]
    finally:
        path.unlink()
        for name in made:
            if name in vms.host.virsh("vol-list", "default"):
                vms.host.virsh("vol-delete", "--pool", "default", "--vol", name)


async def test_the_lines_for_power_do_what_they_say(vms: Vms) -> None:
    target = vms.define(PLAIN)

    def state() -> str:
        return vms.host.virsh("domstate", target.uuid)

    for id_, then in (
        ("vm.start", "running"),
        ("vm.pause", "paused"),
        ("vm.resume", "running"),
        ("vm.send-keys", "running"),
        ("vm.nmi", "running"),
        ("vm.reset", "running"),
        ("vm.reboot", "running"),
        ("vm.shutdown", "running"),  # nobody in it listens
        ("vm.hibernate", "shut off"),
        ("vm.drop-saved", "shut off"),
        ("vm.start", "running"),
        ("vm.force-off", "shut off"),
    ):
        line(id_, target, **({"keys": "ctrl-alt-f1 enter"} if id_ == "vm.send-keys" else {}))
        assert state() == then, id_


@pytest.mark.parametrize("kind", RICH)
async def test_a_change_of_a_rich_definition_changes_nothing_else(vms: Vms, backend: Backend, kind: str) -> None:
    target = vms.define(RICH[kind])
    uuid = target.uuid
    before = rest(vms.document(uuid))
    definition = backend.definition
    for title, description, tags in (("new", "a\nb <c>", ("x", "<y>")), ("", "", ())):
        await definition.set_text(uuid, title=title, description=description)
        await definition.set_tags(uuid, tags)
        document = vms.document(uuid)
        assert texts(document) == (title, description, list(tags))
        assert rest(document) == before
    await definition.set_autostart(uuid, on=True)
    await definition.rename(uuid, f"{target.name} <ü>")
    await definition.set_autostart(uuid, on=False)
    assert vms.host.virsh("domname", uuid) == f"{target.name} <ü>"
    assert rest(vms.document(uuid)) == before
    shown = await definition.xml(uuid, inactive=True)
    for password in ("vnc-pass", "sp-pass"):
        assert password not in shown
