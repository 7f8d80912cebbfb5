"""Whatever a VM is called, a command reaches that VM: it is shown recognisably, and addressed by host and UUID."""

from __future__ import annotations

import shlex
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.cli.output import Exit
from kvmtui.commands.base import Level
from kvmtui.commands.naming import find
from kvmtui.core.errors import NotFound, Refused
from kvmtui.core.inventory import VmRef, VmState
from kvmtui.core.text import safe
from kvmtui.widgets.confirm import Answering, Confirmation, Confirmed, ConfirmScreen
from tests.cli.shell import kvmtui
from tests.commands.scenes import a_vm, entry, scene
from tests.hostile.corpus import TEXTS
from tests.hostile.painting import assert_harmless, assert_painted_well
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo import World
    from tests.cli.shell import Shell

__all__ = ["kvmtui"]

NAMED = f"demo:///?hosts=2&vms={len(TEXTS)}&faults=none&pace=0"


def named(world: World) -> None:
    """Name the VMs after the corpus; all of them run, and nothing is wrong with any."""
    guests = [guest for host in world.hosts.values() for guest in host.guests.values()]
    for guest, name in zip(guests, TEXTS, strict=False):
        guest.vm = replace(
            guest.vm, name=name, title=name, state=VmState.RUNNING, autostart=False, persistent=True, pending=False
        )


def the_calls(it: Desk) -> list[tuple[str, VmRef]]:
    return [(call.verb, VmRef(call.host, call.uuid)) for call in it.calls]


async def ask_to_force_off(it: Desk, ref: VmRef) -> None:
    """Press the chord with the cursor on that VM, and wait for the dialog."""
    await it.press("home")
    await it.until(lambda: ref in it.vms.pane.shown.keys)
    it.vms.pane.table.focus()
    assert it.vms.pane.table.move_to(ref)
    await it.settle()
    await it.press("!", "f")
    await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
    await it.settle()


@pytest.mark.parametrize("part", range(2))
async def test_a_command_reaches_the_vm_that_its_dialog_names(part: int) -> None:
    async with desk(NAMED, prepare=named, size=(100, 30)) as it:
        await it.press("2")
        vms = [(VmRef(entry.name, vm.uuid), vm.name) for entry, vm in it.engine.fleet.vms()]
        for ref, name in vms[part * 17 :: 71]:
            await ask_to_force_off(it, ref)
            assert_painted_well(it)
            if name.strip() and len(safe(name)) < 60 and not unicodedata.combining(name[0]):
                assert f"Force off {safe(name).rstrip()}" in it.text
            await it.press("!")
            await it.until(lambda ref=ref: the_calls(it)[-1:] == [("force_off", ref)])  # type: ignore[misc]
        for call in it.calls:
            assert it.world.hosts[call.host].guests[call.uuid].vm.state is VmState.OFF
        off = sum(guest.vm.state is VmState.OFF for host in it.world.hosts.values() for guest in host.guests.values())
        assert off == len(it.calls)


TWINS = [
    ("a\x1bb", "a\\x1bb"),
    ("web\u200b", "web\\u200b"),
    ("web", "web "),
    ("admin", "\u0430dmin"),
    ("x" * 400, "x" * 401),
    ("\ud800", "\\ud800"),
]


@pytest.mark.parametrize(("one", "other"), TWINS)
async def test_two_that_look_alike_stay_two(one: str, other: str) -> None:
    def prepare(world: World) -> None:
        guests = list(world.hosts["hv1"].guests.values())
        for guest, name in zip(guests, (one, other), strict=False):
            guest.vm = replace(guest.vm, name=name, owner="", state=VmState.RUNNING, autostart=False, persistent=True)

    async with desk(prepare=prepare, size=(120, 36)) as it:
        await it.press("2")
        for name in (one, other):
            [ref] = [VmRef(entry.name, vm.uuid) for entry, vm in it.engine.fleet.vms() if vm.name == name]
            await ask_to_force_off(it, ref)
            await it.press("escape")
            assert the_calls(it) == []
            await ask_to_force_off(it, ref)
            await it.press("i") if ref.uuid not in it.text else None
            await it.press("!")
            await it.until(lambda ref=ref: the_calls(it) == [("force_off", ref)])  # type: ignore[misc]
            it.calls.clear()


@pytest.mark.parametrize("name", ["", "   ", "\u3000", "x" * 3000, "\u202e" * 300])
def test_a_loss_asks_for_a_word_whatever_the_name(name: str) -> None:
    """A name that is blank or endless cannot be typed: then it is the verb and the number."""
    question = Confirmation("Delete?", Level.LOSS, (name,))
    asked = Answering(question)
    assert asked.phrase
    assert asked.key("enter", alone=True) is True
    asked.paste(asked.phrase)
    assert isinstance(asked.key("enter", alone=True), Confirmed)


def test_no_vm_takes_the_place_of_another_by_its_name(kvmtui: Shell) -> None:
    victim = kvmtui.world.ref("web-1")
    host = kvmtui.world.hosts["hv2"]
    guests = list(host.guests.values())
    names = (victim.uuid, victim.uuid.upper(), "hv1/web-1", "all", "--all", "-y")
    for guest, name in zip(guests, names, strict=False):
        guest.vm = replace(guest.vm, name=name, owner="", state=VmState.RUNNING, persistent=True)
    done = kvmtui("vm", "pause", victim.uuid, "--yes")
    assert done.code == Exit.DONE, done
    assert [(call.host, call.uuid) for call in kvmtui.world.calls] == [tuple(victim)]
    kvmtui.world.calls.clear()
    done = kvmtui("vm", "pause", "hv1/web-1", "--yes")
    assert done.code == Exit.FAILED
    assert kvmtui.world.calls == []
    assert "several" in done.err


def test_the_command_line_finds_a_vm_by_each_name_or_says_why_not(kvmtui: Shell) -> None:
    guest = next(iter(kvmtui.world.hosts["hv1"].guests.values()))
    for name in TEXTS[7::130]:
        guest.vm = replace(guest.vm, name=name, title=name, description=name, owner="")
        for words in (("vm", "show", "--", name), ("vms", f"name={shlex.quote(name)}"), ("vms",)):
            done = kvmtui(*words)
            for written in (done.out, done.err):
                assert_harmless(written.replace("\n", ""))
            assert "Traceback" not in done.err
        listed = kvmtui("vms", "--json").document["vms"]
        assert name in [vm["name"] for vm in listed]


def test_each_name_of_a_fleet_is_found() -> None:
    vms = [a_vm(uuid=f"00000000-0000-4000-8000-{number:012x}", name=name) for number, name in enumerate(TEXTS)]
    fleet = scene(entry("hv1", vms)).fleet
    for vm in vms:
        try:
            assert find(fleet, vm.name).vm.uuid == vm.uuid
        except (NotFound, Refused):
            assert "/" in vm.name or vm.name == ""
        assert find(fleet, vm.uuid).vm.uuid == vm.uuid
