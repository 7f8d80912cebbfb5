"""What this machine can do, what is wrong with it, and the command that mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.doctor import daemons, hardware, terminal
from kvmtui.doctor.finding import Area, Finding, Verdict

if TYPE_CHECKING:
    from kvmtui.doctor.machine import Machine

__all__ = ["Area", "Finding", "Verdict", "examine"]


def examine(machine: Machine) -> tuple[Finding, ...]:
    """Return what was found on this machine itself, in the order in which it matters."""
    return (*hardware.findings(machine), *daemons.findings(machine), *terminal.findings(machine))
