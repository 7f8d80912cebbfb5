"""Names of keys, as people write them, and Linux's codes and names for them (linux/input-event-codes.h)."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """A key: its code, and the name that virsh knows it by."""

    code: int
    linux: str


def _row(names: str, first: int) -> dict[str, Key]:
    """Number the keys of a row of the keyboard."""
    return {name: Key(first + step, f"KEY_{name.upper()}") for step, name in enumerate(names.split())}


KEYS: dict[str, Key] = {
    **_row("1 2 3 4 5 6 7 8 9 0", 2),
    **_row("q w e r t y u i o p", 16),
    **_row("a s d f g h j k l", 30),
    **_row("z x c v b n m", 44),
    **_row("f1 f2 f3 f4 f5 f6 f7 f8 f9 f10", 59),
    **_row("f11 f12", 87),
    **_row("home up", 102),
    **_row("left right end down", 105),
    **_row("minus equal backspace tab", 12),
    **_row("semicolon apostrophe grave", 39),
    **_row("comma dot slash", 51),
    "esc": Key(1, "KEY_ESC"),
    "enter": Key(28, "KEY_ENTER"),
    "space": Key(57, "KEY_SPACE"),
    "backslash": Key(43, "KEY_BACKSLASH"),
    "pageup": Key(104, "KEY_PAGEUP"),
    "pagedown": Key(109, "KEY_PAGEDOWN"),
    "insert": Key(110, "KEY_INSERT"),
    "del": Key(111, "KEY_DELETE"),
    "pause": Key(119, "KEY_PAUSE"),
    "sysrq": Key(99, "KEY_SYSRQ"),
    "capslock": Key(58, "KEY_CAPSLOCK"),
    "numlock": Key(69, "KEY_NUMLOCK"),
    "menu": Key(139, "KEY_MENU"),
    "power": Key(116, "KEY_POWER"),
    "ctrl": Key(29, "KEY_LEFTCTRL"),
    "shift": Key(42, "KEY_LEFTSHIFT"),
    "alt": Key(56, "KEY_LEFTALT"),
    "super": Key(125, "KEY_LEFTMETA"),
    "rctrl": Key(97, "KEY_RIGHTCTRL"),
    "rshift": Key(54, "KEY_RIGHTSHIFT"),
    "altgr": Key(100, "KEY_RIGHTALT"),
}

_OTHER_NAMES = {
    "control": "ctrl",
    "delete": "del",
    "escape": "esc",
    "return": "enter",
    "meta": "super",
    "win": "super",
    "print": "sysrq",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "ins": "insert",
}

MOST_AT_ONCE = 16
"""libvirt's limit of keys in one call."""


def chords_in(text: str) -> tuple[tuple[Key, ...], ...]:
    """Return the chords of a text such as `ctrl-alt-del` or `alt-f2 enter`; KeyError names an unknown key."""
    chords: list[tuple[Key, ...]] = []
    for word in text.lower().split():
        names = word.split("-")
        chords.append(tuple(KEYS[_OTHER_NAMES.get(name, name)] for name in names))
    return tuple(chords)


def keys_fault(text: str) -> str:
    """Return what is wrong with a text of chords, "" when nothing is."""
    try:
        chords = chords_in(text)
    except KeyError as unknown:
        return f"There is no key {unknown.args[0]!r}: write keys as ctrl-alt-del, alt-f2, minus or enter."
    if not chords:
        return "Say which keys, as in ctrl-alt-del."
    if any(len(chord) > MOST_AT_ONCE for chord in chords):
        return f"At most {MOST_AT_ONCE} keys can be pressed at once."
    return ""
