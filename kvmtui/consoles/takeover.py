"""A console is taken from whoever holds it, and what came of that is known."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kvmtui.consoles.session import Phase
from kvmtui.core.errors import Aborted, Conflict, InUse, TimedOut
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.consoles.session import ConsoleSession

MOST = 30.0  # seconds until it is open; a host that answers takes a few milliseconds


async def take_over(session: ConsoleSession) -> str:
    """Open a console, by force if it is held; returns who lost it, one sentence. Raises KvmtuiError."""
    try:
        async with asyncio.timeout(MOST):
            return await _taken(session)
    except TimeoutError:
        text = f"The console of {safe(session.name)} was not open within {MOST:.0f} s."
        raise TimedOut(text, unknown=session.is_held) from None


async def _taken(session: ConsoleSession) -> str:
    """Wait until it is open, having taken it once if it was held."""
    name, host = safe(session.name), safe(session.ref.host)
    lost = f"Nobody held the console of {name} on {host}: it is open here."
    forced = False
    news = asyncio.Event()
    end = session.watch(news.set)
    try:
        while True:
            news.clear()
            match session.phase:
                case Phase.LIVE:
                    return lost
                case Phase.FAILED:
                    raise Conflict(session.why)
                case Phase.CLOSED:
                    raise Aborted(f"The console of {name} was closed here before it was open.")
                case Phase.TAKEN if forced:
                    raise InUse(session.why)
                case _ if session.is_held and not forced:
                    lost = _loser(session)
                    forced = True
                    session.take_over()
                case _:
                    pass
            await news.wait()
    finally:
        end()


def _loser(session: ConsoleSession) -> str:
    """Return who loses it; no host tells whose session it was."""
    name, host = safe(session.name), safe(session.ref.host)
    if session.phase is Phase.TAKEN:
        return f"Somebody else held the console of {name} on {host}, and has lost it; libvirt does not say who."
    return f"{host} still held a session of the console of {name}, probably the last one from here; it has ended."
