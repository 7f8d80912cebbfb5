"""Timers that come once come in any case.

Textual lets a timer that is late skip to the next turn. One that comes once has no next turn: it would never come, and
one for a time that has passed already, such as that of a notice which runs out while it is put on the screen, would
count turns backwards for ever and let nothing else run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.timer import Timer

if TYPE_CHECKING:
    from textual._types import MessageTarget
    from textual.timer import TimerCallback

ONCE = 0  # turns after the first
_make = Timer.__init__


def make(  # noqa: PLR0913 - Textual's
    timer: Timer,
    event_target: MessageTarget,
    interval: float,
    *,
    name: str | None = None,
    callback: TimerCallback | None = None,
    repeat: int | None = None,
    skip: bool = True,
    pause: bool = False,
) -> None:
    """Make a timer of `interval` seconds."""
    skip = skip and repeat != ONCE
    _make(timer, event_target, interval, name=name, callback=callback, repeat=repeat, skip=skip, pause=pause)


def install() -> None:
    """Make all timers so from now on."""
    Timer.__init__ = make  # type: ignore[method-assign, assignment] # see above
