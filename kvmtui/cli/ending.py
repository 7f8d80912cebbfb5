"""What ends the screen from outside: SIGTERM, and SIGHUP when its terminal is closed."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

PATIENCE = 8.0
"""Seconds in which it ends in good order: what was made half-way is taken back in less. After that it just ends."""
SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ending(restore: Callable[[], None]) -> Iterator[asyncio.Future[int]]:
    """Give a future that has the exit code once a signal asks for the end.

    A loop that is held up hears of nothing: `restore` then gives the terminal back from a thread, and the process
    ends without a further word.
    """
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[int] = loop.create_future()

    def end(code: int) -> None:
        if not asked.done():
            asked.set_result(code)

    def force(code: int) -> None:
        restore()
        os._exit(code)

    def came(number: int, _frame: FrameType | None) -> None:
        code = 128 + number
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)  # the end is under way; a terminal that closes sends several
        timer = threading.Timer(PATIENCE, force, (code,))
        timer.daemon = True
        timer.start()
        loop.call_soon_threadsafe(end, code)

    # A hang-up that was switched off, by nohup, stays so: the end of the input is heard in its place.
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, came) for number in heeded}
    try:
        yield asked
    finally:
        if not asked.done():
            for number, handler in before.items():
                signal.signal(number, handler)
