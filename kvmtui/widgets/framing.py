"""What a terminal sends becomes keys, whole escape sequences and pastes, however the line cuts it up.

Textual's parser gives the pieces of a sequence that took more than 100 ms as keys: Left becomes `escape [ D`. Here
a sequence that has begun is waited for, and the tail of one whose escape was already taken for the key is dropped.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

ESC = "\x1b"
BEL = "\x07"
PASTE_START = "\x1b[200~"
PASTE_END = "\x1b[201~"

LONGEST = 64  # characters of a CSI sequence; no terminal sends a longer one
LONGEST_STRING = 4096  # characters of an OSC or DCS reply
LONGEST_PASTE = 1 << 20


class Kind(Enum):
    """What a piece of input is."""

    KEY = "key"  # one character that is a key by itself
    ESCAPE = "escape"  # the escape key: nothing followed in time
    SEQUENCE = "sequence"  # a whole escape sequence
    PASTE = "paste"  # the text of a bracketed paste
    TAIL = "tail"  # the rest of a sequence that came too late, or one that never ended
    REPLY = "reply"  # a string that the terminal answered with


class Token(NamedTuple):
    """One piece of input."""

    kind: Kind
    text: str


class State(Enum):
    """Inside what the next character stands."""

    GROUND = "ground"
    ESCAPED = "escaped"
    AFTER = "after"  # the escape key was reported, but its sequence may still follow
    CSI = "csi"
    SS3 = "ss3"
    FIXED = "fixed"  # a known number of characters follows: an X10 mouse report, a Linux console function key
    STRING = "string"
    STRING_ESCAPED = "string escaped"
    PASTE = "paste"


PATIENCE = {
    State.AFTER: 0.5,
    State.CSI: 1.0,
    State.SS3: 1.0,
    State.FIXED: 3.0,
    State.STRING: 3.0,
    State.STRING_ESCAPED: 3.0,
    State.PASTE: 10.0,
}
"""Seconds without a character after which a state is given up."""

INTRODUCERS = {
    "[": State.CSI,
    "O": State.SS3,
    "]": State.STRING,
    "P": State.STRING,
    "_": State.STRING,
    "^": State.STRING,
}

STRINGS = frozenset("]P_^")
"""The introducers of what only a terminal's answer is; after escape they are letters that a person types, too."""


class Framer:
    """Cuts text into tokens; knows no terminal, and no clock but the `now` (seconds, monotonic) that it is given."""

    def __init__(self, escape_delay: float = 0.1) -> None:
        self.literal = False
        """Whether keys go to a guest: what comes late or is no sequence of a key is then what was typed."""
        self._escape_delay = escape_delay
        self._state = State.GROUND
        self._buffer: list[str] = []
        self._missing = 0  # characters, in State.FIXED
        self._broken = False  # its escape was already reported as the key
        self._last = 0.0
        self._tokens: list[Token] = []

    @property
    def open(self) -> bool:
        """Whether a sequence has begun and not ended."""
        return self._state not in {State.GROUND, State.AFTER}

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to do, if nothing comes before."""
        patience = self._escape_delay if self._state is State.ESCAPED else PATIENCE.get(self._state)
        return None if patience is None else self._last + patience

    def feed(self, text: str, now: float) -> list[Token]:
        """Take what one read brought."""
        self._last = now
        for character in text:
            self._step(character)
        return self._take()

    def expire(self, now: float) -> list[Token]:
        """Give up what did not come in time."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return []
        text = "".join(self._buffer)
        if self._state is State.ESCAPED:
            self._emit(Kind.ESCAPE, ESC)
            self._state, self._last = State.GROUND if self.literal else State.AFTER, now
            return self._take()
        if self._state is State.PASTE:
            self._emit(Kind.PASTE, text)
        elif text.endswith("$") and not self._broken:
            self._emit(Kind.SEQUENCE, text)  # rxvt ends shifted keys so; elsewhere more follows a dollar
        elif self._state is not State.AFTER:
            self._emit(Kind.TAIL, text)
        self._ground()
        return self._take()

    def _take(self) -> list[Token]:
        tokens, self._tokens = self._tokens, []
        return tokens

    def _emit(self, kind: Kind, text: str) -> None:
        self._tokens.append(Token(kind, text))

    def _ground(self) -> None:
        self._state, self._broken = State.GROUND, False
        self._buffer.clear()

    def _begin(self) -> None:
        """An escape came: nothing that stood before it goes on."""
        self._ground()
        self._buffer.append(ESC)
        self._state = State.ESCAPED

    def _abandon(self) -> None:
        self._emit(Kind.TAIL, "".join(self._buffer))
        self._ground()

    def _step(self, character: str) -> None:
        match self._state:
            case State.GROUND | State.AFTER | State.ESCAPED:
                self._outside(character)
            case State.PASTE:
                self._in_paste(character)
            case State.STRING | State.STRING_ESCAPED:
                self._in_string(character)
            case State.CSI | State.SS3 | State.FIXED:
                if character == ESC:
                    self._abandon()
                    self._begin()
                elif self._state is State.FIXED:
                    self._buffer.append(character)
                    self._missing -= 1
                    if not self._missing:
                        self._complete()
                else:
                    self._in_sequence(character)

    def _outside(self, character: str) -> None:
        state = self._state
        if character == ESC:
            if state is State.ESCAPED:
                self._emit(Kind.ESCAPE, ESC)
            self._begin()
        elif state is not State.GROUND and character in INTRODUCERS and not (self.literal and character in STRINGS):
            self._buffer[:] = [ESC, character]
            self._broken = state is State.AFTER
            self._state = INTRODUCERS[character]
        else:
            self._ground()
            if state is State.ESCAPED:
                self._emit(Kind.SEQUENCE, ESC + character)
            else:
                self._emit(Kind.KEY, character)

    def _in_sequence(self, character: str) -> None:
        """Take one more character of a CSI or SS3 sequence, after ECMA-48 and its two well-known exceptions."""
        if not " " <= character <= "~" or len(self._buffer) >= LONGEST:
            self._abandon()
            self._outside(character)
            return
        self._buffer.append(character)
        if self._state is State.SS3:
            if not (character.isdigit() or character == ";"):
                self._complete()
        elif len(self._buffer) == 3 and character in "M[":
            self._state, self._missing = State.FIXED, 3 if character == "M" else 1
        elif character >= "@":
            self._complete()

    def _complete(self) -> None:
        text, broken = "".join(self._buffer), self._broken
        self._ground()
        if text == PASTE_START:
            self._state = State.PASTE
        elif broken or text == PASTE_END:
            self._emit(Kind.TAIL, text)
        else:
            self._emit(Kind.SEQUENCE, text)

    def _in_string(self, character: str) -> None:
        if self._state is State.STRING_ESCAPED and character != "\\":
            self._abandon()
            self._begin()
            self._outside(character)
        elif character == ESC:
            self._state = State.STRING_ESCAPED
        elif character in {BEL, "\\"} and (character == BEL or self._state is State.STRING_ESCAPED):
            self._emit(Kind.REPLY, "".join(self._buffer))
            self._ground()
        elif len(self._buffer) >= LONGEST_STRING:
            self._abandon()
        else:
            self._buffer.append(character)

    def _in_paste(self, character: str) -> None:
        if len(self._buffer) < LONGEST_PASTE:
            self._buffer.append(character)
        else:
            self._buffer[:-1] = self._buffer[: LONGEST_PASTE - len(PASTE_END)]
            self._buffer[-1:] = [character]
        if character == "~" and "".join(self._buffer[-len(PASTE_END) :]) == PASTE_END:
            text = "".join(self._buffer[: -len(PASTE_END)])
            self._ground()
            self._emit(Kind.PASTE, text)
