"""What a new VM is made from: image files as their first bytes tell them, seeds, sizes. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from kvmtui.core import naming
from kvmtui.core.errors import Refused
from kvmtui.core.images import look
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.core.specs import SeedSpec

SECTOR = 512
SEED_LABEL = "cidata"

_NOT_IN_HOSTNAMES = re.compile(r"[^A-Za-z0-9-]+")
_DECLARED = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)
_PASSWORD = re.compile(r'\bpasswd="[^"]*"')
_HOST_PARTS = frozenset({"emulator"})


class ImageFile(NamedTuple):
    """What a file of this machine is."""

    kind: str  # "qcow2", "raw" or "iso"
    capacity: int  # bytes that a guest sees


def image_file(name: str, head: bytes, length: int) -> ImageFile:
    """Say what a file is by its first `images.HEADER` bytes; raises Refused for one that no VM can start from."""
    what = safe(name)
    if not length:
        raise Refused(f"{what} is empty.")
    image = look(head)
    if image.problem:
        raise Refused(f"{what}: {image.problem}", hint=image.hint)
    if image.kind == "raw" and length % SECTOR:
        raise Refused(f"{what} is no disk image: its length is no multiple of {SECTOR} bytes.")
    return ImageFile(image.kind, length if image.capacity is None else image.capacity)


def hostname_for(name: str) -> str:
    """Return what a guest of this name calls itself."""
    label = _NOT_IN_HOSTNAMES.sub("-", name)[:63].strip("-").lower()
    return label or "vm"


def user_data(seed: SeedSpec) -> str:
    """Return the user-data of a NoCloud seed: JSON, which is YAML that no name or key can break out of."""
    user = {
        "name": seed.user,
        "ssh_authorized_keys": list(seed.keys),
        "lock_passwd": True,
        "shell": "/bin/bash",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
    }
    config = {"users": [user], "ssh_pwauth": False, "hostname": seed.hostname}
    return f"#cloud-config\n{json.dumps(config, indent=1, ensure_ascii=False)}\n"


def meta_data(seed: SeedSpec, instance: str) -> str:
    """Return the meta-data of a NoCloud seed; a guest heeds its user-data once for each instance."""
    return json.dumps({"instance-id": instance, "local-hostname": seed.hostname}, indent=1) + "\n"


def key_lines(text: str) -> tuple[str, ...]:
    """Return the public keys of a `.pub` or `authorized_keys` file; raises Refused."""
    lines = [line.strip() for line in text.splitlines()]
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise Refused("It holds no key.")
    for line in keys:
        naming.public_key(line)
    return keys


def with_devices(document: str, fragment: str) -> str:
    """Return a definition with further elements among its devices; raises Refused for text that is no XML."""
    if not fragment.strip():
        return document
    if _DECLARED.search(fragment):
        raise Refused("The devices' XML declares a document type, which is not taken.")
    try:
        added = ET.fromstring(f"<devices>{fragment}</devices>")
    except ET.ParseError as error:
        raise Refused(f"The devices' XML cannot be read: {error}.") from error
    if (added.text or "").strip() or any((each.tail or "").strip() for each in added):
        raise Refused("The devices' XML has text outside its elements.")
    if any(each.tag in _HOST_PARTS for each in added):
        raise Refused("The devices' XML names an emulator, which is the host's to choose.")
    root = ET.fromstring(document)
    devices = root.find("devices")
    if devices is None:
        devices = ET.SubElement(root, "devices")
    devices.extend(list(added))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def without_passwords(document: str) -> str:
    """Return a definition of `with_devices` with stars for the passwords of screens."""
    return _PASSWORD.sub('passwd="***"', document)


def listed(words: Sequence[str], most: int = 3) -> str:
    """Return "a, b and 3 more"."""
    shown = ", ".join(safe(word) for word in words[:most])
    return f"{shown} and {len(words) - most} more" if len(words) > most else shown
