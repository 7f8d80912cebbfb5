"""The volumes of a host's pools, and the disks that VMs have there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.core.inventory import Volume
    from kvmtui.core.specs import NewVolume


class DiskUse(NamedTuple):
    """A disk image, and who on this host uses it or builds upon it."""

    target: str
    source: str
    pool: str  # "" when no active pool holds it: it cannot be deleted here
    size: int | None  # bytes it occupies
    users: tuple[str, ...]  # names of other VMs


class Upload(Protocol):
    """What is sent to a host, and whether somebody wants it to stop.

    `read` and `stop` are used on a thread of the backend: a read may block for as long as a disk does.
    """

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...

    @property
    def stop(self) -> bool:
        """Whether it is to be given up."""
        ...

    def read(self, size: int) -> bytes:
        """Return the next bytes, b"" at the end; raises OSError."""
        ...


class Storage(Protocol):
    """The volumes of a host's pools."""

    async def volumes(self, pool: str) -> tuple[Volume, ...]:
        """Return what an active pool holds, as its last refresh saw it; raises NotFound, Conflict when inactive."""
        ...

    async def create_volume(self, wanted: NewVolume) -> Volume:
        """Make a volume; raises Conflict when the name is taken. A copy takes as long as it takes."""
        ...

    async def upload(
        self, pool: str, name: str, source: Upload, *, kind: str, progress: Callable[[int], None]
    ) -> Volume:
        """Make a volume of a format and stream `source` into it; `progress` is given the bytes sent, on the loop.

        A failed or stopped one leaves nothing behind: the volume is deleted before this raises (Aborted when
        stopped). Raises Conflict when the name is taken.
        """
        ...

    async def delete_volume(self, pool: str, name: str) -> None:
        """Delete a volume, whoever uses it; NotFound when it is not there."""
        ...

    async def disk_uses(self, uuid: str) -> tuple[DiskUse, ...]:
        """Return each disk of the VM that is its own (`Disk.is_own`), with its other users."""
        ...

    async def delete_disk(self, source: str) -> None:
        """Delete the volume that an active pool holds at this source."""
        ...
