"""One VM from its image to its end, on two real hosts and without leaving the program."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Host, until
from tests.real.program import READING, Program

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = "shared/debian.qcow2"
WIDE = (140, 44)
SEAM = "moved to hv2: output in between may be missing"


@pytest.fixture
def hosts(hv1: Host, hv2: Host) -> Iterator[tuple[Host, Host]]:
    """Two hosts with an image in a pool that both see; what a test makes there goes with it."""
    had = set(hv1.share().iterdir())
    hv2.share()
    hv1.add_cloud_image("shared", "debian.qcow2")
    hv2.virsh("pool-refresh", "shared")
    yield hv1, hv2
    for host in (hv1, hv2):
        if "web-1" in host.virsh("list", "--name").split():
            host.virsh("destroy", "web-1")
        if "web-1" in host.virsh("list", "--all", "--name").split():
            host.virsh("undefine", "web-1")
    for file in set(hv1.shared.iterdir()) - had:
        file.unlink()


def test_a_vm_is_made_logged_in_to_moved_and_deleted(hosts: tuple[Host, Host]) -> None:
    """What runs at its console goes on there while it moves: the console follows."""
    hv1, hv2 = hosts
    with Program.on(hv1, hv2, size=WIDE) as program:
        make(program)
        program.wait_task("create web-1")
        program.wait_vm("web-1", r"on +hv1")
        assert {"web-1.qcow2", "web-1-seed.iso"} <= {file.name for file in hv1.shared.iterdir()}

        log_in(program)
        program.type_text("count")
        program.keys("enter")
        program.wait(r"^\d+\n\d+\n\d+$")
        leave_console(program)

        move(program)
        program.keys("c")
        program.wait(SEAM, 60)
        program.wait(r"^ web-1 on hv2  live")
        program.wait(SEAM + r"\n(\d+\n){5}")
        program.keys("ctrl+c")
        program.type_text("clear; echo counted $(wc -l </tmp/count) to $(tail -n 1 /tmp/count) on $(hostname)")
        program.keys("enter")
        counted = program.wait(r"^counted (\d+) to (\d+) on web-1$")
        assert counted[1] == counted[2], "no number is missing"
        leave_console(program)
        assert "web-1" not in hv1.virsh("list", "--all", "--name").split()
        assert "web-1" in hv2.virsh("list", "--name").split()

        power_off(program, hv2)
        delete(program)
        assert "web-1" not in hv2.virsh("list", "--all", "--name").split()
        assert {file.name for file in hv1.shared.iterdir()} & {"web-1.qcow2", "web-1-seed.iso"} == set()
        results = [line["result"] for line in program.home.journal() if "result" in line]
        assert results == ["done"] * len(results)
        program.leave()


def make(program: Program) -> None:
    """Fill in the form for a new VM, field by field: a copy of the image, a seed with a user, on shared storage."""
    program.keys("n")
    program.wait("n  VM")
    program.keys("n")
    program.wait(r"^ New VM")
    program.wait(r"name \*")
    program.type_text("web-1")
    program.keys("enter")
    choose(program, "hv1 ")
    overwrite(program, "1")
    overwrite(program, "128M")
    choose(program, "qemu ")
    program.keys("enter")  # starts from its disk
    choose(program, "a full copy of an image")
    choose(program, IMAGE)
    choose(program, "shared ")
    program.keys("enter", "enter", "enter")  # size, network, seed
    overwrite(program, "ann")
    program.keys("enter", "enter", "enter")  # key, host name, start
    program.keys("enter")
    do_it(program, r"web-1")


def overwrite(program: Program, text: str) -> None:
    """Write over what a field says, and go on to the next one."""
    program.keys("ctrl+u")
    program.type_text(text)
    program.keys("enter")


def choose(program: Program, choice: str) -> None:
    """Go down a field's choices to the one that begins so, and on to the next field."""
    program.wait(r">\(.\) ")
    program.keys("home")
    row = rf">\(.\) {re.escape(choice)}"
    for _ in range(9):
        program.wait_quiet(0.2)
        if re.search(row, program.text()):
            break
        program.keys("down")
    program.wait(row, 1)
    program.keys("enter")


def log_in(program: Program) -> None:
    """Open the console, and log in as the seed's user."""
    program.select("web-1")
    program.keys("c")
    program.wait(r"^ web-1 on hv1  live")
    until(lambda: _prompted(program), "a prompt for the login", timeout=60, pause=1)
    program.type_text("ann")
    program.keys("enter")
    program.wait(r"^web-1:/home/ann#")


def _prompted(program: Program) -> bool:
    program.keys("enter")
    return "web-1 login:" in program.text()


def leave_console(program: Program) -> None:
    """Go back to the list; the console stays open."""
    program.keys("ctrl+]", "d")
    program.wait("console stays open")


def move(program: Program) -> None:
    """Move it to the other host, having read what libvirt calls unsafe."""
    program.keys("m")
    program.wait(r"Move web-1 on hv1")
    program.wait(r"\[Review\]")
    program.keys("tab", "tab", "space")
    program.wait(r"agree +\[x\]")
    program.keys("tab", "tab", "enter")
    do_it(program, "You agree to this: ")


def power_off(program: Program, host: Host) -> None:
    """Force it off: there is nothing in it to be lost."""
    program.select("web-1")
    program.wait_vm("web-1", r"on +hv2")
    program.chord("!", "f", "web-1")
    program.confirm(r"Force off web-1", "!")
    program.wait_task("force off web-1")
    assert host.virsh("domstate", "web-1") == "shut off"


def delete(program: Program) -> None:
    """Delete it with its disk and its seed."""
    program.chord("!", "d", "web-1")
    program.wait(r"^ *Delete web-1 on hv2")
    program.keys("space", "down", "space")
    program.fill_in("undefine ")
    program.read_dialog(r"Delete web-1 on hv2\?")
    program.type_phrase("web-1")
    program.wait_task("delete web-1")


def do_it(program: Program, shown: str) -> None:
    """Read the review, and do what it says."""
    program.wait(r"\[Do it\]")
    program.wait(shown)
    time.sleep(READING)
    program.press_away("enter", r"\[Do it\]")
