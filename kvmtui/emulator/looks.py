"""How a character looks, and how a program changes that with SGR."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Colour = int | tuple[int, int, int] | None
"""An entry of the palette (0 to 255), red, green and blue, or the terminal's own."""


class Look(NamedTuple):
    """Colours and attributes of a cell."""

    fg: Colour = None
    bg: Colour = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    blink: bool = False
    reverse: bool = False
    strike: bool = False
    hidden: bool = False


class Run(NamedTuple):
    """A piece of a line in one look; its text holds only characters that can be printed."""

    text: str
    look: Look


PLAIN = Look()
"""The look of a cell that nothing was said about; every plain look is this object."""

SEAM = Look(italic=True, reverse=True)
"""The look of a line that is ours and not the guest's."""

_SWITCHES: dict[int, dict[str, bool]] = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underline": True},
    5: {"blink": True},
    6: {"blink": True},
    7: {"reverse": True},
    8: {"hidden": True},
    9: {"strike": True},
    21: {"underline": True},  # double, as ECMA-48 has it
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underline": False},
    25: {"blink": False},
    27: {"reverse": False},
    28: {"hidden": False},
    29: {"strike": False},
}
_FOREGROUNDS: dict[int, Colour] = {39: None}
_FOREGROUNDS |= {30 + number: number for number in range(8)} | {90 + number: 8 + number for number in range(8)}
_BACKGROUNDS = {code + 10: colour for code, colour in _FOREGROUNDS.items()}


@lru_cache(maxsize=4096)
def styled(look: Look, codes: str) -> tuple[Look, Look]:
    """Return `look` after SGR with the parameters `codes`, and the look of what is erased then.

    What is not understood changes nothing.
    """
    fields = codes.split(";")
    index = 0
    while index < len(fields):
        head, *details = fields[index].split(":")
        index += 1
        if head and not head.isdecimal():
            break
        code = int(head or 0)
        if code in (38, 48, 58):
            if details:
                colour = _colour(details)
            else:
                colour = _colour(fields[index : index + 4])
                index += {"2": 4, "5": 2}.get(fields[index] if index < len(fields) else "", 1)
            look = _painted(look, code, colour)
        elif code == 4 and details == ["0"]:
            look = look._replace(underline=False)
        else:
            look = _switched(look, code)
    return PLAIN if look == PLAIN else look, ground_of(look)


def ground_of(look: Look) -> Look:
    """Return the look of a cell that is erased while `look` is current: only the background stays."""
    return PLAIN if look.bg is None else Look(bg=look.bg)


def _switched(look: Look, code: int) -> Look:
    if code == 0:
        return PLAIN
    if code in _FOREGROUNDS:
        return look._replace(fg=_FOREGROUNDS[code])
    if code in _BACKGROUNDS:
        return look._replace(bg=_BACKGROUNDS[code])
    return look._replace(**_SWITCHES.get(code, {}))


def _painted(look: Look, code: int, colour: Colour) -> Look:
    if colour is None or code == 58:  # 58 is the colour of the underline, which is not kept
        return look
    return look._replace(fg=colour) if code == 38 else look._replace(bg=colour)


def _colour(details: Sequence[str]) -> Colour:
    """Read what follows 38: `5 n`, `2 r g b`, or with colons also `2 space r g b`; None when it is none of them."""
    if not details or any(not part.isdecimal() for part in details if part):
        return None
    kind, *numbers = (min(int(part or 0), 256) for part in details)
    if kind == 5 and numbers and numbers[0] <= 255:
        return numbers[0]
    if kind == 2 and len(numbers) >= 3:
        red, green, blue = numbers[1:4] if len(numbers) > 3 else numbers[:3]
        if max(red, green, blue) <= 255:
            return red, green, blue
    return None
