"""Where the disks of a VM lie on a host: looked up pool by pool, since one pool on dead storage hangs for ever."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import api, errors
from kvmtui.backend.libvirt.xml import moving
from kvmtui.backend.libvirt.xml.moving import VolumeFacts
from kvmtui.core.errors import BackendError, NotFound, TimedOut, Unreachable
from kvmtui.core.specs import VolumeName
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.backend.libvirt.lanes import Lanes

POOL_SECONDS = 3.0
LOOK_SECONDS = 6.0  # reading a pool anew takes as long as it has volumes
ALL_SECONDS = 8.0  # for all pools together: somebody waits for it
SHUN_SECONDS = 300.0  # each call into dead storage costs the host a worker, and it has few
DELETE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class KnownPool:
    """An active pool."""

    name: str
    path: str
    origin: str
    available: int

    def holds(self, source: str) -> str:
        """Return the name that a volume with this source would have in it; "" when it lies elsewhere."""
        folder, _, name = source.rpartition("/")
        return name if folder and folder in (self.path, self.name) else ""


@dataclass(slots=True)
class Sources:
    """What was found."""

    volumes: dict[str, VolumeFacts] = field(default_factory=dict)  # by source, as the definition has it
    origins: dict[str, str] = field(default_factory=dict)  # by source
    pools: dict[str, KnownPool] = field(default_factory=dict)  # by folder, and by name
    unread: tuple[str, ...] = ()


class SourceFinder:
    """Looks sources up on one host; a pool that hung is left alone for a while."""

    def __init__(self, lanes: Callable[[], Lanes]) -> None:
        self._lanes = lanes
        self._shunned: dict[str, float] = {}  # pool -> until when

    async def look_up(self, wanted: Iterable[str]) -> Sources:
        """Look for sources ("/folder/file", "pool/volume") in the active pools.

        A pool that does not answer, or is not reached in time, is named as unread; raises Unreachable alone.
        """
        sources = tuple(dict.fromkeys(source for source in wanted if source))
        found = Sources()
        if not sources:
            return found
        lanes = self._lanes()
        until = time.monotonic() + ALL_SECONDS
        try:
            names = await lanes.detail(_names, POOL_SECONDS)
        except Unreachable:
            raise
        except BackendError:
            found.unread = ("all of them",)
            return found
        for name in names:
            left = until - time.monotonic()
            if left <= 0 or self._shunned.get(name, 0.0) > time.monotonic():
                found.unread = (*found.unread, name)
            else:
                await self._look_into(lanes, name, sources, found, left)
        return found

    async def place(self, source: str) -> VolumeName:
        """Return the pool that would hold this source, and its name there; raises NotFound when there is none."""
        lanes = self._lanes()
        for name in await lanes.detail(_names, POOL_SECONDS):
            if self._shunned.get(name, 0.0) > time.monotonic():
                continue
            pool = await lanes.detail(partial(_pool, name=name), POOL_SECONDS)
            volume = pool.holds(source)
            if volume:
                return VolumeName(name, volume)
        raise NotFound(f"No active pool has the folder of {safe(source)}.")

    async def delete(self, source: str) -> bool:
        """Delete the volume with this source, as its pool sees it when read anew; False when there is none."""
        try:
            place = await self.place(source)
        except NotFound:
            return False
        work = partial(_delete, name=place.pool, volume=place.name)
        return await self._lanes().detail(work, DELETE_SECONDS, change=True)

    async def _look_into(
        self, lanes: Lanes, name: str, sources: tuple[str, ...], found: Sources, seconds: float
    ) -> None:
        try:
            pool = await lanes.detail(partial(_pool, name=name), min(POOL_SECONDS, seconds))
            found.pools[pool.path or name] = found.pools[name] = pool
            here = {source: volume for source in sources if (volume := pool.holds(source))}
            if here:
                work = partial(_volumes, name=name, wanted=here)
                volumes = await lanes.detail(work, min(LOOK_SECONDS, seconds))
                found.volumes.update(volumes)
                found.origins.update(dict.fromkeys(volumes, pool.origin))
        except Unreachable:
            raise
        except BackendError as error:  # it hangs, has ended meanwhile, or cannot be read: what it holds is not known
            found.unread = (*found.unread, name)
            if isinstance(error, TimedOut) and seconds > LOOK_SECONDS:
                self._shunned[name] = time.monotonic() + SHUN_SECONDS


# What follows runs on a lane's thread.


def _names(session: Session) -> list[str]:
    try:
        return [pool.name() for pool in session.conn.listAllStoragePools(api.POOLS_ACTIVE)]
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_SUPPORT:
            return []
        raise


def _pool(session: Session, name: str) -> KnownPool:
    pool = session.conn.storagePoolLookupByName(name)
    facts = moving.pool(pool.XMLDesc(0))
    return KnownPool(name, facts.path, facts.origin, int(pool.info()[3]))


def _volumes(session: Session, name: str, wanted: dict[str, str]) -> dict[str, VolumeFacts]:
    """Return those of the wanted volumes that are there: source -> facts; `wanted`: source -> volume."""
    pool = session.conn.storagePoolLookupByName(name)
    found = {source: facts for source, volume in wanted.items() if (facts := _volume(pool, volume)) is not None}
    if len(found) < len(wanted):
        pool.refresh(0)  # libvirt knows only what it has seen there
        for source in wanted.keys() - found.keys():
            if _is_listed(pool, wanted[source]):
                found[source] = _volume(pool, wanted[source]) or VolumeFacts(source, None, None, None)
    return found


def _volume(pool: api.Pool, volume: str) -> VolumeFacts | None:
    """Read a volume as it is now; None when it cannot be read, or is not there."""
    try:
        return moving.volume(pool.storageVolLookupByName(volume).XMLDesc(0))
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        return None


def _is_listed(pool: api.Pool, volume: str) -> bool:
    try:
        pool.storageVolLookupByName(volume)
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_STORAGE_VOLUME:
            return False
        raise
    return True


def _delete(session: Session, name: str, volume: str) -> bool:
    pool = session.conn.storagePoolLookupByName(name)
    pool.refresh(0)
    if not _is_listed(pool, volume):
        return False
    pool.storageVolLookupByName(volume).delete(0)
    return True
