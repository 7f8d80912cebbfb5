"""Facts of one VM or host, and for every command its key and the virsh line that does the same."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.binding import Binding, BindingType

from kvmtui.commands.base import Noun
from kvmtui.commands.registry import of_noun
from kvmtui.core.errors import KvmtuiError
from kvmtui.core.fields import HostRow, Tone, vm_row
from kvmtui.core.text import safe
from kvmtui.screens.host_sheets import facts_of as host_facts
from kvmtui.screens.sheet import Sheet, Span, in_signs, wrap
from kvmtui.screens.vm_overview import identity
from kvmtui.widgets.dialog import Dialog
from kvmtui.widgets.lines import Line
from kvmtui.widgets.textview import TextView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from kvmtui.commands.base import Command, Judgement, Target
    from kvmtui.screens.face import Face

KEY, LABEL = 4, 20  # cells


class FactsScreen(Dialog[None]):
    """A text over the screen; it is of the moment when it was opened."""

    DEFAULT_CSS = """
    FactsScreen { background: $background; }
    FactsScreen > Line { background: $panel; padding: 0 1; }
    FactsScreen > TextView { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,i", "leave", show=False)]
    view = cached_property(lambda _: TextView())
    title_line = cached_property(lambda _: Line(id="title"))
    foot = cached_property(lambda _: Line(id="foot"))

    def __init__(self, noun: Noun, target: Target) -> None:
        super().__init__()
        self._noun = noun
        self._target = target

    @property
    def face(self) -> Face:
        """The app, as far as a screen may know it."""
        return cast("Face", self.app)

    def compose(self) -> ComposeResult:
        """Compose the title, the text and the keys."""
        yield self.title_line
        yield self.view
        yield self.foot

    def on_mount(self) -> None:
        """Show the text."""
        tones = self.face.tones
        where = f" on {safe(self._target.host)}" if self._noun is Noun.VM else ""
        title = Text("Facts of ", tones[Tone.MUTED], no_wrap=True)
        title.append(safe(self._target.name), tones[Tone.ACCENT])
        title.append(where, tones[Tone.MUTED])
        self.title_line.say(title)
        foot = "esc goes back   j k move   nothing here changes anything"
        self.foot.say(Text(foot, tones[Tone.MUTED], no_wrap=True))
        self.view.focus()
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        """Lay the text out anew."""
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        if not self.is_current:
            return  # it was left before it was painted
        face = self.face
        sheet = Sheet(face.tones, self.size.width - 4, face.glyphs)
        self._facts(sheet)
        verdicts = [(command, face.judge(command, self._target)) for command in of_noun(self._noun)]
        able = [(command, verdict) for command, verdict in verdicts if verdict.allowed]
        unable = [(command, verdict) for command, verdict in verdicts if not verdict.allowed]
        if able:
            sheet.head("WHAT CAN BE DONE", "its key, and the same by virsh")
            for command, _ in able:
                self._able(command, sheet)
        if unable:
            sheet.head("WHAT CANNOT BE DONE NOW", "and why")
            for command, verdict in unable:
                self._unable(command, verdict, sheet)
        self.view.show([in_signs(line, face.glyphs) for line in sheet.lines])

    def _facts(self, sheet: Sheet) -> None:
        face, target = self.face, self._target
        if self._noun is Noun.VM:
            row = vm_row(face.fleet, target.ref, face.now())
            if row is None:
                sheet.line(Span(f"{safe(target.name)} is gone.", Tone.WARN))
            else:
                identity(row, sheet)
            return
        entry = face.fleet.host(target.host)
        if entry is None:
            sheet.line(Span(f"{safe(target.host)} is no host of this fleet any more.", Tone.WARN))
        else:
            host_facts(HostRow(entry, face.fleet, face.now()), sheet)

    def _able(self, command: Command, sheet: Sheet) -> None:
        self._row(command, [(piece, Tone.NORMAL) for piece in virsh_lines(command, self._target)], sheet)

    def _unable(self, command: Command, verdict: Judgement, sheet: Sheet) -> None:
        self._row(command, [(safe(f"{verdict.refusal} {verdict.hint}".strip(), limit=600), Tone.MUTED)], sheet)

    def _row(self, command: Command, texts: Sequence[tuple[str, Tone]], sheet: Sheet) -> None:
        """Add a command's key and label, and its texts in as many lines as they need."""
        key = self.face.bindings.text(command.id) or f":{command.verb}"
        start = KEY + LABEL
        if len(key) > KEY - 1:
            key = ":"
        room = max(20, sheet.width - start)
        first = Text(no_wrap=True)
        muted = all(tone is Tone.MUTED for _, tone in texts)
        first.append(f"{key:<{KEY}}", sheet.tones[Tone.MUTED if muted else Tone.ACCENT])
        label = command.verb if key == ":" else command.label
        first.append(f"{label:<{LABEL - 1}} ", sheet.tones[Tone.MUTED if muted else Tone.NORMAL])
        lines = [(piece, tone) for text, tone in texts for piece in wrap(text, room)] or [("", Tone.MUTED)]
        for index, (piece, tone) in enumerate(lines):
            line = first if not index else Text(" " * start, no_wrap=True)
            line.append(piece, sheet.tones[tone])
            sheet.lines.append(line)

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss()


def virsh_lines(command: Command, target: Target) -> list[str]:
    """Return the virsh lines of a command as it would run without more being said, or what it asks first."""
    try:
        text = command.virsh(target, command.validate({}))
    except KvmtuiError:
        asked = ", ".join(question.label for question in command.questions if question.required)
        return [f"asks: {safe(asked)}"]
    if not text:
        return [f"nothing in virsh is like it: {safe(command.help)}"]
    lines = [safe(line, limit=4000) for line in text.splitlines()]
    if command.form:
        lines.append("asks: " + safe(", ".join(question.label for question in command.form)))
    return lines
