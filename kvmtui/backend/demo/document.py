"""The XML that a simulated host tells: a VM's definition and the host's capabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from kvmtui.backend.demo.guest import Guest
    from kvmtui.core.inventory import Host, Vm

KVMTUI = "https://kvmtui.dev/xmlns/1"
NOVA = "http://openstack.org/xmlns/libvirt/nova/1.1"
ET.register_namespace("kvmtui", KVMTUI)
ET.register_namespace("nova", NOVA)

FEATURES = (
    *("aes", "avx", "avx2", "bmi1", "bmi2", "erms", "fma", "fsgsbase", "invtsc", "pcid", "pdpe1gb", "rdrand"),
    *("rdseed", "sha-ni", "smap", "smep", "svm", "umip", "vaes", "vpclmulqdq", "x2apic", "xsaves"),
)


def _add(parent: ET.Element, tag: str, text: str | None = None, /, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def definition(guest: Guest, *, inactive: bool) -> str:
    """Return a VM's live definition, or the one that its next start takes."""
    vm = guest.vm
    live = vm.domain_id is not None and not inactive
    vcpus, memory = (vm.vcpus, vm.memory_max)
    if inactive and guest.pending is not None:
        vcpus, memory = guest.pending
    root = ET.Element("domain", type=vm.accel or "kvm")
    if live:
        root.set("id", str(vm.domain_id))
    _add(root, "name", vm.name)
    _add(root, "uuid", vm.uuid)
    _words(root, vm)
    _add(root, "memory", str(memory // 1024), unit="KiB")
    _add(root, "currentMemory", str((vm.memory if live else memory) // 1024), unit="KiB")
    _add(root, "vcpu", str(vcpus), placement="static")
    system = _add(root, "os")
    if vm.nvram:
        system.set("firmware", "efi")
    _add(system, "type", "hvm", arch=vm.arch, machine=vm.machine)
    if vm.nvram:
        _add(system, "nvram", vm.nvram)
    _add(system, "boot", dev="hd")
    features = _add(root, "features")
    for feature in ("acpi", "apic"):
        _add(features, feature)
    _add(root, "cpu", mode=vm.cpu_model, check="partial")
    _add(root, "clock", offset="utc")
    for event, action in (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy")):
        _add(root, event, action)
    _devices(_add(root, "devices"), guest, live=live)
    return _text(root)


def _words(root: ET.Element, vm: Vm) -> None:
    """Add what people and programs noted of a VM."""
    if vm.title:
        _add(root, "title", vm.title)
    if vm.description:
        _add(root, "description", vm.description)
    if not (vm.tags or vm.template or vm.owner):
        return
    metadata = _add(root, "metadata")
    if vm.tags or vm.template:
        own = ET.SubElement(metadata, f"{{{KVMTUI}}}vm")
        for tag in vm.tags:
            ET.SubElement(own, f"{{{KVMTUI}}}tag").text = tag
        if vm.template:
            ET.SubElement(own, f"{{{KVMTUI}}}template")
    if vm.owner == "nova":
        instance = ET.SubElement(metadata, f"{{{NOVA}}}instance")
        ET.SubElement(instance, f"{{{NOVA}}}name").text = vm.title


def _devices(devices: ET.Element, guest: Guest, *, live: bool) -> None:
    vm = guest.vm
    _add(devices, "emulator", "/usr/bin/qemu-system-x86_64")
    for disk in vm.disks:
        element = _add(devices, "disk", type=disk.kind, device=disk.device)
        _add(element, "driver", name="qemu", type=disk.format)
        if disk.kind == "network":
            protocol, _, name = disk.source.partition(":")
            _add(element, "source", protocol=protocol, name=name)
        else:
            _add(element, "source", file=disk.source)
        _add(element, "target", dev=disk.target, bus=disk.bus)
    for nic in vm.nics:
        element = _add(devices, "interface", type=nic.kind)
        _add(element, "mac", address=nic.mac)
        _add(element, "source", **{nic.kind: nic.source})
        if live and nic.target:
            _add(element, "target", dev=nic.target)
        _add(element, "model", type=nic.model)
    console = _add(devices, "console", type="pty")
    _add(console, "target", type="serial", port="0")
    channel = _add(devices, "channel", type="unix")
    _add(channel, "target", type="virtio", name="org.qemu.guest_agent.0")
    if vm.tpm:
        _add(_add(devices, "tpm", model="tpm-crb"), "backend", type="emulator", version="2.0")
    balloon = _add(devices, "memballoon", model="virtio")
    if guest.talks:
        _add(balloon, "stats", period="10")
    _add(_add(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")


def capabilities(host: Host) -> str:
    """Return what a host says of itself."""
    root = ET.Element("capabilities")
    element = _add(root, "host")
    _add(element, "uuid", host.uuid)
    cpu = _add(element, "cpu")
    _add(cpu, "arch", host.arch)
    _add(cpu, "model", host.cpu_model)
    _add(cpu, "vendor", "AMD")
    _add(
        cpu,
        "topology",
        sockets=str(host.sockets),
        dies="1",
        cores=str(host.cores),
        threads=str(host.threads),
    )
    for feature in FEATURES:
        _add(cpu, "feature", name=feature)
    _add(element, "iommu", support="yes")
    guest = _add(root, "guest")
    _add(guest, "os_type", "hvm")
    arch = _add(guest, "arch", name=host.arch)
    _add(arch, "wordsize", "64")
    _add(arch, "emulator", "/usr/bin/qemu-system-x86_64")
    _add(arch, "machine", "pc-q35-8.2", maxCpus="288")
    _add(arch, "domain", type="qemu")
    _add(arch, "domain", type="kvm")
    return _text(root)
