"""The volumes of a simulated host, as calls."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from kvmtui.backend.demo.images import COPY_RATE, UPLOAD_RATE
from kvmtui.backend.demo.volumes import Volumes
from kvmtui.core.errors import Aborted, BackendError
from kvmtui.core.images import look
from kvmtui.core.inventory import Volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.base import DiskUse, Upload
    from kvmtui.backend.demo.connection import Connection
    from kvmtui.core.specs import NewVolume

_BLOCK = 1 << 20
_STEP = 0.1  # seconds between two parcels of an upload
_LONGEST_COPY = 12.0  # seconds


class DemoStorage:
    """The volumes of a host's pools."""

    def __init__(self, connection: Connection) -> None:
        """Act through `connection`."""
        self._to = connection
        self._volumes = Volumes(connection.world)

    async def volumes(self, pool: str) -> tuple[Volume, ...]:
        return await self._to.read("volumes", lambda: self._volumes.listed(self._to.host, pool))

    async def create_volume(self, wanted: NewVolume) -> Volume:
        host, made = self._to.host, list[Volume]()
        lasts = 0.2
        if wanted.copy_of is not None:
            image = await self.volumes(wanted.copy_of.pool)
            sizes = [volume.allocation for volume in image if volume.name == wanted.copy_of.name]
            lasts += min(_LONGEST_COPY, sum(sizes) / COPY_RATE)
        try:
            await self._to.change(
                "create_volume",
                "",
                lambda: made.append(self._volumes.create(host, wanted)),
                args=(wanted,),
                lasts=lasts,
            )
        except asyncio.CancelledError:
            for volume in made:
                self._volumes.remove(host, volume)
            raise
        return made[0]

    async def upload(
        self, pool: str, name: str, source: Upload, *, kind: str, progress: Callable[[int], None]
    ) -> Volume:
        host, made = self._to.host, list[Volume]()
        size = source.size
        await self._to.change(
            "upload",
            "",
            lambda: made.append(self._volumes.begin(host, pool, name, size)),
            args=(pool, name, kind, size),
        )
        volume = made[0]
        try:
            capacity = await self._send(source, progress)
        except (BackendError, asyncio.CancelledError):
            self._volumes.remove(host, volume)
            raise
        return self._volumes.finish(host, volume, kind, capacity)

    async def delete_volume(self, pool: str, name: str) -> None:
        host = self._to.host
        await self._to.change(
            "delete_volume", "", lambda: self._volumes.delete(host, pool, name), args=(pool, name), lasts=0.1
        )

    async def disk_uses(self, uuid: str) -> tuple[DiskUse, ...]:
        to = self._to
        return await to.read("disk_uses", lambda: to.world.definitions.disk_uses(to.host, uuid), uuid=uuid)

    async def delete_disk(self, source: str) -> None:
        to = self._to
        await to.change("delete_disk", "", lambda: to.world.definitions.delete_disk(to.host, source), args=(source,))

    async def _send(self, source: Upload, progress: Callable[[int], None]) -> int:
        """Read the source at the pace of a host's network; return the size that a guest would see."""
        pace = self._to.world.address.pace
        parcel = max(_BLOCK, int(UPLOAD_RATE * _STEP / pace)) if pace else 16 * _BLOCK
        sent, capacity = 0, source.size
        loop = asyncio.get_running_loop()
        while True:
            if source.stop:
                raise Aborted(f"The upload to {self._to.host.name} was stopped; nothing of it is left.")
            began = time.monotonic()
            try:
                data = await loop.run_in_executor(None, source.read, parcel)
            except OSError as error:
                raise BackendError(f"The file cannot be read: {error.strerror}; nothing of it is left.") from error
            if not data:
                break
            if sent == 0:
                image = look(data)
                if image.problem:
                    raise BackendError(image.problem, hint=image.hint)
                capacity = image.capacity or capacity
            sent += len(data)
            progress(sent)
            await self._to.pause(max(0.0, len(data) / UPLOAD_RATE * pace - (time.monotonic() - began)))
        if sent != source.size:
            raise BackendError("The file changed while it was read; nothing of it is left.")
        return capacity
