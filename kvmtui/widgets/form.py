"""A form made of questions: fields, then a review of what would be done, then the doing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.widgets import Input

from kvmtui.commands.base import Answers, Question
from kvmtui.core.errors import KvmtuiError
from kvmtui.widgets.driver import read_of
from kvmtui.widgets.fields import Choices, FieldRow, Knob
from kvmtui.widgets.foot import Review
from kvmtui.widgets.form_frame import FormFrame
from kvmtui.widgets.guard import GUARD, Guard

if TYPE_CHECKING:
    from textual import events
    from textual.screen import Screen

    from kvmtui.widgets.chords import Read

PAUSE = 0.15  # seconds without a key after which the questions are asked anew for a text

Reviewing = Callable[[Answers], Sequence[str] | Awaitable[Sequence[str]]]


class Live(NamedTuple):
    """How a form asks anew while it is filled in."""

    revise: Callable[[Answers], Awaitable[Sequence[Question]]]
    """Gives the questions once a person gave these answers; raises KvmtuiError when that cannot be read."""
    given: Answers = {}  # noqa: RUF012 - never changed: what a person answered before
    keep: Callable[[Answers], None] = lambda _answers: None
    """Told what a person had answered, when the form is left without doing it."""
    look: Callable[[Answers], Awaitable[Screen[None]]] | None = None
    """Makes the screen of a third knob, which shows what would be done in every detail."""
    look_label: str = "[Details]"
    folds: bool = False
    """Whether a choice of one is a single line until it has the focus."""


class Form(FormFrame):
    """Asks the questions of a command; dismissed with the reviewed answers, or None.

    `review` gives the sentences that say what would be done (warnings, the virsh line), or raises KvmtuiError when
    the answers will not do.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # At once, so that a key that comes right behind it is for the next field.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("enter", "enter", show=False, priority=True),
        Binding("escape", "back", show=False, priority=True),
        Binding("pagedown", "turn('pagedown')", show=False),
        Binding("pageup", "turn('pageup')", show=False),
    ]

    def __init__(
        self,
        title: str,
        questions: Sequence[Question],
        *,
        review: Reviewing,
        live: Live | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            title,
            questions,
            given=live.given if live else {},
            folds=live is not None and live.folds,
            look=live.look_label if live and live.look else "",
        )
        self._review = review
        self._live = live
        self._clock = clock
        self._heeded: Answers = {}  # what was answered when it was asked anew or reviewed last
        self._guard = Guard(GUARD)  # of [Do it]

    def on_mount(self) -> None:
        """Begin with what can be reviewed."""
        self._heeded = self.answers
        self._fit()

    # -- keys and changes

    def on_input_changed(self, event: Input.Changed) -> None:
        """Ask for another review of what was changed."""
        self._changed(event.input.name or "", PAUSE)

    def on_choices_changed(self, event: Choices.Changed) -> None:
        """Ask for another review of what was changed."""
        self._changed(event.choices.name or "", 0)

    def on_choices_moved(self) -> None:
        """Say why the answer that the cursor is on cannot be chosen."""
        self._explain()
        self._fit()

    def action_enter(self) -> None:
        """Go on to the next field; a knob is pressed by its own key."""
        field = self.focused
        if not isinstance(field, Input | Choices):
            raise SkipAction
        if isinstance(field, Choices):
            field.call_later(field.settle)  # when the arrows before it have moved the cursor
        self.focus_next()

    def on_key(self, event: events.Key) -> None:
        """Have [Do it] wait when a key that is for none of the fields came before it could be read."""
        self._guard.lets(self._arrival(read_of(event)))

    def _arrival(self, read: Read | None) -> float:
        return self._clock() if read is None else read.at

    def on_descendant_focus(self) -> None:
        """Say what the field is for."""
        self._explain()

    def on_knob_pressed(self, event: Knob.Pressed) -> None:
        """Review, look closer, or be done."""
        event.stop()
        if event.knob.id == "review":
            self._begin_review()
        elif event.knob.id == "look":
            self._begin("review", self._look_closer)
        elif self._reviewed is not None:
            if self._reviewed != self.answers:
                self._begin_review()
            elif self._guard.lets(self._arrival(event.read)):
                _ = self.dismiss(self._reviewed)  # a screen cannot await its own end

    def action_turn(self, key: str) -> None:
        """Show more of what would be done."""
        said = self.query_one("#said", Review)
        if said.window.key(key):
            said.refresh()

    def action_back(self) -> None:
        """Give the review up, or the form."""
        if self._reviewed is not None:
            self._unreview()
            self.query_one("#review").focus()
            return
        if self._live is not None:
            self._live.keep(self.given)
        _ = self.dismiss(None)

    def _changed(self, name: str, pause: float) -> None:
        row = self._rows.get(name)
        if row is None:
            return
        row.check()
        if self.answers == self._heeded:
            return  # the word of a change came later than the key that had it reviewed
        self._unreview()
        if self._live is not None:
            self.workers.cancel_group(self, "review")
            self._begin("revise", partial(self._renew, pause))

    def _begin(self, group: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do it beside the form, in place of what the group was doing."""
        self.run_worker(work, group=group, exclusive=True)

    # -- asking anew

    async def _renew(self, pause: float) -> None:
        """Ask the questions for what is answered now."""
        await asyncio.sleep(pause)
        try:
            await self._revised()
        except KvmtuiError as error:
            self._say([str(error)], wrong=True)

    async def _revised(self) -> None:
        if self._live is None:
            return
        given, self._heeded = self.given, self.answers
        slow = self.set_timer(0.4, lambda: self._say(["Reading the host: esc leaves it."]))
        try:
            questions = await self._live.revise(given)
        finally:
            slow.stop()
        if not self._is_here:
            return
        if self._reviewed is None:
            self._say([])
        before = self._heeded
        await self._ask(questions)
        self._heeded = {
            name: before.get(name, row.answer) if row.is_given else row.answer for name, row in self._rows.items()
        }

    async def _ask(self, questions: Sequence[Question]) -> None:
        """Show these questions, in their order; what a person answered in others is kept until they are back."""
        self._left = dict(self.given)
        wanted = {question.name: question for question in questions}
        fields = self.query_one("#fields")
        gone = [name for name in self._rows if name not in wanted or not self._same_kind(wanted[name])]
        # Together, or the focus may go from one that goes to another one that goes, and no key is heard any more. It is
        # not waited for: whoever is cancelled while he waits ends the whole program.
        _ = fields.remove_children([self._rows.pop(name) for name in gone])
        before: FieldRow | None = None
        rows: dict[str, FieldRow] = {}
        mounting = []
        for name, question in wanted.items():
            row = self._rows.get(name)
            if row is None:
                row = self._row(question)
                mounting.append(fields.mount(row, **({"after": before} if before is not None else {"before": 0})))
                row.check()
            else:
                row.renew(question)
            rows[name] = before = row
        self._rows = rows
        # Waited for only when all is noted: a key may end this here, and what is asked next builds on the rows.
        for mounted in mounting:
            await mounted
        self._explain()
        self._fit()

    def _same_kind(self, question: Question) -> bool:
        return self._rows[question.name].question.kind is question.kind

    # -- the review

    def _begin_review(self) -> None:
        """Show what would be done: at once where that needs no reading."""
        self.workers.cancel_group(self, "revise")
        if self._live is not None:
            self._begin("review", self._review_now)
            return
        answers = self._checked()
        if answers is None:
            return
        try:
            found = self._review(answers)
        except KvmtuiError as error:
            self._say([str(error)], wrong=True)
            return
        if isinstance(found, Awaitable):
            self._begin("review", partial(self._review_read, answers, found))
        else:
            self._show_review(answers, found)

    async def _review_now(self) -> None:
        try:
            await self._revised()
            answers = self._checked()
            if answers is not None:
                found = self._review(answers)
                await self._review_read(answers, found if isinstance(found, Awaitable) else _given(found))
        except KvmtuiError as error:
            self._say([str(error)], wrong=True)

    async def _review_read(self, answers: Answers, found: Awaitable[Sequence[str]]) -> None:
        slow = self.set_timer(0.4, lambda: self._say(["Reading the host: esc leaves it."]))
        try:
            lines = await found
        except KvmtuiError as error:
            self._say([str(error)], wrong=True)
            return
        finally:
            slow.stop()
        if answers == self.answers:
            self._show_review(answers, lines)

    async def _look_closer(self) -> None:
        """Show every detail of what would be done."""
        if self._live is None or self._live.look is None:
            return
        try:
            await self._revised()
            answers = self._checked()
            if answers is not None:
                screen = await self._live.look(answers)
                if self._is_here:
                    self.app.push_screen(screen)
        except KvmtuiError as error:
            self._say([str(error)], wrong=True)

    def _checked(self) -> Answers | None:
        """Return the answers when none is wrong; else say what is, beside each field and once more below."""
        if not self._is_here:
            return None
        self._heeded = self.answers
        faults = [(row, fault) for row in self._rows.values() if (fault := row.check(all_of_it=True))]
        if not faults:
            return dict(self.answers)
        many = f" {len(faults)} fields need a look." if len(faults) > 1 else ""
        self._say([f"{faults[0][1]}{many}"], wrong=True)
        faults[0][0].scroll_visible(animate=False)
        return None

    def _show_review(self, answers: Answers, lines: Sequence[str]) -> None:
        if not self._is_here:
            return
        self._say(lines)
        self._reviewed = answers
        self._guard.end()
        do = self.query_one("#do", Knob)
        do.display = True
        do.focus()
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self._guard.begin(self._clock())

    def _unreview(self) -> None:
        if self._reviewed is not None:
            self._reviewed = None
            self.query_one("#do").display = False
            self._say([])


async def _given(lines: Sequence[str]) -> Sequence[str]:
    return lines
