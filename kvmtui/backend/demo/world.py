"""The simulated world: hosts, a clock, what is due, who listens, and what was asked of it."""

from __future__ import annotations

import asyncio
import heapq
import time
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.base import Wake, WakeKind
from kvmtui.backend.demo import generated, story
from kvmtui.backend.demo.address import FleetAddress
from kvmtui.backend.demo.definitions import Definitions
from kvmtui.backend.demo.faults import Faults
from kvmtui.backend.demo.lifecycle import Lifecycle
from kvmtui.backend.demo.logs import LogBooks
from kvmtui.backend.demo.moves import Moves
from kvmtui.backend.demo.noise import table
from kvmtui.backend.demo.plan import begin, build_host
from kvmtui.backend.demo.roles import ROLES
from kvmtui.backend.demo.small import small_fleet
from kvmtui.core.errors import ConfigError, NotFound
from kvmtui.core.inventory import VmRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.demo.guest import Guest
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.roles import Role
    from kvmtui.core.clock import Clock
    from kvmtui.core.inventory import Vm

_SMALL_FLEETS_DAY = 0.25
_NEVER_SOONER = 0.001  # seconds: a loop's timer may fire a hair early


class MachineClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never step back."""
        return time.monotonic()


class Call(NamedTuple):
    """A change that was sent to a host, whatever came of it."""

    host: str
    verb: str
    uuid: str
    args: tuple[object, ...] = ()


class World:
    """A simulated fleet; the same address and clock give the same world.

    Time passes when somebody looks: every call first does what has come due (`settle`). On a running loop a
    timer does it too, so that events arrive by themselves; a test that moves its own clock calls `settle`.
    """

    def __init__(self, address: FleetAddress | None = None, *, clock: Clock | None = None) -> None:
        """Build the fleet that `address` describes as it stands at the clock's present time."""
        self.address = address or FleetAddress(story=False)
        self.clock: Clock = clock or MachineClock()
        self.calls: list[Call] = []
        self.faults = Faults(self)
        self.life = Lifecycle(self)
        self.definitions = Definitions(self)
        self.moves = Moves(self)
        self.books = LogBooks(self)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._timer: tuple[asyncio.AbstractEventLoop, asyncio.TimerHandle] | None = None
        self._listeners: dict[str, list[Callable[[Wake], None]]] = {}
        self._levels: tuple[float, dict[str, float]] = (-1.0, {})
        seed = self.address.seed
        knots = table(seed)
        plans = small_fleet() if self.address.is_small else generated.fleet(self.address)
        self.hosts: dict[str, SimHost] = {}
        now, wall = self.clock.monotonic(), self.clock.now()
        for index, plan in enumerate(plans):
            host = build_host(plan, index, seed, knots)
            begin(host, seed, now, wall)
            self.hosts[plan.name] = host
        if self.address.story:
            story.tell(self)

    # --- who is where ---

    def host(self, name: str) -> SimHost:
        """Return the host of that name; raises ConfigError."""
        host = self.hosts.get(name)
        if host is None:
            raise ConfigError(f"The demo fleet has no host {name!r}.")
        return host

    def ref(self, name: str) -> VmRef:
        """Return the address of the first VM of that name; raises NotFound."""
        for host in self.hosts.values():
            for uuid, guest in host.guests.items():
                if guest.vm.name == name:
                    return VmRef(host.name, uuid)
        raise NotFound(f"The demo fleet has no VM {name!r}.")

    def vm(self, name: str) -> Vm:
        """Return the first VM of that name; raises NotFound."""
        ref = self.ref(name)
        return self.hosts[ref.host].guests[ref.uuid].vm

    # --- time ---

    def advance(self, host: SimHost) -> tuple[float, float]:
        """Let time pass on a host; return the monotonic and the wall's time of now."""
        now, wall = self.clock.monotonic(), self.clock.now()
        if self._levels[0] != wall:
            self._levels = (wall, {role.name: self._level(role, wall) for role in ROLES})
        host.advance(now, wall, self._levels[1])
        return now, wall

    def _level(self, role: Role, wall: float) -> float:
        """Return a role's load at this hour; nights are less quiet in the small fleet: people look at it then too."""
        level = role.rhythm.level(wall)
        return 1.0 + (level - 1.0) * _SMALL_FLEETS_DAY if self.address.is_small else level

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do `action` when that much of the clock's time has passed."""
        self._order += 1
        heapq.heappush(self._due, (self.clock.monotonic() + seconds, self._order, action))
        self._arm()

    def after(self, seconds: float, guest: Guest, action: Callable[[], None]) -> None:
        """Do `action` then, unless the guest's state has changed by then; the pace of the world counts."""
        epoch = guest.epoch

        def act() -> None:
            if guest.epoch == epoch:
                action()

        seconds *= self.address.pace
        if seconds > 0.0:
            self.later(seconds, act)
        else:
            action()

    def settle(self) -> None:
        """Do everything that has come due."""
        while self._due and self._due[0][0] <= self.clock.monotonic():
            _, _, action = heapq.heappop(self._due)
            action()
        self._arm()

    def _arm(self) -> None:
        """Have the running loop, if there is one, wake us when the next thing is due."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._timer is not None:
            self._timer[1].cancel()
            self._timer = None
        if self._due:
            wait = max(_NEVER_SOONER, self._due[0][0] - self.clock.monotonic())
            self._timer = (loop, loop.call_later(wait, self.settle))

    # --- events ---

    def subscribe(self, host: str, heard: Callable[[Wake], None]) -> Callable[[], None]:
        """Have `heard` called with what happens on a host; return what ends it."""
        heard_by = self._listeners.setdefault(host, [])
        heard_by.append(heard)
        self._arm()

        def end() -> None:
            if heard in heard_by:
                heard_by.remove(heard)

        return end

    def tell(self, host: str, wake: Wake) -> None:
        """Send an event to all who listen to a host; while it is silent its events wait."""
        if not self.faults.holds_back(host, wake):
            for heard in tuple(self._listeners.get(host, ())):
                heard(wake)

    def put(self, host: SimHost, guest: Guest, vm: Vm) -> None:
        """Replace what is known of a guest and tell it."""
        before = guest.vm
        moved = (vm.state, vm.reason) != (before.state, before.reason)
        if moved:
            self.advance(host)
            self.books.moved(host, before, vm)
        guest.vm = vm
        host.regroup()
        if moved:
            self.tell(host.name, Wake(WakeKind.VM, vm.uuid, vm.state, vm.reason))
        else:
            self.tell(host.name, Wake(WakeKind.VM, vm.uuid))


_worlds: dict[FleetAddress, World] = {}


def world_of(address: FleetAddress) -> World:
    """Return the world that all hosts of an address share in this process."""
    world = _worlds.get(address)
    if world is None:
        world = _worlds[address] = World(address)
    return world


def forget_worlds() -> None:
    """Let all shared worlds go: the next one of an address begins anew."""
    _worlds.clear()
