"""What changes the definitions and disks of simulated VMs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.base import DiskUse, Wake, WakeKind
from kvmtui.core.errors import BackendError, Conflict, NotFound

if TYPE_CHECKING:
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.world import World


class Definitions:
    """Definitions of VMs; each call raises BackendError kinds, and nothing changes when it does."""

    def __init__(self, world: World) -> None:
        """Act in `world`."""
        self._world = world

    def set_autostart(self, host: SimHost, uuid: str, *, on: bool) -> None:
        guest = host.guest(uuid)
        if not guest.vm.persistent:
            raise Conflict(f"{guest.vm.name} on {host.name} is transient, so it cannot start by itself.")
        self._world.put(host, guest, replace(guest.vm, autostart=on))

    def rename(self, host: SimHost, uuid: str, name: str) -> None:
        guest = host.guest(uuid)
        old = guest.vm.name
        if not name or "/" in name or "\n" in name or name.startswith("."):
            raise BackendError(f"{name!r} cannot be a VM's name.", hint="Use letters, digits, dots and dashes.")
        if any(other.vm.name == name for other in host.guests.values()):
            raise Conflict(f"{host.name} has a VM called {name} already.")
        if guest.vm.is_active:
            raise Conflict(f"{old} on {host.name} is on; only a VM that is off can be renamed.")
        if guest.vm.saved:
            raise Conflict(f"{old} on {host.name} has a saved state, so it cannot be renamed.")
        if guest.vm.snapshots:
            raise Conflict(f"{old} on {host.name} has snapshots, so it cannot be renamed.")
        self._world.put(host, guest, replace(guest.vm, name=name))

    def set_text(self, host: SimHost, uuid: str, *, title: str | None, description: str | None) -> None:
        guest = host.guest(uuid)
        if title is not None and "\n" in title:
            raise BackendError(f"The title of {guest.vm.name} cannot have more than one line.")
        vm = guest.vm if title is None else replace(guest.vm, title=title)
        self._world.put(host, guest, vm if description is None else replace(vm, description=description))

    def set_tags(self, host: SimHost, uuid: str, tags: tuple[str, ...]) -> None:
        guest = host.guest(uuid)
        self._world.put(host, guest, replace(guest.vm, tags=tags))

    def undefine(self, host: SimHost, uuid: str, *, nvram: bool, snapshots: bool, saved: bool) -> None:
        guest = host.guest(uuid)
        vm = guest.vm
        if not vm.persistent:
            raise Conflict(f"{vm.name} on {host.name} is transient and has no definition to delete.")
        if vm.saved and not saved:
            raise Conflict(f"{vm.name} on {host.name} has a saved state.", hint="Drop it, or delete it along.")
        if vm.snapshots and not snapshots:
            raise Conflict(f"{vm.name} on {host.name} has {vm.snapshots} snapshots.", hint="Delete them along.")
        if vm.nvram and not nvram:
            raise Conflict(f"{vm.name} on {host.name} has firmware settings (NVRAM).", hint="Delete them along.")
        if vm.is_active:
            self._world.put(host, guest, replace(vm, persistent=False, autostart=False, saved=False, snapshots=0))
            return
        self._world.advance(host)
        del host.guests[uuid]
        host.regroup()
        guest.epoch += 1
        self._world.tell(host.name, Wake(WakeKind.VM, uuid))

    def disk_uses(self, host: SimHost, uuid: str) -> tuple[DiskUse, ...]:
        vm = host.guest(uuid).vm
        sizes = {disk.source: (disk.pool, disk.allocation) for disk in host.guest(uuid).disks}
        sizes |= {path: (volume.pool, volume.allocation) for path, volume in host.volumes.items()}
        found = []
        for disk in vm.disks:
            if not disk.is_own:
                continue
            pool, size = sizes.get(disk.source, ("", None))
            users = tuple(
                other.vm.name
                for other in host.guests.values()
                if other.vm.uuid != uuid
                and any(disk.source in _chain(host, theirs.source) for theirs in other.vm.disks)
            )
            held = "" if disk.source in host.deleted or host.pool(pool) is None else pool
            found.append(DiskUse(disk.target, disk.source, held, size if held else None, users))
        return tuple(found)

    def delete_disk(self, host: SimHost, source: str) -> None:
        pool = next((pool for pool in host.pools if pool.active and source.startswith(f"{pool.path}/")), None)
        volume = host.volumes.get(source)
        if pool is None or volume is None:
            raise NotFound(f"No active pool of {host.name} holds {source}.")
        del host.volumes[source]
        host.deleted.add(source)
        size = volume.allocation
        freed = replace(pool, allocation=pool.allocation - size, available=pool.available + size)
        host.pools = tuple(freed if old is pool else old for old in host.pools)
        self._world.tell(host.name, Wake(WakeKind.POOL))


def _chain(host: SimHost, source: str) -> tuple[str, ...]:
    """Return a disk's source and what it builds upon."""
    volume = host.volumes.get(source)
    return (source, volume.backing) if volume is not None and volume.backing else (source,)
