"""A lane's way to its daemon, and how it is cut when a call on it never ends.

libvirt calls have no time-out; what ends one is the end of its transport. Each kind of transport proves that
what it shuts down is this lane's own, and says so: a wrong shutdown would kill a healthy connection.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from kvmtui.backend.libvirt import api, runtime, sockets
from kvmtui.backend.libvirt.errors import GROUP, START
from kvmtui.backend.libvirt.ssh_line import SshLine
from kvmtui.backend.libvirt.uri import PORTS, Address, Transport
from kvmtui.core.errors import BackendError, Denied, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

    from kvmtui.backend.libvirt.asking import AskingServer

CONNECT_SECONDS = 5.0


class Line(Protocol):
    """One transport. All but `cut` run on the lane's thread and may block."""

    def prepare(self) -> str:
        """Return the URI to open; raises BackendError when the way is closed already."""
        ...

    def opened(self) -> None:
        """Note what the successful open has made."""
        ...

    def cut(self) -> bool:
        """Shut the transport down, from any thread; False when it cannot be proved to be this lane's."""
        ...

    def release(self) -> None:
        """Let go of what was kept for `cut`."""
        ...

    @property
    def asks(self) -> bool:
        """Whether it waits for a person's answer or its turn, so that its time does not run; from any thread."""
        ...


def line_for(address: Address, *, read_only: bool, server: AskingServer | None = None) -> Line:
    """Return a new transport to this address; `server` takes what ssh asks, which is refused without one."""
    if address.transport is Transport.INSIDE:
        return InsideLine(address)
    if address.transport is Transport.UNIX:
        return RelayLine(address, read_only=read_only)
    if address.transport is Transport.SSH:
        return SshLine(address, server)
    return PeerLine(address)


def is_taken(line: Line) -> bool | None:
    """Tell whether the other side has taken the connection; None where that cannot be known."""
    return line.is_taken() if isinstance(line, RelayLine | PeerLine) else None


class InsideLine:
    """The test driver: calls run in this process and end."""

    def __init__(self, address: Address) -> None:
        self._uri = address.text()

    asks = False

    def prepare(self) -> str:
        return self._uri

    def opened(self) -> None:
        """Note nothing."""

    def cut(self) -> bool:
        return False

    def release(self) -> None:
        """Keep nothing."""


class RelayLine:
    """A local daemon, through a socket of ours between libvirt and the daemon's."""

    def __init__(self, address: Address, *, read_only: bool) -> None:
        self._address = address
        self._candidates = sockets.candidates(address, read_only=read_only)
        self._ends: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_cut = False

    asks = False

    def prepare(self) -> str:
        upstream = self._connect()
        if upstream is None:
            # libvirt starts the user's own daemon by itself, when it may choose the socket.
            api.open_connection(self._address.text(), read_only=True).close()
            upstream = self._connect()
        if upstream is None:
            raise Unreachable(
                "libvirt did not start a daemon for this user.", hint="Is libvirt's QEMU driver installed?"
            )
        path = runtime.unique("r")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        listener.bind(str(path))
        listener.listen(1)
        self._keep(upstream, listener)
        threading.Thread(
            target=self._relay, args=(listener, upstream, path), name=f"relay {path.name}", daemon=True
        ).start()
        unix = replace(self._address, transport=Transport.UNIX, parameters=())
        return unix.text(socket=str(path))

    def opened(self) -> None:
        """Note nothing: both ends are ours."""

    def cut(self) -> bool:
        with self._lock:
            self._is_cut = True
            ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        return bool(ends)

    def is_taken(self) -> bool:
        """Tell whether the daemon has taken the connection."""
        return bool(self._ends)

    def release(self) -> None:
        self.cut()

    def _keep(self, *ends: socket.socket) -> None:
        with self._lock:
            if not self._is_cut:
                self._ends.extend(ends)
                return
        for end in ends:
            end.close()
        raise Unreachable(f"The connection to {self._address.label} was let go.")

    def _connect(self) -> socket.socket | None:
        failure: OSError | None = None
        for path in self._candidates:
            upstream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            upstream.settimeout(CONNECT_SECONDS)
            try:
                upstream.connect(str(path))
            except OSError as error:
                upstream.close()
                # "May not" says more than "is not there", and the first candidate more than the last.
                if failure is None or isinstance(error, PermissionError):
                    failure = error
            else:
                upstream.settimeout(None)
                return upstream
        if self._address.is_session and not isinstance(failure, PermissionError):
            return None
        raise _why(failure, self._address.label)

    def _relay(self, listener: socket.socket, upstream: socket.socket, path: Path) -> None:
        client: socket.socket | None = None
        with contextlib.suppress(OSError, Unreachable):
            listener.settimeout(CONNECT_SECONDS)
            client, _ = listener.accept()
            client.settimeout(None)
            self._keep(client)
        with contextlib.suppress(OSError):
            path.unlink()
        listener.close()
        if client is None:
            upstream.close()
            return
        threading.Thread(target=_pump, args=(upstream, client), name=f"{path.name} down", daemon=True).start()
        _pump(client, upstream)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Carry bytes until either side ends, then end both."""
    with contextlib.suppress(OSError):
        while data := source.recv(262_144):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _why(failure: OSError | None, host: str) -> BackendError:
    if isinstance(failure, PermissionError):
        return Denied(
            f"This user may not open libvirt's socket on {host}.",
            hint=GROUP,
        )
    if isinstance(failure, FileNotFoundError | ConnectionRefusedError):
        return Unreachable(
            f"libvirt is not running on {host}.",
            hint=START,
        )
    if isinstance(failure, BlockingIOError | TimeoutError):
        return Unreachable(f"libvirt on {host} takes no new connections.", hint="Is it overloaded, or stopped?")
    return Unreachable(f"libvirt's socket on {host} cannot be opened: {failure}.")


_claims_lock = threading.Lock()
_claimed: set[int] = set()
"""Socket numbers that a lane of this process has proved to be its own."""


class PeerLine:
    """TCP or TLS: the one new descriptor whose peer is this host's address and port."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._port = address.port if address.port is not None else PORTS[address.transport]
        self._peers: frozenset[sockets.Peer] = frozenset()
        self._before: frozenset[int] = frozenset()
        self._lock = threading.Lock()
        self._own: socket.socket | None = None  # a duplicate: its number cannot be given to another
        self._inode: int | None = None
        self._is_cut = False
        self._is_released = False

    asks = False

    def prepare(self) -> str:
        try:
            self._peers = sockets.resolve(self._address.host, self._port)
        except OSError:
            raise Unreachable(f"The name {self._address.host} is not known.", hint="Check the address.") from None
        with self._lock:
            if self._is_cut:
                raise Unreachable(f"The connection to {self._address.label} was let go.")
            self._before = frozenset(sockets.towards(self._peers))
        return self._address.text()

    def opened(self) -> None:
        with self._lock:
            self._claim()

    def cut(self) -> bool:
        with self._lock:
            self._is_cut = True
            if self._own is None and not self._is_released:
                self._claim()
            if self._own is None:
                return False
            # A refusal means that the connection has ended by itself, which is as good.
            with contextlib.suppress(OSError):
                self._own.shutdown(socket.SHUT_RDWR)
            return True

    def is_taken(self) -> bool:
        """Tell whether the host has taken the connection."""
        with self._lock:
            return any(inode not in self._before for inode in sockets.towards(self._peers, taken=True))

    def release(self) -> None:
        with self._lock:
            self._is_released = True
            if self._own is not None:
                self._own.close()
                self._own = None
            with _claims_lock:
                _claimed.discard(self._inode or 0)

    def _claim(self) -> None:
        """Take the new descriptor towards our peer; nothing when there is none, or more than one could be it."""
        with _claims_lock:
            found = sockets.towards(self._peers)
            new = [inode for inode in found if inode not in self._before and inode not in _claimed]
            if len(new) != 1:
                return
            try:
                copy = os.dup(found[new[0]])
            except OSError:
                return
            if sockets.inode_of(copy) != new[0]:
                os.close(copy)
                return
            _claimed.add(new[0])
        self._inode = new[0]
        self._own = socket.socket(fileno=copy)
