"""The bytes that a key sends to a guest, after xterm's tables; and what a paste becomes. Pure."""

from __future__ import annotations

from typing import NamedTuple

from kvmtui.widgets.chords import TAIL
from kvmtui.widgets.framing import ESC

PASTE_BEGINS, PASTE_ENDS = b"\x1b[200~", b"\x1b[201~"
LONGEST_SEQUENCE = 32  # characters of one that is passed on as it came

_CURSOR = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
_NUMBERED = {"insert": 2, "delete": 3, "pageup": 5, "pagedown": 6} | {
    f"f{number}": code
    for number, code in zip(range(5, 21), (15, 17, 18, 19, 20, 21, 23, 24, 25, 26, 28, 29, 31, 32, 33, 34), strict=True)
}
_FUNCTION = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
_PLAIN = {"enter": "\r", "tab": "\t", "backspace": "\x7f", "escape": ESC, "space": " "}
_BACKSPACE_WITH_CTRL = "\b"
_MODIFIERS = {"shift": 1, "alt": 2, "meta": 2, "ctrl": 4}
_SIGNS = {
    "at": "@",
    "left_square_bracket": "[",
    "backslash": "\\",
    "right_square_bracket": "]",
    "circumflex_accent": "^",
    "underscore": "_",
    "question_mark": "?",
    "slash": "/",
    "minus": "-",
    "tilde": "~",
    "grave_accent": "`",
    "vertical_line": "|",
}
"""Characters by the names that Textual gives them, as far as ctrl makes something of them."""
_WITH_CTRL = {"2": 0, "3": 27, "4": 28, "5": 29, "6": 30, "7": 31, "8": 127, "?": 127, "/": 31, "-": 31}
_WITH_CTRL |= {" ": 0, "~": 30, "`": 0, "|": 28}


class KeyModes(NamedTuple):
    """What a guest asked of the keyboard."""

    application_cursor: bool = False  # DECCKM


PLAIN_MODES = KeyModes()


def key_bytes(key: str, character: str | None, raw: str | None = None, modes: KeyModes = PLAIN_MODES) -> bytes:
    """Return what a key sends; b"" when it sends nothing.

    `key` is Textual's name of it. `raw` is what the user's terminal sent for it: where that is plain (a character, or
    escape and a character) it goes on as it is, for Textual has one name for several of these. "" is a key that came
    out of the sequence of the one before it; None is a key that no terminal sent.
    """
    if raw is not None and (len(raw) < 2 or (len(raw) == 2 and raw[0] == ESC) or _meta(raw)):
        return _encoded(raw)
    if raw is not None and key == TAIL:
        return _encoded(raw) if _is_key(raw) or _is_begun(raw) else b""
    named = _named(key, modes)
    if named is not None:
        return named
    if raw is not None and (raw.startswith(f"{ESC}O") or (not character and _is_key(raw))):
        return _encoded(raw)
    return _encoded(character) if character and key.strip("+").count("+") == 0 and character.isprintable() else b""


def prefix_byte(shown: str) -> bytes:
    """Return what a key as people write it, "ctrl-]", sends; b"" when it is no such key."""
    plain = shown.removeprefix("ctrl-")
    return _control(plain) if plain != shown and len(plain) == 1 else b""


def paste_bytes(text: str, *, bracketed: bool) -> bytes:
    """Return what a paste sends: line ends as the enter key, and nothing that a key or an escape sequence would do."""
    text = text.replace("\r\n", "\r").replace("\n", "\r")
    text = "".join(each for each in text if each in "\r\t" or not (each < " " or "\x7f" <= each <= "\x9f"))
    data = _encoded(text)
    return PASTE_BEGINS + data + PASTE_ENDS if bracketed else data


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _meta(raw: str) -> bool:
    """Whether Textual makes the escape key and another key out of this sequence: alt with an arrow, mostly."""
    body = raw.removeprefix("\x1b[")
    numbers, final = body[:-1], body[-1:]
    if body == raw or final not in "ABCDHF~":
        return False
    return numbers.partition(";")[2] in {"3", "4", "7", "8"}


def _is_key(raw: str) -> bool:
    """Whether an unknown sequence looks like a key, and not like an answer of the terminal."""
    if len(raw) > LONGEST_SEQUENCE or not raw.startswith((f"{ESC}[", f"{ESC}O")) or len(raw) < 3:
        return False
    body, final = raw[2:-1], raw[-1]
    return set(body) <= set("0123456789;") and (final.isalpha() or final in "~^$@") and final not in "cnRtuy"


def _is_begun(raw: str) -> bool:
    """Whether it is the beginning of what a key sends, whose rest did not come in time."""
    return raw.startswith((f"{ESC}[", f"{ESC}O")) and set(raw[2:]) <= set("0123456789;")


def _named(key: str, modes: KeyModes) -> bytes | None:
    """Return the bytes of a key by its name; None for one that has none in xterm's tables."""
    *held, name = key.split("+") if key.strip("+") else [key]
    modifiers = sum({_MODIFIERS.get(each, 0) for each in held})
    sequence = _sequence(name, modifiers, modes)
    if sequence:
        return sequence.encode()
    if name == "backtab" or (name == "tab" and "shift" in held):
        return b"\x1b[Z"
    lead = ESC if modifiers & 2 else ""
    if name == "backspace":
        return f"{lead}{_BACKSPACE_WITH_CTRL if modifiers & 4 else _PLAIN[name]}".encode()
    if name in _PLAIN and not (name == "space" and modifiers & 4):
        return f"{lead}{_PLAIN[name]}".encode()
    return _lettered(name, held, modifiers, lead.encode())


def _sequence(name: str, modifiers: int, modes: KeyModes) -> str:
    """Return the sequence of a key that writes nothing; "" when it has none."""
    letter = _CURSOR.get(name) or _FUNCTION.get(name)
    if letter and modifiers:
        return f"\x1b[1;{1 + modifiers}{letter}"
    if letter:
        return f"\x1b{'O' if modes.application_cursor or name in _FUNCTION else '['}{letter}"
    if name in _NUMBERED:
        return f"\x1b[{_NUMBERED[name]}{f';{1 + modifiers}' if modifiers else ''}~"
    return ""


def _lettered(name: str, held: list[str], modifiers: int, lead: bytes) -> bytes | None:
    """Return the bytes of a character with ctrl or alt."""
    sign = " " if name == "space" else _SIGNS.get(name, name)
    if len(sign) != 1 or not modifiers or modifiers == 1:
        return None
    if modifiers & 4:
        control = _control(sign)
        return lead + control if control else None
    return lead + _encoded(sign.upper() if "shift" in held else sign)


def _control(sign: str) -> bytes:
    """Return what ctrl makes of a character; b"" when nothing."""
    if sign in _WITH_CTRL:
        return bytes([_WITH_CTRL[sign]])
    upper = sign.upper()
    return bytes([ord(upper) - 64]) if "@" <= upper <= "_" else b""
