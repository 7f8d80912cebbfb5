"""What moving a VM depends on, read from its definition, its pools and its volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from kvmtui.backend.libvirt.xml import vm as vm_xml
from kvmtui.backend.libvirt.xml.reading import attribute, parse, size, text_of
from kvmtui.core.migration import MoveDisk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.core.inventory import Disk

_HERE = frozenset({"localhost", "localhost.localdomain", "127.0.0.1", "::1"})
_NUMA = "its memory is bound to NUMA cells by number"
_NOTES = (
    ("memoryBacking/hugepages", "it uses huge pages, and the other host needs enough that are free"),
    ("cputune/vcpupin", "its vCPUs are pinned to CPUs by number"),
    ("numatune/memory", _NUMA),
    ("numatune/memnode", _NUMA),
    ("devices/hostdev[@type='usb']", "it has a USB device of the host"),
)
_REMOTE_POOLS = frozenset({"netfs", "gluster", "iscsi", "iscsi-direct", "rbd", "sheepdog", "vstorage"})


@dataclass(frozen=True, slots=True)
class Movable:
    """The parts of a definition that a move depends on."""

    arch: str = ""
    machine: str = ""
    accel: str = ""
    emulator: str = ""
    cpu_xml: str = ""  # "" for none
    memory_max: int = 0
    vcpus_max: int = 0
    disks: tuple[MoveDisk, ...] = ()
    networks: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    blockers: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class PoolFacts(NamedTuple):
    """Where a pool's volumes appear, and what it is mounted from."""

    path: str
    origin: str  # "" for storage of its host alone, or that says nothing of itself


class VolumeFacts(NamedTuple):
    """A volume as its document tells of it; sizes are bytes, the stamp is nanoseconds since the epoch."""

    path: str
    capacity: int | None
    allocation: int | None
    stamp: int | None
    backing: str = ""  # the path of what it builds upon


def read(text: str) -> Movable:
    """Read a definition; one that is no XML at all says nothing."""
    root, known = parse(text), vm_xml.read(text)
    if root is None or known is None:
        return Movable()
    chains = vm_xml.chain(text)
    elements = {attribute(element, "target", "dev"): element for element in root.iterfind("devices/disk")}
    cpu = root.find("cpu")
    return Movable(
        arch=known.arch,
        machine=known.machine,
        accel=known.accel,
        emulator=text_of(root, "devices/emulator").strip(),
        cpu_xml=_text(cpu) if cpu is not None else "",
        memory_max=known.memory_max,
        vcpus_max=known.vcpus_max,
        disks=tuple(_disk(disk, elements[disk.target], chains.get(disk.target, ())) for disk in known.disks),
        networks=tuple(nic.source for nic in known.nics if nic.kind == "network"),
        bridges=tuple(nic.source for nic in known.nics if nic.kind == "bridge"),
        blockers=(*known.immovable, *_blockers(root)),
        kept=(*(("firmware settings (NVRAM)",) if known.nvram else ()), *(("TPM state",) if known.tpm else ())),
        notes=tuple(_notes(root)),
    )


def pool(text: str) -> PoolFacts:
    """Read a pool's document."""
    root = parse(text)
    path = text_of(root, "target/path").strip()
    if root is None or root.get("type", "") not in _REMOTE_POOLS:
        return PoolFacts(path, "")
    hosts = [host.get("name", "") for host in root.iterfind("source/host")]
    if not hosts or any(host.lower() in _HERE for host in hosts):
        return PoolFacts(path, "")
    where = (
        attribute(root, "source/dir", "path")
        or attribute(root, "source/device", "path")
        or text_of(root, "source/name")
    )
    return PoolFacts(path, f"{root.get('type')}:{','.join(sorted(hosts))}:{where}" if where else "")


def volume(text: str) -> VolumeFacts:
    """Read a volume's document."""
    root = parse(text)
    if root is None:
        return VolumeFacts("", None, None, None)
    capacity, allocation = root.find("capacity"), root.find("allocation")
    return VolumeFacts(
        path=text_of(root, "target/path").strip(),
        capacity=size(capacity, "bytes") if capacity is not None else None,
        allocation=size(allocation, "bytes") if allocation is not None else None,
        stamp=_nanoseconds(text_of(root, "target/timestamps/ctime").strip()),
        backing=text_of(root, "backingStore/path").strip(),
    )


def host_cpu(text: str) -> str:
    """Return the host's CPU, from its capabilities, in a form that can be compared with another's as a whole."""
    cpu = None if (root := parse(text)) is None else root.find("host/cpu")
    if cpu is None:
        return ""
    features = sorted(feature.get("name", "") for feature in cpu.iterfind("feature"))
    return " ".join((text_of(cpu, "arch"), text_of(cpu, "vendor"), text_of(cpu, "model"), *features))


def cpu_mode(cpu_xml: str) -> str:
    """Return the mode of a <cpu> element; "" for none."""
    root = parse(cpu_xml) if cpu_xml else None
    return root.get("mode", "custom") if root is not None else ""


def cpu_check(cpu_xml: str) -> str:
    """Return how a <cpu> element has it checked what the VM really gets; "" when it does not say."""
    root = parse(cpu_xml) if cpu_xml else None
    return root.get("check", "") if root is not None else ""


def _text(element: ET.Element) -> str:
    copied = ET.fromstring(ET.tostring(element))
    copied.tail = None
    return ET.tostring(copied, encoding="unicode")


def _disk(disk: Disk, element: ET.Element, chain: tuple[str, ...]) -> MoveDisk:
    return MoveDisk(
        target=disk.target,
        kind=disk.kind,
        source=disk.source,
        format=disk.format,
        readonly=disk.readonly,
        shareable=disk.shareable,
        cache=attribute(element, "driver", "cache"),
        capacity=None,
        allocation=None,
        backing=chain[1:] if disk.source else (),
        device=disk.device,
        optional=attribute(element, "source", "startupPolicy") in {"optional", "requisite"},
    )


def _blockers(root: ET.Element) -> Iterator[str]:
    """Yield what libvirt or QEMU refuse, beside the devices that tie any VM to its host."""
    for disk in root.iterfind("devices/disk"):
        target = attribute(disk, "target", "dev")
        if disk.find("mirror") is not None:
            yield f"a block job works on its disk {target}"
        if disk.get("type") == "nvme":
            yield f"its disk {target} is an NVMe device of the host"
    for feature in root.iterfind("cpu/feature"):
        if feature.get("name") == "invtsc" and feature.get("policy") in {None, "require", "force"}:
            frequency = any(
                timer.get("name") == "tsc" and timer.get("frequency") for timer in root.iterfind("clock/timer")
            )
            if not frequency:
                yield "its CPU has an invariant clock (invtsc) without a fixed frequency"


def _notes(root: ET.Element) -> Iterator[str]:
    """Yield what a definition asks of its host that cannot be looked up from here."""
    for path, note in _NOTES:
        if root.find(path) is not None:
            yield note
    kernel = text_of(root, "os/kernel").strip()
    if kernel:
        yield f"it boots the kernel {kernel}, which the other host needs for its next start"
    for nic in root.iterfind("devices/interface"):
        if nic.get("type") == "direct":
            yield f"a network card is put directly on the host's device {attribute(nic, 'source', 'dev')}"
        filter_ = attribute(nic, "filterref", "filter")
        if filter_:
            yield f"a network card has the filter {filter_}"
    if any(attribute(system, "driver", "type") != "virtiofs" for system in root.iterfind("devices/filesystem")):
        yield "it shares a directory of the host"
    if root.find("devices/disk//auth") is not None or root.find("devices/disk//encryption") is not None:
        yield "its disks need secrets, which must be known to the other host"


def _nanoseconds(text: str) -> int | None:
    """Return "1700000000.123456789" as a whole number, without what a float would lose."""
    seconds, _, rest = text.partition(".")
    if not (seconds.isascii() and seconds.isdigit()) or not (rest == "" or (rest.isascii() and rest.isdigit())):
        return None
    return int(seconds) * 10**9 + int(rest[:9].ljust(9, "0") or "0")
