"""The keys of screens and commands together, as the configuration binds them anew; a clash names both ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.keys import _character_to_key

from kvmtui.commands import registry
from kvmtui.core.errors import ConfigError
from kvmtui.screens.actions import GO, GRAPHS, LIST, MARK, PANES, PREFIX, TABS, XML
from kvmtui.widgets.keybytes import prefix_byte

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvmtui.commands.registry import Bindings
    from kvmtui.screens.actions import Action

SCREENS = (
    (*GO, *LIST, *MARK, *PANES),
    (*GO, *TABS, *LIST, *GRAPHS),
    (*GO, *TABS, *LIST, *XML),
)
"""The actions that can be met on one screen."""
EVERY: Mapping[str, Action] = {action.id: action for screen in SCREENS for action in screen}
FIXED = {"go.command": ":", "list.filter": "/"}
"""What follows these in one read is text for them, however fast it was typed: no other key can promise that."""
MOVES = frozenset(
    ["up", "down", "left", "right", "home", "end", "pageup", "pagedown", *"jkgG", "ctrl-d", "ctrl-u", "enter"]
)
HELD = (MOVES | {"escape"}) - {"enter"}
"""What no command is bound to; enter is an action's, and so is told as a clash."""
NAMED = frozenset({"space", "tab", "enter", "escape", "backspace", "delete", "insert"}) | MOVES


class Keys(NamedTuple):
    """Every key as it stands."""

    bindings: Bindings  # of commands
    textual: Mapping[str, str]  # of rebound actions: id to Textual's name of the key
    shown: Mapping[str, str]  # of all actions: id to the key as a person reads it
    prefix: str = PREFIX.shown  # of consoles, as a person reads it

    def is_rebound(self, key: str) -> bool:
        """Tell whether the configuration gave this key to an action."""
        return any(self.shown[id_] == key for id_ in self.textual)

    def instead_of(self, usual: str) -> str:
        """Return the key that does what `usual` does without a configuration."""
        ids = [action.id for action in EVERY.values() if action.shown == usual and action.id in self.textual]
        return self.shown[ids[0]] if ids else usual


def bind(keys: Mapping[str, str], *, allow_single: bool = False) -> Keys:
    """Return all keys; raises ConfigError for an unknown id, a key that cannot be bound, and a clash."""
    rebound = {id_: _checked(id_, text.strip().replace("ctrl+", "ctrl-")) for id_, text in keys.items() if id_ in EVERY}
    for id_, text in keys.items():
        if id_ not in EVERY and text.strip().replace("ctrl+", "ctrl-") in HELD:
            raise ConfigError(f"{id_} cannot be bound to {text}: that key moves the cursor, or goes back.")
    shown = {id_: rebound.get(id_, action.shown) for id_, action in EVERY.items()}
    _refuse_clashes(rebound, shown)
    lists = SCREENS[0]
    taken = {shown[action.id]: action.id for action in lists}
    commands = registry.bind(keys, allow_single=allow_single, taken=taken, known=frozenset((*EVERY, PREFIX.id)))
    prefix = _prefix(keys.get(PREFIX.id, PREFIX.shown))
    return Keys(commands, {id_: _textual(text) for id_, text in rebound.items()}, shown, prefix)


def _prefix(text: str) -> str:
    """Return the prefix of consoles, if it can be one."""
    wished = text.strip().lower().replace("ctrl+", "ctrl-")
    if prefix_byte(wished) in (b"", b"\r", b"\t", b"\x1b", b"\x7f"):
        raise ConfigError(
            f"{PREFIX.id} cannot be bound to {text}.", hint="It is a ctrl key, and none that enter, tab or escape is."
        )
    return wished


def _checked(id_: str, text: str) -> str:
    """Return the key, if an action can be bound to it."""
    if id_ in FIXED:
        raise ConfigError(f"{id_} stays on {FIXED[id_]}: what is typed after it in one go is text for it.")
    if registry.is_never(text):
        raise ConfigError(
            f"{id_} cannot be bound to {text}.", hint="Function keys, alt keys and a few of ctrl are never bound."
        )
    if len(text.split()) != 1 or text in registry.LEADERS:
        raise ConfigError(f"{id_} cannot be bound to {text}.", hint="It takes one key, and x and ! begin chords.")
    if text in (MOVES | HELD) and EVERY[id_].shown != text:
        raise ConfigError(f"{id_} cannot be bound to {text}: that key moves the cursor, or goes back.")
    plain = text.removeprefix("ctrl-")
    if len(plain) != 1 and plain not in NAMED:
        raise ConfigError(f"{id_} cannot be bound to {text}: there is no such key.")
    return text


def _refuse_clashes(rebound: Iterable[str], shown: Mapping[str, str]) -> None:
    for id_ in rebound:
        for screen in SCREENS:
            ids = [action.id for action in screen]
            rivals = [other for other in ids if other != id_ and shown[other] == shown[id_]] if id_ in ids else []
            if rivals:
                raise ConfigError(f"{rivals[0]} and {id_} are both bound to {shown[id_]}.", hint="Bind one elsewhere.")


def _textual(text: str) -> str:
    """Return Textual's name of a key as people write it."""
    if text.startswith("ctrl-"):
        return f"ctrl+{text.removeprefix('ctrl-')}"
    return _character_to_key(text) if len(text) == 1 else text
