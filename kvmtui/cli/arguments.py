"""Reads the command line; the verbs of `kvmtui vm` and their options are made from the commands' rows."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from kvmtui import __version__
from kvmtui.cli.output import write
from kvmtui.cli.parser import Parser, Verbs
from kvmtui.commands.base import Command, FieldKind, Noun, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTS = ("hosts", "vms", "tasks")
SHELLS = ("bash", "zsh", "fish")
NAMES = ("hosts", "places", "vms")  # what the scripts ask for while somebody types
_LEVELS = ("debug", "info", "warning", "error")
_NEGATED = re.compile(r"-([A-Za-z][A-Za-z0-9_+-]*)(?:!=|>=|<=|[:=><])")
_SIZE = re.compile(r"\d+[xX]\d+\Z")
_EPILOG = """\
examples:
  kvmtui -c qemu+ssh://root@hv1/system     open a host over ssh
  kvmtui vms state:running 'cpu>80'        list what works hard
  kvmtui vm start web-1                    start a VM
  kvmtui doctor                            say what is wrong, and what mends it

exit codes: 0 done, 1 failed or refused, 2 usage, 3 no host reached, 4 outcome unknown, 5 some of several failed"""
_COMPLETED = """\
where it goes:
  bash  ~/.local/share/bash-completion/completions/kvmtui
  zsh   ~/.zfunc/_kvmtui, with fpath=(~/.zfunc $fpath) before compinit
  fish  ~/.config/fish/completions/kvmtui.fish"""
_EXAMPLES = {
    "hosts": "'cpu>80' 'pool>90' -name:test",
    "vms": "'cpu>80' state:running -name:test",
    "tasks": "phase:failed vm:web-1 -user:root",
}
_SHIELD = "\0"  # cannot stand in an argument of a process


def parse(words: Sequence[str]) -> argparse.Namespace | None:
    """Return what was asked for; None when it was told already (`--help`, `--version`); raises UsageError."""
    if "--version" in words:
        write(f"kvmtui {__version__}\n")
        return None
    parser = _parser(frozenset(words))
    try:
        given = parser.parse_args([_plain_demo(words, at) or _shielded(words, at) for at in range(len(words))])
    except SystemExit:  # --help has written its text
        return None
    given.filter = [word.removeprefix(_SHIELD) for word in getattr(given, "filter", ())]
    return given


def _plain_demo(words: Sequence[str], at: int) -> str:
    """Keep `--demo vms` from taking the verb for a size."""
    follower = words[at + 1] if at + 1 < len(words) else ""
    return "--demo=" if words[at] == "--demo" and not _SIZE.match(follower) else ""


def _shielded(words: Sequence[str], at: int) -> str:
    """Keep argparse from taking the filter word `-name:test` for options."""
    found = _NEGATED.match(words[at])
    if found is None or not any(word in LISTS for word in words[:at]) or words[at - 1] in ("-c", "--connect"):
        return words[at]
    from kvmtui.core.fields import HOST_FIELDS, TASK_FIELDS, VM_FIELDS  # noqa: PLC0415 - only such a word needs them

    names = {
        name
        for fields in (HOST_FIELDS, TASK_FIELDS, VM_FIELDS)
        for field in fields
        for name in (field.name, *field.aliases)
    }
    return f"{_SHIELD}{words[at]}" if found[1].lower() in names else words[at]


def _parser(words: frozenset[str]) -> Parser:
    """Return what reads the command line; what may follow a noun is read only where the noun is among the words."""
    parser = Parser(
        prog="kvmtui",
        usage="kvmtui [OPTION...] [VERB ...]",
        description="Run KVM hosts and their virtual machines from the terminal. Without a verb it opens the screen.",
        epilog=_EPILOG,
    )
    parser.set_defaults(connect=[], connect_after=[], noun=None, verb=None)
    nouns = parser.add_verbs("noun", required=False)
    _add_common(parser, connect="connect", first=True)
    screen = parser.add_argument_group("the screen")
    screen.add_argument(
        "--demo", nargs="?", const="", metavar="HxV", help="a simulated fleet; 50x5000 is 50 hosts with 5000 VMs"
    )
    screen.add_argument("--theme", metavar="NAME", help="the screen's colours")
    screen.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    parser.add_rest().add_argument("--version", action="store_true", help="print the version")
    _add_lists(nouns)
    _add_vm(nouns, with_verbs="vm" in words)
    volume = nouns.add_parser(
        "volume",
        usage="kvmtui volume VERB FILE [OPTION...]",
        help="send a file to a pool of a host",
        description="Bring files into pools.",
    )
    if "volume" in words:
        verbs = volume.add_verbs("verb")
        _add_making(verbs, "volume.upload", lead="file")
    volume.add_rest()
    _add_doctor(nouns)
    _add_completion(nouns)
    return parser


def whole() -> Parser:
    """Return the parser with all that it can read."""
    return _parser(frozenset({"vm", "volume"}))


def _add_doctor(nouns: Verbs) -> None:
    text = "Say what this machine and the hosts can do, what is wrong there, and the command that mends it."
    doctor = nouns.add_parser(
        "doctor",
        usage="kvmtui doctor [OPTION...]",
        help="what is wrong here and on the hosts, and what mends it",
        description=text,
    )
    doctor.add_rest().add_argument("--json", action="store_true", help="print one JSON document")
    _add_common(doctor, connect="connect_after", first=False)


def _add_completion(nouns: Verbs) -> None:
    completion = nouns.add_parser(
        "completion",
        usage="kvmtui completion SHELL",
        help="complete its words in bash, zsh or fish",
        description="Print what completes kvmtui's words in a shell.",
        epilog=_COMPLETED,
    )
    text = f"{', '.join(SHELLS)}; for these scripts also {', '.join(NAMES)}: the names that are offered"
    completion.add_argument_group("for which").add_argument(
        "what", metavar="SHELL", choices=(*SHELLS, *NAMES), help=text
    )
    completion.add_rest()


def _add_common(parser: Parser, *, connect: str, first: bool) -> None:
    """Add what may stand before and after the verb; after it, only what is given counts."""
    missing = None if first else argparse.SUPPRESS
    group = parser.add_argument_group("which hosts, and how")
    group.add_argument(
        "-c",
        "--connect",
        dest=connect,
        action="append",
        metavar="URI",
        default=[] if first else argparse.SUPPRESS,
        help="a host: its address, or its name or group in the configuration (repeatable)",
    )
    group.add_argument(
        "--read-only", action="store_true", default=False if first else argparse.SUPPRESS, help="change nothing"
    )
    group.add_argument("--config", metavar="FILE", type=Path, default=missing, help="the configuration file")
    group.add_argument("--refresh", metavar="SECONDS", type=float, default=missing, help="how often hosts are read")
    group.add_argument(
        "--log-level",
        metavar="LEVEL",
        choices=_LEVELS,
        default=missing,
        help=f"what the log keeps: {', '.join(_LEVELS)}",
    )


def _add_lists(nouns: Verbs) -> None:
    for noun, what in zip(LISTS, ("hosts", "VMs", "tasks, from the journal"), strict=True):
        parser = nouns.add_parser(
            noun, usage=f"kvmtui {noun} [FILTER...] [OPTION...]", help=f"list {what}", description=f"List {what}."
        )
        shown = parser.add_argument_group("what is listed")
        shown.add_argument("filter", nargs="*", metavar="FILTER", help=f"words like {_EXAMPLES[noun]}")
        shown.add_argument("--columns", metavar="NAMES", help="which columns, with commas between, or all")
        shown.add_argument("--sort", metavar="NAME", help="by which column; --sort=-NAME reverses")
        shown.add_argument("--json", action="store_true", help="print one JSON document")
        if noun != "tasks":
            shown.add_argument("--rates", action="store_true", help="with --json: read twice, so that there are rates")
        if noun == "tasks":
            shown.add_argument("--limit", metavar="N", type=int, default=100, help="how many of the newest (100)")
        parser.add_rest()
        _add_common(parser, connect="connect_after", first=False)


def _add_vm(nouns: Verbs, *, with_verbs: bool) -> None:
    vm = nouns.add_parser(
        "vm",
        usage="kvmtui vm VERB VM... [OPTION...]",
        help="make, show or change VMs: kvmtui vm start web-1",
        description="Make, show or change VMs. A VM is NAME, HOST/NAME or a UUID.",
        epilog="`kvmtui vm VERB --help` tells a verb's options. What the screen would ask needs --yes here. "
        "virsh's words work too: destroy, undefine, managedsave ...",
    )
    if with_verbs:
        _add_verbs(vm)
    vm.add_rest()


def _add_verbs(vm: Parser) -> None:
    from kvmtui.commands.registry import of_noun  # noqa: PLC0415 - kept off the way to the screen and to `--version`

    verbs = vm.add_verbs("verb")
    for name, text in (
        ("show", "Show all that is known of VMs."),
        ("display", "Say where VMs' screens are, and how to get there."),
    ):
        parser = verbs.add_parser(name, usage=_usage(name), help=_short(text), description=text)
        _add_targets(parser)
        parser.add_rest().add_argument("--json", action="store_true", help="print one JSON document")
        _add_common(parser, connect="connect_after", first=False)
    _add_making(verbs, "vm.create", lead="name")
    for command in of_noun(Noun.VM):
        if command.headless:
            _add_verb(verbs, command)


def _usage(verb: str) -> str:
    return f"kvmtui vm {verb} VM... [OPTION...]"


def _short(text: str) -> str:
    """Return a row's help as it stands in a list of verbs: its first clause."""
    clause = re.split(r"[;:.](?:\s|$)", text, maxsplit=1)[0]
    return clause[:1].lower() + clause[1:]


def _add_making(verbs: Verbs, id_: str, *, lead: str) -> None:
    """Add a verb that makes something; the question `lead` is answered by a word of its own, or by its option."""
    from kvmtui.commands.registry import by_id  # noqa: PLC0415 - kept off the way to the screen and to `--version`

    command = by_id(id_)
    if command is None:
        return
    noun = id_.partition(".")[0]
    parser = verbs.add_parser(
        command.verb,
        usage=f"kvmtui {noun} {command.verb} [{lead.upper()}] [OPTION...]",
        help=_short(command.help),
        description=command.help,
    )
    parser.set_defaults(command=command, lead=lead)
    answers = parser.add_argument_group("what is made" if noun == "vm" else "what is sent, and where")
    answers.add_argument("lead_word", nargs="?", metavar=lead.upper(), help=f"the {lead}, as --{lead}")
    for question in command.questions:
        _add_question(answers, question)
    how = parser.add_rest()
    how.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    how.add_argument("--yes", action="store_true", help="do it without being asked")
    how.add_argument("--json", action="store_true", help="print one JSON document")
    _add_common(parser, connect="connect_after", first=False)


def _add_targets(parser: Parser) -> None:
    group = parser.add_argument_group("which VMs")
    group.add_argument("vms", nargs="+", metavar="VM", help="a name, HOST/NAME or UUID")


def _add_verb(verbs: Verbs, command: Command) -> None:
    parser = verbs.add_parser(
        command.verb,
        usage=_usage(command.verb),
        aliases=[alias for alias in command.aliases if alias != command.verb],
        help=_short(command.help),
        description=command.help,
    )
    parser.set_defaults(command=command)
    _add_targets(parser)
    if command.questions:
        answers = parser.add_argument_group("its own options")
        for question in command.questions:
            _add_question(answers, question)
    how = parser.add_rest()
    how.add_argument("--yes", action="store_true", help="do it without being asked")
    how.add_argument("--json", action="store_true", help="print one JSON document")
    _add_common(parser, connect="connect_after", first=False)


def _add_question(parser: argparse._ArgumentGroup, question: Question) -> None:
    """Make an option of a question; what is not given stays out of the namespace."""
    flag, text = f"--{question.name}", question.help.replace("%", "%%")
    dest = f"answer_{question.name}"
    if question.kind is FieldKind.FLAG and question.initial is True:
        both = argparse.BooleanOptionalAction
        parser.add_argument(flag, dest=dest, action=both, default=argparse.SUPPRESS, help=text)
    elif question.kind is FieldKind.FLAG:
        parser.add_argument(flag, dest=dest, action="store_true", default=argparse.SUPPRESS, help=text)
    elif question.kind is FieldKind.ONE and question.choices:
        choices = [choice.value for choice in question.choices] or None  # None: a host says them
        name = None if choices else question.name.upper()
        parser.add_argument(flag, dest=dest, choices=choices, metavar=name, default=argparse.SUPPRESS, help=text)
    else:
        name = "A,B" if question.kind is FieldKind.SOME else question.name.upper()
        parser.add_argument(flag, dest=dest, metavar=name, default=argparse.SUPPRESS, help=text)


def answers_of(given: argparse.Namespace, command: Command) -> dict[str, str | bool | tuple[str, ...]]:
    """Return what the options answer, by the question's name."""
    answers: dict[str, str | bool | tuple[str, ...]] = {}
    for question in command.questions:
        value = getattr(given, f"answer_{question.name}", None)
        if value is None:
            continue
        some = question.kind is FieldKind.SOME
        answers[question.name] = tuple(filter(None, value.split(","))) if some else value
    return answers
