"""Pages with tabs: one line that names them, and a body for each, made when it is first shown."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar, cast

from rich.style import Style
from rich.text import Text
from textual import on
from textual.containers import Container, Vertical
from textual.message import Message
from textual.reactive import reactive

from kvmtui.core.fields import Tone
from kvmtui.screens.page import Page
from kvmtui.screens.sheet import in_signs
from kvmtui.widgets.filterbar import FilterBar
from kvmtui.widgets.lines import Line
from kvmtui.widgets.textview import TextView

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from textual import events
    from textual.widget import Widget

    from kvmtui.core.inventory import Fleet
    from kvmtui.screens.face import Face
    from kvmtui.widgets.textline import TextBar

SOON = 0.02  # seconds


class TabBar(Line):
    """The names of the tabs in one line; the one that is shown stands out."""

    class Chosen(Message):
        """A tab's name was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._spans: list[tuple[int, int, str]] = []

    def name_tabs(self, tabs: Sequence[tuple[str, str]], current: str, tones: Mapping[Tone, Style], note: str) -> None:
        """Show the tabs, given as names and titles, and at the right what the shown one has to say."""
        line = Text(no_wrap=True)
        self._spans = []
        for name, title in tabs:
            start = line.cell_len
            here = name == current
            line.append(
                f" {title} ", tones[Tone.ACCENT] + Style(bold=True, reverse=True) if here else tones[Tone.MUTED]
            )
            self._spans.append((start, line.cell_len, name))
            line.append(" ")
        room = self.size.width - line.cell_len - 1
        if note and len(note) <= room:
            line.pad_right(self.size.width - line.cell_len - len(note))
            line.append(note, tones[Tone.MUTED])
        self.say(line)

    def on_click(self, event: events.Click) -> None:
        """Say which tab was clicked."""
        for start, end, name in self._spans:
            if start <= event.x < end:
                self.post_message(self.Chosen(name))


class TabBody(Vertical):
    """What stands under a tab. It is told when it is shown, when it is hidden, and of every fleet while shown."""

    DEFAULT_CSS = """
    TabBody { width: 100%; height: 100%; }
    """
    note = ""
    """What the line of tabs says at its right while this one is shown."""

    @property
    def face(self) -> Face:
        """The app, as far as a screen may know it."""
        return cast("Face", self.app)

    def opened(self) -> None:
        """Begin what costs something only while it is seen."""

    def closed(self) -> None:
        """End it."""

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the newest fleet."""

    def searched(self) -> TextView | None:
        """Return the text that `/` looks in."""
        return None

    def step_back(self) -> bool:
        """Undo the first thing that `esc` can undo here."""
        return False

    def read_again(self) -> None:
        """Read anew what the fleet does not bring."""

    def take_focus(self) -> None:
        """Give the keys to what moves."""
        for widget in self.query("*"):
            if widget.can_focus and widget.display:
                widget.focus()
                return


class TextTab(TabBody):
    """A tab that is one text."""

    view = cached_property(lambda _: TextView())

    def compose(self) -> Iterator[Widget]:
        """Compose the text."""
        yield self.view

    def say(self, lines: Sequence[Text]) -> None:
        """Show these lines."""
        glyphs = self.face.glyphs
        self.view.show([in_signs(line, glyphs) for line in lines])

    def searched(self) -> TextView | None:
        """Return the text."""
        return self.view

    def on_resize(self) -> None:
        """Lay the text out anew."""
        if self.display:
            self.show_fleet(self.face.fleet)


class TabbedPage(Page):
    """A page with a line about its subject, a line of tabs and a body for the tab that is shown."""

    DEFAULT_CSS = """
    TabbedPage { layout: vertical; }
    TabbedPage #subject { height: 1; }
    TabbedPage TabBar { margin: 0 0 1 0; }
    TabbedPage.-low TabBar { margin: 0; }
    TabbedPage #bodies { height: 1fr; width: 100%; padding: 0 1; }
    TabbedPage #about, TabbedPage #marked { display: none; }
    """
    tab: reactive[str] = reactive("", init=False)

    title_line = cached_property(lambda _: Line(id="subject"))
    bar = cached_property(lambda _: TabBar())
    bodies = cached_property(lambda _: Container(id="bodies"))
    search = cached_property(lambda _: FilterBar(id="search"))
    LOW: ClassVar[int] = 30  # lines below which no line is left free

    def __init__(self, tab: str) -> None:
        super().__init__()
        self._made: dict[str, TabBody] = {}
        self._shown: TabBody | None = None
        self._suspended = False
        self.set_reactive(TabbedPage.tab, tab)

    def body(self) -> Iterator[Widget]:
        """Yield the subject, the tabs and the place for their bodies."""
        yield self.title_line
        yield self.bar
        early = self.early_tabs()
        self._made.update(early)
        with self.bodies:
            yield from early.values()
        yield self.search

    # -- what a page says of itself

    def tabs(self) -> Sequence[tuple[str, str]]:
        """Return the names and titles of the tabs there are now."""
        raise NotImplementedError

    def make_tab(self, name: str) -> TabBody:
        """Return the body of a tab, when it is first shown."""
        raise NotImplementedError

    def early_tabs(self) -> dict[str, TabBody]:
        """Return the bodies that are there from the beginning."""
        return {}

    def subject_line(self) -> Text:
        """Return the line that says what the page shows, and how it stands with it."""
        raise NotImplementedError

    # -- showing

    def on_mount(self) -> None:
        """Show the tab that was asked for, or the first."""
        names = [name for name, _ in self.tabs()]
        if self.tab not in names:
            self.set_reactive(TabbedPage.tab, names[0])
        self._switch()

    def on_resize(self) -> None:
        """Leave no line free on a low screen."""
        self.set_class(self.app.size.height < self.LOW, "-low")
        if self.is_mounted:
            self.call_after_refresh(self._show_again)

    def _show_again(self) -> None:
        if self in self.app.screen_stack:  # else it was left, and may be in the midst of being taken apart
            self.show_fleet(self.fleet)

    def watch_tab(self) -> None:
        """Show the body of the tab."""
        if self.is_mounted:
            self._switch()

    def _switch(self) -> None:
        before = self._shown
        if before is not None:
            before.closed()
            before.display = False
        self.search.close()
        body = self._made.get(self.tab)
        if body is None:
            body = self._made[self.tab] = self.make_tab(self.tab)
            self.bodies.mount(body)
        body.display = True
        self._shown = body
        self.call_after_refresh(self._opened, body)

    def _opened(self, body: TabBody) -> None:
        if body is not self._shown or self not in self.app.screen_stack:
            return
        if not body.is_mounted:
            self.set_timer(SOON, partial(self._opened, body))  # what it shows with is not there yet
        else:
            body.opened()
            body.take_focus()
            self.show_fleet(self.fleet)

    @property
    def shown(self) -> TabBody | None:
        """The body that is seen."""
        return self._shown if self._shown is not None and self._shown.is_mounted else None

    def on_screen_resume(self) -> None:
        """Read again what only this page needs, and catch up."""
        if self._suspended and self.shown is not None:
            self.shown.opened()
        self._suspended = False
        super().on_screen_resume()

    def on_screen_suspend(self) -> None:
        """End what is only for somebody who looks."""
        self._suspended = True
        if self.shown is not None:
            self.shown.closed()

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the newest fleet in what is seen; a page that is covered or left catches up when it is shown again."""
        if not self.is_current:
            return
        if self.shown is not None:
            self.shown.show_fleet(fleet)
        self.show_subject()
        super().show_fleet(fleet)

    def show_subject(self) -> None:
        """Show the two lines above the body."""
        self.title_line.say(in_signs(self.subject_line(), self.face.glyphs))
        note = self.shown.note if self.shown is not None else ""
        self.bar.name_tabs(self.tabs(), self.tab, self.face.tones, note)

    # -- keys

    def action_tab(self, step: int) -> None:
        """Show the next tab, or the one before."""
        names = [name for name, _ in self.tabs()]
        self.tab = names[(names.index(self.tab) + step) % len(names)] if self.tab in names else names[0]

    @on(TabBar.Chosen)
    def _tab_clicked(self, event: TabBar.Chosen) -> None:
        event.stop()
        self.tab = event.name

    def action_read_again(self) -> None:
        """Read anew what is shown."""
        if self.shown is not None:
            self.shown.read_again()

    def step_back(self) -> bool:
        """Undo the first thing `esc` can undo here."""
        if super().step_back():
            return True
        return self.undo_search() or (self.shown is not None and self.shown.step_back())

    def undo_search(self) -> bool:
        """Take the marks of what was found away; False when there are none."""
        view = self.shown.searched() if self.shown is not None else None
        if view is None or not view.found[1]:
            return False
        view.find("")
        self.search.clear()
        return True

    # -- looking for a text

    def text_bar(self) -> TextBar | None:
        """Return the bar that keys are text for at the moment."""
        return self.search if self.search.active else super().text_bar()

    def open_text(self, key: str) -> bool:
        """Open the search where there is a text, or the `:` line."""
        if key == "/" and self.shown is not None and self.shown.searched() is not None:
            self.search.open("")
            return True
        return super().open_text(key)

    @on(FilterBar.Changed, "#search")
    def _search_changed(self, event: FilterBar.Changed) -> None:
        event.stop()
        event.prevent_default()
        view = self.shown.searched() if self.shown is not None else None
        if view is None:
            return
        view.find(event.text)
        self._say_found(view)

    def _say_found(self, view: TextView) -> None:
        if self.search.active:
            self.search.complain("" if view.found[1] or not self.search.text else "not found")
        self.show_foot()
