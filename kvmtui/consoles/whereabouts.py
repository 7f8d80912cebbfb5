"""Where a VM runs now, as far as the fleet knows; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.commands.judge import lock
from kvmtui.core import units
from kvmtui.core.inventory import VmRef, VmState
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.core.inventory import Fleet, HostEntry, Vm


class Whereabouts(NamedTuple):
    """The addresses at which a console can be opened, the likeliest first, or why there is none."""

    refs: tuple[VmRef, ...]
    why: str = ""


def find(fleet: Fleet, ref: VmRef, name: str, twins: frozenset[str]) -> Whereabouts:
    """Look a VM up: where it was last, then on other hosts that are not known to have a twin of it."""
    name = safe(name)
    entry = fleet.host(ref.host)
    vm = fleet.vm(ref)
    elsewhere = tuple(
        VmRef(other.name, ref.uuid)
        for other in fleet.hosts
        if other.name != ref.host and other.name not in twins and _runs(other, ref.uuid)
    )
    if entry is not None and entry.condition.is_answering and vm is not None and vm.is_active:
        return Whereabouts((ref, *elsewhere))
    return Whereabouts(elsewhere, _why(fleet, entry, vm, ref, name))


def twins(fleet: Fleet, ref: VmRef) -> frozenset[str]:
    """Return the other hosts that run a VM of the same UUID beside this one: not it, and no goal of its moves."""
    vm = fleet.vm(ref)
    return running_elsewhere(fleet, ref) if vm is not None and vm.state is VmState.RUNNING else frozenset()


def running_elsewhere(fleet: Fleet, ref: VmRef) -> frozenset[str]:
    """Return the other hosts on which a VM of this UUID runs."""
    return frozenset(
        entry.name
        for entry in fleet.hosts
        if entry.name != ref.host
        and entry.state is not None
        and (vm := entry.state.vms.get(ref.uuid)) is not None
        and vm.state is VmState.RUNNING
    )


def silence(fleet: Fleet, ref: VmRef) -> str:
    """Return a sentence when the host of an open console does not answer, else ""."""
    entry = fleet.host(ref.host)
    if entry is None or entry.condition.is_answering:
        return ""
    since = units.hhmm(entry.condition.since)
    return f"{safe(ref.host)} has not answered since {since}: what is typed waits, and nothing is lost so far."


def locked(fleet: Fleet, ref: VmRef, now: float) -> str:
    """Return a sentence when nothing may be changed on the host of an open console, else "": keys are a change."""
    entry = fleet.host(ref.host)
    if entry is None or not lock(fleet, entry, now).refusal:
        return ""
    return f"{safe(ref.host)} is read-only: nothing is typed."


def _runs(entry: HostEntry, uuid: str) -> bool:
    vm = entry.state.vms.get(uuid) if entry.state is not None else None
    return entry.condition.is_answering and vm is not None and vm.is_active


def _why(fleet: Fleet, entry: HostEntry | None, vm: Vm | None, ref: VmRef, name: str) -> str:
    host = safe(ref.host)
    if entry is None:
        return f"{host} is not in the fleet any more."
    if not entry.condition.is_answering:
        since = units.hhmm(entry.condition.since)
        return f"{host} is {entry.condition.kind} since {since}: the console reopens when it answers."
    if vm is None:
        return f"{name} is not on {host} any more: the console reopens when it runs again."
    since = f" since {units.day_or_time(vm.since.at, fleet.at)}" if vm.since is not None and vm.since.exact else ""
    return f"{name} is off{since}: the console reopens when it starts."
