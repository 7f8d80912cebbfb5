"""What happens to the volumes of simulated pools."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.base import Wake, WakeKind
from kvmtui.backend.demo.images import installed
from kvmtui.core.errors import BackendError, Conflict, NotFound
from kvmtui.core.inventory import Volume
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.world import World
    from kvmtui.core.inventory import Pool
    from kvmtui.core.specs import NewVolume, VolumeName

_EMPTY_QCOW2 = 200_704


class Volumes:
    """The volumes of all hosts; each call raises BackendError kinds, and nothing changes when it does."""

    def __init__(self, world: World) -> None:
        """Act in `world`."""
        self._world = world

    def listed(self, host: SimHost, pool: str) -> tuple[Volume, ...]:
        """Return what a pool holds, by name."""
        self.pool(host, pool)
        found = (volume for volume in host.volumes.values() if volume.pool == pool)
        return tuple(sorted(found, key=lambda volume: volume.name))

    def create(self, host: SimHost, wanted: NewVolume) -> Volume:
        """Make a volume, empty or with what it builds upon or copies."""
        image = self._origin(host, wanted.backing or wanted.copy_of)
        capacity = wanted.capacity or (image.capacity if image is not None else 0)
        if image is not None and capacity < image.capacity:
            raise BackendError(f"{safe(image.name)} needs {image.capacity} bytes; {capacity} are too few.")
        occupied = _EMPTY_QCOW2 if wanted.format == "qcow2" else 0
        if wanted.copy_of is not None and image is not None:
            occupied = image.allocation
        path = self._free_path(host, wanted.pool, wanted.name)
        made = Volume(
            pool=wanted.pool,
            name=wanted.name,
            path=path,
            format=wanted.format,
            capacity=capacity,
            allocation=occupied,
            backing=image.path if image is not None and wanted.backing is not None else "",
        )
        self._take(host, made, occupied)
        if image is not None:
            host.systems[path] = host.systems.get(image.path, "")
        return made

    def begin(self, host: SimHost, pool: str, name: str, size: int) -> Volume:
        """Make the volume that an upload fills; its room is taken at once."""
        path = self._free_path(host, pool, name)
        made = Volume(pool=pool, name=name, path=path, format="raw", capacity=size, allocation=size)
        self._take(host, made, size)
        return made

    def finish(self, host: SimHost, made: Volume, kind: str, capacity: int) -> Volume:
        """Note what an upload has brought."""
        full = replace(made, format=kind, capacity=capacity)
        host.volumes[made.path] = full
        host.systems[made.path] = installed(made.name)
        self._world.tell(host.name, Wake(WakeKind.POOL))
        return full

    def delete(self, host: SimHost, pool: str, name: str) -> None:
        """Delete a volume, whoever uses it."""
        self.pool(host, pool)
        self.remove(host, self._named(host, pool, name))

    def remove(self, host: SimHost, volume: Volume) -> None:
        """Take a volume away and give its room back."""
        del host.volumes[volume.path]
        host.systems.pop(volume.path, None)
        host.deleted.add(volume.path)
        self._account(host, volume.pool, -volume.allocation)

    def pool(self, host: SimHost, name: str) -> Pool:
        """Return an active pool; raises NotFound or Conflict."""
        pool = host.pool(name)
        if pool is None:
            raise NotFound(f"{host.name} has no storage pool {safe(name)}.")
        if not pool.active:
            raise Conflict(f"The storage pool {safe(name)} of {host.name} is not active.", hint="Start it first.")
        return pool

    def _origin(self, host: SimHost, name: VolumeName | None) -> Volume | None:
        if name is None:
            return None
        self.pool(host, name.pool)
        return self._named(host, name.pool, name.name)

    def _named(self, host: SimHost, pool: str, name: str) -> Volume:
        for volume in host.volumes.values():
            if (volume.pool, volume.name) == (pool, name):
                return volume
        raise NotFound(f"The storage pool {safe(pool)} of {host.name} has no volume {safe(name)}.")

    def _free_path(self, host: SimHost, pool: str, name: str) -> str:
        path = f"{self.pool(host, pool).path}/{name}"
        if path in host.volumes:
            raise Conflict(f"The storage pool {safe(pool)} of {host.name} has a volume {safe(name)} already.")
        return path

    def _take(self, host: SimHost, made: Volume, occupied: int) -> None:
        pool = self.pool(host, made.pool)
        if occupied > pool.available:
            raise BackendError(f"Cannot write {safe(made.path)} on {host.name}: No space left on device.")
        host.deleted.discard(made.path)
        host.volumes[made.path] = made
        self._account(host, made.pool, occupied)

    def _account(self, host: SimHost, name: str, occupied: int) -> None:
        host.pools = tuple(
            replace(pool, allocation=pool.allocation + occupied, available=pool.available - occupied)
            if pool.name == name
            else pool
            for pool in host.pools
        )
        self._world.tell(host.name, Wake(WakeKind.POOL))
