"""The devices through which a person reaches a running VM: its serial lines and its screens."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.base import Display
from kvmtui.backend.libvirt.xml.reading import parse

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET


class SerialLine(NamedTuple):
    """A serial line that a client can open; `alias` is "" where the definition gives none."""

    alias: str


def serial_line(text: str) -> SerialLine | None:
    """Return the first line of a live definition that stands on a pseudo terminal; None when there is none."""
    root = parse(text)
    devices = None if root is None else root.find("devices")
    if devices is None:
        return None
    # Consoles come first: the first of them is the first serial line as well, where there is one.
    for element in (*devices.findall("console"), *devices.findall("serial")):
        if element.get("type") == "pty":
            alias = element.find("alias")
            return SerialLine("" if alias is None else alias.get("name", ""))
    return None


def displays(text: str) -> tuple[Display, ...]:
    """Return the screens of a live definition; others than VNC and SPICE cannot be reached from elsewhere."""
    root = parse(text)
    found = () if root is None else root.findall("devices/graphics")
    return tuple(_display(element) for element in found if element.get("type") in ("vnc", "spice"))


def _display(element: ET.Element) -> Display:
    listen = element.find("listen")
    kind = "address" if listen is None else listen.get("type", "address")
    path = element.get("socket", "") if listen is None else listen.get("socket", "")
    address = element.get("listen", "") if listen is None else listen.get("address", element.get("listen", ""))
    is_open = kind in ("address", "network") and not path
    return Display(
        kind=element.get("type", ""),
        listen=address if is_open else "",
        port=_port(element.get("port")) if is_open else None,
        tls_port=_port(element.get("tlsPort")) if is_open else None,
        socket=path or element.get("socket", ""),
        password=element.get("passwd", ""),
    )


def _port(text: str | None) -> int | None:
    """Return a port that is open; -1 stands for one that has not been chosen."""
    try:
        port = int(text or "")
    except ValueError:
        return None
    return port if port > 0 else None
