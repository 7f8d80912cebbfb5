"""Deleting a VM: its definition, what the host keeps beside it, and those of its disks that were chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.commands.base import Choice, FieldKind, Question
from kvmtui.commands.judge import FINE, WORDS, Finding
from kvmtui.commands.uses import users
from kvmtui.commands.virsh import vm_line
from kvmtui.core.errors import BackendError, Refused
from kvmtui.core.text import safe
from kvmtui.core.units import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.backend.base import Backend, DiskUse
    from kvmtui.commands.base import Answers, Context, Scene, Target
    from kvmtui.core.inventory import HostEntry, Vm

PROOF_SECONDS = 10.0

NVRAM = Question(
    "nvram", "NVRAM and TPM state", FieldKind.FLAG, "Delete its UEFI variables and TPM state too.", initial=False
)
SNAPSHOTS = Question(
    "snapshots", "snapshots", FieldKind.FLAG, "Forget its snapshots; their data stays in the disks.", initial=False
)
SAVED = Question("saved", "saved state", FieldKind.FLAG, "Drop its saved memory.", initial=False)
DISKS = Question(
    "disks", "disks", FieldKind.SOME, "Delete these disks too, for ever, as in vda,vdb.", initial=(), alone=True
)


def leftovers(_scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
    """Say what else would be lost."""
    warnings = []
    if vm.snapshots:
        warnings.append(f"{safe(vm.name)} has {vm.snapshots} snapshots, which go with it.")
    if vm.saved:
        warnings.append(f"{safe(vm.name)} has a saved state, which goes with it.")
    return Finding(warnings=tuple(warnings)) if warnings else FINE


async def ask(backend: Backend, target: Target) -> tuple[Question, ...]:
    """Read what there is to delete, and who else on the host uses each disk."""
    vm = await backend.vm(target.uuid)
    uses = await backend.storage.disk_uses(target.uuid)
    questions = []
    if vm.nvram or vm.tpm:
        questions.append(NVRAM)
    if vm.snapshots:
        questions.append(SNAPSHOTS)
    if vm.saved:
        questions.append(SAVED)
    if uses:
        questions.append(replace(DISKS, choices=tuple(map(_choice, uses))))
    return tuple(questions)


def _choice(use: DiskUse) -> Choice:
    """Offer a disk, or say why it stays."""
    where = f"pool {safe(use.pool)}, {size(use.size)}" if use.pool else size(use.size)
    return Choice(use.target, f"{safe(use.target)} {safe(use.source)}", where, _blocked(use))


def _blocked(use: DiskUse) -> str:
    """Return why a disk cannot be deleted, "" when it can."""
    if use.users:
        return f"{', '.join(map(safe, use.users))} uses it"
    return "" if use.pool else "no active pool of the host holds it"


def elsewhere(scene: Scene, target: Target) -> dict[str, str]:
    """Return why disks must stay for the sake of VMs on any known host, by the disk's target."""
    entry, vm = scene.fleet.host(target.host), scene.fleet.vm(target.ref)
    if entry is None or vm is None:
        return {}
    reasons = {}
    for disk in vm.disks:
        others = users(scene.fleet, entry, vm, disk)
        if others:
            who = ", ".join(f"{safe(other.vm.name)} on {safe(other.entry.name)}" for other in others[:3])
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            reasons[disk.target] = f"{who}{more} uses it"
    return reasons


def narrow(scene: Scene, target: Target, questions: tuple[Question, ...]) -> tuple[Question, ...]:
    """Block the disks that VMs of other hosts use."""
    reasons = elsewhere(scene, target)

    def narrowed(question: Question) -> Question:
        choices = (
            choice if choice.blocked else choice._replace(blocked=reasons.get(choice.value, ""))
            for choice in question.choices
        )
        return replace(question, choices=tuple(choices))

    return tuple(map(narrowed, questions))


async def delete(context: Context, target: Target, answers: Answers) -> str:
    """Delete the definition, then each chosen disk, and say exactly what went and what did not."""
    chosen = answers["disks"]
    targets = chosen if isinstance(chosen, tuple) else ()
    name = safe(target.name)
    disks = await _checked(context, target, targets)
    _refuse(await context.backend.vm(target.uuid), name, answers)  # last: to look at the disks' users may take a while
    context.progress("deleting the definition")
    if disks:
        context.touches(*(disk.source for disk in disks))
    nvram = answers["nvram"] is True
    change = context.backend.definition.undefine(
        target.uuid, nvram=nvram, snapshots=answers["snapshots"] is True, saved=answers["saved"] is True
    )
    try:
        await change
    except BackendError as error:
        if not error.unknown or not await context.wait_for(lambda left: left is None, PROOF_SECONDS):
            raise
    await _see_it_gone(context, target, disks)
    gone, left = await _delete_disks(context, disks)
    told = [f"The definition of {name} was deleted", *(f"{what} was deleted" for what in gone), *left]
    sentence = f"{'; '.join(told)}."
    if left:
        raise BackendError(sentence, hint="See who uses the disk, and delete it as a volume of its pool.")
    return sentence


def _refuse(vm: Vm, name: str, answers: Answers) -> None:
    """Refuse what the hypervisor would only refuse half-way."""
    if vm.is_active:
        raise Refused(f"{name} is running: it is not deleted.", hint="Shut it down first.")
    if vm.snapshots and answers["snapshots"] is not True:
        raise Refused(
            f"{name} has {vm.snapshots} snapshots, which go with it.",
            hint="Choose to delete its snapshots (--snapshots).",
        )
    if vm.saved and answers["saved"] is not True:
        raise Refused(
            f"{name} has a saved state, which goes with it.", hint="Choose to drop its saved state (--saved)."
        )


async def _checked(context: Context, target: Target, targets: Sequence[str]) -> tuple[DiskUse, ...]:
    """Return the chosen disks, each read anew; refuse all when one of them must stay."""
    if not targets:
        return ()
    uses = {use.target: use for use in await context.backend.storage.disk_uses(target.uuid)}
    reasons = elsewhere(context.scene(), target)
    for disk in targets:
        if disk not in uses:
            raise Refused(f"{safe(target.name)} has no writable disk {safe(disk)}: nothing was deleted.")
        if blocked := _blocked(uses[disk]) or reasons.get(disk, ""):
            what = f"{safe(disk)} of {safe(target.name)}"
            raise Refused(f"{what} must stay, since {blocked}: nothing was deleted.", hint="Leave that disk out.")
    return tuple(uses[disk] for disk in dict.fromkeys(targets))


async def _see_it_gone(context: Context, target: Target, disks: Sequence[DiskUse]) -> None:
    """Raise BackendError when it is there all the same: one that was started meanwhile runs on, and needs its disks."""
    name, kept = safe(target.name), " Its disks were not deleted." if disks else ""
    try:
        vm = await context.look(target.host)
    except BackendError as error:
        if not disks:
            return
        text = f"The definition of {name} was deleted, but whether it runs could not be read: {safe(error.text)}{kept}"
        raise BackendError(
            text, hint="Delete the disks as volumes of their pool, once it is known to be gone."
        ) from error
    if vm is not None:
        meanwhile = f"it was started or defined meanwhile, and is {WORDS[vm.state]} on {safe(target.host)}."
        raise BackendError(f"The definition of {name} was deleted, but {meanwhile}{kept}", hint="Look at it again.")


async def _delete_disks(context: Context, disks: Sequence[DiskUse]) -> tuple[list[str], list[str]]:
    """Delete disk after disk; return those that went, and for each that did not a clause that says so."""
    gone: list[str] = []
    left: list[str] = []
    for number, disk in enumerate(disks):
        what = f"{safe(disk.target)} ({safe(disk.source)})"
        context.progress(f"deleting {what}", 100.0 * number / len(disks))
        try:
            await context.backend.storage.delete_disk(disk.source)
        except BackendError as error:
            why = safe(error.text).rstrip(".")
            left.append(
                f"whether {what} was deleted is not known: {why}" if error.unknown else f"{what} was not: {why}"
            )
        else:
            gone.append(what)
    return gone, left


def delete_line(target: Target, answers: Answers) -> str:
    """Return the virsh call that deletes the same."""
    options = ["--nvram" if answers.get("nvram") is True else "--keep-nvram"]
    if target.tpm:  # virsh knows these since 8.9 only
        options.append("--tpm" if answers.get("nvram") is True else "--keep-tpm")
    if answers.get("snapshots") is True:
        options += ["--snapshots-metadata", "--checkpoints-metadata"]
    if answers.get("saved") is True:
        options.append("--managed-save")
    disks = answers.get("disks")
    if isinstance(disks, tuple) and disks:
        options += ["--storage", ",".join(disks)]
    return vm_line(target, "undefine", *options)
