"""The life of a VM through the screen, each step checked against what virsh says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Guest, GuestSpec, Host, Lab
from tests.real.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    MakeGuest = Callable[[Host, GuestSpec], Guest]


@pytest.fixture(scope="module")
def life(lab: Lab, hv1: Host) -> Iterator[Guest]:
    """A guest whose life it is; every test finds it running or brings it there."""
    guest = lab.guest(hv1, GuestSpec("life", disk_mib=16)).start().wait_booted()
    yield guest
    guest.remove()


@pytest.fixture
def running(life: Guest) -> Guest:
    """The same, running."""
    match life.state():
        case "shut off":
            life.start()
        case "paused":
            life.host.virsh("resume", life.name)
    return life.wait_state("running")


@pytest.fixture(scope="module")
def opened(hv1: Host, hv2: Host) -> Iterator[Program]:
    """One program on both hosts for the tests of this module, which leave it at its first screen."""
    with Program.on(hv1, hv2) as program:
        yield program
        program.leave()


@pytest.fixture
def program(opened: Program, life: Guest) -> Program:
    """The program, with the cursor on the guest and nothing else listed."""
    if opened not in Program.of_this_test:
        Program.of_this_test.append(opened)
    opened.select(life.name)
    return opened


def test_a_guest_comes_up_on_the_screen(program: Program, hv1: Host, make_guest: MakeGuest) -> None:
    """State, then CPU, memory and address, and nobody pressed a key for them."""
    guest = make_guest(hv1, GuestSpec("newborn"))
    program.select("newborn")
    program.wait_vm("newborn", "off +hv1 +- ")
    guest.start()
    program.wait_vm("newborn", "on +hv1")
    program.wait_vm("newborn", r"on +hv1 +\d\.\d/1")
    program.wait_vm("newborn", r"on +hv1 .* \d+/112M")
    program.wait(rf"^newborn on hv1  .*{re.escape(guest.address())} ")
    program.wait(r"^\d\d:\d\d:\d\d +newborn started on hv1 .* not by kvmtui$")
    assert "newborn paused" not in program.text()


def test_start_and_shut_down(program: Program, running: Guest) -> None:
    running.wait_booted()
    program.wait_vm("life", "on")
    program.chord("x", "d", "life")
    program.confirm(r"Shut down life on hv1\?")
    program.wait_task("shut down life")
    program.wait_vm("life", "off")
    assert running.state() == "shut off"

    boots = running.boots()
    program.chord("x", "s", "life")
    program.wait_task("start life")
    program.wait_vm("life", "on")
    assert running.state() == "running"
    running.wait_booted(boots + 1)


def test_reboot(program: Program, running: Guest) -> None:
    boots = running.boots()
    program.chord("x", "r", "life")
    program.confirm(r"Reboot life on hv1\?")
    program.wait_task("reboot life")
    running.wait_booted(boots + 1)
    assert running.state() == "running"
    assert "on " in program.vm("life")


def test_pause_and_resume(program: Program, running: Guest) -> None:
    program.wait_vm("life", "on")
    program.chord("x", "p", "life")
    program.confirm(r"Pause life on hv1\?")
    program.wait_vm("life", "paused")
    assert running.state() == "paused"
    program.chord("x", "u", "life")
    program.wait_task("resume life")
    program.wait_vm("life", "on")
    assert running.state() == "running"


def test_hibernate_and_restore(program: Program, running: Guest) -> None:
    running.wait_booted()
    boots = running.boots()
    program.wait_vm("life", "on")
    program.chord("x", "h", "life")
    program.confirm(r"Hibernate life on hv1\?")
    program.wait_task("hibernate life")
    program.wait_vm("life", "off: saved")
    assert running.state() == "shut off"
    assert re.search(r"Managed save: +yes", running.host.virsh("dominfo", "life"))

    program.chord("x", "s", "life")
    program.wait_task("start life")
    program.wait_vm("life", "on")
    assert running.state() == "running"
    running.wait_booted()
    assert running.boots() == boots, "a restored guest goes on where it was"


def test_force_off(program: Program, running: Guest) -> None:
    program.wait_vm("life", "on")
    program.chord("!", "f", "life")
    program.read_dialog(r"Force off life on hv1\?")
    program.keys("enter", "y", "f")
    assert running.state() == "running"
    program.keys("!")
    program.wait_task("force off life")
    program.wait_vm("life", "off")
    assert running.state() == "shut off"


def test_autostart(program: Program, life: Guest) -> None:
    def autostart() -> bool:
        return re.search(r"Autostart: +enable", life.host.virsh("dominfo", "life")) is not None

    program.chord("x", "a", "life")
    program.wait_task("autostart on life")
    assert autostart()
    program.chord("x", "n", "life")
    program.wait_task("autostart off life")
    assert not autostart()


def test_tags(program: Program, life: Guest) -> None:
    program.keys("#")
    program.wait(r"^ *Tags life on hv1")
    program.type_text("web prod")
    program.fill_in("metadata|desc|tags")
    program.wait_task("tags life")
    program.wait("#web #prod")
    assert ">web<" in life.host.virsh("dumpxml", "life", "--inactive")
    program.keys("escape")
    program.type_text("/tag:prod")
    program.keys("enter")
    program.wait(r"^>..life ")


def test_rename(program: Program, hv1: Host, make_guest: MakeGuest) -> None:
    guest = make_guest(hv1, GuestSpec("before"))
    uuid = guest.uuid
    program.select("before")
    program.ask("rename before --name after")
    program.confirm("Rename before on hv1")
    program.wait_task("rename before")
    program.select("after")
    program.wait_vm("after", "off")
    assert hv1.virsh("domname", uuid) == "after"
    assert guest.state() == "gone"
    hv1.virsh("domrename", "after", "before")


def test_delete(program: Program, hv1: Host, make_guest: MakeGuest) -> None:
    """The form first, then the full name: a wrong one does nothing."""
    guest = make_guest(hv1, GuestSpec("doomed", disk_mib=16))
    program.select("doomed")
    program.wait_vm("doomed", "off")
    program.chord("!", "d", "doomed")
    program.wait(r"^ *Delete doomed on hv1")
    program.wait(r"vda /var/lib/libvirt/images/doomed.qcow2")
    program.keys("space")
    program.fill_in("undefine .*--storage vda")
    program.read_dialog(r"Delete doomed on hv1\?")
    program.type_phrase("doome")
    assert guest.state() == "shut off"
    program.type_text("d")
    program.keys("enter")
    program.wait_task("delete doomed")
    assert guest.state() == "gone"
    assert "doomed" not in hv1.virsh("vol-list", "default")
    program.wait("doomed .*gone")
