"""What a move depends on, read from both hosts, and what it comes to: judged, planned, written as a virsh line."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.commands.judge import guard
from kvmtui.commands.making_lines import upload_lines
from kvmtui.commands.virsh import line, vm_line, vm_word, word
from kvmtui.core.capacity import promised
from kvmtui.core.errors import KvmtuiError, Refused
from kvmtui.core.inventory import VmRef
from kvmtui.core.migration import MovePlan, Room, StorageWay, Subject, Verdict
from kvmtui.core.text import safe
from kvmtui.core.units import hhmmss, size
from kvmtui.core.verdict import verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kvmtui.commands.base import Answers, Reach, Scene, Target
    from kvmtui.core.inventory import HostEntry

ROOM_SECONDS = 10.0
"""How long a host has to say what it has; it is asked beside the others."""
REASONS_SHOWN = 2
WAYS = {"auto": None, "yes": StorageWay.COPY, "no": StorageWay.SHARED}
"""What a person may choose of the storage; None leaves it to the facts."""


class Offer(NamedTuple):
    """What one host said when it was asked to take a VM."""

    entry: HostEntry
    room: Room | None = None  # None: it was not asked, or did not answer
    address: str = ""  # at which the VM's host reaches it, "" when that is not known
    refusal: str = ""  # why there is no room to judge


class Case(NamedTuple):
    """A VM that is to be moved, and what all other hosts said."""

    target: Target
    subject: Subject
    later: Subject  # the same, read once more after the hosts were asked
    offers: Mapping[str, Offer]  # by host

    def machine(self, host: str) -> str:
        """Return the UUID of the machine that said it for a host, "" when that is not known."""
        state = self.offers[host].entry.state
        return state.host.uuid if state is not None else ""

    def verdict(self, host: str, answers: Answers) -> Verdict | None:
        """Judge the move to a host; None when that host said nothing."""
        offer = self.offers.get(host)
        if offer is None or offer.room is None:
            return None
        way = WAYS.get(str(answers.get("copy-storage", "auto")))
        return verdict(self.subject, offer.room, later=self.later, storage=way, source=self.target.host, target=host)

    def refusal(self, host: str, answers: Answers) -> tuple[str, str]:
        """Return why the VM cannot go to a host, and what mends it; "" when it can."""
        if host == self.target.host:
            return f"{safe(self.subject.name)} is on {safe(host)} already.", ""
        judged = self.verdict(host, answers)
        if judged is None:
            offer = self.offers.get(host)
            return (offer.refusal if offer is not None else f"There is no other host {safe(host)}."), ""
        shown = judged.obstacles[:REASONS_SHOWN]
        if not shown:
            return "", ""
        if len(judged.obstacles) == 1:
            return shown[0].text, shown[0].hint
        more = len(judged.obstacles) - len(shown)
        also = f" And there {'are' if more > 1 else 'is'} {more} more." if more else ""
        told = (f"({number}) {one.text} {one.hint}".strip() for number, one in enumerate(shown, 1))
        return f"{' '.join(told)}{also}", ""


async def read_case(scene: Scene, reach: Reach, target: Target, hosts: Iterable[str] | None = None) -> Case:
    """Ask the VM's host about the VM, and these hosts (None: all others) what they have for it, all at once.

    Raises BackendError when the VM's own host does not say.
    """
    source = reach(target.host).migration
    uri = reach(target.host).uri
    subject = await source.subject(target.uuid)
    entries = [one for one in scene.fleet.hosts if one.name != target.host and (hosts is None or one.name in hosts)]
    found = await asyncio.gather(*(_asked(scene, reach, entry, subject, uri) for entry in entries))
    asked = any(offer.room is not None for offer in found)
    later = await source.subject(target.uuid) if asked else subject
    return Case(target, subject, later, {offer.entry.name: offer for offer in found})


async def _asked(scene: Scene, reach: Reach, entry: HostEntry, subject: Subject, uri: str) -> Offer:
    """Ask one host; never longer than it has."""
    if not entry.condition.is_answering:
        why = f": {safe(entry.condition.why)}" if entry.condition.why else ""
        return Offer(entry, refusal=f"{entry.condition.kind.value} since {hhmmss(entry.condition.since)}{why}")
    locked = guard(scene, entry)
    if locked.refusal:
        return Offer(entry, refusal=f"{locked.refusal} {locked.hint}".strip())
    try:
        migration = reach(entry.name).migration
        async with asyncio.timeout(ROOM_SECONDS):
            room = await migration.room(subject)
    except TimeoutError:
        return Offer(entry, refusal=f"it did not answer within {ROOM_SECONDS:.0f} s")
    except KvmtuiError as error:
        return Offer(entry, refusal=str(error))
    if entry.state is not None and entry.state.host.uuid.lower() != room.host_uuid.lower():
        return Offer(entry, refusal="it is another machine than the one that was shown: look again")
    return Offer(entry, _less_what_comes(scene, entry, subject, room), migration.address_for(uri))


def _less_what_comes(scene: Scene, entry: HostEntry, subject: Subject, room: Room) -> Room:
    """Return the room without the memory that other VMs of ours, on their way to that host, are still to take."""
    if room.memory_free is None:
        return room
    free = float(room.memory_free)
    for ref, moving in scene.fleet.moving.items():
        # Of two that begin at the same instant one counts the other, and not both each other.
        is_before = moving.percent is not None or ref.uuid < subject.uuid
        if ref.host == entry.name and not moving.leaving and ref.uuid != subject.uuid and is_before:
            vm = scene.fleet.vm(VmRef(moving.host, ref.uuid))
            if vm is not None and vm.is_active:
                free -= promised(vm) * (100.0 - (moving.percent or 0.0)) / 100.0
    return replace(room, memory_free=max(0, int(free)))


def plan_of(case: Case, host: str, answers: Answers) -> tuple[MovePlan, Verdict]:
    """Return how the VM is moved to a host; raises Refused when it cannot be, or when its risk was not agreed to."""
    name, there = safe(case.subject.name), safe(host)
    refusal, hint = case.refusal(host, answers)
    judged = case.verdict(host, answers)
    if refusal or judged is None:
        raise Refused(f"{name} cannot be moved to {there}: {refusal}", hint=hint)
    if judged.unsafe and answers.get("unsafe") is not True:
        raise Refused(
            f"{name} is not moved to {there} before you agree to this: {judged.unsafe}",
            hint="Agree to it in the form, or say --unsafe.",
        )
    to_uri = str(answers.get("via") or "") or case.offers[host].address
    if not to_uri:
        raise Refused(
            f"At which address {safe(case.target.host)} reaches {there} is not known: the one that kvmtui uses is"
            " for this machine alone.",
            hint="Say it as --via, as in qemu+ssh://root@hv2.example/system.",
        )
    bandwidth = str(answers.get("bandwidth") or "")
    plan = MovePlan(
        to_uri=to_uri,
        live=case.subject.state.is_active,
        storage=judged.storage,
        copied=judged.copied,
        carried=judged.carried,
        unsafe=bool(judged.unsafe),
        persistent=case.subject.persistent,
        bandwidth=int(bandwidth) if bandwidth else None,
    )
    return plan, judged


def virsh_of(target: Target, plan: MovePlan) -> str:
    """Return the virsh line that does the same."""
    options = ["--live", "--p2p", "--abort-on-error", "--auto-converge"] if plan.live else ["--offline", "--p2p"]
    if plan.persistent:
        options += ["--persistent", "--undefinesource"]
    if plan.copied:
        options += ["--copy-storage-all", "--migrate-disks", ",".join(plan.copied)]
    if plan.unsafe:
        options.append("--unsafe")
    if plan.bandwidth is not None:
        options += ["--bandwidth", str(plan.bandwidth)]
    return line(target, "migrate", *options, vm_word(target), plan.to_uri)


def lines_of(case: Case, host: str, plan: MovePlan) -> tuple[str, ...]:
    """Return all virsh lines: libvirt takes neither read-only disks nor autostart along."""
    there = case.target._replace(host=host, uri=case.offers[host].entry.uri)
    room = case.offers[host].room
    lines: list[str] = []
    for disk in case.subject.disks:
        if disk.target in plan.carried and room is not None:
            folder, _, name = disk.source.rpartition("/")
            lines.append(line(case.target, "vol-download", disk.source, *word("--file", name)))
            lines += upload_lines(there, name, room.pools[folder][0])
    lines.append(virsh_of(case.target, plan))
    if case.subject.autostart:
        lines.append(vm_line(there, "autostart"))
    return tuple(lines)


def copied_bytes(case: Case, judged: Verdict) -> int:
    """Return about how many bytes of disks are copied, as far as that is known."""
    if judged.storage is not StorageWay.COPY:
        return 0
    disks = [disk for disk in case.subject.disks if disk.target in judged.copied]
    return sum(disk.allocation or disk.capacity or 0 for disk in disks)


def storage_words(case: Case, judged: Verdict) -> str:
    """Return what happens to the disks, a few words; "" for a VM without any."""
    if judged.storage is StorageWay.COPY:
        disks = [disk for disk in case.subject.disks if disk.target in judged.copied]
        return f"copies {', '.join(safe(disk.target) for disk in disks)} ({size(copied_bytes(case, judged))})"
    return "shares its disks" if judged.storage is StorageWay.SHARED else ""
