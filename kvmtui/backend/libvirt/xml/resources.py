"""Storage pools and volumes, read from their documents."""

from __future__ import annotations

from typing import NamedTuple

from kvmtui.backend.libvirt.xml.reading import parse, text_of


class VolumeText(NamedTuple):
    """What a volume's document says of where it is and what it is built upon."""

    path: str
    backing: str  # the path of its backing file, "" for none


def pool_path(text: str) -> str:
    """Return where a pool's volumes appear on the host."""
    return text_of(parse(text), "target/path").strip()


def volume(text: str) -> VolumeText:
    """Read a volume's document."""
    root = parse(text)
    return VolumeText(text_of(root, "target/path").strip(), text_of(root, "backingStore/path").strip())
