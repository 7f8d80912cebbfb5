"""Moving VMs from host to host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.core.migration import MovePlan, MoveProgress, Room, Subject


class Migration(Protocol):
    """Moving VMs. `subject`, `move` and `abort` are asked of the source, `room` and `tidy` of the target."""

    async def subject(self, uuid: str) -> Subject:
        """Read what moving this VM depends on."""
        ...

    async def room(self, subject: Subject) -> Room:
        """Read what this host has for a VM of another host."""
        ...

    def address_for(self, source_uri: str) -> str:
        """Return the libvirt address at which a host of `source_uri` would reach this one; "" if not known."""
        ...

    async def move(self, uuid: str, plan: MovePlan, progress: Callable[[MoveProgress], None]) -> None:
        """Move it, peer to peer; returns when the source host says that it is done. Has no deadline.

        Raises Aborted when it was cancelled; `unknown` errors leave the outcome to be proved by both hosts.
        """
        ...

    async def abort(self, uuid: str) -> None:
        """Ask the source to cancel the move; `move` then raises."""
        ...

    async def fetch(self, source: str) -> bytes:
        """Return all of a small volume of this host, the source: what libvirt copies none of (`Verdict.carried`).

        Raises NotFound when no active pool holds it, Conflict when it is too large for this way.
        """
        ...

    async def put(self, source: str, data: bytes) -> None:
        """Make such a volume on this host, the target, under the same path; raises Conflict when there is one."""
        ...

    async def tidy(self, subject: Subject, room: Room, copied: tuple[str, ...]) -> tuple[str, ...]:
        """Delete what a move that came to nothing has left on this host, the target; returns the paths.

        `copied` are the targets of the disks that were copied or carried, and `room` is what this host said
        before: only what was not there then is deleted, and nothing while a VM with the subject's UUID is on
        this host (Conflict).
        """
        ...
