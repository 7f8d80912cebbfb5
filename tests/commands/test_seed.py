"""What a new guest finds at its first start, and what is never given to it."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycdlib.pycdlib import PyCdlib

from kvmtui.commands.seed import seed_iso
from kvmtui.core import creation
from kvmtui.core.errors import NotFound, Refused
from kvmtui.core.specs import SeedSpec
from tests.commands.making_bench import KEY

if TYPE_CHECKING:
    from pathlib import Path


def test_the_seed_is_a_cd_that_cloud_init_finds() -> None:
    seed = SeedSpec("ann", (KEY,), "web-1.example.org")
    image = PyCdlib()
    image.open_fp(BytesIO(seed_iso(seed, "iid-1")))
    assert image.pvd.volume_identifier.rstrip() == b"cidata"
    for where in ("joliet_path", "rr_path"):
        for name, says in (("/user-data", (KEY, '"ann"')), ("/meta-data", ("iid-1", "web-1.example.org"))):
            read = BytesIO()
            image.get_file_from_iso_fp(read, **{where: name})
            text = read.getvalue().decode()
            assert all(word in text for word in says)
            assert text.startswith("#cloud-config\n") is (name == "/user-data")
            assert "password" not in text.replace("lock_passwd", "").lower()
    image.close()


@given(st.text(min_size=1))
def test_a_host_name_is_made_of_any_name(name: str) -> None:
    SeedSpec("ann", (), creation.hostname_for(name))


@pytest.mark.parametrize(
    ("fragment", "says"),
    [
        ("<disk>", "cannot be read"),
        ("<!DOCTYPE a><disk/>", "document type"),
        ("text", "text outside"),
        ("<emulator>/bin/sh</emulator>", "emulator"),
    ],
)
def test_devices_that_cannot_be_taken_are_refused(fragment: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        creation.with_devices("<domain><devices/></domain>", fragment)
    assert "<watchdog" in creation.with_devices("<domain><devices/></domain>", "<watchdog model='itco'/>")


@pytest.mark.usefixtures("home_with_a_key")
def test_a_private_key_is_never_taken(tmp_path: Path) -> None:
    from kvmtui.commands.making_stock import _keys

    (tmp_path / ".ssh/id_rsa").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n")
    with pytest.raises(Refused, match="private key"):
        _keys(("id_rsa",))
    with pytest.raises(NotFound):
        _keys(("nowhere.pub",))
    assert [each.file for each in _keys(())] == ["id_ed25519.pub"]
