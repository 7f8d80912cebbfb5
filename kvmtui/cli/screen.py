"""Opens the screen: begins to connect to the hosts, and loads the toolkit meanwhile."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from kvmtui import paths
from kvmtui.backend import backend_for, load
from kvmtui.cli.ending import ending
from kvmtui.core.text import safe
from kvmtui.engine import Engine
from kvmtui.engine.garbage import GarbageSearch
from kvmtui.prompts import Prompts
from kvmtui.terminal import Restore, screen_only

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kvmtui.config import Settings


SWITCH = 0.0005  # seconds


def open_screen(settings: Settings) -> int:
    """Show the screen until it is left; returns the exit code."""
    load(host.uri for host in settings.hosts)
    # A thread that computes gives way after 5 ms by default; what waits for libvirt needs many short turns.
    sys.setswitchinterval(SWITCH)
    search = GarbageSearch()
    left: list[str] = []
    try:
        with screen_only(paths.log_file()) as restore:
            return asyncio.run(_run(settings, search, restore, left))
    finally:
        _tell(left)


async def _run(settings: Settings, search: GarbageSearch, restore: Restore, left: list[str]) -> int:
    """Show the screen; `left` gets a sentence for each task that the end of the program breaks off."""
    prompts = Prompts()
    engine = Engine(settings, connector=partial(backend_for, ask=prompts.ask), looks_back=True)
    with ending(restore) as asked:
        await engine.start()
        try:
            # Loading takes as long as connecting to a host nearby: neither waits for the other.
            loading = asyncio.create_task(asyncio.to_thread(_load))
            await asyncio.wait((loading, asked), return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return asked.result()
            show = await loading
            search.hold()
            return await show(engine, search, prompts, asked)
        finally:
            left += await engine.stop()


def _tell(sentences: list[str]) -> None:
    """Say on the terminal that is a shell's again how tasks ended that nobody saw the end of."""
    for text in sentences:
        with suppress(OSError, ValueError):  # the terminal may be closed
            sys.stderr.write(f"kvmtui: {safe(text, limit=600)}\n")


def _load() -> Callable[[Engine, GarbageSearch, Prompts, asyncio.Future[int]], Awaitable[int]]:
    from kvmtui.app import show  # noqa: PLC0415 - this is where the toolkit is loaded, and only for the screen

    return show
