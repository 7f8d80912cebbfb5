"""The page of open consoles without its keys: the tabs, the guest's screen and the status line."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.widgets import Static

from kvmtui.consoles import Phase
from kvmtui.core.fields import Tone
from kvmtui.core.text import safe, shorten
from kvmtui.screens.console_scroll import Scrolling
from kvmtui.screens.console_status import Mode, Standing, said_over, status
from kvmtui.screens.key_taker import KeyTaker
from kvmtui.screens.tabs import TabBar
from kvmtui.widgets.lines import Line
from kvmtui.widgets.terminal import TerminalView

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from kvmtui.consoles import ConsoleSession
    from kvmtui.screens.console_typist import Typist
    from kvmtui.screens.face import Face

NOTE_SECONDS = 4.0  # a sentence about a key stands so long


class ConsoleFrame(KeyTaker):
    """Shows one of the open consoles; knows no keys."""

    DEFAULT_CSS = """
    ConsoleFrame {
        background: $background;
        layers: default above;
        & > TabBar { background: $panel; }
        & > #status { background: $panel; dock: bottom; }
        & > #said {
            layer: above;
            dock: bottom;
            height: auto;
            width: 100%;
            margin-bottom: 1;
            background: $panel;
            padding: 0 1;
        }
    }
    """
    view = cached_property(lambda frame: TerminalView(glyphs=frame.face.glyphs))
    bar = cached_property(lambda _: TabBar())
    line = cached_property(lambda _: Line(id="status"))
    said = cached_property(lambda _: Static(id="said", markup=False))

    def __init__(self, session: ConsoleSession) -> None:
        super().__init__()
        self.session = session
        self.mode = Mode.GUEST
        self.said_note = ""
        """The sentence about the last key."""
        self._watched: dict[ConsoleSession, Callable[[], None]] = {}
        self._news: dict[ConsoleSession, Phase] = {}  # that wrote something while another one was shown
        self._told: tuple[object, ...] = ()

    @property
    def face(self) -> Face:
        """The app, as far as a screen may know it."""
        return cast("Face", self.app)

    @property
    def sessions(self) -> tuple[ConsoleSession, ...]:
        """The open consoles."""
        return self.face.consoles.sessions

    @property
    def typist(self) -> Typist:
        """What types to the console that is shown."""
        return self.face.typists.of(self.session)

    def compose(self) -> ComposeResult:
        """Compose the tabs, the guest's screen and the status line."""
        yield self.bar
        yield self.view
        yield self.said
        yield self.line

    # -- life

    def on_mount(self) -> None:
        """Show the console that was asked for."""
        self.scrolling = Scrolling(self.view, self.note, self.app.copy_to_clipboard)
        self.choose(self.session)

    def on_screen_resume(self) -> None:
        """Take keys as they were typed, whatever they look like."""
        self.face.type_through(on=True)
        self._watch()
        self.view.touched()
        self.say()

    def on_screen_suspend(self) -> None:
        """Let another screen have the keys."""
        self._let_go()

    def on_unmount(self) -> None:
        """Leave the consoles to themselves."""
        self._let_go()

    def _let_go(self) -> None:
        top = self.app.screen if self.app.screen_stack else None
        if top is self or not isinstance(top, KeyTaker):  # another one may stand already when this one is taken apart
            self.face.type_through(on=False)
        for end in self._watched.values():
            end()
        self._watched.clear()
        for session in self.sessions:
            typist = self.face.typists.of(session)
            self._leave(typist)

    def _leave(self, typist: Typist) -> None:
        """Let what types to a console that is shown no more tell somebody else."""
        if typist.changed == self.say:
            typist.changed, typist.lost = _nothing, self.face.typists.tell

    def on_resize(self) -> None:
        """Fit the lines."""
        self.call_after_refresh(self.say)

    def choose(self, session: ConsoleSession) -> None:
        """Show this console."""
        self.session, self.mode, self.said_note = session, Mode.GUEST, ""
        self._news.pop(session, None)
        self._watch()
        self.view.show(session.emulator)
        self._told = ()
        self._changed(session)
        self.say()

    def _watch(self) -> None:
        """Hear of all consoles, as they are now."""
        if not self.is_current:
            return
        for session in [one for one in self._watched if one not in self.sessions]:
            self._watched.pop(session)()
        for session in self.sessions:
            if session not in self._watched:
                self._watched[session] = session.watch(partial(self._changed, session))
            typist = self.face.typists.of(session)
            if session is self.session:
                typist.changed, typist.lost = self.say, self.note
            else:
                self._leave(typist)

    def _changed(self, session: ConsoleSession) -> None:
        """Paint what was written; say what is new of a console."""
        if not self.is_attached:
            return
        if session is not self.session:
            if self._news.get(session) is not session.phase:
                self._news[session] = session.phase
                self.say()
            return
        self.view.touched()
        told = (session.phase, session.why, session.ref)
        if told != self._told:
            self._told = told
            self.view.set_live(session.phase is Phase.LIVE)
            self.say()

    # -- what is said

    def say(self) -> None:
        """Show the tabs, the status line, and what keeps the console from being live."""
        if not self.is_attached or not self.is_mounted:
            return
        face, session = self.face, self.session
        tabs = [
            (str(number), f"{number} {shorten(safe(one.name), 20)}{self._sign(one)}")
            for number, one in enumerate(self.sessions, 1)
        ]
        self.bar.display = len(tabs) > 1
        if self.bar.display:
            self.bar.name_tabs(tabs, str(self.index + 1), face.tones, "")
        self.line.say(status(session, self._standing(), self.size.width, face.tones))
        lines = said_over(session, face.key_map.prefix)
        if self.typist.kept:
            lines = (*lines, "What is typed now is sent when it is open.")
        self.said.display = bool(lines)
        if lines:
            self.said.update(Text("\n").join(Text(each, face.tones[Tone.WARN]) for each in lines))

    def _sign(self, session: ConsoleSession) -> str:
        if session.phase is not Phase.LIVE:
            return f" ({session.phase.value})"
        return " +" if session in self._news else ""

    def _standing(self) -> Standing:
        view, emulator, typist = self.view, self.session.emulator, self.typist
        rows = ""
        if self.session.phase is Phase.LIVE and 0 < view.size.height < emulator.rows:
            rows = f"rows {view.port.first_row + 1}-{view.port.first_row + view.size.height}/{emulator.rows}"
        return Standing(
            self.mode,
            self.face.key_map.prefix,
            view.port.scrolled,
            view.port.scrollable,
            self.scrolling.editor.text,
            self.said_note,
            typist.percent if typist.left else None,
            len(self.sessions) > 1,
            rows,
        )

    def note(self, text: str) -> None:
        """Say one sentence in the status line for a moment."""
        self.said_note = text
        self.say()
        if text:
            self.set_timer(NOTE_SECONDS, partial(self._forget, text))

    def _forget(self, text: str) -> None:
        if self.said_note == text:
            self.said_note = ""
            self.say()

    @property
    def index(self) -> int:
        """The place of the console that is shown among the open ones."""
        return self.sessions.index(self.session) if self.session in self.sessions else 0


def _nothing() -> None:
    """Tell nobody."""
