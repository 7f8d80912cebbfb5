"""Writes the tables of the guide anew from what the program itself says: `python -m scripts.tables docs/*.md`.

A page marks a table's place by `<!-- table: NAME -->` and `<!-- end of table -->`. Between `<!-- settings: TABLE -->`
and `<!-- end of settings -->` types and defaults are the program's, and what a key means is the page's own.
"""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar
from unittest.mock import patch

from kvmtui.commands.base import Noun
from kvmtui.commands.registry import DEFAULT, of_noun
from kvmtui.config import Arguments, load
from kvmtui.config_table import Table
from kvmtui.core.fields import HOST_FIELDS, TASK_FIELDS, VM_FIELDS, Shown
from kvmtui.host_choice import Machine
from kvmtui.screens.actions import CONSOLE, GO, GRAPHS, LIST, MARK, PANES, PREFIX, RESERVED, TABS, XML

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kvmtui.commands.base import Command
    from kvmtui.core.fields import Field
    from kvmtui.screens.actions import Action

Row = TypeVar("Row")

GROUPS = {"going": GO, "lists": LIST, "marks": MARK, "panes": PANES, "tabs": TABS, "graphs": GRAPHS, "xml": XML}
GROUPS["console"] = (PREFIX, *CONSOLE)
_SHOWN = {Shown.ALWAYS: "always", Shown.WIDE: "from 120 columns", Shown.OPTIONAL: "when chosen"}
_PLACE = re.compile(r"(<!-- table: ([a-z ]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


_SETTINGS = re.compile(r"(<!-- settings: (.*?) -->\n)(.*?)(<!-- end of settings -->)", re.DOTALL)
_TOP = "the top"  # the part of the configuration that is in no table
ACROSS = 4  # cells of a line of the cheat sheet


def table(name: str) -> str:
    """Return a table by its name; raises KeyError."""
    if name in GROUPS:
        return _actions(GROUPS[name])
    if name.startswith("cheat "):
        return _cheat(name.removeprefix("cheat "))
    if name == "vm columns":
        return _fields(VM_FIELDS)
    if name == "host columns":
        return _fields(HOST_FIELDS)
    if name == "task columns":
        return _fields(TASK_FIELDS)
    return {"commands": _commands, "reserved": _reserved}[name]()


def renewed(page: str) -> str:
    """Return a page with its tables as they are now."""
    page = _PLACE.sub(lambda found: f"{found[1]}{table(found[2])}\n{found[3]}", page)
    return _SETTINGS.sub(lambda found: f"{found[1]}{_settings(found[2], found[3])}\n{found[4]}", page)


def names_in(page: str) -> list[str]:
    """Return the names of a page's tables."""
    return [found[2] for found in _PLACE.finditer(page)]


def settings_in(page: str) -> list[str]:
    """Return the names of the configuration's tables that a page explains."""
    return [found[2] for found in _SETTINGS.finditer(page)]


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    drawn = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in drawn)


def _actions(actions: tuple[Action, ...]) -> str:
    rows = ((f"`{each.shown}`", each.help, f"`{each.id}`") for each in actions)
    return _lines(("key", "does", "id"), rows)


def _commands() -> str:
    rows = (
        (noun.value, f"`{keys}`" if (keys := DEFAULT.text(each.id)) else f"`:{each.verb}`", each.label, f"`{each.id}`")
        for noun in Noun
        for each in of_noun(noun)
    )
    return _lines(("on a", "key", "does", "id"), rows)


def _reserved() -> str:
    return _lines(("key", "kept for"), ((f"`{key}`", what) for key, what in RESERVED.items()))


def _fields(fields: tuple[Field[Row], ...]) -> str:
    rows = (
        (
            one.title,
            ", ".join(f"`{name}`" for name in (one.name, *one.aliases)),
            f"`o {one.letter}`" if one.letter else "",
            _SHOWN[one.shown],
            one.help,
        )
        for one in fields
    )
    return _lines(("column", "name", "sorts", "shown", "meaning"), rows)


# --- the cheat sheet --------------------------------------------------------------------------


def _cheat(name: str) -> str:
    """Return keys with a word each, several to a line."""
    if name in GROUPS:
        cells = [f"`{each.shown}` {each.label or 'that one'}" for each in GROUPS[name]]
    else:
        noun, leader = {"vm": (Noun.VM, "x"), "forced": (Noun.VM, "!"), "host": (Noun.HOST, "x")}[name]
        cells = [_cheat_cell(each) for each in of_noun(noun) if (_forced(each)) is (leader == "!")]
    cells += [""] * (-len(cells) % ACROSS)
    rows = (tuple(cells[at : at + ACROSS]) for at in range(0, len(cells), ACROSS))
    return _lines(("",) * ACROSS, rows)


def _forced(command: Command) -> bool:
    return DEFAULT.text(command.id).startswith("!")


def _cheat_cell(command: Command) -> str:
    keys = DEFAULT.text(command.id)
    return f"`{keys}` {command.label}" if keys else f"`:{command.verb}`"


# --- the configuration ------------------------------------------------------------------------


@cache
def settings() -> dict[str, dict[str, tuple[str, str | None]]]:
    """Return each table's keys with the type and the default as text, None when it has none to tell."""
    told: dict[str, dict[str, tuple[str, str | None]]] = {}

    def noting(kind: str, original: Callable[..., object]) -> Callable[..., object]:
        def ask(self: Table, key: str, *args: object, **kwargs: object) -> object:
            name = re.sub(r"^hosts\..*", "hosts.NAME", self._name) or _TOP
            told.setdefault(name, {})[key] = (_type(kind, *args), _default(kind, *args, **kwargs))
            return original(self, key, *args, **kwargs)

        return ask

    kinds = ("text", "flag", "number", "whole", "choice", "texts", "size")
    with TemporaryDirectory() as folder, ExitStack() as patches:
        for kind in kinds:
            patches.enter_context(patch.object(Table, kind, noting(kind, getattr(Table, kind))))
        file = Path(folder) / "config.toml"
        file.write_text('[hosts.hv1]\nuri = "qemu:///system"\n')
        load(Arguments(config=file), machine=Machine("desk"))
    return told


def _type(kind: str, *args: object) -> str:
    if kind == "number":
        return f"seconds, {args[1]:g} to {args[2]:g}"
    if kind == "whole":
        return f"whole number, {args[1]} to {args[2]}"
    names = args[1] if kind == "choice" else args[0] if kind == "texts" and args else ()
    among = ", ".join(f"`{name}`" for name in names) if isinstance(names, tuple) else ""
    if kind == "texts":
        return f"list of {among or 'texts'}"
    return among or {"flag": "true or false"}.get(kind, kind)


def _default(kind: str, *args: object, default: object = None) -> str | None:
    if kind == "texts":
        return "`[]`"
    value = args[0] if args else default
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{value}`" if value != "" else None


def _settings(name: str, before: str) -> str:
    """Return the keys of a table anew; a key's meaning, and a default that is no value, stay as the page has them."""
    written = {}
    for line in before.splitlines()[2:]:
        key, _, usual, meaning = (cell.strip() for cell in line.strip()[1:-1].split("|"))
        written[key] = (usual, meaning, line)
    rows = []
    for key, (kind, default) in settings()[name].items():
        said, meaning, _ = written.pop(f"`{key}`", ("", "", ""))
        rows.append((f"`{key}`", kind, default or said, meaning))
    kept = [line for key, (_, _, line) in written.items() if not key.startswith("`")]
    return "\n".join((_lines(("key", "type", "default", "meaning"), rows), *kept))


if __name__ == "__main__":
    for word in sys.argv[1:]:
        path = Path(word)
        path.write_text(renewed(path.read_text("utf-8")), "utf-8")
