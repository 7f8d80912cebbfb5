"""The modes that a program sets and resets, by their numbers; every other one does nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kvmtui.emulator.screen import Screen


class Change(Protocol):
    """What setting or resetting one mode does."""

    def __call__(self, screen: Screen, *, on: bool) -> None: ...


def set_modes(screen: Screen, numbers: tuple[int, ...], *, on: bool) -> None:
    """Set or reset the modes of ECMA-48."""
    _change(screen, numbers, {4: "inserting", 20: "new_line"}, on=on)


def set_private_modes(screen: Screen, numbers: tuple[int, ...], *, on: bool) -> None:
    """Set or reset the modes of DEC and xterm."""
    for number in numbers:
        change = _CHANGES.get(number)
        if change is not None:
            change(screen, on=on)
        else:
            _change(screen, (number,), _SWITCHES, on=on)


def _change(screen: Screen, numbers: tuple[int, ...], switches: dict[int, str], *, on: bool) -> None:
    for number in numbers:
        if number in switches:
            setattr(screen.modes, switches[number], on)


def _width(screen: Screen, *, on: bool) -> None:  # noqa: ARG001 - 80 and 132 columns both clear; the width stays
    screen.top, screen.bottom = 0, screen.height - 1
    screen.move(0, 0)
    screen.grid.keep()
    screen.clear(0, screen.height - 1)


def _reverse(screen: Screen, *, on: bool) -> None:
    screen.modes.reverse = on
    screen.grid.all_changed = True


def _origin(screen: Screen, *, on: bool) -> None:
    screen.modes.origin = on
    screen.go(0, 0)


def _wrapping(screen: Screen, *, on: bool) -> None:
    if not on and screen.is_new:
        # SeaBIOS resets the terminal, forbids wrapping and leaves it so, and of every long line that the guest writes
        # thereafter the end would be lost. SeaBIOS itself needs no such mode where a full row wraps late, as here.
        return
    screen.modes.wrapping = on
    screen.x = min(screen.x, screen.columns - 1)


def _alternate(screen: Screen, *, on: bool) -> None:
    if on:
        screen.show_alternate()
    else:
        screen.show_main()


def _alternate_cleared(screen: Screen, *, on: bool) -> None:
    if not on and screen.on_alternate:
        screen.clear(0, screen.height - 1)
    _alternate(screen, on=on)


def _saved(screen: Screen, *, on: bool) -> None:
    if on:
        screen.save()
    else:
        screen.restore()


def _alternate_saved(screen: Screen, *, on: bool) -> None:
    if on == screen.on_alternate:
        return
    if on:
        screen.save()
        screen.show_alternate()
        screen.clear(0, screen.height - 1)
    else:
        screen.show_main()
        screen.restore()


_SWITCHES = {
    1: "application_cursor",
    25: "shown",
    66: "application_keypad",
    2004: "bracketed_paste",
}
_CHANGES: dict[int, Change] = {
    3: _width,
    5: _reverse,
    6: _origin,
    7: _wrapping,
    47: _alternate,
    1047: _alternate_cleared,
    1048: _saved,
    1049: _alternate_saved,
}
