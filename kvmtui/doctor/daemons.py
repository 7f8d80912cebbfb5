"""Whether libvirt is here, runs, lets this person in, and has what it needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kvmtui.doctor.finding import Area, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.doctor.machine import Machine

DAEMONS = ("virtqemud", "libvirtd")
SOCKETS = ("/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock")
EMULATORS = ("qemu-system-x86_64", "qemu-kvm", "qemu-system-aarch64", "qemu-system-s390x", "qemu-system-ppc64")
OLD = (6, 0)  # libvirt that misses much of what is shown: bulk readings without a guest's memory, no agent facts
_DEBIAN = "sudo apt install libvirt-daemon-system qemu-system"
_FEDORA = "sudo dnf install @virtualization"


def findings(machine: Machine) -> Iterator[Finding]:
    """Yield what was found."""
    yield from _server(machine)
    yield from _clients(machine)


def _install(machine: Machine) -> str:
    return _FEDORA if machine.program("dnf") and not machine.program("apt-get") else _DEBIAN


def _server(machine: Machine) -> Iterator[Finding]:
    daemon = next((name for name in DAEMONS if machine.program(name)), "")
    sockets = [path for path in SOCKETS if machine.is_socket(path)]
    if not daemon and not sockets:
        text = "No libvirt daemon is installed: this machine can show other hosts, and run no VMs."
        yield Finding(Area.LIBVIRT, "daemon", Verdict.NOTE, text, _install(machine))
        return
    yield _version(machine, daemon)
    yield _socket(machine, daemon or "libvirtd", sockets)
    emulator = next((name for name in EMULATORS if machine.program(name)), "")
    if emulator:
        said = machine.said([machine.program(emulator), "--version"])
        yield Finding(Area.LIBVIRT, "QEMU", Verdict.OK, said or f"{emulator} is installed.")
    else:
        yield Finding(Area.LIBVIRT, "QEMU", Verdict.BAD, "No QEMU is installed: no VM can start.", _install(machine))


def _version(machine: Machine, daemon: str) -> Finding:
    said = machine.said([machine.program(daemon), "--version"]) if daemon else ""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    if found is None:
        return Finding(Area.LIBVIRT, "daemon", Verdict.OK, f"{daemon or 'A libvirt daemon'} is here.")
    version = (int(found[1]), int(found[2]))
    if version < OLD:
        text = f"{daemon} is version {found[0]}: some figures and commands are missing with it."
        return Finding(Area.LIBVIRT, "daemon", Verdict.WARN, text, "upgrade libvirt to 7.0 or newer")
    return Finding(Area.LIBVIRT, "daemon", Verdict.OK, f"{daemon} is version {found[0]}.")


def _socket(machine: Machine, daemon: str, sockets: list[str]) -> Finding:
    unit = "libvirtd" if daemon == "libvirtd" else f"{daemon}.socket"
    if not sockets:
        text = f"{daemon} is installed, and does not run: there is no socket of it."
        return Finding(Area.LIBVIRT, "socket", Verdict.BAD, text, f"sudo systemctl enable --now {unit}")
    usable = next((path for path in sockets if machine.may_use(path)), "")
    person = machine.person
    if usable:
        return Finding(Area.LIBVIRT, "socket", Verdict.OK, f"{person.name} may use {usable}.")
    group = machine.group_of(sockets[0])
    if group in ("", "root"):
        group = "libvirt"
    if group in person.member_of and group not in person.groups:
        text = f"{person.name} is in the group {group}, but not yet in this login."
        return Finding(Area.LIBVIRT, "socket", Verdict.BAD, text, f"log in again, or run: newgrp {group}")
    text = f"{person.name} may not use {sockets[0]}, which belongs to the group {group}."
    return Finding(
        Area.LIBVIRT, "socket", Verdict.BAD, text, f"sudo usermod -aG {group} {person.name}, and log in again"
    )


def _clients(machine: Machine) -> Iterator[Finding]:
    ssh = machine.program("ssh")
    if ssh:
        yield Finding(Area.LIBVIRT, "ssh", Verdict.OK, machine.said([ssh, "-V"]) or "ssh is installed.")
    else:
        text = "There is no ssh: hosts with qemu+ssh addresses cannot be reached."
        yield Finding(Area.LIBVIRT, "ssh", Verdict.WARN, text, "sudo apt install openssh-client")
