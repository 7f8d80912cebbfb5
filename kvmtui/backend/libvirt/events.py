"""libvirt's events become wakes: hints to read again, handed to the loop and nothing else.

The callbacks run on libvirt's event thread, where a call to libvirt would stop the events of every host.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from kvmtui.backend.base import Sign, Wake, WakeKind
from kvmtui.backend.libvirt import api, states
from kvmtui.core.inventory import Reason, VmState

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lane import Session

LIFECYCLE, REBOOT, WATCHDOG, IO_ERROR_REASON = 0, 1, 3, 6  # virDomainEventID

# Control error, disk change, tray, guest power management (3), balloon, device removed,
# block job, agent, device added, job completed, metadata, memory device size, NIC's MAC, vCPU removed.
# Newer ones are unknown to older daemons, whose refusal is no loss.
HINTS = (7, 9, 10, 11, 12, 14, 13, 15, 16, 18, 19, 21, 23, 26, 27, 28)

_PAUSED = 1
_DONE = {
    0: "nothing was done",
    2: "it was reset",
    3: "it was powered off",
    4: "it was asked to shut down",
    5: "nothing was done",
    6: "it was sent an NMI",
}
"""By virDomainEventWatchdogAction, what was done when a watchdog fired; a VM that was paused shows it by its state."""

_CLOSED = {
    0: "the connection broke",
    1: "libvirt closed the connection",
    2: "no answer for 30 s",
}


class Bell:
    """Rings on one loop; of a loop that has ended it rings nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[Wake], None]) -> None:
        self._loop = loop
        self._deliver = deliver

    def ring(self, wake: Wake) -> None:
        """Deliver on the loop, from any thread."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._deliver, wake)


def hear_first(session: Session, bell: Bell) -> None:
    """Register what no reading may miss: VMs' life."""
    _add_vm_event(session, LIFECYCLE, _on_lifecycle, bell)


def _hear_end(session: Session, bell: Bell) -> None:
    conn = session.conn
    _add(session, lambda: conn.registerCloseCallback(_on_close, bell), lambda _: conn.unregisterCloseCallback())


def _hear_io_errors(session: Session, bell: Bell) -> None:
    _add_vm_event(session, IO_ERROR_REASON, _on_io_error, bell)


def _hear_reboots(session: Session, bell: Bell) -> None:
    _add_vm_event(session, REBOOT, _on_reboot, bell)


def _hear_watchdogs(session: Session, bell: Bell) -> None:
    _add_vm_event(session, WATCHDOG, _on_watchdog, bell)


def _hint(event: int) -> Callable[[Session, Bell], None]:
    return lambda session, bell: _add_vm_event(session, event, _on_hint, bell)


def _hear_networks(session: Session, bell: Bell) -> None:
    conn = session.conn
    _add(
        session,
        lambda: conn.networkEventRegisterAny(None, 0, _on_network, bell),
        conn.networkEventDeregisterAny,
    )


def _hear_pools(session: Session, bell: Bell) -> None:
    conn = session.conn
    for event in (0, 1):  # life cycle, refresh
        _add(
            session,
            lambda event=event: conn.storagePoolEventRegisterAny(None, event, _on_pool, bell),  # type: ignore[misc]
            conn.storagePoolEventDeregisterAny,
        )


def _add_vm_event(session: Session, event: int, callback: Callable[..., None], bell: Bell) -> None:
    conn = session.conn
    _add(
        session,
        lambda: conn.domainEventRegisterAny(None, event, callback, bell),
        conn.domainEventDeregisterAny,
    )


def _add(session: Session, register: Callable[[], int], deregister: Callable[[int], object]) -> None:
    try:
        number = register()
    except api.LibvirtError:
        return
    session.at_end.append(lambda: deregister(number))


def _uuid(domain: api.Domain) -> str:
    try:
        return domain.UUIDString()
    except api.LibvirtError:
        return ""


def _on_lifecycle(_conn: object, domain: api.Domain, event: int, detail: int, bell: Bell) -> None:
    state, reason = states.of_event(event, detail)
    bell.ring(Wake(WakeKind.VM, _uuid(domain), state, reason))


def _on_io_error(_conn: object, domain: api.Domain, *rest: object) -> None:
    *_, action, reason, bell = rest
    if isinstance(bell, Bell):
        paused = VmState.PAUSED if action == 1 else None
        why = Reason.POOL_FULL if reason == "enospc" else Reason.IO_ERROR
        bell.ring(Wake(WakeKind.VM, _uuid(domain), paused, why if paused else Reason.NONE))


def _on_reboot(_conn: object, domain: api.Domain, bell: Bell) -> None:
    bell.ring(Wake(WakeKind.VM, _uuid(domain), sign=Sign.REBOOTED))


def _on_watchdog(_conn: object, domain: api.Domain, action: int, bell: Bell) -> None:
    sign = None if action == _PAUSED else Sign.WATCHDOG
    bell.ring(Wake(WakeKind.VM, _uuid(domain), detail=_DONE.get(action, ""), sign=sign))


def _on_hint(_conn: object, domain: api.Domain, *rest: object) -> None:
    bell = rest[-1]
    if isinstance(bell, Bell):
        bell.ring(Wake(WakeKind.VM, _uuid(domain)))


def _on_network(_conn: object, network: api.Network, *rest: object) -> None:
    bell = rest[-1]
    if isinstance(bell, Bell):
        bell.ring(Wake(WakeKind.NETWORK, network.UUIDString()))


def _on_pool(_conn: object, pool: api.Pool, *rest: object) -> None:
    bell = rest[-1]
    if isinstance(bell, Bell):
        bell.ring(Wake(WakeKind.POOL, pool.UUIDString()))


def _on_close(_conn: object, reason: int, bell: Bell) -> None:
    if reason in _CLOSED:
        bell.ring(Wake(WakeKind.CLOSED, detail=_CLOSED[reason]))


REST: tuple[Callable[[Session, Bell], None], ...] = (
    _hear_end,
    _hear_io_errors,
    _hear_reboots,
    _hear_watchdogs,
    *(_hint(event) for event in HINTS),
    _hear_networks,
    _hear_pools,
)
"""What can be registered after the first picture, each for itself: an older daemon refuses some."""
