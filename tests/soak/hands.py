"""How a game sends what it chose: keys, reads of many keys, cut sequences, pastes, mouse and sizes."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from textual import events

from kvmtui.widgets.chords import Read
from kvmtui.widgets.driver import Decoder, name_of
from tests.screens.harness import Desk, _mouse, key_event
from tests.soak.words import LETTERS, LINES, LOOKS, MARKS, MOVES, SEQUENCES, SIZES, WORDS

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Sequence

    from textual._queue import Queue
    from textual.dom import DOMNode
    from textual.message import Message

    from tests.soak.oracles import Oracles

REMEMBERED = 50  # inputs that are told when something breaks


class Input(NamedTuple):
    """What was sent in one step."""

    kind: str
    what: str
    on: str

    def __str__(self) -> str:
        return f"{self.on:>14}  {self.kind:<8} {self.what}"


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


class Hands:
    """Sends one thing, waits until it has been handled and painted, and looks at what came of it."""

    def __init__(self, it: Desk, chance: random.Random, oracles: Oracles) -> None:
        self.it = it
        self.chance = chance
        self.oracles = oracles
        self.sent: deque[Input] = deque(maxlen=REMEMBERED)
        self.events = 0
        self._decoder_clock = Clock()
        self._decoder = Decoder(self._decoder_clock)

    async def press(self, *keys: str) -> None:
        """Press keys one by one, each when the one before it is done and painted."""
        text, last = keys[:-1], keys[-1:]
        if len(text) > 2:  # nobody reads between the letters of a word
            self._note("keys", " ".join(text))
            self._post(self.it.typed(*map(key_of, text)))
            await self._done(len(text))
        else:
            last = keys
        for key in last:
            self._note("key", repr(key))
            await self.it.press(key_of(key))
            self.events += 1
            await self.oracles.look()

    async def haste(self) -> None:
        """Press keys one by one without waiting for anything."""
        keys = [self.chance.choice((*MOVES, *LOOKS, *MARKS, "escape", "escape", "enter", "x", "s")) for _ in range(6)]
        self._note("haste", " ".join(keys))
        self._post(self.it.typed(*keys))
        await self._done(len(keys))

    async def burst(self) -> None:
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

    async def sequence(self) -> None:
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

    async def paste(self) -> None:
        text = self.chance.choice((*WORDS, *LINES, "x d\nx s\n!f!", "a\r\nb\r\n" * 40, "", "\x1b[31m", "q" * 3000))
        self._note("paste", repr(text[:40]))
        self._post([events.Paste(text)])
        await self._done(1)

    async def mouse(self) -> None:
        width, height = self.it.app.size
        x, y = self.chance.randrange(max(1, width)), self.chance.randrange(max(1, height))
        match self.chance.randrange(6):
            case 0 | 1 | 2:
                await self.click(
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

    async def click(self, x: int, y: int, *, button: int = 1, times: int = 1) -> None:
        self._note("click", f"{x} {y} button {button} times {times}")
        self._post(self.it.click_events(x, y, button) * times)
        await self._done(2 * times)

    async def resize(self) -> None:
        size = self.chance.choice(SIZES)
        self._note("resize", f"{size}")
        await self.it.resize(*size)
        await self._done(1)

    async def wait(self) -> None:
        """Send nothing, and look at what has come of what was sent."""
        await self.it.settle()
        await self.oracles.look()

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


def key_of(key: str) -> str:
    """Return a character as the harness names it."""
    return {"\n": "enter", "\x04": "ctrl+d", " ": " "}.get(key, key)


def _numbers() -> Iterator[int]:
    number = 1_000_000
    while True:
        yield number
        number += 1


_NUMBERS = _numbers()
