"""What a disk image's first bytes say: its format, the size that a guest sees, and what it would drag along. Pure."""

from __future__ import annotations

from typing import NamedTuple

HEADER = 40_960
"""How many of an image's first bytes `look` wants: a CD's own begins at 32 KiB."""

_QCOW2 = b"QFI\xfb"
_CD = b"CD001"
_CD_AT = 32_769
_EXTERNAL_DATA = 1 << 2  # of the incompatible features
_FOREIGN = (
    (b"KDMV", "VMDK"),
    (b"# Disk DescriptorFile", "VMDK"),
    (b"vhdxfile", "VHDX"),
    (b"conectix", "VHD"),
    (b"QED\0", "QED"),
)
_VDI = b"\x7f\x10\xda\xbe"
_PACKED = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
)


class Image(NamedTuple):
    """What an image is; `capacity` is None where it is the file's own size."""

    kind: str  # "qcow2", "iso" or "raw"
    capacity: int | None = None
    problem: str = ""  # why it cannot be brought to a host, one sentence
    hint: str = ""


def look(header: bytes) -> Image:
    """Tell what an image is by its first `HEADER` bytes (fewer, when it is shorter)."""
    if header.startswith(_QCOW2):
        return _qcow2(header)
    for magic, name in _PACKED:
        if header.startswith(magic):
            return Image("raw", None, f"The file is packed with {name}.", "Unpack it first.")
    foreign = next((name for magic, name in _FOREIGN if header.startswith(magic)), "")
    if header[64:68] == _VDI:
        foreign = "VDI"
    if foreign:
        return Image("raw", None, f"The file is a {foreign} image.", "Convert it: qemu-img convert -O qcow2 FILE NEW")
    if header[_CD_AT : _CD_AT + len(_CD)] == _CD:
        return Image("iso")
    return Image("raw")


def _qcow2(header: bytes) -> Image:
    if len(header) < 72:
        return Image("qcow2", None, "The qcow2 image ends within its own header.")
    capacity = int.from_bytes(header[24:32], "big")
    # A guest could read whatever file on the host such an image names.
    if int.from_bytes(header[8:16], "big"):
        return Image(
            "qcow2",
            capacity,
            "The qcow2 image builds upon another file, which the host does not have.",
            "Flatten it: qemu-img convert -O qcow2 FILE NEW",
        )
    version = int.from_bytes(header[4:8], "big")
    if version >= 3 and int.from_bytes(header[72:80], "big") & _EXTERNAL_DATA:
        return Image(
            "qcow2",
            capacity,
            "The qcow2 image keeps its data in another file.",
            "Convert it: qemu-img convert -O qcow2 FILE NEW",
        )
    return Image("qcow2", capacity)
