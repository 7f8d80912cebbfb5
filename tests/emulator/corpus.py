"""The recorded sessions: what programs wrote, and the screens that tmux 3.3a gave for it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parent / "data"
COLUMNS, ROWS = 80, 24
HEAD = "=== "


class Checkpoint(NamedTuple):
    """A place in a recording, and the screen there."""

    label: str
    end: int  # how many bytes were written until then
    rows: tuple[str, ...]


def screens_text(checkpoints: list[Checkpoint]) -> str:
    """Return the file that holds the screens of a recording."""
    return "".join(
        f"{HEAD}{point.end} {point.label}\n" + "".join(f"{row}\n" for row in point.rows) for point in checkpoints
    )


def names() -> list[str]:
    """Return what was recorded."""
    return sorted(path.stem for path in DATA.glob("*.gz"))


def output_of(name: str) -> bytes:
    """Return what a program wrote."""
    return gzip.decompress((DATA / f"{name}.gz").read_bytes())


def checkpoints_of(name: str) -> list[Checkpoint]:
    """Return the screens of a recording."""
    lines = (DATA / f"{name}.screens").read_text().split("\n")[:-1]
    points = []
    for start in range(0, len(lines), ROWS + 1):
        end, _, label = lines[start].removeprefix(HEAD).partition(" ")
        points.append(Checkpoint(label, int(end), tuple(lines[start + 1 : start + 1 + ROWS])))
    return points
