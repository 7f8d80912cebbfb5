"""What the command line reads, and what it says of words that it does not know."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from kvmtui import __version__
from kvmtui.cli import headless
from kvmtui.cli.arguments import parse as parse_words
from kvmtui.cli.output import Exit, UsageError
from kvmtui.commands.base import Noun
from kvmtui.commands.registry import of_noun
from kvmtui.core.fields import HOST_FIELDS, TASK_FIELDS, VM_FIELDS
from kvmtui.core.filters import parse as parse_filter

if TYPE_CHECKING:
    from kvmtui.config import Settings
    from tests.cli.shell import Shell


# --- what is told without a host ---


def test_the_version(kvmtui: Shell) -> None:
    assert kvmtui.bare("--version") == (0, f"kvmtui {__version__}\n", "")


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
