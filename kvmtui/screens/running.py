"""The `:` line: a command by name with its targets, or a place to go to; and what it can be completed to."""

from __future__ import annotations

import shlex
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kvmtui.commands import registry
from kvmtui.commands.base import FieldKind, Noun, Target
from kvmtui.commands.naming import find_all
from kvmtui.core.errors import KvmtuiError, NotFound, Refused
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmtui.commands.base import Answer, Command
    from kvmtui.core.inventory import Fleet
    from kvmtui.screens.asking import Asking
    from kvmtui.screens.page import Page

PLACES = ("fleet", "vms", "hosts", "tasks", "log")
OTHERS = ("quit", "help", "theme", "consoles")
COMPLETIONS = 200


class Surface(Protocol):
    """What running a line needs of the app."""

    @property
    def fleet(self) -> Fleet: ...
    @property
    def page(self) -> Page | None: ...
    @property
    def available_themes(self) -> Iterable[str]: ...
    def action_go(self, name: str) -> None: ...
    def action_leave(self) -> None: ...
    def action_help(self) -> None: ...
    def action_show_consoles(self) -> None: ...
    def choose_theme(self, name: str) -> None: ...
    def open_host(self, host: str) -> None: ...
    def tell(self, text: str, *, bad: bool = False) -> None: ...


class Line(NamedTuple):
    """A line that was understood."""

    command: Command
    targets: tuple[Target, ...]
    hidden: tuple[Target, ...]
    answers: dict[str, Answer] | None


class Runner:
    """Runs what was entered after `:`."""

    def __init__(self, surface: Surface, asking: Asking) -> None:
        self._surface = surface
        self._asking = asking

    def run(self, text: str) -> None:
        """Do what a line says, or say what is wrong with it."""
        try:
            words = shlex.split(text)
        except ValueError:
            self._surface.tell("A quotation mark is not closed.", bad=True)
            return
        if not words or self._went(words):
            return
        try:
            line = self._understood(words)
        except KvmtuiError as error:
            self._surface.tell(str(error), bad=True)
            return
        self._asking.begin(line.command, line.targets, line.hidden, line.answers)

    def _went(self, words: list[str]) -> bool:
        """Go where the first word says, if it is a place."""
        surface, name = self._surface, words[0].lower()
        if name in PLACES:
            surface.action_go(name)
        elif name in ("q", "quit", "exit"):
            surface.action_leave()
        elif name == "help":
            surface.action_help()
        elif name == "consoles":
            surface.action_show_consoles()
        elif name == "theme" and len(words) == 2:
            surface.choose_theme(words[1])
        else:
            return False
        return True

    def _understood(self, words: list[str]) -> Line:
        command = self._command(words[0])
        names, answers = self._parted(command, words[1:])
        page = self._surface.page
        if command.interview is not None and not names:
            names = [self._host(answers)]
        if names:
            return Line(command, self._named(command, names), (), answers)
        if page is None or page.noun() is not command.noun:
            raise Refused(f"{command.label} needs the name of a {command.noun.word}.")
        targets, hidden = page.targets(), page.hidden_targets()
        if not targets and not hidden:
            raise Refused("Nothing is selected.")
        return Line(command, targets, hidden, answers)

    def _host(self, answers: dict[str, Answer] | None) -> str:
        """Return the host that is meant: the one that is named, of what is selected, or the first."""
        named = str((answers or {}).get("host") or "")
        page = self._surface.page
        here = page.host_here() if page is not None else None
        return named or here or next((entry.name for entry in self._surface.fleet.hosts), "")

    def _command(self, word: str) -> Command:
        page = self._surface.page
        here = page.noun() if page is not None else Noun.VM
        for noun in (here, *(noun for noun in Noun if noun is not here)):
            command = registry.by_name(noun, word)
            if command is not None:
                return command
        near = get_close_matches(word, {name for row in registry.ALL for name in (row.verb, *row.aliases)}, n=1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise NotFound(f"There is no command {safe(word)}.", hint=f"{meant}? and ctrl-p list them.")

    def _parted(self, command: Command, words: list[str]) -> tuple[list[str], dict[str, Answer] | None]:
        """Part the names of targets from `--option value` and from a lone answer, as in `:unlock hv1 15m`."""
        questions = {question.name: question for question in command.questions}
        answers: dict[str, Answer] = {}
        names: list[str] = []
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if not word.startswith("--"):
                names.append(word)
                continue
            name, equals, value = word[2:].partition("=")
            question = questions.get(name)
            denied = questions.get(name.removeprefix("no-"))
            if question is None and denied is not None and denied.kind is FieldKind.FLAG:
                answers[denied.name] = False
                continue
            if question is None:
                raise Refused(f"{command.label} has no option {safe(word)}.")
            if question.kind is FieldKind.FLAG:
                answers[name] = True
                continue
            if not equals:
                if not rest:
                    raise Refused(f"{safe(word)} needs a value.")
                value = rest.pop(0)
            answers[name] = tuple(value.split(",")) if question.kind is FieldKind.SOME else value
        if len(names) > 1 and command.noun is Noun.HOST and len(questions) == 1:
            answers.setdefault(next(iter(questions)), names.pop())
        return names, answers or None

    def _named(self, command: Command, names: list[str]) -> tuple[Target, ...]:
        fleet = self._surface.fleet
        if command.noun is Noun.VM:
            return tuple(Target.of_vm(found.entry, found.vm) for found in find_all(fleet, names))
        if command.noun is Noun.HOST:
            targets = []
            for name in names:
                entry = fleet.host(name)
                if entry is None:
                    raise NotFound(f"There is no host {safe(name)}.")
                targets.append(Target.of_host(entry))
            return tuple(targets)
        tasks = {task.id: task for task in fleet.tasks}
        missing = [name for name in names if name not in tasks]
        if missing:
            raise NotFound(f"There is no task {safe(missing[0])}.")
        return tuple(Target.of_task(tasks[name]) for name in names)

    def complete(self, text: str) -> Sequence[str]:
        """Return the whole texts that `text` can become."""
        head, space, last = text.rpartition(" ")
        if not space:
            words = sorted({*PLACES, *OTHERS, *(command.verb for command in registry.ALL)})
            return [word for word in words if word.startswith(text)]
        first = head.split()[0] if head.split() else ""
        if first == "theme":
            return [f"{head} {name}" for name in sorted(self._surface.available_themes) if name.startswith(last)]
        names = self._names(first)
        return [f"{head} {shlex.quote(name)}" for name in names if name.startswith(last)][:COMPLETIONS]

    def _names(self, verb: str) -> list[str]:
        fleet = self._surface.fleet
        if registry.by_name(Noun.VM, verb) is None and registry.by_name(Noun.HOST, verb) is not None:
            return [entry.name for entry in fleet.hosts]
        found = [(entry.name, vm.name) for entry, vm in fleet.vms()]
        counts: dict[str, int] = {}
        for _, name in found:
            counts[name] = counts.get(name, 0) + 1
        return sorted(name if counts[name] == 1 else f"{host}/{name}" for host, name in found)
