"""Moves of simulated VMs between simulated hosts: they take time, can be cancelled, and can break off."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.base import Wake, WakeKind
from kvmtui.backend.demo.guest import MIB, Guest
from kvmtui.core.errors import Aborted, BackendError, Busy, Conflict, NotFound
from kvmtui.core.inventory import AgentState, Job, Reason, VmState
from kvmtui.core.migration import MoveProgress

if TYPE_CHECKING:
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.world import World
    from kvmtui.core.inventory import Vm
    from kvmtui.core.migration import MovePlan

LINE = 1_180 * MIB  # bytes a second between two hosts
STEP = 0.5  # seconds
MOST_STEPS = 50  # of a move in a world without time
_DOWNTIME = 84.0  # milliseconds
_DIRTY = 11 * MIB  # bytes a second that a busy core writes to its memory


class Move:
    """One move, from its begin to its end; `error` is why it came to nothing."""

    def __init__(self, source: SimHost, target: SimHost, guest: Guest, plan: MovePlan) -> None:
        """Plan it; nothing has happened yet."""
        self.source = source
        self.target = target
        self.guest = guest
        self.plan = plan
        self.epoch = guest.epoch
        self.twin: Guest | None = None
        self.total = float(_memory(guest) + sum(disk.allocation for disk in guest.disks if disk.target in plan.copied))
        self.left = self.total
        self.rate = float(min(LINE, plan.bandwidth * MIB) if plan.bandwidth else LINE)
        self.dirty = _DIRTY * guest.mean
        self.is_over = False
        self.error: BackendError | None = None

    def progress(self) -> MoveProgress:
        """Tell how far it is; never 100 % before it has ended."""
        gain = self.rate - self.dirty
        return MoveProgress(
            percent=min(99.0, round(100.0 * (1.0 - self.left / self.total), 1)) if self.total else None,
            left=int(self.left),
            rate=self.rate,
            dirty=self.dirty,
            downtime=_DOWNTIME,
            seconds_left=self.left / gain if gain > 0 else None,
            iteration=1,
        )


class Moves:
    """The moves of a world; each call raises BackendError kinds, and nothing changes when it does."""

    def __init__(self, world: World) -> None:
        """Act in `world`."""
        self._world = world
        self._under_way: dict[str, Move] = {}  # by UUID
        self._breaks: dict[str, tuple[float, BackendError]] = {}

    def break_off(self, uuid: str, at: float, error: BackendError | None = None) -> None:
        """Have the next move of a VM fail when it is `at` percent done."""
        self._breaks[uuid] = (at, error or BackendError("The connection between the two hosts was reset."))

    def of(self, uuid: str) -> Move | None:
        """Return the move that a VM is in."""
        return self._under_way.get(uuid)

    def begin(self, host: SimHost, uuid: str, plan: MovePlan, target: SimHost) -> Move:
        """Begin to move a VM, as its own host would."""
        guest = host.guest(uuid)
        vm = guest.vm
        self._check(host, guest, plan, target)
        move = Move(host, target, guest, plan)
        if not vm.is_active:
            self._arrive(move)
            return move
        for disk in guest.disks:
            if disk.target in plan.copied:
                _take(target, disk.source, disk.allocation, host)
        self._under_way[uuid] = move
        move.twin = self.expect(guest, target)
        self._world.put(host, guest, replace(vm, job=Job("migration out", 0.0, ours=False)))
        self._step(move)
        return move

    def abort(self, host: SimHost, uuid: str) -> None:
        """Have a move end where it is; the VM stays."""
        move = self._under_way.get(uuid)
        name = host.guest(uuid).vm.name
        if move is None or move.source is not host:
            raise Conflict(f"{name} on {host.name} is not being moved.")
        self._end(move, Aborted(f"The move of {name} was cancelled; it is still on {host.name}."))

    def _check(self, host: SimHost, guest: Guest, plan: MovePlan, target: SimHost) -> None:
        """Refuse what libvirt would refuse."""
        vm = guest.vm
        if vm.job is not None:
            raise Busy(f"{vm.name} on {host.name} is busy: {vm.job.kind}.", hint="Wait for its end.")
        if target is host:
            raise Conflict(f"{vm.name} is on {host.name} already.")
        if vm.uuid in target.guests or any(other.vm.name == vm.name for other in target.guests.values()):
            raise Conflict(f"{target.name} has a VM called {vm.name}, or with its UUID, already.")
        if vm.snapshots:
            raise Conflict(f"{vm.name} on {host.name} has {vm.snapshots} snapshots, so it cannot be moved.")
        if vm.is_active:
            self._check_live(host, guest, plan, target)

    def _check_live(self, host: SimHost, guest: Guest, plan: MovePlan, target: SimHost) -> None:
        vm = guest.vm
        if vm.immovable:
            raise Conflict(f"{vm.name} on {host.name} cannot be moved: {vm.immovable[0]}.")
        for disk in vm.disks:
            if disk.kind == "file" and disk.target not in plan.copied and not disk.readonly and not plan.unsafe:
                raise Conflict(f"Moving {vm.name} without shared storage is unsafe: {disk.source} is not copied.")
        for network in (nic.source for nic in vm.nics if nic.kind == "network"):
            if not any(known.name == network and known.active for known in target.networks):
                raise BackendError(f"{target.name} has no active network {network}.")

    def expect(self, guest: Guest, target: SimHost) -> Guest:
        """Have a VM stand on the target as well, where it waits for its memory; return that one."""
        vm = guest.vm
        twin = Guest(
            replace(
                _landed(vm, target),
                state=VmState.PAUSED,
                reason=Reason.MIGRATING,
                persistent=False,
                job=Job("migration in", None, ours=False),
            ),
            guest.role,
            0.5,
        )
        self._world.advance(target)
        twin.started = self._world.clock.monotonic()
        target.guests[vm.uuid] = twin
        target.regroup()
        self._world.tell(target.name, Wake(WakeKind.VM, vm.uuid))
        return twin

    def expect_no_more(self, twin: Guest, target: SimHost) -> None:
        """Have what waits on the target for a VM that does not come be gone."""
        uuid = twin.vm.uuid
        if target.guests.get(uuid) is twin:
            self._world.advance(target)
            del target.guests[uuid]
            target.regroup()
            self._world.tell(target.name, Wake(WakeKind.VM, uuid, VmState.OFF, Reason.FAILED))

    def _step(self, move: Move) -> None:
        if move.is_over:
            return
        guest, uuid = move.guest, move.guest.vm.uuid
        if guest.epoch != move.epoch or move.source.guests.get(uuid) is not guest:
            self._end(move, BackendError(f"{guest.vm.name} went off or was changed while it was moved."))
            return
        percent = move.progress().percent or 0.0
        at, error = self._breaks.get(uuid, (101.0, None))
        if error is not None and percent >= at:
            del self._breaks[uuid]
            self._end(move, error)
        elif move.left <= 0.0:
            self._arrive(move)
        else:
            self._world.put(move.source, guest, replace(guest.vm, job=Job("migration out", percent, ours=False)))
            pace = self._world.address.pace
            sent = max(1.0, move.rate - move.dirty) * STEP
            # Where nothing takes time, a guest that writes faster than it is sent must arrive nevertheless.
            move.left = max(0.0, move.left - (sent if pace else max(sent, move.total / MOST_STEPS)))
            if pace:
                self._world.later(STEP * pace, lambda: self._step(move))
            else:
                self._step(move)

    def _end(self, move: Move, error: BackendError) -> None:
        """Let the VM stay where it is; what was copied so far stays on the target."""
        guest, target = move.guest, move.target
        uuid = guest.vm.uuid
        self._under_way.pop(uuid, None)
        move.is_over, move.error = True, error
        if move.twin is not None:
            self.expect_no_more(move.twin, target)
        if move.source.guests.get(uuid) is guest:
            self._world.put(move.source, guest, replace(guest.vm, job=None))

    def _arrive(self, move: Move) -> None:
        """Have the VM go on at the target: with its definition, and without autostart, which is no part of that."""
        world, guest, source, target = self._world, move.guest, move.source, move.target
        uuid = guest.vm.uuid
        world.advance(source)
        world.advance(target)
        self._under_way.pop(uuid, None)
        move.is_over = True
        del source.guests[uuid]
        source.regroup()
        vm = replace(_landed(guest.vm, target), autostart=False, job=None)
        guest.vm = replace(vm, reason=Reason.MIGRATED) if vm.is_active else vm
        guest.clear()
        guest.epoch += 1
        target.guests[uuid] = guest
        target.regroup()
        world.tell(target.name, Wake(WakeKind.VM, uuid, guest.vm.state, guest.vm.reason))
        world.tell(source.name, Wake(WakeKind.VM, uuid, VmState.OFF, Reason.MIGRATED))


def has_volume(host: SimHost, source: str) -> bool:
    """Tell whether a pool of the host holds this source."""
    return source in host.volumes and source not in host.deleted


def _take(target: SimHost, source: str, size: int, host: SimHost) -> None:
    """Make a volume like that of another host, in the pool that has its folder."""
    if source not in host.volumes:
        raise NotFound(f"No pool of {host.name} has {source}.")
    pool = next((pool for pool in target.pools if pool.active and source.startswith(f"{pool.path}/")), None)
    if pool is None:
        raise NotFound(f"No active pool of {target.name} has the folder of {source}.")
    taken = replace(pool, allocation=pool.allocation + size, available=pool.available - size)
    target.pools = tuple(taken if old is pool else old for old in target.pools)
    target.volumes[source] = host.volumes[source]
    target.systems[source] = host.systems.get(source, "")
    target.deleted.discard(source)


def _memory(guest: Guest) -> int:
    """Return the bytes of its memory that are to be sent."""
    return min(guest.vm.memory, guest.memory.rss or guest.vm.memory)


def _landed(vm: Vm, target: SimHost) -> Vm:
    """Return the VM with what its new host gives it."""
    active = vm.is_active
    return replace(
        vm,
        domain_id=target.new_id() if active else None,
        nics=tuple(replace(nic, target=target.new_tap() if active else "") for nic in vm.nics),
        agent=vm.agent if active else (AgentState.NONE if vm.agent is AgentState.NONE else AgentState.DISCONNECTED),
    )
