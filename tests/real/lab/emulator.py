"""A terminal emulator for tests: pyte, spared of the sequences that it cannot take."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable

SEQUENCE = re.compile(
    r"\x1b(?:"
    r"\[(?P<parameters>[0-?]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|[ -/]*[0-OQ-WYZ\\`-~]"
    r")",
)
UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)\Z")

ALTERNATE_SCREENS = {47, 1047, 1049}
KNOWN_MODES = {1, 7, 25, 1000, 1002, 1003, 1004, 1006, 1049, 2004, 2026}
"""The private modes that the emulator says it has when a program asks."""

EMULATED = frozenset("@ABCDEFGHJKLMPX`adefghlmr")
"""Final letters of the plain control sequences that pyte carries out well."""


class Emulator:
    """Bytes of a program in, rows of characters out; what pyte cannot take is carried out here or left out."""

    def __init__(self, cols: int, rows: int, reply: Callable[[bytes], None]) -> None:
        self.modes = {7, 25}
        """The private modes that are set: from the start wrapping (7) and a visible cursor (25)."""
        self._reply = reply
        self._main = pyte.Screen(cols, rows)
        self._alternate = pyte.Screen(cols, rows)
        self._screen = self._main
        self._streams = {id(screen): pyte.Stream(screen) for screen in (self._main, self._alternate)}
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Take the next bytes, which may end anywhere."""
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        position = 0
        for found in SEQUENCE.finditer(text):
            self._draw(text[position : found.start()])
            self._obey(found)
            position = found.end()
        tail = text[position:]
        if unfinished := UNFINISHED.search(tail):
            self._rest = unfinished.group()
            tail = tail[: unfinished.start()]
        self._draw(tail)

    def lines(self) -> list[str]:
        """The rows of the screen, without the blanks at their ends."""
        return [line.rstrip() for line in self._screen.display]

    def cursor(self) -> tuple[int, int]:
        """Column and row of the cursor, from 0."""
        return self._screen.cursor.x, self._screen.cursor.y

    def reversed_rows(self) -> list[int]:
        """The rows whose background differs from the one that most rows have: the cursor line of a list, for one."""
        backgrounds = [self._background(row) for row in range(self._screen.lines)]
        usual = max(set(backgrounds), key=backgrounds.count)
        return [row for row, background in enumerate(backgrounds) if background != usual]

    def _background(self, row: int) -> tuple[str, bool]:
        cells = [self._screen.buffer[row][column] for column in range(self._screen.columns)]
        styles = [(str(cell.bg), bool(cell.reverse)) for cell in cells]
        return max(set(styles), key=styles.count)

    def resize(self, cols: int, rows: int) -> None:
        """Give the screen another size."""
        self._main.resize(rows, cols)
        self._alternate.resize(rows, cols)

    def _draw(self, text: str) -> None:
        # A lone escape or a C1 control would start a sequence of pyte's own.
        text = re.sub("[\x1b\x80-\x9f]", "", text)
        if text:
            self._emulate(text)

    def _emulate(self, text: str) -> None:
        self._streams[id(self._screen)].feed(text)

    def _obey(self, found: re.Match[str]) -> None:
        final = found["final"]
        if final is None:
            if found.group()[1] in "78DEHMc":
                self._emulate(found.group())
            return
        parameters = found["parameters"]
        sequence = parameters[:1] if parameters[:1] in {"?", ">", "<", "="} else ""
        sequence += found["between"] + final
        if sequence in {"?h", "?l"}:
            self._set_modes(parameters[1:], on=final == "h")
        elif sequence in {"S", "T"}:
            self._scroll(int(parameters or 1), down=final == "T")
        elif answer := self._answer(sequence, parameters):
            self._reply(answer.encode())
        elif sequence in EMULATED and re.fullmatch(r"[0-9;]*", parameters):
            self._emulate(found.group())

    def _set_modes(self, parameters: str, *, on: bool) -> None:
        for mode in (int(number) for number in parameters.split(";") if number.isdigit()):
            (self.modes.add if on else self.modes.discard)(mode)
            if mode in ALTERNATE_SCREENS:
                self._screen = self._alternate if on else self._main
                if on:
                    self._alternate.reset()

    def _scroll(self, count: int, *, down: bool) -> None:
        screen = self._screen
        x, y = screen.cursor.x, screen.cursor.y
        margins = screen.margins
        screen.cursor.y = (margins.top if margins else 0) if down else (margins.bottom if margins else screen.lines - 1)
        for _ in range(min(count, screen.lines)):
            (screen.reverse_index if down else screen.index)()
        screen.cursor.x, screen.cursor.y = x, y

    def _answer(self, sequence: str, parameters: str) -> str:
        """What a plain VT220 with colours answers to a question, or nothing."""
        column, row = self.cursor()
        if sequence == "n" and parameters == "6":
            return f"\x1b[{row + 1};{column + 1}R"
        if sequence == "n" and parameters == "5":
            return "\x1b[0n"
        if sequence == "c" and parameters in {"", "0"}:
            return "\x1b[?62;22c"
        if sequence == "?$p":
            mode = int(parameters[1:] or 0)
            return f"\x1b[?{mode};{0 if mode not in KNOWN_MODES else 1 if mode in self.modes else 2}$y"
        return ""
