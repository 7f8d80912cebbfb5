"""However keys arrive and the fleet changes, only what was shown, chosen and confirmed is changed."""

from __future__ import annotations

import asyncio
import random
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from kvmtui.commands import registry
from kvmtui.commands.base import Level, Noun
from kvmtui.core.inventory import Guard, Reason, TaskPhase, VmRef, VmState
from kvmtui.screens.page import Page
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.driver import Decoder, name_of, read_of
from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, desk
from tests.soak.oracles import SENT_BY
from tests.test_no_wrong_target import STATES, Calls
from tests.widgets.test_chords import GAPS, SEQUENCES

if TYPE_CHECKING:
    from kvmtui.backend.demo import World
    from kvmtui.commands.base import Command
    from kvmtui.config import HostConfig
    from kvmtui.core.inventory import HostEntry, Vm
    from kvmtui.widgets.confirm import Answering

LETTERS = {leader: [letter for letter, _ in registry.DEFAULT.menu(Noun.VM, leader)] for leader in registry.LEADERS}
ANOTHER = "00000000-0000-0000-0000-0000000000ff"
RACED = [command for command in registry.of_noun(Noun.VM) if command.id in SENT_BY and command.chord]


def free(host: HostConfig) -> HostConfig:
    """Let ordinary verbs run without a question: a chord that was not typed would act at once."""
    return replace(host, guard=Guard.FREE)


def stay(it: Desk) -> None:
    """Have `q` and `Q` leave nothing, so that every key can be tried."""
    it.app.action_leave = lambda: None  # type: ignore[method-assign] # quitting is tested elsewhere


def reset(it: Desk) -> None:
    """Go back to the list, without keys."""
    while len(it.app.screen_stack) > 1:
        _ = it.app.pop_screen()
    page = it.page
    bar = page.text_bar()
    if bar is not None:
        bar.close()
    page.close_menu()
    it.app.chords.reset()


# -- sequences


class Clock:
    """Seconds, moved by the test."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def streams() -> dict[tuple[object, ...], tuple[tuple[str, float, str], ...]]:
    """Return each sequence cut at each byte with each pause, once for each outcome that differs."""
    found: dict[tuple[object, ...], tuple[tuple[str, float, str], ...]] = {}
    for text in SEQUENCES:
        for cut in range(1, len(text)):
            for gap in GAPS:
                outcome = tuple(_named(message) for message in _decoded(text[:cut], gap, text[cut:]))
                if outcome:
                    found.setdefault(outcome, ((text[:cut], gap, text[cut:]),))
    return found


def _decoded(first: str, gap: float, rest: str) -> list[object]:
    clock = Clock()
    decoder = Decoder(clock)
    messages: list[object] = [*decoder.feed(first)]
    clock.at += gap
    messages += [*decoder.tick(), *decoder.feed(rest)]
    clock.at += 5.0
    return [*messages, *decoder.tick()]


def _named(message: object) -> object:
    from textual import events

    if isinstance(message, events.Key):
        read = read_of(message)
        return name_of(message), read.number if read else None, read.keys if read else ()
    if isinstance(message, events.MouseEvent):
        return type(message).__name__, message.x, message.y
    return type(message).__name__


async def test_no_sequence_of_a_terminal_cut_anywhere_asks_for_a_change() -> None:
    every = list(streams().values())[::8]  # the rest is tried on the chords themselves
    assert len(every) > 500
    async with desk(configs=free) as it:
        stay(it)
        await it.go_to("web-1")
        clock = Clock()
        for parts in every:
            clock.at += 60.0
            decoder = Decoder(clock)
            for first, gap, rest in parts:
                messages = decoder.feed(first)
                clock.at += gap
                messages += [*decoder.tick(), *decoder.feed(rest)]
                clock.at += 5.0
                await it.quick([*messages, *decoder.tick()])
            assert it.calls == [], parts
            assert not isinstance(it.app.screen, ConfirmScreen | Form), parts
            if len(it.app.screen_stack) > 1 or it.page.text_bar() is not None or it.page.menu.is_open:
                reset(it)
        assert it.tasks == ()


# -- pastes

ALPHABET = "xxsdpf!!.jk /:qhg\r\n3"
MEANT = re.compile(r"[jkg]*\.?[x!][a-zA-Z]")  # a chord with movement before it, as a held key brings it


@pytest.mark.parametrize("seed", range(2))
async def test_what_comes_in_one_read_acts_only_as_one_chord(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same texts each time
    async with desk(configs=free) as it:
        stay(it)
        await it.go_to("web-1")
        now = 1000.0
        clock = Clock()
        for _ in range(100):
            text = "".join(chance.choice(ALPHABET) for _ in range(chance.randrange(2, 9)))
            if MEANT.fullmatch(text) or text.startswith(":"):
                continue
            now += 60.0
            clock.at = now
            decoder = Decoder(clock)
            if chance.random() < 0.3:
                text = f"\x1b[200~{text}\x1b[201~"
            await it.quick(decoder.feed(text))
            assert it.calls == [], repr(text)
            assert not isinstance(it.app.screen, ConfirmScreen | Form), repr(text)
            reset(it)
        assert it.tasks == ()


# -- races


class Shown(NamedTuple):
    """What a person saw and confirmed."""

    verb: str
    host: str
    uuid: str
    name: str
    state: VmState
    identity: str


async def lead(it: Desk, leader: str) -> list[tuple[HostEntry, Vm]]:
    """Press a leader; return what its menu names, as the fleet had it just before or has it now."""
    before, marks = it.app.fleet, it.app.marks.refs
    await it.press(leader)
    title = it.menu_text().splitlines()[0] if it.menu_text() else ""
    shown = [pair for fleet in (before, it.app.fleet) for pair in fleet.vms()]
    if "marked VMs" in title:
        return [(entry, vm) for entry, vm in shown if VmRef(entry.name, vm.uuid) in marks]
    found = re.match(r" *[x!]  (\S+) on (\S+)  \((.+)\)", title)
    if found is None:
        return []
    meant = [(entry, vm) for entry, vm in shown if (vm.name, entry.name, vm.state.value) == found.groups()]
    assert len({vm.uuid for _, vm in meant}) == 1, title
    return meant


def disturb(it: Desk, chance: random.Random) -> None:
    """Let another client, or fate, change something."""
    world: World = it.world
    faults = world.faults
    host = chance.choice([one for one in world.hosts.values() if one.guests])
    guest = chance.choice(list(host.guests.values()))
    what = chance.randrange(10)
    if what < 4:
        faults.enter(host.name, guest.vm.uuid, *chance.choice(STATES))
    elif what == 4:
        guest.vm = replace(guest.vm, name=f"{guest.vm.name}x")
    elif what == 5 and len(host.guests) > 4:
        faults.vanish(host.name, guest.vm.uuid)
    elif what == 6:
        other = chance.choice([one for one in world.hosts.values() if one is not host])
        if guest.vm.uuid not in other.guests:
            faults.move(guest.vm.uuid, host.name, other.name)
    elif what == 7:
        faults.swap_identity(host.name, None if host.name in faults.identities else ANOTHER)
    elif what == 8:
        faults.cut(host.name, "End of file.")
    elif host.name in faults.silent:
        faults.answer(host.name)
    else:
        faults.silence(host.name)


class Person:
    """Somebody who works fast while everything changes; remembers what the screen showed."""

    def __init__(self, it: Desk, chance: random.Random) -> None:
        self.it = it
        self.chance = chance
        self.confirmed: set[Shown] = set()
        self.asked = 0

    async def wander(self) -> None:
        """Move, mark, sort and filter."""
        key = self.chance.choice((*"jkGg=Ofuz.", "pagedown", "space", "on"))
        await self.it.press(*(("o", "n") if key == "on" else (key,)))
        if self.chance.random() < 0.3:
            await self.it.click(10, self.chance.randrange(6, 20))
        if self.chance.random() < 0.1:
            await self.it.press("/", *self.chance.choice(("web", "db", "")), "enter")

    async def act(self) -> None:
        """Ask for a verb, look at what the screen says, and confirm it or not."""
        it, chance = self.it, self.chance
        leader = chance.choice(registry.LEADERS)
        command = chance.choice([one for one in RACED if one.chord and one.chord[0] == leader])
        assert command.chord is not None
        seen = [
            Shown(SENT_BY[command.id], entry.name, vm.uuid, vm.name, vm.state, entry.state.host.uuid)
            for entry, vm in await lead(it, leader)
            if entry.state is not None
        ]
        if chance.random() < 0.4:
            disturb(it, chance)
        if chance.random() < 0.3:
            await asyncio.sleep(0)
        if chance.random() < 0.15:  # another key takes the menu away
            await it.press(chance.choice(("escape", "1", "enter", "j")))
            return
        await it.press(command.chord[1])
        await it.settle()
        if not isinstance(it.app.screen, ConfirmScreen):
            self.confirmed |= set(seen)  # nothing was asked: it was easy, or refused
            return
        self.asked += 1
        title = it.app.screen.answering.question.title
        if len({one.uuid for one in seen}) == 1:
            assert f"{seen[0].name} on {seen[0].host}?" in title, title
        if chance.random() < 0.4:
            disturb(it, chance)
        question = it.app.screen.answering
        right = {Level.ORDINARY: ("enter",), Level.FORCED: ("!",)}.get(question.question.level, ())
        if chance.random() < 0.25:
            await self._hurry(question, seen)
        elif chance.random() < 0.25:
            await it.press(*chance.choice((("y",), ("space",), ("enter",) if right == ("!",) else ("!",))))
        else:
            self.confirmed |= set(seen)
            await it.press(*((*question.phrase, "enter") if question.phrase else right))
        if isinstance(it.app.screen, ConfirmScreen):
            await it.press("escape")

    async def _hurry(self, question: Answering, seen: list[Shown]) -> None:
        """Confirm before the question can have been read."""
        await self.it.early("enter", "!", *question.phrase, "enter")
        if question.guard.lets(time.monotonic()):  # the machine was slow: it could be read by then
            self.confirmed |= set(seen)


@pytest.mark.parametrize("seed", range(3))
async def test_a_race_changes_only_what_was_shown_and_confirmed(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a race must come again the same way
    quick: dict[str, Any] = {"ping_interval": 0.05, "backoff_first": 0.05, "backoff_most": 0.2, "shutdown_wait": 0.2}
    async with desk(configs=free if seed % 2 else lambda host: host, **quick) as it:
        calls = Calls(it.world)
        it.world.calls = calls
        it.faults.patience = 0.02
        stay(it)
        await it.until(lambda: len(it.names) > 30)
        person = Person(it, chance)
        for step in range(40):
            if not isinstance(it.app.screen, Page) or len(it.app.screen_stack) > 1:
                reset(it)
            if step % 10 == 9:
                it.faults.calm()
                await it.until(lambda: sum(entry.condition.is_answering for entry in it.engine.fleet.hosts) >= 1)
            await person.wander()
            if chance.random() < 0.5:
                disturb(it, chance)
            await person.act()
        it.faults.calm()
        await it.until(lambda: all(task.phase.is_final for task in it.tasks), "the end of all tasks")
        assert person.asked
        for call, met in zip(calls, calls.met, strict=True):
            sent = Shown(call.verb, met.host, met.uuid, met.name, met.state, met.identity)
            assert sent in person.confirmed, sent


@pytest.mark.parametrize("command", RACED, ids=lambda command: command.id)
async def test_every_verb_leaves_alone_what_is_no_longer_what_was_shown(command: Command) -> None:
    assert command.chord is not None
    changes = ("state", "name", "identity", "vanished", "moved")
    async with desk(configs=free) as it:
        vms = {change: appear(it, command.id, change) for change in changes}
        await it.until(lambda: all(known(it, ref) for ref in vms.values()), "the VMs")
        for change, ref in vms.items():
            await it.go_to(f"fresh-{change}")
            assert await lead(it, command.chord[0])
            alter(it, ref, change)  # in the instant before the letter
            before = len(it.calls)
            await it.press(command.chord[1])
            if isinstance(it.app.screen, ConfirmScreen):
                answering = it.app.screen.answering
                key = "!" if "!" in answering.demand else "enter"
                await it.press(*answering.phrase, "enter" if answering.phrase else key)
            await it.until(lambda: all(task.phase.is_final for task in it.engine.scene().fleet.tasks))
            assert len(it.calls) == before, change
            it.faults.calm()
            reset(it)
        tasks = it.engine.scene().fleet.tasks
        assert {task.phase for task in tasks} <= {TaskPhase.REFUSED, TaskPhase.FAILED}


def appear(it: Desk, verb: str, change: str) -> VmRef:
    """Make a VM in a state in which the verb may run."""
    from kvmtui.backend.demo import roles
    from kvmtui.backend.demo.plan import VmPlan

    off = verb in ("vm.start", "vm.drop-saved")
    plan = VmPlan(
        f"fresh-{change}",
        roles.WEB,
        1,
        1,
        state=VmState.OFF if off else VmState.RUNNING,
        reason=Reason.SAVED if off else Reason.BOOTED,
        saved=off,
        autostart=verb == "vm.autostart-off",
        agent=False,
    )
    uuid = it.faults.appear("hv2", plan)
    if verb == "vm.resume":
        it.faults.enter("hv2", uuid, VmState.PAUSED, Reason.USER)
    if verb == "vm.wake":
        it.faults.enter("hv2", uuid, VmState.SUSPENDED)
    return VmRef("hv2", uuid)


def known(it: Desk, ref: VmRef) -> bool:
    """Whether the fleet shows a VM as it is."""
    vm = it.engine.fleet.vm(ref)
    return vm is not None and vm.state is it.world.hosts[ref.host].guests[ref.uuid].vm.state


def alter(it: Desk, ref: VmRef, change: str) -> None:
    host = it.world.hosts[ref.host]
    guest = host.guests[ref.uuid]
    if change == "state":
        other = VmState.OFF if guest.vm.is_active else VmState.PAUSED
        it.faults.enter(ref.host, ref.uuid, other, Reason.USER)
    elif change == "name":
        guest.vm = replace(guest.vm, name="another")
    elif change == "identity":
        it.faults.swap_identity(ref.host, ANOTHER)
    elif change == "vanished":
        it.faults.vanish(ref.host, ref.uuid)
    else:
        it.faults.move(ref.uuid, ref.host, "hv3")
