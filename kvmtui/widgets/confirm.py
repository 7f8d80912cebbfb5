"""The dialogs that ask before something is lost, each as hard to answer as the loss is large."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.style import Style
from rich.text import Text
from textual.color import Color
from textual.widgets import Static

from kvmtui.commands.base import Level
from kvmtui.core.text import cell_width, safe
from kvmtui.widgets.dialog import Dialog
from kvmtui.widgets.driver import name_of, read_of
from kvmtui.widgets.guard import GUARD, Guard
from kvmtui.widgets.lines import packed
from kvmtui.widgets.notices import keep_clear
from kvmtui.widgets.textline import LONGEST, LineEditor
from kvmtui.widgets.window import LEAST, WHEEL, Window, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult

NAMES_SHOWN = 8
VIRSH_SHOWN = 60  # cells; a longer line is shown by `i`
WHOLE = 10_000  # characters: a name that is to be typed is never shortened


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is asked: raw texts, made safe where they are drawn."""

    title: str  # "Force off web-1 on hv1?"
    level: Level
    names: tuple[str, ...]  # of what it would be done to, without the hidden
    hidden: tuple[str, ...] = ()  # marked, but not shown by the filter
    title_of_all: str = ""  # with the hidden: "Force off 12 VMs?"
    lines: tuple[str, ...] = ()  # what would happen, and what to know
    virsh: str = ""
    verb: str = "delete"  # at level 4, for several: "delete 12"


class Confirmed(NamedTuple):
    """It shall be done."""

    hidden: bool  # to the hidden marked ones too


class Answering:
    """What has been answered so far; knows no screen."""

    def __init__(self, question: Confirmation) -> None:
        self.question = question
        self.guard = Guard(GUARD)
        self.hidden = False
        self.virsh = bool(question.virsh) and cell_width(question.virsh) <= VIRSH_SHOWN
        self.editor = LineEditor()

    @property
    def names(self) -> tuple[str, ...]:
        """What it would be done to now."""
        return (*self.question.hidden, *self.question.names) if self.hidden else self.question.names

    @property
    def phrase(self) -> str:
        """What has to be typed; "" when a key is enough."""
        count = len(self.names)
        if count and self.question.level >= Level.LOSS:
            name = safe(self.names[0], limit=WHOLE).strip()
            return name if count == 1 and 0 < len(name) <= LONGEST else f"{self.question.verb} {count}"
        return str(count) if count > 1 and self.question.level >= Level.ORDINARY else ""

    @property
    def demand(self) -> str:
        """What has to be done to confirm, for a person."""
        if not self.names:
            return "Nothing is left to do it to."
        if self.phrase:
            return f"type {self.phrase} and press enter"
        return "press ! again" if self.question.level == Level.FORCED else "press enter"

    def key(self, key: str, *, alone: bool) -> Confirmed | bool:
        """Take a key as `name_of` gives it; Confirmed: do it, False: do nothing, True: go on asking.

        A key confirms only when it came `alone` in its read: a line end in a paste does not.
        """
        if key == "escape":
            return False
        if self._switch(key) or not self.names:
            return True
        if self.phrase:
            if key == "enter" and alone and self.editor.text.strip() == self.phrase:
                return Confirmed(self.hidden)
            self.editor.key(key, key if len(key) == 1 else None)
            return True
        wanted = "!" if self.question.level == Level.FORCED else "enter"
        return Confirmed(self.hidden) if key == wanted and alone else True

    def _switch(self, key: str) -> bool:
        """Take the keys that change what is shown or meant; a letter that begins the phrase is none of them."""
        if key != "tab" and (self.editor.text or self.phrase.startswith(key)):
            return False
        if key in {"h", "tab"} and self.question.hidden:
            self.hidden = not self.hidden
            self.editor.put("")
            return True
        if key == "i" and self.question.virsh:
            self.virsh = not self.virsh
            return True
        return False

    def paste(self, text: str) -> None:
        """Take a pasted name: some cannot be typed."""
        if self.question.level >= Level.LOSS and len(self.names) == 1:
            self.editor.insert(text)


class ConfirmScreen(Dialog[Confirmed | None]):
    """Asks one `Confirmation`; nothing in it has the focus. Dismissed with None when it is not to be done."""

    DEFAULT_CSS = """
    ConfirmScreen {
        align: left bottom;
        background: transparent;
        & > #confirm { width: 100%; height: auto; max-height: 100%; background: $panel; padding: 0 1; }
    }
    """
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(self, question: Confirmation, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.answering = Answering(question)
        self._clock = clock
        self._window = Window()

    def compose(self) -> ComposeResult:
        """Compose the one panel."""
        yield Static(id="confirm", markup=False)

    def on_mount(self) -> None:
        """Say what is asked; the guard's time begins when it can be read."""
        self._say()
        self.call_after_refresh(self._painted)

    def on_resize(self) -> None:
        """Say it anew for another width."""
        self._say()

    def _painted(self) -> None:
        self.answering.guard.begin(self._clock())

    def on_key(self, event: events.Key) -> None:
        """Take every key, and let none through to what lies below."""
        event.stop()
        event.prevent_default()
        read = read_of(event)
        arrived = self._clock() if read is None else read.at
        if not self.answering.guard.lets(arrived, cancels=event.key == "escape"):
            return
        if self._window.key(event.key):
            self._say()
            return
        answer = self.answering.key(name_of(event), alone=read is None or len(read.keys) == 1)
        if answer is True:
            self._say()
        else:
            _ = self.dismiss(answer or None)  # a screen cannot await its own end

    def on_mouse_scroll_down(self) -> None:
        """Show what is further down."""
        self._turn(WHEEL)

    def on_mouse_scroll_up(self) -> None:
        """Show what is further up."""
        self._turn(-WHEEL)

    def _turn(self, by: int) -> None:
        if self._window.move(by):
            self._say()

    def on_paste(self, event: events.Paste) -> None:
        """Take a name where one is to be given."""
        event.stop()
        if self.answering.guard.lets(self._clock()):
            self.answering.paste(event.text)
            self._say()

    def _say(self) -> None:
        panel = self.query_one("#confirm", Static)
        panel.update(self.told())
        self.call_after_refresh(keep_clear, panel)

    def told(self) -> Text:
        """Return what the dialog says now: its head and its foot whole, of the rest what there is room for."""
        question = self.answering.question
        title = question.title_of_all or question.title if self.answering.hidden else question.title
        bad = Color.parse(self.app.theme_variables["error"]).rich_color if question.level >= Level.FORCED else None
        head = [Text(safe(title, limit=1000), style=Style(color=bad, bold=True))]
        body, foot = self._stake(), self._asked()
        width, room = self.app.size.width - 2, self.app.size.height - 1
        if len(wrapped([*head, *body, *foot], width, self.app.console)) > room:
            head, body, foot = (wrapped(lines, width, self.app.console) for lines in (head, body, foot))
        body = self._window.part(body, max(LEAST, room - len(head) - len(foot)))
        return Text("\n").join([*head, *body, *foot])

    def _stake(self) -> list[Text]:
        """Return what it would be done to, and what to know of it."""
        answering, question = self.answering, self.answering.question
        lines = []
        if question.hidden:
            how = "included" if answering.hidden else "left out"
            lines.append(Text(f"{len(question.hidden)} hidden by the filter, {how}: {_listed(question.hidden)}"))
        if question.names and (len(question.names) > 1 or question.hidden):
            lines.append(Text(f"{len(question.names)} shown: {_listed(question.names)}"))
        lines += [Text(safe(line, limit=1000)) for line in question.lines]
        count = len(answering.names)
        if answering.virsh and count:
            lines.append(Text(safe(question.virsh, limit=WHOLE), style="dim"))
            if count > 1:
                lines.append(Text("and the same for each of the others", style="dim"))
        return lines

    def _asked(self) -> list[Text]:
        """Return what has to be typed, and the keys."""
        answering, question = self.answering, self.answering.question
        lines = []
        if answering.phrase:
            lines.append(Text.assemble(("> ", "bold"), answering.editor.shown, (" ", "reverse")))
        keys = [answering.demand, "esc cancels"]
        if question.hidden:
            word = "tab" if answering.phrase.startswith("h") else "h"
            keys.append(f"{word} {'leaves the hidden out' if answering.hidden else 'includes the hidden'}")
        if question.virsh and not answering.phrase.startswith("i"):
            keys.append("i hides virsh" if answering.virsh else "i shows virsh")
        hints = packed(keys, max(20, self.app.size.width - 2))
        lines.append(
            Text(hints[0][: len(keys[0])], style="bold").append(hints[0][len(keys[0]) :], style="not bold dim")
        )
        return [*lines, *(Text(hint, style="dim") for hint in hints[1:])]


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(safe(name) for name in names[:NAMES_SHOWN])
    more = len(names) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
