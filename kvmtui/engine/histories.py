"""What is kept of each VM's past figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core.history import POINTS, POINTS_OF_MANY, SPACING, History

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kvmtui.core.inventory import VmRef
    from kvmtui.core.metrics import VmRates

_MANY = 1000  # running VMs above which less is kept of each
_FULL_SECONDS = 3600.0
_RECORDED = 8  # VMs whose every reading is kept: those whose graphs were open last
_FORGOTTEN = 360  # points without figures after which a VM's past is dropped


class _Host:
    """The VMs of one host."""

    def __init__(self) -> None:
        self.due: float | None = None
        self.vms: dict[str, History] = {}
        self.missing: dict[str, int] = {}
        """Points since a VM had figures."""


class Histories:
    """The past of every VM that ran while the program did; `refresh` is the seconds between two readings."""

    def __init__(self, refresh: float) -> None:
        self._full_points = max(60, int(_FULL_SECONDS / refresh))
        self._hosts: dict[str, _Host] = {}
        self._recorded: list[VmRef] = []  # the last opened comes last
        self._running: dict[str, int] = {}

    def of(self, ref: VmRef) -> History | None:
        """Return what is kept of a VM."""
        host = self._hosts.get(ref.host)
        return host.vms.get(ref.uuid) if host is not None else None

    def record(self, ref: VmRef) -> None:
        """Keep every reading of a VM from now on; of those opened long before, the oldest is dropped."""
        if ref in self._recorded:
            self._recorded.remove(ref)
        self._recorded.append(ref)
        self._of(self._hosts.setdefault(ref.host, _Host()), ref.uuid).record(self._full_points)
        while len(self._recorded) > _RECORDED:
            dropped = self.of(self._recorded.pop(0))
            if dropped is not None:
                dropped.stop_recording()

    def sampled(self, name: str, at: float, rates: Mapping[str, VmRates]) -> None:
        """Take the rates of one reading of a host at `at` (epoch seconds)."""
        host = self._hosts.setdefault(name, _Host())
        self._running[name] = len(rates)
        if host.due is not None and at < host.due - 2 * SPACING:
            # The clock was set back: what is kept is of times that are yet to come, and no line leads from there.
            host.due = None
            host.vms.clear()
            host.missing.clear()
        for ref in self._recorded:
            if ref.host == name:
                recording = self._of(host, ref.uuid).record(self._full_points)
                recording.append(at, rates.get(ref.uuid))
        if host.due is not None and at < host.due:
            return
        if host.due is not None and at - host.due > SPACING:
            for history in host.vms.values():
                history.append(host.due, None)  # nothing was read for a while: a gap, not a line
        host.due = at + SPACING
        for uuid, one in rates.items():
            self._of(host, uuid).append(at, one)
        self._miss(host, at, rates)

    def _miss(self, host: _Host, at: float, rates: Mapping[str, VmRates]) -> None:
        """Mark where a VM's figures end, and forget it long after."""
        for uuid in [uuid for uuid in host.vms if uuid not in rates]:
            count = host.missing.get(uuid, 0) + 1
            host.missing[uuid] = count
            if count == 1:
                host.vms[uuid].append(at, None)
            elif count > _FORGOTTEN:
                del host.vms[uuid], host.missing[uuid]
        for uuid in [uuid for uuid in host.missing if uuid in rates]:
            del host.missing[uuid]

    def _of(self, host: _Host, uuid: str) -> History:
        history = host.vms.get(uuid)
        if history is None:
            many = sum(self._running.values()) > _MANY
            history = host.vms[uuid] = History(POINTS_OF_MANY if many else POINTS)
        return history
