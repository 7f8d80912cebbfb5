"""Each row is complete, and no two stand in each other's way."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from kvmtui.commands.base import Command, FieldKind, Level, Noun
from kvmtui.commands.registry import ALL, DEFAULT, LEADERS, by_chord, by_id, by_name, of_noun
from kvmtui.commands.table import markdown, renewed
from kvmtui.core.inventory import TaskPhase, TaskView, VmState
from kvmtui.core.text import safe
from tests.commands.scenes import HOSTILE, UUID, a_vm, entry, scene, target

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
VMS = of_noun(Noun.VM)
NEEDED: dict[str, dict[str, Any]] = {"vm.rename": {"name": "web-2"}, "vm.migrate": {"to": "hv2"}}


def test_ids_are_unique_and_begin_with_their_noun() -> None:
    assert len({command.id for command in ALL}) == len(ALL)
    for command in ALL:
        made = ("vm", "volume") if command.interview is not None else ()  # a host makes them, and is its target
        assert command.id in {f"{word}.{command.verb}" for word in (command.noun.value, *made)}
    assert all(by_id(command.id) is command for command in ALL)


def test_no_two_commands_of_a_noun_share_a_chord_or_a_name() -> None:
    for noun in Noun:
        chords = [command.chord for command in of_noun(noun) if command.chord]
        assert len(set(chords)) == len(chords)
        names = [name for command in of_noun(noun) for name in (command.verb, *command.aliases)]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.id)
def test_a_row_says_what_it_does(command: Command) -> None:
    assert command.label
    assert command.help.endswith(".")
    assert len(command.help) > 20
    for question in command.questions:
        assert question.help.endswith(".")
        assert question.label


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.id)
def test_the_leader_tells_how_much_a_command_asks(command: Command) -> None:
    if command.chord is None:
        return
    leader, letter = command.chord
    assert leader == ("!" if command.level >= Level.FORCED else "x")
    assert leader in LEADERS
    assert len(letter) == 1
    assert by_chord(command.noun, leader, letter) is command


def test_the_keys_are_those_of_the_guide() -> None:
    assert {letter for letter, _ in DEFAULT.menu(Noun.VM, "x")} == set("sdrpuwhank")
    assert {letter for letter, _ in DEFAULT.menu(Noun.VM, "!")} == set("frnkcd")
    assert {letter for letter, _ in DEFAULT.menu(Noun.HOST, "x")} == set("ro")
    tags = DEFAULT.by_key(Noun.VM, "#")
    assert tags is not None
    assert tags.id == "vm.tags"


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("destroy", "vm.force-off"),
        ("off", "vm.force-off"),
        ("suspend", "vm.pause"),
        ("managedsave", "vm.hibernate"),
        ("undefine", "vm.delete"),
        ("inject-nmi", "vm.nmi"),
        ("dompmwakeup", "vm.wake"),
        ("hard reset", "vm.reset"),
        ("vm.start", "vm.start"),
    ],
)
def test_a_command_is_found_by_the_name_that_virsh_has_for_it(name: str, id_: str) -> None:
    found = by_name(Noun.VM, name)
    assert found is not None
    assert found.id == id_


def test_the_guide_lists_every_command_as_it_is() -> None:
    text = PAGE.read_text("utf-8")
    for command in ALL:
        assert f"`{command.id}`" in text
    assert markdown() in text, "run: python -m kvmtui.commands.table docs/commands.md"
    assert renewed(text) == text


@pytest.mark.parametrize("command", VMS, ids=lambda command: command.id)
def test_the_virsh_line_names_host_and_vm(command: Command) -> None:
    answers = command.validate(NEEDED.get(command.id, {}))
    host = entry(vms=[a_vm()])
    for line in command.virsh(target(host), answers).split(" && "):
        words = shlex.split(line)
        assert words[:3] == ["virsh", "-c", "qemu+ssh://root@hv1/system"]
        assert "web-1" in words[3:]


@pytest.mark.parametrize("command", VMS, ids=lambda command: command.id)
@pytest.mark.parametrize("name", [HOSTILE, "-rf", "--all", "7", "a b", "'; reboot; '", UUID.replace("1", "2")])
def test_a_name_that_a_shell_or_virsh_could_misread_becomes_the_uuid(command: Command, name: str) -> None:
    answers = command.validate(NEEDED.get(command.id, {}))
    line = command.virsh(target(entry(vms=[a_vm(name=name)])), answers)
    assert UUID in shlex.split(line)
    assert safe(line, limit=1000) == line
    assert name not in shlex.split(line)


def test_answers_are_quoted_in_the_virsh_line() -> None:
    host = entry(vms=[a_vm()])
    rename, delete = by_id("vm.rename"), by_id("vm.delete")
    assert rename is not None
    assert delete is not None
    assert shlex.split(rename.virsh(target(host), {"name": "a'; reboot #"}))[-1] == "a'; reboot #"
    line = delete.virsh(target(host), {"nvram": True, "snapshots": True, "saved": True, "disks": ("vda", "vdb")})
    assert shlex.split(line)[3:] == [
        "undefine", "web-1", "--nvram", "--snapshots-metadata", "--checkpoints-metadata", "--managed-save",
        "--storage", "vda,vdb",
    ]  # fmt: skip


FIT: dict[str, dict[str, Any]] = {"vm.drop-saved": {"saved": True}, "vm.autostart-off": {"autostart": True}}


@pytest.mark.parametrize("command", VMS, ids=lambda command: command.id)
def test_the_level_that_a_row_shows_is_the_one_that_it_asks_at(command: Command) -> None:
    levels = set()
    for state in VmState:
        host = entry(vms=[a_vm(state, **FIT.get(command.id, {}))])
        judged = command.judge(scene(host, entry("hv2")), target(host))
        if judged.allowed:
            levels.add(judged.level)
    assert levels == {command.level}


def test_only_a_running_task_of_our_own_can_be_cancelled() -> None:
    cancel = by_id("task.cancel")
    assert cancel is not None
    task = TaskView("7", "vm.start", "start", "hv1", "", "web-1", UUID, "ann", TaskPhase.RUNNING, 0.0)
    there = target(entry(vms=[a_vm()]))._replace(uuid="7", name="start web-1")
    assert cancel.judge(scene(tasks=(task,)), there).level is Level.FORCED
    assert cancel.judge(scene(tasks=(task,)), there).allowed
    for phase in TaskPhase:
        ended = TaskView("7", "vm.start", "start", "hv1", "", "web-1", UUID, "ann", phase, 0.0)
        assert cancel.judge(scene(tasks=(ended,)), there).allowed is not phase.is_final
    foreign = TaskView("7", "vm.start", "start", "hv1", "", "web-1", UUID, "ann", TaskPhase.RUNNING, 0.0, ours=False)
    assert "ann" in cancel.judge(scene(tasks=(foreign,)), there).refusal
    assert not cancel.judge(scene(), there).allowed


def test_only_what_can_be_given_on_a_command_line_is_a_verb_there() -> None:
    assert {command.noun for command in ALL if command.headless and command.interview is None} == {Noun.VM}
    lists = {question.name for c in ALL for question in c.questions if question.kind is FieldKind.SOME}
    assert lists == {"disks", "keys"}
