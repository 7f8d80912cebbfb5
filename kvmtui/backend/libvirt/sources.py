"""Where the disks of a VM lie on a host: looked up pool by pool, since one pool on dead storage hangs for ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import api, errors
from kvmtui.backend.libvirt.xml import moving
from kvmtui.backend.libvirt.xml.moving import VolumeFacts
from kvmtui.core.errors import BackendError, TimedOut, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.backend.libvirt.lanes import Lanes

POOL_SECONDS = 5.0
LOOK_SECONDS = 15.0  # reading a pool anew takes as long as it has volumes
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


async def look_up(lanes: Lanes, wanted: Iterable[str]) -> Sources:
    """Look for sources ("/folder/file", "pool/volume") in the active pools; a pool that hangs is named as unread."""
    sources = tuple(dict.fromkeys(wanted))
    found = Sources()
    try:
        names = await lanes.detail(_names, POOL_SECONDS)
    except TimedOut:
        found.unread = ("all pools",)
        return found
    for name in names:
        await _look_into(lanes, name, sources, found)
    return found


async def _look_into(lanes: Lanes, name: str, sources: tuple[str, ...], found: Sources) -> None:
    try:
        pool = await lanes.detail(partial(_pool, name=name), POOL_SECONDS)
        found.pools[pool.path or name] = found.pools[name] = pool
        here = {source: volume for source in sources if (volume := pool.holds(source))}
        if here:
            volumes = await lanes.detail(partial(_volumes, name=name, wanted=here), LOOK_SECONDS)
            found.volumes.update(volumes)
            found.origins.update(dict.fromkeys(volumes, pool.origin))
    except Unreachable:
        raise
    except BackendError:  # it hangs, has ended meanwhile, or cannot be read: what it holds is not known
        found.unread = (*found.unread, name)


async def delete(lanes: Lanes, source: str) -> bool:
    """Delete the volume with this source, as its pool sees it after it has been read anew; False when there is none."""
    for name in await lanes.detail(_names, POOL_SECONDS):
        pool = await lanes.detail(partial(_pool, name=name), POOL_SECONDS)
        volume = pool.holds(source)
        if volume:
            work = partial(_delete, name=name, volume=volume)
            return await lanes.detail(work, DELETE_SECONDS, change=True)
    return False


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
