"""Moving a VM to another host: the move itself, and the proof by both hosts that it was done."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kvmtui.backend.meant import meant_for
from kvmtui.commands.arrival import Outcome, Sight, look, words_of
from kvmtui.commands.judge import WORDS
from kvmtui.commands.moving import Case, lines_of, plan_of, read_case, virsh_of
from kvmtui.core.errors import Aborted, BackendError
from kvmtui.core.migration import MovePlan, StorageWay
from kvmtui.core.text import safe
from kvmtui.core.units import duration, hhmmss, latency, size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kvmtui.commands.base import Answers, Context, Target
    from kvmtui.core.inventory import Vm
    from kvmtui.core.migration import MoveProgress

_log = logging.getLogger(__name__)
_TELL = 2.0  # seconds between two words about how far it is
_ASK_AGAIN = 0.5  # seconds until a move that could not be cancelled yet is asked to end once more
_GIB = float(1 << 30)
_MIB = float(1 << 20)


def virsh_line(target: Target, answers: Answers) -> str:
    """Return the virsh call that does the same, as far as the answers tell."""
    host = str(answers.get("to") or "HOST")
    live = target.state is None or target.state.is_active
    plan = MovePlan(
        to_uri=str(answers.get("via") or "") or f"qemu+ssh://{host}/system",
        live=live,
        storage=StorageWay.NONE,
        unsafe=answers.get("unsafe") is True,
        bandwidth=int(str(answers.get("bandwidth") or 0)) or None,
    )
    return virsh_of(target, plan)


async def move(context: Context, target: Target, answers: Answers) -> str:
    """Move it, and say what both hosts say of it then."""
    stop = asyncio.Event()
    host = str(answers["to"])
    with context.stoppable(stop.set):
        context.progress(f"asking {safe(host)} what it has for it")
        case = await read_case(context.scene(), context.backend_of, target, {host})
        plan, judged = plan_of(case, host, answers)
        context.written(" && ".join(lines_of(case, host, plan)))
        if stop.is_set():
            raise Aborted(f"The move of {safe(target.name)} was cancelled before it began: nothing was done.")
        before = context.scene().fleet.vm(target.ref)
        if sent := [disk.source for disk in case.subject.disks if disk.target in plan.copied + plan.carried]:
            context.touches(*sent)
        outcome = await _moved(context, case, host, plan, stop)
    told = await _followed(context, case, host, before, outcome)
    left = [safe(disk.source) for disk in case.subject.disks if disk.target in judged.copied + judged.carried]
    if left and outcome.there.vm is not None:
        told.append(f"Its old {', '.join(left)} {'stays' if len(left) == 1 else 'stay'} on {safe(target.host)}.")
    return " ".join(told)


async def _moved(context: Context, case: Case, host: str, plan: MovePlan, stop: asyncio.Event) -> Outcome:
    """Have it moved, and return what both hosts say then; raises what is true unless it has arrived."""
    target = case.target
    context.progress("beginning")
    try:
        await _bring(context, case, host, plan, stop)
        with meant_for(target.host_uuid):
            async with _cancelling(context, target, stop), _silence_told(context, target):
                await context.backend.migration.move(target.uuid, plan, _Teller(context))
    except BackendError as error:
        outcome = await look(context, target, host, plan, patient=error.unknown)
        if not outcome.has_arrived:
            raise await _failure(context, case, host, plan, outcome, error) from error
        return outcome
    context.progress("asking both hosts")
    outcome = await look(context, target, host, plan, patient=True)
    if not outcome.has_arrived:
        name, here = safe(target.name), safe(target.host)
        raise BackendError(f"{here} says that {name} was moved. {words_of(target, host, outcome)}", unknown=True)
    return outcome


async def _bring(context: Context, case: Case, host: str, plan: MovePlan, stop: asyncio.Event) -> None:
    """Bring the small disks that the VM only reads, a seed for one: libvirt copies none of these."""
    for disk in case.subject.disks:
        if disk.target not in plan.carried:
            continue
        if stop.is_set():
            raise Aborted("The move was cancelled before it began.")
        context.progress(f"copying {safe(disk.source)}")
        data = await context.backend.migration.fetch(disk.source)
        with meant_for(case.machine(host)):
            await context.backend_of(host).migration.put(disk.source, data)


@asynccontextmanager
async def _cancelling(context: Context, target: Target, stop: asyncio.Event) -> AsyncIterator[None]:
    """Ask the host to cancel the move as soon as somebody wishes that, until it is heard or the move ends."""

    async def cancel() -> None:
        await stop.wait()
        while True:
            context.progress("being cancelled")
            try:
                await context.backend.migration.abort(target.uuid)
            except BackendError as error:  # it has not begun yet, or ends just now
                _log.info("cancelling the move of %s: %s", target.uuid, error)
                await asyncio.sleep(_ASK_AGAIN)
            else:
                return

    asking = asyncio.create_task(cancel(), name=f"cancel the move of {target.uuid}")
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.wait([asking])


@asynccontextmanager
async def _silence_told(context: Context, target: Target) -> AsyncIterator[None]:
    """Say, while the host does not answer, that how far the move is is not known: it goes on without us."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(_TELL)
            condition = context.entry.condition
            if not condition.is_answering:
                since = hhmmss(condition.since)
                context.progress(f"{safe(target.host)} has not answered since {since}: how far it is is not known")

    telling = asyncio.create_task(tell(), name=f"silence in the move of {target.uuid}")
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait([telling])


class _Teller:
    """Says how far a move is, now and then."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next = 0.0

    def __call__(self, progress: MoveProgress) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next and progress.percent is not None:
            self._next = now + _TELL
            self._context.progress(progress_words(progress), progress.percent)


def progress_words(progress: MoveProgress) -> str:
    """Return how fast a move is and what is left; what matters less stands after a semicolon."""
    first = [_rate(progress.rate)] if progress.rate else []
    if progress.seconds_left is not None:
        first.append(f"{duration(max(1.0, round(progress.seconds_left)))} left".replace(".0 s", " s"))
    more = [f"{size(progress.left)} to send"] if progress.left is not None else []
    if progress.dirty:
        more.append(f"guest writes {_rate(progress.dirty)}")
    if progress.downtime:
        more.append(f"pause {latency(progress.downtime)}")
    return "; ".join(part for part in ("  ".join(first), ", ".join(more)) if part)


def _rate(rate: float | None) -> str:
    """Return bytes a second as "1.2 GiB/s"."""
    if not rate:
        return ""
    if rate >= _GIB:
        return f"{rate / _GIB:.1f} GiB/s"
    return f"{rate / _MIB:.0f} MiB/s" if rate >= 10 * _MIB else f"{rate / _MIB:.1f} MiB/s"


async def _failure(
    context: Context, case: Case, host: str, plan: MovePlan, outcome: Outcome, error: BackendError
) -> BackendError:
    """Return what is true of a move that did not end as it should."""
    text = f"{safe(error.text).rstrip('.')}. {words_of(case.target, host, outcome)}"
    if not outcome.has_stayed and (error.unknown or not outcome.here.was_read):
        return BackendError(text, hint=error.hint, unknown=True)
    if outcome.has_stayed and (plan.copied or plan.carried):
        text = f"{text} {await _tidied(context, case, host, plan)}".rstrip()
    if isinstance(error, Aborted):
        return Aborted(text)
    return BackendError(text, hint=error.hint)


async def _tidied(context: Context, case: Case, host: str, plan: MovePlan) -> str:
    """Delete what a copy that came to nothing has left, and say so."""
    room, there = case.offers[host].room, safe(host)
    if room is None:
        return ""
    try:
        with meant_for(case.machine(host)):
            gone = await context.backend_of(host).migration.tidy(case.subject, room, plan.copied + plan.carried)
    except BackendError as error:
        return f"What had been copied to {there} may still be there: {safe(error.text)}"
    return f"What had been copied to {there} was deleted." if gone else ""


async def _followed(context: Context, case: Case, host: str, before: Vm | None, outcome: Outcome) -> list[str]:
    """Have what libvirt does not take along follow, and see that all is there; raises what is missing."""
    name, there = safe(case.subject.name), safe(host)
    vm = outcome.there.vm
    if vm is None:
        raise BackendError(f"{there} does not say what {name} does now.", unknown=True)
    if vm.is_active:
        told = [f"{name} {'runs' if WORDS[vm.state] == 'running' else f'is {WORDS[vm.state]}'} on {there} now."]
    else:
        told = [f"{name} is defined on {there} now, and off."]
    missing: list[str] = []
    if case.subject.autostart and not vm.autostart:
        if why := await _autostarted(context, case, host):
            missing.append(f"it does not start with that host: {why}")
        else:
            told.append("It starts with that host, too.")
    if before is not None and set(before.tags) - set(vm.tags):
        missing.append(f"its tags did not arrive: {safe(', '.join(before.tags))}")
    if outcome.here.vm is not None:
        missing.append(f"its definition is still on {safe(case.target.host)} as well")
    if missing:
        hint = "Set it by hand; a definition that is left over is deleted without its disks."
        raise BackendError(f"{told[0].rstrip('.')}, but {'; and '.join(missing)}.", hint=hint)
    return told


async def _autostarted(context: Context, case: Case, host: str) -> str:
    """Set autostart on the new host, and look; returns why it is not set."""
    uuid = case.target.uuid
    try:
        with meant_for(case.machine(host)):
            await context.backend_of(host).definition.set_autostart(uuid, on=True)
    except BackendError as error:
        _log.info("autostart of %s on %s: %s", uuid, host, error)
        why = safe(error.text).rstrip(".")
    else:
        why = "the host did not keep it"
    sight = await Sight.of(context, host)
    return "" if sight.vm is not None and sight.vm.autostart else why
