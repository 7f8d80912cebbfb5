"""Open consoles: sessions that outlive the page that shows them, and follow their VM."""

from __future__ import annotations

from kvmtui.consoles.consoles import Consoles
from kvmtui.consoles.session import ConsoleSession, Phase
from kvmtui.consoles.takeover import take_over

__all__ = ["ConsoleSession", "Consoles", "Phase", "take_over"]
