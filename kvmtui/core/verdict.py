"""Whether a VM can be moved to another host, and what is to be known of it first: pure, over what both hosts said.

What is certain to fail is an obstacle, what could not be asked is a caution. Whatever could lose data is an
obstacle or a sentence to agree to (`Verdict.unsafe`), never a caution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core.inventory import Reason, VmState
from kvmtui.core.migration import Case, CpuFit, Obstacle, Verdict
from kvmtui.core.storage_verdict import storage_verdict
from kvmtui.core.text import safe
from kvmtui.core.units import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.core.migration import Room, StorageWay, Subject

OVERHEAD = 1.05  # what QEMU needs, as a factor on its guest's memory

_ILL = {
    Reason.IO_ERROR: "it is paused because its storage failed",
    Reason.POOL_FULL: "it is paused because its storage is full",
    Reason.POSTCOPY_FAILED: "an earlier move of it broke off half-way",
}
_STATES = {
    VmState.STOPPING: ("it is ending", "Wait until it is off."),
    VmState.SUSPENDED: ("it is suspended by its guest", "Wake it first."),
    VmState.CRASHED: ("it has crashed", "Reset it or force it off first."),
    VmState.UNKNOWN: ("its state is not known", "Look at it on its host."),
}


def verdict(
    subject: Subject,
    room: Room,
    *,
    later: Subject | None = None,
    storage: StorageWay | None = None,
    source: str = "",
    target: str = "",
) -> Verdict:
    """Judge a move by what its source (`subject`) and its target (`room`) said.

    `later` is the subject read once more after the room: only that can show that a disk which is being written
    is one file on both hosts. `storage` is the way that a person chose; None leaves it to the facts.
    `source` and `target` are what the hosts are called; without them they go by their hostnames.
    """
    case = Case(subject, room, safe(source or subject.hostname), safe(target or room.hostname))
    disks = storage_verdict(case, later, storage)
    obstacles = (*_identity(case), *_state(case), *_ties(case), *_capacity(case), *_networks(case), *disks.obstacles)
    return Verdict(
        obstacles=obstacles,
        cautions=(*_cautions(case), *disks.cautions),
        storage=disks.way,
        copied=disks.copied,
        unsafe=" ".join(disks.unsafe),
        carried=tuple(disks.carried),
    )


def _identity(case: Case) -> Iterator[Obstacle]:
    subject, room = case.subject, case.room
    if subject.host_uuid and subject.host_uuid == room.host_uuid:
        yield Obstacle(
            f"{case.source} and {case.target} have the same host UUID.",
            "If they are two hosts, give one of them its own host_uuid in libvirtd.conf.",
        )
    elif room.same_uuid is not None:
        other = safe(room.same_uuid_name)
        if room.same_uuid.is_active:
            yield Obstacle(
                f"A VM with its UUID is on {case.target} already: {other}, {room.same_uuid}.",
                "The same UUID must not run twice: find out which of them is the right one.",
            )
        else:
            yield Obstacle(
                f"A VM with its UUID is defined on {case.target}: {other}.",
                "It would be overwritten: delete that definition first, without its disks.",
            )
    elif room.same_name:
        yield Obstacle(f"{case.target} has another VM called {case.name}.", "Rename one of them.")


def _state(case: Case) -> Iterator[Obstacle]:
    subject = case.subject
    if subject.job:
        yield Obstacle(f"{case.name} is busy: {safe(subject.job)}.", "Wait for its end.")
    if subject.state in _STATES:
        why, hint = _STATES[subject.state]
        yield Obstacle(f"{case.name} cannot be moved: {why}.", hint)
    elif case.is_live and subject.reason in _ILL:
        yield Obstacle(f"{case.name} cannot be moved: {_ILL[subject.reason]}.", "Mend that first.")
    if not case.is_live and subject.saved:
        yield Obstacle(
            f"{case.name} has a saved state, and that does not move along.", "Start it, or drop its saved state."
        )


def _ties(case: Case) -> Iterator[Obstacle]:
    """Tell what ties it to its host."""
    subject = case.subject
    for count, what in ((subject.snapshots, "snapshot"), (subject.checkpoints, "checkpoint")):
        if count:
            many = what if count == 1 else f"{what}s"
            yield Obstacle(f"{case.name} has {count} {many}, and libvirt does not move those.", f"Delete the {many}.")
    if case.is_live:
        for blocker in subject.blockers:
            yield Obstacle(
                f"{case.name} cannot be moved while it is on: {safe(blocker)}.", "Shut it down or take that out of it."
            )
    else:
        for kept in subject.kept:
            yield Obstacle(
                f"Its {safe(kept)} on {case.source} would stay behind: libvirt copies nothing of a VM that is off.",
                "Start it, and move it while it is on.",
            )


def _capacity(case: Case) -> Iterator[Obstacle]:
    """Tell whether the target can run it at all."""
    subject, room = case.subject, case.room
    need = int(subject.memory_max * OVERHEAD)
    if case.is_live and room.memory_free is not None and room.memory_free < need:
        yield Obstacle(
            f"{case.target} has {size(room.memory_free)} of memory free, and {case.name} needs {size(need)}.",
            "Choose another host, or make room there.",
        )
    if case.is_live and room.cpu is CpuFit.INCOMPATIBLE:
        yield Obstacle(
            f"The CPU of {case.target} cannot stand in for the one that {case.name} has{_because(room.cpu_why)}.",
            "Give it a CPU model that both hosts have, and start it anew.",
        )
    if room.emulator is False:
        yield Obstacle(
            f"{case.target} has no {safe(subject.emulator)}, which runs it on {case.source}.",
            "Make it available there at the same path, or change <emulator> in the definition.",
        )
    if room.machine is False:
        yield Obstacle(
            f"{case.target} does not know its machine type {safe(subject.machine)} ({safe(subject.arch)}).",
            "A newer QEMU there may know it.",
        )
    if room.accel is False:
        yield Obstacle(
            f"{case.target} cannot run it with {safe(subject.accel)}.",
            "Is virtualisation switched on in its firmware?" if subject.accel == "kvm" else "",
        )


def _networks(case: Case) -> Iterator[Obstacle]:
    room = case.room
    for network in dict.fromkeys(case.subject.networks):
        if network not in room.networks:
            yield Obstacle(f"{case.target} has no network called {safe(network)}.", "Define it there.")
        elif case.is_live and not room.networks[network]:
            yield Obstacle(f"The network {safe(network)} is not active on {case.target}.", "Start it there.")
    for bridge in dict.fromkeys(case.subject.bridges):
        if room.bridges is not None and bridge not in room.bridges:
            yield Obstacle(f"{case.target} has no bridge called {safe(bridge)}.", "Make it there.")


def _cautions(case: Case) -> Iterator[str]:
    yield from _later(case) if not case.is_live else ()
    yield from _unasked(case)
    subject, room, target = case.subject, case.room, case.target
    if room.cpus and subject.vcpus_max > room.cpus:
        yield f"It has {subject.vcpus_max} vCPUs, and {target} only {room.cpus} CPUs."
    if case.is_live and (0, 0, 0) < room.hypervisor_version < subject.hypervisor_version:
        older, newer = (
            ".".join(map(str, version)) for version in (room.hypervisor_version, subject.hypervisor_version)
        )
        yield f"QEMU is older on {target} ({older}) than on {case.source} ({newer}): such moves may fail."
    for note in subject.notes:
        yield f"Not checked: {safe(note)}."


def _later(case: Case) -> Iterator[str]:
    """Tell what would keep a VM that is off from starting on the target."""
    subject, room, target = case.subject, case.room, case.target
    need = int(subject.memory_max * OVERHEAD)
    if room.memory_free is not None and room.memory_free < need:
        yield f"{target} has {size(room.memory_free)} of memory free now, less than the {size(need)} that it needs."
    if room.cpu is CpuFit.INCOMPATIBLE:
        yield f"It cannot start on {target} with the CPU that it asks for{_because(room.cpu_why)}."
    for network in dict.fromkeys(subject.networks):
        if room.networks.get(network) is False:
            yield f"The network {safe(network)} is not active on {target}."


def _unasked(case: Case) -> Iterator[str]:
    """Tell what could not be asked."""
    subject, room, target = case.subject, case.room, case.target
    if case.is_live and room.cpu is CpuFit.UNKNOWN:
        yield f"Whether the CPU of {target} serves could not be told{_because(room.cpu_why)}."
    if room.memory_free is None:
        yield f"How much memory {target} has free could not be asked."
    if room.machine is None or room.accel is None:
        yield f"Whether {target} can run its kind of machine could not be asked."
    if subject.bridges and room.bridges is None:
        yield f"Which bridges {target} has could not be asked: it needs {', '.join(map(safe, subject.bridges))}."


def _because(why: str) -> str:
    return f": {safe(why).rstrip('.')}" if why else ""
