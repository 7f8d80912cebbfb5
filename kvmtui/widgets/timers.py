"""Timers that come once come in any case, whoever set them.

Textual lets a timer that is late skip to the next turn. One that comes once has no next turn: it would never come, and
one for a time that has passed already, such as that of a notice which runs out while it is put on the screen, would
count turns backwards for ever and let nothing else run. It also has a timer look for the app in the context in which it
was set: one that the engine or a console caused would fail there, and end the program when its screen is left.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from textual._context import NoActiveAppError, active_app
from textual.timer import EventTargetGone, Timer

if TYPE_CHECKING:
    from textual._types import MessageTarget
    from textual.timer import TimerCallback

ONCE = 0  # turns after the first
_make = Timer.__init__
_run = Timer._run_timer  # noqa: SLF001 - see above


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


async def run(timer: Timer) -> None:
    """Run a timer for the app that its target belongs to."""
    with suppress(EventTargetGone, NoActiveAppError):
        active_app.set(timer.target.app)  # type: ignore[attr-defined] # every target is a pump of messages
    await _run(timer)


def install() -> None:
    """Make and run all timers so from now on."""
    Timer.__init__ = make  # type: ignore[method-assign, assignment] # see above
    Timer._run_timer = run  # type: ignore[method-assign, assignment] # noqa: SLF001 - see above
