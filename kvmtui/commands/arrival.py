"""Where a VM is after a move: both hosts are asked, and nothing is taken for known that neither of them says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvmtui.commands.judge import WORDS
from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import Reason, Vm, VmState
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.commands.base import Context, Target
    from kvmtui.core.migration import MovePlan

_SOON = 5.0  # seconds that hosts get to put away what a move left
_PATIENT = 30.0  # seconds that a host which does not answer is asked again
_PAUSE, _LONG_PAUSE = 0.5, 2.0  # seconds between two readings


@dataclass(frozen=True, slots=True)
class Sight:
    """What one host says of the VM."""

    vm: Vm | None  # None: it has none, or was not read
    why: str = ""  # why it was not read

    @property
    def was_read(self) -> bool:
        """Whether the host answered."""
        return not self.why

    @classmethod
    async def of(cls, context: Context, host: str) -> Sight:
        """Ask a host; what it says is shown in the fleet at once."""
        try:
            return cls(await context.look(host))
        except BackendError as error:
            return cls(None, safe(error.text) or "it does not answer")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the source (`here`) and the target say of a VM at one instant."""

    here: Sight
    there: Sight
    live: bool  # it was on when it was moved

    @property
    def has_arrived(self) -> bool:
        """Whether it is on the target alone; a definition that is left over on the source does not count."""
        here, there = self.here.vm, self.there.vm
        if not self.here.was_read or there is None:
            return False
        if not self.live:
            return here is None
        return there.is_active and not _waits(there) and (here is None or not here.is_active)

    @property
    def has_stayed(self) -> bool:
        """Whether it is on the source alone."""
        return self.here.vm is not None and self.there.was_read and self.there.vm is None

    @property
    def is_under_way(self) -> bool:
        """Whether one of the hosts says that it is still being moved."""
        here, there = self.here.vm, self.there.vm
        moving = here is not None and here.job is not None and here.job.kind.startswith("migration")
        return moving or (there is not None and _waits(there))


def _waits(vm: Vm) -> bool:
    """Whether a VM is paused for the end of a move."""
    moving = vm.job is not None and vm.job.kind.startswith("migration")
    return vm.state is VmState.PAUSED and (moving or vm.reason in (Reason.MIGRATING, Reason.STARTING))


async def look(context: Context, target: Target, host: str, plan: MovePlan, *, patient: bool) -> Outcome:
    """Ask both hosts until they agree on where it is, or time is up; a move that is under way is waited for.

    Not `patient`: a move that is known to have failed, where only what it left is still put away.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + (_PATIENT if patient else _SOON)
    while True:
        here, there = await asyncio.gather(Sight.of(context, target.host), Sight.of(context, host))
        outcome = Outcome(here, there, plan.live)
        if outcome.has_arrived or (outcome.has_stayed and not outcome.is_under_way):
            return outcome
        if outcome.is_under_way and patient:
            context.progress("no answer came; its host says that it is still being moved")
            await asyncio.sleep(_LONG_PAUSE)
        elif clock() >= deadline:
            return outcome
        else:
            await asyncio.sleep(_PAUSE)


def words_of(target: Target, host: str, outcome: Outcome) -> str:
    """Return what both hosts say, in whole sentences."""
    name, here, there = safe(target.name), safe(target.host), safe(host)
    if outcome.has_stayed and outcome.here.vm is not None:
        return f"{name} {_does(outcome.here.vm)} on {here}."
    return f"{_says(here, name, outcome.here)} {_says(there, name, outcome.there)}"


def _says(host: str, name: str, sight: Sight) -> str:
    if not sight.was_read:
        return f"{host} could not be asked: {sight.why.rstrip('.')}."
    if sight.vm is None:
        return f"{host} does not have it."
    return f"On {host} {name} {_does(sight.vm)}."


def _does(vm: Vm) -> str:
    return "still runs" if vm.state is VmState.RUNNING else f"is {WORDS[vm.state]}"
