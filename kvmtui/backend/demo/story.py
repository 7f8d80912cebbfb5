"""What happens in the demo by itself, so that there is something to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core.inventory import VmState

if TYPE_CHECKING:
    from kvmtui.backend.demo.world import World

_SILENT_AFTER = 75.0
_SILENT_FOR = 70.0
_SILENT_EVERY = 480.0
_MOVE_AFTER = 12.0
_MOVE_TAKES = 90.0
_MOVE_EVERY = 420.0


def tell(world: World) -> None:
    """Have the last host fall silent from time to time, and in the small fleet a VM move to and fro."""
    names = tuple(world.hosts)
    if len(names) > 1:
        world.later(_SILENT_AFTER, lambda: _silence(world, names[-1]))
    if world.address.is_small:
        world.later(_MOVE_AFTER, lambda: _move(world, "app-3"))


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
