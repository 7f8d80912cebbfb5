"""A VM's serial console: rows that the screen carries out by itself; taking one over is a task that it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.commands.base import Command, Judgement, Level, Noun
from kvmtui.commands.judge import ACTIVE, WORDS, host_finding, own_vm, owner
from kvmtui.commands.virsh import vm_line
from kvmtui.core.errors import NotSupported
from kvmtui.core.inventory import VmState
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.commands.base import Answers, Context, Scene, Target


def _open(scene: Scene, target: Target) -> Judgement:
    """Let every VM's console be opened: one that is off is waited for."""
    finding = host_finding(scene, scene.fleet.host(target.host), target)
    if finding.refusal:
        return Judgement(Level.LOOK, finding.refusal, finding.hint)
    if scene.fleet.vm(target.ref) is None:
        return Judgement(Level.LOOK, f"{safe(target.name)} is not on {safe(target.host)} any more.")
    return Judgement(Level.LOOK)


def _take(scene: Scene, target: Target) -> Judgement:
    """Let only a VM that is on lose who looks at it."""
    judgement = _open(scene, target)
    entry, vm = scene.fleet.host(target.host), scene.fleet.vm(target.ref)
    if judgement.refusal or entry is None or vm is None:
        return Judgement(Level.FORCED, judgement.refusal, judgement.hint)
    if vm.state not in ACTIVE:
        hint = "Start it first." if vm.state is VmState.OFF else ""
        return Judgement(Level.FORCED, f"{safe(vm.name)} is {WORDS[vm.state]}: nobody holds its console.", hint)
    theirs, ours = owner(scene, entry, vm), own_vm(scene, entry, vm)
    return Judgement(max(Level.FORCED, ours.level), theirs.refusal, theirs.hint, ours.warnings)


async def _on_the_screen(_context: Context, target: Target, _answers: Answers) -> str:
    raise NotSupported(f"The console of {safe(target.name)} is opened on the screen.", hint="Start kvmtui and press c.")


CONSOLE = (
    Command(
        "vm.console",
        Noun.VM,
        None,
        "console",
        "Open the VM's serial console; it stays open until it is closed or kvmtui ends, and reopens with the VM.",
        _open,
        _on_the_screen,
        lambda target, _answers: vm_line(target, "console"),
        key="c",
        headless=False,
        level=Level.LOOK,
    ),
    Command(
        "vm.take-console",
        Noun.VM,
        ("!", "c"),
        "take over console",
        "Open the VM's serial console although somebody holds it: their session ends at once.",
        _take,
        _on_the_screen,
        lambda target, _answers: vm_line(target, "console", "--force"),
        many=False,
        headless=False,
        level=Level.FORCED,
    ),
)
