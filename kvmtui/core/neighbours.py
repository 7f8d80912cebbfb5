"""Who makes a VM slow: the busiest of those that share its host's CPUs or its pool; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.capacity import pool_of
from kvmtui.core.limits import LATENCY, STEAL_FELT
from kvmtui.core.text import safe
from kvmtui.core.units import latency, size

if TYPE_CHECKING:
    from kvmtui.core.inventory import HostState, Pool
    from kvmtui.core.rows import VmRow

MOST_NAMED = 3
_IDLE_CORES = 0.1
_IDLE_FLOW = 65_536.0  # bytes a second


class Neighbour(NamedTuple):
    """A VM on the same host, and how much of what they share it takes: cores, or bytes a second."""

    uuid: str
    name: str  # hostile
    amount: float


class Slowness(NamedTuple):
    """What a VM waits for, and who takes most of it, the busiest first; it may be the VM itself."""

    what: str  # safe: "CPU of hv1", "pool hdd", "hdd's disks"
    measure: str  # "steal 14 %", "vda 82ms"
    unit: str  # "cores" or "B/s"
    takers: tuple[Neighbour, ...]

    def said(self, uuid: str) -> str:
        """Return "ci-runner-08 4.6 cores, ci-runner-07 4.0 cores"; the VM itself is called so."""
        return ", ".join(
            f"{'itself' if one.uuid == uuid else safe(one.name, limit=40)} "
            + (f"{one.amount:.1f} cores" if self.unit == "cores" else f"{size(one.amount)}/s")
            for one in self.takers
        )


def slowness(row: VmRow) -> tuple[Slowness, ...]:
    """Return what a running VM waits for noticeably: CPU first, then each pool."""
    rates, state = row.measured, row.entry.state
    if rates is None or state is None:
        return ()
    found = []
    if rates.steal is not None and rates.steal > STEAL_FELT:
        takers = [
            Neighbour(uuid, state.vms[uuid].name, other.cpu_cores)
            for uuid, other in state.rates.items()
            if uuid in state.vms and other.cpu_cores is not None and other.cpu_cores >= _IDLE_CORES
        ]
        host = safe(row.entry.name, limit=40)
        found.append(
            Slowness(f"{state.host.cpus} CPUs of {host}", f"steal {rates.steal:.0f} %", "cores", _most(takers))
        )
    disks = {disk.target: disk for disk in row.vm.disks}
    told: set[str] = set()
    for one in sorted(rates.disks, key=lambda disk: -(disk.latency_ms or 0.0)):
        disk = disks.get(one.name)
        pool = pool_of(state, disk) if disk is not None else None
        if pool is None or pool.uuid in told or (one.latency_ms or 0.0) <= LATENCY.warn:
            continue
        told.add(pool.uuid)
        measure = f"{safe(one.name, limit=20)} {latency(one.latency_ms)}"
        found.append(Slowness(f"pool {safe(pool.name, limit=40)}", measure, "B/s", _most(_on_pool(state, pool))))
    return tuple(found)


def blame(row: VmRow) -> str:
    """Return who makes it slow: "steal 14 %, busiest on hv1: ci-runner-08"; "" when nothing is slow."""
    for one in slowness(row):
        others = [taker for taker in one.takers if taker.uuid != row.vm.uuid]
        where = safe(row.entry.name, limit=40) if one.unit == "cores" else one.what
        if not one.takers:
            continue
        if not others:
            return f"{one.measure}, busiest on {where}: itself"
        after = "" if others[0] is one.takers[0] else " after itself"
        return f"{one.measure}, busiest on {where}: {safe(others[0].name, limit=40)}{after}"
    return ""


def _on_pool(state: HostState, pool: Pool) -> list[Neighbour]:
    takers = []
    for uuid, rates in state.rates.items():
        vm = state.vms.get(uuid)
        if vm is None:
            continue
        mine = {disk.target for disk in vm.disks if pool_of(state, disk) is pool}
        flow = sum(disk.read_bps + disk.write_bps for disk in rates.disks if disk.name in mine)
        if flow >= _IDLE_FLOW:
            takers.append(Neighbour(uuid, vm.name, flow))
    return takers


def _most(takers: list[Neighbour]) -> tuple[Neighbour, ...]:
    return tuple(sorted(takers, key=lambda one: -one.amount)[:MOST_NAMED])
