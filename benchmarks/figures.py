"""Figures with what they should reach, as a table for people and a document for programs."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `most` and `least` are what it may be, None where nothing is asked of it."""

    scene: str
    what: str
    value: float
    unit: str
    most: float | None = None
    about: str = ""
    least: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether it is what it should be; None where nothing is asked."""
        if self.most is None and self.least is None:
            return None
        return self.short <= 0

    @property
    def short(self) -> float:
        """By how much it is too large, or too small; not above 0 where it is neither."""
        above = self.value - self.most if self.most is not None else -math.inf
        below = self.least - self.value if self.least is not None else -math.inf
        return max(above, below)

    @property
    def reach(self) -> str:
        """What the table says that it should be."""
        if self.least is not None:
            return f"at least {number(self.least)} {self.unit}"
        return "" if self.most is None else f"{number(self.most)} {self.unit}"

    @property
    def verdict(self) -> str:
        """What the table says: reached, or short by how much."""
        if self.reached is None:
            return ""
        return "reached" if self.reached else f"short by {number(self.short)} {self.unit}"


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> str:
    """Return a sample in a few words."""
    return (
        f"p50 {number(percentile(values, 50))}, p95 {number(percentile(values, 95))},"
        f" most {number(max(values))} of {len(values)}"
    )


def number(value: float) -> str:
    """Return a value with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def machine() -> dict[str, str | float]:
    """Return where it was measured; `loop_ms` is a fixed piece of Python, to compare machines and moments by."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        sum(index * index for index in range(200_000))
        took.append(time.perf_counter() - began)
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 2),
        "loop_ms": round(statistics.median(took) * 1000, 1),
    }


def table(figures: Iterable[Figure], left_out: Mapping[str, str], where: Mapping[str, str | float]) -> str:
    """Return everything as lines of text."""
    rows = [("", "measured", "reach", "", "")]
    scene = ""
    for figure in figures:
        if figure.scene != scene:
            scene = figure.scene
            rows.append((scene.upper(), "", "", "", ""))
        measured = f"{number(figure.value)} {figure.unit}"
        rows.append((f"  {figure.what}", measured, figure.reach, figure.verdict, figure.about))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{what:<{widths[0]}}  {value:>{widths[1]}}  {most:>{widths[2]}}  {verdict:<{widths[3]}}  {about}".rstrip()
        for what, value, most, verdict, about in rows
    ]
    lines += [f"left out: {name}: {why}" for name, why in left_out.items()]
    lines.append("measured on " + ", ".join(f"{name} {value}" for name, value in where.items()))
    return "\n".join(lines)


def document(
    figures: Iterable[Figure], left_out: Mapping[str, str], where: Mapping[str, str | float]
) -> dict[str, object]:
    """Return everything as JSON would have it."""
    return {
        "machine": dict(where),
        "figures": [asdict(figure) | {"reached": figure.reached} for figure in figures],
        "left_out": dict(left_out),
    }
