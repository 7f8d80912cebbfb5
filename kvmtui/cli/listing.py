"""Lists of hosts, VMs and tasks: which rows, which columns, in which order."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from kvmtui.cli.output import Exit, UsageError
from kvmtui.core.errors import KvmtuiError
from kvmtui.core.fields import TASK_FIELDS, Field, Shown
from kvmtui.core.filters import Filter, parse

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Sequence

    from kvmtui.cli.output import Output
    from kvmtui.core.fields import Json

Row = TypeVar("Row")


class Listing(NamedTuple, Generic[Row]):
    """What of a kind of row is shown, and how."""

    noun: str  # also the key of the JSON document
    columns: tuple[Field[Row], ...]
    filter: Filter[Row]
    sort: Field[Row] | None
    reverse: bool

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that match, in order."""
        chosen = [row for row in rows if self.filter.matches(row)]
        field = self.sort
        if field is not None:
            chosen.sort(key=lambda row: field.sort(row, reverse=self.reverse))
        return chosen

    def uses(self, names: Iterable[str]) -> bool:
        """Whether one of these fields is shown, sorted by or filtered by."""
        named = {field.name for field in self.columns} | ({self.sort.name} if self.sort else set())
        return not named.isdisjoint(names) or any(name in self.filter.text for name in names)

    def show(self, rows: Sequence[Row], output: Output, **more: Json) -> None:
        """Write the rows as a table, or as the JSON document with what else belongs into it."""
        if output.json:
            items: list[Json] = [{field.name: field.json(row) for field in self.columns} for row in rows]
            output.document({self.noun: items, **more})
        elif rows:
            output.table(self.columns, rows)
        else:
            what = "VMs" if self.noun == "vms" else self.noun
            output.note(f"No {what} match." if self.filter else f"There are no {what} yet.")


def listing(given: Namespace, fields: tuple[Field[Row], ...], *, json: bool) -> Listing[Row]:
    """Return what the command line asks for; raises UsageError and FilterError."""
    columns = tuple(field for field in fields if json or field.shown is not Shown.OPTIONAL)
    if given.columns == "all":
        columns = fields
    elif given.columns is not None:
        columns = tuple(_field(name, fields) for name in given.columns.split(",") if name.strip())
    sort = None if given.sort is None else _field(given.sort.removeprefix("-"), fields)
    return Listing(
        given.noun,
        columns or fields,
        parse(" ".join(given.filter), fields),
        sort,
        given.sort is not None and given.sort.startswith("-"),
    )


def _field(name: str, fields: tuple[Field[Row], ...]) -> Field[Row]:
    wanted = name.strip().lower()
    for field in fields:
        if wanted in (field.name, *field.aliases):
            return field
    names = [field.name for field in fields]
    near = get_close_matches(wanted, names, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(names)}."
    raise UsageError(f"There is no column {name}.", hint=hint)


def list_tasks(given: Namespace, output: Output) -> int:
    """List the tasks of the journal, newest first; no host is needed."""
    from kvmtui.journal import Journal  # noqa: PLC0415 - the other lists need no journal

    wanted = listing(given, TASK_FIELDS, json=output.json)
    if given.limit < 1:
        raise UsageError("--limit is at least 1.")
    journal = Journal()
    try:
        journal.path.open("rb").close()
    except FileNotFoundError:
        pass  # nothing has been done yet
    except OSError as error:
        raise KvmtuiError(f"The journal {journal.path} cannot be read: {error.strerror}.") from None
    rows = wanted.rows(journal.read(given.limit))
    wanted.show(rows, output)
    return Exit.DONE
