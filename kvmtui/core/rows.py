"""A VM or a host together with everything its line in a table is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.inventory import Fleet, HostEntry, Moving, Vm, VmRef, VmState

if TYPE_CHECKING:
    from kvmtui.core.metrics import VmRates

OUT, IN = "migration out", "migration in"  # kinds of jobs
_ENDS = {OUT: IN, IN: OUT}
_MEASURED = (VmState.RUNNING, VmState.STOPPING)


class VmRow(NamedTuple):
    """A VM as a line."""

    entry: HostEntry
    vm: Vm
    rates: VmRates | None
    stopping: float | None  # asked to shut down at, and still on
    now: float
    moving: Moving | None = None  # it is moved, by a task of ours or before our eyes

    @property
    def key(self) -> VmRef:
        """The VM's address."""
        return VmRef(self.entry.name, self.vm.uuid)

    @property
    def live(self) -> bool:
        """Whether its host answers, so that the line is what is and not what was."""
        return self.entry.condition.is_answering

    @property
    def measured(self) -> VmRates | None:
        """Its rates, where they tell of now: the host answers and the VM's CPUs run."""
        rates = self.rates
        if rates is None or self.vm.state not in _MEASURED or not self.entry.condition.is_answering:
            return None
        return rates


class HostRow(NamedTuple):
    """A host as a line."""

    entry: HostEntry
    fleet: Fleet
    now: float

    @property
    def key(self) -> str:
        """The fleet's name of the host."""
        return self.entry.name

    @property
    def live(self) -> bool:
        """Whether the host answers."""
        return self.entry.condition.is_answering


def vm_rows(fleet: Fleet, now: float) -> list[VmRow]:
    """Return a row for every VM of the fleet, host by host."""
    stopping, moving = fleet.stopping, fleet.moving
    rows: list[VmRow] = []
    for entry in fleet.hosts:
        state = entry.state
        if state is None:
            continue
        rates = state.rates
        asked = {ref.uuid: at for ref, at in stopping.items() if ref.host == entry.name} if stopping else {}
        moved = {ref.uuid: how for ref, how in moving.items() if ref.host == entry.name} if moving else {}
        rows.extend(
            [
                VmRow(
                    entry,
                    vm,
                    rates.get(uuid),
                    asked.get(uuid),
                    now,
                    moved.get(uuid) if vm.job is None else moved.get(uuid) or _seen_move(fleet, entry, vm),
                )
                for uuid, vm in state.vms.items()
            ]
        )
    return rows


def vm_row(fleet: Fleet, ref: VmRef, now: float) -> VmRow | None:
    """Return the row of the VM at that address."""
    entry = fleet.host(ref.host)
    if entry is None or entry.state is None:
        return None
    vm = entry.state.vms.get(ref.uuid)
    if vm is None:
        return None
    moving = fleet.moving.get(ref) or _seen_move(fleet, entry, vm)
    return VmRow(entry, vm, entry.state.rates.get(ref.uuid), fleet.stopping.get(ref), now, moving)


def _seen_move(fleet: Fleet, entry: HostEntry, vm: Vm) -> Moving | None:
    """Return the move of somebody else's that a VM is in, when both ends of it are in the fleet.

    A host does not say where a VM goes to; that another one awaits it does.
    """
    job = vm.job
    if job is None or job.kind not in _ENDS:
        return None
    for other in fleet.hosts:
        twin = other.state.vms.get(vm.uuid) if other.state is not None and other is not entry else None
        if twin is not None and twin.job is not None and twin.job.kind == _ENDS[job.kind]:
            leaving = job.kind == OUT
            return Moving(other.name, leaving, job.percent if leaving else twin.job.percent)
    return None


def host_rows(fleet: Fleet, now: float) -> list[HostRow]:
    """Return a row for every host of the fleet."""
    return [HostRow(entry, fleet, now) for entry in fleet.hosts]
