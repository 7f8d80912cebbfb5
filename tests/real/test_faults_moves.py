"""Hosts that nobody reaches any more, or we alone, while VMs leave them and come to them."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.real.lab import Guest, GuestSpec, Host, Lab, until
from tests.real.program import Home, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USUAL = "[ui]\nrefresh = 1.0\n[monitor]\nbackoff_most = 10.0\n"
HASTY = """
import sys
from kvmtui.commands import arrival
arrival._PATIENT = 5.0
from kvmtui.__main__ import main
sys.exit(main())
"""
SIZE = (200, 60)
SAYS_SO = 30.0  # seconds within which the row of a host says that it does not answer: 10, and a busy machine
SETTLED = 90.0  # seconds within which a move that a host's loss broke off has ended


def move(program: Program, guest: Guest, target: Host) -> None:
    """Begin to move a VM, so slowly that there is time to hurt a host."""
    program.ask(f"migrate {guest.name} --to {target.name} --bandwidth 1")
    program.confirm(rf"Move {guest.name} on {guest.host.name}\?")
    program.wait_vm(guest.name, rf"to {target.name}, \d+ %")


def running_on(guest: Guest, hosts: list[Host]) -> list[str]:
    """The hosts that run a VM, as they say themselves."""
    return [host.name for host in hosts if guest.name in host.virsh("list", "--name").split()]


class Hurt(NamedTuple):
    """A host that gets into trouble while a VM leaves it, and while one comes to it, if one does."""

    host: Host
    cut: Callable[[], None]
    heal: Callable[[], None]
    leaver: Guest
    target: Host
    comer: Guest | None


def booting(lab: Lab, name: str, source: Host, target: Host) -> Guest:
    """A guest that is to be moved, and may then be on either host."""
    return lab.guest(source, GuestSpec(name)).start().moved(target).moved(source)


def journal(program: Program, vm: str) -> list[dict[str, Any]]:
    """How the tasks of a VM ended, in their order."""
    return [line for line in program.home.journal() if line["vm"] == vm and "result" in line]


@pytest.fixture
def trouble(lab: Lab) -> Iterator[dict[str, Host]]:
    """Hosts for the test alone, by what it does to them.

    A libvirtd may break down long after a host that it was moving a VM to has gone: none of them serves another test.
    """
    made = {name: lab.host(name) for name in ("pulled", "deaf", "mute", "haven", "harbour", "home")}
    yield made
    for host in made.values():
        lab.drop(host)


@pytest.mark.timeout(600)
def test_hosts_that_nobody_reaches_or_we_alone_while_vms_come_and_go_lose_none(
    trouble: dict[str, Host], lab: Lab
) -> None:
    """One has its cable pulled, one drops all packets, and one ours alone: what was to leave that one arrives."""
    pulled, deaf, mute, haven, harbour, home = trouble.values()  # a host takes in two at a time
    hurt = [
        Hurt(host, cut, heal, booting(lab, f"from-{host.name}", host, to), to, comer)
        for host, cut, heal, to, comer in (
            (pulled, pulled.unplug, pulled.plug, haven, booting(lab, "to-pulled", home, pulled)),
            (deaf, deaf.drop_packets, deaf.pass_packets, haven, booting(lab, "to-deaf", home, deaf)),
            (mute, partial(mute.drop_packets, lab.address), partial(mute.pass_packets, lab.address), harbour, None),
        )
    ]
    _moves_while_hosts_are_hurt(hurt, lab.guest(home, GuestSpec("calm", 64)).start())


def _moves_while_hosts_are_hurt(hurt: list[Hurt], calm: Guest) -> None:
    everybody = list({host.name: host for one in hurt for host in (one.host, one.target, calm.host)}.values())
    moving = [guest for one in hurt for guest in (one.leaver, one.comer) if guest is not None]
    for guest in moving:
        guest.wait_booted()
    home = Home({host.name: host.uri for host in everybody}, USUAL)
    with Program(home, argv=[sys.executable, "-c", HASTY], size=SIZE) as program:
        for host in everybody:
            program.wait_host(host.name, r"\d+ %")
        for one in hurt:
            move(program, one.leaver, one.target)
            if one.comer is not None:
                move(program, one.comer, one.host)
        with ExitStack() as healing:
            for one in hurt:
                one.cut()
                healing.callback(one.heal)
            _sees_what_is_known(program, hurt, calm)
        for one in hurt:
            program.wait_host(one.host.name, r"\d+ %", timeout=SETTLED)
        program.keys("7")
        for one in hurt:
            how = "done" if one.comer is None else "(failed|done|unknown)"
            program.wait(rf"move +{one.leaver.name} +{one.host.name} +{how}", timeout=SETTLED)
        program.keys("1")
        _sees_where_they_are(program, hurt, everybody, calm.host)
        program.leave()
        assert "Traceback" not in program.home.log()


def _sees_what_is_known(program: Program, hurt: list[Hurt], calm: Guest) -> None:
    """See each fault and what it leaves unknown, while all else is live."""
    for one in hurt:
        program.wait_host(one.host.name, "no answer since", timeout=SAYS_SO)
    program.sees_live(calm)
    program.keys_work()
    program.keys("7")
    for one in hurt:
        if one.comer is not None:
            # Its source knows how that move ended; of what the silent host does nothing is known.
            program.wait(rf"move +{one.comer.name} +{calm.host.name} +failed", timeout=SETTLED)
            program.wait(rf"move +{one.leaver.name} +{one.host.name} +(running|unknown)")
        else:
            # Its target has it, its source cannot be asked: whether two of it run is not known.
            until(lambda one=one: running_on(one.leaver, [one.target]), "it has arrived", timeout=SETTLED)  # type: ignore[misc]
            program.wait(rf"move +{one.leaver.name} +{one.host.name} +unknown", timeout=SETTLED)
    program.keys("1")
    for one in hurt:
        if one.comer is not None:
            program.wait_vm(one.comer.name, rf"on +{calm.host.name}")
    program.sees_live(calm)


def _sees_where_they_are(program: Program, hurt: list[Hurt], everybody: list[Host], home: Host) -> None:
    """See each VM where it runs and nowhere else, and the journal say so."""
    for guest in (guest for one in hurt for guest in (one.leaver, one.comer) if guest is not None):
        (where,) = until(partial(running_on, guest, everybody), f"{guest.name} runs", timeout=SETTLED)
        program.wait_vm(guest.name, rf"on +{where}", timeout=SETTLED)
        # Where it was under the cursor a row stays that says so.
        shown = re.findall(rf"^.{{3}}{guest.name} +(?!gone )\S", program.text(), re.MULTILINE)
        assert len(shown) == 1, "it is shown where it is, and nowhere else"
    for one in hurt:
        if one.comer is None:
            assert running_on(one.leaver, everybody) == [one.target.name]
            assert [line["result"] for line in journal(program, one.leaver.name)] == ["unknown", "done"]
            continue
        assert running_on(one.comer, everybody) == [home.name], "it runs where it was alone"
        said = journal(program, one.comer.name)[-1]["message"]
        assert f"On {home.name} {one.comer.name} still runs." in said
        assert f"{one.host.name} could not be asked: " in said
