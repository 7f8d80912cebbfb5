"""The program is killed under each of its long tasks: the next start says what came of it, and what is left."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Guest, GuestSpec, Host, Lab, until
from tests.real.lab.gate import Gate
from tests.real.program import Home, Program, kvmtui

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeGuest = Callable[[Host, GuestSpec], Guest]

MIB = 1 << 20
DYING = """
import os, signal, sys
def die(*_arguments, **_more):
    os.kill(os.getpid(), signal.SIGKILL)
{patch}
from kvmtui.__main__ import main
sys.exit(main())
"""


def dying(home: Home, patch: str) -> Program:
    """A program that kills itself where the patch says."""
    return Program(home, argv=[sys.executable, "-c", DYING.format(patch=patch)])


def wait_killed(program: Program) -> None:
    assert program.wait_exit(60) == -signal.SIGKILL, program.text()


def tasks(home: Home) -> str:
    """What the list of tasks says, without any host."""
    done = kvmtui("tasks", "--columns", "task,vm,phase,message", home=home)
    assert done.returncode == 0
    return done.stdout


def said(home: Home, sentence: str) -> None:
    """See the next start say it, and the list of tasks keep it."""
    with Program(home) as program:
        program.wait_said(sentence)
        until(lambda: " unknown " not in tasks(home), "the list of tasks has an outcome")
        program.leave()
        assert "Traceback" not in home.log()


@pytest.fixture
def halted(lab: Lab, own_host: Host) -> Guest:
    """A guest that hears nothing, on a host of the test's own."""
    return lab.crowd(own_host, 1)[0]


def test_killed_while_a_guest_is_asked_to_shut_down(own_host: Host, halted: Guest) -> None:
    home = Home({own_host.name: own_host.uri})
    with Program(home) as program:
        program.wait_vm(halted.name, "on")
        program.select(halted.name)
        program.chord("x", "d", halted.name)
        program.confirm("Shut down ")
        program.wait("waiting for the guest")
        program.process.kill()
        wait_killed(program)
    assert "kvmtui ended before the outcome was known." in tasks(home)
    with Program(home) as program:
        program.wait_said(rf"shut down {halted.name}: {halted.name} is running on {own_host.name}")
        own_host.virsh("destroy", halted.name)  # as the guest would go at last
        program.wait_said(rf"{halted.name} is off on {own_host.name}, as was asked")
        assert "done" in tasks(home)
        program.leave()


def test_killed_while_a_start_is_held_up(own_host: Host, halted: Guest) -> None:
    gate = Gate(own_host, "prepare begin")
    own_host.virsh("destroy", halted.name)
    gate.shut()
    home = Home({own_host.name: own_host.uri})
    try:
        with Program(home) as program:
            program.wait_vm(halted.name, "off")
            program.ask(f"start {halted.name}")
            gate.wait_reached()
            program.process.kill()
            wait_killed(program)
    finally:
        gate.open()
    halted.wait_state("running")
    said(home, rf"start {halted.name}: {halted.name} is running on {own_host.name}, as was")


def test_killed_while_a_guest_is_saved(own_host: Host, halted: Guest) -> None:
    gate = Gate(own_host, "stopped end")
    gate.shut()
    home = Home({own_host.name: own_host.uri})
    try:
        with Program(home) as program:
            program.wait_vm(halted.name, "on")
            program.select(halted.name)
            program.chord("x", "h", halted.name)
            program.confirm("Hibernate ")
            gate.wait_reached()
            program.process.kill()
            wait_killed(program)
    finally:
        gate.open()
    halted.wait_state("shut off")
    said(home, rf"hibernate {halted.name}: {halted.name} is off on {own_host.name}, as was")


def test_killed_while_a_vm_is_made(own_host: Host) -> None:
    """The disk and the seed stand there: both are named, also without any host."""
    own_host.add_cloud_image()
    home = Home({own_host.name: own_host.uri})
    with dying(home, "from kvmtui.commands import making\nmaking.Work.define = die") as program:
        program.wait_host(own_host.name, r"\d+ %")
        program.ask("create --name half --accel qemu --memory 128M --vcpus 1 --image default/cloud.qcow2")
        program.wait(r"^ New VM")
        program.keys("shift+tab", "shift+tab", "enter")
        program.wait(r"\[Do it\]")
        program.wait(r"half.qcow2")
        program.wait_quiet(0.5)
        program.keys("enter")
        wait_killed(program)
    assert "default/half.qcow2" in tasks(home)
    left = own_host.virsh("vol-list", "default")
    assert "half.qcow2" in left
    said(home, r"create half: half was not made on ")
    told = tasks(home)
    assert "/var/lib/libvirt/images/half.qcow2" in told
    assert "virsh vol-delete" in told


SLOWLY = """
import os, sys, time
from kvmtui.backend.libvirt import upload
put, puts = upload._put, []
def slowly(*arguments, **more):
    puts.append(1)
    put(*arguments, **more)
    time.sleep(0.3)
    {then}
upload._put = slowly
from kvmtui.__main__ import main
sys.exit(main())
"""


def begin_to_send(host: Host, home: Home, file: Path, then: str) -> Program:
    """A program that sends a file, a block at a time."""
    file.write_bytes(os.urandom(64 * MIB))
    program = Program(home, argv=[sys.executable, "-c", SLOWLY.format(then=then)])
    program.wait_host(host.name, r"\d+ %")
    program.ask(f"upload --file {file}")
    program.wait("Send a file to a pool")
    program.keys("shift+tab", "shift+tab", "enter")
    program.wait(r"\[Do it\]")
    program.wait_quiet(0.5)
    program.keys("enter")
    return program


def test_killed_while_a_file_is_sent(own_host: Host, tmp_path: Path) -> None:
    home = Home({own_host.name: own_host.uri})
    with begin_to_send(own_host, home, tmp_path / "sent.img", "len(puts) < 3 or os.kill(os.getpid(), 9)") as program:
        wait_killed(program)
    assert "default/sent.img" in tasks(home)
    with Program(home) as program:
        program.wait_said(rf"upload {own_host.name}: /var/lib/libvirt/images/sent.img \(")
        until(lambda: "only half of it came" in tasks(home), "the list of tasks says so")
        program.leave()


def test_told_to_end_while_a_file_is_sent_it_leaves_nothing(own_host: Host, tmp_path: Path) -> None:
    home = Home({own_host.name: own_host.uri})
    with begin_to_send(own_host, home, tmp_path / "sent.img", "pass") as program:
        program.wait(r"sending sent.img to default")
        until(lambda: "sent.img" in own_host.virsh("vol-list", "default"), "the volume is there")
        program.process.terminate()
        assert program.wait_exit(30) == 128 + signal.SIGTERM
        assert "nothing of it is left" in program.text()
    assert "sent.img" not in own_host.virsh("vol-list", "default")
    assert "nothing of it is left" in tasks(home)


def test_killed_between_a_definition_and_its_disks(own_host: Host, lab: Lab) -> None:
    guest = lab.guest(own_host, GuestSpec("doomed", disk_mib=8))
    home = Home({own_host.name: own_host.uri})
    with dying(home, "from kvmtui.commands import deletion\ndeletion._delete_disks = die") as program:
        program.wait_vm("doomed", "off")
        program.select("doomed")
        program.chord("!", "d", "doomed")
        program.wait(r"(?i)^ *delete doomed on ")
        program.wait(r"vda /var/lib/libvirt/images/doomed.qcow2")
        program.keys("space")
        program.fill_in("undefine .*--storage vda")
        program.read_dialog(r"Delete doomed on ")
        program.type_phrase("doomed")
        wait_killed(program)
    assert guest.state() == "gone"
    assert "/var/lib/libvirt/images/doomed.qcow2" in tasks(home)
    said(home, r"delete doomed: The definition of doomed was deleted from ")
    assert "left there: /var/lib/libvirt/images/doomed.qcow2" in tasks(home)


@pytest.fixture
def moving(hv1: Host, make_guest: MakeGuest) -> Guest:
    """A guest with a disk that takes a while to be copied."""
    guest = make_guest(hv1, GuestSpec("wanderer", disk_mib=32, nic=False, agent=False))
    full = guest.disk.with_suffix(".raw")
    fill = f"head -c {32 * MIB} /dev/urandom >{full}; qemu-img convert -O qcow2 {full} {guest.disk}; rm {full}"
    hv1.output("sh", "-ec", fill)
    return guest.start()


def test_killed_while_a_guest_moves(hv1: Host, hv2: Host, moving: Guest) -> None:
    """The move goes on without us: it is said to be under way, and then where it has arrived."""
    home = Home({"hv1": hv1.uri, "hv2": hv2.uri})
    with Program(home) as program:
        program.wait_vm("wanderer", "on")
        program.ask("migrate wanderer --to hv2 --bandwidth 8")
        program.confirm("Move wanderer on hv1")
        program.wait_vm("wanderer", r"to hv2, \d+ %")
        program.process.kill()
        wait_killed(program)
    assert hv1.virsh("domjobinfo", "wanderer").split()[2] != "None", "it is still being moved"
    with Program(home) as program:
        program.wait_said("move wanderer: wanderer is still being moved from hv1 to hv2")
        moving.moved(hv2)
        program.wait_said("wanderer is running on hv2, as was asked", timeout=90)
        assert "done" in tasks(home)
        program.leave()
    moving.wait_state("running")
