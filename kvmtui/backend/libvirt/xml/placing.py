"""Where the volumes of a VM that is to be made lie, filled into what is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.core.inventory import Volume
from kvmtui.core.sizing import DiskOrigin

if TYPE_CHECKING:
    from kvmtui.core.specs import VmSpec, VolumeName

Places = Mapping[tuple[str, str], Volume | str]
"""By pool and name: the volume, or the path that it will have."""


def volumes_without_path(spec: VmSpec) -> Iterator[VolumeName]:
    """Yield the volumes whose place is not known yet."""
    if spec.disk.volume is not None and not spec.disk.path:
        yield spec.disk.volume
    if spec.boot.iso is not None and not spec.boot.iso_path:
        yield spec.boot.iso
    if spec.seed is not None and spec.seed.volume is not None and not spec.seed.path:
        yield spec.seed.volume


def placed(spec: VmSpec, places: Places) -> VmSpec:
    """Return what is wanted with these places; an existing disk's format is the one that it has."""
    disk, boot, seed = spec.disk, spec.boot, spec.seed
    if disk.volume is not None and not disk.path:
        found = places[disk.volume.pool, disk.volume.name]
        if isinstance(found, Volume):
            is_old = disk.origin is DiskOrigin.EXISTING
            form = (found.format or "raw") if is_old else disk.format
            disk = replace(disk, path=found.path, block=found.block, format="raw" if form == "iso" else form)
        else:
            disk = replace(disk, path=found)
    if boot.iso is not None and not boot.iso_path:
        boot = replace(boot, iso_path=_path(places[boot.iso.pool, boot.iso.name]))
    if seed is not None and seed.volume is not None and not seed.path:
        seed = replace(seed, path=_path(places[seed.volume.pool, seed.volume.name]))
    return replace(spec, disk=disk, boot=boot, seed=seed)


def _path(found: Volume | str) -> str:
    return found.path if isinstance(found, Volume) else found
