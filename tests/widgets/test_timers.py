"""Timers come once, whoever set them."""

from __future__ import annotations

import asyncio
from contextvars import Context

from kvmtui.widgets.terminal_app import TerminalApp


async def test_a_timer_that_is_set_by_who_knows_no_app_comes() -> None:
    app, came = TerminalApp(headless=True), asyncio.Event()
    async with app.run_test():
        Context().run(app.screen.set_timer, 0.01, came.set)  # as what the engine calls back does
        await asyncio.wait_for(came.wait(), 60)
    assert app._exception is None
