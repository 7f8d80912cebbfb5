"""What happens in the demo by itself, so that there is something to see."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kvmtui.backend.demo.small import ci_runner
from kvmtui.backend.demo.tty import Tty
from kvmtui.core.inventory import Reason, VmState

if TYPE_CHECKING:
    from kvmtui.backend.demo.world import World

# The numbers are seconds.
_SILENT_AFTER = 75.0
_SILENT_FOR = 70.0
_SILENT_EVERY = 480.0
_MOVE_AFTER = 12.0
_MOVE_TAKES = 90.0
_MOVE_EVERY = 420.0
_PIPELINE_EVERY = 210.0
_PIPELINE_RESTS = 14.0
_HELD = "git-1"
_STARVED = "win-rds-1"
_STARVE_AFTER = 35.0
_BACK_AFTER = 420.0


def tell(world: World) -> None:
    """Have the last host fall silent from time to time; in the small fleet VMs move, end and are made."""
    names = tuple(world.hosts)
    if len(names) > 1:
        world.later(_SILENT_AFTER, lambda: _silence(world, names[-1]))
    if world.address.is_small:
        world.later(_MOVE_AFTER, lambda: _move(world, "app-3"))
        world.later(_PIPELINE_EVERY, lambda: _pipeline(world, 9))
        world.later(_STARVE_AFTER, lambda: _starve(world, _STARVED))
        _hold_console(world, _HELD)


def _hold_console(world: World, name: str) -> None:
    """Have somebody else sit at a VM's console."""
    for host in world.hosts.values():
        for guest in host.guests.values():
            if guest.vm.name == name:
                guest.tty = Tty(world, guest)
                guest.tty.sink = _read_elsewhere


def _read_elsewhere(_output: bytes) -> None:
    """Be somebody else's program, of which nothing is seen here."""


def _starve(world: World, name: str) -> None:
    """Have the first host, which sold more memory than it has, kill a VM; somebody starts it again much later."""
    where = next(iter(world.hosts.values()))
    for uuid, guest in tuple(where.guests.items()):
        if guest.vm.name == name and guest.vm.state is VmState.RUNNING:
            world.faults.starve(where.name, uuid)
            world.later(_BACK_AFTER, partial(_start, world, where.name, uuid))


def _start(world: World, host: str, uuid: str) -> None:
    guest = world.host(host).guests.get(uuid)
    if guest is not None and not guest.vm.is_active:
        world.life.start(world.host(host), uuid)


def _silence(world: World, host: str) -> None:
    world.faults.silence(host)
    world.later(_SILENT_FOR, lambda: world.faults.answer(host))
    world.later(_SILENT_EVERY, lambda: _silence(world, host))


def _move(world: World, name: str) -> None:
    """Move a VM between the first two hosts, if it still runs there."""
    first, second = tuple(world.hosts)[:2]
    for source, target in ((first, second), (second, first)):
        for uuid, guest in world.hosts[source].guests.items():
            if guest.vm.name == name and guest.vm.state is VmState.RUNNING and guest.vm.job is None:
                world.faults.migrate(uuid, source, target, _MOVE_TAKES)
                world.later(_MOVE_EVERY, lambda: _move(world, name))
                return
    world.later(_MOVE_EVERY, lambda: _move(world, name))


def _pipeline(world: World, number: int) -> None:
    """End a pipeline's transient VM, and have the next one made a little later."""
    old, host = ci_runner(number).name, tuple(world.hosts)[-1]
    where = world.hosts[host]
    for guest in tuple(where.guests.values()):
        if guest.vm.name == old and not guest.vm.persistent:
            world.life.off(where, guest, Reason.SHUTDOWN)
    world.later(_PIPELINE_RESTS, lambda: _begin(world, host, number + 1))
    world.later(_PIPELINE_EVERY, lambda: _pipeline(world, number + 1))


def _begin(world: World, host: str, number: int) -> None:
    world.faults.appear(host, ci_runner(number))
