"""Spans of time as people type them: `90`, `90s`, `15m`, `2h`."""

from __future__ import annotations

import re

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
_SPAN = re.compile(r"(\d{1,6})([smh]?)\Z")


def seconds_in(text: str) -> int | None:
    """Return the seconds, None when the text is no span of time."""
    match = _SPAN.match(text.strip())
    return int(match[1]) * _UNITS[match[2]] if match else None


def span_fault(text: str) -> str:
    """Return what is wrong with a span of time; an empty one is none of its business."""
    return "" if not text or seconds_in(text) is not None else f"{text} is no time: say 90s, 15m or 2h."
