"""What changes a VM's state, as functions of the rows in `commands.vm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.backend.base import ShutdownMode
from kvmtui.commands.base import Choice, FieldKind, Question
from kvmtui.commands.duration import seconds_in, span_fault
from kvmtui.commands.keycodes import chords_in, keys_fault
from kvmtui.core.errors import TimedOut
from kvmtui.core.inventory import Vm, VmState
from kvmtui.core.text import safe
from kvmtui.core.units import hhmm

if TYPE_CHECKING:
    from kvmtui.commands.base import Answers, Context, Target

MODE = Question(
    "mode",
    "mode",
    FieldKind.ONE,
    "How the guest is asked: by ACPI's power button, by its agent, or as the host prefers.",
    initial=ShutdownMode.DEFAULT.value,
    choices=tuple(Choice(mode.value, mode.value) for mode in ShutdownMode),
    option=True,
)
TIMEOUT = Question(
    "timeout",
    "timeout",
    FieldKind.TEXT,
    "How long to wait for the guest to go off, as in 90s or 5m; 0 does not wait.",
    option=True,
    check=span_fault,
)
KEYS = Question(
    "keys",
    "keys",
    FieldKind.TEXT,
    "The keys, as in ctrl-alt-del; several chords with spaces between are pressed in turn.",
    initial="ctrl-alt-del",
    required=True,
    check=keys_fault,
)


def is_off(vm: Vm | None) -> bool:
    """Whether no hypervisor process exists; a transient VM that is off is gone."""
    return vm is None or vm.state is VmState.OFF


async def start(context: Context, target: Target, _answers: Answers) -> str:
    """Start it, from its saved state if there is one."""
    before = context.scene().fleet.vm(target.ref)
    await context.backend.power.start(target.uuid)
    how = "goes on from its saved state" if before is not None and before.saved else "was started"
    return f"{safe(target.name)} {how}."


async def shut_down(context: Context, target: Target, answers: Answers) -> str:
    """Ask the guest to shut down, and wait until it is off."""
    seconds = seconds_in(str(answers["timeout"]))
    wait = context.shutdown_wait if seconds is None else float(seconds)
    name, asked = safe(target.name), hhmm(context.scene().now)
    await context.backend.power.shutdown(target.uuid, ShutdownMode(str(answers["mode"])))
    if not wait:
        return f"{name} was asked to shut down."
    context.progress(f"asked at {asked}, waiting for the guest")
    if await context.wait_for(is_off, wait):
        return f"{name} is off."
    raise TimedOut(f"{name} was asked to shut down at {asked} and is still on; ! f forces it off.")


async def reboot(context: Context, target: Target, answers: Answers) -> str:
    """Ask the guest to reboot; nothing shows from outside that it did."""
    await context.backend.power.reboot(target.uuid, ShutdownMode(str(answers["mode"])))
    return f"{safe(target.name)} was asked to reboot."


async def pause(context: Context, target: Target, _answers: Answers) -> str:
    """Stop its CPUs."""
    await context.backend.power.pause(target.uuid)
    return f"{safe(target.name)} is paused."


async def resume(context: Context, target: Target, _answers: Answers) -> str:
    """Let its CPUs go on."""
    await context.backend.power.resume(target.uuid)
    return f"{safe(target.name)} runs again."


async def wake(context: Context, target: Target, _answers: Answers) -> str:
    """Wake a guest that put itself to sleep."""
    await context.backend.power.wake(target.uuid)
    return f"{safe(target.name)} was woken."


async def hibernate(context: Context, target: Target, _answers: Answers) -> str:
    """Save its memory to the host's disk and turn it off."""

    def at(percent: float) -> None:
        context.progress("saving its memory", percent)

    context.progress("saving its memory")
    await context.backend.power.save(target.uuid, at)
    return f"{safe(target.name)} is off, its memory is saved."


async def send_keys(context: Context, target: Target, answers: Answers) -> str:
    """Press the chords in turn."""
    text = str(answers["keys"])
    for chord in chords_in(text):
        await context.backend.power.send_keys(target.uuid, tuple(key.code for key in chord))
    return f"{safe(text)} was pressed on {safe(target.name)}."


async def force_off(context: Context, target: Target, _answers: Answers) -> str:
    """End its hypervisor process."""
    await context.backend.power.force_off(target.uuid)
    return f"{safe(target.name)} was forced off."


async def reset(context: Context, target: Target, _answers: Answers) -> str:
    """Press its reset button."""
    await context.backend.power.reset(target.uuid)
    return f"{safe(target.name)} was reset."


async def nmi(context: Context, target: Target, _answers: Answers) -> str:
    """Send it a non-maskable interrupt."""
    await context.backend.power.nmi(target.uuid)
    return f"An NMI was sent to {safe(target.name)}."


async def drop_saved(context: Context, target: Target, _answers: Answers) -> str:
    """Throw its saved memory away."""
    await context.backend.power.drop_saved(target.uuid)
    return f"The saved state of {safe(target.name)} was dropped."
