"""Who has what, over the whole fleet: the VMs by UUID and by disk, also those of hosts that do not answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kvmtui.core.inventory import Disk, Fleet, HostEntry, Vm

IMAGE_DEVICES = frozenset({"disk", "lun"})


class Owner(NamedTuple):
    """A VM on a host, as last seen."""

    entry: HostEntry
    vm: Vm


class Uses:
    """An index of a fleet, made once per fleet: a judgement of many VMs must not look at all others each time."""

    def __init__(self, fleet: Fleet) -> None:
        self._by_uuid: dict[str, list[Owner]] = {}
        self._by_disk: dict[str, list[Owner]] = {}
        self._pools = {entry.name: pool_paths(entry) for entry in fleet.hosts}
        for entry, vm in fleet.vms():
            owner = Owner(entry, vm)
            self._by_uuid.setdefault(vm.uuid, []).append(owner)
            for disk in vm.disks:
                if disk.source and disk.device in IMAGE_DEVICES:
                    self._by_disk.setdefault(disk_key(disk, self._pools[entry.name]), []).append(owner)

    def copies(self, entry: HostEntry, vm: Vm) -> tuple[Owner, ...]:
        """Return the definitions of the same UUID on other hosts."""
        return tuple(owner for owner in self._by_uuid.get(vm.uuid, ()) if owner.entry.name != entry.name)

    def others(self, entry: HostEntry, vm: Vm, disk: Disk) -> tuple[Owner, ...]:
        """Return who else, on any host, has this disk; a copy of the VM on another host counts."""
        if not disk.source or disk.device not in IMAGE_DEVICES:
            return ()
        key = disk_key(disk, self._pools.get(entry.name, {}))
        return tuple(
            owner for owner in self._by_disk.get(key, ()) if (owner.entry.name, owner.vm.uuid) != (entry.name, vm.uuid)
        )


def pool_paths(entry: HostEntry) -> Mapping[str, str]:
    """Return where the host's pools keep their volumes, by the pool's name."""
    pools = entry.state.pools if entry.state else ()
    return {pool.name: pool.path for pool in pools if pool.path}


def disk_key(disk: Disk, pools: Mapping[str, str]) -> str:
    """Return what two definitions of one image have in common: a path says the same as the volume there."""
    if disk.kind == "volume":
        pool, _, volume = disk.source.partition("/")
        return f"{pools[pool].rstrip('/')}/{volume}" if pool in pools else f"volume:{disk.source}"
    return disk.source if disk.kind in ("file", "block") else f"{disk.kind}:{disk.source}"


class _Latest:
    """The index of the fleet that was asked for last; a new fleet is another object."""

    def __init__(self) -> None:
        self._fleet: Fleet | None = None
        self._uses: Uses | None = None

    def of(self, fleet: Fleet) -> Uses:
        if self._uses is None or self._fleet is not fleet:
            self._uses = Uses(fleet)
            self._fleet = fleet
        return self._uses


uses_of = _Latest().of
"""Return the index of a fleet, made at the first question about it."""
