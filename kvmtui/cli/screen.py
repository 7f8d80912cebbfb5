"""Opens the screen: begins to connect to the hosts, and loads the toolkit meanwhile."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING

from kvmtui import paths
from kvmtui.backend import backend_for
from kvmtui.engine import Engine
from kvmtui.engine.garbage import GarbageSearch
from kvmtui.prompts import Prompts
from kvmtui.terminal import screen_only

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kvmtui.config import Settings


SWITCH = 0.0005  # seconds


def open_screen(settings: Settings) -> int:
    """Show the screen until it is left; returns the exit code."""
    # A thread that computes gives way after 5 ms by default; what waits for libvirt needs many short turns.
    sys.setswitchinterval(SWITCH)
    search = GarbageSearch()
    with screen_only(paths.log_file()):
        return asyncio.run(_run(settings, search))


async def _run(settings: Settings, search: GarbageSearch) -> int:
    prompts = Prompts()
    engine = Engine(settings, connector=partial(backend_for, ask=prompts.ask))
    await engine.start()
    try:
        # Loading takes as long as connecting to a host nearby: neither waits for the other.
        show = await asyncio.to_thread(_load)
        search.hold()
        return await show(engine, search, prompts)
    finally:
        await engine.stop()


def _load() -> Callable[[Engine, GarbageSearch, Prompts], Awaitable[int]]:
    from kvmtui.app import show  # noqa: PLC0415 - this is where the toolkit is loaded, and only for the screen

    return show
