"""How a VM's screen is reached from this machine: the line that leads there, and what to look at then; pure."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.backend.base import Display

LOCAL = 10_000  # is added to a display's port for this end of a tunnel
_MOST = 65_535
_PATH = re.compile(r"/[A-Za-z0-9 ._/+@=-]+")  # to socat and ssh, a comma, a bang, a percent or a dollar says more
_PLACE = re.compile(r"[A-Za-z0-9._:%-]+")
_LOOPBACK = re.compile(r"127(\.\d{1,3}){3}|::1|localhost")
_ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - read from a definition
_HERE = "127.0.0.1"
_NAMES = {"vnc": "VNC", "spice": "SPICE"}
_FIRST = 5900  # this end of a tunnel to a socket is as of the first display


class Way(NamedTuple):
    """How one display is reached; every text is safe to show and to paste."""

    kind: str  # "vnc" or "spice"
    at: str  # a sentence: where it is served
    host: str  # what a viewer connects to, once the tunnel stands; "" when it cannot be reached
    port: int | None
    tls_port: int | None
    tunnel: tuple[str, ...]  # the program that leads there, with its arguments; () when none is needed
    why: str = ""  # why it cannot be reached, or what to know

    @property
    def line(self) -> str:
        """The tunnel as a shell takes it, "" when none is needed."""
        return shlex.join(self.tunnel)

    @property
    def address(self) -> str:
        """What a viewer is given, "" when it cannot be reached."""
        if not self.host:
            return ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.port is not None:
            return f"{self.kind}://{host}:{self.port}"
        return f"{self.kind}://{host}?tls-port={self.tls_port}"


def way_to(display: Display, uri: str) -> Way:
    """Return how a display is reached on the host of a libvirt address."""
    host, is_here = _host(uri)
    name = _NAMES.get(display.kind, safe(display.kind))
    on = "this machine" if is_here else host
    if display.socket:
        return _to_socket(display, uri, name, on)
    port = display.port if display.port is not None else display.tls_port
    if port is None or not _PLACE.fullmatch(display.listen or _HERE):
        return Way(
            display.kind,
            f"{name}, served to programs of {on} alone",
            "",
            None,
            None,
            (),
            f"Nothing on the network leads to it. Give it <listen type='address' address='{_HERE}'/>, or look from {on}"
            " with virt-viewer --attach.",
        )
    listen = display.listen or _HERE
    secure = " by TLS alone" if display.port is None else ""
    if not _LOOPBACK.fullmatch(listen):
        place = (_HERE if is_here else host) if listen in _ANYWHERE else listen
        why = "" if secure or is_here else "It is not encrypted on its way."
        at = f"{name}{secure} at {_joined(listen, port)} on {on}, for the whole network"
        return Way(display.kind, at, place, display.port, display.tls_port, (), why)
    at = f"{name}{secure} at {_joined(listen, port)} on {on}, for programs of that machine alone"
    if is_here:
        return Way(display.kind, at, listen, display.port, display.tls_port, ())
    if display.port is None:
        return Way(display.kind, at, "", None, None, (), "TLS does not go through a tunnel: its names would be wrong.")
    local = _local(port)
    return Way(display.kind, at, _HERE, local, None, ssh(uri, local, _joined(listen, port)))


def _to_socket(display: Display, uri: str, name: str, on: str) -> Way:
    """Return the way to a display on a socket, which no viewer opens by itself."""
    path = display.socket
    at = f"{name} on a socket of {on}: {safe(path)}"
    if not _PATH.fullmatch(path):
        return Way(display.kind, at, "", None, None, (), "The path is not one that a tunnel can lead to.")
    local = _local(_FIRST)
    _, is_here = _host(uri)
    if is_here:
        tunnel: tuple[str, ...] = ("socat", f"TCP-LISTEN:{local},bind={_HERE},fork", f"UNIX-CONNECT:{path}")
    else:
        tunnel = ssh(uri, local, path)
    return Way(display.kind, at, _HERE, local, None, tunnel)


def ssh(uri: str, local: int, goal: str, *options: str) -> tuple[str, ...]:
    """Return the ssh that leads from a port of this machine to a goal on the host of a libvirt address."""
    parts = urlsplit(uri)
    host, _ = _host(uri)
    user, port, key = "", "", ""
    if parts.scheme.endswith("+ssh"):
        user = unquote(parts.username or "")
        port = str(parts.port or "")
        key = next(iter(parse_qs(parts.query).get("keyfile", ())), "")
    return (
        "ssh",
        "-N",
        *options,
        *(("-p", port) if port else ()),
        *(("-i", key) if key else ()),
        "-L",
        f"{local}:{goal}",
        f"{quote(user, safe='@.+-')}@{host}" if user else host,
    )


def through(way: Way, local: int) -> Way:
    """Return the same way with another port at this end of its tunnel."""
    if not way.tunnel or way.port is None:
        return way
    tunnel = tuple(re.sub(rf"^(TCP-LISTEN:|){way.port}(?=[:,])", rf"\g<1>{local}", word) for word in way.tunnel)
    return way._replace(port=local, tunnel=tunnel)


def _host(uri: str) -> tuple[str, bool]:
    """Return the name of the machine that an address leads to, and whether it is this one."""
    parts = urlsplit(uri)
    if parts.scheme == "demo":
        return parts.path.strip("/") or "demo", False
    return (parts.hostname, False) if parts.hostname else (_HERE, True)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _local(port: int) -> int:
    return port + LOCAL if port + LOCAL <= _MOST else port
