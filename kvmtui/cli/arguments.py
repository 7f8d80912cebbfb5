"""Reads the command line; the verbs of `kvmtui vm` and their options are made from the commands' rows."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kvmtui import __version__
from kvmtui.cli.output import UsageError
from kvmtui.commands.base import Command, FieldKind, Noun, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

LISTS = ("hosts", "vms", "tasks")
_LEVELS = ("debug", "info", "warning", "error")
_NEGATED = re.compile(r"-([A-Za-z][A-Za-z0-9_+-]*)(?:!=|>=|<=|[:=><])")
_SIZE = re.compile(r"\d+[xX]\d+\Z")
_SHIELD = "\0"  # cannot stand in an argument of a process


class _Parser(argparse.ArgumentParser):
    """Raises instead of leaving, so that an error can be told as JSON too."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the command line."""
        sentence = message[:1].upper() + message[1:]
        raise UsageError(f"{sentence.rstrip('.')}.", usage=self.format_usage())


def parse(words: Sequence[str]) -> argparse.Namespace | None:
    """Return what was asked for; None when it was told already (`--help`, `--version`); raises UsageError."""
    if "--version" in words:
        sys.stdout.write(f"kvmtui {__version__}\n")
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


def _parser(words: frozenset[str]) -> _Parser:
    """Return what reads the command line; what may follow a noun is read only where the noun is among the words."""
    parser = _Parser(
        prog="kvmtui",
        description="Run KVM hosts and their virtual machines from the terminal. Without a verb it opens the screen.",
        epilog="Exit: 0 done, 1 failed or refused, 2 usage, 3 no host reached, 4 outcome unknown, "
        "5 some of several failed.",
        allow_abbrev=False,
    )
    parser.set_defaults(connect=[], connect_after=[], noun=None, verb=None)
    parser.add_argument("--version", action="store_true", help="print the version")
    _add_common(parser, connect="connect", first=True)
    parser.add_argument(
        "--demo", nargs="?", const="", metavar="HxV", help="a simulated fleet, e.g. 50x5000: 50 hosts, 5000 VMs"
    )
    parser.add_argument("--theme", metavar="NAME", help="the screen's colours")
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")
    nouns = parser.add_subparsers(dest="noun", metavar="VERB", parser_class=_Parser)
    _add_lists(nouns)
    text = "Say what this machine and the hosts can do, what is wrong there, and the command that mends it."
    doctor = nouns.add_parser(
        "doctor", help="say what is wrong, and what mends it", description=text, allow_abbrev=False
    )
    _add_common(doctor, connect="connect_after", first=False)
    doctor.add_argument("--json", action="store_true", help="print one JSON document")
    vm = nouns.add_parser("vm", help="show or change VMs", description="Show or change VMs.", allow_abbrev=False)
    if "vm" in words:
        _add_verbs(vm)
    volume = nouns.add_parser(
        "volume", help="bring files into pools", description="Bring files into pools.", allow_abbrev=False
    )
    if "volume" in words:
        verbs = volume.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
        _add_making(verbs, "volume.upload", lead="file")
    return parser


def _add_common(parser: argparse.ArgumentParser, *, connect: str, first: bool) -> None:
    """Add what may stand before and after the verb; after it, only what is given counts."""
    missing = None if first else argparse.SUPPRESS
    parser.add_argument(
        "-c",
        "--connect",
        dest=connect,
        action="append",
        metavar="URI",
        default=[] if first else argparse.SUPPRESS,
        help="a host: its address, or its name or group in the configuration (repeatable)",
    )
    parser.add_argument(
        "--read-only", action="store_true", default=False if first else argparse.SUPPRESS, help="change nothing"
    )
    parser.add_argument("--config", metavar="FILE", type=Path, default=missing, help="the configuration file")
    parser.add_argument("--refresh", metavar="SECONDS", type=float, default=missing, help="how often hosts are read")
    parser.add_argument("--log-level", choices=_LEVELS, default=missing, help="what the log file keeps")


def _add_lists(nouns: argparse._SubParsersAction[_Parser]) -> None:
    for noun, what in zip(LISTS, ("hosts", "VMs", "tasks, from the journal"), strict=True):
        parser = nouns.add_parser(noun, help=f"list {what}", description=f"List {what}.", allow_abbrev=False)
        _add_common(parser, connect="connect_after", first=False)
        parser.add_argument("filter", nargs="*", help="filter words, e.g. 'cpu>80' state:running -name:test")
        parser.add_argument("--columns", metavar="NAMES", help="which columns, with commas between, or all")
        parser.add_argument("--sort", metavar="NAME", help="by which column; --sort=-NAME reverses")
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        if noun != "tasks":
            parser.add_argument("--rates", action="store_true", help="with --json: read twice, so that there are rates")
        if noun == "tasks":
            parser.add_argument("--limit", metavar="N", type=int, default=100, help="how many of the newest (100)")


def _add_verbs(vm: argparse.ArgumentParser) -> None:
    from kvmtui.commands.registry import of_noun  # noqa: PLC0415 - kept off the way to the screen and to `--version`

    verbs = vm.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser)
    show = verbs.add_parser("show", help="Show all that is known of VMs.", allow_abbrev=False)
    _add_targets(show)
    display = verbs.add_parser("display", help="Say where VMs' screens are, and how to get there.", allow_abbrev=False)
    _add_targets(display)
    for command in of_noun(Noun.VM):
        if command.headless:
            _add_verb(verbs, command)
    _add_making(verbs, "vm.create", lead="name")


def _add_making(verbs: argparse._SubParsersAction[_Parser], id_: str, *, lead: str) -> None:
    """Add a verb that makes something; the question `lead` is answered by a word of its own, or by its option."""
    from kvmtui.commands.registry import by_id  # noqa: PLC0415 - kept off the way to the screen and to `--version`

    command = by_id(id_)
    if command is None:
        return
    parser = verbs.add_parser(
        command.verb,
        help=command.help.partition(";")[0].rstrip("."),
        description=command.help,
        allow_abbrev=False,
    )
    parser.set_defaults(command=command, lead=lead)
    _add_common(parser, connect="connect_after", first=False)
    parser.add_argument("lead_word", nargs="?", metavar=lead.upper(), help=f"the {lead}, as --{lead}")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--yes", action="store_true", help="do it without being asked")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    for question in command.questions:
        _add_question(parser, question)


def _add_targets(parser: argparse.ArgumentParser) -> None:
    _add_common(parser, connect="connect_after", first=False)
    parser.add_argument("vms", nargs="+", metavar="VM", help="a name, HOST/NAME or UUID")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _add_verb(verbs: argparse._SubParsersAction[_Parser], command: Command) -> None:
    parser = verbs.add_parser(
        command.verb,
        aliases=[alias for alias in command.aliases if alias != command.verb],
        help=command.help.partition(";")[0].rstrip("."),
        description=command.help,
        allow_abbrev=False,
    )
    parser.set_defaults(command=command)
    _add_targets(parser)
    parser.add_argument("--yes", action="store_true", help="do it without being asked")
    for question in command.questions:
        _add_question(parser, question)


def _add_question(parser: argparse.ArgumentParser, question: Question) -> None:
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
        name = "A,B" if question.kind is FieldKind.SOME else "TEXT"
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
