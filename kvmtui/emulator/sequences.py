"""The sequences that are carried out, by how they end; every other one does nothing.

Nothing here answers with what a guest chose: a terminal that can be made to type is a way into the shell behind it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from kvmtui.emulator.modes import set_modes, set_private_modes

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.emulator.screen import Screen

Numbers = tuple[int, ...]

MOST = 9999  # a larger parameter is this one


@lru_cache(maxsize=1024)
def numbers_of(parameters: str) -> Numbers:
    """Return a sequence's parameters, 0 for one left out; none at all when they are not numbers."""
    fields = parameters.split(";")
    if not all(field.isdecimal() for field in fields if field):
        return ()
    return tuple(min(int(field or 0), MOST) for field in fields)


def _count(numbers: Numbers) -> int:
    return max(1, numbers[0])


def _second(numbers: Numbers) -> int:
    return max(1, numbers[1]) if len(numbers) > 1 else 1


def _insert_characters(screen: Screen, numbers: Numbers) -> None:
    x = screen.x = min(screen.x, screen.columns - 1)
    screen.grid.rows[screen.y].insert(x, _count(numbers), screen.ground)
    screen.grid.changed.add(screen.y)


def _delete_characters(screen: Screen, numbers: Numbers) -> None:
    x = screen.x = min(screen.x, screen.columns - 1)
    screen.grid.rows[screen.y].delete(x, _count(numbers), screen.ground)
    screen.grid.changed.add(screen.y)


def _erase_characters(screen: Screen, numbers: Numbers) -> None:
    x = screen.x = min(screen.x, screen.columns - 1)
    _erase(screen, x, x + _count(numbers))


def _erase_in_line(screen: Screen, numbers: Numbers) -> None:
    x = screen.x = min(screen.x, screen.columns - 1)
    if numbers[0] == 0:
        _erase(screen, x, screen.columns)
    elif numbers[0] == 1:
        _erase(screen, 0, x + 1)
    elif numbers[0] == 2:
        _erase(screen, 0, screen.columns)


def _erase(screen: Screen, start: int, end: int) -> None:
    screen.grid.rows[screen.y].erase(start, end, screen.ground)
    screen.grid.changed.add(screen.y)


def _erase_in_display(screen: Screen, numbers: Numbers) -> None:
    x = screen.x = min(screen.x, screen.columns - 1)
    last = screen.height - 1
    if numbers[0] == 0:
        if x == screen.y == 0:
            screen.grid.keep(unless_still=True)
        _erase(screen, x, screen.columns)
        screen.clear(screen.y + 1, last)
    elif numbers[0] == 1:
        _erase(screen, 0, x + 1)
        screen.clear(0, screen.y - 1)
    elif numbers[0] == 2:
        screen.grid.keep()
        screen.clear(0, last)
    elif numbers[0] == 3 and screen.main.history is not None:
        screen.main.history.clear()


def _insert_lines(screen: Screen, numbers: Numbers) -> None:
    if screen.top <= screen.y <= screen.bottom:
        screen.grid.scroll_down(screen.y, screen.bottom, _count(numbers), screen.ground)
        screen.x = 0


def _delete_lines(screen: Screen, numbers: Numbers) -> None:
    if screen.top <= screen.y <= screen.bottom:
        screen.grid.scroll_up(screen.y, screen.bottom, _count(numbers), screen.ground, keep=False)
        screen.x = 0


def _scroll_up(screen: Screen, numbers: Numbers) -> None:
    screen.grid.scroll_up(screen.top, screen.bottom, _count(numbers), screen.ground)


def _scroll_down(screen: Screen, numbers: Numbers) -> None:
    if len(numbers) == 1:  # five of them would be about the mouse
        screen.grid.scroll_down(screen.top, screen.bottom, _count(numbers), screen.ground)


def _go_to_column(screen: Screen, numbers: Numbers) -> None:
    screen.move(_count(numbers) - 1, screen.y)


def _go_to_row(screen: Screen, numbers: Numbers) -> None:
    screen.go(screen.x, _count(numbers) - 1)


def _go_to(screen: Screen, numbers: Numbers) -> None:
    screen.go(_second(numbers) - 1, _count(numbers) - 1)


def _go_down_to_start(screen: Screen, numbers: Numbers) -> None:
    screen.go_down(_count(numbers))
    screen.x = 0


def _go_up_to_start(screen: Screen, numbers: Numbers) -> None:
    screen.go_up(_count(numbers))
    screen.x = 0


def _clear_tabs(screen: Screen, numbers: Numbers) -> None:
    if numbers[0] == 0:
        screen.clear_tab()
    elif numbers[0] == 3:
        screen.tabs.clear()


def _set_margins(screen: Screen, numbers: Numbers) -> None:
    bottom = numbers[1] if len(numbers) > 1 and numbers[1] else screen.height
    screen.set_margins(_count(numbers) - 1, bottom - 1)


def _save(screen: Screen, numbers: Numbers) -> None:
    if numbers == (0,):
        screen.save()


def _restore(screen: Screen, numbers: Numbers) -> None:
    if numbers == (0,):
        screen.restore()


def _report(screen: Screen, numbers: Numbers) -> None:
    if numbers == (5,):
        screen.reply(b"\x1b[0n")
    elif numbers == (6,):
        y = screen.y - screen.top if screen.modes.origin else screen.y
        screen.reply(b"\x1b[%d;%dR" % (y + 1, min(screen.x, screen.columns - 1) + 1))


def _identify(screen: Screen, numbers: Numbers) -> None:
    if numbers == (0,):
        screen.reply(b"\x1b[?62;22c")  # a VT220 with colours


def _soft_reset(screen: Screen, _: Numbers) -> None:
    tabs = screen.tabs
    screen.put_back()
    screen.tabs = tabs


CONTROLS: dict[str, Callable[[Screen, Numbers], None]] = {
    "@": _insert_characters,
    "A": lambda screen, numbers: screen.go_up(_count(numbers)),
    "B": lambda screen, numbers: screen.go_down(_count(numbers)),
    "C": lambda screen, numbers: screen.go_right(_count(numbers)),
    "D": lambda screen, numbers: screen.go_right(-_count(numbers)),
    "E": _go_down_to_start,
    "F": _go_up_to_start,
    "G": _go_to_column,
    "H": _go_to,
    "I": lambda screen, numbers: screen.tab(_count(numbers)),
    "J": _erase_in_display,
    "K": _erase_in_line,
    "L": _insert_lines,
    "M": _delete_lines,
    "P": _delete_characters,
    "S": _scroll_up,
    "T": _scroll_down,
    "X": _erase_characters,
    "Z": lambda screen, numbers: screen.tab_back(_count(numbers)),
    "`": _go_to_column,
    "a": lambda screen, numbers: screen.go_right(_count(numbers)),
    "b": lambda screen, numbers: screen.repeat(_count(numbers)),
    "c": _identify,
    "d": _go_to_row,
    "e": lambda screen, numbers: screen.go_down(_count(numbers)),
    "f": _go_to,
    "g": _clear_tabs,
    "h": lambda screen, numbers: set_modes(screen, numbers, on=True),
    "l": lambda screen, numbers: set_modes(screen, numbers, on=False),
    "n": _report,
    "r": _set_margins,
    "s": _save,
    "u": _restore,
    "!p": _soft_reset,
    "?J": _erase_in_display,
    "?K": _erase_in_line,
    "?h": lambda screen, numbers: set_private_modes(screen, numbers, on=True),
    "?l": lambda screen, numbers: set_private_modes(screen, numbers, on=False),
}
"""What follows CSI: the private mark, what stands between, and the final letter. SGR is the parser's own affair."""


def _new_line(screen: Screen) -> None:
    screen.x = 0
    screen.index()


def _index(screen: Screen) -> None:
    screen.x = min(screen.x, screen.columns - 1)
    screen.index()


def _reverse_index(screen: Screen) -> None:
    screen.x = min(screen.x, screen.columns - 1)
    screen.reverse_index()


def _keypad(screen: Screen, *, on: bool) -> None:
    screen.modes.application_keypad = on


def _align(screen: Screen) -> None:
    """Fill the screen with E, for adjusting a tube (DECALN)."""
    screen.top, screen.bottom = 0, screen.height - 1
    screen.modes.origin = False
    screen.move(0, 0)
    screen.fill("E")


ESCAPES: dict[str, Callable[[Screen], None]] = {
    "7": lambda screen: screen.save(),
    "8": lambda screen: screen.restore(),
    "#8": _align,
    "=": lambda screen: _keypad(screen, on=True),
    ">": lambda screen: _keypad(screen, on=False),
    "D": _index,
    "E": _new_line,
    "H": lambda screen: screen.set_tab(),
    "M": _reverse_index,
    "N": lambda screen: screen.charsets.shift_once(2),
    "O": lambda screen: screen.charsets.shift_once(3),
    "c": lambda screen: screen.reset(),
    "n": lambda screen: screen.charsets.shift(2),
    "o": lambda screen: screen.charsets.shift(3),
}
"""What follows ESC: what stands between, and the final letter."""
