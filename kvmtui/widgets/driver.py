"""Textual's Linux driver, with each event knowing the read(2) that it came in."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import termios
import time
from codecs import getincrementaldecoder
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from textual import constants, events
from textual._keyboard_protocol import MODIFIER_FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.keys import _character_to_key

from kvmtui.widgets.chords import MOUSE, OPEN, PASTE, REPLY, TAIL, Read
from kvmtui.widgets.floods import Gatherer, Sieve
from kvmtui.widgets.framing import ESC, Framer, Kind, Token

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.message import Message

NUMBERS = count(1)  # of reads; they go on when the program was suspended and reads again
LONGEST_KEY = 32  # characters; Textual's parser gives a longer sequence as keys


def name_of(event: events.Key) -> str:
    """Return the key as `Chords` wants it: a printable one by its character, any other by its name."""
    plain = "+" not in event.key or event.key == "+"
    return event.character if plain and event.character and event.is_printable else event.key


def read_of(event: events.Event) -> Read | None:
    """Return the read that brought an event; None for one that no terminal sent, as in tests."""
    read = getattr(event, "read", None)
    return read if isinstance(read, Read) else None


def raw_of(event: events.Key) -> str | None:
    """Return what the terminal sent for a key: "" when it came with the one before; None when no terminal sent it."""
    raw = getattr(event, "raw", None)
    return raw if isinstance(raw, str) else None


class Decoder:
    """Text as it was read, with its cuts, becomes Textual's events, each with its read. Knows no terminal."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, escape_delay: float = constants.ESCAPE_DELAY
    ) -> None:
        self._clock = clock
        self._framer = Framer(escape_delay)
        self._sieve = Sieve()
        self._parser = XTermParser()

    @property
    def literal(self) -> bool:
        """Whether keys go to a guest: then nothing that was typed is lost because it looks like a broken sequence."""
        return self._framer.literal

    @literal.setter
    def literal(self, literal: bool) -> None:
        self._framer.literal = literal

    def feed(self, text: str) -> list[Message]:
        """Take what one read brought."""
        late = self.tick()
        now = self._clock()
        tokens = self._sieve.sift(self._framer.feed(text, now), now, literal=self.literal)
        return [*late, *self._messages(tokens, now)]

    def tick(self) -> list[Message]:
        """Give up what did not come in time: the escape key, mostly."""
        now = self._clock()
        return self._messages(self._framer.expire(now), now)

    @property
    def wait(self) -> float | None:
        """Seconds after which `tick` has something to do; None: nothing is waited for."""
        deadline = self._framer.deadline
        return None if deadline is None else max(0.0, deadline - self._clock())

    def _messages(self, tokens: list[Token], now: float) -> list[Message]:
        if not tokens:
            return []
        messages: list[Message] = []
        keys: list[str] = []
        for token in tokens:
            found, names = self._decode(token)
            for index, message in enumerate(found):
                if isinstance(message, events.Key):
                    message.raw = "" if index else token.text  # type: ignore[attr-defined] # an event carries what it is given
            messages += found
            keys += names
        if self._framer.open:
            keys.append(OPEN)
        read = Read(next(NUMBERS), now, tuple(keys))
        for message in messages:
            if isinstance(message, events.Key | events.MouseEvent | events.Paste):
                message.read = read  # type: ignore[union-attr] # an event carries what it is given
        return messages

    def _decode(self, token: Token) -> tuple[list[Message], list[str]]:
        """Return a token's events, and its names for the read."""
        match token.kind:
            case Kind.ESCAPE:
                return [events.Key("escape", ESC)], ["escape"]
            case Kind.PASTE:
                return [events.Paste(token.text.replace("\x00", ""))], [PASTE]
            case Kind.TAIL if self.literal:
                return [events.Key(TAIL, None)], [TAIL]
            case Kind.TAIL | Kind.REPLY:
                return [], [TAIL if token.kind is Kind.TAIL else REPLY]
            case Kind.KEY | Kind.SEQUENCE:
                return self._keys(token)

    def _keys(self, token: Token) -> tuple[list[Message], list[str]]:
        found = list(self._parser.feed(token.text)) if token.kind is Kind.KEY else self._sequence(token.text)
        # Shift by itself, which a terminal with the kitty protocol reports, is no key and ends no chord.
        kept = [
            event for event in found if not (isinstance(event, events.Key) and event.key in MODIFIER_FUNCTIONAL_KEYS)
        ]
        names = [
            name_of(event)
            if isinstance(event, events.Key)
            else MOUSE
            if isinstance(event, events.MouseEvent)
            else REPLY
            for event in kept
        ]
        return kept, names if found else [REPLY]

    def _sequence(self, text: str) -> list[Message]:
        """Decode one whole sequence; one that Textual does not know gives nothing, and nothing of it is left over."""
        found: list[Message] = []
        if len(text) <= LONGEST_KEY:
            try:
                early = list(self._parser.feed(text[:-1]))
                found = [] if early else list(self._parser.feed(text[-1]))
            except (ValueError, OverflowError):
                found = []  # numbers that Textual's parser cannot make a key of
        if not found:
            self._renew()
            if len(text) == 2 and text[1].isprintable():
                name = text[1] if text[1].isalnum() else _character_to_key(text[1])
                found = [events.Key(f"alt+shift+{name.lower()}" if name.isupper() else f"alt+{name}", text[1])]
            elif self.literal:
                found = [events.Key(TAIL, None)]
        return found

    def _renew(self) -> None:
        """Take a new parser, since the old one may wait for the rest of a sequence that is whole."""
        old, self._parser = self._parser, XTermParser()
        self._parser.last_x, self._parser.last_y = old.last_x, old.last_y


class ReadDriver(LinuxDriver):
    """Sends the events of a `Decoder`; asks the terminal only for what the program uses."""

    literal = False
    """Whether keys go to a guest."""

    def start_application_mode(self) -> None:
        """Take the terminal; what suspends and resumes the program is heard on the loop from then on.

        In the midst of what the loop does, Textual's own handlers could wait for a lock that this holds.
        """
        super().start_application_mode()  # type: ignore[no-untyped-call] # Textual says no types here
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTSTP, self._sigtstp_application)
        loop.add_signal_handler(signal.SIGCONT, self._sigcont_application)
        # By the loop, too: handlers of many sizes in a row interrupt each other, and the last size came before others.
        loop.add_signal_handler(signal.SIGWINCH, self._resized)

    def _get_terminal_size(self) -> tuple[int, int]:
        """Return the terminal's size as the app takes it.

        For one that tells none, as a serial line, Textual guesses two sizes, and goes from one to the other for ever.
        """
        width, height = self._app.console.size
        return width, height

    def _resized(self) -> None:
        """Tell the app the size that the terminal has now."""
        size = Size(*self._get_terminal_size())
        self._app.post_message(events.Resize(size, size))

    def _sigcont_application(self, *_: object) -> None:
        """Go on: with the terminal taken anew, if it was given back; else somebody may have written on it."""
        if self._must_signal_resume:
            with suppress(termios.error):
                termios.tcflush(self.fileno, termios.TCIFLUSH)  # it was not typed for what is about to be shown
            super()._sigcont_application()
        else:
            self._app.post_message(self.SignalResume())

    def run_input_thread(self) -> None:
        """Read until told to end."""
        decoder, gatherer = Decoder(), Gatherer()
        # A mouse report of an old terminal is not UTF-8; a strict decoder would end the input there.
        decode = getincrementaldecoder("utf-8")(errors="replace").decode
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                text = ""
                if selector.select(self._patience(decoder, gatherer)):
                    try:
                        data = os.read(self.fileno, 4096)
                    except OSError:
                        data = b""
                    if not data:  # the terminal is gone
                        self._loop.call_soon_threadsafe(self._app.exit)
                        return
                    text = gatherer.take(decode(data), time.monotonic())
                elif gatherer.deadline is not None and time.monotonic() >= gatherer.deadline:
                    text = gatherer.release()
                decoder.literal = self.literal
                if text:
                    self._process(decoder.feed(text))
                elif gatherer.deadline is None:
                    self._process(decoder.tick())

    @staticmethod
    def _patience(decoder: Decoder, gatherer: Gatherer) -> float:
        """Return seconds until something is to be done though nothing comes."""
        if gatherer.deadline is not None:
            return max(0.0, gatherer.deadline - time.monotonic())
        return 0.1 if decoder.wait is None else min(0.1, decoder.wait)

    def _process(self, messages: list[Message]) -> None:
        for message in messages:
            self.process_message(message)

    def _enable_mouse_support(self) -> None:
        """Ask for buttons, wheel and drags in SGR form: nothing is done while a mouse only moves."""
        if self._mouse:
            self.write("\x1b[?1000h\x1b[?1002h\x1b[?1006h")

    def _disable_mouse_support(self) -> None:
        if self._mouse:
            self.write("\x1b[?1006l\x1b[?1002l\x1b[?1000l")

    def _query_in_band_window_resize(self) -> None:
        """Ask nothing: SIGWINCH tells the size, and the mouse is wanted in cells, not in pixels."""
