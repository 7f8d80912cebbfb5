"""A form without its keys: its fields, what stands below them, and how all of that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from kvmtui.commands.base import Answer, Answers, FieldKind, Question
from kvmtui.core.text import safe
from kvmtui.widgets.dialog import Dialog
from kvmtui.widgets.fields import Choices, FieldRow, Knob
from kvmtui.widgets.foot import Foot, Review
from kvmtui.widgets.notices import keep_clear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

LEAST_FIELDS = 4  # lines that the fields keep, however long a review is


class FormFrame(Dialog[Answers | None]):
    """Shows questions as fields, and lines below them; asks nothing by itself."""

    DEFAULT_CSS = """
    FormFrame {
        align: left bottom;
        background: transparent;
        & > #form { width: 100%; height: auto; max-height: 100%; background: $panel; padding: 0 1; }
        & #title { text-style: bold; height: auto; }
        & #fields { height: auto; scrollbar-size-vertical: 1; }
        & #help { height: auto; min-height: 1; color: $text-muted; }
        & #said { height: auto; }
        & #said.-wrong { color: $text-error; }
        & #knobs { layout: horizontal; height: 1; }
        & #keys { height: 1; color: $text-muted; }
    }
    """
    AUTO_FOCUS: ClassVar[str | None] = "Input, Choices"

    def __init__(self, title: str, questions: Sequence[Question], *, given: Answers, folds: bool, look: str) -> None:
        """`given` fills in the fields, `look` is the label of a third knob, or ""."""
        super().__init__()
        self._heading = title
        self._first = tuple(questions)
        self._left: dict[str, Answer] = dict(given)  # of fields that are not asked just now
        self._folds = folds
        self._look = look
        self._rows: dict[str, FieldRow] = {}
        self._reviewed: Answers | None = None
        self._tallest = 0  # lines that the fields had so far

    def compose(self) -> ComposeResult:
        """Compose the fields and the knobs."""
        self._rows = {question.name: self._row(question) for question in self._first}
        said, do = Review(), Knob("[Do it]", id="do", markup=False)
        said.display = do.display = False
        with Widget(id="form"):
            yield Static(Text(safe(self._heading, limit=1000)), id="title")
            with VerticalScroll(id="fields", can_focus=False):
                yield from self._rows.values()
            yield Foot(id="help", markup=False)
            yield said
            with Widget(id="knobs"):
                yield Knob("[Review]", id="review", markup=False)
                yield do
                if self._look:
                    yield Knob(self._look, id="look", markup=False)
            yield Static("tab next field   space chooses   esc back", id="keys", markup=False)

    def on_resize(self) -> None:
        """Keep the knobs and what is said in sight, whatever the fields need."""
        self._tallest = 0
        self._fit()

    def on_foot_resized(self) -> None:
        """Give the fields the lines that are left now."""
        self._fit()

    @property
    def _is_here(self) -> bool:
        """Whether its parts can be changed: they are there, and it was not left.

        It may be left while a host is read for it; and what was to come after a picture comes with that of the next
        screen then, which may be in the midst of its being taken apart.
        """
        return self.is_mounted and self in self.app.screen_stack

    # -- what it says now

    @property
    def answers(self) -> Answers:
        """What the fields say now, by the questions' names."""
        return {name: row.answer for name, row in self._rows.items()}

    @property
    def given(self) -> Answers:
        """What a person answered, also in fields that are not asked just now."""
        return self._left | {name: row.answer for name, row in self._rows.items() if row.is_given}

    def _row(self, question: Question) -> FieldRow:
        return FieldRow(question, self._left.get(question.name), folds=self._folds)

    # -- what stands below the fields

    def _say(self, lines: Sequence[str], *, wrong: bool = False) -> None:
        if not self._is_here:
            return
        said = self.query_one("#said", Review)
        said.set_class(wrong, "-wrong")
        said.tell(lines)
        said.display = bool(lines)
        self._fit()

    def _explain(self) -> None:
        """Show what the focused field is for."""
        if not self._is_here:
            return
        focused = self.focused
        row = next((row for row in self._rows.values() if row.field is focused), None)
        shown = row is not None and row.question.kind is not FieldKind.FLAG
        text = row.question.help if row is not None and shown else ""
        if isinstance(focused, Choices) and focused.obstacle:
            text = f"It cannot be chosen: {focused.obstacle.rstrip('.')}."
        said = self.query_one("#help", Static)
        said.update(Text(safe(text, limit=1000)))
        said.display = bool(text) or self._reviewed is None  # no line comes and goes while fields are filled in
        self._fit()

    def _fit(self) -> None:
        self.call_after_refresh(self._fit_now)

    def _fit_now(self) -> None:
        """Give the fields the lines that all else leaves."""
        if not self._is_here:
            return
        form, fields, said, keys = map(self.query_one, ("#form", "#fields", "#said", "#keys"))
        height = self.size.height - form.gutter.height
        fixed = sum(part.size.height for part in map(self.query_one, ("#title", "#help", "#knobs")) if part.display)
        # What would be done is read before it is done: for that the fields shrink, and the keys go.
        long = said.display and height - fixed - said.virtual_size.height - 1 < LEAST_FIELDS
        keys.display = not long
        said.styles.max_height = max(LEAST_FIELDS, height - fixed - 1)
        told = min(said.size.height, height - fixed - 1) if said.display else 0
        room = max(1 if long else LEAST_FIELDS, height - fixed - told - int(not long))
        limit = fields.styles.max_height
        if limit is None or limit.value != room:
            fields.styles.max_height = room
        # What was once unfolded keeps its lines: the title and the fields above do not move.
        self._tallest = min(room, max(self._tallest, fields.size.height))
        if fields.styles.min_height is None or fields.styles.min_height.value != self._tallest:
            fields.styles.min_height = self._tallest
        keep_clear(form)
        # Once more after the layout: the field may have unfolded.
        self.call_after_refresh(self._see)

    def _see(self) -> None:
        """Scroll to the field that has the focus."""
        if self._is_here and isinstance(self.focused, Input | Choices):
            self.focused.scroll_visible(animate=False)
