"""Which machine and driver each connection leads to: none is opened twice, under whatever addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.core.inventory import Host


class _Identity(NamedTuple):
    uuid: str
    hostname: str
    scope: str


class Identities:
    """The open connections by the fleet's names of their hosts."""

    def __init__(self) -> None:
        self._known: dict[str, _Identity] = {}

    def open(self, name: str, uri: str, host: Host) -> tuple[str, str]:
        """Note a connection; returns why it must not be used, and what to warn of, "" for nothing."""
        mine = _Identity(host.uuid, host.hostname, connection_scope(uri, host))
        warning = ""
        for other, its in self._known.items():
            if other == name or its.uuid != mine.uuid:
                continue
            if its == mine:
                return f"It is the same host as {safe(other)}, which is open already.", ""
            if its.hostname != mine.hostname:
                warning = f"{safe(name)} and {safe(other)} say they have the same UUID"
        self._known[name] = mine
        return "", warning

    def close(self, name: str) -> None:
        """Forget a connection."""
        self._known.pop(name, None)


def connection_scope(uri: str, host: Host) -> str:
    """Return what tells two libvirt drivers of one host apart: system and session, and whose session."""
    parts = urlsplit(uri)
    owner = (parts.username or "") if parts.path == "/session" else ""
    return f"{host.driver} {parts.path} {owner}"
