"""Finding, making and deleting volumes. All of it runs on a lane's thread."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import api, errors
from kvmtui.backend.libvirt.xml import volume as volume_xml
from kvmtui.core.errors import Aborted, BackendError, Conflict
from kvmtui.core.inventory import Volume
from kvmtui.core.text import safe

if TYPE_CHECKING:
    import threading

    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.core.specs import NewVolume, VolumeName

DELETE_PATIENCE = 10.0  # seconds that the host may still hold a volume whose stream has ended
_PAUSE = 0.1  # seconds between two tries


def listed(session: Session, pool: str) -> tuple[Volume, ...]:
    """Return what an active pool holds, as its last refresh saw it, by name."""
    found = []
    for volume in active_pool(session, pool).listAllVolumes(0):
        try:
            found.append(read(volume, pool))
        except UnicodeDecodeError:
            continue  # a file name that is not UTF-8: nothing can be asked about it
        except api.LibvirtError as error:
            if api.fault(error).code != errors.NO_STORAGE_VOLUME:  # it was deleted meanwhile
                raise
    return tuple(sorted(found, key=lambda volume: volume.name))


def read(volume: api.Volume, pool: str) -> Volume:
    """Read one volume."""
    text = volume_xml.read(volume.XMLDesc(0))
    return Volume(
        pool=pool,
        name=volume.name(),
        path=text.path or volume.path(),
        format=text.format,
        capacity=text.capacity,
        allocation=text.allocation,
        backing=text.backing,
        block=text.block,
    )


def active_pool(session: Session, name: str) -> api.Pool:
    """Look an active pool up."""
    pool = session.conn.storagePoolLookupByName(name)
    if not pool.isActive():
        raise Conflict(f"The storage pool {safe(name)} is not active.", hint="Start it first.")
    return pool


def need_free_name(pool: api.Pool, name: str) -> None:
    """Refuse a name that is taken; the host's own words for it differ from call to call."""
    try:
        pool.storageVolLookupByName(name)
    except api.LibvirtError as error:
        if api.fault(error).code != errors.NO_STORAGE_VOLUME:
            raise
        return
    raise Conflict(f"The pool {safe(pool.name())} has a volume {safe(name)} already.", hint="Choose another name.")


def find(session: Session, name: VolumeName) -> api.Volume:
    """Look a volume up; a pool in which it is not known, or known only as raw, is read anew first.

    libvirt knows what it saw when it last looked: an image may have been copied there since by other means.
    """
    pool = active_pool(session, name.pool)
    try:
        volume = pool.storageVolLookupByName(name.name)
        if volume_xml.read(volume.XMLDesc(0)).format != "raw":
            return volume
    except api.LibvirtError as error:
        if api.fault(error).code != errors.NO_STORAGE_VOLUME:
            raise
    refresh(pool)
    return pool.storageVolLookupByName(name.name)


def refresh(pool: api.Pool) -> None:
    """Have a pool read anew, unless it cannot be now: a connection may be read-only, or a copy under way."""
    try:
        pool.refresh(0)
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise


def create(session: Session, wanted: NewVolume) -> Volume:
    """Make a volume that is empty or builds upon an image."""
    pool = active_pool(session, wanted.pool)
    need_free_name(pool, wanted.name)
    text = volume_xml.read_pool(pool.XMLDesc(0))
    backing = None
    capacity = wanted.capacity
    if wanted.backing is not None:
        if not text.has_files:
            raise Conflict(f"No volume of the pool {safe(wanted.pool)} can build upon an image: it keeps no files.")
        backing = volume_xml.read(find(session, wanted.backing).XMLDesc(0))
        capacity = _large_enough(capacity, backing.capacity, wanted.backing)
    made = pool.createXML(volume_xml.build(wanted.name, capacity, wanted.format, pool=text, backing=backing), 0)
    return read(made, wanted.pool)


def copy(session: Session, wanted: NewVolume, origin: VolumeName, given_up: threading.Event) -> Volume:
    """Make a full copy of an image, and give it more room when that is wanted; takes as long as it takes."""
    pool = active_pool(session, wanted.pool)
    need_free_name(pool, wanted.name)
    source = find(session, origin)
    size = volume_xml.read(source.XMLDesc(0)).capacity
    capacity = _large_enough(wanted.capacity, size, origin)
    text = volume_xml.read_pool(pool.XMLDesc(0))
    made = pool.createXMLFrom(volume_xml.build(wanted.name, capacity, wanted.format, pool=text), source, 0)
    try:
        if given_up.is_set():
            raise Aborted(f"The copy of {safe(str(origin))} was given up.")
        if made.info()[1] < capacity:
            made.resize(capacity, 0)
        return read(made, wanted.pool)
    except (api.LibvirtError, BackendError):
        with contextlib.suppress(api.LibvirtError):
            made.delete(0)
        raise


def delete(session: Session, pool: str, name: str, *, patience: float = 0.0, may_be_gone: bool = False) -> None:
    """Delete a volume; for `patience` seconds it is tried again while the host still holds it."""
    try:
        volume = active_pool(session, pool).storageVolLookupByName(name)
    except api.LibvirtError as error:
        if may_be_gone and api.fault(error).code == errors.NO_STORAGE_VOLUME:
            return
        raise
    remove(volume, patience=patience, may_be_gone=may_be_gone)


def remove(volume: api.Volume, *, patience: float = 0.0, may_be_gone: bool = False) -> None:
    """Delete a volume that was looked up, as `delete` does."""
    until = time.monotonic() + patience
    while True:
        try:
            volume.delete(0)
        except api.LibvirtError as error:
            fault = api.fault(error)
            if may_be_gone and fault.code == errors.NO_STORAGE_VOLUME:
                return
            if errors.is_lost(fault) or time.monotonic() >= until:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _large_enough(wanted: int, image: int, name: VolumeName) -> int:
    if wanted and wanted < image:
        raise Conflict(f"{safe(str(name))} holds {image} bytes; a disk of {wanted} bytes is too small for it.")
    return wanted or image
