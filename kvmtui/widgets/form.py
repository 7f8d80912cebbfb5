"""A form made of questions: fields, then a review of what would be done, then the doing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from kvmtui.commands.base import Answer, Answers, FieldKind, Question
from kvmtui.core.errors import KvmtuiError
from kvmtui.core.text import safe
from kvmtui.widgets.confirm import GUARD
from kvmtui.widgets.driver import read_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import RenderableType
    from textual import events
    from textual.app import ComposeResult


class Choices(Widget, can_focus=True):
    """The answers to a question of kind flag, one or some: the arrows move, space chooses."""

    DEFAULT_CSS = """
    Choices { height: auto; }
    Choices:focus { background: $boost; }
    """

    class Changed(Message):
        """Something else is chosen."""

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question
        initial = question.initial
        self._flag = initial is True
        self._chosen: set[str] = {initial} if isinstance(initial, str) else set()
        if isinstance(initial, tuple):
            self._chosen = set(initial)
        self._chosen -= {choice.value for choice in question.choices if choice.blocked}
        self._at = next((at for at, choice in enumerate(question.choices) if choice.value in self._chosen), 0)

    @property
    def answer(self) -> Answer:
        """What is chosen now."""
        if self._question.kind is FieldKind.FLAG:
            return self._flag
        chosen = tuple(choice.value for choice in self._question.choices if choice.value in self._chosen)
        return chosen if self._question.kind is FieldKind.SOME else "".join(chosen[:1])

    def on_key(self, event: events.Key) -> None:
        """Move and choose; everything else is for the form."""
        if event.key in {"up", "down"} and self._question.choices:
            step = 1 if event.key == "down" else -1
            self._at = max(0, min(len(self._question.choices) - 1, self._at + step))
        elif event.key == "space":
            self._choose()
        else:
            return
        event.stop()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Choose the line under the mouse."""
        if self._question.choices:
            self._at = min(event.y, len(self._question.choices) - 1)
        self._choose()
        self.refresh()

    def _choose(self) -> None:
        self.post_message(self.Changed())
        if self._question.kind is FieldKind.FLAG:
            self._flag = not self._flag
            return
        if not self._question.choices or self._question.choices[self._at].blocked:
            return
        value = self._question.choices[self._at].value
        if self._question.kind is FieldKind.ONE:
            self._chosen = {value}
        else:
            self._chosen ^= {value}

    def render(self) -> RenderableType:
        """Draw a line for each answer."""
        if self._question.kind is FieldKind.FLAG:
            return Text(f"[{'x' if self._flag else ' '}] {safe(self._question.label)}")
        ends = "()" if self._question.kind is FieldKind.ONE else "[]"
        lines = []
        for at, choice in enumerate(self._question.choices):
            sign = "x" if choice.value in self._chosen else " "
            here = ">" if at == self._at and self.has_focus else " "
            said = choice.blocked or choice.note
            line = Text(f"{here}{ends[0]}{sign}{ends[1]} {safe(choice.label)}", style="dim" if choice.blocked else "")
            if said:
                line.append(f"  {safe(said)}", style="dim")
            lines.append(line)
        return Text("\n").join(lines) if lines else Text("  there is nothing to choose from", style="dim")


class TextField(Input):
    """A line of text. What must not reach a terminal stands as a dot; the text itself stays as it is."""

    @property
    def _value(self) -> Text:
        shown = "".join(character if character.isprintable() else "·" for character in self.value)
        return Text(shown, no_wrap=True, overflow="ignore", end="")


class Knob(Static, can_focus=True):
    """Something to press with enter or space, or the mouse."""

    DEFAULT_CSS = """
    Knob { width: auto; height: 1; margin-right: 2; }
    Knob:focus { text-style: reverse bold; }
    """

    class Pressed(Message):
        """It was pressed."""

        def __init__(self, knob: Knob) -> None:
            super().__init__()
            self.knob = knob

    def on_key(self, event: events.Key) -> None:
        """Say so, unless the key came in one read with others: a line end in a paste presses nothing."""
        read = read_of(event)
        if event.key in {"enter", "space"} and (read is None or len(read.keys) == 1):
            event.stop()
            self.post_message(self.Pressed(self))

    def on_click(self) -> None:
        """Say so."""
        self.post_message(self.Pressed(self))


class Form(ModalScreen[Answers | None]):
    """Asks the questions of a command; dismissed with the reviewed answers, or None.

    `review` gives the sentences that say what would be done (warnings, the virsh line), or raises KvmtuiError when
    the answers will not do.
    """

    DEFAULT_CSS = """
    Form {
        align: left bottom;
        background: transparent;
        & > #form { width: 100%; height: auto; max-height: 100%; background: $panel; padding: 0 1; }
        & #title { text-style: bold; }
        & .label { color: $text-muted; }
        & Input { height: 1; border: none; padding: 0 1; background: $boost; }
        & Input:focus { border: none; }
        & #said { height: auto; }
        & #said.-wrong { color: $text-error; }
        & #knobs { layout: horizontal; height: 1; }
    }
    """
    AUTO_FOCUS: ClassVar[str | None] = "Input, Choices"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", show=False),
        Binding("shift+tab", "app.focus_previous", show=False),
        Binding("escape", "back", show=False),
    ]

    def __init__(
        self,
        title: str,
        questions: Sequence[Question],
        *,
        review: Callable[[Answers], Sequence[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._heading = title
        self._questions = tuple(questions)
        self._review = review
        self._clock = clock
        self._fields: dict[str, Input | Choices] = {}
        self._reviewed: Answers | None = None
        self._ready_at: float | None = None  # when [Do it] was painted

    def compose(self) -> ComposeResult:
        """Compose the fields and the two knobs."""
        with VerticalScroll(id="form", can_focus=False):
            yield Static(Text(safe(self._heading, limit=1000)), id="title")
            for question in self._questions:
                if question.kind is not FieldKind.FLAG:
                    need = " (needed)" if question.required else ""
                    yield Static(Text(f"{safe(question.label)}{need}: {safe(question.help)}"), classes="label")
                field = Choices(question) if question.kind is not FieldKind.TEXT else _text_field(question)
                self._fields[question.name] = field
                yield field
            yield Static(id="said", markup=False)
            with Widget(id="knobs"):
                yield Knob("[Review]", id="review", markup=False)
                yield Knob("[Do it]", id="do", markup=False)
            yield Static(Text("tab next field   esc back", style="dim"))

    def on_mount(self) -> None:
        """Begin with what can be reviewed."""
        self.query_one("#do").display = False

    @property
    def answers(self) -> Answers:
        """What the fields say now, by the questions' names."""
        return {name: field.value if isinstance(field, Input) else field.answer for name, field in self._fields.items()}

    def on_input_changed(self) -> None:
        """Ask for another review of what was changed."""
        self._unreview()

    def on_choices_changed(self) -> None:
        """Ask for another review of what was changed."""
        self._unreview()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field goes on to the next one."""
        event.stop()
        self.focus_next()

    def on_key(self, event: events.Key) -> None:
        """Take enter in choices as the next field."""
        if isinstance(self.focused, Choices) and event.key == "enter":
            event.stop()
            self.focus_next()

    def on_knob_pressed(self, event: Knob.Pressed) -> None:
        """Review, or be done."""
        event.stop()
        if event.knob.id == "review":
            self._show_review()
        elif self._reviewed is not None and self._ready_at is not None:
            if self._reviewed != self.answers:
                self._show_review()
            elif self._clock() - self._ready_at >= GUARD:
                _ = self.dismiss(self._reviewed)  # a screen cannot await its own end

    def action_back(self) -> None:
        """Give the review up, or the form."""
        if self._reviewed is not None:
            self._unreview()
            self.query_one("#review").focus()
        else:
            _ = self.dismiss(None)

    def _show_review(self) -> None:
        said = self.query_one("#said", Static)
        answers = dict(self.answers)
        missing = [question.label for question in self._questions if question.required and not answers[question.name]]
        try:
            if missing:
                said.update(f"{safe(missing[0])} is needed.")
                said.add_class("-wrong")
                return
            lines = self._review(answers)
        except KvmtuiError as error:
            said.update(safe(str(error), limit=1000))
            said.add_class("-wrong")
            return
        said.remove_class("-wrong")
        said.update("\n".join(safe(line, limit=1000) for line in lines))
        self._reviewed, self._ready_at = answers, None
        do = self.query_one("#do", Knob)
        do.display = True
        do.focus()
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self._ready_at = self._clock()

    def _unreview(self) -> None:
        if self._reviewed is not None:
            self._reviewed = None
            self.query_one("#do").display = False
            self.query_one("#said", Static).update("")


def _text_field(question: Question) -> Input:
    initial = question.initial if isinstance(question.initial, str) else ""
    return TextField(initial, select_on_focus=False, compact=True)
