"""A VM or a host together with everything its line in a table is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.inventory import Fleet, HostEntry, Moving, Reason, Vm, VmRef, VmState

if TYPE_CHECKING:
    from kvmtui.core.metrics import VmRates

OUT, IN = "migration out", "migration in"  # kinds of jobs
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
                    moved.get(uuid)
                    if vm.job is None and vm.reason is not Reason.MIGRATING
                    else moved.get(uuid) or _seen_move(fleet, entry, vm),
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
    leaving, coming = _leaves(vm), _awaited(vm)
    if not leaving and not coming:
        return None
    for other in fleet.hosts:
        twin = other.state.vms.get(vm.uuid) if other.state is not None and other is not entry else None
        if twin is not None and (_awaited(twin) if leaving else _leaves(twin)):
            job = vm.job if leaving else twin.job
            return Moving(other.name, leaving, None if job is None else job.percent)
    return None


def _leaves(vm: Vm) -> bool:
    return vm.job is not None and vm.job.kind == OUT


def _awaited(vm: Vm) -> bool:
    """Whether it is what waits on a target for its memory; libvirt tells no job of it while it is busy."""
    if vm.job is not None:
        return vm.job.kind == IN
    return vm.state is VmState.PAUSED and vm.reason is Reason.MIGRATING


def host_rows(fleet: Fleet, now: float) -> list[HostRow]:
    """Return a row for every host of the fleet."""
    return [HostRow(entry, fleet, now) for entry in fleet.hosts]
