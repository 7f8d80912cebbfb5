"""A host whose cable is pulled while one VM leaves it and another comes to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Guest, GuestSpec, Host, until
from tests.real.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeGuest = Callable[[Host, GuestSpec], Guest]

USUAL = "[ui]\nrefresh = 1.0\n[monitor]\nbackoff_most = 10.0\n"
SIZE = (200, 50)
SAYS_SO = 30.0  # seconds within which the row of a host says that it does not answer: 10, and a busy machine
SETTLED = 90.0  # seconds within which a move that a host's loss broke off has ended


def move(program: Program, guest: Guest, target: Host) -> None:
    """Begin to move a VM, so slowly that there is time to pull a cable."""
    program.ask(f"migrate {guest.name} --to {target.name} --bandwidth 1")
    program.confirm(rf"Move {guest.name} on {guest.host.name}\?")
    program.wait_vm(guest.name, rf"to {target.name}, \d+ %")


def running_on(guest: Guest, hosts: list[Host]) -> list[str]:
    """The hosts that run a VM, as they say themselves."""
    return [host.name for host in hosts if guest.name in host.virsh("list", "--name").split()]


@pytest.mark.timeout(300)
def test_a_cable_that_is_pulled_while_vms_come_and_go_loses_none(
    own_host: Host, hv1: Host, hv2: Host, make_guest: MakeGuest
) -> None:
    leaver, comer = (make_guest(host, GuestSpec(name)) for host, name in ((own_host, "leaver"), (hv1, "comer")))
    calm = make_guest(hv1, GuestSpec("calm", 64))
    for guest in (leaver, comer, calm):
        guest.start()
    for guest in (leaver, comer):
        guest.wait_booted()
    leaver.moved(hv2).moved(own_host)  # each may be on either
    comer.moved(own_host).moved(hv1)
    with Program.on(own_host, hv1, hv2, settings=USUAL, size=SIZE) as program:
        move(program, leaver, hv2)
        move(program, comer, own_host)
        own_host.unplug()
        program.wait_host(own_host.name, "no answer since", timeout=SAYS_SO)
        program.sees_live(calm)
        program.keys("7")
        # hv1 knows how its own move ended; of what the silent host does nothing is known.
        program.wait(r"move +comer +hv1 +failed", timeout=SETTLED)
        program.wait(rf"move +leaver +{own_host.name} +(running|unknown)")
        program.keys("1")
        program.wait_vm("comer", r"on +hv1")
        program.sees_live(calm)
        own_host.plug()
        program.wait_host(own_host.name, r"\d+ %", timeout=SETTLED)
        program.keys("7")
        program.wait(rf"move +leaver +{own_host.name} +(failed|done|unknown)", timeout=SETTLED)
        program.keys("1")
        hosts = [own_host, hv1, hv2]
        until(lambda: running_on(comer, hosts) == ["hv1"], "comer runs where it was alone", timeout=SETTLED)
        (where,) = until(lambda: running_on(leaver, hosts), "leaver runs", timeout=SETTLED)
        program.wait_vm("leaver", rf"on +{where}", timeout=SETTLED)
        shown = re.findall(r"^.{3}(leaver|comer) .*", program.text(), re.MULTILINE)
        assert sorted(shown) == ["comer", "leaver"], "each is shown where it is, and nowhere else"
        last = {entry["vm"]: entry for entry in program.home.journal()}
        assert "On hv1 comer still runs." in last["comer"]["message"]
        assert f"{own_host.name} could not be asked: " in last["comer"]["message"]
        program.leave()
        assert "Traceback" not in program.home.log()
