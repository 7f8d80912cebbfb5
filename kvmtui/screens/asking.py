"""What a command asks before it runs: the checks, its form, the confirmation; then it is handed to the engine."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from kvmtui.commands.base import Level, Noun
from kvmtui.core.errors import KvmtuiError, Refused
from kvmtui.core.text import safe, vm_name
from kvmtui.widgets.work import work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from textual.app import App
    from textual.screen import Screen
    from textual.worker import Worker

    from kvmtui.backend.base import Backend
    from kvmtui.commands.base import Answers, Command, Interview, Judgement, Question, Scene, Target
    from kvmtui.core.inventory import TaskView
    from kvmtui.screens.create import Maker
    from kvmtui.screens.marks import Marks
    from kvmtui.widgets.confirm import Confirmation

Result = TypeVar("Result")
REASONS_SHOWN = 4
SLOW = 0.4  # seconds after which it is said that a host is being read


class Services(Protocol):
    """What asking needs of the engine."""

    def scene(self) -> Scene: ...
    def judge(self, command: Command, target: Target) -> Judgement: ...
    def backend(self, host: str) -> Backend: ...
    def submit(
        self, command: Command, targets: Sequence[Target], answers: Answers, *, agreed: Level | None = None
    ) -> tuple[str, ...]: ...


class Asking:
    """Takes one request at a time from the key to the engine."""

    def __init__(
        self,
        app: App[int],
        engine: Services,
        marks: Marks,
        shown_here: Mapping[str, Callable[[Sequence[Target]], None]],
    ) -> None:
        """`shown_here` does, by command id, what the screen does by itself, without a task."""
        self._shown_here = shown_here
        self._app = app
        self._engine = engine
        self._marks = marks
        self._work: Worker[Awaitable[None]] | None = None
        self._requests = 0
        self.busy = False
        """Whether something is about to be asked: keys that come before it is painted are not meant for it."""

    @cached_property
    def _maker(self) -> Maker:
        from kvmtui.screens.create import Maker

        return Maker(self._engine, self._show)

    def begin(
        self,
        command: Command,
        targets: tuple[Target, ...],
        hidden: tuple[Target, ...] = (),
        answers: Answers | None = None,
    ) -> None:
        """Ask what the command asks, and run it; returns at once."""
        self.busy = True
        self._requests += 1
        self._marks.this_row = False
        self._work = self._app.run_worker(
            work(self._guarded, command, targets, hidden, answers), name=command.id, exit_on_error=True
        )

    def give_up(self) -> None:
        """Leave what a slow host is being read for; nothing has been sent to it."""
        if self.busy and self._work is not None:
            self._work.cancel()
            self.busy = False

    async def _guarded(
        self, command: Command, targets: tuple[Target, ...], hidden: tuple[Target, ...], answers: Answers | None
    ) -> None:
        number = self._requests
        try:
            if command.interview is not None and targets:
                await self._make(command, targets[0], answers or {})
            else:
                await self._perform(command, targets, hidden, answers)
        except KvmtuiError as error:
            self._tell(str(error))
        finally:
            if number == self._requests:  # else it was given up, and something else may be about to be asked
                self.busy = False

    async def _perform(
        self, command: Command, targets: tuple[Target, ...], hidden: tuple[Target, ...], answers: Answers | None
    ) -> None:
        several = len(targets) + len(hidden)
        if several > 1 and not command.many:
            raise Refused(f"{command.label} is for one at a time, and {several} are marked.", hint=". first: this row.")
        able, refused = self._judged(command, targets)
        able_hidden, refused_hidden = self._judged(command, hidden)
        refused = [*refused, *refused_hidden]
        if not able and not able_hidden:
            alone = refused[0] if refused else "Nothing is selected."
            self._tell(alone if several < 2 else f"None of {several}: {alone}")
            return
        everything = (*able, *able_hidden)
        given = await self._answers(command, tuple(target for target, _ in everything), answers)
        if given is None:
            return
        level = max(judgement.level for _, judgement in everything)
        chosen = [target for target, _ in able]
        reviewed = bool(command.form) and answers is None and len(everything) == 1
        if level > Level.ORDINARY or (level == Level.ORDINARY and not reviewed) or able_hidden:
            question = self._question(command, able, able_hidden, refused, given)
            question = await self._previewed(command, [target for target, _ in everything], answers and given, question)
            from kvmtui.widgets.confirm import ConfirmScreen

            confirmed = await self._show(ConfirmScreen(question))
            if confirmed is None:
                return
            if confirmed.hidden:
                chosen = [*(target for target, _ in able_hidden), *chosen]
        elif refused:
            self._tell(f"{len(refused)} skipped: {refused[0]}")
        if chosen and command.id in self._shown_here:
            self._shown_here[command.id](chosen)
        elif chosen:
            self._engine.submit(command, chosen, given, agreed=level)
            self._drop_marks(command, (*targets, *hidden))

    async def _make(self, command: Command, target: Target, answers: Answers) -> None:
        """Ask with a form of its own, which the answers begin to fill in."""
        judgement = self._engine.judge(command, target)
        if not judgement.allowed:
            raise Refused(judgement.refusal, hint=judgement.hint)
        with self._said_when_slow(target):
            prepared = await self._maker.prepared(command, target, answers)
        await self._maker.make(prepared)

    def _drop_marks(self, command: Command, targets: Sequence[Target]) -> None:
        if command.noun is Noun.VM:
            self._marks.drop(target.ref for target in targets)

    def _judged(self, command: Command, targets: Sequence[Target]) -> tuple[list[tuple[Target, Judgement]], list[str]]:
        """Return the targets that the command may run on, and why the others are refused."""
        able: list[tuple[Target, Judgement]] = []
        refused: list[str] = []
        for target in targets:
            judgement = self._engine.judge(command, target)
            if judgement.allowed:
                able.append((target, judgement))
            else:
                refused.append(f"{judgement.refusal} {judgement.hint}".strip())
        return able, refused

    async def _answers(self, command: Command, targets: Sequence[Target], answers: Answers | None) -> Answers | None:
        """Return the validated answers; None when the form was left. Raises Refused for one that will not do."""
        if answers is None and not command.form:
            return command.validate({})
        target, several = targets[0], len(targets)
        if answers is None and command.interview_all is not None:
            return await self._interviewed(
                command, command.interview_all(self._engine.backend, tuple(targets)), targets
            )
        with self._said_when_slow(target):
            questions = await command.asked(self._engine.scene(), self._engine.backend, target)
        if answers is not None:
            return self._given(command, questions, several, answers)
        from kvmtui.widgets.form import Form

        # What is read from one VM, its disks above all, is no answer for another.
        shown = tuple(one for one in questions if not one.option and not (one.alone and several > 1))
        if not shown:
            return command.validate({question.name: question.initial for question in questions})
        title = _title(command, targets)

        def review(answers: Answers) -> list[str]:
            full = command.validate(answers)
            for question in shown:
                if fault := question.fault(full[question.name]):
                    raise Refused(fault)
            return ["Would run:", *command.virsh(target, full).splitlines()]

        given = await self._show(Form(title, shown, review=review))
        return None if given is None else command.validate(given)

    async def _interviewed(self, command: Command, interview: Interview, targets: Sequence[Target]) -> Answers | None:
        """Return the answers of a form whose questions hang on the answers; None when it was left."""
        from kvmtui.widgets.form import Form, Live

        target = targets[0]

        async def asked(answers: Answers) -> tuple[Question, ...]:
            questions = await interview.questions(self._engine.scene(), target, answers)
            return tuple(one for one in questions if not one.option and not (one.alone and len(targets) > 1))

        async def review(answers: Answers) -> list[str]:
            preview = await interview.preview(self._engine.scene(), target, command.validate(answers))
            return [*preview.lines, "Would run:", *preview.commands]

        with self._said_when_slow(target):
            questions = await asked({})
        given = await self._show(Form(_title(command, targets), questions, review=review, live=Live(asked)))
        return None if given is None else command.validate(given)

    async def _previewed(
        self, command: Command, targets: Sequence[Target], answers: Answers | None, question: Confirmation
    ) -> Confirmation:
        """Return the question with what would be done, for answers that came without a form."""
        if answers is None or command.interview_all is None:
            return question
        with self._said_when_slow(targets[0]):
            interview = command.interview_all(self._engine.backend, tuple(targets))
            preview = await interview.preview(self._engine.scene(), targets[0], answers)
        return replace(question, lines=(*question.lines, *preview.lines), virsh="\n".join(preview.commands))

    @contextmanager
    def _said_when_slow(self, target: Target) -> Iterator[None]:
        """Say that a host is being read when that takes longer than a moment."""
        slow = self._app.set_timer(
            SLOW, lambda: self._tell(f"Reading {safe(target.name)} on {safe(target.host)}: esc leaves it.")
        )
        try:
            yield
        finally:
            slow.stop()

    def _given(self, command: Command, questions: Sequence[Question], several: int, answers: Answers) -> Answers:
        """Return the answers that `:` gave, with what the target has now for the others."""
        for question in questions:
            if question.name not in answers:
                continue
            if question.alone and several > 1:
                raise Refused(f"--{question.name} goes with one VM at a time.")
            if fault := question.fault(answers[question.name]):
                raise Refused(fault)
        return command.validate({question.name: question.initial for question in questions} | dict(answers))

    def _question(
        self,
        command: Command,
        able: list[tuple[Target, Judgement]],
        hidden: list[tuple[Target, Judgement]],
        refused: list[str],
        answers: Answers,
    ) -> Confirmation:
        from kvmtui.widgets.confirm import Confirmation

        everything = [*able, *hidden]
        level = Level(max(judgement.level for _, judgement in everything))
        lines = [f"{len(refused)} of {len(everything) + len(refused)} are skipped."] if len(refused) > 1 else []
        lines += [command.help] if level >= Level.FORCED else []
        lines += [warning for _, judgement in everything for warning in judgement.warnings]
        lines += [f"Skipped: {reason}" for reason in refused[:REASONS_SHOWN]]
        if len(refused) > REASONS_SHOWN:
            lines.append(f"and {len(refused) - REASONS_SHOWN} more")
        return Confirmation(
            title=_question(command, able or everything),
            title_of_all=_question(command, everything),
            level=level,
            names=tuple(target.name for target, _ in able),
            hidden=tuple(target.name for target, _ in hidden),
            lines=tuple(dict.fromkeys(lines)),
            virsh=command.virsh(everything[0][0], answers),
            verb=command.verb,
        )

    def leave(self, running: Sequence[TaskView]) -> None:
        """Ask whether to quit while tasks run."""
        self.busy = True
        self._app.run_worker(work(self._leave, running), name="leave")

    async def _leave(self, running: Sequence[TaskView]) -> None:
        from kvmtui.widgets.confirm import Confirmation, ConfirmScreen

        try:
            question = Confirmation(
                title=f"Quit while {len(running)} tasks run?" if len(running) > 1 else "Quit while a task runs?",
                level=Level.ORDINARY,
                names=("kvmtui",),
                lines=(
                    *(f"{safe(task.label)} {safe(task.vm or task.host)}: {safe(task.message)}" for task in running[:5]),
                    "What was sent to a host goes on there; its outcome will read unknown in the journal.",
                ),
            )
            if await self._show(ConfirmScreen(question)) is not None:
                self._app.exit(0)
        finally:
            self.busy = False

    async def _show(self, screen: Screen[Result]) -> Result | None:
        """Show a dialog and return its answer; from now on it guards itself against early keys."""
        self._app.clear_notifications()  # nothing may cover a question; outcomes stand among the tasks
        answer = self._app.push_screen(screen, wait_for_dismiss=True)
        self.busy = False
        return await answer

    def _tell(self, text: str) -> None:
        self._app.notify(safe(text, limit=400), severity="warning", timeout=8, markup=False)


def _question(command: Command, able: Sequence[tuple[Target, Judgement]]) -> str:
    """Return what is asked in one line: "Force off web-1 on hv1?"."""
    label = command.label[:1].upper() + command.label[1:]
    if len(able) > 1:
        return f"{label} {len(able)} VMs?"
    first = able[0][0]
    where = f" on {first.host}" if command.noun is Noun.VM else ""
    return f"{label} {vm_name(first.name, first.uuid or first.name)}{where}?"


def _title(command: Command, targets: Sequence[Target]) -> str:
    """Return what a form is called."""
    label = command.label[:1].upper() + command.label[1:]
    if len(targets) > 1:
        return f"{label} {len(targets)} VMs"
    return f"{label} {vm_name(targets[0].name, targets[0].uuid)} on {targets[0].host}"
