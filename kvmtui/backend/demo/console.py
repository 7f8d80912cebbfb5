"""The keyboards and screens of simulated guests."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from kvmtui.backend.base import Display
from kvmtui.backend.demo.connection import READ
from kvmtui.backend.demo.tty import Tty
from kvmtui.core.errors import Busy, Conflict, Denied, InUse, NotSupported, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.base import Wake
    from kvmtui.backend.demo.connection import Connection
    from kvmtui.backend.demo.guest import Guest

_MOST_KEPT = 1 << 20  # bytes of output that wait for a reader
_MOST_TYPED = 65_536  # bytes of input that wait for a host
_FLOOD_EVERY = 0.004  # seconds: a flood brings about 1 MB/s
_FIRST_PORT = 5900


class DemoConsole:
    """The ways to a VM's keyboard and screen."""

    def __init__(self, connection: Connection) -> None:
        """Act through `connection`."""
        self._to = connection

    async def open(self, uuid: str, *, force: bool = False) -> DemoLine:
        """Attach to the serial line; see `backend.base.Console`."""
        to = self._to
        if to.is_read_only:
            raise Denied(f"The connection to {to.host.name} is read-only.", hint="Start without --read-only.")
        return await to.read("console", lambda: self._attach(uuid, force=force), uuid=uuid, seconds=READ)

    def _attach(self, uuid: str, *, force: bool) -> DemoLine:
        host = self._to.host
        guest = host.guest(uuid)
        if not has_serial(guest):
            raise NotSupported(
                f"{guest.vm.name} on {host.name} has no serial console.",
                hint="Add a <serial type='pty'> to its definition, or look at its screen.",
            )
        if not guest.vm.is_active:
            raise Conflict(f"{guest.vm.name} on {host.name} is off.", hint="Start it first.")
        tty = tty_of(self._to, guest)
        if tty.sink is not None and not force:
            raise InUse(f"Somebody else holds the console of {guest.vm.name}.", hint="It can be taken over.")
        return DemoLine(self._to, tty)

    async def displays(self, uuid: str, *, secret: bool = False) -> tuple[Display, ...]:
        """Return the displays of a running VM."""
        return await self._to.read("displays", lambda: self._displays(uuid, secret=secret), uuid=uuid)

    def _displays(self, uuid: str, *, secret: bool) -> tuple[Display, ...]:
        return displays_of(self._to.host.guest(uuid), secret=secret)


class DemoLine:
    """An open serial line of a simulated guest."""

    def __init__(self, connection: Connection, tty: Tty) -> None:
        """Take the line, from whoever held it."""
        self._to = connection
        self._tty = tty
        self._world, self._host = connection.world, connection.host.name
        self._output: deque[bytes] = deque()
        self._kept = 0
        self.skipped = 0
        self._typed = b""
        self._ready = asyncio.Event()
        self._is_over = False
        self._lost: Unreachable | None = None
        self._leave: list[Callable[[], None]] = [
            self._world.subscribe(self._host, self._heard),
            connection.on_end(self._cut),
        ]
        if tty.sink is not None:
            tty.sink(b"")  # whoever held it has lost it
        tty.sink = self._take
        tty.greet()

    async def read(self) -> bytes:
        """Return the next output; b"" at its end; raises Unreachable when the connection was lost."""
        while True:
            await self._until_answering()
            if self._typed:
                typed, self._typed = self._typed, b""
                self._tty.type(typed)
            if self._output:
                data = self._output.popleft()
                self._kept -= len(data)
                return data
            if self._lost is not None:
                raise Unreachable(self._lost.text)
            if self._is_over:
                return b""
            if self._tty.floods:
                await asyncio.sleep(_FLOOD_EVERY)
                if self._tty.floods:
                    self._take(self._tty.flood())
                continue
            self._ready.clear()
            await self._ready.wait()

    def write(self, data: bytes) -> None:
        """Type; raises Busy when the host has not taken what was typed before."""
        if self._is_over:
            return
        if self._host in self._world.faults.silent:
            if len(self._typed) + len(data) > _MOST_TYPED:
                raise Busy(f"{self._host} takes no input at present.", hint="What was typed before still waits.")
            self._typed += data
            self._ready.set()  # whoever reads takes it along when the host answers
            return
        self._world.settle()
        self._tty.type(data)

    def close(self) -> None:
        """Let go of it."""
        self._output.clear()
        self._kept = 0
        self._end()

    async def _until_answering(self) -> None:
        """Wait while the host is silent; a close or a loss ends the wait."""
        while self._host in self._world.faults.silent and not self._is_over:
            self._ready.clear()
            answer = self._world.faults.until_answer(self._host)
            ready = asyncio.ensure_future(self._ready.wait())
            try:
                await asyncio.wait((answer, ready), return_when=asyncio.FIRST_COMPLETED)
            finally:
                ready.cancel()

    def _take(self, data: bytes) -> None:
        """Keep output for the reader; b"" says that somebody else has taken the line."""
        if not data:
            self._end()
        if self._is_over:
            return
        self._output.append(data)
        self._kept += len(data)
        while self._kept > _MOST_KEPT:
            gone = len(self._output.popleft())
            self._kept -= gone
            self.skipped += gone
        self._ready.set()

    def _heard(self, wake: Wake) -> None:
        if wake.uuid != self._tty.guest.vm.uuid:
            return
        here = self._world.host(self._host).guests.get(wake.uuid)
        if here is self._tty.guest:
            self._tty.notice()
        if here is not self._tty.guest or not self._tty.guest.vm.is_active:
            self._end()

    def _cut(self, why: str) -> None:
        self._lost = Unreachable(f"The connection to {self._host} was lost: {why}.")
        self._end()

    def _end(self) -> None:
        self._is_over = True
        if self._tty.sink == self._take:
            self._tty.sink = None
        for leave in self._leave:
            leave()
        self._leave = []
        self._ready.set()


def has_serial(guest: Guest) -> bool:
    """Tell whether the guest talks on a serial line; Windows does not."""
    return not guest.vm.os.startswith("Windows")


def tty_of(connection: Connection, guest: Guest) -> Tty:
    """Return the guest's line."""
    if guest.tty is None:
        guest.tty = Tty(connection.world, guest)
    return guest.tty


def displays_of(guest: Guest, *, secret: bool) -> tuple[Display, ...]:
    """Return where the guest's screen is served: SPICE with a password for desktops, else VNC on loopback."""
    number = guest.vm.domain_id
    if number is None:
        return ()
    port = _FIRST_PORT + number % 1000
    if not has_serial(guest):
        return (Display("spice", "0.0.0.0", port, None, "", "simulated" if secret else ""),)  # noqa: S104 - a picture
    return (Display("vnc", "127.0.0.1", port, None, "", ""),)
