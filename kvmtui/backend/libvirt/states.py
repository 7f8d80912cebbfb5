"""libvirt's numbers for states, reasons and life-cycle events, as the model's words."""

from __future__ import annotations

from kvmtui.core.inventory import Reason, VmState

_STATES = {
    1: VmState.RUNNING,
    2: VmState.RUNNING,  # blocked on a resource, which only Xen says
    3: VmState.PAUSED,
    4: VmState.STOPPING,
    5: VmState.OFF,
    6: VmState.CRASHED,
    7: VmState.SUSPENDED,
}
_REASONS = {
    VmState.RUNNING: {
        1: Reason.BOOTED,
        2: Reason.MIGRATED,
        3: Reason.RESTORED,
        4: Reason.FROM_SNAPSHOT,
        5: Reason.UNPAUSED,
        8: Reason.WOKEN,
        9: Reason.CRASHED,
        10: Reason.POSTCOPY,
        11: Reason.POSTCOPY_FAILED,
    },
    VmState.PAUSED: {
        1: Reason.USER,
        2: Reason.MIGRATING,
        3: Reason.SAVING,
        4: Reason.DUMPING,
        5: Reason.IO_ERROR,
        6: Reason.WATCHDOG,
        7: Reason.FROM_SNAPSHOT,
        8: Reason.SHUTTING_DOWN,
        9: Reason.SNAPSHOT,
        10: Reason.CRASHED,
        11: Reason.STARTING,
        12: Reason.POSTCOPY,
        13: Reason.POSTCOPY_FAILED,
        14: Reason.API_ERROR,
    },
    VmState.STOPPING: {1: Reason.USER},
    VmState.OFF: {
        1: Reason.SHUTDOWN,
        2: Reason.DESTROYED,
        3: Reason.CRASHED,
        4: Reason.MIGRATED,
        5: Reason.SAVED,
        6: Reason.FAILED,
        7: Reason.FROM_SNAPSHOT,
        8: Reason.DAEMON,
    },
    VmState.CRASHED: {1: Reason.PANICKED},
}
_EVENTS: dict[int, tuple[VmState, tuple[Reason, ...]]] = {
    2: (
        VmState.RUNNING,
        (Reason.BOOTED, Reason.MIGRATED, Reason.RESTORED, Reason.FROM_SNAPSHOT, Reason.WOKEN),
    ),
    3: (
        VmState.PAUSED,
        (
            Reason.USER,
            Reason.MIGRATING,
            Reason.IO_ERROR,
            Reason.WATCHDOG,
            Reason.RESTORED,
            Reason.FROM_SNAPSHOT,
            Reason.API_ERROR,
            Reason.POSTCOPY,
            Reason.POSTCOPY_FAILED,
        ),
    ),
    4: (
        VmState.RUNNING,
        (Reason.UNPAUSED, Reason.MIGRATED, Reason.FROM_SNAPSHOT, Reason.POSTCOPY, Reason.POSTCOPY_FAILED),
    ),
    5: (
        VmState.OFF,
        (
            Reason.SHUTDOWN,
            Reason.DESTROYED,
            Reason.CRASHED,
            Reason.MIGRATED,
            Reason.SAVED,
            Reason.FAILED,
            Reason.FROM_SNAPSHOT,
        ),
    ),
    6: (VmState.STOPPING, ()),
    7: (VmState.SUSPENDED, ()),
    8: (VmState.CRASHED, (Reason.PANICKED,)),
}
_JOBS = {
    1: "start",
    2: "save",
    3: "restore",
    4: "migration in",
    5: "migration out",
    6: "snapshot",
    7: "snapshot revert",
    8: "dump",
    9: "backup",
    10: "snapshot delete",
}


def of_state(state: int, reason: int) -> tuple[VmState, Reason]:
    """Return what virDomainGetState said."""
    known = _STATES.get(state, VmState.UNKNOWN)
    return known, _REASONS.get(known, {}).get(reason, Reason.NONE)


def of_event(event: int, detail: int) -> tuple[VmState | None, Reason]:
    """Return the state that a life-cycle event tells of; None for those that are about the definition."""
    if event not in _EVENTS:
        return None, Reason.NONE
    state, reasons = _EVENTS[event]
    return state, reasons[detail] if 0 <= detail < len(reasons) else Reason.NONE


def of_job(operation: int) -> str:
    """Return the name of a VIR_DOMAIN_JOB_OPERATION."""
    return _JOBS.get(operation, "job")
