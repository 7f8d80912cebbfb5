"""What can be done to a VM: one row for each, in the order in which menus show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.commands import definition, deletion, migrate_row, moving_fields, power
from kvmtui.commands.base import Command, Level, Noun
from kvmtui.commands.console import CONSOLE
from kvmtui.commands.display import DISPLAY
from kvmtui.commands.judge import ACTIVE, ANY, FINE, INACTIVE, Finding, VmJudge, resumable, transient
from kvmtui.commands.keycodes import chords_in
from kvmtui.commands.start_check import move_known, start_check
from kvmtui.commands.virsh import vm_line, word
from kvmtui.core.inventory import VmState
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.commands.base import Answers, Scene, Target
    from kvmtui.core.inventory import HostEntry, Vm

RUNNING = frozenset({VmState.RUNNING})
SHOWN = ACTIVE - {VmState.STOPPING}
MOVED = frozenset({VmState.RUNNING, VmState.PAUSED, VmState.OFF})


def _says(verb: str, *options: str) -> Callable[[Target, Answers], str]:
    """Return what writes the virsh line of a verb without answers."""

    def written(target: Target, _answers: Answers) -> str:
        return vm_line(target, verb, *options)

    return written


def _says_mode(verb: str) -> Callable[[Target, Answers], str]:
    """Return what writes the virsh line of a verb with a mode."""

    def written(target: Target, answers: Answers) -> str:
        mode = answers.get("mode", "default")
        return vm_line(target, verb, *(() if mode == "default" else ("--mode", str(mode))))

    return written


def _send_key_line(target: Target, answers: Answers) -> str:
    chords = chords_in(str(answers.get("keys") or power.KEYS.initial))
    return " && ".join(vm_line(target, "send-key", *(key.linux for key in chord)) for chord in chords)


def _has_saved(_scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
    return FINE if vm.saved else Finding(f"{safe(vm.name)} has no saved state.")


def _autostarts(*, wanted: bool) -> Callable[[Scene, HostEntry, Vm], Finding]:
    """Return the check that refuses what is so already."""

    def check(_scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
        if vm.autostart is not wanted:
            return FINE
        already = "already starts with its host" if wanted else "does not start with its host as it is"
        return Finding(f"{safe(vm.name)} {already}.")

    return check


def _is(state: VmState) -> Callable[[Vm | None], bool]:
    """Return the proof that a VM came to a state."""

    def proof(vm: Vm | None) -> bool:
        return vm is not None and vm.state is state

    return proof


def _starts_with_host(vm: Vm | None) -> bool:
    return vm is not None and vm.autostart


def _starts_not_with_host(vm: Vm | None) -> bool:
    return vm is not None and not vm.autostart


def _saved_away(vm: Vm | None) -> bool:
    return vm is not None and vm.saved and not vm.is_active


def _nothing_saved(vm: Vm | None) -> bool:
    return vm is not None and not vm.saved


POWER = (
    Command(
        "vm.start",
        Noun.VM,
        ("x", "s"),
        "start",
        "Start the VM; one with a saved state goes on from there. It must not run, nor a disk of it be in use, "
        "on any configured host; other hosts cannot be checked.",
        VmJudge(Level.EASY, INACTIVE, "started", goal=VmState.RUNNING, checks=(start_check,)),
        power.start,
        _says("start"),
        aliases=("on", "restore"),
        proof=_is(VmState.RUNNING),
        level=Level.EASY,
    ),
    Command(
        "vm.shutdown",
        Noun.VM,
        ("x", "d"),
        "shut down",
        "Ask the guest to shut down, and wait until it is off.",
        VmJudge(Level.ORDINARY, RUNNING, "shut down", goal=VmState.OFF, checks=(transient,)),
        power.shut_down,
        _says_mode("shutdown"),
        aliases=("shut-down", "stop"),
        questions=(power.MODE, power.TIMEOUT),
        proof=power.is_off,
    ),
    Command(
        "vm.reboot",
        Noun.VM,
        ("x", "r"),
        "reboot",
        "Ask the guest to reboot.",
        VmJudge(Level.ORDINARY, RUNNING, "rebooted"),
        power.reboot,
        _says_mode("reboot"),
        aliases=("restart",),
        questions=(power.MODE,),
    ),
    Command(
        "vm.pause",
        Noun.VM,
        ("x", "p"),
        "pause",
        "Stop the VM's CPUs; its memory stays as it is.",
        VmJudge(Level.ORDINARY, RUNNING, "paused", goal=VmState.PAUSED),
        power.pause,
        _says("suspend"),
        aliases=("suspend",),
        proof=_is(VmState.PAUSED),
    ),
    Command(
        "vm.resume",
        Noun.VM,
        ("x", "u"),
        "resume",
        "Let a paused VM go on.",
        VmJudge(Level.EASY, frozenset({VmState.PAUSED}), "resumed", goal=VmState.RUNNING, checks=(resumable,)),
        power.resume,
        _says("resume"),
        aliases=("unpause", "continue"),
        proof=_is(VmState.RUNNING),
        level=Level.EASY,
    ),
    Command(
        "vm.wake",
        Noun.VM,
        ("x", "w"),
        "wake",
        "Wake a guest that put itself to sleep.",
        VmJudge(Level.EASY, frozenset({VmState.SUSPENDED}), "woken", goal=VmState.RUNNING),
        power.wake,
        _says("dompmwakeup"),
        aliases=("dompmwakeup",),
        proof=_is(VmState.RUNNING),
        level=Level.EASY,
    ),
    Command(
        "vm.hibernate",
        Noun.VM,
        ("x", "h"),
        "hibernate",
        "Save the VM's memory to its host's disk and turn it off; its next start goes on from there.",
        VmJudge(
            Level.ORDINARY, frozenset({VmState.RUNNING, VmState.PAUSED}), "hibernated", goal=VmState.OFF, stored=True
        ),
        power.hibernate,
        _says("managedsave"),
        aliases=("managedsave", "save"),
        proof=_saved_away,
    ),
    Command(
        "vm.send-keys",
        Noun.VM,
        ("x", "k"),
        "send keys",
        "Press keys on the VM's keyboard, such as ctrl-alt-del.",
        VmJudge(Level.ORDINARY, RUNNING, "sent keys"),
        power.send_keys,
        _send_key_line,
        aliases=("send-key",),
        questions=(power.KEYS,),
    ),
    Command(
        "vm.force-off",
        Noun.VM,
        ("!", "f"),
        "force off",
        "Pull the VM's plug: its guest is not asked, and what it had not written is lost.",
        VmJudge(Level.FORCED, ACTIVE, "forced off", goal=VmState.OFF, checks=(transient,), in_job=True),
        power.force_off,
        _says("destroy"),
        aliases=("destroy", "off"),
        proof=power.is_off,
        level=Level.FORCED,
    ),
    Command(
        "vm.reset",
        Noun.VM,
        ("!", "r"),
        "hard reset",
        "Press the VM's reset button: its guest is not asked, and what it had not written is lost.",
        VmJudge(Level.FORCED, SHOWN, "reset"),
        power.reset,
        _says("reset"),
        level=Level.FORCED,
    ),
    Command(
        "vm.nmi",
        Noun.VM,
        ("!", "n"),
        "send an NMI",
        "Send the VM a non-maskable interrupt; many guests answer it with a crash dump.",
        VmJudge(Level.FORCED, RUNNING, "sent an NMI"),
        power.nmi,
        _says("inject-nmi"),
        aliases=("inject-nmi",),
        level=Level.FORCED,
    ),
    Command(
        "vm.drop-saved",
        Noun.VM,
        ("!", "k"),
        "drop saved state",
        "Throw the VM's saved memory away; its next start boots afresh, as after a power cut.",
        VmJudge(Level.FORCED, INACTIVE, "freed of its saved state", checks=(_has_saved,)),
        power.drop_saved,
        _says("managedsave-remove"),
        aliases=("managedsave-remove",),
        proof=_nothing_saved,
        level=Level.FORCED,
    ),
)

DEFINITION = (
    Command(
        "vm.autostart-on",
        Noun.VM,
        ("x", "a"),
        "autostart on",
        "Start the VM whenever its host starts.",
        VmJudge(Level.EASY, ANY, "started with its host", checks=(_autostarts(wanted=True),), stored=True),
        definition.autostart_on,
        _says("autostart"),
        aliases=("autostart",),
        proof=_starts_with_host,
        level=Level.EASY,
    ),
    Command(
        "vm.autostart-off",
        Noun.VM,
        ("x", "n"),
        "autostart off",
        "No longer start the VM when its host starts.",
        VmJudge(Level.EASY, ANY, "kept from starting", checks=(_autostarts(wanted=False),), stored=True),
        definition.autostart_off,
        _says("autostart", "--disable"),
        aliases=("autostart-disable",),
        proof=_starts_not_with_host,
        level=Level.EASY,
    ),
    Command(
        "vm.rename",
        Noun.VM,
        None,
        "rename",
        "Give a VM that is off another name.",
        VmJudge(Level.ORDINARY, INACTIVE, "renamed", checks=(definition.renamable,), stored=True),
        definition.rename,
        lambda target, answers: vm_line(target, "domrename", *word("--new-name", str(answers.get("name", "")))),
        aliases=("domrename",),
        questions=(definition.NAME,),
        ask=definition.ask_name,
        many=False,
    ),
    Command(
        "vm.describe",
        Noun.VM,
        None,
        "describe",
        "Set the VM's title and description, which travel with it.",
        VmJudge(Level.EASY, ANY, "described"),
        definition.describe,
        definition.describe_line,
        aliases=("desc", "note"),
        questions=(definition.TITLE, definition.DESCRIPTION),
        ask=definition.ask_text,
        many=False,
        level=Level.EASY,
    ),
    Command(
        "vm.tags",
        Noun.VM,
        None,
        "tags",
        "Set the VM's tags, which travel with it and can be filtered by.",
        VmJudge(Level.EASY, ANY, "tagged"),
        definition.set_tags,
        definition.tags_line,
        aliases=("tag", "metadata"),
        questions=(definition.TAGS,),
        ask=definition.ask_tags,
        many=False,
        key="#",
        level=Level.EASY,
    ),
    Command(
        "vm.delete",
        Noun.VM,
        ("!", "d"),
        "delete",
        "Delete the VM's definition and, if chosen, its NVRAM, snapshots, saved state and disks, for ever.",
        VmJudge(Level.LOSS, INACTIVE, "deleted", checks=(deletion.leftovers,), stored=True),
        deletion.delete,
        deletion.delete_line,
        aliases=("undefine", "remove"),
        questions=(deletion.NVRAM, deletion.SNAPSHOTS, deletion.SAVED, deletion.DISKS),
        ask=deletion.ask,
        narrow=deletion.narrow,
        level=Level.LOSS,
    ),
)

MOVE = (
    Command(
        "vm.migrate",
        Noun.VM,
        None,
        "move",
        "Move the VM to another host: while it goes on, or its definition when it is off. "
        "Both hosts are asked first whether it can go there, and at the end whether it has arrived.",
        VmJudge(Level.ORDINARY, MOVED, "moved", checks=(move_known, migrate_row.movable)),
        migrate_row.move,
        migrate_row.virsh_line,
        aliases=("move",),
        questions=moving_fields.QUESTIONS,
        survey=migrate_row.survey,
        interview_all=migrate_row.interview,
        toward=moving_fields.TO.name,
        key="m",
    ),
)

VM = (*POWER, *CONSOLE, *DISPLAY, *MOVE, *DEFINITION)
