"""A VM's definition, read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from kvmtui.backend.libvirt.xml.reading import attribute, number, parse, size, text_of
from kvmtui.core.inventory import AgentState, Disk, Nic

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACE = "https://kvmtui.dev/xmlns/1"
PREFIX = "kvmtui"

_OWNERS = (
    ("openstack.org", "nova"),
    ("ovirt.org", "oVirt"),
    ("kubevirt.io", "KubeVirt"),
)
_AGENT = "org.qemu.guest_agent.0"
_OS_ID = "{http://libosinfo.org/xmlns/libvirt/domain/1.0}os"
_SOURCES = ("file", "dev", "dir", "bridge", "network", "path")


@dataclass(frozen=True, slots=True)
class Definition:
    """The parts of a definition that are shown; of a running VM they are the live ones."""

    name: str = ""
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str = ""
    template: bool = False
    vcpus: int = 0
    vcpus_max: int = 0
    memory: int = 0
    memory_max: int = 0
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    os: str = ""
    firmware: str = ""
    nvram: str = ""
    tpm: bool = False
    machine: str = ""
    arch: str = ""
    accel: str = ""
    cpu_model: str = ""
    agent: AgentState = AgentState.NONE
    immovable: tuple[str, ...] = ()

    def essentials(self) -> tuple[object, ...]:
        """Return what makes a stored definition another than the live one, without what always differs."""
        return (
            self.vcpus,
            self.vcpus_max,
            self.memory_max,
            self.firmware,
            self.nvram,
            self.tpm,
            self.immovable,
            tuple((disk.target, disk.device, disk.bus, disk.source, disk.readonly) for disk in self.disks),
            tuple((nic.mac, nic.model, nic.kind, nic.source) for nic in self.nics),
        )


def read(text: str) -> Definition | None:
    """Read a definition; None when it cannot be read as XML at all."""
    root = parse(text)
    if root is None:
        return None
    vcpu = root.find("vcpu")
    vcpus_max = number((vcpu.text or "").strip()) if vcpu is not None else 0
    current = number(vcpu.get("current")) if vcpu is not None else 0
    memory_max = size(root.find("memory"))
    metadata = root.find("metadata")
    return Definition(
        name=text_of(root, "name"),
        title=text_of(root, "title"),
        description=text_of(root, "description"),
        tags=tags(metadata),
        owner=_owner(metadata),
        template=metadata is not None and metadata.find(f".//{{{NAMESPACE}}}template") is not None,
        vcpus=current or vcpus_max,
        vcpus_max=vcpus_max,
        memory=size(root.find("currentMemory")) or memory_max,
        memory_max=memory_max,
        disks=tuple(_disk(disk) for disk in root.iterfind("devices/disk")),
        nics=tuple(_nic(nic) for nic in root.iterfind("devices/interface")),
        os=_os(metadata),
        firmware=_firmware(root),
        nvram=text_of(root, "os/nvram").strip() or attribute(root, "os/nvram/source", "file"),
        tpm=root.find("devices/tpm") is not None,
        machine=attribute(root, "os/type", "machine"),
        arch=attribute(root, "os/type", "arch"),
        accel=root.get("type", ""),
        cpu_model=_cpu(root),
        agent=_agent(root),
        immovable=tuple(_immovable(root)),
    )


def tags(metadata: ET.Element | None) -> tuple[str, ...]:
    """Return the tags that kvmtui keeps with a VM."""
    if metadata is None:
        return ()
    found = metadata.iterfind(f".//{{{NAMESPACE}}}tag")
    return tuple(dict.fromkeys(tag.text.strip() for tag in found if tag.text and tag.text.strip()))


def with_tags(own: str, new: tuple[str, ...]) -> str:
    """Return kvmtui's metadata element with these tags, keeping what else it holds; `own` is "" for none yet."""
    root = parse(own) if own else None
    if root is None:
        root = ET.Element(f"{{{NAMESPACE}}}vm")
    for child in list(root):
        if child.tag in {f"{{{NAMESPACE}}}tag", "tag"}:
            root.remove(child)
    for tag in new:
        ET.SubElement(root, f"{{{NAMESPACE}}}tag").text = tag
    for element in root.iter():
        # libvirt puts our namespace on every element that has none, and takes a prefix of its own for it.
        if isinstance(element.tag, str):
            element.tag = element.tag.removeprefix(f"{{{NAMESPACE}}}")
    return ET.tostring(root, encoding="unicode")


def chain(text: str) -> dict[str, tuple[str, ...]]:
    """Return each disk's source and the backing files that the document tells of, by target name."""
    root = parse(text)
    found: dict[str, tuple[str, ...]] = {}
    if root is None:
        return found
    for disk in root.iterfind("devices/disk"):
        sources = [_source(disk)]
        store = disk.find("backingStore")
        while store is not None:
            sources.append(_source(store))
            store = store.find("backingStore")
        mirror = disk.find("mirror")
        if mirror is not None:
            sources.append(_source(mirror))
        found[attribute(disk, "target", "dev")] = tuple(source for source in sources if source)
    return found


def _disk(disk: ET.Element) -> Disk:
    store = disk.find("backingStore")
    return Disk(
        target=attribute(disk, "target", "dev"),
        device=disk.get("device", "disk"),
        bus=attribute(disk, "target", "bus"),
        kind=disk.get("type", ""),
        source=_source(disk),
        format=attribute(disk, "driver", "type"),
        readonly=disk.find("readonly") is not None or disk.get("device") == "cdrom",
        shareable=disk.find("shareable") is not None,
        overlay=store is not None and bool(_source(store)),
    )


def _source(disk: ET.Element) -> str:
    source = disk.find("source")
    if source is None:
        return ""
    if source.get("pool") and source.get("volume"):
        return f"{source.get('pool')}/{source.get('volume')}"
    if source.get("protocol"):
        return f"{source.get('protocol')}:{source.get('name', '')}"
    return next((source.get(name, "") for name in _SOURCES if source.get(name)), "")


def _nic(nic: ET.Element) -> Nic:
    source = nic.find("source")
    given = "" if source is None else next((source.get(name, "") for name in _SOURCES[1:] if source.get(name)), "")
    kind = nic.get("type", "")
    if source is not None and kind in {"network", "bridge"}:
        given = source.get(kind, given)
    return Nic(
        mac=attribute(nic, "mac", "address").lower(),
        target=attribute(nic, "target", "dev"),
        model=attribute(nic, "model", "type"),
        kind=kind,
        source=given,
    )


def _owner(metadata: ET.Element | None) -> str:
    for child in () if metadata is None else metadata:
        for part, owner in _OWNERS:
            if child.tag.startswith("{") and part in child.tag.partition("}")[0]:
                return owner
    return ""


def _os(metadata: ET.Element | None) -> str:
    """Return "debian 12" for http://debian.org/debian/12, as virt-install notes it."""
    found = None if metadata is None else metadata.find(f".//{_OS_ID}")
    parts = [] if found is None else found.get("id", "").rstrip("/").split("/")
    return " ".join(parts[-2:]) if len(parts) > 3 else ""


def _firmware(root: ET.Element) -> str:
    loader = root.find("os/loader")
    is_pflash = loader is not None and loader.get("type") == "pflash"
    if root.find("os/type") is None or text_of(root, "os/type") != "hvm":
        return ""
    if root.find("os") is not None and (attribute(root, "os", "firmware") == "efi" or is_pflash):
        secure = loader is not None and loader.get("secure") == "yes"
        wanted = any(
            feature.get("name") == "secure-boot" and feature.get("enabled") == "yes"
            for feature in root.iterfind("os/firmware/feature")
        )
        return "UEFI secure boot" if secure or wanted else "UEFI"
    return "BIOS"


def _cpu(root: ET.Element) -> str:
    cpu = root.find("cpu")
    if cpu is None:
        return ""
    return text_of(cpu, "model").strip() or cpu.get("mode", "")


def _agent(root: ET.Element) -> AgentState:
    for target in root.iterfind("devices/channel/target"):
        if target.get("name") == _AGENT:
            return AgentState.CONNECTED if target.get("state") == "connected" else AgentState.DISCONNECTED
    return AgentState.NONE


def _immovable(root: ET.Element) -> Iterator[str]:
    """Yield what ties a running VM to its host."""
    for device in root.iterfind("devices/hostdev"):
        kind = device.get("type", "")
        if kind in {"pci", "scsi", "scsi_host", "mdev"} and device.find("teaming") is None:
            yield f"host device ({kind})"
    for nic in root.iterfind("devices/interface"):
        if nic.get("type") in {"hostdev", "vdpa"} and nic.find("teaming") is None:
            yield f"network interface on a host device ({attribute(nic, 'mac', 'address')})"
    for system in root.iterfind("devices/filesystem"):
        if system.find("driver") is not None and attribute(system, "driver", "type") == "virtiofs":
            yield "shared directory (virtiofs)"
    if root.find("devices/shmem") is not None:
        yield "shared memory with the host"
    if any(disk.find("transient") is not None for disk in root.iterfind("devices/disk")):
        yield "transient disk"
