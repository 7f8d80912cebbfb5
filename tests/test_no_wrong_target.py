"""However the fleet changes meanwhile, a change is sent only to what was chosen, in the state that was seen."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from kvmtui.backend.demo import Call
from kvmtui.commands import registry
from kvmtui.commands.base import Target
from kvmtui.core.inventory import Reason, VmState
from tests.fleet_lab import Lab, running, virtual

if TYPE_CHECKING:
    from pathlib import Path

    from kvmtui.backend.demo import World

VERBS = ("vm.start", "vm.shutdown", "vm.force-off", "vm.pause", "vm.resume", "vm.reset", "vm.delete", "vm.autostart-on")
STATES = (
    (VmState.RUNNING, Reason.BOOTED),
    (VmState.PAUSED, Reason.USER),
    (VmState.OFF, Reason.DESTROYED),
    (VmState.OFF, Reason.CRASHED),
)


class Sent(NamedTuple):
    """A change, and what it met."""

    host: str
    uuid: str
    name: str
    state: VmState
    identity: str


class Calls(list[Call]):
    """Notes what each change meets at the instant that it is sent."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.met: list[Sent] = []

    def append(self, call: Call) -> None:
        super().append(call)
        host = self._world.host(call.host)
        vm = host.guest(call.uuid).vm
        identity = self._world.faults.identities.get(call.host, host.facts.uuid)
        self.met.append(Sent(call.host, call.uuid, vm.name, vm.state, identity))


async def disturb(lab: Lab, chance: random.Random) -> None:
    """Let somebody else, or fate, change something."""
    world, faults = lab.world, lab.faults
    host = chance.choice([one for one in world.hosts.values() if one.guests])
    guest = chance.choice(list(host.guests.values()))
    match chance.randrange(9):
        case 0 | 1 | 2:
            faults.enter(host.name, guest.vm.uuid, *chance.choice(STATES))
        case 3:  # nobody is told
            guest.vm = replace(guest.vm, name=f"{guest.vm.name}x")
        case 4:
            if len(host.guests) > 4:
                faults.vanish(host.name, guest.vm.uuid)
        case 5:
            other = chance.choice([one for one in world.hosts.values() if one is not host])
            if guest.vm.uuid not in other.guests:
                faults.move(guest.vm.uuid, host.name, other.name)
        case 6:
            faults.cut(host.name, "End of file.")
        case 7:
            here = host.name not in faults.identities
            faults.swap_identity(host.name, "00000000-0000-0000-0000-00000000000f" if here else None)
        case _:
            if host.name in faults.silent:
                faults.answer(host.name)
            else:
                faults.silence(host.name)


@pytest.mark.parametrize("seed", range(12))
def test_no_change_meets_anything_but_what_was_chosen(tmp_path: Path, seed: int) -> None:
    @virtual
    async def check() -> None:
        chance = random.Random(seed)  # noqa: S311 - a race must come again the same way
        async with running(tmp_path, backoff_first=0.2, backoff_most=1.0, shutdown_wait=5.0) as lab:
            calls = Calls(lab.world)
            lab.world.calls = calls
            lab.faults.patience = 0.2
            chosen: dict[tuple[str, str], set[tuple[str, VmState, str]]] = {}
            begun: list[str] = []
            for _ in range(120):
                shown = [(entry, vm) for entry, vm in lab.engine.fleet.vms() if entry.state is not None]
                some = [Target.of_vm(*chance.choice(shown)) for _ in range(chance.randrange(1, 4))]
                for _ in range(chance.randrange(3)):
                    await disturb(lab, chance)
                await asyncio.sleep(chance.choice((0.0, 0.0, 0.05, 0.7)))
                verb = registry.by_id(chance.choice(VERBS))
                assert verb is not None
                for target in some:
                    assert target.state is not None
                    seen = (target.name, target.state, target.host_uuid)
                    chosen.setdefault((target.host, target.uuid), set()).add(seen)
                begun += lab.engine.submit(verb, some, {})
            lab.faults.calm()
            views = await lab.engine.wait(begun[-100:])
            assert all(view.phase.is_final for view in views)
            assert calls.met
            for sent in calls.met:
                assert (sent.name, sent.state, sent.identity) in chosen[sent.host, sent.uuid]

    check()
