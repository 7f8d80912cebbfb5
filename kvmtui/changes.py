"""What happened, told from the difference of two readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.backend.base import Sign
from kvmtui.core.capacity import pool_fill
from kvmtui.core.inventory import (
    Condition,
    ConditionKind,
    Event,
    HostState,
    Moving,
    Reason,
    Severity,
    Vm,
    VmRef,
    VmState,
)
from kvmtui.core.limits import POOL
from kvmtui.core.text import safe
from kvmtui.core.units import hhmmss

if TYPE_CHECKING:
    from kvmtui.picture import Change


def vm_event(host: str, change: Change, by: str, moving: Moving | None = None) -> Event | None:
    """Return what a change of a VM means to a person; None for one that only its columns show.

    `moving` is how a task of ours moves it, or has moved it just now.
    """
    vm = change.after or change.before
    if vm is None:
        return None
    severity, verb = _happening(change.before, change.after)
    detail = "" if change.seen else f"found at {hhmmss(change.at)}"
    if moving is not None and _is_move(change, moving):
        verb = _move_words(change, moving)
        detail = f"{'to' if moving.leaving else 'from'} {safe(moving.host)}"
    if not verb:
        return None
    if severity is Severity.BAD and change.after is not None and change.after.reason:
        detail = change.after.reason.value
    return Event(
        at=change.at,
        severity=severity,
        host=host,
        vm=VmRef(host, change.uuid),
        subject=f"{safe(vm.name)} {verb} {safe(host)}",
        detail=detail,
        by=by,
    )


def sign_event(host: str, vm: Vm, sign: Sign, detail: str, at: float, by: str) -> Event:
    """Return what a sign of a VM means to a person."""
    name = safe(vm.name)
    fired = sign is Sign.WATCHDOG
    return Event(
        at=at,
        severity=Severity.BAD if fired else Severity.INFO,
        host=host,
        vm=VmRef(host, vm.uuid),
        subject=f"the watchdog of {name} fired on {safe(host)}"
        if fired
        else f"{name} was reset or rebooted on {safe(host)}",
        detail=detail,
        by="" if fired else by,
    )


def _is_move(change: Change, moving: Moving) -> bool:
    """Tell whether what happened to a VM that we move is a step of that move."""
    before, after = change.before, change.after
    if after is None:
        return moving.leaving or _is_on_the_way(before)
    if before is None:
        return not moving.leaving
    return after.reason is Reason.MIGRATED and before.state is not after.state


def _move_words(change: Change, moving: Moving) -> str:
    """Return the words for a step of our own move, "" for one that tells nothing new."""
    before, after = change.before, change.after
    if moving.leaving:
        again = before is not None and before.reason is Reason.MIGRATED and not before.is_active
        return "" if again else "moved away from"
    if after is None:
        return "did not arrive on"
    return "" if _is_on_the_way(after) else "moved to"


def _is_on_the_way(vm: Vm | None) -> bool:
    """Tell whether a VM is paused only until it goes on, on this host or another."""
    return vm is not None and vm.state is VmState.PAUSED and vm.reason in _PASSING


def _happening(before: Vm | None, after: Vm | None) -> tuple[Severity, str]:
    """Return how bad a change is, and the words between the VM's name and the host's; "" for nothing."""
    if after is None:
        return Severity.INFO, _went(before)
    if before is None:
        return _turned(_ABSENT, after) if after.is_active else (Severity.INFO, "was defined on")
    if before.name != after.name:
        return Severity.INFO, f"(was {safe(before.name)}) was renamed on"
    restarted = before.is_active and after.is_active and before.domain_id != after.domain_id
    if restarted:
        return Severity.INFO, "was restarted on"
    broke = after.reason is Reason.POSTCOPY_FAILED and before.reason is not after.reason
    if before.state is after.state and not broke:
        return Severity.NONE, ""
    return _turned(before, after)


def _went(before: Vm | None) -> str:
    """Return the words for a VM that its host does not list any more."""
    if before is None:
        return "was deleted on"
    moving = before.job is not None and before.job.kind.startswith("migration")
    if moving or (before.reason is Reason.MIGRATED and not before.is_active):
        return "moved away from"
    return "ended on" if before.is_active and not before.persistent else "was deleted on"


def _turned(before: Vm, after: Vm) -> tuple[Severity, str]:
    """Return the same for a VM that is in another state than before."""
    if after.state is VmState.PAUSED and after.reason in _PASSING:
        return Severity.NONE, ""
    if after.reason is Reason.POSTCOPY_FAILED:
        return Severity.BAD, "is stuck in its move on"
    began = after.reason in _BEGINNINGS or before.reason is Reason.STARTING
    if after.state is VmState.RUNNING and not began:
        if before.state is VmState.PAUSED and before.reason in _PASSING:
            return Severity.NONE, ""
        if before.state in _AGAIN:
            return Severity.INFO, _AGAIN[before.state]
    told = _TURNS.get((after.state, after.reason)) or _TURNS.get((after.state, None))
    return told or (Severity.NONE, "")


_ABSENT = Vm(uuid="", name="", state=VmState.OFF)

_PASSING = frozenset(
    {
        Reason.STARTING,
        Reason.MIGRATING,
        Reason.POSTCOPY,
        Reason.SAVING,
        Reason.DUMPING,
        Reason.SNAPSHOT,
        Reason.SHUTTING_DOWN,
    }
)
"""Why a VM is paused for a moment on the way to another state, which tells more."""

_BEGINNINGS = frozenset({Reason.BOOTED, Reason.RESTORED, Reason.MIGRATED})
"""Why a VM runs that did not run on this host before."""

_AGAIN = {
    VmState.PAUSED: "runs again on",
    VmState.STOPPING: "runs again on",
    VmState.UNKNOWN: "runs on",
    VmState.SUSPENDED: "woke on",
}
"""From which state a running VM came, where that was not off."""

_TURNS: dict[tuple[VmState, Reason | None], tuple[Severity, str]] = {
    (VmState.RUNNING, Reason.MIGRATED): (Severity.INFO, "moved to"),
    (VmState.RUNNING, None): (Severity.INFO, "started on"),
    (VmState.PAUSED, Reason.IO_ERROR): (Severity.BAD, "paused on"),
    (VmState.PAUSED, Reason.POOL_FULL): (Severity.BAD, "paused on"),
    (VmState.PAUSED, Reason.WATCHDOG): (Severity.BAD, "paused on"),
    (VmState.PAUSED, None): (Severity.INFO, "paused on"),
    (VmState.SUSPENDED, None): (Severity.INFO, "went to sleep on"),
    (VmState.CRASHED, None): (Severity.BAD, "crashed on"),
    (VmState.OFF, Reason.CRASHED): (Severity.BAD, "crashed on"),
    (VmState.OFF, Reason.FAILED): (Severity.BAD, "failed to start on"),
    (VmState.OFF, Reason.MIGRATED): (Severity.INFO, "moved away from"),
    (VmState.OFF, Reason.SAVED): (Severity.INFO, "was saved on"),
    (VmState.OFF, Reason.DESTROYED): (Severity.INFO, "was forced off on"),
    (VmState.OFF, None): (Severity.INFO, "is off on"),
}
"""What a state and its reason (None: any other) are called when a VM comes to it."""


def pool_events(host: str, before: HostState | None, after: HostState) -> tuple[Event, ...]:
    """Return an event for storage that stops or begins to answer, and for each pool that became fuller than 95 %."""
    if before is None or not (before.pools or before.pools_late):
        return ()
    if before.pools_late is not after.pools_late:
        return (_storage_event(host, after),)
    if before.pools is after.pools:
        return ()
    full = {pool.uuid for pool in before.pools if (pool_fill(pool) or 0.0) > POOL.bad}
    return tuple(
        Event(
            at=after.at,
            severity=Severity.WARN,
            host=host,
            vm=None,
            subject=f"pool {safe(pool.name)} on {safe(host)} is {fill:.0f} % full",
            detail="",
            by="",
        )
        for pool in after.pools
        if pool.uuid not in full and (fill := pool_fill(pool) or 0.0) > POOL.bad
    )


def _storage_event(host: str, state: HostState) -> Event:
    late = ", ".join(safe(pool.name) for pool in state.pools if pool.late)
    what = f"pool {late} on {safe(host)}" if late else f"the storage of {safe(host)}"
    if state.pools_late:
        return Event(
            state.at, Severity.WARN, host, None, f"{what} does not answer", "what it holds is as last seen", ""
        )
    return Event(state.at, Severity.INFO, host, None, f"the storage of {safe(host)} answers again", "", "")


def host_event(host: str, before: Condition, after: Condition, vms: int) -> Event | None:
    """Return what a change of a host's condition means to a person; None for one that only its row shows."""
    name = safe(host)
    lost = after.kind in (ConditionKind.SILENT, ConditionKind.DOWN, ConditionKind.DENIED)
    if lost and before.kind in (ConditionKind.UP, ConditionKind.SLOW):
        subject = f"{name} stopped answering" if after.kind is ConditionKind.SILENT else f"{name} is not connected"
        unknown = f"{vms} VM{'s' if vms > 1 else ''} not known; nothing on it can be changed from here" if vms else ""
        why = safe(after.why) or unknown
        return Event(after.since, Severity.BAD, host, None, subject, why, "")
    if after.kind is ConditionKind.UP and before.kind in (ConditionKind.SILENT, ConditionKind.DOWN):
        return Event(after.since, Severity.INFO, host, None, f"{name} answers again", "", "")
    return None
