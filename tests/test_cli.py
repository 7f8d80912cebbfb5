"""The command line: what it reads, what it does to a simulated fleet, what it prints, and its exit codes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from kvmtui import __version__, cli
from kvmtui.backend.demo import World, parse, world_of
from kvmtui.cli import headless
from kvmtui.cli.act import code_for
from kvmtui.cli.arguments import parse as parse_words
from kvmtui.cli.output import Exit, UsageError
from kvmtui.commands.base import Noun
from kvmtui.commands.naming import find
from kvmtui.commands.registry import of_noun
from kvmtui.core.errors import BackendError, NotFound, Refused
from kvmtui.core.fields import HOST_FIELDS, TASK_FIELDS, VM_FIELDS, VmRow
from kvmtui.core.fields.field import natural
from kvmtui.core.filters import parse as parse_filter
from kvmtui.core.inventory import TaskPhase, VmState
from kvmtui.journal import Journal
from tests.commands.scenes import HOSTILE, NOW, OTHER, UUID, a_vm, entry, scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.config import Settings

seeds = count(1000)


class Done(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


class Shell:
    """Runs kvmtui on a simulated fleet of its own, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.uri = f"demo:///?seed={next(seeds)}&pace=0&faults=none"
        self.world: World = world_of(parse(self.uri)[0])

    def __call__(self, *words: str) -> Done:
        return self.bare("-c", self.uri, *words)

    def bare(self, *words: str) -> Done:
        code = cli.main(words)
        out, err = self._capsys.readouterr()
        return Done(code, out, err)

    def state(self, name: str) -> VmState:
        return self.world.vm(name).state


@pytest.fixture
def kvmtui(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setattr(headless, "QUICK", 0.2)
    yield Shell(capsys)
    from kvmtui.backend.demo import forget_worlds

    forget_worlds()


# --- what is told without a host ---


def test_the_version(kvmtui: Shell) -> None:
    assert kvmtui.bare("--version") == (0, f"kvmtui {__version__}\n", "")


PROGRAM = Path(sys.executable).with_name("kvmtui")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_the_output_is_one_sentence(unbuffered: str) -> None:
    for words in (
        ["--version"],
        ["vm", "--help"],
        ["completion", "bash"],
        ["--demo", "vms", "--json"],
        ["--demo", "hosts"],
        ["nonsense", "--json"],
    ):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [PROGRAM, *words],
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=90,
                check=False,
            )
        assert (done.returncode, done.stderr) == (
            1,
            "kvmtui: The output cannot be written: No space left on device.\n",
        ), words


def test_what_cannot_be_said_changes_neither_what_is_done_nor_the_exit_code(tmp_path: Path) -> None:
    codes = {"nonsense": 2, "--demo vm show nobody": 1, "--demo vm shutdown web-1 --yes": 0}
    for words, code in codes.items():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [PROGRAM, *words.split()],
                env={**os.environ, "PYTHONUNBUFFERED": "", "XDG_STATE_HOME": str(tmp_path)},
                stdout=subprocess.PIPE,
                stderr=full,
                text=True,
                timeout=90,
                check=False,
            )
        assert (done.returncode, done.stdout) == (code, "" if code else "web-1 is off.\n"), words


def test_an_empty_word_too_many_is_told(kvmtui: Shell) -> None:
    done = kvmtui.bare("doctor", "")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("kvmtui: Nothing is to stand behind that: a text that is empty.")


def test_an_option_in_the_wrong_place_is_told_where_it_stands(kvmtui: Shell) -> None:
    said = {
        ("vms", "--demo"): "--demo stands before the verb, as in `kvmtui --demo vms`.",
        ("doctor", "--demo"): "--demo stands before the verb, as in `kvmtui --demo vms`.",
        ("vms", "--theme", "nord"): "--theme is for the screen, which has no verb.",
        ("vms", "--bogus"): "There is no option --bogus here.",
        ("doctor", "web-1"): "Nothing is to stand behind that: web-1.",
    }
    for words, sentence in said.items():
        done = kvmtui.bare(*words)
        assert (done.code, done.out) == (2, "")
        assert sentence in done.err


def test_vms_stand_by_name_when_nobody_asks_for_another_order(kvmtui: Shell) -> None:
    names = [row["name"] for row in kvmtui("vms", "--json").document["vms"]]
    assert names == sorted(names, key=natural)
    assert len(names) > 1


def test_a_mistyped_column_is_guessed(kvmtui: Shell) -> None:
    done = kvmtui("vms", "--columns", "nmae")
    assert (done.code, done.err) == (2, "kvmtui: There is no column nmae. Did you mean name?\n")
    assert "There are name, state, host" in kvmtui("vms", "--sort", "qqqq").err


def test_a_journal_that_cannot_be_read_is_not_an_empty_one(
    kvmtui: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "kvmtui/journal.jsonl").mkdir(parents=True)
    done = kvmtui.bare("tasks")
    assert (done.code, done.out) == (1, "")
    assert done.err == f"kvmtui: The journal {tmp_path}/kvmtui/journal.jsonl cannot be read: Is a directory.\n"


def test_examples_of_filters_in_the_help_can_be_read(kvmtui: Shell) -> None:
    def example(noun: str) -> str:
        text = " ".join(kvmtui.bare(noun, "--help").out.split())
        return text.partition("words like ")[2].partition(" --columns")[0].replace("'", "")

    parse_filter(example("vms"), VM_FIELDS)
    parse_filter(example("hosts"), HOST_FIELDS)
    parse_filter(example("tasks"), TASK_FIELDS)


def test_help_names_the_verbs_and_the_exit_codes(kvmtui: Shell) -> None:
    done = kvmtui.bare("--help")
    assert done.code == 0
    for word in ("hosts", "vms", "tasks", "vm", "--demo", "--read-only", "4 outcome", "--no-mouse"):
        assert word in done.out


@pytest.mark.parametrize(
    "command", [command for command in of_noun(Noun.VM) if command.headless], ids=lambda command: command.verb
)
def test_every_row_is_a_verb_with_its_questions_as_options(kvmtui: Shell, command: Any) -> None:
    done = kvmtui.bare("vm", command.verb, "--help")
    assert done.code == 0
    assert "--yes" in done.out
    for question in command.questions:
        assert f"--{question.name}" in done.out
    for alias in command.aliases:
        given = parse_words(["vm", alias, "web-1", *(["--name", "x"] if command.verb == "rename" else [])])
        assert given is not None
        assert given.command is command


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("vm",),
        ("vm", "explode", "web-1"),
        ("vm", "start"),
        ("vm", "start", "web-1", "--nope"),
        ("vm", "shutdown", "web-1", "--timeout", "soon"),
        ("vm", "shutdown", "web-1", "--mode", "nicely"),
        ("vm", "rename", "web-1", "--yes"),
        ("vm", "rename", "web-1", "web-2", "--name", "x", "--yes"),
        ("vm", "delete", "web-1", "web-2", "--disks", "vda", "--yes"),
        ("vm", "send-keys", "web-1", "--keys", "ctrl-hell", "--yes"),
        ("vms", "--columns", "nope"),
        ("vms", "--sort", "nope"),
        ("vms", "cpu>much"),
        ("vms", "nope:1"),
        ("hosts", "name:'x"),
        ("tasks", "--limit", "0"),
        ("--refresh", "0", "vms"),
        ("--demo", "-c", "test:///default", "vms"),
        ("--config", "missing.toml", "vms"),
        ("-c", "gopher://x", "vms"),
        ("-c", "nohost", "vms"),
    ],
)
def test_a_wrong_command_line_is_said_and_nothing_is_asked_of_a_host(
    kvmtui: Shell, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def no_engine(_settings: Settings) -> None:
        pytest.fail("a host was asked")

    monkeypatch.setattr(headless, "Engine", no_engine)
    demo = () if {"-c", "--demo"} & set(words) else ("-c", kvmtui.uri)
    told = kvmtui.bare(*demo, *words)
    assert (told.code, told.out) == (Exit.USAGE, "")
    assert "kvmtui: " in told.err
    as_json = kvmtui.bare(*demo, *words, "--json")
    assert (as_json.code, as_json.err) == (Exit.USAGE, "")
    assert as_json.document["error"]


def test_options_count_before_and_after_the_verb() -> None:
    given = parse_words(["-c", "a:", "--read-only", "vms", "-c", "b:", "--refresh", "3", "--json"])
    assert given is not None
    assert (given.connect, given.connect_after) == (["a:"], ["b:"])
    assert (given.read_only, given.refresh, given.json) == (True, 3.0, True)
    later = parse_words(["vms", "--read-only"])
    assert later is not None
    assert later.read_only


@pytest.mark.parametrize(
    ("words", "size"), [(["--demo", "vms"], ""), (["--demo", "5x50", "vms"], "5x50"), (["vms"], None)]
)
def test_a_verb_is_no_size_of_the_demo(words: list[str], size: str | None) -> None:
    given = parse_words(words)
    assert given is not None
    assert (given.demo, given.noun) == (size, "vms")


def test_a_negated_filter_word_is_no_option() -> None:
    given = parse_words(["vms", "-host:hv1", "-cpu>80", "web", "-c", "demo:///", "--json"])
    assert given is not None
    assert given.filter == ["-host:hv1", "-cpu>80", "web"]
    assert given.connect_after == ["demo:///"]
    with pytest.raises(UsageError):
        parse_words(["vms", "-x"])


def test_without_a_terminal_the_screen_is_not_opened(kvmtui: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    done = kvmtui()
    assert done.code == Exit.FAILED
    assert "needs a terminal" in done.err


# --- lists ---


def test_vms_are_listed_and_aligned(kvmtui: Shell) -> None:
    done = kvmtui("vms", "host:hv1", "--columns", "name,state,host", "--sort=name")
    assert (done.code, done.err) == (0, "")
    head, *rows = done.out.splitlines()
    assert head.split() == ["VM", "STATE", "HOST"]
    place = head.index("STATE")
    names = [row[:place].strip() for row in rows]
    assert "web-1" in names
    assert names == sorted(names)
    assert all(row.rstrip() == row and row[place - 1] == " " for row in rows)


def test_the_order_can_be_reversed(kvmtui: Shell) -> None:
    there = kvmtui("vms", "--columns", "name", "--sort", "name").out.splitlines()[1:]
    back = kvmtui("vms", "--columns", "name", "--sort=-name").out.splitlines()[1:]
    assert back == there[::-1]


def test_vms_as_one_document_with_every_field(kvmtui: Shell) -> None:
    done = kvmtui("vms", "web-1", "-name:prod", "--json", "--rates")
    [vm] = done.document["vms"]
    assert done.document["errors"] == []
    assert set(vm) == {field.name for field in VM_FIELDS}
    assert (vm["name"], vm["host"], vm["state"], vm["uuid"]) == (
        "web-1", "hv1", "running", kvmtui.world.vm("web-1").uuid,
    )  # fmt: skip
    assert isinstance(vm["cpu"], float)


def test_hosts_are_listed_with_their_load(kvmtui: Shell) -> None:
    done = kvmtui("hosts", "--json", "--rates")
    assert [host["name"] for host in done.document["hosts"]] == ["hv1", "hv2", "hv3"]
    assert all(host["cpu"] is not None for host in done.document["hosts"])
    assert "hv2" in kvmtui("hosts", "--columns", "name,vms").out


def test_a_json_document_does_not_wait_for_rates_that_nobody_asked_for(kvmtui: Shell) -> None:
    (vm,) = kvmtui("vms", "web-1", "-name:prod", "--json").document["vms"]
    assert (vm["cpu"], vm["state"]) == (None, "running")
    (named,) = kvmtui("vms", "web-1", "-name:prod", "--json", "--columns", "cpu").document["vms"]
    assert isinstance(named["cpu"], float)
    assert kvmtui("vms", "cpu>=0", "web-1", "--json").document["vms"]


def test_nothing_that_matches_is_said_beside_the_output(kvmtui: Shell) -> None:
    done = kvmtui("vms", "name:nobody", "--columns", "name")
    assert (done.code, done.out, done.err) == (0, "", "kvmtui: No VMs match.\n")
    assert kvmtui("vms", "name:nobody", "--json").document["vms"] == []


def test_a_vm_is_shown_with_all_that_is_known(kvmtui: Shell) -> None:
    done = kvmtui("vm", "show", "web-1", "hv1/db-2")
    assert "52:54:00" in done.out
    assert "paused: pool full" in done.out
    document = kvmtui("vm", "show", "web-1", "--json").document
    assert document["vms"][0]["disk"][0]["target"] == "vda"


# --- hosts that do not answer ---


def test_a_host_that_refuses_is_said_and_the_rest_is_shown(kvmtui: Shell) -> None:
    kvmtui.world.faults.close_door("hv2")
    done = kvmtui("vms", "--columns", "name,host")
    assert done.code == 0
    assert "hv2" in done.err
    assert "web-1" in done.out
    assert "hv2" not in done.out
    document = kvmtui("vms", "--columns", "name", "--json").document
    assert [error["host"] for error in document["errors"]] == ["hv2"]


def test_without_any_host_there_is_a_sentence_and_exit_3(kvmtui: Shell) -> None:
    for host in ("hv1", "hv2", "hv3"):
        kvmtui.world.faults.close_door(host)
    for words in (("vms",), ("vm", "start", "mail"), ("vm", "show", "mail")):
        done = kvmtui(*words)
        assert (done.code, done.out) == (Exit.NO_HOST, "")
        assert "refused the connection" in done.err
        assert "refused the connection" in kvmtui(*words, "--json").document["error"]
    hosts = kvmtui("hosts", "--columns", "name", "--json")
    assert hosts.code == Exit.NO_HOST
    assert len(hosts.document["hosts"]) == len(hosts.document["errors"]) == 3


def test_a_host_that_says_nothing_is_waited_for_only_so_long(kvmtui: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headless, "REACH_WITHIN", 0.5)
    kvmtui.world.faults.silence("hv3")
    done = kvmtui("vms", "--columns", "name,host")
    assert done.code == 0
    assert "hv3" in done.err
    assert "hv1" in done.out


def test_no_libvirt_and_no_host_never_means_the_demo(kvmtui: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvmtui.host_choice import Machine

    monkeypatch.setattr(Machine, "look", classmethod(lambda cls: cls("here")))
    done = kvmtui.bare("vms")
    assert (done.code, done.out) == (Exit.NO_HOST, "")
    assert "no libvirt" in done.err


# --- which VM ---


@pytest.mark.parametrize("word", ["web-1", "hv1/web-1", UUID, UUID.upper(), f"hv1/{UUID}", "a/b"])
def test_ways_to_name_a_vm(word: str) -> None:
    name = word if word == "a/b" else "web-1"
    fleet = scene(entry(vms=[a_vm(name=name)]), entry("hv2", [a_vm(uuid=OTHER, name="db-1")])).fleet
    assert find(fleet, word).vm.uuid == UUID


def test_a_name_on_two_hosts_is_refused_with_both_written_out() -> None:
    fleet = scene(entry(vms=[a_vm()]), entry("hv2", [a_vm(uuid=OTHER)])).fleet
    with pytest.raises(Refused, match=r"web-1 is on several hosts: hv1/web-1, hv2/web-1\."):
        find(fleet, "web-1")
    assert find(fleet, "hv2/web-1").vm.uuid == OTHER
    same = scene(entry(vms=[a_vm()]), entry("hv2", [a_vm()])).fleet
    with pytest.raises(Refused):
        find(same, UUID)


def test_a_name_that_is_nowhere_says_which_hosts_were_not_heard() -> None:
    with pytest.raises(NotFound, match=r"Not heard: hv2\."):
        find(scene(entry(vms=[a_vm()]), entry("hv2", state=None)).fleet, "nobody")


# --- changes ---


def test_a_verb_without_questions_is_done(kvmtui: Shell) -> None:
    assert kvmtui("vm", "autostart-off", "web-1") == (0, "web-1 no longer starts with its host.\n", "")
    assert not kvmtui.world.vm("web-1").autostart


def test_what_the_screen_would_ask_is_refused_without_yes(kvmtui: Shell) -> None:
    done = kvmtui("vm", "shutdown", "web-1", "web-2")
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert "Not done without --yes: shut down hv1/web-1, hv1/web-2?" in done.err
    assert kvmtui.state("web-1") is VmState.RUNNING
    document = kvmtui("vm", "force-off", "web-1", "--json").document
    assert "--yes" in document["error"]
    assert kvmtui.state("web-1") is VmState.RUNNING


def test_yes_does_it(kvmtui: Shell) -> None:
    done = kvmtui("vm", "shutdown", "web-1", "--yes")
    assert (done.code, done.out) == (0, "web-1 is off.\n")
    assert kvmtui.state("web-1") is VmState.OFF


def test_virshs_name_for_a_verb_asks_the_same(kvmtui: Shell) -> None:
    assert kvmtui("vm", "destroy", "web-1").code == Exit.FAILED
    assert kvmtui("vm", "destroy", "web-1", "--yes").code == 0
    assert kvmtui.state("web-1") is VmState.OFF


def test_a_start_that_would_oversell_the_memory_says_so_and_asks(kvmtui: Shell) -> None:
    done = kvmtui("vm", "start", "mail")
    assert done.code == Exit.FAILED
    assert "could then want" in done.err
    assert kvmtui("vm", "start", "mail", "--yes").code == 0
    assert kvmtui.state("mail") is VmState.RUNNING


def test_a_refusal_says_why(kvmtui: Shell) -> None:
    done = kvmtui("vm", "start", "web-1")
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert "web-1 is already running." in done.err
    errors = kvmtui("vm", "start", "web-1", "--json").document["errors"]
    assert errors[0]["error"] == "web-1 is already running."


def test_some_of_several(kvmtui: Shell) -> None:
    done = kvmtui("vm", "pause", "web-1", "mail", "--yes")
    assert done.code == Exit.SOME_FAILED
    assert "web-1 is paused." in done.out
    assert "mail is off" in done.err


def test_a_name_that_is_not_there_stops_everything(kvmtui: Shell) -> None:
    done = kvmtui("vm", "pause", "web-1", "nobody", "--yes")
    assert done.code == Exit.FAILED
    assert "There is no VM nobody." in done.err
    assert kvmtui.state("web-1") is VmState.RUNNING


def test_read_only_changes_nothing(kvmtui: Shell) -> None:
    done = kvmtui("vm", "shutdown", "web-1", "--yes", "--read-only")
    assert done.code == Exit.FAILED
    assert "read-only" in done.err
    assert kvmtui.state("web-1") is VmState.RUNNING


def test_disks_are_deleted_only_when_they_are_named(kvmtui: Shell) -> None:
    vm = kvmtui.world.vm("mail")
    disks = [disk.target for disk in vm.disks if disk.device == "disk"]
    assert kvmtui("vm", "delete", "mail").code == Exit.FAILED
    done = kvmtui("vm", "delete", "mail", "--yes", "--disks", disks[0])
    assert done.code == 0
    assert f"{disks[0]} (" in done.out
    assert disks[1] not in done.out
    with pytest.raises(NotFound):
        kvmtui.world.vm("mail")


def test_a_disk_that_is_not_there_is_refused(kvmtui: Shell) -> None:
    done = kvmtui("vm", "delete", "mail", "--yes", "--disks", "vdz")
    assert done.code == Exit.FAILED
    assert "vdz" in done.err
    assert kvmtui.world.vm("mail").disks


def test_what_is_not_said_stays_as_it_is(kvmtui: Shell) -> None:
    before = kvmtui.world.vm("web-frontend-prod-01")
    assert kvmtui("vm", "describe", before.name, "--title", "New").code == 0
    after = kvmtui.world.vm(before.name)
    assert (after.title, after.description) == ("New", before.description)
    assert kvmtui("vm", "tags", "web-1", "--tags", "a,b").code == 0
    assert kvmtui.world.vm("web-1").tags == ("a", "b")


def test_a_failure_of_the_host_is_told(kvmtui: Shell) -> None:
    kvmtui.world.faults.refuse(BackendError("The disk of mail is broken."), verb="start")
    done = kvmtui("vm", "start", "mail", "--yes")
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert "start mail: failed: The disk of mail is broken." in done.err
    task = kvmtui("vm", "start", "mail", "--yes", "--json").document["tasks"][0]
    assert (task["phase"], task["message"]) == ("failed", "The disk of mail is broken.")


def test_an_outcome_that_is_not_known(kvmtui: Shell) -> None:
    kvmtui.world.faults.patience = 0.01
    kvmtui.world.faults.lose_reply("hv1", verb="nmi", done=True)
    done = kvmtui("vm", "nmi", "web-1", "--yes", "--json")
    assert done.code == Exit.UNKNOWN
    assert done.document["tasks"][0]["phase"] == "unknown"


@pytest.mark.parametrize(
    ("phases", "refused", "code"),
    [
        ((TaskPhase.DONE,), 0, Exit.DONE),
        ((TaskPhase.DONE, TaskPhase.DONE), 0, Exit.DONE),
        ((TaskPhase.FAILED,), 0, Exit.FAILED),
        ((TaskPhase.REFUSED,), 0, Exit.FAILED),
        ((TaskPhase.CANCELLED,), 0, Exit.FAILED),
        ((), 2, Exit.FAILED),
        ((TaskPhase.UNKNOWN,), 0, Exit.UNKNOWN),
        ((TaskPhase.UNKNOWN, TaskPhase.DONE), 0, Exit.UNKNOWN),
        ((TaskPhase.UNKNOWN, TaskPhase.FAILED), 0, Exit.UNKNOWN),
        ((TaskPhase.DONE, TaskPhase.FAILED), 0, Exit.SOME_FAILED),
        ((TaskPhase.DONE,), 1, Exit.SOME_FAILED),
    ],
)
def test_exit_codes(phases: tuple[TaskPhase, ...], refused: int, code: Exit) -> None:
    assert code_for(phases, refused) is code


# --- tasks ---


def test_what_was_done_is_in_the_journal(kvmtui: Shell) -> None:
    kvmtui("vm", "autostart-off", "web-1")
    kvmtui("vm", "shutdown", "web-2", "--yes")
    tasks = kvmtui.bare("tasks", "--json").document["tasks"]
    assert [(task["vm"], task["phase"]) for task in tasks] == [("web-2", "done"), ("web-1", "done")]
    assert tasks[0]["virsh"].endswith("shutdown web-2")
    assert kvmtui.bare("tasks", "vm:web-1", "--limit", "5").out.count("\n") == 2


def test_a_task_whose_process_died_is_unknown(kvmtui: Shell) -> None:
    code = (
        "import os\n"
        "from kvmtui.core.inventory import TaskPhase, TaskView\n"
        "from kvmtui.journal import Journal\n"
        "Journal().begin(TaskView('9-1', 'vm.start', 'start', 'hv1', '', 'web-1', '', 'ann', TaskPhase.RUNNING, 1.0))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    [task] = kvmtui.bare("tasks", "--json").document["tasks"]
    assert (task["vm"], task["phase"]) == ("web-1", "unknown")


def test_no_tasks_yet(kvmtui: Shell) -> None:
    assert kvmtui.bare("tasks") == (0, "", "kvmtui: There are no tasks yet.\n")
    assert kvmtui.bare("tasks", "--json").document == {"tasks": []}
    assert Journal().read() == ()


# --- hostile text, pipes and keys ---


def test_a_hostile_name_reaches_no_terminal_and_stays_raw_in_json(kvmtui: Shell) -> None:
    host = kvmtui.world.host("hv1")
    guest = host.guests[kvmtui.world.vm("web-1").uuid]
    kvmtui.world.put(host, guest, replace(guest.vm, name=HOSTILE, title=HOSTILE, tags=(HOSTILE,), description=HOSTILE))
    uuid = guest.vm.uuid
    runs = [
        kvmtui("vms", "--columns", "all"),
        kvmtui("vm", "show", uuid),
        kvmtui("vm", "shutdown", uuid),
        kvmtui("vm", "shutdown", uuid, "--yes"),
        kvmtui("vm", "pause", HOSTILE, "--yes"),
        kvmtui("vm", "pause", f"{HOSTILE}x", "--yes"),
        kvmtui.bare("tasks", "--columns", "all"),
    ]
    for done in runs:
        for line in (done.out + done.err).split("\n"):
            assert not line or line.isprintable()
    documents = [kvmtui("vm", "show", uuid, "--json"), kvmtui.bare("tasks", "--json")]
    assert documents[0].document["vms"][0]["name"] == HOSTILE
    assert documents[1].document["tasks"][0]["vm"] == HOSTILE
    assert all(done.out.isascii() and "\x1b" not in done.out for done in documents)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_are_colours_but_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    from kvmtui.cli.output import Output

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "200")
    host = entry(vms=[a_vm(VmState.RUNNING, name="[red]web\x1b]0;x\x07[/red]")])
    row = VmRow(host, next(iter(host.state.vms.values())) if host.state else a_vm(), None, None, NOW)
    Output(json=False).table(VM_FIELDS[:3], [row])
    text = screen.getvalue()
    assert "[red]web\\x1b]0;x\\x07[/red]" in text
    assert "\x1b]" not in text
    assert "\x1b[32m" in text


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (BrokenPipeError, 141)])
def test_ctrl_c_and_a_reader_that_left_are_quiet(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: type[BaseException], code: int
) -> None:
    def fail(*_given: object) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    monkeypatch.setattr("os.dup2", lambda *_given: 0)
    assert cli.main(["vms"]) == code
    assert capfd.readouterr() == ("", "")


def test_a_pipe_that_closes_early_leaves_no_traceback() -> None:
    command = f"{sys.executable} -m kvmtui -c 'demo:///?hosts=2&vms=2000' vms --columns name | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "VM\n"
    assert done.stderr == ""


# --- a wrong word ---


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("vm strat web-1", "kvmtui vm start"),
        ("vm shutdwn web-1", "kvmtui vm shutdown"),
        ("start web-1", "kvmtui vm start"),
        ("destroy web-1", "kvmtui vm force-off"),
        ("host", "kvmtui hosts"),
        ("vn", "kvmtui vm"),
        ("volume uplaod x", "kvmtui volume upload"),
        ("docter", "kvmtui doctor"),
    ],
)
def test_an_unknown_verb_is_answered_with_the_nearest(kvmtui: Shell, words: str, meant: str) -> None:
    done = kvmtui.bare(*words.split())
    assert (done.code, done.out) == (Exit.USAGE, "")
    assert f"did you mean `{meant}`?" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "words", ["", "vm", "vm create", "vm shutdown", "vms", "volume upload", "doctor", "completion"]
)
def test_help_reads_well_at_80_columns(kvmtui: Shell, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = kvmtui.bare(*words.split(), "--help")
    assert done.code == 0
    lines = done.out.splitlines()
    assert max(map(len, lines)) < 80
    assert lines[0].startswith(f"usage: kvmtui {words}".rstrip())
    assert lines[1] == "", "the usage is one line"
    assert len(lines) <= 60


def test_without_libvirts_client_library_one_sentence_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['libvirtmod'] = None\n"
        "from kvmtui.cli import main; sys.exit(main(['vms', '-c', 'qemu+tcp://127.0.0.1:1/system']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (Exit.FAILED, "")
    (line,) = done.stderr.splitlines()
    assert "libvirt's client library cannot be loaded" in line
    assert "Install libvirt0" in line


def test_a_mistyped_vm_is_answered_with_the_nearest(kvmtui: Shell) -> None:
    done = kvmtui("vm", "start", "prometeus-1")
    assert done.code == Exit.FAILED
    assert "There is no VM prometeus-1. Did you mean prometheus-1?" in done.err
    assert kvmtui.world.calls == []
