"""A simulated world with a clock that a test moves, and the backends of its hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.backend.base import Wake, Want
from kvmtui.backend.demo import DemoBackend, FleetAddress, World, hosts_of

if TYPE_CHECKING:
    from kvmtui.core.inventory import Reason, VmState
    from kvmtui.core.metrics import Sample

NOON = 1_760_011_200.0  # 12:00 UTC
HOUR = 3_600.0
ALL = Want(delay=True, per_cpu=True)


class Clock:
    """A clock that a test moves."""

    def __init__(self, start: float = NOON) -> None:
        self.start = start
        self.passed = 0.0

    def now(self) -> float:
        return self.start + self.passed

    def monotonic(self) -> float:
        return 5_000.0 + self.passed


class Lab:
    """A world with a clock, and the backends of its hosts."""

    def __init__(self, uri: str = "demo:///?faults=none", start: float = NOON, pace: float = 1.0) -> None:
        self.clock = Clock(start)
        self.world = World(FleetAddress(story=False, pace=pace), clock=self.clock)
        self.backends = {name: DemoBackend(where, world=self.world) for name, where in hosts_of(uri)}
        self.wakes: list[Wake] = []

    async def backend(self, host: str) -> DemoBackend:
        backend = self.backends[host]
        backend.listen(self.wakes.append)
        await backend.connect()
        return backend

    def go(self, seconds: float) -> None:
        """Let the clock and the world go on."""
        self.clock.passed += seconds
        self.world.settle()

    def state(self, name: str) -> tuple[VmState, Reason]:
        vm = self.world.vm(name)
        return vm.state, vm.reason


def cores(before: Sample, after: Sample, uuid: str) -> float:
    old, new = before.vms[uuid].cpu_ns, after.vms[uuid].cpu_ns
    assert old is not None
    assert new is not None
    return (new - old) / (after.at - before.at) / 1e9
