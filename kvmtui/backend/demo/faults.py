"""What can be made to go wrong in the simulated world, for tests and for the story."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kvmtui.backend.base import Wake, WakeKind
from kvmtui.backend.demo.guest import Guest
from kvmtui.core.errors import BackendError, Unreachable
from kvmtui.core.inventory import AgentState, Job, Reason, VmState

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.world import World


@dataclass(slots=True)
class _Refusal:
    error: BackendError
    host: str | None
    verb: str | None
    uuid: str | None
    times: int


@dataclass(slots=True)
class _LostReply:
    host: str
    verb: str | None
    done: bool
    times: int


class Faults:
    """Faults on demand. Hosts are named as in the fleet; each takes effect at once."""

    def __init__(self, world: World) -> None:
        """Put faults into `world`."""
        self._world = world
        self.patience = 1.0  # factor on every deadline: a test sets it short
        self.silent: set[str] = set()
        self.delays: dict[str, float] = {}  # seconds before each reply
        self.shut: dict[str, BackendError] = {}  # why a host takes no connection
        self.identities: dict[str, str] = {}  # the UUID that a host gives as its own
        self._refusals: list[_Refusal] = []
        self._lost: list[_LostReply] = []
        self._held: dict[str, list[Wake]] = {}
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._late: dict[str, list[Callable[[], None]]] = {}
        self._cuts: dict[str, list[Callable[[str], None]]] = {}

    # --- hosts ---

    def silence(self, host: str) -> None:
        """Stop a host from answering, as a stopped libvirtd does: calls hang, events wait, VMs run on."""
        self.silent.add(host)

    def answer(self, host: str) -> None:
        """Let a silent host answer again; what was sent to it meanwhile is carried out, also when given up."""
        self.silent.discard(host)
        for work in self._late.pop(host, []):
            work()
        for future in self._waiting.pop(host, []):
            if not future.done():
                future.get_loop().call_soon_threadsafe(_finish, future)
        for wake in self._held.pop(host, []):
            self._world.tell(host, wake)

    def slow(self, host: str, seconds: float) -> None:
        """Have every reply of a host take this long; 0 ends it."""
        if seconds > 0.0:
            self.delays[host] = seconds
        else:
            self.delays.pop(host, None)

    def cut(self, host: str, why: str = "the connection was reset") -> None:
        """End all connections to a host; it can be connected to again."""
        for ended in tuple(self._cuts.get(host, ())):
            ended(why)

    def close_door(self, host: str, error: BackendError | None = None) -> None:
        """Refuse new connections to a host with `error` (Unreachable or Denied) until `open_door`."""
        self.shut[host] = error or Unreachable(f"{host} refused the connection.", hint="Is libvirtd running there?")

    def open_door(self, host: str) -> None:
        """Take connections again."""
        self.shut.pop(host, None)

    def swap_identity(self, host: str, uuid: str | None) -> None:
        """Have another machine answer at a host's address; None: itself again."""
        if uuid is None:
            self.identities.pop(host, None)
        else:
            self.identities[host] = uuid

    def refuse(
        self,
        error: BackendError,
        *,
        verb: str | None = None,
        host: str | None = None,
        uuid: str | None = None,
        times: int = 1_000_000,
    ) -> None:
        """Answer the next matching calls ("start", "sample", ...; None: any) with an error."""
        self._refusals.append(_Refusal(error, host, verb, uuid, times))

    def lose_reply(self, host: str, *, verb: str | None = None, done: bool, times: int = 1) -> None:
        """Let the answer to the next matching change never come; `done` tells whether it was carried out."""
        self._lost.append(_LostReply(host, verb, done, times))

    def calm(self) -> None:
        """End every fault of hosts and calls."""
        self.delays.clear()
        self.shut.clear()
        self.identities.clear()
        self._refusals.clear()
        self._lost.clear()
        for host in tuple(self.silent):
            self.answer(host)

    # --- VMs ---

    def hang(self, host: str, uuid: str, *, hung: bool = True) -> None:
        """Have a VM's monitor stop answering: readings lack its block and balloon figures, changes are Busy."""
        self._world.host(host).guest(uuid).hung = hung

    def enter(self, host: str, uuid: str, state: VmState, reason: Reason = Reason.NONE) -> None:
        """Put a VM into a state, as somebody else or the guest itself would have."""
        where = self._world.host(host)
        guest = where.guest(uuid)
        if state is VmState.OFF:
            self._world.life.off(where, guest, reason)
            return
        vm = guest.vm
        if vm.domain_id is None:
            vm = replace(
                vm,
                domain_id=where.new_id(),
                nics=tuple(replace(nic, target=where.new_tap()) for nic in vm.nics),
            )
        guest.epoch += 1
        self._world.put(where, guest, replace(vm, state=state, reason=reason))

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
        origin = self._world.host(source)
        guest = origin.guest(uuid)
        began = self._world.clock.monotonic()
        epoch = guest.epoch

        def step() -> None:
            if guest.epoch != epoch or origin.guests.get(uuid) is not guest:
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

    # --- asked by the backend and the world ---

    def holds_back(self, host: str, wake: Wake) -> bool:
        """Keep an event of a silent host for later."""
        if host not in self.silent:
            return False
        self._held.setdefault(host, []).append(wake)
        return True

    def on_cut(self, host: str, ended: Callable[[str], None]) -> Callable[[], None]:
        """Have a connection told when it is cut; return what ends that."""
        told = self._cuts.setdefault(host, [])
        told.append(ended)

        def leave() -> None:
            if ended in told:
                told.remove(ended)

        return leave

    def until_answer(self, host: str) -> asyncio.Future[None]:
        """Return what is done when a silent host answers again."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(host, []).append(future)
        return future

    def do_late(self, host: str, work: Callable[[], None]) -> None:
        """Keep a change that a silent host has been sent; it is carried out when the host wakes up."""
        self._late.setdefault(host, []).append(work)

    def refusal(self, host: str, verb: str, uuid: str) -> BackendError | None:
        """Return the error that this call is to be answered with."""
        for fault in self._refusals:
            fits = fault.host in (None, host) and fault.verb in (None, verb) and fault.uuid in (None, uuid)
            if fits and fault.times > 0:
                fault.times -= 1
                return fault.error
        return None

    def lost(self, host: str, verb: str) -> bool | None:
        """Return whether a change is carried out whose answer gets lost; None: it is answered."""
        for fault in self._lost:
            if fault.host == host and fault.verb in (None, verb) and fault.times > 0:
                fault.times -= 1
                return fault.done
        return None


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
