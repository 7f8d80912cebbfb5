"""What a host tells without being asked: that something changed."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.inventory import Reason

if TYPE_CHECKING:
    from kvmtui.core.inventory import VmState


class WakeKind(Enum):
    """What an event was about. Events are hints: read again."""

    VM = "vm"  # one VM changed; `uuid` says which
    INVENTORY = "inventory"  # something changed that only a full reading shows
    NETWORK = "network"
    POOL = "pool"
    CLOSED = "closed"  # the connection ended; `detail` says why


class Sign(Enum):
    """What an event tells that no reading shows, since it is over then."""

    REBOOTED = "rebooted"  # the guest, or somebody, reset the VM
    WATCHDOG = "watchdog"  # it fired; `detail` says what was done then


class Wake(NamedTuple):
    """A hint that something changed; `state` and `reason` are what the event said, if it said so.

    They are kept only for what a later reading cannot show: why a VM went off.
    """

    kind: WakeKind
    uuid: str = ""
    state: VmState | None = None
    reason: Reason = Reason.NONE
    detail: str = ""
    sign: Sign | None = None
