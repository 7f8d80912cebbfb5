"""Two clients at one host: what the other one changed between the leader and the confirmation is never acted upon."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Guest, Host, until
from tests.real.lab.guest import crowd
from tests.real.lab.process import output
from tests.real.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTHING = "nothing was done|already|only a VM that|not on .* any more|is gone"


@pytest.fixture(scope="module")
def opened(hv2: Host) -> Iterator[Program]:
    """One program on the host of these tests."""
    with Program.on(hv2) as program:
        yield program
        program.leave()


@pytest.fixture
def target(hv2: Host) -> Iterator[Guest]:
    """A VM that runs and costs nothing."""
    (guest,) = crowd(hv2, 1, prefix="target")
    yield guest
    guest.remove()


@pytest.fixture
def program(opened: Program, target: Guest) -> Program:
    """The program, with the cursor on the VM."""
    if opened not in Program.of_this_test:
        Program.of_this_test.append(opened)
    opened.select(target.name)
    opened.wait_vm(target.name, "on")
    return opened


def destroyed(guest: Guest) -> None:
    guest.host.virsh("destroy", guest.name)


def paused(guest: Guest) -> None:
    guest.host.virsh("suspend", guest.name)


def gone(guest: Guest) -> None:
    guest.host.virsh(f"undefine {guest.name}; destroy {guest.name}")


def replaced(guest: Guest) -> None:
    """Put another VM under the same name in its place, in the same state."""
    file = guest.host.folder / "guests/crowd" / f"{guest.name}.xml"
    guest.host.virsh(f"destroy {guest.name}; undefine {guest.name}; define {file}; start {guest.name}")


CHANGES = pytest.mark.parametrize("change", [destroyed, paused, gone, replaced])


def identity(guest: Guest) -> tuple[str, str, str]:
    """Which VM has the name, its state, and which start of it runs."""
    state = guest.state()
    if state == "gone":
        return "", state, ""
    return guest.uuid, state, guest.host.virsh("domid", guest.name)


@CHANGES
def test_changed_while_the_dialog_stands(program: Program, target: Guest, change: Callable[[Guest], None]) -> None:
    program.chord("!", "f", target.name)
    program.read_dialog(rf"Force off {target.name} on hv2\?")
    change(target)
    before = identity(target)
    program.keys("!")
    program.wait(rf"{target.name}.*({NOTHING})|last: force off {target.name} (refused|failed)")
    assert identity(target) == before


@CHANGES
def test_changed_while_the_menu_stands(program: Program, target: Guest, change: Callable[[Guest], None]) -> None:
    program.menu("x", target.name)
    change(target)
    before = identity(target)
    program.keys("p")
    until(
        lambda: re.search(rf"{target.name}.*({NOTHING})|Pause {target.name}", program.text()), "an answer to the chord"
    )
    if f"Pause {target.name}" in program.text():
        program.read_dialog(f"Pause {target.name}")
        program.keys("enter")
        program.wait(rf"{target.name}.*({NOTHING})|last: pause {target.name} (refused|failed)")
    assert identity(target) == before


def test_deleting_takes_no_vm_of_the_same_name(program: Program, target: Guest) -> None:
    """The worst of all: a VM is deleted and another one gets its name while its name is typed."""
    target.host.virsh("destroy", target.name)
    program.wait_vm(target.name, "off")
    program.chord("!", "d", target.name)
    program.read_dialog(rf"Delete {target.name} on hv2\?")
    replaced_off = target.host.folder / "guests/crowd" / f"{target.name}.xml"
    target.host.virsh(f"undefine {target.name}; define {replaced_off}")
    before = identity(target)
    program.type_phrase(target.name)
    program.wait(rf"{target.name}.*({NOTHING})|last: delete {target.name} (refused|failed)")
    assert identity(target) == before


def test_a_paste_starts_and_stops_nothing(program: Program, target: Guest) -> None:
    """Bracketed or not, and with every chord in it."""
    before = identity(target)
    for paste in (b"xp\r!f!xd\rxh\r", b"\x1b[200~xp\r!f!xd\r\x1b[201~", b"!f!", b"xp\r"):
        program.write(paste)
        program.wait_quiet(0.5)
        program.keys("escape", "escape")
        assert identity(target) == before
        program.select(target.name)


def test_the_same_uuid_on_two_hosts_is_told_and_not_started(hv1: Host, hv2: Host, target: Guest) -> None:
    definition = hv2.virsh("dumpxml", target.name, "--inactive")
    output(["virsh", "-q", "-c", hv1.uri, "define", "/dev/stdin"], stdin=definition)
    try:
        with Program.on(hv1, hv2) as program:
            program.type_text(f"/name:{target.name}")
            program.keys("enter")
            program.wait(rf"^{target.name} on .* hv1 and hv2")
            program.ask(f"start hv1/{target.name}")
            program.wait(r"hv2")
            program.wait_quiet(0.5)
            assert hv1.virsh("domstate", target.name) == "shut off"
            assert "last: start" not in program.text()
            program.leave()
    finally:
        hv1.virsh("undefine", target.name)
