"""What moving a VM refuses at first sight; all else of it loads when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.commands.judge import FINE, Finding
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.commands.base import Answers, Context, Interview, Question, Reach, Scene, Target
    from kvmtui.core.inventory import HostEntry, Vm


def movable(scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
    """Refuse what no host could take."""
    name = safe(vm.name)
    if len(scene.fleet.hosts) < 2:
        return Finding(f"There is no other host that {name} could go to.", "Connect to one more.")
    if vm.is_active and vm.immovable:
        return Finding(f"{name} cannot be moved while it is on: {safe(vm.immovable[0])}.", "Shut it down first.")
    return FINE


async def move(context: Context, target: Target, answers: Answers) -> str:
    """Move it, and say what both hosts say of it then."""
    from kvmtui.commands import migrate  # noqa: PLC0415 - kept off the way to the first screen

    return await migrate.move(context, target, answers)


def virsh_line(target: Target, answers: Answers) -> str:
    """Return the virsh call that does the same, as far as the answers tell."""
    from kvmtui.commands import migrate  # noqa: PLC0415 - kept off the way to the first screen

    return migrate.virsh_line(target, answers)


async def survey(scene: Scene, reach: Reach, target: Target) -> tuple[Question, ...]:
    """Ask all other hosts whether they can take the VM."""
    from kvmtui.commands import migrate_form  # noqa: PLC0415 - kept off the way to the first screen

    return await migrate_form.survey(scene, reach, target)


def interview(reach: Reach, targets: Sequence[Target]) -> Interview:
    """Return what asks the questions of a move of one VM or several."""
    from kvmtui.commands.migrate_form import MoveInterview  # noqa: PLC0415 - kept off the way to the first screen

    return MoveInterview(reach, targets)
