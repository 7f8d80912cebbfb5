"""Writes the tables of the guide anew from what the program itself says: `python -m scripts.tables docs/*.md`.

A page marks a table's place by `<!-- table: NAME -->` and `<!-- end of table -->`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kvmtui.commands.base import Noun
from kvmtui.commands.registry import DEFAULT, of_noun
from kvmtui.core.fields import HOST_FIELDS, TASK_FIELDS, VM_FIELDS, Shown
from kvmtui.screens.actions import CONSOLE, GO, GRAPHS, LIST, MARK, PANES, PREFIX, RESERVED, TABS, XML

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmtui.core.fields import Field
    from kvmtui.screens.actions import Action

Row = TypeVar("Row")

GROUPS = {"going": GO, "lists": LIST, "marks": MARK, "panes": PANES, "tabs": TABS, "graphs": GRAPHS, "xml": XML}
GROUPS["console"] = (PREFIX, *CONSOLE)
_SHOWN = {Shown.ALWAYS: "always", Shown.WIDE: "from 120 columns", Shown.OPTIONAL: "when chosen"}
_PLACE = re.compile(r"(<!-- table: ([a-z ]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def table(name: str) -> str:
    """Return a table by its name; raises KeyError."""
    if name in GROUPS:
        return _actions(GROUPS[name])
    if name == "vm columns":
        return _fields(VM_FIELDS)
    if name == "host columns":
        return _fields(HOST_FIELDS)
    if name == "task columns":
        return _fields(TASK_FIELDS)
    return {"commands": _commands, "reserved": _reserved}[name]()


def renewed(page: str) -> str:
    """Return a page with its tables as they are now."""
    return _PLACE.sub(lambda found: f"{found[1]}{table(found[2])}\n{found[3]}", page)


def names_in(page: str) -> list[str]:
    """Return the names of a page's tables."""
    return [found[2] for found in _PLACE.finditer(page)]


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


if __name__ == "__main__":
    for word in sys.argv[1:]:
        path = Path(word)
        path.write_text(renewed(path.read_text("utf-8")), "utf-8")
