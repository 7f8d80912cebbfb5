"""Reading libvirt's XML: documents that may be ill-formed, and sizes with units."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_PROLOG = re.compile(r"\ufeff?(?:\s+|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_MOST = 1 << 63
_UNITS = {
    "b": 1,
    "bytes": 1,
    "kb": 10**3,
    "k": 2**10,
    "kib": 2**10,
    "mb": 10**6,
    "m": 2**20,
    "mib": 2**20,
    "gb": 10**9,
    "g": 2**30,
    "gib": 2**30,
    "tb": 10**12,
    "t": 2**40,
    "tib": 2**40,
}


def parse(text: str) -> ET.Element | None:
    """Return the document's root; characters that XML forbids are replaced first, None when it still cannot be read.

    libvirt takes such characters in titles and descriptions, and then writes them out as they are. It never writes a
    document type: what has one is not from libvirt, and its entities could grow without end.
    """
    if "<!DOCTYPE" in text and text.startswith("<!DOCTYPE", _prolog_of(text)):
        return None
    try:
        return ET.fromstring(text)
    except (ET.ParseError, ValueError):
        pass
    try:
        return ET.fromstring(legal(text))
    except (ET.ParseError, ValueError):
        return None


def _prolog_of(text: str) -> int:
    """Return where what may stand before a document type ends."""
    found = _PROLOG.match(text)
    return 0 if found is None else found.end()


def legal(text: str) -> str:
    """Return the text with a replacement character for each that XML forbids."""
    return _ILLEGAL.sub("\ufffd", text)


def text_of(element: ET.Element | None, path: str) -> str:
    """Return the text at `path`, "" when there is none."""
    found = None if element is None else element.findtext(path)
    return found or ""


def attribute(element: ET.Element | None, path: str, name: str) -> str:
    """Return the attribute `name` of the element at `path`, "" when there is none."""
    found = None if element is None else element.find(path)
    return "" if found is None else found.get(name, "")


def number(text: str | None) -> int:
    """Return a whole number, 0 for anything else, also for one that no host could mean."""
    try:
        found = int(text or "0")
    except ValueError:
        return 0
    return found if abs(found) < _MOST else 0


def size(element: ET.Element | None, default_unit: str = "KiB") -> int:
    """Return the bytes that an element such as <memory unit='KiB'> tells."""
    if element is None:
        return 0
    return number((element.text or "").strip()) * _UNITS.get(element.get("unit", default_unit).lower(), 1)
