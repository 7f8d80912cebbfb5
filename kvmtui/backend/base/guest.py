"""What is known of the inside of a guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmtui.core.inventory import Address


class GuestUser(NamedTuple):
    """Somebody who is logged in inside a guest, as its agent says."""

    name: str  # hostile
    domain: str  # of Windows, "" elsewhere
    since: float | None  # epoch seconds, by the guest's clock


class Guest(Protocol):
    """What is learnt about a guest from outside and from its agent."""

    async def leases(self) -> Mapping[str, tuple[Address, ...]]:
        """Return addresses by MAC from the leases of every active network."""
        ...

    async def addresses(self, uuid: str) -> tuple[Address, ...]:
        """Ask the guest's agent; raises NotSupported without one, TimedOut when it hangs."""
        ...

    async def os_name(self, uuid: str) -> str:
        """Ask the guest's agent what it runs."""
        ...

    async def users(self, uuid: str) -> tuple[GuestUser, ...]:
        """Ask the guest's agent who is logged in; raises NotSupported without one, TimedOut when it hangs."""
        ...

    async def set_balloon_period(self, uuid: str, seconds: int) -> None:
        """Make the guest report its memory; this is a write."""
        ...
