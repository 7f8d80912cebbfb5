"""Small volumes that a VM reads alone, carried from one host to another through this machine: libvirt copies none."""

from __future__ import annotations

import contextlib
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import api
from kvmtui.backend.libvirt.storage import LibvirtStorage
from kvmtui.backend.libvirt.upload import BLOCK
from kvmtui.core.errors import Conflict
from kvmtui.core.images import HEADER, look
from kvmtui.core.storage_verdict import CARRY_MOST
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.backend.libvirt.lanes import Lanes
    from kvmtui.core.specs import VolumeName

SECONDS = 120.0


async def fetch(lanes: Lanes, place: VolumeName) -> bytes:
    """Return all of a volume; raises Conflict when it is too large for this way."""
    return await lanes.detail(partial(_fetch, place=place), SECONDS)


async def put(lanes: Callable[[], Lanes], place: VolumeName, data: bytes) -> None:
    """Make a volume of this; raises Conflict when there is one."""
    kind = look(data[:HEADER]).kind
    await LibvirtStorage(lanes).upload(place.pool, place.name, _Bytes(data), kind=kind, progress=_unheard)


class _Bytes:
    """What is sent, from memory."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self.stop = False
        self._rest = BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._rest.read(size)


def _unheard(_sent: int) -> None:
    """Take note of nothing: it is over in a moment."""


# What follows runs on a lane's thread.


def _fetch(session: Session, place: VolumeName) -> bytes:
    volume = session.conn.storagePoolLookupByName(place.pool).storageVolLookupByName(place.name)
    stream = session.conn.newStream(0)
    volume.download(stream, 0, 0, 0)
    try:
        data = _received(stream, place)
        stream.finish()
    except BaseException:
        with contextlib.suppress(api.LibvirtError):
            stream.abort()
        raise
    return data


def _received(stream: api.Stream, place: VolumeName) -> bytes:
    data = bytearray()
    while isinstance(block := stream.recv(BLOCK), bytes) and block:
        data += block
        if len(data) > CARRY_MOST:
            raise Conflict(f"{safe(str(place))} is too large to be carried to another host.")
    return bytes(data)
