"""The way to a VM's screen: a row that the program's own screen carries out by itself, without a task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.commands.base import Command, Judgement, Level, Noun
from kvmtui.commands.judge import guard, host_finding
from kvmtui.commands.virsh import vm_line
from kvmtui.core.errors import NotSupported
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.commands.base import Answers, Context, Scene, Target


def _look(scene: Scene, target: Target) -> Judgement:
    """Let the screen of every VM that is on be looked at, also on a host where nothing may be changed."""
    name, host = safe(target.name), safe(target.host)
    entry, vm = scene.fleet.host(target.host), scene.fleet.vm(target.ref)
    finding = host_finding(scene, entry, target)
    if finding.refusal and (entry is None or finding != guard(scene, entry)):
        return Judgement(Level.LOOK, finding.refusal, finding.hint)
    if vm is None:
        return Judgement(Level.LOOK, f"{name} is not on {host} any more.")
    if not vm.is_active:
        return Judgement(Level.LOOK, f"{name} is off, so it has no screen.", "Start it first.")
    return Judgement(Level.LOOK)


async def _on_the_screen(_context: Context, target: Target, _answers: Answers) -> str:
    raise NotSupported(
        f"The way to the screen of {safe(target.name)} is shown, not done.", hint="kvmtui vm display tells it."
    )


DISPLAY = (
    Command(
        "vm.display",
        Noun.VM,
        None,
        "screen",
        "Say where the VM's screen is and how to get there; open it in remote-viewer where there is a display.",
        _look,
        _on_the_screen,
        lambda target, _answers: vm_line(target, "domdisplay"),
        aliases=("domdisplay", "vncdisplay"),
        many=False,
        key="v",
        headless=False,
        level=Level.LOOK,
    ),
)
