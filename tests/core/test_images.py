"""What an image is, by its first bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.core.images import HEADER, Image, look


def _qcow2(version: int, *, backing: int = 0, features: int = 0) -> bytes:
    head = struct.pack(">4sIQIIQ", b"QFI\xfb", version, backing, 8 if backing else 0, 16, 3 << 30)
    return head.ljust(72, b"\0") + struct.pack(">Q", features) + bytes(4096)


@pytest.mark.parametrize("version", [2, 3])
def test_a_qcow2_says_what_a_guest_sees(version: int) -> None:
    assert look(_qcow2(version)) == Image("qcow2", 3 << 30)


def test_a_cd_is_known_by_its_descriptor() -> None:
    assert look(bytes(32_768) + b"\x01CD001\x01" + bytes(2048)) == Image("iso")
    assert look(bytes(32_768) + b"\x01CD00") == Image("raw")


@pytest.mark.parametrize("data", [b"", b"a", bytes(HEADER), b"\xeb\x63" + bytes(510), b"QFI"])
def test_anything_else_is_raw(data: bytes) -> None:
    assert look(data) == Image("raw")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_qcow2(3, backing=104), "builds upon another file"),
        (_qcow2(2, backing=104), "builds upon another file"),
        (_qcow2(3, features=4), "keeps its data in another file"),
        (_qcow2(3)[:40], "ends within its own header"),
        (b"\x1f\x8b\x08", "packed with gzip"),
        (b"\xfd7zXZ\0\0", "packed with xz"),
        (b"\x28\xb5\x2f\xfd", "packed with zstd"),
        (b"BZh9", "packed with bzip2"),
        (b"PK\x03\x04", "packed with zip"),
        (b"KDMV", "a VMDK image"),
        (b"vhdxfile", "a VHDX image"),
        (bytes(64) + b"\x7f\x10\xda\xbe", "a VDI image"),
    ],
)
def test_what_no_host_should_be_given(data: bytes, said: str) -> None:
    image = look(data)
    assert said in image.problem
    assert image.hint or "header" in image.problem


def test_a_version_2_has_no_features_to_be_misread() -> None:
    assert not look(_qcow2(2, features=4)).problem


@given(st.binary(max_size=200), st.sampled_from([b"", b"QFI\xfb", b"QFI\xfb\0\0\0\3"]))
def test_no_bytes_bring_it_down(data: bytes, begin: bytes) -> None:
    assert look(begin + data).kind in {"raw", "iso", "qcow2"}
