"""Parts what a guest writes into text, controls and sequences, however it was cut into pieces."""

from __future__ import annotations

import codecs
import re
from enum import Enum
from typing import TYPE_CHECKING

from kvmtui.emulator.sequences import CONTROLS, ESCAPES, numbers_of

if TYPE_CHECKING:
    from kvmtui.emulator.screen import Screen

MOST_PARAMETERS = 256  # characters; a longer sequence does nothing
MOST_BETWEEN = 4  # characters between the parameters and the final letter
MOST_STRING = 65_536  # characters; after them a string that nobody ended is over, and the console lives again

# Which alternative of _TOKEN it was: the number of the last group in it.
_TEXT, _LINE, _LINE_END = 1, 2, 3
_TOKEN = re.compile(
    r"([^\x00-\x1f\x7f]++)(\r\n)?"
    r"|(\r\n)"
    rf"|\x1b\[([0-?]{{0,{MOST_PARAMETERS}}}+)([ -/]{{0,{MOST_BETWEEN}}}+)([@-~])",
).match
_MARKS = frozenset("<=>?")
_STRING_END = re.compile(r"[\x18\x1a\x1b]").search
_IGNORED = re.compile(r"[ -?\x7f]*+").match
_OSC_END = re.compile(r"[\x07\x18\x1a\x1b]").search
_FEW_LINES = 4  # are not worth a step of their own


class State(Enum):
    """Where in a sequence the next character is."""

    GROUND = "in none"
    ESCAPE = "after ESC"
    CONTROL = "after CSI"
    IGNORED = "after CSI, in one that will do nothing"
    STRING = "in DCS, SOS, PM or APC"
    OSC = "in OSC"
    OSC_START = "just after the start of OSC"
    OSC_COLOUR = "in the Linux console's way to set a colour: OSC, P and seven digits, which nothing ends"


class Parser:
    """Carries out on a screen what is fed."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._lines = re.compile(rf"(?:[ -~]{{0,{screen.columns}}}+\r\n){{{_FEW_LINES},}}+").match
        self.begin()

    def begin(self) -> None:
        """Forget what was begun: the next byte has nothing to do with those before."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._state = State.GROUND
        self._parameters = ""
        self._between = ""
        self._length = 0  # of the string so far

    def resized(self) -> None:
        """Take note of the screen's new width."""
        self._lines = re.compile(rf"(?:[ -~]{{0,{self._screen.columns}}}+\r\n){{{_FEW_LINES},}}+").match

    def feed(self, data: bytes) -> None:
        """Carry out the next bytes."""
        text = self._decoder.decode(data)
        screen = self._screen
        position, end = 0, len(text)
        while position < end:
            if self._state is not State.GROUND:
                position = self._go_on(text, position)
                continue
            found = _TOKEN(text, position)
            if found is None:
                self._control(text[position])
                position += 1
                continue
            kind = found.lastindex
            position = found.end()
            if kind == _TEXT:
                screen.write(found[1])
            elif kind in (_LINE, _LINE_END):
                if kind == _LINE:
                    screen.write(found[1])
                screen.x = 0
                if screen.index() and screen.takes_lines:
                    lines = self._lines(text, position)
                    if lines is not None:
                        screen.write_lines(lines[0].split("\r\n")[:-1])
                        position = lines.end()
            else:
                self._carry_out(*found.group(4, 5, 6))

    def _carry_out(self, parameters: str, between: str, final: str) -> None:
        if parameters[:1] in _MARKS:
            final = parameters[0] + between + final
            parameters = parameters[1:]
        elif between:
            final = between + final
        elif final == "m":
            self._screen.set_look(parameters)
            return
        action = CONTROLS.get(final)
        if action is not None:
            numbers = numbers_of(parameters)
            if numbers:
                action(self._screen, numbers)

    def _control(self, character: str) -> None:
        """Carry out a control character; ESC begins a sequence."""
        screen = self._screen
        if character == "\x1b":
            self._state, self._parameters, self._between = State.ESCAPE, "", ""
        elif character == "\r":
            screen.x = 0
        elif character in "\n\v\f":
            screen.line_feed()
        elif character == "\b":
            screen.go_right(-1)
        elif character == "\t":
            screen.tab(1)
        elif character == "\a":
            screen.rings += 1
        elif character == "\x0e":
            screen.charsets.shift(1)
        elif character == "\x0f":
            screen.charsets.shift(0)

    # --- one character at a time, in a sequence that came in pieces or is not of the common kind ---

    def _go_on(self, text: str, position: int) -> int:
        """Take what comes next in a sequence; return where to go on."""
        state = self._state
        if state in (State.STRING, State.OSC):
            return self._skip_string(text, position)
        if state is State.IGNORED and (skipped := _IGNORED(text, position)):
            position = skipped.end()
            if position == len(text):
                return position
        character = text[position]
        if state is State.OSC_START:
            return self._start_osc(character, position)
        if state is State.OSC_COLOUR:
            return self._skip_colour(character, position)
        if character > "\x7f":  # no part of a sequence, but text
            self._state = State.GROUND
            return position
        self._take(character)
        return position + 1

    def _take(self, character: str) -> None:
        if character in "\x18\x1a":
            self._state = State.GROUND
        elif character < " ":
            self._control(character)
        elif character == "\x7f":
            return
        elif self._state is State.ESCAPE:
            self._escape(character)
        elif character >= "@":
            ignored = self._state is State.IGNORED
            self._state = State.GROUND
            if not ignored:
                self._carry_out(self._parameters, self._between, character)
        elif self._state is State.CONTROL:
            self._collect(character)

    def _collect(self, character: str) -> None:
        if character < "0":
            self._between += character
        elif self._between:
            self._state = State.IGNORED
        else:
            self._parameters += character
        if len(self._parameters) > MOST_PARAMETERS or len(self._between) > MOST_BETWEEN:
            self._state = State.IGNORED

    def _escape(self, character: str) -> None:
        if character < "0":
            self._between = (self._between + character)[: MOST_BETWEEN + 1]
            return
        self._state = State.GROUND
        if not self._between:
            self._state = _BEGINNINGS.get(character, State.GROUND)
            self._length = 0
        elif self._between in _DESIGNATIONS:
            self._screen.charsets.designate(_DESIGNATIONS.index(self._between), character)
        action = ESCAPES.get(self._between + character)
        if action is not None:
            action(self._screen)

    def _skip_string(self, text: str, position: int) -> int:
        found = (_OSC_END if self._state is State.OSC else _STRING_END)(text, position)
        stop = found.start() if found is not None else len(text)
        room = MOST_STRING - self._length
        if stop - position >= room:
            self._state = State.GROUND
            return position + room
        self._length += stop - position
        if found is None:
            return stop
        self._state = State.GROUND
        return stop if found[0] == "\x1b" else stop + 1

    def _start_osc(self, character: str, position: int) -> int:
        if character == "P":
            self._state = State.OSC_COLOUR
            return position + 1
        if character == "R":  # the Linux console's way to put the colours back
            self._state = State.GROUND
            return position + 1
        self._state = State.OSC
        return position

    def _skip_colour(self, character: str, position: int) -> int:
        self._length += 1
        is_digit = character in "0123456789abcdefABCDEF"
        if not is_digit or self._length == 7:
            self._state = State.GROUND
        return position + 1 if is_digit else position


_BEGINNINGS = {
    "[": State.CONTROL,
    "]": State.OSC_START,
    "P": State.STRING,
    "X": State.STRING,
    "^": State.STRING,
    "_": State.STRING,
}
_DESIGNATIONS = ("(", ")", "*", "+")
