"""kvmtui on a simulated fleet of which things go wrong all the time, from a first SIGUSR1 to a second one."""

from __future__ import annotations

import random
import signal
import sys
from typing import TYPE_CHECKING

from kvmtui.__main__ import main
from kvmtui.backend.demo import story
from kvmtui.core.errors import Busy
from kvmtui.core.inventory import Reason, VmState

if TYPE_CHECKING:
    from types import FrameType

    from kvmtui.backend.demo.world import World

EVERY = 0.1  # seconds between two things that happen
STATES = (
    (VmState.RUNNING, Reason.BOOTED),
    (VmState.PAUSED, Reason.IO_ERROR),
    (VmState.OFF, Reason.SHUTDOWN),
    (VmState.OFF, Reason.CRASHED),
)


class Shaker:
    """Lets VMs come and go on all hosts, and four hosts fail, each in its own way and again and again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = random.Random(7)  # noqa: S311 - the same things in each run
        self._turns = 0
        self._on = False
        signal.signal(signal.SIGUSR1, self._switch)
        world.later(EVERY, self._turn)

    def _switch(self, _number: int, _frame: FrameType | None) -> None:
        self._on = not self._on

    def _turn(self) -> None:
        self._world.later(EVERY, self._turn)
        if self._on:
            self._turns += 1
            self._vms()
            self._hosts()
        elif self._turns:
            self._turns = 0
            self._world.faults.calm()

    def _vms(self) -> None:
        host = self._chance.choice(list(self._world.hosts.values()))
        guest = self._chance.choice(list(host.guests.values()))
        self._world.faults.enter(host.name, guest.vm.uuid, *self._chance.choice(STATES))

    def _hosts(self) -> None:
        faults, names = self._world.faults, tuple(self._world.hosts)
        silent, slow, cut, refusing = names[-4:]
        moment = self._turns % 200  # of 20 s
        if moment == 1:
            faults.silence(silent)
            faults.slow(slow, 2.0)
        elif moment == 120:
            faults.answer(silent)
            faults.slow(slow, 0.0)
        if moment % 50 == 10:
            faults.cut(cut)
            faults.refuse(Busy("another job holds it"), host=refusing, times=10)


if __name__ == "__main__":
    story.tell = Shaker  # type: ignore[assignment]
    sys.exit(main())
