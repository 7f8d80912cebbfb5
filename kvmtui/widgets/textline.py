"""One line of text that a person types: the editing, and a bar of the screen that takes keys at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kvmtui.core.text import cell_width, first_cells, safe, shorten

if TYPE_CHECKING:
    from rich.style import Style
    from textual import events

LONGEST = 1000  # characters
MOST_MARKS = 4  # on one character


class LineEditor:
    """A text and a place in it, changed by keys; knows no screen."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.place = len(text)

    @property
    def shown(self) -> str:
        """The text as it can be shown."""
        return "".join(signs_of(self.text))

    def put(self, text: str) -> None:
        """Have this text, with the cursor at its end."""
        self.text, self.place = text[:LONGEST], min(len(text), LONGEST)

    def insert(self, text: str) -> None:
        """Write at the cursor what of a text can stand in one line."""
        text = one_line(text)[: LONGEST - len(self.text)]
        self.text = self.text[: self.place] + text + self.text[self.place :]
        self.place += len(text)

    def key(self, key: str, character: str | None) -> bool:
        """Take a key; False: it edits nothing."""
        if self._step(key):
            return True
        before, after = self.text[: self.place], self.text[self.place :]
        match key:
            case "backspace" | "ctrl+h":
                self.text, self.place = before[:-1] + after, max(0, self.place - 1)
            case "delete":
                self.text = before + after[1:]
            case "ctrl+u":
                self.text, self.place = after, 0
            case "ctrl+k":
                self.text = before
            case "ctrl+w":
                kept = before.rstrip()[: before.rstrip().rfind(" ") + 1]
                self.text, self.place = kept + after, len(kept)
            case _:
                if character is None or not character.isprintable() or key.startswith(("ctrl+", "alt+")):
                    return False
                self.insert(character)
        return True

    def _step(self, key: str) -> bool:
        """Move in the text."""
        place = {
            "left": max(0, self.place - 1),
            "right": min(len(self.text), self.place + 1),
            "home": 0,
            "end": len(self.text),
            "ctrl+e": len(self.text),
        }.get(key)
        if place is None:
            return False
        self.place = place
        return True


def one_line(text: str) -> str:
    """Return what was pasted as one line: its line ends inside are blanks, those around it nothing."""
    return "".join(character if character.isprintable() else " " for character in text.strip("\r\n"))


def signs_of(text: str, other: str = "?") -> list[str]:
    """Return what each character of a text is drawn as: `other` for what cannot be, "" for one mark too many."""
    if text.isascii() and text.isprintable():
        return list(text)
    signs: list[str] = []
    marks = MOST_MARKS  # one at the start would sit on what stands before the text
    for character in text:
        sign = character if safe(f"a{character}") == f"a{character}" else other
        marks = 0 if cell_width(sign) else marks + 1
        signs.append(sign if marks <= MOST_MARKS else "")
    return signs


class History:
    """What was entered before, the newest last."""

    def __init__(self, limit: int = 100) -> None:
        self._limit = limit
        self._texts: list[str] = []
        self._at: int | None = None
        self._draft = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """What is kept."""
        return tuple(self._texts)

    def begin(self) -> None:
        """Look at the newest first, wherever somebody stopped before."""
        self._at = None

    def add(self, text: str) -> None:
        """Keep what was entered."""
        self.begin()
        if text:
            self._texts = [*(old for old in self._texts if old != text), text][-self._limit :]

    def older(self, shown: str) -> str:
        """Return what was entered before what is shown."""
        if self._at is None:
            self._draft, self._at = shown, len(self._texts)
        self._at = max(0, self._at - 1)
        return self._texts[self._at] if self._texts else shown

    def newer(self, shown: str) -> str:
        """Return what was entered after what is shown; in the end what was being typed."""
        if self._at is None:
            return shown
        self._at += 1
        if self._at >= len(self._texts):
            self._at = None
            return self._draft
        return self._texts[self._at]


class TextBar(Widget, can_focus=True):
    """A line at the foot of the screen that takes text while it is open; it lies over the line below it."""

    DEFAULT_CSS = """
    TextBar {
        height: 1;
        width: 100%;
        overlay: screen;
        constrain: none inside;
        display: none;
        background: $surface;
        & > .bar--prompt { color: $text-accent; text-style: bold; }
        & > .bar--hint { color: $text-muted; }
        & > .bar--error { color: $text-error; text-style: bold; }
        & > .bar--cursor { text-style: reverse; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"bar--prompt", "bar--hint", "bar--error", "bar--cursor"}
    PROMPT: ClassVar[str] = ""

    class Entered(Message):
        """Enter was pressed."""

        def __init__(self, bar: TextBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

        @property
        def control(self) -> TextBar:
            """The bar, for `on(..., selector)`."""
            return self.bar

    class Closed(Message):
        """Escape was pressed, and the bar is closed."""

        def __init__(self, bar: TextBar) -> None:
            super().__init__()
            self.bar = bar

        @property
        def control(self) -> TextBar:
            """The bar, for `on(..., selector)`."""
            return self.bar

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self.editor = LineEditor()
        self.history = History()
        self._before: Widget | None = None
        self._open = False
        self._error = ""

    @property
    def active(self) -> bool:
        """Whether keys are text for it, from the very moment of `open`."""
        return self._open

    @property
    def text(self) -> str:
        """What is typed."""
        return self.editor.text

    def open(self, text: str = "") -> None:
        """Take keys from now on."""
        self.editor.put(text)
        self.history.begin()
        self._error = ""
        self._open = self.display = True
        if self.screen.focused is not self:
            self._before = self.screen.focused
        self.screen.set_focus(self)
        self.refresh()

    def close(self) -> None:
        """Take no keys any more, and give the focus back."""
        if not self._open:
            return
        self._open = self.display = False
        if self.screen.focused is self or self.screen.focused is None:
            self.screen.set_focus(self._before)

    def complain(self, error: str) -> None:
        """Say what is wrong with the text; "" takes it back."""
        if error != self._error:
            self._error = error
            self.refresh()

    def feed(self, key: str, character: str | None) -> None:
        """Take one key at once: enter, escape, history or editing."""
        if key == "escape":
            self.close()
            self.post_message(self.Closed(self))
        elif key == "enter":
            self.history.add(self.text)
            self.post_message(self.Entered(self, self.text))
        elif key in {"up", "down"}:
            self.editor.put(self.history.older(self.text) if key == "up" else self.history.newer(self.text))
            self.changed()
        elif self.editor.key(key, character):
            self.changed()
        self.refresh()

    def changed(self) -> None:
        """Do what follows from another text."""
        self._error = ""

    def hint(self) -> str:
        """Return what stands at the right."""
        return ""

    def on_key(self, event: events.Key) -> None:
        """Take every key while it has the focus: none may reach a list."""
        event.stop()
        event.prevent_default()
        if self.active:
            self.feed(event.key, event.character)

    def on_paste(self, event: events.Paste) -> None:
        """Write what was pasted; a line end in it enters nothing."""
        event.stop()
        self.editor.insert(event.text)
        self.changed()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw prompt, text and what is to be said of it."""
        del y
        width = self.size.width
        base = self.rich_style
        error, hint = self._error, self.hint()
        said = f" {safe(error or hint)}" if error or hint else ""
        # What is typed has the room it needs; what is said of it gets the rest, and a third at least.
        room = max(10, width - len(self.PROMPT) - 1 - min(cell_width(said), width // 3))
        signs, place = signs_of(self.editor.text), self.editor.place
        before, at, after = "".join(signs[:place]), signs[place : place + 1], "".join(signs[place + 1 :])
        under = at[0] if at and cell_width(at[0]) else " "  # what the cursor stands on
        before = before[-room:]
        while cell_width(before) > room - cell_width(under):
            before = before[1:]
        after = first_cells(after, room - cell_width(before) - cell_width(under))
        segments = [
            Segment(self.PROMPT, base + self._part("prompt")),
            Segment(before, base),
            Segment(under, base + self._part("cursor")),
            Segment(after, base),
        ]
        rest = width - len(self.PROMPT) - sum(map(cell_width, (before, under, after)))
        said = shorten(said, max(0, rest))
        segments += [
            Segment(" " * max(0, rest - cell_width(said)), base),
            Segment(said, base + self._part("error" if error else "hint")),
        ]
        return Strip([segment for segment in segments if segment.text]).adjust_cell_length(width, base)

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"bar--{name}", partial=True)
