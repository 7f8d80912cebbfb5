"""Whether libvirt is here, runs, lets this person in, and has what it needs."""

from __future__ import annotations

import platform
import re
import time
from typing import TYPE_CHECKING

from kvmtui.doctor.finding import Area, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.doctor.machine import Machine

DAEMONS = ("virtqemud", "libvirtd")
_SOCKET_OF = {"virtqemud": "/run/libvirt/virtqemud-sock", "libvirtd": "/run/libvirt/libvirt-sock"}
SOCKETS = tuple(_SOCKET_OF.values())
EMULATORS = ("qemu-system-x86_64", "qemu-kvm", "qemu-system-aarch64", "qemu-system-s390x", "qemu-system-ppc64")
KEEPERS = {"virtqemud": ("virtqemud", "virtnetworkd", "virtstoraged", "virtlogd"), "libvirtd": ("libvirtd", "virtlogd")}
"""The daemons that work together, by the one that runs the VMs."""
NEEDED_BY = {
    "virtnetworkd": "networks need",
    "virtstoraged": "storage pools need",
    "virtlogd": "every VM needs to start",
}
OLD = (6, 0)  # libvirt that misses much of what is shown: bulk readings without a guest's memory, no agent facts
_QEMU = {"x86_64": "qemu-system-x86", "aarch64": "qemu-system-arm"}.get(platform.machine(), "qemu-system")
SERVER = (f"libvirt-daemon-system {_QEMU}", "@virtualization", "libvirt qemu-kvm", "libvirt qemu-base dnsmasq")
SSH = ("openssh-client", "openssh-clients", "openssh", "openssh")
VIRSH = ("libvirt-clients", "libvirt-client", "libvirt-client", "libvirt")
LIBRARY = ("libvirt0", "libvirt-libs", "libvirt-libs", "libvirt")
"""Packages by their names in Debian, Fedora, SUSE and Arch."""
_MANAGERS = ("apt-get", "dnf", "zypper", "pacman")
_INSTALL = ("sudo apt install", "sudo dnf install", "sudo zypper install", "sudo pacman -S")


def findings(machine: Machine) -> Iterator[Finding]:
    """Yield what was found."""
    yield from _server(machine)
    yield from _clients(machine)


def install(machine: Machine, names: tuple[str, str, str, str] = SERVER) -> str:
    """Return the command that installs packages on this machine, by Debian's names where its family is not known."""
    family = next((number for number, name in enumerate(_MANAGERS) if machine.program(name)), 0)
    return f"{_INSTALL[family]} {names[family]}"


def _server(machine: Machine) -> Iterator[Finding]:
    daemon = _daemon(machine)
    sockets = [path for path in SOCKETS if machine.is_socket(path)]
    if not daemon and not sockets:
        text = "No libvirt daemon is installed: this machine can show other hosts, and run no VMs."
        yield Finding(Area.LIBVIRT, "daemon", Verdict.NOTE, text, install(machine))
        return
    yield _version(machine, daemon)
    yield _socket(machine, daemon or "libvirtd", sockets)
    if sockets:  # without one, what runs belongs to a container
        yield from _ages(machine, daemon or "libvirtd")
        yield from _helpers(machine, daemon or "libvirtd")
    emulator = next((name for name in EMULATORS if machine.program(name)), "")
    if emulator:
        said = machine.said([machine.program(emulator), "--version"])
        yield Finding(Area.LIBVIRT, "QEMU", Verdict.OK, said or f"{emulator} is installed.")
    else:
        yield Finding(Area.LIBVIRT, "QEMU", Verdict.BAD, "No QEMU is installed: no VM can start.", install(machine))


def _daemon(machine: Machine) -> str:
    """Return the daemon that runs the VMs here, "" for none: where both are installed, the one that listens."""
    installed = [name for name in DAEMONS if machine.program(name)]
    return next((name for name in installed if machine.is_socket(_SOCKET_OF[name])), installed[0] if installed else "")


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
    if usable and person.uid and machine.is_open_to_all(usable) and "libvirt" not in person.groups:
        text = f"polkit decides whether {person.name} may use {usable}; it lets members of libvirt in."
        mend = f"sudo usermod -aG libvirt {person.name}, and log in again"
        return Finding(Area.LIBVIRT, "socket", Verdict.NOTE, text, mend)
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


def _ages(machine: Machine, daemon: str) -> Iterator[Finding]:
    """Yield how long the daemons have run; one whose file was replaced since then is still the old program."""
    for name in KEEPERS[daemon]:
        process = machine.running(name)
        if process is None:
            continue
        since = time.strftime("%d %b %Y %H:%M", time.localtime(process.began))
        if process.is_replaced:
            text = f"{name} was upgraded after it started ({since}): the old program still answers."
            # virtlogd holds the other end of what QEMU writes, and keeps it only when it loads itself anew.
            mend = f"sudo systemctl {'reload' if name == 'virtlogd' else 'restart'} {name}  (VMs go on)"
            yield Finding(Area.LIBVIRT, "age", Verdict.WARN, text, mend)
        elif name == daemon:
            text = f"{name} has run since {since}, and is the program that is installed."
            yield Finding(Area.LIBVIRT, "age", Verdict.OK, text)


def _helpers(machine: Machine, daemon: str) -> Iterator[Finding]:
    """Yield which of the daemons that VMs need beside the first one do not listen."""
    for name in KEEPERS[daemon][1:]:
        listens = any(machine.is_socket(f"/run/libvirt/{socket}") for socket in (f"{name}-sock", f"{name}.sock"))
        if listens or not machine.program(name) or (name == "virtlogd" and _logs_itself(machine)):
            continue
        text = f"{name} does not listen, which {NEEDED_BY[name]}."
        yield Finding(Area.LIBVIRT, name, Verdict.WARN, text, f"sudo systemctl enable --now {name}.socket")


def _logs_itself(machine: Machine) -> bool:
    """Tell whether QEMU writes its log itself."""
    return bool(
        re.search(r'^\s*stdio_handler\s*=\s*"file"', machine.read("/etc/libvirt/qemu.conf") or "", re.MULTILINE)
    )


def _clients(machine: Machine) -> Iterator[Finding]:
    ssh = machine.program("ssh")
    if ssh:
        yield Finding(Area.LIBVIRT, "ssh", Verdict.OK, machine.said([ssh, "-V"]) or "ssh is installed.")
    else:
        text = "There is no ssh: hosts with qemu+ssh addresses cannot be reached."
        yield Finding(Area.LIBVIRT, "ssh", Verdict.WARN, text, install(machine, SSH))
    if not machine.program("virsh"):
        text = "There is no virsh, which some of the commands told here need; kvmtui itself does not."
        yield Finding(Area.LIBVIRT, "virsh", Verdict.NOTE, text, install(machine, VIRSH))
