"""The marks of VMs: which are set, and when they fall by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from kvmtui.core.inventory import Fleet, VmRef

IDLE_SECONDS = 15 * 60


class Marks:
    """The marked VMs, in the order they were marked."""

    def __init__(self) -> None:
        self._refs: dict[VmRef, None] = {}
        self._touched = 0.0
        self.this_row = False
        """Whether the next command is for the cursor's row alone."""

    def __len__(self) -> int:
        return len(self._refs)

    def __contains__(self, ref: object) -> bool:
        return ref in self._refs

    @property
    def refs(self) -> tuple[VmRef, ...]:
        """The marked VMs."""
        return tuple(self._refs)

    def toggle(self, ref: VmRef) -> None:
        """Mark it, or take its mark away."""
        if ref in self._refs:
            del self._refs[ref]
        else:
            self._refs[ref] = None

    def add(self, refs: Iterable[VmRef]) -> None:
        """Mark these too."""
        self._refs.update(dict.fromkeys(refs))

    def invert(self, listed: Collection[VmRef]) -> None:
        """Swap the marks of what is listed; those of hidden VMs stay."""
        swapped = [ref for ref in listed if ref not in self._refs]
        for ref in listed:
            self._refs.pop(ref, None)
        self.add(swapped)

    def drop(self, refs: Iterable[VmRef]) -> None:
        """Take the marks of these away: a command was given for them."""
        for ref in refs:
            self._refs.pop(ref, None)

    def clear(self) -> bool:
        """Unmark all; return whether there were any."""
        had = bool(self._refs)
        self._refs.clear()
        self.this_row = False
        return had

    def touch(self, now: float) -> None:
        """Say that a key was pressed at `now` (monotonic seconds)."""
        self._touched = now

    def fall(self, fleet: Fleet, now: float) -> tuple[VmRef, ...]:
        """Drop the marks of VMs that vanished or moved, and all after 15 minutes without a key."""
        if not self._refs:
            return ()
        if now - self._touched > IDLE_SECONDS:
            fallen = tuple(self._refs)
            self._refs.clear()
            return fallen
        fallen = tuple(ref for ref in self._refs if fleet.vm(ref) is None)
        for ref in fallen:
            del self._refs[ref]
        return fallen
