"""Whether a VM's monitor answers, asked of the daemon alone: it never hangs, and goes first in its queue."""

from __future__ import annotations

from kvmtui.backend.libvirt import api

STUCK_MS = 2000  # a healthy monitor command is over long before

_OK, _ERROR = 0, 3  # virDomainControlState


def is_stuck(domain: api.Domain) -> bool:
    """Tell whether the VM's monitor is broken, or has not answered a command for a while."""
    try:
        state, _, milliseconds = domain.controlInfo(0)[:3]
    except api.LibvirtError:
        return False  # it is off, or gone
    return state == _ERROR or (state != _OK and milliseconds >= STUCK_MS)
