"""Whether this machine can run VMs, and how fast."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvmtui.doctor.finding import Area, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.doctor.machine import Machine

KVM = "/dev/kvm"
_FLAGS = {"vmx": ("VT-x", "kvm_intel"), "svm": ("AMD-V", "kvm_amd")}
_ON = frozenset({"1", "Y", "y"})


def findings(machine: Machine) -> Iterator[Finding]:
    """Yield what was found."""
    extension, module = _extension(machine)
    if not _is_silent(machine):
        yield _cpu(machine, extension)
    yield _kvm(machine, extension, module)
    if module and machine.exists(f"/sys/module/{module}"):
        yield _nested(machine, module)
    yield _iommu(machine, extension)
    yield from _modules(machine)


def _extension(machine: Machine) -> tuple[str, str]:
    """Return the CPU's virtualisation and the kernel module for it, "" for both when it has none."""
    found = re.search(r"^(?:flags|Features)\s*:.*\b(vmx|svm)\b", machine.read("/proc/cpuinfo") or "", re.MULTILINE)
    return _FLAGS[found[1]] if found else ("", "")


def _is_silent(machine: Machine) -> bool:
    """Tell whether this CPU is of a kind that does not list virtualisation among its features, as x86 alone does."""
    features = machine.read("/proc/cpuinfo") or ""
    return bool(features) and not re.search(r"^flags\s*:", features, re.MULTILINE)


def _is_guest(machine: Machine) -> bool:
    return bool(re.search(r"^flags\s*:.*\bhypervisor\b", machine.read("/proc/cpuinfo") or "", re.MULTILINE))


def _cpu(machine: Machine, extension: str) -> Finding:
    if extension:
        return Finding(Area.HARDWARE, "CPU virtualisation", Verdict.OK, f"The CPU has {extension}.")
    if _is_guest(machine):
        text = "This machine is a VM itself, and its host gives it no VT-x or AMD-V."
        mend = "on its host: switch nested virtualisation on, and give this VM the CPU host-passthrough"
    else:
        text = "The CPU shows neither VT-x nor AMD-V."
        mend = "switch virtualisation on in the firmware's setup (VT-x, AMD-V or SVM)"
    return Finding(Area.HARDWARE, "CPU virtualisation", Verdict.WARN, text, mend)


def _kvm(machine: Machine, extension: str, module: str) -> Finding:
    name = KVM
    if not machine.exists(KVM):
        if extension:
            text = f"There is no {KVM}: VMs are emulated, which is ten times slower and more."
            return Finding(Area.HARDWARE, name, Verdict.BAD, text, f"sudo modprobe {module}")
        text = f"There is no {KVM}: VMs can only be emulated here."
        return Finding(Area.HARDWARE, name, Verdict.WARN, text)
    if machine.may_use(KVM):
        text = f"{KVM} can be opened by {machine.person.name}."
        if not extension and not _is_silent(machine):
            text = f"{KVM} is there, but the CPU shows no virtualisation: guests may hang in it."
            return Finding(Area.HARDWARE, name, Verdict.WARN, text, "make VMs with the type qemu (emulated) here")
        return Finding(Area.HARDWARE, name, Verdict.OK, text)
    group = machine.group_of(KVM) or "kvm"
    text = f"{machine.person.name} may not open {KVM}: only qemu:///session needs that."
    return Finding(Area.HARDWARE, name, Verdict.NOTE, text, f"sudo usermod -aG {group} {machine.person.name}")


def _nested(machine: Machine, module: str) -> Finding:
    is_on = machine.read(f"/sys/module/{module}/parameters/nested") in _ON
    if is_on:
        return Finding(Area.HARDWARE, "nested", Verdict.OK, "VMs can run VMs of their own.")
    mend = f"echo 'options {module} nested=1' | sudo tee /etc/modprobe.d/{module}.conf, then restart"
    return Finding(Area.HARDWARE, "nested", Verdict.NOTE, "VMs cannot run fast VMs of their own.", mend)


def _iommu(machine: Machine, extension: str) -> Finding:
    if machine.names("/sys/class/iommu"):
        return Finding(Area.HARDWARE, "IOMMU", Verdict.OK, "Devices can be passed through to VMs.")
    wish = {"VT-x": "intel_iommu=on", "AMD-V": "amd_iommu=on"}.get(extension, "intel_iommu=on (or amd_iommu=on)")
    text = "The IOMMU is off or missing: no device can be passed through to a VM."
    if _is_silent(machine):
        return Finding(Area.HARDWARE, "IOMMU", Verdict.NOTE, text)
    mend = f"switch VT-d or AMD-Vi on in the firmware's setup, and add {wish} to the kernel's command line"
    return Finding(Area.HARDWARE, "IOMMU", Verdict.NOTE, text, mend)


def _modules(machine: Machine) -> Iterator[Finding]:
    """Yield what VMs need of the kernel beside KVM."""
    for device, module, use in (
        ("/dev/net/tun", "tun", "network cards of VMs"),
        ("/dev/vhost-net", "vhost_net", "fast network cards"),
    ):
        if machine.exists(device):
            yield Finding(Area.HARDWARE, device, Verdict.OK, f"There is {device}, for {use}.")
        else:
            verdict = Verdict.WARN if module == "tun" else Verdict.NOTE
            yield Finding(
                Area.HARDWARE, device, verdict, f"There is no {device}, for {use}.", f"sudo modprobe {module}"
            )
    if machine.names("/sys/class/iommu"):
        if machine.exists("/sys/module/vfio_pci"):
            yield Finding(Area.HARDWARE, "vfio-pci", Verdict.OK, "vfio-pci is loaded, for devices of VMs' own.")
        else:
            text = "vfio-pci is not loaded: only passing devices through to VMs needs it."
            yield Finding(Area.HARDWARE, "vfio-pci", Verdict.NOTE, text, "sudo modprobe vfio-pci")
