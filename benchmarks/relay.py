"""A link that is long and loses packets: a TCP relay, because not every kernel has netem.

Bytes arrive half a round trip after they were sent, in order, and a connection takes a round trip to be made. A lost
segment comes again two round trips later, as a sender finds out that sends little, and what follows it waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

SEGMENT = 1448  # bytes that one packet carries
AGAIN = 2.0  # round trips until a lost segment is there
LISTENER = "10.77.0.1"
FIRST_PORT = 40001


class Relay:
    """Links to machines, which run on a thread of their own until the end of the context."""

    def __init__(self, targets: Mapping[str, tuple[str, int]], round_trip: float, loss: float = 0.0) -> None:
        """`targets`: by name, the address and port that a link leads to; `loss`: the share of segments lost."""
        self.ports = {name: FIRST_PORT + number for number, name in enumerate(targets)}
        self._targets = targets
        self._round_trip = round_trip
        self._loss = loss
        self._chance = random.Random(11)  # noqa: S311 - the same losses in each run
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._stop = asyncio.Event()
        self._links: set[asyncio.Task[object]] = set()
        self.down: list[tuple[float, int]] = []  # what came from the far end: when (monotonic), and bytes
        self.up: list[tuple[float, int]] = []

    def bytes_down(self, start: float, end: float) -> int:
        """Return what the far end sent from `start` to `end` (monotonic)."""
        return sum(size for at, size in self.down if start <= at < end)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        servers = []
        for name, (host, port) in self._targets.items():

            async def link(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str = host, port: int = port
            ) -> None:
                task = asyncio.current_task()
                assert task is not None
                self._links.add(task)
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await self._link(reader, writer, host, port)
                writer.transport.abort()
                self._links.discard(task)

            servers.append(await asyncio.start_server(link, LISTENER, self.ports[name]))
        self._ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        for one in tuple(self._links):
            one.cancel()
        if self._links:
            await asyncio.wait(self._links)

    async def _link(
        self, near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter, host: str, port: int
    ) -> None:
        began = time.monotonic()
        half = self._round_trip / 2
        await asyncio.sleep(self._round_trip + half)  # the handshake, whose end the far one hears
        far_reader, far_writer = await asyncio.open_connection(host, port)
        there = began + self._round_trip + half
        try:
            await asyncio.gather(
                self._carry(near_reader, far_writer, self.up, there),
                self._carry(far_reader, near_writer, self.down, 0.0),
            )
        finally:
            far_writer.transport.abort()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: list[tuple[float, int]], first: float
    ) -> None:
        """Carry one direction; nothing arrives before `first`."""
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                at, data = await queue.get()
                await asyncio.sleep(at - time.monotonic())
                if not data or writer.is_closing():
                    return
                writer.write(data)

        delivering = asyncio.create_task(deliver())
        last = first
        try:
            while data := await reader.read(65_536):
                now = time.monotonic()
                count.append((now, len(data)))
                for start in range(0, len(data), SEGMENT):
                    late = AGAIN * self._round_trip if self._chance.random() < self._loss else 0.0
                    last = max(last, now + self._round_trip / 2 + late)
                    queue.put_nowait((last, data[start : start + SEGMENT]))
            queue.put_nowait((max(last, time.monotonic() + self._round_trip / 2), b""))
            await delivering
            writer.close()
        finally:
            delivering.cancel()
