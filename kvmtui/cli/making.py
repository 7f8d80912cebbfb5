"""Makes something on a host from the command line: the same questions, checks and task as the screen's form."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kvmtui.cli.arguments import answers_of
from kvmtui.cli.output import Exit, UsageError
from kvmtui.commands.base import Answer, Command, Level, Target
from kvmtui.core.errors import NotFound, Refused
from kvmtui.core.fields import TASK_FIELDS
from kvmtui.core.inventory import TaskPhase
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from kvmtui.cli.output import Output
    from kvmtui.commands.base import Preview
    from kvmtui.core.fields import Json
    from kvmtui.core.inventory import Fleet, TaskView
    from kvmtui.engine import Engine

EVERY = 2.0
"""Seconds between two lines about how far it is, unless it begins with something else."""


def check_making(given: Namespace) -> None:
    """Raise UsageError for what no host needs to be asked about."""
    command: Command = given.command
    answers = _answers(given)
    if not answers.get(given.lead):
        raise UsageError(f"The {given.lead} is missing.", hint=f"Say it first, or with --{given.lead}.")
    for question in command.questions:
        answer = answers.get(question.name)
        if answer is not None and (fault := question.fault(answer)):
            raise UsageError(fault, hint=f"See --{question.name}.")


def _answers(given: Namespace) -> dict[str, Answer]:
    answers = answers_of(given, given.command)
    if given.lead_word is not None:
        if given.lead in answers:
            raise UsageError(f"The {given.lead} is said twice.")
        answers[given.lead] = given.lead_word
    return answers


async def make(given: Namespace, engine: Engine, output: Output) -> int:
    """Make it and say how it ended; raises before anything is done when it may not begin."""
    command: Command = given.command
    if command.interview is None:
        raise Refused(f"{command.label} makes nothing.")
    answers = _answers(given)
    target = _host(engine.fleet, str(answers.get("host") or ""))
    interview = command.interview(engine.backend)
    full = command.complete(await interview.questions(engine.scene(), target, answers), answers)
    made = interview.target(engine.scene(), target, full)
    judgement = engine.judge(command, made)
    if not judgement.allowed:
        raise Refused(judgement.refusal, hint=judgement.hint)
    preview = await interview.preview(engine.scene(), target, full)
    if given.dry_run:
        _show(preview, output)
        return Exit.DONE
    if preview.warnings and not given.yes:
        raise Refused(f"Not done without --yes: {' '.join(preview.warnings)}", hint="Say --yes to do it.")
    begun = engine.submit(command, [made], full, agreed=Level.ORDINARY)
    stop = engine.watch(_Teller(output, begun[0])) if not output.json else lambda: None
    try:
        with _interruptible(engine, begun[0]) as interrupted:
            (done,) = await engine.wait(begun)
    finally:
        stop()
    _tell(command, done, output)
    return Exit.INTERRUPTED if interrupted and done.phase is not TaskPhase.DONE else _code(done)


def _host(fleet: Fleet, name: str) -> Target:
    """Return the host that is named, or the only one."""
    names = ", ".join(safe(entry.name) for entry in fleet.hosts)
    if not name and len(fleet.hosts) != 1:
        raise UsageError("There are several hosts, and none is named.", hint=f"Say --host: there is {names}.")
    entry = fleet.host(name) if name else fleet.hosts[0]
    if entry is None:
        raise NotFound(f"There is no host {safe(name)}.", hint=f"There is {names}.")
    return Target.of_host(entry)


def _show(preview: Preview, output: Output) -> None:
    """Say what would be done."""
    if output.json:
        output.document(
            {
                "would": list(preview.lines),
                "commands": list(preview.commands),
                "xml": preview.document,
                "warnings": list(preview.warnings),
            }
        )
        return
    for text in (*preview.lines, "", *preview.commands, "", preview.document):
        for line in text.splitlines() or [""]:
            output.line(line)


@contextmanager
def _interruptible(engine: Engine, task: str) -> Iterator[list[int]]:
    """Have ctrl-c stop the task first, which takes back what it made; a second one ends the program."""
    loop = asyncio.get_running_loop()
    came: list[int] = []

    def interrupted(number: int) -> None:
        came.append(number)
        loop.remove_signal_handler(number)
        if not engine.cancel(task):
            os.kill(os.getpid(), number)

    handled = []
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, interrupted, number)
        except (RuntimeError, ValueError, NotImplementedError):  # not the main thread
            break
        handled.append(number)
    try:
        yield came
    finally:
        for number in handled:
            loop.remove_signal_handler(number)


class _Teller:
    """Says how far the task is, on the standard error: each step, and now and then within one."""

    def __init__(self, output: Output, task: str) -> None:
        self._output = output
        self._task = task
        self._step = ""
        self._at = 0.0

    def __call__(self, fleet: Fleet) -> None:
        task = next((task for task in fleet.tasks if task.id == self._task), None)
        if task is None or task.phase is not TaskPhase.RUNNING or not task.message:
            return
        step, now = task.message.partition(":")[0], time.monotonic()
        if step == self._step and now - self._at < EVERY:
            return
        self._step, self._at = step, now
        self._output.note(task.message)


def _tell(command: Command, done: TaskView, output: Output) -> None:
    """Say how it ended."""
    if output.json:
        fields: dict[str, Json] = {field.name: field.json(done) for field in TASK_FIELDS}
        output.document({"tasks": [fields], "errors": []})
    elif done.phase is TaskPhase.DONE:
        output.line(done.message)
    else:
        output.note(f"{command.label} {done.vm or done.host}: {done.phase.value}: {done.message}")


def _code(done: TaskView) -> Exit:
    if done.phase is TaskPhase.UNKNOWN:
        return Exit.UNKNOWN
    return Exit.DONE if done.phase is TaskPhase.DONE else Exit.FAILED
