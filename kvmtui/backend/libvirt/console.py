"""The serial consoles and the screens of one host.

Each open console has a lane of its own, whose stream lives and dies on that lane's thread. What the stream
brings is put into an `Inbox` on libvirt's event thread; what is typed goes out through the lane, a call at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import api
from kvmtui.backend.libvirt.inbox import PIECE, Inbox
from kvmtui.backend.libvirt.xml import devices
from kvmtui.core.errors import BackendError, Busy, Conflict, InUse, NotSupported, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.base import Display
    from kvmtui.backend.libvirt.lane import Lane, Session
    from kvmtui.backend.libvirt.lanes import Lanes

OPEN_SECONDS = 10.0
READ_SECONDS = 10.0
SEND_SECONDS = 10.0
CLOSE_SECONDS = 2.0
MOST_TYPED = 65_536  # bytes that wait for the host
SENT_AT_ONCE = 16_384  # bytes

_OPERATION_FAILED = 9
_LISTENED = api.STREAM_READABLE | api.STREAM_ERROR | api.STREAM_HANGUP
_PIECES_A_TURN = 16  # one stream must not keep the event thread from the others


class LibvirtConsole:
    """The console facet of one host."""

    def __init__(self, lanes: Callable[[], Lanes]) -> None:
        self._lanes = lanes

    async def open(self, uuid: str, *, force: bool = False) -> LibvirtLine:
        """Open the first serial console; see `backend.base.Console`."""
        lanes = self._lanes()
        if lanes.is_single:
            raise NotSupported("libvirt's test driver has no consoles.")
        inbox = Inbox(asyncio.get_running_loop(), f"The connection to {lanes.label} was lost.")
        lane = await lanes.console(inbox.lose)
        try:
            await lane.call(lambda session: _open(session, uuid, inbox, force=force), OPEN_SECONDS)
        except BaseException:
            lane.close()
            raise
        return LibvirtLine(lane, inbox)

    async def displays(self, uuid: str, *, secret: bool = False) -> tuple[Display, ...]:
        """Return the displays of a running VM."""
        return await self._lanes().detail(lambda session: _displays(session, uuid, secret=secret), READ_SECONDS)


class LibvirtLine:
    """An open serial console of a VM."""

    def __init__(self, lane: Lane, inbox: Inbox) -> None:
        self._lane = lane
        self._inbox = inbox
        self._typed = bytearray()
        self._sending: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def skipped(self) -> int:
        """How many bytes of output have been thrown away."""
        return self._inbox.skipped

    async def read(self) -> bytes:
        """Return the next output; b"" at the end; raises Unreachable when the connection broke."""
        while not self._is_closed:
            data = self._inbox.take()
            if data:
                return data
            if self._inbox.lost:
                raise Unreachable(self._inbox.lost)
            if self._inbox.is_ended:
                break
            await self._inbox.wait()
        return b""

    def write(self, data: bytes) -> None:
        """Queue input; raises Busy when too much is waiting already."""
        if self._is_closed or self._inbox.is_ended:
            return
        if len(self._typed) + len(data) > MOST_TYPED:
            raise Busy("The guest takes no input at present.", hint="What was typed before still waits for it.")
        self._typed += data
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    def close(self) -> None:
        """Let go of it at once."""
        if self._is_closed:
            return
        self._is_closed = True
        self._inbox.empty()
        if self._sending is not None:
            self._sending.cancel()
        # What is being sent may still go out; a host that does not answer has its connection cut.
        self._lane.close_after_call()
        asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._lane.give_up)

    async def _send(self) -> None:
        """Send what was typed; what cannot be sent is told by `read`."""
        with contextlib.suppress(BackendError):
            while self._typed:
                piece = bytes(self._typed[:SENT_AT_ONCE])
                sent = await self._lane.call(lambda session, piece=piece: _send(session, piece), SEND_SECONDS)  # type: ignore[misc]
                del self._typed[:sent]
                if sent < len(piece):
                    await self._inbox.wait_for_room()


# What follows runs on a lane's thread.


def _open(session: Session, uuid: str, inbox: Inbox, *, force: bool) -> None:
    domain = session.domain(uuid)
    name = domain.name()
    if not domain.isActive():
        raise Conflict(f"{name} is off.", hint="Start it first.")
    line = devices.serial_line(domain.XMLDesc(0))
    if line is None:
        raise NotSupported(
            f"{name} has no serial console.",
            hint="Add <serial type='pty'/> to its definition, or look at its screen.",
        )
    stream = session.conn.newStream(api.STREAM_NONBLOCK)
    try:
        domain.openConsole(line.alias or None, stream, api.CONSOLE_SAFE | (api.CONSOLE_FORCE if force else 0))
    except api.LibvirtError as error:
        if api.fault(error).code == _OPERATION_FAILED:
            raise InUse(f"Somebody else holds the console of {name}.", hint="It can be taken over.") from None
        raise
    session.stream = stream
    # Its end is not told by the stream when the whole connection breaks.
    session.conn.registerCloseCallback(_on_close, inbox)
    session.at_end.append(session.conn.unregisterCloseCallback)
    # Not of the session: a cycle would be collected on whatever thread, and closing a connection waits for its host.
    session.at_end.append(lambda: _end(stream))
    stream.eventAddCallback(_LISTENED, _on_stream, inbox)


def _send(session: Session, data: bytes) -> int:
    """Return how much the stream has taken; it tells when it takes more."""
    stream = session.stream
    if stream is None:
        return len(data)
    sent = stream.send(data)
    if sent < len(data):
        stream.eventUpdateCallback(_LISTENED | api.STREAM_WRITABLE)
    return max(0, sent)


def _end(stream: api.Stream) -> None:
    """Take the callback back, then end the stream: in the other order the library waits for itself."""
    for step in (stream.eventRemoveCallback, stream.abort):
        with contextlib.suppress(api.LibvirtError):
            step()
    api.free(stream)


def _displays(session: Session, uuid: str, *, secret: bool) -> tuple[Display, ...]:
    domain = session.domain(uuid)
    if not domain.isActive():
        return ()
    return devices.displays(domain.XMLDesc(api.XML_SECURE if secret else 0))


# What follows runs on libvirt's event thread, and must neither raise nor call the host.


def _on_stream(stream: api.Stream, events: int, inbox: Inbox) -> None:
    try:
        if events & api.STREAM_WRITABLE:
            stream.eventUpdateCallback(_LISTENED)
            inbox.make_room()
        if not _fetch(stream, inbox):
            stream.eventUpdateCallback(0)
            inbox.end()
    except api.LibvirtError:  # somebody took the console by force, or the guest's end broke
        with contextlib.suppress(api.LibvirtError):
            stream.eventUpdateCallback(0)
        inbox.end()


def _fetch(stream: api.Stream, inbox: Inbox) -> bool:
    """Take what there is; tells whether more may come."""
    for _ in range(_PIECES_A_TURN):
        data = stream.recv(PIECE)
        if isinstance(data, int):
            return True
        if not data:
            return False
        inbox.put(data)
    return True


def _on_close(_conn: object, _reason: int, inbox: Inbox) -> None:
    inbox.lose()
