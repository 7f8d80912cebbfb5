"""What the command line writes: tables, one JSON document, errors, and the exit codes."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, TypeVar

from kvmtui.core.errors import BackendError, ConfigError, FilterError, KvmtuiError, Unreachable
from kvmtui.core.secrets import without_secrets
from kvmtui.core.text import cell_width, safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kvmtui.core.fields import Field, Json, Tone

Row = TypeVar("Row")


class Exit(IntEnum):
    """Exit codes."""

    DONE = 0
    FAILED = 1  # or refused
    USAGE = 2
    NO_HOST = 3
    UNKNOWN = 4
    SOME_FAILED = 5
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class OutputLost(KvmtuiError):
    """What there was to say could not be written, as on a full disk."""


class UsageError(KvmtuiError):
    """The command line cannot be read; `usage` says how it is written."""

    def __init__(self, text: str, *, usage: str = "", hint: str = "") -> None:
        """Keep the sentence and the usage line."""
        super().__init__(text, hint=hint)
        self.usage = usage


def code_of(error: KvmtuiError) -> Exit:
    """Return the exit code for an error."""
    if isinstance(error, (UsageError, ConfigError, FilterError)):
        return Exit.USAGE
    if isinstance(error, BackendError) and error.unknown:
        return Exit.UNKNOWN
    return Exit.NO_HOST if isinstance(error, Unreachable) else Exit.FAILED


class Output:
    """Writes to the two standard streams; nothing hostile reaches a terminal."""

    def __init__(self, *, json: bool) -> None:
        self.json = json

    def document(self, content: Mapping[str, Json]) -> None:
        """Write the one JSON document; raw text is kept by JSON's own escapes."""
        # For a person to read; a program takes it in one line, which is written five times as fast.
        write(f"{json.dumps(content, indent=2 if sys.stdout.isatty() else None)}\n")

    def error(self, error: KvmtuiError) -> None:
        """Say what went wrong, as the document when that was asked for."""
        if self.json:
            content: dict[str, Json] = {"error": without_secrets(error.text)}
            if error.hint:
                content["hint"] = without_secrets(error.hint)
            if isinstance(error, FilterError):
                content["column"] = error.column
            self.document(content)
            return
        self.note(str(error), before=error.usage if isinstance(error, UsageError) else "")

    def note(self, text: str, *, before: str = "") -> None:
        """Write a line to the standard error; one that takes nothing any more is no reason to stop."""
        with suppress(OSError):
            sys.stderr.write(f"{before}kvmtui: {safe(without_secrets(text), limit=2000)}\n")
            sys.stderr.flush()

    def line(self, text: str) -> None:
        """Write a line."""
        write(f"{safe(text, limit=2000)}\n")

    def table(self, fields: Sequence[Field[Row]], rows: Sequence[Row]) -> None:
        """Write rows as a table: coloured on a terminal, plain and aligned elsewhere."""
        if sys.stdout.isatty():
            _rich_table(fields, rows)
            return
        lines = [[field.title for field in fields], *([field.text(row) for field in fields] for row in rows)]
        widths = [max(map(cell_width, column)) for column in zip(*lines, strict=True)]
        written = []
        for line in lines:
            cells = (
                " " * (width - cell_width(text)) + text if field.right else text + " " * (width - cell_width(text))
                for field, text, width in zip(fields, line, widths, strict=True)
            )
            written.append(f"{'  '.join(cells).rstrip()}\n")
        write("".join(written))


def write(text: str) -> None:
    """Write to the standard output, at once; raises OutputLost where it takes nothing any more."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever read it has left
    except OSError as error:
        raise OutputLost(f"The output cannot be written: {error.strerror}.") from None


_STYLES = {"muted": "dim", "good": "green", "warn": "yellow", "bad": "bold red", "accent": "cyan"}


def _style(tone: Tone) -> str:
    return _STYLES.get(tone.value, "")


def _rich_table(fields: Sequence[Field[Row]], rows: Sequence[Row]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.table import Table  # noqa: PLC0415 - only a terminal needs it
    from rich.text import Text  # noqa: PLC0415 - only a terminal needs it

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for field in fields:
        table.add_column(Text(field.title), justify="right" if field.right else "left", overflow="fold")
    for row in rows:
        # Text, never a string: a name with [markup] is a name.
        table.add_row(*(Text(field.text(row), style=_style(field.tone(row))) for field in fields))
    Console(highlight=False, markup=False, emoji=False).print(table)
