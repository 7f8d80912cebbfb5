"""The definition of a new VM, built from what is wanted and what its host offers."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from kvmtui.core.errors import NotSupported
from kvmtui.core.sizing import BootKind, DiskOrigin

if TYPE_CHECKING:
    from kvmtui.backend.base import Offers
    from kvmtui.core.specs import VmSpec

X86 = "x86_64"
_UEFI_ONLY = frozenset({"aarch64", "armv7l", "riscv64", "loongarch64"})  # nothing else boots a disk there
BALLOON_PERIOD = 10  # seconds between a guest's reports of its memory
SPARE_PORTS = 14  # q35 takes devices while it runs only in ports that it was started with

_VIDEOS = ("vga", "virtio", "qxl", "bochs", "cirrus")  # every QEMU that a VM may be moved to has the first
_CDROM_BUSES = ("sata", "scsi", "ide", "usb")
_KIB = 1024
# An emulated qemu64 with these is what x86-64-v2 asks for. Unlike the models of real CPUs it makes no guest guard
# against flaws that an emulator does not have, and every QEMU can give it.
_EMULATED = ("ssse3", "sse4.1", "sse4.2", "popcnt")


def build(spec: VmSpec, offers: Offers) -> str:
    """Return the definition; raises NotSupported for what the host does not offer."""
    _check(spec, offers)
    root = ET.Element("domain", type=spec.accel)
    _add(root, "name", spec.name)
    _add(root, "uuid", spec.uuid)
    if spec.title:
        _add(root, "title", spec.title)
    for tag in ("memory", "currentMemory"):
        _add(root, tag, str(-(-spec.memory // _KIB)), unit="KiB")
    _add(root, "vcpu", str(spec.vcpus), placement="static")
    _system(root, spec, offers)
    _features(root, offers)
    _cpu(root, spec, offers)
    _clock(root, offers)
    for event, action in (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy")):
        _add(root, event, action)
    devices = _add(root, "devices")
    _drives(devices, spec, offers)
    _ports(devices, offers)
    _card(devices, spec)
    _lines(devices)
    _screen(devices, offers)
    _add(_add(devices, "memballoon", model="virtio"), "stats", period=str(BALLOON_PERIOD))
    if offers.rng:
        _add(_add(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add(parent: ET.Element, tag: str, text: str | None = None, /, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _check(spec: VmSpec, offers: Offers) -> None:
    if spec.accel not in offers.accels:
        why = f": {offers.kvm_why}" if spec.accel == "kvm" and offers.kvm_why else ""
        raise NotSupported(f"The host cannot run a VM on {spec.accel}{why}.", hint="Choose qemu: it is emulated then.")
    if offers.vcpus_max and spec.vcpus > offers.vcpus_max:
        raise NotSupported(f"The host gives a VM at most {offers.vcpus_max} vCPUs; {spec.vcpus} are wanted.")
    named = (
        ("disk", spec.disk.origin is not DiskOrigin.NONE, spec.disk.path),
        ("ISO", spec.boot.kind is BootKind.ISO, spec.boot.iso_path),
        ("seed", spec.seed is not None, spec.seed.path if spec.seed is not None else ""),
    )
    for what, is_there, path in named:
        if is_there and not path:
            raise NotSupported(f"Where the {what} lies on the host is not known.")


def _system(root: ET.Element, spec: VmSpec, offers: Offers) -> None:
    system = _add(root, "os")
    _add(system, "type", "hvm", arch=offers.arch, machine=offers.machine)
    if spec.boot.kind is BootKind.KERNEL:
        _add(system, "kernel", spec.boot.kernel)
        if spec.boot.initrd:
            _add(system, "initrd", spec.boot.initrd)
        if spec.boot.arguments:
            _add(system, "cmdline", spec.boot.arguments)
    elif offers.arch in _UEFI_ONLY:
        system.set("firmware", "efi")


def _features(root: ET.Element, offers: Offers) -> None:
    features = _add(root, "features")
    _add(features, "acpi")
    if offers.arch == X86:
        _add(features, "apic")


def _cpu(root: ET.Element, spec: VmSpec, offers: Offers) -> None:
    """Choose a CPU that other hosts can give too, so that the VM can be moved."""
    if spec.accel == "qemu":
        if offers.arch != X86:
            return  # the machine's own is the one that all have
        cpu = _add(root, "cpu", mode="custom", match="exact", check="none")
        _add(cpu, "model", "qemu64", fallback="forbid")
        for feature in _EMULATED:
            _add(cpu, "feature", policy="require", name=feature)
    elif "host-model" in offers.cpu_modes:
        cpu = _add(root, "cpu", mode="host-model", check="partial")
    elif "custom" in offers.cpu_modes and offers.cpu_model:
        cpu = _add(root, "cpu", mode="custom", match="exact", check="partial")
        _add(cpu, "model", offers.cpu_model, fallback="forbid")
    else:
        cpu = _add(root, "cpu", mode="host-passthrough", check="none")
    if spec.vcpus > 1:
        # Some systems count sockets for their licence, or use no more than two.
        _add(cpu, "topology", sockets="1", dies="1", cores=str(spec.vcpus), threads="1")


def _clock(root: ET.Element, offers: Offers) -> None:
    clock = _add(root, "clock", offset="utc")
    if offers.arch == X86:
        _add(clock, "timer", name="rtc", tickpolicy="catchup")
        _add(clock, "timer", name="pit", tickpolicy="delay")
        _add(clock, "timer", name="hpet", present="no")


def _drives(devices: ET.Element, spec: VmSpec, offers: Offers) -> None:
    """Add the disk, the ISO and the seed; firmware tries the disk first, so an installed system wins over its ISO."""
    names = {"vd": 0, "sd": 0, "hd": 0}

    def drive(bus: str, path: str, format: str, *, device: str = "disk", block: bool = False) -> ET.Element:  # noqa: A002
        prefix = {"virtio": "vd", "ide": "hd"}.get(bus, "sd")
        target = f"{prefix}{chr(ord('a') + names[prefix])}"
        names[prefix] += 1
        element = _add(devices, "disk", type="block" if block else "file", device=device)
        driver = _add(element, "driver", name="qemu", type=format)
        if device == "disk" and block:
            driver.set("cache", "none")
            driver.set("io", "native")
        _add(element, "source", **{"dev" if block else "file": path})
        _add(element, "target", dev=target, bus=bus)
        return element

    order = 0
    disk_bus = next((bus for bus in ("virtio", "sata", "scsi", "ide") if bus in offers.disk_buses), "virtio")
    if spec.disk.origin is not DiskOrigin.NONE:
        disk = drive(disk_bus, spec.disk.path, spec.disk.format, block=spec.disk.block)
        disk[0].set("discard", "unmap")
        order = _boot(disk, spec, order)
    cdrom_bus = next((bus for bus in _CDROM_BUSES if bus in offers.disk_buses), "sata")
    if spec.boot.kind is BootKind.ISO:
        iso = drive(cdrom_bus, spec.boot.iso_path, "raw", device="cdrom")
        _add(iso, "readonly")
        _boot(iso, spec, order)
    if spec.seed is not None:
        seed = (
            drive(cdrom_bus, spec.seed.path, "raw", device="cdrom")
            if spec.seed.sata
            else drive(disk_bus, spec.seed.path, "raw")
        )
        _add(seed, "readonly")


def _boot(element: ET.Element, spec: VmSpec, order: int) -> int:
    """Let the firmware try this drive next, unless a kernel is given to it."""
    if spec.boot.kind is BootKind.KERNEL:
        return order
    _add(element, "boot", order=str(order + 1))
    return order + 1


def _ports(devices: ET.Element, offers: Offers) -> None:
    if "q35" in offers.machine:
        _add(devices, "controller", type="usb", model="qemu-xhci")
        _add(devices, "controller", type="pci", model="pcie-root")
        for _ in range(SPARE_PORTS):
            _add(devices, "controller", type="pci", model="pcie-root-port")


def _card(devices: ET.Element, spec: VmSpec) -> None:
    if spec.nic is not None:
        card = _add(devices, "interface", type=spec.nic.kind)
        _add(card, "source", **{spec.nic.kind: spec.nic.source})
        _add(card, "model", type="virtio")


def _lines(devices: ET.Element) -> None:
    """Add the serial console and the guest agent's channel."""
    _add(_add(devices, "serial", type="pty"), "target", port="0")
    _add(_add(devices, "console", type="pty"), "target", type="serial", port="0")
    channel = _add(devices, "channel", type="unix")
    _add(channel, "target", type="virtio", name="org.qemu.guest_agent.0")


def _screen(devices: ET.Element, offers: Offers) -> None:
    """Add a screen for the day on which the serial console shows nothing; only the host itself can reach it."""
    video = next((model for model in _VIDEOS if model in offers.videos), "")
    if "vnc" not in offers.graphics or not video:
        return
    if "q35" in offers.machine:
        _add(devices, "input", type="tablet", bus="usb")
    graphics = _add(devices, "graphics", type="vnc", port="-1", autoport="yes")
    _add(graphics, "listen", type="address", address="127.0.0.1")
    _add(_add(devices, "video"), "model", type=video)
