"""What a form is made of: a line of text, answers to choose from, something to press; each beside its label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from kvmtui.commands.base import Answer, FieldKind, Question
from kvmtui.core.text import cell_width, safe, shorten
from kvmtui.widgets.driver import read_of
from kvmtui.widgets.textline import one_line, signs_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual import events
    from textual.app import ComposeResult

    from kvmtui.commands.base import Choice
    from kvmtui.widgets.chords import Read

_NOT_EDITING = frozenset({"submit", "copy"})  # the form's own keys, and the app's
SHOWN = 6  # choices that are seen at once; the others scroll
LONGEST = 4096  # characters of a text: as many as a path has at most


class Choices(Widget, can_focus=True):
    """The answers to a question of kind flag, one or some: the arrows move, space chooses.

    One that folds shows what is chosen in one line, and all choices while it has the focus.
    """

    DEFAULT_CSS = """
    Choices { height: auto; text-wrap: nowrap; text-overflow: ellipsis; }
    Choices:focus { background: $surface; }
    """

    class Changed(Message):
        """Something else is chosen."""

        def __init__(self, choices: Choices) -> None:
            super().__init__()
            self.choices = choices

    class Moved(Message):
        """The cursor is on another answer."""

    def __init__(self, question: Question, *, folds: bool = False) -> None:
        super().__init__(name=question.name)
        self._question = question
        self._folds = folds and question.kind is FieldKind.ONE
        self._unfolding = False  # the focus has just come
        self._brought = False  # by the click that is under way, which chooses nothing
        self._flag = False
        self._chosen: set[str] = set()
        self._at = self._top = 0
        self.explicit = False
        """Whether a person chose; a choice of the form's own gives way to a better one."""
        self.take(question.initial)

    def take(self, answer: Answer) -> None:
        """Have this answer, as far as there are choices for it."""
        self._flag = answer is True
        self._chosen = {answer} if isinstance(answer, str) else set(answer) if isinstance(answer, tuple) else set()
        self._chosen &= {choice.value for choice in self._question.choices if not choice.blocked}
        self._rest()

    def renew(self, question: Question) -> None:
        """Offer other choices; what a person chose stays while it can be chosen."""
        if question == self._question:
            return
        kept = self.answer
        self._question = question
        self.take(kept if self.explicit else question.initial)
        if self.explicit and self.answer != kept:
            self.explicit = False
            self.take(question.initial)
        self.refresh(layout=True)

    @property
    def answer(self) -> Answer:
        """What is chosen now."""
        if self._question.kind is FieldKind.FLAG:
            return self._flag
        chosen = tuple(choice.value for choice in self._question.choices if choice.value in self._chosen)
        return chosen if self._question.kind is FieldKind.SOME else "".join(chosen[:1])

    def on_key(self, event: events.Key) -> None:
        """Move and choose; everything else is for the form."""
        self._unfolding = False
        last = len(self._question.choices) - 1
        if event.key in {"up", "down"} and last >= 0:
            step = 1 if event.key == "down" else -1
            self._go(self._at + step)
        elif event.key in {"home", "end"} and last >= 0:
            self._go(0 if event.key == "home" else last)
        elif event.key == "space":
            self._choose()
        elif event.character is not None and event.is_printable and last >= SHOWN:
            self._jump(event.character.lower())
        else:
            return
        event.stop()
        self.refresh()
        self.post_message(self.Moved())

    def _jump(self, letter: str) -> None:
        """Go to the next choice that begins with a letter, or has it behind its slash, as in POOL/VOLUME."""
        labels = [choice.label.lower() for choice in self._question.choices]
        after = [*range(self._at + 1, len(labels)), *range(self._at + 1)]
        found = (at for at in after if letter in {labels[at][:1], labels[at].partition("/")[2][:1]})
        self._go(next(found, self._at))

    @property
    def obstacle(self) -> str:
        """Why the answer under the cursor cannot be chosen, in full: its own line may have no room for that."""
        choices = self._question.choices
        return choices[self._at].blocked if choices else ""

    def settle(self) -> None:
        """Choose the one under the cursor, where there is one to choose: who left with enter meant it."""
        choices = self._question.choices
        if self._question.kind is FieldKind.ONE and choices and choices[self._at].value not in self._chosen:
            self._choose()

    def on_focus(self) -> None:
        """Show all choices."""
        self._unfolding = self._folds
        if self._folds:
            self.refresh(layout=True)

    def on_blur(self) -> None:
        """Let the cursor stand on what is chosen."""
        self._rest()
        if self._folds:
            self.refresh(layout=True)

    def on_mouse_down(self) -> None:
        """Note whether it is this click that brings the focus: the lines may move before the button is let go."""
        self._brought, self._unfolding = self._unfolding, False

    def on_click(self, event: events.Click) -> None:
        """Choose the line under the mouse."""
        if self._brought:
            self._brought = False
            return
        if self._question.choices:
            if event.y >= min(SHOWN, len(self._question.choices)):
                return
            self._at = self._top + event.y
        self._choose()
        self.refresh()

    def _rest(self) -> None:
        found = (at for at, choice in enumerate(self._question.choices) if choice.value in self._chosen)
        self._top = 0
        self._go(next(found, 0))
        self.refresh()

    def _go(self, at: int) -> None:
        self._at = max(0, min(len(self._question.choices) - 1, at))
        self._top = max(self._at - SHOWN + 1, min(self._top, self._at))

    def _choose(self) -> None:
        if self._question.kind is FieldKind.FLAG:
            self._flag = not self._flag
        else:
            if not self._question.choices or self._question.choices[self._at].blocked:
                return
            value = self._question.choices[self._at].value
            self._chosen = {value} if self._question.kind is FieldKind.ONE else self._chosen ^ {value}
        self.explicit = True
        self.post_message(self.Changed(self))

    def render(self) -> RenderableType:
        """Draw a line for each answer that is seen."""
        if self._question.kind is FieldKind.FLAG:
            return Text(f"[{'x' if self._flag else ' '}] {safe(self._question.help)}")
        choices = self._question.choices
        if not choices:
            return Text("(there is nothing to choose from)", style="dim")
        if self._folds and not self.has_focus:
            return self._folded()
        # Two thirds for the labels at most: what is said of each is read beside it.
        room = min(max(12, self.size.width * 2 // 3), max(cell_width(safe(choice.label)) for choice in choices))
        lines = [self._line(at, choices[at], room) for at in range(len(choices))[self._top : self._top + SHOWN]]
        if len(choices) > SHOWN:
            last = min(len(choices), self._top + SHOWN)
            lines.append(Text(f"     {self._top + 1} to {last} of {len(choices)}", style="dim"))
        return Text("\n").join(lines)

    def _folded(self) -> Text:
        chosen = next((choice for choice in self._question.choices if choice.value in self._chosen), None)
        if chosen is None:
            return Text("(none chosen)", style="dim")
        line = Text(safe(chosen.label))
        return line.append(f"  {safe(chosen.note)}", style="dim") if chosen.note else line

    def _line(self, at: int, choice: Choice, room: int) -> Text:
        ends = "()" if self._question.kind is FieldKind.ONE else "[]"
        sign = "x" if choice.value in self._chosen else " "
        here = ">" if at == self._at and self.has_focus else " "
        line = Text(f"{here}{ends[0]}{sign}{ends[1]} ", style="dim" if choice.blocked else "")
        said = choice.blocked or choice.note
        label = safe(choice.label)
        if said:
            label = shorten(label, room)
            line.append(f"{label}{' ' * (room - cell_width(label))}  ")
            line.append(safe(said), style="dim")
        else:
            line.append(label)
        return line


class TextField(Input):
    """A line of text. What must not reach a terminal stands as a dot; the text itself stays as it is."""

    @property
    def _value(self) -> Text:
        return Text("".join(signs_of(self.value, "·")), no_wrap=True, overflow="ignore", end="")

    def on_paste(self, event: events.Paste) -> None:
        """Write what was pasted, on one line, as far as there is room: each key draws all of the text anew."""
        event.stop()
        event.prevent_default()
        room = LONGEST - len(self.value) + len(self.selected_text)
        self.replace(one_line(event.text)[: max(0, room)], *self.selection)

    async def on_key(self, event: events.Key) -> None:
        """Edit in the order of the keys: Textual would do what a bound key does after the letters behind it."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if binding.action in _NOT_EDITING:
                continue
            event.stop()
            event.prevent_default()
            await self.run_action(binding.action)
            return


class Knob(Static, can_focus=True):
    """Something to press with enter or space, or the mouse."""

    DEFAULT_CSS = """
    Knob { width: auto; height: 1; margin-right: 2; }
    Knob:focus { text-style: reverse bold; }
    """

    class Pressed(Message):
        """It was pressed."""

        def __init__(self, knob: Knob, read: Read | None = None) -> None:
            super().__init__()
            self.knob = knob
            self.read = read
            """What brought the key; None for the mouse."""

    def on_key(self, event: events.Key) -> None:
        """Say so, unless the key came in one read with others: a line end in a paste presses nothing."""
        read = read_of(event)
        if event.key in {"enter", "space"} and (read is None or len(read.keys) == 1):
            event.stop()
            self.post_message(self.Pressed(self, read))

    def on_click(self) -> None:
        """Say so."""
        self.post_message(self.Pressed(self))


class FieldRow(Widget):
    """A question: its label, the field beside it, and below the field what is wrong with the answer."""

    DEFAULT_CSS = """
    FieldRow {
        layout: horizontal;
        width: 100%;
        height: auto;
        & > .label { width: 16; height: auto; color: $text-muted; padding-right: 1; }
        & > .side { width: 1fr; height: auto; }
        & .fault { display: none; width: 100%; height: auto; color: $text-error; }
        & Input { width: 100%; height: 1; border: none; background: $surface; }
        & Input:focus { border: none; }
    }
    """

    def __init__(self, question: Question, given: Answer | None = None, *, folds: bool = False) -> None:
        super().__init__()
        self.question = question
        self.field: Input | Choices = (
            _text_field(question) if question.kind is FieldKind.TEXT else Choices(question, folds=folds)
        )
        self._initial = question.initial
        self._titled = Static(self._label(), classes="label", markup=False)
        self._fault = Static(classes="fault", markup=False)
        self._said = ""
        if given is not None:
            self._put(given)

    def compose(self) -> ComposeResult:
        """Compose the label, the field and the line for faults."""
        yield self._titled
        with Widget(classes="side"):
            yield self.field
            yield self._fault

    def _label(self) -> Text:
        star = " *" if self.question.required else ""
        return Text(f"{safe(self.question.label)}{star}")

    @property
    def answer(self) -> Answer:
        """What the field says now."""
        return self.field.value if isinstance(self.field, Input) else self.field.answer

    @property
    def is_given(self) -> bool:
        """Whether a person answered, and not the form."""
        return self.field.explicit if isinstance(self.field, Choices) else self.field.value != self._initial

    def renew(self, question: Question) -> None:
        """Ask a little differently; what a person answered stays."""
        given = self.is_given
        self.question = question
        if isinstance(self.field, Choices):
            self.field.renew(question)
        elif not given and question.initial != self._initial and isinstance(question.initial, str):
            self._initial = question.initial
            with self.field.prevent(Input.Changed):
                self.field.value = question.initial
        else:
            self._initial = question.initial
        self._titled.update(self._label())
        self.check()

    def check(self, *, all_of_it: bool = False) -> str:
        """Say below the field what is wrong with the answer, and return it; nothing of a field not yet filled in."""
        answer = self.answer
        fault = self.question.fault(answer) if all_of_it or answer else ""
        if fault != self._said:
            self._said = fault
            self._fault.update(Text(safe(fault, limit=1000)))
            self._fault.display = bool(fault)
        return fault

    def _put(self, given: Answer) -> None:
        if isinstance(self.field, Choices):
            self.field.take(given)
            self.field.explicit = self.field.answer == given
            if not self.field.explicit:
                self.field.take(self.question.initial)
        elif isinstance(given, str):
            self.field.value = given


def _text_field(question: Question) -> Input:
    initial = question.initial if isinstance(question.initial, str) else ""
    return TextField(initial, name=question.name, select_on_focus=False, compact=True)
