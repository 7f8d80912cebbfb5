"""Changing what a VM's definition says of it, but not its hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kvmtui.core.inventory import Vm


class Definition(Protocol):
    """What changes a VM's definition but not its hardware."""

    async def set_autostart(self, uuid: str, *, on: bool) -> None: ...
    async def rename(self, uuid: str, name: str) -> None: ...
    async def set_text(self, uuid: str, *, title: str | None, description: str | None) -> None:
        """Set title and description; None leaves a part alone, "" removes it."""
        ...

    async def set_tags(self, uuid: str, tags: tuple[str, ...]) -> None: ...
    async def undefine(self, uuid: str, *, nvram: bool, snapshots: bool, saved: bool) -> None:
        """Remove the definition, with the named things (NVRAM takes TPM state along); disks stay."""
        ...

    async def xml(self, uuid: str, *, inactive: bool = False) -> str:
        """Return the live (or stored) definition without secrets."""
        ...

    async def stored(self, uuid: str) -> Vm:
        """Return the VM as its next start makes it: what its stored definition says, and nothing else."""
        ...
