"""Documents of volumes, written for those to be made and read of those that are there."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree as ET

from kvmtui.backend.libvirt.xml.reading import attribute, parse, size, text_of

_FILE_POOLS = frozenset({"dir", "fs", "netfs", "gluster", "vstorage"})


class PoolText(NamedTuple):
    """What a pool's document says of where its volumes lie and what they are."""

    path: str
    has_files: bool  # sparse files, whose format is in their header


class VolumeText(NamedTuple):
    """What a volume's document says; sizes are bytes."""

    path: str
    format: str
    capacity: int
    allocation: int
    backing: str
    block: bool


def read_pool(text: str) -> PoolText:
    """Read a pool's document."""
    root = parse(text)
    kind = "" if root is None else root.get("type", "")
    return PoolText(text_of(root, "target/path").strip(), kind in _FILE_POOLS)


def read(text: str) -> VolumeText:
    """Read a volume's document; a device has no format of its own, and is raw."""
    root = parse(text)
    return VolumeText(
        path=text_of(root, "target/path").strip(),
        format=attribute(root, "target/format", "type") or "raw",
        capacity=size(None if root is None else root.find("capacity"), "bytes"),
        allocation=size(None if root is None else root.find("allocation"), "bytes"),
        backing=text_of(root, "backingStore/path").strip(),
        block=root is not None and root.get("type") == "block",
    )


def build(name: str, capacity: int, format: str, *, pool: PoolText, backing: VolumeText | None = None) -> str:  # noqa: A002
    """Return the document of a volume to be made; a file takes room only as it is filled."""
    root = ET.Element("volume")
    _add(root, "name", name)
    _add(root, "capacity", str(capacity), unit="bytes")
    if pool.has_files:
        _add(root, "allocation", "0", unit="bytes")
    target = _add(root, "target")
    if pool.has_files:
        _add(target, "format", type=format)
    if format == "qcow2" and pool.has_files:
        _add(target, "compat", "1.1")
    if backing is not None:
        store = _add(root, "backingStore")
        _add(store, "path", backing.path)
        # A format that is found out by looking could be chosen by the guest that wrote the image.
        _add(store, "format", type="raw" if backing.format == "iso" else backing.format)
    return ET.tostring(root, encoding="unicode")


def _add(parent: ET.Element, tag: str, text: str | None = None, /, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element
