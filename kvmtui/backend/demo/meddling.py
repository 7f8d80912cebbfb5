"""What others do to simulated VMs behind the program's back, and what befalls these."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.base import Wake, WakeKind
from kvmtui.backend.demo.guest import Guest
from kvmtui.backend.demo.lifecycle import BOOT
from kvmtui.backend.demo.noise import mix
from kvmtui.backend.demo.plan import build_guest, volumes_of
from kvmtui.core.inventory import AgentState, Job, Reason, VmState

if TYPE_CHECKING:
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.plan import VmPlan
    from kvmtui.backend.demo.world import World


class VmFaults:
    """Faults of VMs. Hosts are named as in the fleet; each takes effect at once and is told as an event."""

    def __init__(self, world: World) -> None:
        """Meddle in `world`."""
        self._world = world
        self._made = 0

    def hang(self, host: str, uuid: str, *, hung: bool = True) -> None:
        """Have a VM's monitor stop answering: readings lack its block and balloon figures, changes are Busy."""
        self._world.host(host).guest(uuid).hung = hung

    def starve(self, host: str, uuid: str) -> None:
        """Have the kernel of a host kill a VM's process, because it ran out of memory."""
        where = self._world.host(host)
        guest = where.guest(uuid)
        self._world.books.killed(where, guest)
        self._world.life.off(where, guest, Reason.CRASHED)

    def enter(self, host: str, uuid: str, state: VmState, reason: Reason = Reason.NONE) -> None:
        """Put a VM into a state, as somebody else or the guest itself would have."""
        where = self._world.host(host)
        guest = where.guest(uuid)
        if state is VmState.OFF:
            self._world.life.off(where, guest, reason)
            return
        vm = guest.vm
        if vm.domain_id is None:
            guest.started, _ = self._world.advance(where)
            guest.clear()
            vm = replace(
                vm,
                domain_id=where.new_id(),
                nics=tuple(replace(nic, target=where.new_tap()) for nic in vm.nics),
            )
        guest.epoch += 1
        self._world.put(where, guest, replace(vm, state=state, reason=reason))

    def appear(self, host: str, plan: VmPlan) -> str:
        """Have somebody else make a VM, which boots if its plan says that it runs; return its UUID."""
        world, where = self._world, self._world.host(host)
        self._made += 1
        guest = build_guest(plan, where, world.address.seed, mix(0xADD, self._made))
        guest.started, wall = world.advance(where)
        where.guests[guest.vm.uuid] = guest
        where.volumes.update((volume.path, volume) for volume in volumes_of(guest))
        where.regroup()
        if guest.vm.agent is AgentState.CONNECTED:
            guest.vm = replace(guest.vm, agent=AgentState.DISCONNECTED)
        guest.report(wall, 0.5, 0.0)
        world.tell(host, Wake(WakeKind.VM, guest.vm.uuid, guest.vm.state, guest.vm.reason))
        if guest.vm.state is VmState.RUNNING:
            world.life.boot(where, guest, BOOT)
        return guest.vm.uuid

    def vanish(self, host: str, uuid: str) -> None:
        """Have somebody else delete a VM, running or not."""
        where = self._world.host(host)
        where.guest(uuid)
        self._take(where, uuid)
        self._world.tell(host, Wake(WakeKind.VM, uuid, VmState.OFF, Reason.DESTROYED))

    def move(self, uuid: str, source: str, target: str) -> None:
        """Have a VM stand on another host, at once and with its UUID."""
        origin, goal = self._world.host(source), self._world.host(target)
        self._world.advance(origin)
        self._world.advance(goal)
        guest = origin.guest(uuid)
        self._take(origin, uuid)
        active = guest.vm.is_active
        guest.vm = replace(
            guest.vm,
            reason=Reason.MIGRATED if active else guest.vm.reason,
            domain_id=goal.new_id() if active else None,
            nics=tuple(replace(nic, target=goal.new_tap() if active else "") for nic in guest.vm.nics),
            job=None,
        )
        guest.clear()
        guest.epoch += 1
        goal.guests[uuid] = guest
        goal.regroup()
        self._world.tell(target, Wake(WakeKind.VM, uuid, guest.vm.state, guest.vm.reason))
        self._world.tell(source, Wake(WakeKind.VM, uuid, VmState.OFF, Reason.MIGRATED))

    def migrate(self, uuid: str, source: str, target: str, seconds: float) -> None:
        """Have somebody else migrate a running VM; its job tells how far it is, every two seconds."""
        origin, goal = self._world.host(source), self._world.host(target)
        guest = origin.guest(uuid)
        twin = self._world.moves.expect(guest, goal)
        began = self._world.clock.monotonic()
        epoch = guest.epoch

        def step() -> None:
            if guest.epoch != epoch or origin.guests.get(uuid) is not guest:
                self._world.moves.expect_no_more(twin, goal)
                if guest.vm.job is not None:
                    self._world.put(origin, guest, replace(guest.vm, job=None))
                return
            part = (self._world.clock.monotonic() - began) / seconds
            if part >= 1.0:
                self.move(uuid, source, target)
                return
            self._world.put(origin, guest, replace(guest.vm, job=Job("migration out", round(100 * part), ours=False)))
            self._world.later(2.0, step)

        step()

    def double(self, uuid: str, source: str, target: str, *, running: bool = False) -> None:
        """Define the same VM, disks and all, on a second host too."""
        origin, goal = self._world.host(source), self._world.host(target)
        first = origin.guest(uuid)
        twin = Guest(
            replace(
                first.vm,
                state=VmState.RUNNING if running else VmState.OFF,
                reason=Reason.BOOTED if running else Reason.NONE,
                domain_id=goal.new_id() if running else None,
                nics=tuple(replace(nic, target=goal.new_tap() if running else "") for nic in first.vm.nics),
                agent=AgentState.NONE if first.vm.agent is AgentState.NONE else AgentState.DISCONNECTED,
                job=None,
            ),
            first.role,
            0.5,
        )
        self._world.advance(goal)
        twin.started = self._world.clock.monotonic()
        goal.guests[uuid] = twin
        goal.regroup()
        self._world.tell(target, Wake(WakeKind.VM, uuid, twin.vm.state, twin.vm.reason))

    def _take(self, host: SimHost, uuid: str) -> None:
        self._world.advance(host)
        host.guests.pop(uuid).epoch += 1
        host.regroup()
