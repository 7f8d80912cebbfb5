"""Scripts that complete kvmtui's words in bash, zsh and fish, made from what the parser reads.

Words of the program stand in the script. Names of hosts come from the configuration and names of VMs from the journal,
by `kvmtui completion hosts` and the like: no host is asked while somebody types. Only plain names are offered, since a
name may be anything and a shell takes some for more than a name.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from typing import TYPE_CHECKING, NamedTuple

from kvmtui import paths
from kvmtui.cli.arguments import SHELLS, whole
from kvmtui.cli.output import Exit, write
from kvmtui.core.errors import KvmtuiError
from kvmtui.core.fields import HOST_FIELDS, TASK_FIELDS, VM_FIELDS
from kvmtui.core.inventory import TaskPhase
from kvmtui.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kvmtui.cli.parser import Parser

HOSTS, PLACES, VMS, FILES, FREE = "<hosts>", "<places>", "<vms>", "<files>", "<free>"
"""What may stand in a place, beside the words of a list."""
REMEMBERED = 500  # tasks of the journal whose VMs are offered
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}\Z")
_KINDS: dict[str, str | tuple[str, ...]] = {
    "connect": PLACES,
    "connect_after": PLACES,
    "config": FILES,
    "theme": ("kvmtui", "kvmtui-light", "high-contrast", "colour-blind", "ansi"),
    "what": SHELLS,
    "vms": VMS,
    "answer_host": HOSTS,
    "answer_to": HOSTS,
}
_KINDS |= {f"answer_{name}": FILES for name in ("file", "devices")}
_FIELDS = {
    "hosts": tuple(field.name for field in HOST_FIELDS),
    "vms": tuple(field.name for field in VM_FIELDS),
    "tasks": tuple(field.name for field in TASK_FIELDS),
}


class Option(NamedTuple):
    """An option, by all its names; `takes` is FREE and the like, or the words to choose from, () for nothing."""

    names: tuple[str, ...]
    help: str
    takes: str | tuple[str, ...]


class Place(NamedTuple):
    """Where somebody may be in a command line: behind `path`, in one of the ways in which that is written."""

    path: str  # "vm start"; "" at the beginning
    written: tuple[str, ...]  # the last word of the path, and its other names
    verbs: tuple[tuple[str, str], ...]  # with their help
    options: tuple[Option, ...]
    follows: str | tuple[str, ...]  # what is no option


def places() -> list[Place]:
    """Return all places, each before those that it leads to."""
    return list(_places(whole(), "", ("",)))


def _places(parser: Parser, path: str, written: tuple[str, ...]) -> Iterator[Place]:
    options, verbs = [], []
    follows: str | tuple[str, ...] = ()
    under: dict[str, list[str]] = {}
    chosen: dict[str, Parser] = {}
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to look at what it reads
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            verbs = [(each.dest, each.help or "") for each in action._get_subactions()]  # noqa: SLF001 - the same
            for name, one in action.choices.items():
                under.setdefault(one.prog, []).append(name)
            chosen = {one.prog: one for one in action.choices.values()}
        elif action.option_strings:
            options.append(Option(tuple(action.option_strings), action.help or "", _takes(action, path)))
        else:
            follows = FILES if (path, action.dest) == ("volume upload", "lead_word") else _takes(action, path)
    yield Place(path, written, tuple(verbs), tuple(options), follows)
    for prog, names in under.items():
        yield from _places(chosen[prog], f"{path} {names[0]}".strip(), tuple(names))


def _takes(action: argparse.Action, path: str) -> str | tuple[str, ...]:
    if action.nargs == 0 or (action.option_strings and action.nargs == "?"):
        return ()  # of `--demo vms` the second word is a verb
    if action.dest in ("columns", "sort") and path in _FIELDS:
        return (*_FIELDS[path], "all") if action.dest == "columns" else _FIELDS[path]
    if action.dest not in _KINDS and action.choices is not None:
        return tuple(map(str, action.choices))
    return _KINDS.get(action.dest, FREE)


# --- names ----------------------------------------------------------------------------------------


def _table(name: str) -> dict[str, object]:
    """Return a table of the configuration; of one that cannot be read, none."""
    try:
        found = tomllib.loads(paths.config_file().read_text("utf-8")).get(name)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _hosts() -> Iterable[str]:
    """Return the names of hosts in the configuration."""
    return _table("hosts")


def _places_to_open() -> Iterable[str]:
    """Return the names of hosts and groups in the configuration."""
    hosts = _table("hosts")
    yield from (*hosts, *_table("groups"))
    for host in hosts.values():
        groups = host.get("groups") if isinstance(host, dict) else None
        yield from (name for name in groups if isinstance(name, str)) if isinstance(groups, list) else ()


def _vms() -> Iterable[str]:
    """Return the names of VMs that something was done to, those of the newest tasks first."""
    try:
        tasks = Journal(paths.journal_file()).read(REMEMBERED)
    except (OSError, KvmtuiError):
        return []
    newest: dict[str, bool] = {}
    for task in sorted(tasks, key=lambda task: task.started, reverse=True):
        newest.setdefault(task.vm, task.command == "vm.delete" and task.phase is TaskPhase.DONE)
    return [name for name, is_deleted in newest.items() if not is_deleted]


def plain(names: Iterable[str]) -> list[str]:
    """Return those that a shell takes for a name and nothing else."""
    return [name for name in dict.fromkeys(names) if _PLAIN.match(name)]


def complete(what: str) -> int:
    """Print the script for a shell, or names, one a line."""
    scripts = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    names = {"hosts": _hosts, "places": _places_to_open, "vms": _vms}
    lines = plain(names[what]()) if what in names else list(scripts[what](places()))
    write("".join(f"{line}\n" for line in lines))
    return Exit.DONE


# --- scripts --------------------------------------------------------------------------------------


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _walk(found: list[Place]) -> Iterator[str]:
    """Yield the branches that find out where somebody is, for bash and zsh."""
    values = sorted({name for place in found for one in place.options if one.takes for name in one.names})
    yield f"            */{' | */'.join(values)}) ((at++)) ;;"
    for place in found[1:]:
        above = place.path.rpartition(" ")[0]
        ways = " | ".join(f'"{above}/{name}"' for name in place.written)
        yield f'            {ways}) place="{place.path}" ;;'


def _values(found: list[Place]) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Yield the patterns of "PLACE OPTION" with what the option takes; what holds everywhere once."""
    for place in found:
        for one in place.options:
            if one.takes:
                yield " | ".join(f'"{place.path} {name}"' for name in one.names), one.takes


def _bash(found: list[Place]) -> Iterator[str]:
    yield from (
        "# Completes the words of kvmtui in bash; printed by `kvmtui completion bash`.",
        "_kvmtui_names() {",
        "    local name",
        "    while read -r name; do",
        '        [[ $name == "$2"* ]] && COMPREPLY+=("$name")',
        '    done < <(kvmtui completion "$1" 2>/dev/null)',
        "}",
        "_kvmtui_take() {",
        "    local word",
        '    case "$1" in',
        f'        "{HOSTS}") _kvmtui_names hosts "$2" ;;',
        f'        "{PLACES}") _kvmtui_names places "$2" ;;',
        f'        "{VMS}") _kvmtui_names vms "$2" ;;',
        f'        "{FILES}")',
        "            compopt -o filenames 2>/dev/null",
        '            while read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$2")',
        "            ;;",
        f'        "{FREE}") ;;',
        "        *)",
        "            # What stands before a comma stays as it is.",
        "            local last=${2##*,}",
        '            while read -r word; do COMPREPLY+=("${2%"$last"}$word"); done < <(compgen -W "$1" -- "$last")',
        "            ;;",
        "    esac",
        "}",
        "_kvmtui() {",
        "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} place= at",
        "    COMPREPLY=()",
        "    # bash makes three words of --to=hv1.",
        "    if [[ $current == = ]]; then current=",
        "    elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi",
        "    for ((at = 1; at < COMP_CWORD; at++)); do",
        '        case "$place/${COMP_WORDS[at]}" in',
        *_walk(found),
        "        esac",
        "    done",
        '    case "$place $before" in',
    )
    for pattern, takes in _values(found):
        words = takes if isinstance(takes, str) else " ".join(takes)
        yield f'        {pattern}) _kvmtui_take "{words}" "$current"; return ;;'
    yield from ("    esac", '    case "$place" in')
    for place in found:
        options = " ".join(name for one in place.options for name in one.names)
        names = " ".join(name for name, _ in place.verbs)
        follows = place.follows if isinstance(place.follows, str) else " ".join(place.follows)
        yield f'        "{place.path}")'
        yield f'            if [[ $current == -* ]]; then _kvmtui_take "{options}" "$current"'
        yield f'            else _kvmtui_take "{names or follows}" "$current"; fi'
        yield "            ;;"
    yield from ("    esac", "}", "complete -F _kvmtui kvmtui")


def _described(pairs: Iterable[tuple[str, str]]) -> str:
    return " ".join(_quoted(f"{name}:{text}") for name, text in pairs)


def _zsh(found: list[Place]) -> Iterator[str]:
    yield from (
        "#compdef kvmtui",
        "# Completes the words of kvmtui in zsh; printed by `kvmtui completion zsh`.",
        "_kvmtui_take() {",
        '    case "$1" in',
        f'        "{HOSTS}") compadd -- ${{(f)"$(kvmtui completion hosts 2>/dev/null)"}} ;;',
        f'        "{PLACES}") compadd -- ${{(f)"$(kvmtui completion places 2>/dev/null)"}} ;;',
        f'        "{VMS}") compadd -- ${{(f)"$(kvmtui completion vms 2>/dev/null)"}} ;;',
        f'        "{FILES}") _files ;;',
        f'        "{FREE}") ;;',
        "        *) compset -P '*,'; compadd -- ${=1} ;;",
        "    esac",
        "}",
        "_kvmtui() {",
        '    local before="${words[CURRENT-1]}" place= at',
        "    local -a found",
        "    if [[ \"$PREFIX\" == --*=* ]]; then before=${PREFIX%%=*}; compset -P '*='; fi",
        "    for ((at = 2; at < CURRENT; at++)); do",
        '        case "$place/${words[at]}" in',
        *_walk(found),
        "        esac",
        "    done",
        '    case "$place $before" in',
    )
    for pattern, takes in _values(found):
        words = takes if isinstance(takes, str) else " ".join(takes)
        yield f'        {pattern}) _kvmtui_take "{words}"; return ;;'
    yield from ("    esac", '    case "$place" in')
    for place in found:
        yield f'        "{place.path}")'
        options = ((name, one.help.replace("%%", "%")) for one in place.options for name in one.names)
        yield f'            if [[ "$PREFIX" == -* ]]; then found=({_described(options)}); _describe option found'
        if place.verbs:
            yield f"            else found=({_described(place.verbs)}); _describe verb found; fi"
        else:
            follows = place.follows if isinstance(place.follows, str) else " ".join(place.follows)
            yield f'            else _kvmtui_take "{follows}"; fi'
        yield "            ;;"
    yield from (
        "    esac",
        "}",
        'if [[ "$funcstack[1]" == _kvmtui ]]; then _kvmtui "$@"; else compdef _kvmtui kvmtui; fi',
    )


def _fish(found: list[Place]) -> Iterator[str]:
    values = sorted({name for place in found for one in place.options if one.takes for name in one.names})
    yield from (
        "# Completes the words of kvmtui in fish; printed by `kvmtui completion fish`.",
        "function __kvmtui_at",
        "    set -l place ''",
        "    set -l skips no",
        "    for word in (commandline -opc)[2..-1]",
        "        if test $skips = yes",
        "            set skips no",
        "            continue",
        "        end",
        '        switch "$place/$word"',
        f"            case {' '.join(_quoted('*/' + name) for name in values)}",
        "                set skips yes",
    )
    for place in found[1:]:
        above = place.path.rpartition(" ")[0]
        yield f"            case {' '.join(_quoted(f'{above}/{name}') for name in place.written)}"
        yield f"                set place {_quoted(place.path)}"
    yield from ("        end", "    end", '    test "$place" = "$argv[1]"', "end", "complete -c kvmtui -f")
    for place in found:
        when = f"complete -c kvmtui -n {_quoted(f'__kvmtui_at {_quoted(place.path)}')}"
        for name, text in place.verbs:
            yield f"{when} -a {name} -d {_quoted(text)}"
        if place.follows:
            yield f"{when}{_fish_words(place.follows)}"
        for one in place.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in one.names)
            words = _fish_words(one.takes, listed="--columns" in one.names)
            takes = "" if not one.takes else f" {'-r' if one.takes == FILES else '-x'}{words}"
            yield f"{when} {names}{takes} -d {_quoted(one.help.replace('%%', '%'))}"


def _fish_words(takes: str | tuple[str, ...], *, listed: bool = False) -> str:
    """Return what may stand in a place, as options of fish's `complete`; `listed` with commas between."""
    if isinstance(takes, tuple) and listed:
        every = ",".join(takes)
        return " -a " + _quoted(f"(__fish_complete_list , 'string split , {every}')")
    if isinstance(takes, tuple):
        return f" -a {_quoted(' '.join(takes))}"
    return {
        HOSTS: " -a '(kvmtui completion hosts 2>/dev/null)'",
        PLACES: " -a '(kvmtui completion places 2>/dev/null)'",
        VMS: " -a '(kvmtui completion vms 2>/dev/null)'",
        FILES: " -F",
        FREE: "",
    }[takes]
