"""What all monitors are given alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmtui.backend.base import Backend
    from kvmtui.config import Settings
    from kvmtui.core.clock import Clock
    from kvmtui.core.inventory import Event, Host, Moving, VmRef
    from kvmtui.core.metrics import VmRates


class Opener(Protocol):
    """Makes the backend for an address, without connecting; raises ConfigError for one that is not allowed."""

    def __call__(self, uri: str, *, read_only: bool = False) -> Backend: ...


class Sink(Protocol):
    """Where a monitor's news go."""

    def changed(self, *, urgent: bool) -> None:
        """Hear that a host's entry is another; urgent when a person waits for it."""
        ...

    def happened(self, event: Event) -> None:
        """Hear of something that happened."""
        ...

    def is_ours(self, ref: VmRef) -> bool:
        """Tell whether a task of this program is at work on a VM, or was just now."""
        ...

    def moving(self, ref: VmRef) -> Moving | None:
        """Return how a task of this program moves a VM, or has moved it just now."""
        ...

    def explain(self, ref: VmRef) -> str:
        """Return who did what just happened to a VM."""
        ...

    def sampled(self, host: str, rates: Mapping[str, VmRates]) -> None:
        """Hear of the rates of a tick, by UUID."""
        ...

    def same_as(self, name: str, uri: str, host: Host) -> str:
        """Return why this connection must not be used beside another to the very same host; "" when it may."""
        ...


class Means(NamedTuple):
    """What a monitor works with."""

    settings: Settings
    clock: Clock
    opener: Opener
    sink: Sink
