"""What is said of machines of every kind: each is a folder of files made up for the test."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.doctor import Area, Finding, Verdict, examine
from kvmtui.doctor.machine import Machine, Person, Screen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANN = Person(1000, "ann", frozenset({"ann"}), frozenset())
BOOTED = int(time.time()) - 864_000
WIDE = Screen(is_terminal=True, columns=120, rows=36)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A host where all is well. Sockets have short paths, so it works from inside the folder."""
    monkeypatch.chdir(tmp_path)
    files = {
        "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu vme svm sse\n",
        "dev/kvm": "",
        "dev/net/tun": "",
        "dev/vhost-net": "",
        "sys/module/kvm_amd/parameters/nested": "1\n",
        "sys/class/iommu/ivhd0/uevent": "",
        "sys/module/vfio_pci/refcnt": "0",
        "proc/stat": f"cpu 1 2 3\nbtime {BOOTED}\n",
    }
    for path, text in files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for name, said in (
        ("libvirtd", "libvirtd (libvirt) 9.0.0"),
        ("qemu-system-x86_64", "QEMU emulator version 7.2"),
        ("ssh", "OpenSSH_9.2p1"),
        ("virsh", "9.0.0"),
    ):
        program(tmp_path, name, said)
    (tmp_path / "run/libvirt").mkdir(parents=True)
    runs(tmp_path, "libvirtd", 77, after=3600)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("run/libvirt/libvirt-sock")
        (tmp_path / "run/libvirt/libvirt-sock").chmod(0o770)
        yield Machine(tmp_path, {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "de_DE.UTF-8"}, ANN, WIDE)


def program(root: Path, name: str, said: str) -> None:
    file = root / "usr/bin" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho '{said}'\n")
    file.chmod(0o755)


def runs(root: Path, name: str, pid: int, *, after: float, exe: str | None = "") -> None:
    """Let a program run, from so many seconds after the machine's start on; None: its file cannot be seen."""
    place = root / "proc" / str(pid)
    place.mkdir(parents=True, exist_ok=True)
    (place / "comm").write_text(f"{name[:15]}\n")
    ticks = int(after * os.sysconf("SC_CLK_TCK"))
    (place / "stat").write_text(f"{pid} (a ) {name}) S {' '.join('0' * 18)} {ticks} 0 0\n")
    (place / "exe").unlink(missing_ok=True)
    if exe is not None:
        (place / "exe").symlink_to(exe or f"/usr/sbin/{name}")


def of(machine: Machine, name: str) -> Finding:
    (found,) = [one for one in examine(machine) if one.name == name]
    return found


def refuse(monkeypatch: pytest.MonkeyPatch, *paths: str) -> None:
    """Let this person not open these files: the tests may run as root, who may open all."""
    allowed = Machine.may_use
    monkeypatch.setattr(Machine, "may_use", lambda self, path: path not in paths and allowed(self, path))


def test_where_all_is_well_nothing_is_to_be_mended(machine: Machine) -> None:
    found = examine(machine)
    assert {one.verdict for one in found} == {Verdict.OK}
    assert not [one.mend for one in found if one.mend]
    assert of(machine, "daemon").text == "libvirtd is version 9.0.0."
    assert {one.area for one in found} == {Area.HARDWARE, Area.LIBVIRT, Area.TERMINAL}


def test_a_module_that_is_not_loaded_is_named(machine: Machine) -> None:
    machine.at("dev/kvm").unlink()
    found = of(machine, "/dev/kvm")
    assert found.verdict is Verdict.BAD
    assert found.mend == "sudo modprobe kvm_amd"


def test_a_vm_without_nested_virtualisation_is_told_to_ask_its_host(machine: Machine) -> None:
    machine.at("proc/cpuinfo").write_text("flags\t\t: fpu hypervisor sse\n")
    found = of(machine, "CPU virtualisation")
    assert found.verdict is Verdict.WARN
    assert "on its host" in found.mend
    assert of(machine, "/dev/kvm").verdict is Verdict.WARN  # it is there, and hangs


def test_virtualisation_that_is_off_in_the_firmware(machine: Machine) -> None:
    machine.at("proc/cpuinfo").write_text("flags\t\t: fpu sse\n")
    assert "firmware" in of(machine, "CPU virtualisation").mend


def test_who_may_not_use_the_socket_is_told_which_group_to_join(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "/run/libvirt/libvirt-sock")
    monkeypatch.setattr(Machine, "group_of", lambda _self, _path: "libvirt")
    found = of(machine, "socket")
    assert found.verdict is Verdict.BAD
    assert found.mend == "sudo usermod -aG libvirt ann, and log in again"
    joined = replace(machine, person=ANN._replace(member_of=frozenset({"libvirt"})))
    assert "log in again" in of(joined, "socket").mend
    assert "usermod" not in of(joined, "socket").mend


def test_a_daemon_that_does_not_run_is_to_be_started(machine: Machine) -> None:
    machine.at("run/libvirt/libvirt-sock").unlink()
    found = of(machine, "socket")
    assert found.verdict is Verdict.BAD
    assert found.mend == "sudo systemctl enable --now libvirtd"


def test_the_modular_daemon_is_started_by_its_socket(machine: Machine) -> None:
    machine.at("run/libvirt/libvirt-sock").unlink()
    program(machine.root, "virtqemud", "virtqemud (libvirt) 10.0.0")
    assert of(machine, "socket").mend == "sudo systemctl enable --now virtqemud.socket"


def test_a_machine_that_only_shows_other_hosts_is_not_broken(machine: Machine) -> None:
    machine.at("run/libvirt/libvirt-sock").unlink()
    machine.at("usr/bin/libvirtd").unlink()
    found = of(machine, "daemon")
    assert found.verdict is Verdict.NOTE
    assert "apt install" in found.mend
    assert not [one for one in examine(machine) if one.name in ("socket", "QEMU")]


@pytest.mark.parametrize(
    ("manager", "server", "ssh"),
    [
        ("apt-get", "sudo apt install libvirt-daemon-system ", "sudo apt install openssh-client"),
        ("dnf", "sudo dnf install @virtualization", "sudo dnf install openssh-clients"),
        ("zypper", "sudo zypper install libvirt qemu-kvm", "sudo zypper install openssh"),
        ("pacman", "sudo pacman -S libvirt qemu-base dnsmasq", "sudo pacman -S openssh"),
    ],
)
def test_what_is_missing_is_installed_by_the_names_of_this_family(
    machine: Machine, manager: str, server: str, ssh: str
) -> None:
    machine.at("usr/bin/qemu-system-x86_64").unlink()
    machine.at("usr/bin/ssh").unlink()
    program(machine.root, manager, "")
    assert of(machine, "QEMU").mend.startswith(server)
    assert of(machine, "ssh").mend == ssh


def test_an_old_libvirt_is_said_to_be_old(machine: Machine) -> None:
    program(machine.root, "libvirtd", "libvirtd (libvirt) 4.5.0")
    found = of(machine, "daemon")
    assert found.verdict is Verdict.WARN
    assert "4.5.0" in found.text


def test_a_daemon_without_qemu_cannot_start_anything(machine: Machine) -> None:
    machine.at("usr/bin/qemu-system-x86_64").unlink()
    assert of(machine, "QEMU").verdict is Verdict.BAD


@pytest.mark.parametrize(
    ("environ", "screen", "name", "verdict"),
    [
        ({"TERM": "dumb"}, WIDE, "colours", Verdict.BAD),
        ({"TERM": "linux"}, WIDE, "colours", Verdict.NOTE),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, WIDE, "colours", Verdict.NOTE),
        ({"TERM": "xterm-256color"}, WIDE._replace(columns=50), "size", Verdict.BAD),
        ({"TERM": "xterm-256color"}, WIDE._replace(rows=20), "size", Verdict.NOTE),
        ({"TERM": "vt220"}, WIDE._replace(columns=0, rows=0), "size", Verdict.NOTE),
        ({"TERM": "xterm-256color", "LC_ALL": "C", "LANG": "C.UTF-8"}, WIDE, "characters", Verdict.NOTE),
        ({"TERM": "linux", "LC_ALL": "C.utf8"}, WIDE, "characters", Verdict.NOTE),
        ({"TERM": "xterm-kitty", "LC_CTYPE": "C.utf8"}, WIDE, "characters", Verdict.OK),
        ({"TERM": "xterm-kitty"}, WIDE, "colours", Verdict.OK),
        ({"TERM": "xterm", "COLORTERM": "TrueColor"}, WIDE, "colours", Verdict.OK),
        ({}, WIDE._replace(is_terminal=False), "terminal", Verdict.NOTE),
    ],
)
def test_terminals_of_every_kind(
    machine: Machine, environ: dict[str, str], screen: Screen, name: str, verdict: Verdict
) -> None:
    assert of(replace(machine, environ=environ, screen=screen), name).verdict is verdict


def test_a_daemon_says_how_old_it_is(machine: Machine) -> None:
    found = of(machine, "age")
    assert found.verdict is Verdict.OK
    assert time.strftime("%d %b %Y %H:%M", time.localtime(BOOTED + 3600)) in found.text


def test_a_daemon_that_is_older_than_its_upgrade_is_to_be_restarted(machine: Machine) -> None:
    runs(machine.root, "libvirtd", 77, after=3600, exe="/usr/sbin/libvirtd (deleted)")
    found = of(machine, "age")
    assert (found.verdict, "the old program still answers" in found.text) == (Verdict.WARN, True)
    assert found.mend.startswith("sudo systemctl restart libvirtd")


def test_what_holds_the_logs_of_vms_is_reloaded_and_not_restarted(machine: Machine) -> None:
    runs(machine.root, "virtlogd", 78, after=3600, exe="/usr/sbin/virtlogd (deleted)")
    (found,) = [one for one in examine(machine) if one.text.startswith("virtlogd was upgraded")]
    assert found.mend.startswith("sudo systemctl reload virtlogd")


def test_without_rights_the_age_of_its_file_tells_that_it_was_upgraded(machine: Machine) -> None:
    runs(machine.root, "libvirtd", 77, after=3600, exe=None)  # its file came just now
    assert of(machine, "age").verdict is Verdict.WARN
    runs(machine.root, "libvirtd", 77, after=time.time() - BOOTED + 60, exe=None)
    assert of(machine, "age").verdict is Verdict.OK


def test_of_two_daemons_the_one_that_listens_is_looked_at(machine: Machine) -> None:
    for name in ("virtqemud", "virtnetworkd", "virtstoraged"):
        program(machine.root, name, f"{name} (libvirt) 10.0.0")
    assert of(machine, "daemon").text == "libvirtd is version 9.0.0."
    assert {one.verdict for one in examine(machine)} == {Verdict.OK}


def test_what_runs_in_a_container_is_not_this_machines(machine: Machine) -> None:
    machine.at("run/libvirt/libvirt-sock").unlink()
    assert not [one for one in examine(machine) if one.name == "age"]


def test_without_virsh_it_says_how_to_get_it(machine: Machine) -> None:
    machine.at("usr/bin/virsh").unlink()
    found = of(machine, "virsh")
    assert (found.verdict, found.mend) == (Verdict.NOTE, "sudo apt install libvirt-clients")


def test_each_of_the_modular_daemons_that_does_not_listen_is_named(machine: Machine) -> None:
    machine.at("usr/bin/libvirtd").unlink()
    for name in ("virtqemud", "virtnetworkd", "virtstoraged", "virtlogd"):
        program(machine.root, name, f"{name} (libvirt) 10.0.0")
    found = {one.name: one.mend for one in examine(machine) if one.verdict is Verdict.WARN}
    assert found == {
        name: f"sudo systemctl enable --now {name}.socket" for name in ("virtnetworkd", "virtstoraged", "virtlogd")
    }
    file = machine.at("etc/libvirt/qemu.conf")
    file.parent.mkdir(parents=True)
    file.write_text('#stdio_handler = "logd"\nstdio_handler = "file"\n')
    assert "virtlogd" not in {one.name for one in examine(machine)}, "QEMU keeps its log itself"


def test_a_socket_that_is_open_to_all_is_guarded_by_polkit(machine: Machine) -> None:
    machine.at("run/libvirt/libvirt-sock").chmod(0o777)
    found = of(machine, "socket")
    assert found.verdict is Verdict.NOTE
    assert found.mend == "sudo usermod -aG libvirt ann, and log in again"
    member = replace(machine, person=ANN._replace(groups=frozenset({"ann", "libvirt"})))
    assert of(member, "socket").verdict is Verdict.OK


def test_what_passes_devices_through_is_to_be_loaded(machine: Machine) -> None:
    machine.at("sys/module/vfio_pci/refcnt").unlink()
    machine.at("sys/module/vfio_pci").rmdir()
    assert of(machine, "vfio-pci").mend == "sudo modprobe vfio-pci"


def test_a_cpu_that_names_no_virtualisation_is_judged_by_its_device(machine: Machine) -> None:
    """Only x86 lists it: an ARM machine with /dev/kvm lacks nothing, and is told nothing of Intel's."""
    machine.at("proc/cpuinfo").write_text("processor\t: 0\nFeatures\t: fp asimd evtstrm aes\n")
    assert of(machine, "/dev/kvm").verdict is Verdict.OK
    machine.at("sys/class/iommu/ivhd0/uevent").unlink()
    machine.at("sys/class/iommu/ivhd0").rmdir()
    said = " ".join(one.text + one.mend for one in examine(machine))
    assert not [word for word in ("VT-x", "VT-d", "AMD", "intel") if word in said]
    machine.at("dev/kvm").unlink()
    assert of(machine, "/dev/kvm").text == "There is no /dev/kvm: VMs can only be emulated here."


def test_a_machine_that_nothing_is_known_of_is_no_fault(tmp_path: Path) -> None:
    """No /proc, no /sys, nobody's rights: it says what it can."""
    found = examine(Machine(tmp_path, {}, ANN, WIDE._replace(is_terminal=False)))
    assert {one.area for one in found} == {Area.HARDWARE, Area.LIBVIRT, Area.TERMINAL}
    assert not [one for one in found if one.verdict is Verdict.BAD]
