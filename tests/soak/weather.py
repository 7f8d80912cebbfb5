"""What goes wrong with a simulated fleet, at random."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.base import Prompt, PromptKind
from kvmtui.backend.demo import roles
from kvmtui.backend.demo.plan import VmPlan
from kvmtui.core.errors import BackendError, Busy, Denied, NotFound, TimedOut, Unreachable
from kvmtui.core.inventory import Reason, VmState
from tests.soak.poison import some
from tests.soak.words import PROMPTS

if TYPE_CHECKING:
    import random

    from kvmtui.backend.demo import World
    from kvmtui.backend.demo.guest import Guest
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.prompts import Prompts

ANOTHER = "00000000-0000-0000-0000-0000000000ff"
MOST_VMS = 60  # of all hosts together
MOST_PROMPTS = 3  # questions of logins that wait
STATES = (
    (VmState.RUNNING, Reason.BOOTED),
    (VmState.PAUSED, Reason.USER),
    (VmState.PAUSED, Reason.IO_ERROR),
    (VmState.SUSPENDED, Reason.NONE),
    (VmState.OFF, Reason.SHUTDOWN),
    (VmState.OFF, Reason.DESTROYED),
    (VmState.OFF, Reason.CRASHED),
)
VERBS = ("start", "shutdown", "pause", "sample", "inventory", "detail", "xml", "define", "migrate", "force_off", None)
ERRORS: tuple[type[BackendError], ...] = (BackendError, Busy, Denied, NotFound, TimedOut, Unreachable)
KINDS = frozenset(
    {
        *(f"is {state.value}" for state, _ in STATES),
        *(f"refuses {verb or 'anything'}" for verb in VERBS),
        *(f"asks for a {kind.value}" for kind in PromptKind),
        *("vanished", "moved", "doubled", "migrates", "starved", "hung", "hangs no more", "is called", "has a new one"),
        *("is cut", "has another identity", "is itself again", "is silent", "answers", "is slow", "is slow no more"),
        *("takes no connection", "takes connections", "loses a reply", "takes a question back"),
    }
)
"""All that can go wrong."""


class Weather:
    """Meddles with the hosts and VMs of a world, or lets all be calm again."""

    def __init__(self, world: World, chance: random.Random, prompts: Prompts) -> None:
        """Choose by `chance`."""
        self._world = world
        self._chance = chance
        self._prompts = prompts
        self._asking: set[asyncio.Task[str | None]] = set()
        self._made = 0
        self.met: Counter[str] = Counter()

    def turn(self) -> str:
        """Let something happen; returns what."""
        chance, hosts = self._chance, [host for host in self._world.hosts.values() if host.guests]
        if not hosts:
            return "nothing"
        host = chance.choice(hosts)
        kind = chance.choices(
            (self._state, self._vm, self._host, self._call, self._name, self._appear, self._login),
            (30, 18, 26, 14, 5, 7, 6),
        )[0]
        guest = chance.choice(list(host.guests.values()))
        name = guest.vm.name
        what, detail = kind(host, guest)
        self.met[what] += 1
        return f"{host.name} {name!a} {what} {detail}"

    def calm(self) -> None:
        """End every fault."""
        self._world.faults.calm()
        for asking in self._asking:
            asking.cancel()
        for host in self._world.hosts.values():
            for guest in host.guests.values():
                guest.hung = False

    def _state(self, host: SimHost, guest: Guest) -> tuple[str, str]:
        state, reason = self._chance.choice(STATES)
        self._world.faults.enter(host.name, guest.vm.uuid, state, reason)
        return f"is {state.value}", reason.value

    def _vm(self, host: SimHost, guest: Guest) -> tuple[str, str]:
        faults, chance, uuid = self._world.faults, self._chance, guest.vm.uuid
        other = chance.choice([one for one in self._world.hosts.values() if one is not host])
        match chance.randrange(6):
            case 0 if len(host.guests) > 4:
                faults.vanish(host.name, uuid)
                return "vanished", ""
            case 1 if uuid not in other.guests:
                faults.move(uuid, host.name, other.name)
                return "moved", other.name
            case 2 if uuid not in other.guests:
                faults.double(uuid, host.name, other.name, running=chance.random() < 0.5)
                return "doubled", other.name
            case 3 if uuid not in other.guests and guest.vm.is_active:
                faults.migrate(uuid, host.name, other.name, chance.choice((0.1, 1.0, 5.0)))
                return "migrates", other.name
            case 4 if guest.vm.is_active:
                faults.starve(host.name, uuid)
                return "starved", ""
            case _:
                stuck = next((one for one in host.guests.values() if one.hung), None)
                faults.hang(host.name, (stuck or guest).vm.uuid, hung=stuck is None)
                return "hangs no more" if stuck else "hung", ""

    def _host(self, host: SimHost, _guest: Guest) -> tuple[str, str]:
        faults, name = self._world.faults, host.name
        match self._chance.randrange(6):
            case _ if faults.shut and self._chance.random() < 0.3:
                faults.open_door(next(iter(faults.shut)))
                what = "takes connections"
            case _ if faults.identities and self._chance.random() < 0.5:  # a calm soon ends it, too
                faults.swap_identity(next(iter(faults.identities)), None)
                what = "is itself again"
            case 0:
                faults.cut(name, some(self._chance))
                what = "is cut"
            case 1:
                faults.swap_identity(name, ANOTHER)
                what = "has another identity"
            case 2 if name in faults.silent:
                faults.answer(name)
                what = "answers"
            case 2:
                faults.silence(name)
                what = "is silent"
            case 3:
                faults.slow(name, 0.0 if name in faults.delays else self._chance.choice((0.01, 0.1, 2.0)))
                what = "is slow" if name in faults.delays else "is slow no more"
            case 4:
                faults.close_door(name, Denied(some(self._chance)) if self._chance.random() < 0.3 else None)
                what = "takes no connection"
            case _:
                faults.lose_reply(name, done=self._chance.random() < 0.5)
                what = "loses a reply"
        return what, ""

    def _call(self, host: SimHost, guest: Guest) -> tuple[str, str]:
        verb, error = (
            self._chance.choice(VERBS),
            self._chance.choice(ERRORS)(some(self._chance), hint=some(self._chance)),
        )
        uuid = guest.vm.uuid if self._chance.random() < 0.3 else None
        self._world.faults.refuse(error, verb=verb, host=host.name, uuid=uuid, times=self._chance.randrange(1, 4))
        return f"refuses {verb or 'anything'}", f"{error.text!a}"

    def _name(self, _host: SimHost, guest: Guest) -> tuple[str, str]:
        guest.vm = replace(guest.vm, name=f"{guest.vm.name[:40]}{some(self._chance)}")
        return "is called", f"{guest.vm.name!a}"

    def _login(self, host: SimHost, _guest: Guest) -> tuple[str, str]:
        if len(self._asking) >= MOST_PROMPTS or (self._asking and self._chance.random() < 0.3):
            self._chance.choice(list(self._asking)).cancel()
            return "takes a question back", ""
        kind = self._chance.choice(list(PromptKind))
        prompt = Prompt(
            host.name, self._chance.choice((*PROMPTS, some(self._chance))), kind, again=self._chance.random() < 0.5
        )
        asking = asyncio.create_task(self._prompts.ask(prompt))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        return f"asks for a {kind.value}", ""

    def _appear(self, host: SimHost, _guest: Guest) -> tuple[str, str]:
        if sum(len(one.guests) for one in self._world.hosts.values()) >= MOST_VMS:
            return "is full", ""
        self._made += 1
        off = self._chance.random() < 0.3
        state, reason = (VmState.OFF, Reason.SHUTDOWN) if off else (VmState.RUNNING, Reason.BOOTED)
        self._world.faults.appear(host.name, VmPlan(f"new-{self._made}", roles.WEB, 1, 1, state=state, reason=reason))
        return "has a new one", f"new-{self._made}"
