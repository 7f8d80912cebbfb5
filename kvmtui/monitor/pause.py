"""A sleep that can be cut short."""

from __future__ import annotations

import asyncio


async def pause(alarm: asyncio.Event, seconds: float) -> bool:
    """Return True as soon as the alarm is set (and clear it), False when the seconds have passed."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await alarm.wait()
    except TimeoutError:
        return False
    alarm.clear()
    return True
