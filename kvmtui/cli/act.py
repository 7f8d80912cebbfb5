"""Changes VMs from the command line: the same rows, checks and questions as the screen's."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.cli.arguments import answers_of
from kvmtui.cli.output import Exit, UsageError
from kvmtui.commands.base import Answer, Command, Judgement, Level, Target
from kvmtui.commands.naming import find_all
from kvmtui.core.errors import KvmtuiError, Refused
from kvmtui.core.fields import TASK_FIELDS
from kvmtui.core.inventory import TaskPhase, TaskView
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping, Sequence

    from kvmtui.cli.output import Output
    from kvmtui.core.fields import Json
    from kvmtui.core.inventory import Fleet
    from kvmtui.engine import Engine


class Refusal(NamedTuple):
    """A VM that nothing was begun for, and why."""

    target: Target
    error: KvmtuiError


def check(given: Namespace) -> None:
    """Raise UsageError for what no host needs to be asked about."""
    command: Command = given.command
    answers = answers_of(given, command)
    for question in command.questions:
        # What a form would begin with is no answer to what must be said.
        if fault := question.fault(answers.get(question.name, question.initial)):
            raise UsageError(fault, hint=f"Use --{question.name}.")
    if len(given.vms) > 1 and not command.many:
        raise UsageError(f"{command.verb} takes one VM at a time.")
    alone = [question.name for question in command.questions if question.alone and question.name in answers]
    if len(given.vms) > 1 and alone:
        raise UsageError(f"--{alone[0]} goes with one VM at a time.")


async def act(given: Namespace, engine: Engine, output: Output) -> int:
    """Run a command on the VMs and say how each ended; raises before anything is done when it may not begin."""
    command: Command = given.command
    answers = answers_of(given, command)
    found = find_all(engine.fleet, given.vms)
    targets = [Target.of_vm(entry, vm) for entry, vm in found]
    judged = [(target, engine.judge(command, target)) for target in targets]
    refused = [Refusal(target, Refused(it.refusal, hint=it.hint)) for target, it in judged if not it.allowed]
    allowed = [(target, it) for target, it in judged if it.allowed]
    if not given.yes:
        _refuse_unasked(command, allowed)
    agreed = Level.LOSS if given.yes else Level.EASY
    chosen = [target for target, _ in allowed]
    if command.ask is None and command.survey is None:
        begun = engine.submit(command, chosen, answers, agreed=agreed)
    else:
        begun, more = await _begin_each(command, engine, chosen, answers, agreed)
        refused += more
    stop = engine.watch(_Teller(output, frozenset(begun))) if not output.json else lambda: None
    try:
        done = await engine.wait(begun)
    finally:
        stop()
    _tell(command, done, refused, output)
    return code_for([task.phase for task in done], len(refused))


def _refuse_unasked(command: Command, allowed: Sequence[tuple[Target, Judgement]]) -> None:
    """Refuse, without --yes, what the screen would ask about."""
    asking = [(target, it) for target, it in allowed if it.level >= Level.ORDINARY]
    if not asking:
        return
    names = ", ".join(f"{safe(target.host)}/{safe(target.name)}" for target, _ in asking[:10])
    more = f" and {len(asking) - 10} more" if len(asking) > 10 else ""
    warnings = " ".join(dict.fromkeys(warning for _, it in asking for warning in it.warnings))
    text = f"Not done without --yes: {command.label} {names}{more}? {warnings}".rstrip()
    raise Refused(text, hint="Say --yes to do it.")


async def _begin_each(
    command: Command, engine: Engine, targets: Sequence[Target], answers: Mapping[str, Answer], agreed: Level
) -> tuple[tuple[str, ...], list[Refusal]]:
    """Begin a command whose answers differ from VM to VM; return the tasks, and what was not begun."""
    begun: list[str] = []
    refused: list[Refusal] = []
    for target in targets:
        try:
            full = await _answered(command, engine, target, answers)
            begun += engine.submit(command, [target], full, agreed=agreed)
        except KvmtuiError as error:
            refused.append(Refusal(target, error))
    return tuple(begun), refused


async def _answered(
    command: Command, engine: Engine, target: Target, answers: Mapping[str, Answer]
) -> Mapping[str, Answer]:
    """Fill in, for what was not said, what the target has now; raises Refused for an answer that will not do."""
    questions = await command.asked(engine.scene(), engine.backend, target)
    full = {question.name: answers.get(question.name, question.initial) for question in questions}
    for question in questions:
        if fault := question.fault(full[question.name]):
            raise Refused(f"{safe(target.name)}: {fault}")
    return {**full, **answers}


class _Teller:
    """Says how far the tasks are, on the standard error, whenever their message changes."""

    def __init__(self, output: Output, ids: frozenset[str]) -> None:
        self._output = output
        self._ids = ids
        self._told: dict[str, str] = {}

    def __call__(self, fleet: Fleet) -> None:
        for task in fleet.tasks:
            running = task.id in self._ids and task.phase is TaskPhase.RUNNING and task.message
            if running and self._told.get(task.id) != task.message:
                self._told[task.id] = task.message
                percent = "" if task.percent is None else f"{task.percent:.0f} %  "
                self._output.note(f"{task.vm}: {percent}{task.message}")


def _tell(command: Command, done: Sequence[TaskView], refused: Sequence[Refusal], output: Output) -> None:
    """Say how each VM fared."""
    if output.json:
        tasks: list[Json] = [{field.name: field.json(task) for field in TASK_FIELDS} for task in done]
        errors: list[Json] = [
            {"host": one.target.host, "vm": one.target.name, "error": one.error.text, "hint": one.error.hint}
            for one in refused
        ]
        output.document({"tasks": tasks, "errors": errors})
        return
    for task in done:
        if task.phase is TaskPhase.DONE:
            output.line(task.message)
        else:
            output.note(f"{command.label} {task.vm}: {task.phase.value}: {task.message}")
    for one in refused:
        output.note(str(one.error))


def code_for(phases: Sequence[TaskPhase], refused: int) -> Exit:
    """Return the exit code for how the tasks ended, and how many were not begun."""
    done = phases.count(TaskPhase.DONE)
    unknown = phases.count(TaskPhase.UNKNOWN)
    failed = len(phases) - done - unknown + refused
    if done and failed:
        return Exit.SOME_FAILED
    if unknown:
        return Exit.UNKNOWN
    return Exit.FAILED if failed else Exit.DONE
