"""Plays on the program as nobody would: random keys, texts, pastes, broken sequences, mouse and sizes, with a seed."""

from __future__ import annotations

import asyncio
import gc
import random
import shlex
import sys
import time
from collections import deque
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

from textual import events

from kvmtui.core.inventory import Guard, VmState
from kvmtui.screens.fleet import FleetPage
from kvmtui.screens.key_taker import KeyTaker
from kvmtui.screens.page import Page
from kvmtui.screens.tabs import TabbedPage
from kvmtui.widgets.chords import Read
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.driver import Decoder, name_of
from kvmtui.widgets.form import Form
from kvmtui.widgets.login import LoginScreen
from tests.screens.harness import SIZE, SMALL, Desk, _mouse, desk, key_event
from tests.soak.oracles import Broken, Oracles
from tests.soak.reach import Reach
from tests.soak.weather import Weather
from tests.soak.words import (
    FILLED,
    LETTERS,
    LINES,
    LOOKS,
    MARKS,
    MOVES,
    OTHERS,
    PLACES_TO_GO,
    SEQUENCES,
    SIZES,
    WORDS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from textual._queue import Queue
    from textual.dom import DOMNode
    from textual.message import Message
    from textual.screen import Screen

    from kvmtui.config import HostConfig

REMEMBERED = 50  # inputs that are told when something breaks
CALM_EVERY = 60  # steps
HOME_EVERY = 40  # steps
MOST_ESCAPES = 15  # presses of esc that must lead back to the fleet from anywhere
GARBAGE = 20_000  # objects made between two searches for garbage, which cost a tenth of a game otherwise
SLOW = 120.0  # seconds that a step may take, on a machine that has much else to do


class Input(NamedTuple):
    """What was sent in one step."""

    kind: str
    what: str
    on: str

    def __str__(self) -> str:
        return f"{self.on:>14}  {self.kind:<8} {self.what}"


class Played(NamedTuple):
    """What a game came to."""

    seed: int
    events: int
    calls: int
    tasks: int
    kinds: dict[str, int]  # how many steps were made on each kind of screen
    escapes: int  # the most presses that led back to the fleet
    slowest: float  # seconds
    reach: Reach


class Clock:
    """Seconds, moved by the game."""

    at = 1000.0

    def __call__(self) -> float:
        return self.at


class BriskDesk(Desk):
    """Waits only for those that have something in their queue, which costs a third of a key less."""

    async def _all_handled(self, widgets: Sequence[DOMNode]) -> None:
        await super()._all_handled([one for one in widgets if not _is_idle(one)])


def _is_idle(one: DOMNode) -> bool:
    """Tell whether a widget waits for its next message, and there is none."""
    queue: Queue[Message | None] = one._message_queue
    return queue.empty() and any(not waiter.done() for waiter in queue.ready_event._waiters)


class Monkey:
    """Chooses what comes next by what is on the screen, so that it gets deep."""

    def __init__(self, it: Desk, chance: random.Random, oracles: Oracles) -> None:
        self.it = it
        self.chance = chance
        self.oracles = oracles
        self.sent: deque[Input] = deque(maxlen=REMEMBERED)
        self.events = 0
        self.kinds: dict[str, int] = {}
        self._decoder_clock = Clock()
        self._decoder = Decoder(self._decoder_clock)

    async def step(self) -> None:
        """Send one key, or a few that belong together."""
        screen, chance = self.it.app.screen, self.chance
        kind = self.oracles.kind()
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.oracles.reach.saw(self.it.app)
        if chance.random() < 0.2:
            await chance.choices(
                (self._mouse, self._burst, self._sequence, self._paste, self._resize, self._haste),
                (40, 20, 12, 8, 6, 60),
            )[0]()
        elif isinstance(screen, Page):
            await self._press_on_page(screen, kind)
        else:
            await self._press_elsewhere(screen)

    async def _press_on_page(self, page: Page, kind: str) -> None:
        chance = self.chance
        if kind == "menu":
            await self.press(chance.choice((*LETTERS, "escape", "n", *LETTERS, chance.choice(MOVES))))
        elif kind == "bar":
            await self._write()
        elif isinstance(page, TabbedPage) and chance.random() < 0.25:
            await self.press(chance.choice((">", "<", "tab", ">")))
        else:
            await self._walk()

    async def _press_elsewhere(self, screen: Screen[Any]) -> None:
        chance = self.chance
        if isinstance(screen, ConfirmScreen):
            await self._answer(screen)
        elif isinstance(screen, Form):
            await self._fill()
        elif isinstance(screen, LoginScreen):
            await self.press(chance.choice(("escape", "enter", "y", "n", "a", "backspace", "ctrl+u")))
        elif isinstance(screen, KeyTaker):
            await self._type_to_guest()
        elif chance.random() < 0.35:
            await self.press(chance.choice(("escape", "enter", "q", "escape")))
        else:
            await self.press(chance.choice((*MOVES, *LOOKS, *LETTERS, "space", *chance.choice(WORDS)[:3])))

    # -- what is pressed where

    async def _walk(self) -> None:
        chance = self.chance
        match chance.choices(range(10), (26, 22, 8, 17, 5, 6, 4, 4, 10, 7))[0]:
            case 0:
                await self.press(*[chance.choice(MOVES)] * chance.choice((1, 1, 1, 3, 8)))
            case 1:
                await self.press(chance.choice(LOOKS))
            case 2:
                await self.press(chance.choice(MARKS))
            case 3:
                await self._chord()
            case 4:
                await self.press("/" if chance.random() < 0.5 else ":")
            case 5:
                await self.press(
                    *chance.choice((("n", "n"), ("m",), ("c",), ("v",), ("2", "home", "m"), ("enter", ">")))
                )
            case 6:
                await self.press("o", chance.choice("nschmldt"))
            case 8:
                await self.press(":", *map(_key, self._filled(chance.choice(FILLED))), "enter")
            case 9:
                await self.press(*chance.choice(PLACES_TO_GO))
            case _:
                await self.press(chance.choice(OTHERS))

    def _filled(self, line: str) -> str:
        """Return a line with names that the fleet has at the moment."""
        fleet, chance = self.it.engine.fleet, self.chance
        vms = [vm for _, vm in fleet.vms() if vm.name.isprintable() and vm.name.strip()]
        some = [vm.name for vm in vms]

        def one(*states: VmState) -> str:
            found = [vm.name for vm in vms if vm.state in states]
            return shlex.quote(chance.choice(found or some or ["none"]))

        return line.format(
            vm=one(VmState.RUNNING),
            other=one(),
            off=one(VmState.OFF),
            paused=one(VmState.PAUSED),
            asleep=one(VmState.SUSPENDED),
            saved=chance.choice([shlex.quote(vm.name) for vm in vms if vm.saved] or ["none"]),
            host=chance.choice([entry.name for entry in fleet.hosts]),
            task=chance.choice([task.id for task in fleet.tasks] or ["0"]),
            number=self.events,
        )

    async def _chord(self) -> None:
        leader = self.chance.choice("xx!")
        letters = [letter for letter, _ in self.it.app.bindings.menu(self.it.page.noun(), leader)]
        await self.press(leader, *self.chance.choice(([], [self.chance.choice(letters or ["q"])])))

    async def _answer(self, screen: ConfirmScreen) -> None:
        answering, chance = screen.answering, self.chance
        if chance.random() < 0.6:
            right = (*answering.phrase, "enter") if answering.phrase else ("!" if "!" in answering.demand else "enter",)
            await self.press(*(_key(key) for key in right))
        else:
            await self.press(
                chance.choice(("escape", "enter", "!", "y", "i", "h", "tab", "backspace", "a", "1", "ctrl+u"))
            )

    async def _fill(self) -> None:
        chance = self.chance
        match chance.choices(range(7), (20, 16, 16, 8, 20, 14, 5))[0]:
            case 0:
                await self.press(*[chance.choice(("tab", "tab", "shift+tab", "enter"))] * chance.choice((1, 1, 2, 5)))
            case 1:
                await self.press(*["down"] * chance.randrange(1, 4), chance.choice(("space", "enter", "space", "home")))
            case 2:
                await self.press(
                    "ctrl+u", *chance.choice((*WORDS, "vm-7", "2", "4G", "hv2", "10G", "ann", "0", "-1", "9" * 30))
                )
            case 3:
                await self.press(
                    chance.choice(("escape", "left", "right", "backspace", "delete", "ctrl+k", "ctrl+w", "ctrl+a"))
                )
            case 4 | 5:
                words = chance.choice(("[Review]", "[Do it]", "[Do it]", "[Details]", "[XML]"))
                at = next(((line.index(words), y) for y, line in enumerate(self.it.lines) if words in line), None)
                if at is None:
                    await self.press(*["tab"] * chance.choice((1, 3)))
                else:
                    await asyncio.sleep(0.03 if chance.random() < 0.8 else 0.0)  # the form's guard
                    await self._click(*at)
            case _:
                await self.press(chance.choice((*LOOKS, *OTHERS)))

    async def _type_to_guest(self) -> None:
        chance = self.chance
        if chance.random() < 0.4:
            await self.press("ctrl+right_square_bracket", chance.choice((*"dxvnp/krt?]!123", "escape", "j", "up")))
        else:
            await self.press(
                *chance.choice(("ls", "q", "escape", "top", "vim", "\x04", "a", "up", "yes", "reboot")[0:9])
            )
            await self.press(chance.choice(("enter", "ctrl+c", "escape", "enter", "pageup", "/")))

    async def _write(self) -> None:
        chance = self.chance
        text = chance.choice(LINES if self.it.page.command_line.active else WORDS)
        if chance.random() < 0.7:
            await self.press(*(_key(key) for key in text[: chance.choice((2, 5, 80, 80, 80))]))
        await self.press(
            chance.choice(("enter", "enter", "enter", "tab", "escape", "up", "backspace", "left", "ctrl+w"))
        )

    # -- how it is sent

    async def press(self, *keys: str) -> None:
        """Press keys one by one, each when the one before it is done and painted."""
        text, last = keys[:-1], keys[-1:]
        if len(text) > 2:  # nobody reads between the letters of a word
            self._note("keys", " ".join(text))
            self._post(self.it.typed(*map(_key, text)))
            await self._done(len(text))
        else:
            last = keys
        for key in last:
            self._note("key", repr(key))
            await self.it.press(_key(key))
            self.events += 1
            await self.oracles.look()

    async def _haste(self) -> None:
        """Press keys one by one without waiting for anything."""
        keys = [self.chance.choice((*MOVES, *LOOKS, *MARKS, "escape", "escape", "enter", "x", "s")) for _ in range(6)]
        self._note("haste", " ".join(keys))
        self._post(self.it.typed(*keys))
        await self._done(len(keys))

    async def _burst(self) -> None:
        """Send keys that all come in one read."""
        keys = [self.chance.choice((*MOVES, *LOOKS, *LETTERS, "x", "!", "escape", "enter", "/")) for _ in range(4)]
        if self.chance.random() < 0.4:
            keys = [self.chance.choice(("j", "k", "up", "down"))] * self.chance.randrange(1, 6) + ["x", "s"][
                : self.chance.randrange(3)
            ]
        self._note("read", " ".join(keys))
        found = [key_event(key) for key in keys]
        number = next(_NUMBERS)
        read = Read(number, time.monotonic() + 10.0, tuple(map(name_of, found)))
        for event in found:
            event.read = read  # type: ignore[attr-defined] # as the driver does
        self._post(found)
        await self._done(len(keys))

    async def _sequence(self) -> None:
        """Send a terminal's sequence, cut somewhere."""
        text = self.chance.choice(SEQUENCES)
        cut = self.chance.randrange(len(text)) if self.chance.random() < 0.7 else 0
        gap = self.chance.choice((0.0, 0.005, 0.2))
        self._note("sequence", f"{text[:cut]!a} {gap} {text[cut:]!a}")
        clock, decoder = self._decoder_clock, self._decoder
        clock.at = max(clock.at + 1.0, time.monotonic())
        messages = [*decoder.feed(text[:cut])] if cut else []
        clock.at += gap
        messages += [*decoder.tick(), *decoder.feed(text[cut:])]
        clock.at += 5.0
        messages += decoder.tick()
        self._post(messages)
        await self._done(len(messages))

    async def _paste(self) -> None:
        text = self.chance.choice((*WORDS, *LINES, "x d\nx s\n!f!", "a\r\nb\r\n" * 40, "", "\x1b[31m", "q" * 3000))
        self._note("paste", repr(text[:40]))
        self._post([events.Paste(text)])
        await self._done(1)

    async def _mouse(self) -> None:
        width, height = self.it.app.size
        x, y = self.chance.randrange(max(1, width)), self.chance.randrange(max(1, height))
        match self.chance.randrange(6):
            case 0 | 1 | 2:
                await self._click(
                    x, y, button=self.chance.choice((1, 1, 1, 2, 3)), times=self.chance.choice((1, 1, 2, 3))
                )
            case 3:
                self._note("wheel", f"{x} {y}")
                up = self.chance.random() < 0.5
                kind = events.MouseScrollUp if up else events.MouseScrollDown
                self._post([_mouse(kind, x, y)] * self.chance.choice((1, 5)))
                await self._done(1)
            case 4:
                to = self.chance.randrange(max(1, width)), self.chance.randrange(max(1, height))
                self._note("drag", f"{x} {y} to {to}")
                self._post([_mouse(events.MouseDown, x, y, button=1), _mouse(events.MouseMove, *to, button=1)])
                self._post([_mouse(events.MouseUp, *to, button=1)])
                await self._done(3)
            case _:
                self._note("move", f"{x} {y}")
                self._post([_mouse(events.MouseMove, x, y)])
                await self._done(1)

    async def _click(self, x: int, y: int, *, button: int = 1, times: int = 1) -> None:
        self._note("click", f"{x} {y} button {button} times {times}")
        self._post(self.it.click_events(x, y, button) * times)
        await self._done(2 * times)

    async def _resize(self) -> None:
        size = self.chance.choice(SIZES)
        self._note("resize", f"{size}")
        await self.it.resize(*size)
        await self._done(1)

    def _post(self, messages: Iterable[Message]) -> None:
        driver = self.it.app._driver
        assert driver is not None
        for message in messages:
            driver.process_message(message)

    async def _done(self, count: int) -> None:
        self.events += count
        self.oracles.burst = True
        try:
            await self.it.settle()
        finally:
            self.oracles.burst = False
        await self.oracles.look()

    def _note(self, kind: str, what: str) -> None:
        self.sent.append(Input(kind, what, self.oracles.kind()))

    # -- the way back

    async def home(self) -> int:
        """Go back to the fleet by esc alone, or the prefix and esc in a console; returns the presses it took."""
        if self.it.app.size != SIZE:
            await self._resized_back()
        for presses in range(MOST_ESCAPES):
            if self._is_home():
                return presses
            in_console = isinstance(self.it.app.screen, KeyTaker)
            await self.press(*(("ctrl+right_square_bracket",) if in_console else ()), "escape")
        raise Broken(f"{MOST_ESCAPES} presses of esc do not lead back to the fleet:\n{self.it.text}")

    async def _resized_back(self) -> None:
        self._note("resize", f"{SIZE}")
        await self.it.resize(*SIZE)
        await self._done(1)

    def _is_home(self) -> bool:
        page = self.it.app.screen
        plain = isinstance(page, FleetPage) and page.view == "fleet" and not page.menu.is_open
        return plain and isinstance(page, Page) and page.text_bar() is None


def _key(key: str) -> str:
    """Return a character as the harness names it."""
    return {"\n": "enter", "\x04": "ctrl+d", " ": " "}.get(key, key)


def _numbers() -> Iterator[int]:
    number = 1_000_000
    while True:
        yield number
        number += 1


_NUMBERS = _numbers()


@contextmanager
def told(monkey: Monkey, seed: int) -> Iterator[None]:
    """Have whatever breaks say the seed and what was pressed."""
    try:
        yield
    except BaseException as error:
        inputs = "\n".join(map(str, monkey.sent))
        error.add_note(f"seed {seed}, after {monkey.events} events; the last inputs:\n{inputs}")
        raise


def guards(seed: int) -> Callable[[HostConfig], HostConfig]:
    """Return what makes the hosts of a game free, asking or read-only."""

    def guarded(host: HostConfig) -> HostConfig:
        if seed % 2:
            return replace(host, guard=Guard.FREE)
        return replace(host, guard=Guard.READ_ONLY) if host.name == "hv3" else host

    return guarded


async def _all_ended(it: Desk) -> None:
    until = time.monotonic() + SLOW
    while not all(task.phase.is_final for task in it.tasks):
        if time.monotonic() > until:
            raise Broken(f"these do not end: {[task for task in it.tasks if not task.phase.is_final]}")
        await asyncio.sleep(0.05)


async def play(seed: int, count: int, *, reads: bool = True) -> Played:
    """Play until `count` events were sent; raises Broken, or whatever ended the program, with the seed in a note."""
    chance = random.Random(seed)  # noqa: S311 - a game must come again the same way
    quick: dict[str, Any] = {
        "ping_interval": 0.05,
        "backoff_first": 0.05,
        "backoff_most": 0.2,
        "shutdown_wait": 0.2,
        "refresh": 0.5,
    }
    slowest, escapes, step = 0.0, 0, 0
    with (
        patch("kvmtui.widgets.form.GUARD", 0.02),
        patch("kvmtui.screens.logins.STILL", 0.0),
        patch("kvmtui.screens.logins.LOOK", 0.02),
        patch("tests.screens.harness.Desk", BriskDesk),
    ):
        async with desk(SMALL, configs=guards(seed), **quick) as it:
            it.app.action_leave = lambda: None  # type: ignore[method-assign] # quitting ends the game
            it.faults.patience = 0.02
            weather = Weather(it.world, chance, it.app.prompts)
            with Oracles(it, reads=reads) as oracles:
                monkey = Monkey(it, chance, oracles)
                with told(monkey, seed):
                    await oracles.look()
                    while monkey.events < count:
                        step += 1
                        began = time.monotonic()
                        if chance.random() < 0.05:
                            monkey.sent.append(Input("weather", weather.turn(), ""))
                        if step % CALM_EVERY == 0:
                            monkey.sent.append(Input("weather", "calm", ""))
                            weather.calm()
                        await monkey.step()
                        if step % HOME_EVERY == 0:
                            escapes = max(escapes, await monkey.home())
                        slowest = max(slowest, time.monotonic() - began)
                        if slowest > SLOW:
                            raise Broken(f"a step took {slowest:.1f} s")
                    weather.calm()
                    await _all_ended(it)
                    await monkey.home()
                    await oracles.look()
                    return Played(
                        seed,
                        monkey.events,
                        len(oracles.calls),
                        len(it.tasks),
                        monkey.kinds,
                        escapes,
                        slowest,
                        oracles.reach,
                    )


def main() -> None:
    """Play one game: `python -m tests.soak.monkey SEED COUNT`."""
    gc.set_threshold(GARBAGE)
    played = asyncio.run(play(int(sys.argv[1]), int(sys.argv[2])))
    print(played.reach)
    print(played._replace(reach=Reach()))


if __name__ == "__main__":
    main()
