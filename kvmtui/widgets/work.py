"""What a worker does, not begun before the worker begins, and over when what it shows has gone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ParamSpec

from textual.css.query import NoMatches
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")


def work(begun: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> Callable[[], Awaitable[None]]:
    """Return what begins it: of a worker that is cancelled sooner, no coroutine is left that nothing ever awaits.

    A widget that is being taken away has lost its parts before its workers are cancelled: what one of them still
    brings is shown to nobody.
    """
    return partial(_begin, partial(begun, *args, **kwargs), getattr(begun, "__self__", None))


async def _begin(begun: Callable[[], Awaitable[None]], owner: object) -> None:
    try:
        await begun()
    except NoMatches:
        if not isinstance(owner, Widget) or owner.is_attached:
            raise
