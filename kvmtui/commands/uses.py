"""Who has what, over the whole fleet: definitions of one UUID, users of one disk, also on hosts that do not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kvmtui.core.inventory import Disk, Fleet, HostEntry, HostState, Pool, Vm

IMAGE_DEVICES = frozenset({"disk", "lun"})
_MOST_REMEMBERED = 1024
# By the identity of a host's VMs, which are held so that the identity stays their own. They are replaced only
# when one of them changed, so judging five hundred marked VMs does not look at all others five hundred times.
_remembered: dict[int, tuple[Mapping[str, Vm], tuple[Pool, ...], Mapping[str, tuple[str, ...]]]] = {}


class Owner(NamedTuple):
    """A VM on a host, as last seen."""

    entry: HostEntry
    vm: Vm


def copies(fleet: Fleet, entry: HostEntry, vm: Vm) -> tuple[Owner, ...]:
    """Return the definitions of the same UUID on other hosts."""
    found = ((other, other.state.vms.get(vm.uuid)) for other in fleet.hosts if other.state and other.name != entry.name)
    return tuple(Owner(other, copy) for other, copy in found if copy is not None)


def users(fleet: Fleet, entry: HostEntry, vm: Vm, disk: Disk) -> tuple[Owner, ...]:
    """Return who else, on any host, has this disk of a VM; a copy of the VM on another host counts."""
    if entry.state is None or not _is_image(disk):
        return ()
    key = _key(disk, _paths(entry.state.pools))
    return tuple(owner for owner in _owners(fleet, key) if (owner.entry.name, owner.vm.uuid) != (entry.name, vm.uuid))


def _owners(fleet: Fleet, key: str) -> Iterator[Owner]:
    for entry in fleet.hosts:
        if entry.state is not None:
            for uuid in _by_disk(entry.state).get(key, ()):
                yield Owner(entry, entry.state.vms[uuid])


def _by_disk(state: HostState) -> Mapping[str, tuple[str, ...]]:
    """Return the UUIDs of a host's VMs by their disks."""
    found = _remembered.get(id(state.vms))
    if found is not None and found[0] is state.vms and found[1] is state.pools:
        return found[2]
    paths = _paths(state.pools)
    index: dict[str, tuple[str, ...]] = {}
    for uuid, vm in state.vms.items():
        for key in {_key(disk, paths) for disk in vm.disks if _is_image(disk)}:
            index[key] = (*index.get(key, ()), uuid)
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[id(state.vms)] = (state.vms, state.pools, index)
    return index


def _is_image(disk: Disk) -> bool:
    return bool(disk.source) and disk.device in IMAGE_DEVICES


def _paths(pools: tuple[Pool, ...]) -> Mapping[str, str]:
    """Return where pools keep their volumes, by their names."""
    return {pool.name: pool.path for pool in pools if pool.path}


def _key(disk: Disk, paths: Mapping[str, str]) -> str:
    """Return what two definitions of one image have in common: a path says the same as the volume there."""
    if disk.kind == "volume":
        pool, _, volume = disk.source.partition("/")
        return f"{paths[pool].rstrip('/')}/{volume}" if pool in paths else f"volume:{disk.source}"
    return disk.source if disk.kind in ("file", "block") else f"{disk.kind}:{disk.source}"
