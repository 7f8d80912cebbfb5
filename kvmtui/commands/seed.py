"""The seed of a cloud image: a small ISO with the label that cloud-init looks for, made in memory."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from kvmtui.core.creation import SEED_LABEL, meta_data, user_data

if TYPE_CHECKING:
    from kvmtui.core.specs import SeedSpec


def seed_iso(seed: SeedSpec, instance: str) -> bytes:
    """Return the image: Joliet and Rock Ridge give the two files the names that cloud-init wants."""
    from pycdlib.pycdlib import PyCdlib  # noqa: PLC0415 - only making a VM needs it

    image, written = PyCdlib(), BytesIO()
    # The label is small letters, which only a level that allows all characters keeps.
    image.new(interchange_level=4, joliet=3, rock_ridge="1.09", vol_ident=SEED_LABEL)
    for name, text in (("user-data", user_data(seed)), ("meta-data", meta_data(seed, instance))):
        data = text.encode()
        image.add_fp(BytesIO(data), len(data), f"/{name}", rr_name=name, joliet_path=f"/{name}", file_mode=0o100444)
    image.write_fp(written)
    image.close()
    return written.getvalue()
