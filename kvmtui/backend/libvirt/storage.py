"""The volumes of a host's pools: what there is, who uses it, making, filling and deleting it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from kvmtui.backend.base import DiskUse
from kvmtui.backend.libvirt import api, errors, upload, volumes
from kvmtui.backend.libvirt.xml import vm as vm_xml
from kvmtui.backend.libvirt.xml import volume as volume_xml
from kvmtui.core.errors import BackendError, TimedOut
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.backend.base import Upload
    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.backend.libvirt.lanes import Lanes
    from kvmtui.core.inventory import Disk, Volume
    from kvmtui.core.specs import NewVolume

READ_SECONDS = 30.0  # for all definitions, and for each pool's volumes
LIST_SECONDS = 8.0
CREATE_SECONDS = 60.0
DELETE_SECONDS = 60.0


class LibvirtStorage:
    """The storage facet of one host."""

    def __init__(self, lanes: Callable[[], Lanes]) -> None:
        self._lanes = lanes
        self._ending: set[asyncio.Task[Volume]] = set()  # uploads that nobody waits for any more

    async def volumes(self, pool: str) -> tuple[Volume, ...]:
        return await self._lanes().detail(lambda session: volumes.listed(session, pool), READ_SECONDS)

    async def create_volume(self, wanted: NewVolume) -> Volume:
        """Make a volume; a copy runs without a deadline, and one that is given up is deleted when it is done."""
        origin = wanted.copy_of
        if origin is None:
            return await self._lanes().detail(
                lambda session: volumes.create(session, wanted), CREATE_SECONDS, change=True
            )
        given_up = threading.Event()
        try:
            return await self._lanes().alone(lambda session: volumes.copy(session, wanted, origin, given_up))
        except asyncio.CancelledError:
            given_up.set()
            raise

    async def upload(
        self, pool: str, name: str, source: Upload, *, kind: str, progress: Callable[[int], None]
    ) -> Volume:
        """Make a volume and fill it; a cancelled one ends by itself soon, and cleans up."""
        sending = upload.Sending(pool, name, kind, source)
        running = asyncio.ensure_future(upload.run(self._lanes, sending, progress))
        self._ending.add(running)
        running.add_done_callback(self._ended)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            sending.is_given_up = True
            raise

    def _ended(self, running: asyncio.Task[Volume]) -> None:
        self._ending.discard(running)
        if not running.cancelled():
            running.exception()

    async def delete_volume(self, pool: str, name: str) -> None:
        await self._lanes().detail(lambda session: volumes.delete(session, pool, name), DELETE_SECONDS, change=True)

    async def disk_uses(self, uuid: str) -> tuple[DiskUse, ...]:
        """Return each disk of the VM that is its own, with its other users.

        Whatever cannot be read raises: an image whose users are not all known must not be deleted.
        A pool that holds one of the disks is read anew first: libvirt knows only what it has seen there.
        """
        lanes = self._lanes()
        disks, chains = await lanes.detail(lambda session: _disks_and_chains(session, uuid), READ_SECONDS)
        if not disks:
            return ()
        volumes: dict[str, _Volume] = {}
        folders = {disk.source.rpartition("/")[0] for disk in disks if disk.source.startswith("/")}
        what = "all of them"
        try:
            for name, path in (await lanes.detail(_active_pools, LIST_SECONDS)).items():
                what = name
                refresh = path in folders
                volumes.update(await lanes.detail(partial(_volumes, pool=name, refresh=refresh), READ_SECONDS))
        except TimedOut as error:
            raise TimedOut(
                f"A storage pool of {lanes.label} does not answer ({safe(what)}): who uses the disks is not known.",
                hint="Wait until the pool answers, or delete the VM on its host.",
            ) from error
        return tuple(_use(disk, uuid, chains, volumes) for disk in disks)

    async def delete_disk(self, source: str) -> None:
        """Delete the volume that an active pool holds at this source."""
        await self._lanes().detail(lambda session: _find(session, source).delete(0), DELETE_SECONDS, change=True)


class _Volume:
    """A volume of an active pool."""

    def __init__(self, pool: str, name: str, size: int, backing: str) -> None:
        self.pool = pool
        self.name = name
        self.size = size
        self.backing = backing


Chains = Mapping[tuple[str, str], frozenset[str]]
"""By VM (UUID, name): everything that its disks read, as its definitions tell."""


def _use(disk: Disk, uuid: str, chains: Chains, volumes: Mapping[str, _Volume]) -> DiskUse:
    paths = {f"{volume.pool}/{volume.name}": path for path, volume in volumes.items()}
    path = paths.get(disk.source, disk.source)
    users: list[str] = []
    used: set[str] = set()
    for (other, name), sources in chains.items():
        reached = _reach((paths.get(source, source) for source in sources), volumes)
        used |= reached
        if other != uuid and path in reached:
            users.append(name)
    # A volume that builds upon it counts as well when no VM uses that one: it would be lost.
    users += [
        f"volume {volume.name}"
        for other_path, volume in volumes.items()
        if other_path != path and other_path not in used and path in _reach((other_path,), volumes)
    ]
    own = volumes.get(path)
    return DiskUse(
        target=disk.target,
        source=disk.source,
        pool=own.pool if own is not None else "",
        size=own.size if own is not None else None,
        users=tuple(users),
    )


def _reach(sources: Iterable[str], volumes: Mapping[str, _Volume]) -> set[str]:
    """Return the sources with all that they build upon, as the volumes' own headers tell."""
    found: set[str] = set()
    for source in sources:
        at = source
        while at and at not in found:
            found.add(at)
            volume = volumes.get(at)
            at = volume.backing if volume is not None else ""
    return found


# What follows runs on a lane's thread.


def _disks_and_chains(session: Session, uuid: str) -> tuple[tuple[Disk, ...], dict[tuple[str, str], frozenset[str]]]:
    own = session.domain(uuid)
    definition = vm_xml.read(own.XMLDesc(0))
    disks = definition.disks if definition is not None else ()
    chains: dict[tuple[str, str], frozenset[str]] = {}
    for domain in session.conn.listAllDomains(0):
        try:
            texts = [domain.XMLDesc(0)]
            if domain.isActive() and domain.isPersistent():
                texts.append(domain.XMLDesc(api.XML_INACTIVE))
        except api.LibvirtError as error:
            if api.fault(error).code == errors.NO_DOMAIN:  # it was undefined meanwhile
                continue
            raise
        sources = {source for text in texts for chain in vm_xml.chain(text).values() for source in chain}
        chains[domain.UUIDString(), domain.name()] = frozenset(sources)
    return tuple(disk for disk in disks if disk.is_own and disk.source), chains


def _active_pools(session: Session) -> dict[str, str]:
    try:
        pools = session.conn.listAllStoragePools(api.POOLS_ACTIVE)
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_SUPPORT:
            return {}
        raise
    return {pool.name(): volume_xml.read_pool(pool.XMLDesc(0)).path for pool in pools}


def _volumes(session: Session, pool: str, *, refresh: bool) -> dict[str, _Volume]:
    found: dict[str, _Volume] = {}
    known = session.conn.storagePoolLookupByName(pool)
    if refresh:
        with contextlib.suppress(api.LibvirtError):  # a read-only connection may not; what is known serves
            known.refresh(0)
    for volume in known.listAllVolumes(0):
        try:
            text = volume_xml.read(volume.XMLDesc(0))
        except UnicodeDecodeError:
            raise BackendError(
                f"The pool {safe(pool)} holds a file whose name is not UTF-8: what it builds upon cannot be told.",
                hint="Rename that file on the host.",
            ) from None
        except api.LibvirtError as error:
            if api.fault(error).code == errors.NO_STORAGE_VOLUME:  # the file has gone since the pool was read
                continue
            raise
        found[text.path or volume.path()] = _Volume(pool, volume.name(), volume.info()[2], text.backing)
    return found


def _find(session: Session, source: str) -> api.Volume:
    if source.startswith("/"):
        volume = session.conn.storageVolLookupByPath(source)
    else:
        pool, _, name = source.partition("/")
        volume = session.conn.storagePoolLookupByName(pool).storageVolLookupByName(name)
    return volume
