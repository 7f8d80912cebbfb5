"""How much of a host's memory its VMs were promised, and whether they would fit elsewhere."""

from __future__ import annotations

from dataclasses import replace
from heapq import heapify, heapreplace
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.inventory import Disk, Fleet, HostEntry, HostState, Pool, Vm, VmState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmtui.core.metrics import DiskRates

# What a QEMU process needs beside the guest's memory: its own code and buffers, and page tables and
# device state that grow with the vCPUs. Generous, since running out kills a guest.
OVERHEAD = 96 << 20
OVERHEAD_PER_VCPU = 8 << 20


class Census(NamedTuple):
    """The VMs of a host counted by what they do, and the memory promised to the active ones."""

    on: int
    paused: int
    off: int
    other: int
    promised: int  # bytes, with overhead
    sizes: tuple[int, ...]  # what each active VM was promised, largest first

    @property
    def total(self) -> int:
        """All VMs."""
        return self.on + self.paused + self.off + self.other


_EMPTY = Census(0, 0, 0, 0, 0, ())
_MOST_REMEMBERED = 1024
# The newest count of each host, by the host's UUID, with the mapping that was counted: it is replaced only
# when a VM changed, so one count serves many readings.
_remembered: dict[str, tuple[Mapping[str, Vm], Census]] = {}


# What `_oversold` found for the newest hosts: one of them after the other is asked about.
_oversold_of: list[tuple[tuple[HostEntry, ...], dict[str, list[tuple[str, int]]]]] = [((), {})]


def promised(vm: Vm) -> int:
    """Return the bytes that a running VM may come to occupy."""
    return max(vm.memory_max, vm.memory) + OVERHEAD + OVERHEAD_PER_VCPU * max(vm.vcpus, vm.vcpus_max)


def census(state: HostState | None) -> Census:
    """Return the count of a host's VMs, all zero for a host of which nothing is known."""
    if state is None:
        return _EMPTY
    vms = state.vms
    found = _remembered.get(state.host.uuid)
    if found is not None and found[0] is vms:
        return found[1]
    states = [vm.state for vm in vms.values()]
    sizes = sorted((promised(vm) for vm in vms.values() if vm.state.is_active), reverse=True)
    on, paused, off = (states.count(kind) for kind in (VmState.RUNNING, VmState.PAUSED, VmState.OFF))
    counted = Census(on, paused, off, len(states) - on - paused - off, sum(sizes), tuple(sizes))
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[state.host.uuid] = (vms, counted)
    return counted


def host_sold(state: HostState | None, reserve: int = 0) -> float | None:
    """Return the percent of the memory, less the host's reserve, that its active VMs were promised."""
    if state is None:
        return None
    memory = state.host.memory - reserve
    return 100.0 * census(state).promised / memory if memory > 0 else None


def n_plus_one(fleet: Fleet, entry: HostEntry, reserve: int = 0) -> bool | None:
    """Return whether the host's active VMs would fit into the memory that the other hosts have not sold.

    Only hosts that answer and have the same architecture count. None when that cannot be said: the host's
    VMs are not known, or it is the only host.
    """
    state = entry.state
    if state is None or not entry.condition.is_answering or len(fleet.hosts) < 2:
        return None
    sizes = census(state).sizes
    # Less than zero where there is room: so the first of the heap is the emptiest host.
    room = [sold + reserve for name, sold in _oversold(fleet).get(state.host.arch, ()) if name != entry.name]
    if not sizes:
        return True
    if not room:
        return False
    heapify(room)
    for size in sizes:
        if room[0] + size > 0:
            return False
        heapreplace(room, room[0] + size)
    return True


def _oversold(fleet: Fleet) -> Mapping[str, list[tuple[str, int]]]:
    """Return what the hosts that answer have promised beyond their memory, with their names, by architecture."""
    hosts, by_arch = _oversold_of[0]
    if hosts is not fleet.hosts:
        by_arch = {}
        for entry in fleet.hosts:
            state = entry.state
            if state is not None and entry.condition.is_answering:
                sold = census(state).promised - state.host.memory
                by_arch.setdefault(state.host.arch, []).append((entry.name, sold))
        _oversold_of[0] = (fleet.hosts, by_arch)
    return by_arch


def pool_fill(pool: Pool) -> float | None:
    """Return the percent of a pool that is in use, None when it is inactive, has no size, or does not answer."""
    if not pool.active or pool.late or pool.capacity <= 0:
        return None
    return 100.0 * (pool.capacity - pool.available) / pool.capacity


def fullest_pool(state: HostState | None) -> tuple[Pool, float] | None:
    """Return the pool with the least room in proportion, and its fill in percent."""
    best: tuple[Pool, float] | None = None
    for pool in state.pools if state is not None else ():
        fill = pool_fill(pool)
        if fill is not None and (best is None or fill > best[1]):
            best = pool, fill
    return best


def filled(
    pools: tuple[Pool, ...], vms: Mapping[str, Vm], held: Mapping[str, tuple[DiskRates, ...]]
) -> tuple[Pool, ...]:
    """Return the pools as full as the VMs' disks say, by the VMs' UUIDs, where that is more than they say themselves.

    A pool's own figures are from its last refresh, which may be long ago, and only a person causes another.
    """
    places = {pool.path.rstrip("/"): pool.name for pool in pools if pool.active and pool.path and not pool.late}
    disks: dict[str, dict[str, int]] = {}  # by pool and file, since two VMs may share one
    for uuid, known in held.items():
        vm = vms.get(uuid)
        occupied = {disk.name: disk.allocation for disk in known}
        for disk in vm.disks if vm is not None else ():
            folder, _, name = disk.source.rpartition("/")
            pool = folder if disk.kind == "volume" else places.get(folder)
            size = occupied.get(disk.target)
            if pool and size:
                disks.setdefault(pool, {})[name] = size
    return tuple([_filled(pool, sum(disks.get(pool.name, {}).values())) for pool in pools])


def _filled(pool: Pool, occupied: int) -> Pool:
    """Return the pool with at least so many bytes in use."""
    missed = min(occupied, pool.capacity) - (pool.capacity - pool.available)
    if missed <= 0 or pool_fill(pool) is None:
        return pool
    return replace(pool, allocation=pool.allocation + missed, available=pool.available - missed)


def pool_of(state: HostState, disk: Disk) -> Pool | None:
    """Return the active pool of a host that a disk's source is in; None for what no pool holds."""
    best: Pool | None = None
    for pool in state.pools:
        held = disk.source.startswith(f"{pool.path.rstrip('/')}/") if pool.path else False
        if disk.kind == "volume":
            held = disk.source.startswith(f"{pool.name}/")
        if pool.active and held and (best is None or len(pool.path) > len(best.path)):
            best = pool
    return best
