"""What a worker does, not begun before the worker begins."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")


def work(begun: Callable[P, Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> Callable[[], Awaitable[None]]:
    """Return what begins it: of a worker that is cancelled sooner, no coroutine is left that nothing ever awaits."""
    return partial(begun, *args, **kwargs)
