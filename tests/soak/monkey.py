"""Plays on the program as nobody would: chooses what comes next by what is on the screen, so that it gets deep."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING, Any

from kvmtui.core.inventory import VmState
from kvmtui.screens.fleet import FleetPage
from kvmtui.screens.key_taker import KeyTaker
from kvmtui.screens.page import Page
from kvmtui.screens.tabs import TabbedPage
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from kvmtui.widgets.login import LoginScreen
from tests.screens.harness import SIZE, Desk
from tests.soak.hands import Hands, key_of
from tests.soak.oracles import Broken, Oracles
from tests.soak.words import FILLED, LETTERS, LINES, LOOKS, MARKS, MOVES, OTHERS, PLACES_TO_GO, WORDS

if TYPE_CHECKING:
    import random

    from textual.screen import Screen

MOST_ESCAPES = 15  # presses of esc that must lead back to the fleet from anywhere


class Monkey(Hands):
    """Chooses by chance."""

    def __init__(self, it: Desk, chance: random.Random, oracles: Oracles) -> None:
        super().__init__(it, chance, oracles)
        self.kinds: dict[str, int] = {}

    async def step(self) -> None:
        """Send one key, or a few that belong together."""
        screen, chance = self.it.app.screen, self.chance
        kind = self.oracles.kind()
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        self.oracles.reach.saw(self.it.app)
        if chance.random() < 0.2:
            await chance.choices(
                (self.mouse, self.burst, self.sequence, self.paste, self.resize, self.haste),
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
                await self.press(":", *map(key_of, self._filled(self._line())), "enter")
            case 9:
                await self.press(*chance.choice(PLACES_TO_GO))
            case _:
                await self.press(chance.choice(OTHERS))

    def _line(self) -> str:
        """Return a line to be filled in: every other one asks for what has not been done yet."""
        new = [line for line in FILLED if self.oracles.reach.is_new(line)]
        return self.chance.choice(new if new and self.chance.random() < 0.5 else FILLED)

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
            await self.press(*(key_of(key) for key in right))
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
                    await self.click(*at)
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
            await self.press(*(key_of(key) for key in text[: chance.choice((2, 5, 80, 80, 80))]))
        await self.press(
            chance.choice(("enter", "enter", "enter", "tab", "escape", "up", "backspace", "left", "ctrl+w"))
        )

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
