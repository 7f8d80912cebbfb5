"""Asks for something that is to be made, with a form that asks anew as it is filled in; keeps what was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from kvmtui.commands.base import Level
from kvmtui.core.errors import KvmtuiError, Refused
from kvmtui.core.inventory import TaskPhase
from kvmtui.widgets.form import Form, Live

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from textual.screen import Screen

    from kvmtui.commands.base import Answers, Command, Interview, Preview, Question, Reach, Scene, Target


class Desk(Protocol):
    """What making needs of the engine."""

    def scene(self) -> Scene: ...
    @property
    def backend(self) -> Reach: ...
    def submit(
        self, command: Command, targets: Sequence[Target], answers: Answers, *, agreed: Level | None = None
    ) -> tuple[str, ...]: ...


class Draft(NamedTuple):
    """What was answered in a form that did not lead to anything yet."""

    given: Answers
    task: str = ""  # the task that it began, if any


class Prepared(NamedTuple):
    """A form that can be shown."""

    command: Command
    target: Target
    asking: Conversation
    questions: tuple[Question, ...]
    given: Answers


class Maker:
    """Makes things on hosts; remembers, for this run, what was answered in forms that were left or that failed."""

    def __init__(self, engine: Desk, show: Callable[[Form], Awaitable[Answers | None]]) -> None:
        self._engine = engine
        self._show = show
        self._drafts: dict[str, Draft] = {}

    async def prepared(self, command: Command, target: Target, answers: Answers) -> Prepared:
        """Read what the form needs; `answers` are given already."""
        if command.interview is None:
            raise Refused(f"{command.label} asks nothing.")
        asking = Conversation(command, command.interview(self._engine.backend), target, self._engine.scene)
        given = {**self._draft(command), **answers}
        try:
            questions = await asking.asked(given)
        except KvmtuiError:
            given.pop("host", None)  # it may not answer any more: the one that was pointed at does
            questions = await asking.asked(given)
        return Prepared(command, target, asking, questions, given)

    async def make(self, prepared: Prepared) -> None:
        """Ask with the form, and begin the task."""
        command, asking = prepared.command, prepared.asking
        kept: list[Answers] = []

        async def look(answers: Answers) -> Screen[None]:
            from kvmtui.screens.preview import PreviewScreen

            return PreviewScreen(command.title, await asking.preview(answers))

        live = Live(asking.asked, prepared.given, kept.append, look, "[XML and commands]", folds=True)
        form = Form(command.title, prepared.questions, review=asking.review, live=live)
        said = await self._show(form)
        if said is None:
            if kept:
                self._drafts[command.id] = Draft(kept[-1])
            return
        full = await asking.full(said)
        made = asking.interview.target(self._engine.scene(), prepared.target, full)
        (task,) = self._engine.submit(command, [made], full, agreed=Level.ORDINARY)
        self._drafts[command.id] = Draft(form.given, task)

    def _draft(self, command: Command) -> Answers:
        """Return what was answered before, unless it was done or is being done."""
        draft = self._drafts.get(command.id)
        if draft is None:
            return {}
        phases = {task.id: task.phase for task in self._engine.scene().fleet.tasks}
        phase = phases.get(draft.task)
        over = draft.task and (phase is None or phase is TaskPhase.DONE or not phase.is_final)
        return {} if over else draft.given


class Conversation:
    """The interview of one form."""

    def __init__(self, command: Command, interview: Interview, target: Target, scene: Callable[[], Scene]) -> None:
        self._command = command
        self.interview = interview
        self._target = target
        self._scene = scene

    async def asked(self, given: Answers) -> tuple[Question, ...]:
        """Return the questions that the form shows."""
        questions = await self.interview.questions(self._scene(), self._target, given)
        return tuple(question for question in questions if not question.option or question.name in given)

    async def full(self, answers: Answers) -> Answers:
        """Return the form's answers with all that goes without saying; raises Refused for one that will not do."""
        questions = await self.interview.questions(self._scene(), self._target, answers)
        return self._command.complete(questions, answers)

    async def preview(self, answers: Answers) -> Preview:
        """Return what would be done."""
        return await self.interview.preview(self._scene(), self._target, await self.full(answers))

    async def review(self, answers: Answers) -> Sequence[str]:
        """Return the sentences that say what would be done."""
        return (await self.preview(answers)).lines
