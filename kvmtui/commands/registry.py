"""All commands, found by id, by name and by key; keys as the configuration binds them anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from kvmtui.commands.base import Command, Level, Noun
from kvmtui.commands.create import CREATE
from kvmtui.commands.host import HOST
from kvmtui.commands.task import TASK
from kvmtui.commands.vm import VM
from kvmtui.core.errors import ConfigError

ALL: tuple[Command, ...] = (*VM, *HOST, *CREATE, *TASK)
LEADERS = ("x", "!")
"""Neither ends an escape sequence or an answer of a terminal, so no broken one can press a chord."""
UNBOUND = "none"
_NEVER = frozenset({*(f"f{number}" for number in range(1, 25)), "ctrl+a", "ctrl+b", "ctrl+space", "ctrl+q", "ctrl+s"})

_BY_ID = {command.id: command for command in ALL}


def by_id(id_: str) -> Command | None:
    """Return the command of that id."""
    return _BY_ID.get(id_)


def by_name(noun: Noun, name: str) -> Command | None:
    """Return the command of a noun by its id, verb, label or another name that it has, such as virsh's."""
    wanted = name.lower()
    for command in ALL:
        if command.noun is noun and wanted in {command.id, command.verb, command.label, *command.aliases}:
            return command
    return None


def of_noun(noun: Noun) -> tuple[Command, ...]:
    """Return the commands of a noun, in the order of menus."""
    return tuple(command for command in ALL if command.noun is noun)


def by_chord(noun: Noun, leader: str, letter: str) -> Command | None:
    """Return the command that a chord stands for by default."""
    return DEFAULT.by_chord(noun, leader, letter)


@dataclass(frozen=True, slots=True)
class Bindings:
    """Which keys stand for which commands: a chord `x s`, or a single key, for each noun."""

    keys: Mapping[str, tuple[str, ...]]  # by command id; () when it has no key
    _found: dict[tuple[Noun, tuple[str, ...]], Command] = field(default_factory=dict)

    def by_chord(self, noun: Noun, leader: str, letter: str) -> Command | None:
        """Return the command that a chord stands for."""
        return self._found.get((noun, (leader, letter)))

    def by_key(self, noun: Noun, key: str) -> Command | None:
        """Return the command that a single key stands for."""
        return self._found.get((noun, (key,)))

    def menu(self, noun: Noun, leader: str) -> tuple[tuple[str, Command], ...]:
        """Return the letters that may follow a leader, with their commands, in the order of the rows."""
        chords = ((self.keys[command.id], command) for command in of_noun(noun))
        return tuple((keys[1], command) for keys, command in chords if len(keys) == 2 and keys[0] == leader)

    def text(self, id_: str) -> str:
        """Return the keys of a command as people write them, "" when it has none."""
        return " ".join(self.keys.get(id_, ()))


def is_never(key: str) -> bool:
    """Tell whether a key is one that nothing is ever bound to."""
    return key.lower().replace("ctrl-", "ctrl+") in _NEVER or key.lower().startswith(("alt+", "alt-"))


def bind(
    keys: Mapping[str, str] | None = None,
    *,
    allow_single: bool = False,
    taken: Mapping[str, str] | None = None,
    known: Collection[str] = (),
) -> Bindings:
    """Return the bindings with the configuration's changes; raises ConfigError for one that cannot be.

    `taken` are the single keys of the screens, with the id of each; `known` are the screens' ids, which may stand in
    `keys` too, and are bound by the screens.
    """
    others = taken or {}
    bound = {command.id: _default(command) for command in ALL}
    for id_, text in (keys or {}).items():
        command = _BY_ID.get(id_)
        if command is None and id_ not in known:
            raise ConfigError(f"[keys] names {id_}, which is no command.", hint=_nearest(id_))
        if command is not None:
            bound[id_] = _read(command, text, allow_single=allow_single)
    found: dict[tuple[Noun, tuple[str, ...]], Command] = {}
    for id_, sequence in bound.items():
        if sequence:
            _claim(found, others, _BY_ID[id_], sequence)
    return Bindings(bound, found)


def _default(command: Command) -> tuple[str, ...]:
    """Return the keys that a row gives itself."""
    return command.chord or ((command.key,) if command.key else ())


def _read(command: Command, text: str, *, allow_single: bool) -> tuple[str, ...]:
    """Return the keys that the configuration writes for a command."""
    sequence = tuple(text.split())
    if not sequence or sequence == (UNBOUND,):
        return ()
    for key in sequence:
        if is_never(key):
            raise ConfigError(
                f"{command.id} cannot be bound to {key}.",
                hint="Function keys, alt keys and a few of ctrl are never bound.",
            )
    if len(sequence) == 2:
        if sequence[0] not in LEADERS or len(sequence[1]) != 1:
            raise ConfigError(f"{command.id} cannot be bound to {text}.", hint="A chord is x or ! and one character.")
        return sequence
    if len(sequence) > 2:
        raise ConfigError(f"{command.id} cannot be bound to {text}.", hint="A chord is x or ! and one character.")
    if sequence[0] in LEADERS:
        raise ConfigError(f"{command.id} cannot be bound to {text} alone: it begins chords.", hint="Add a character.")
    changes = command.level is not Level.LOOK and not command.form
    if changes and not allow_single:
        raise ConfigError(
            f"{command.id} changes something, and {text} is a single key.",
            hint=f'Write "x {text}", or set keys.allow_single = true.',
        )
    return sequence


def _claim(
    found: dict[tuple[Noun, tuple[str, ...]], Command],
    others: Mapping[str, str],
    command: Command,
    sequence: tuple[str, ...],
) -> None:
    """Give keys to a command unless another one has them."""
    holder = found.get((command.noun, sequence))
    rival = holder.id if holder is not None else others.get(sequence[0], "") if len(sequence) == 1 else ""
    if rival and rival != command.id:
        raise ConfigError(
            f"{rival} and {command.id} are both bound to {' '.join(sequence)}.", hint="Bind one of them elsewhere."
        )
    found[command.noun, sequence] = command


def _nearest(id_: str) -> str:
    """Return a guess at what was meant."""
    close = get_close_matches(id_, _BY_ID, n=1)
    return f"Did you mean {close[0]}?" if close else "See docs/commands.md for the ids."


DEFAULT = bind()
"""The keys without a configuration."""
