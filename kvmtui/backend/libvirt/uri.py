"""libvirt URIs: parsed, held to an allow-list, and built for a lane.

A libvirt URI is code: some parameters run a program, others are pasted unescaped into a remote shell.
This module is pure and needs no libvirt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from kvmtui.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Transport(StrEnum):
    """How a lane reaches the daemon."""

    INSIDE = ""  # the test driver runs in this process
    UNIX = "unix"
    SSH = "ssh"
    TCP = "tcp"
    TLS = "tls"


DRIVERS = ("qemu", "test")
PORTS = {Transport.SSH: 22, Transport.TCP: 16509, Transport.TLS: 16514}

_HOST = re.compile(r"[A-Za-z0-9._:-]+(%[A-Za-z0-9._-]+)?")
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@+-]*")
_FILE = re.compile(r"/[A-Za-z0-9._/+@=-]*")
_DANGEROUS = {
    "command": "it names a program to run",
    "netcat": "it names a program to run on the host",
    "name": "it replaces the address that the host sees",
    "socket": "it is pasted unquoted into a shell on the host",
    "no_verify": "it switches off the check that the host is who it says",
    "known_hosts_verify": "it switches off the check that the host is who it says",
}
_CHOICES = {
    "mode": ("auto", "legacy", "direct"),
    "proxy": ("auto", "netcat", "native"),
    "no_tty": ("0", "1"),
}
_ALLOWED: Mapping[Transport, frozenset[str]] = {
    Transport.INSIDE: frozenset(),
    Transport.UNIX: frozenset({"socket", "mode"}),
    Transport.SSH: frozenset({"keyfile", "mode", "proxy", "no_tty"}),
    Transport.TCP: frozenset({"mode"}),
    Transport.TLS: frozenset({"mode", "pkipath"}),
}


@dataclass(frozen=True, slots=True)
class Address:
    """A URI taken apart; every part has passed the allow-list."""

    driver: str
    transport: Transport
    user: str
    host: str  # "" for this machine
    port: int | None
    path: str
    parameters: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """What a sentence calls this host."""
        if self.transport is Transport.INSIDE:
            return f"{self.driver}://{self.path}"
        return self.host or "this machine"

    @property
    def is_session(self) -> bool:
        """Whether it is the user's own daemon."""
        return self.path == "/session"

    def parameter(self, name: str) -> str:
        """Return the parameter's value, "" when it is not given."""
        return dict(self.parameters).get(name, "")

    def text(self, **extra: str) -> str:
        """Return the URI with these parameters set besides its own."""
        scheme = f"{self.driver}+{self.transport}" if self.transport else self.driver
        where = f"[{self.host}]" if ":" in self.host else self.host
        if self.user:
            where = f"{quote(self.user, safe='')}@{where}"
        if self.port is not None:
            where = f"{where}:{self.port}"
        values = {**dict(self.parameters), **extra}
        query = "&".join(f"{name}={quote(value, safe='/')}" for name, value in values.items())
        return f"{scheme}://{where}{quote(self.path)}" + (f"?{query}" if query else "")


def _shown(uri: str) -> str:
    """Return the address as an error may tell it: what looks like a login is left out, whatever it holds."""
    return repr(re.sub(r"(://)[^?#]*:[^?#]*@", r"\1***@", uri))


def check(uri: str) -> None:
    """Raise ConfigError when `uri` is not one that kvmtui opens."""
    parse(uri)


def parse(uri: str) -> Address:
    """Take a URI apart; raises ConfigError for anything that is not known to be harmless."""
    if any(ord(character) <= 0x20 or ord(character) >= 0x7F for character in uri):
        raise ConfigError(f"The address {_shown(uri)} holds a blank, a control or a non-ASCII character.")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:  # what it says may hold a password that was taken for a port
        raise ConfigError(f"The address {_shown(uri)} cannot be read.", hint="Look at its host and port.") from None
    driver, _, carrier = parts.scheme.partition("+")
    if driver not in DRIVERS:
        raise ConfigError(
            f"The address {_shown(uri)} does not name a driver that kvmtui knows.",
            hint="Write for example qemu:///system or qemu+ssh://root@hv1/system.",
        )
    if parts.password is not None:
        raise ConfigError("An address cannot hold a password.", hint="Use an ssh key, or libvirt's auth.conf.")
    transport = _transport(uri, driver, carrier, parts.hostname or "")
    address = Address(
        driver=driver,
        transport=transport,
        user=unquote(parts.username or ""),
        host=parts.hostname or "",
        port=port,
        path=unquote(parts.path),
        parameters=tuple(parse_qsl(parts.query, keep_blank_values=True)),
    )
    if parts.fragment:
        raise ConfigError(f"The address {_shown(uri)} ends in a fragment (#...), which libvirt does not know.")
    _check_place(uri, address)
    _check_parameters(uri, address)
    return address


def _transport(uri: str, driver: str, carrier: str, host: str) -> Transport:
    if not carrier:
        if host:
            return Transport.TLS
        return Transport.INSIDE if driver == "test" else Transport.UNIX
    if carrier not in {"unix", "ssh", "tcp", "tls"}:
        raise ConfigError(
            f"The address {_shown(uri)} uses the transport {carrier!r}, which kvmtui does not open.",
            hint="Use ssh, tls, tcp or unix.",
        )
    return Transport(carrier)


def _check_place(uri: str, address: Address) -> None:
    remote = address.transport in PORTS
    if remote and not address.host:
        raise ConfigError(f"The address {_shown(uri)} names no host.")
    if not remote and (address.host or address.user):
        raise ConfigError(f"The address {_shown(uri)} names a host, but its transport stays on this machine.")
    if address.host and (address.host.startswith("-") or not _HOST.fullmatch(address.host)):
        raise ConfigError(f"The address {_shown(uri)} has a host name with characters that are not allowed.")
    if address.port == 0:
        raise ConfigError(f"The address {_shown(uri)} has the port 0, which nothing listens on.")
    if address.user and (address.transport is not Transport.SSH or not _USER.fullmatch(address.user)):
        raise ConfigError(f"The address {_shown(uri)} has a user name that is not allowed there.")
    if address.driver == "qemu" and address.path not in {"/system", "/session"}:
        raise ConfigError(
            f"The address {_shown(uri)} leads neither to /system nor to /session.",
            hint="Write for example qemu:///system.",
        )
    if address.driver == "test" and not _FILE.fullmatch(address.path):
        raise ConfigError(f"The address {_shown(uri)} has a path with characters that are not allowed.")


def _check_parameters(uri: str, address: Address) -> None:
    seen: set[str] = set()
    for name, value in address.parameters:
        if name in seen:
            raise ConfigError(f"The address {_shown(uri)} gives {name}= twice.")
        seen.add(name)
        if name not in _ALLOWED[address.transport]:
            why = _DANGEROUS.get(name, "kvmtui does not know it for this transport")
            raise ConfigError(
                f"The address {_shown(uri)} may not hold {name}=: {why}.",
                hint="Put what ssh needs into ~/.ssh/config." if address.transport is Transport.SSH else "",
            )
        choices = _CHOICES.get(name)
        if choices is not None and value not in choices:
            raise ConfigError(f"The address {_shown(uri)} has {name}={value!r}; it can be {', '.join(choices)}.")
        if choices is None and not _FILE.fullmatch(value):
            raise ConfigError(f"The address {_shown(uri)} has {name}={value!r}, which is not a plain absolute path.")
