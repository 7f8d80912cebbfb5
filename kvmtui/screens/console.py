"""The page of open consoles: every key goes to the guest, except the one behind the prefix."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import getters, on
from textual.widgets import Static

from kvmtui.commands import registry
from kvmtui.commands.base import Target
from kvmtui.consoles import Phase
from kvmtui.core.fields import Tone
from kvmtui.core.text import safe, shorten
from kvmtui.screens.actions import CONSOLE
from kvmtui.screens.console_status import Mode, Standing, said_over, status
from kvmtui.screens.key_taker import KeyTaker
from kvmtui.screens.tabs import TabBar
from kvmtui.widgets.driver import name_of, raw_of
from kvmtui.widgets.keybytes import KeyModes, key_bytes, paste_bytes, prefix_byte
from kvmtui.widgets.lines import Line
from kvmtui.widgets.terminal import TerminalView
from kvmtui.widgets.textline import LineEditor

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult

    from kvmtui.consoles import ConsoleSession
    from kvmtui.screens.console_typist import Typist
    from kvmtui.screens.face import Face

STEPS = {key: action.method for action in CONSOLE for key in action.keys.split(",")}
MOVES = {
    "j": ("line", 1),
    "down": ("line", 1),
    "k": ("line", -1),
    "up": ("line", -1),
    "pagedown": ("page", 1),
    "space": ("page", 1),
    "ctrl+d": ("half", 1),
    "pageup": ("page", -1),
    "ctrl+u": ("half", -1),
}
NOTE_SECONDS = 4.0  # a sentence about a key stands so long


class ConsoleScreen(KeyTaker):
    """Shows one of the open consoles; leaving it closes none."""

    DEFAULT_CSS = """
    ConsoleScreen {
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
    view = getters.query_one(TerminalView)
    bar = getters.query_one(TabBar)
    line = getters.query_one("#status", Line)
    said = getters.query_one("#said", Static)

    def __init__(self, session: ConsoleSession) -> None:
        super().__init__()
        self.session = session
        self.mode = Mode.GUEST
        self._editor = LineEditor()
        self._note = ""
        self._watched: dict[ConsoleSession, Callable[[], None]] = {}
        self._news: set[ConsoleSession] = set()  # that wrote something while another one was shown
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
        yield TabBar()
        yield TerminalView()
        yield Static(id="said", markup=False)
        yield Line(id="status")

    # -- life

    def on_mount(self) -> None:
        """Show the console that was asked for."""
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
        self.face.type_through(on=False)
        for end in self._watched.values():
            end()
        self._watched.clear()
        for session in self.sessions:
            self.face.typists.of(session).changed = _nothing

    def on_resize(self) -> None:
        """Fit the lines."""
        self.call_after_refresh(self.say)

    def choose(self, session: ConsoleSession) -> None:
        """Show this console."""
        self.session, self.mode, self._note = session, Mode.GUEST, ""
        self._news.discard(session)
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
            self.face.typists.of(session).changed = self.say if session is self.session else _nothing

    def _changed(self, session: ConsoleSession) -> None:
        """Paint what was written; say what is new of a console."""
        if not self.is_attached:
            return
        if session is not self.session:
            if session not in self._news:
                self._news.add(session)
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
            self.bar.name_tabs(tabs, str(self._index + 1), face.tones, "")
        self.line.say(status(session, self._standing(), self.size.width, face.tones))
        lines = said_over(session, face.key_map.prefix)
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
        if 0 < view.size.height < emulator.rows:
            rows = f"rows {view.first_row + 1}-{view.first_row + view.size.height} of {emulator.rows}"
        return Standing(
            self.mode,
            self.face.key_map.prefix,
            view.scrolled,
            emulator.history_length,
            self._editor.text,
            self._note,
            typist.percent if typist.left else None,
            len(self.sessions) > 1,
            rows,
        )

    def note(self, text: str) -> None:
        """Say one sentence in the status line for a moment."""
        self._note = text
        self.say()
        if text:
            self.set_timer(NOTE_SECONDS, partial(self._forget, text))

    def _forget(self, text: str) -> None:
        if self._note == text:
            self._note = ""
            self.say()

    # -- keys

    def take_key(self, event: events.Key) -> None:
        """Hand a key to the guest, or do what it means here."""
        emulator = self.session.emulator
        data = key_bytes(event.key, event.character, raw_of(event), KeyModes(emulator.application_cursor))
        match self.mode:
            case Mode.PREFIX:
                self._after_prefix(event)
            case _ if data and data == prefix_byte(self.face.key_map.prefix):
                self._enter(Mode.PREFIX)
            case Mode.SCROLL:
                self._move(name_of(event))
            case Mode.SEARCH:
                self._search(event)
            case Mode.GUEST if data:
                self._type(data)
            case _:
                pass

    def take_paste(self, text: str) -> None:
        """Hand a paste to the guest, or to the line that is being typed."""
        if self.mode is Mode.SEARCH:
            self._editor.insert(text)
            self.say()
            return
        self._enter(Mode.GUEST)
        if self.view.is_scrolling:
            self.view.follow()
        said = self.typist.paste(paste_bytes(text, bracketed=self.session.emulator.bracketed_paste))
        self.note(said)

    def _type(self, data: bytes) -> None:
        if self.view.is_scrolling:
            self.view.follow()
        if data == b"\x03" and self.typist.left:
            self.typist.stop()
        said = self.typist.type(data)
        if said or self._note:
            self.note(said)

    def _enter(self, mode: Mode) -> None:
        if mode is not self.mode:
            self.mode, self._note = mode, ""
            self.say()

    def _after_prefix(self, event: events.Key) -> None:
        """Do what the key behind the prefix means."""
        if raw_of(event) == "":
            return
        self._enter(Mode.SCROLL if self.view.is_scrolling and self.view.by_keys else Mode.GUEST)
        prefix = self.face.key_map.prefix
        data = key_bytes(event.key, event.character, raw_of(event))
        method = STEPS.get(event.key)
        if data and data == prefix_byte(prefix):
            self.action_itself()
        elif method == "number":
            self._choose_number(int(event.key))
        elif method is not None:
            self._do(method)
        else:
            pressed = name_of(event) if event.is_printable else event.key
            self.note(f"{prefix} {pressed} does nothing; {prefix} ? lists the keys.")

    def _do(self, method: str) -> None:
        name, _, argument = method.partition("(")
        if argument:
            self._step(int(argument.rstrip(")")))
            return
        does: dict[str, Callable[[], None]] = {
            "leave": self.action_leave,
            "close_console": self.action_close_console,
            "take": self.action_take,
            "retry": self.session.retry,
            "find": partial(self._begin_search),
            "scroll": partial(self._begin_scroll),
            "chord": partial(self._request, "vm.send-keys"),
            "tell_size": self._tell_size,
            "itself": self.action_itself,
            "explain": self._explain,
        }
        does[name]()

    # -- leaving, closing, changing

    def action_leave(self) -> None:
        """Go back; the console stays open."""
        face, many = self.face, len(self.sessions)
        face.type_through(on=False)
        self.app.pop_screen()
        if many:
            face.tell("The console stays open: c comes back." if many == 1 else f"{many} consoles stay open.")

    def action_close_console(self) -> None:
        """Close this console; show the next, or go back."""
        index = self._index
        self.face.consoles.close(self.session)
        left = self.sessions
        if left:
            self.choose(left[min(index, len(left) - 1)])
        else:
            self.action_leave()

    @property
    def _index(self) -> int:
        return self.sessions.index(self.session) if self.session in self.sessions else 0

    def _step(self, by: int) -> None:
        if self.sessions:
            self.choose(self.sessions[(self._index + by) % len(self.sessions)])

    def _choose_number(self, number: int) -> None:
        if number <= len(self.sessions):
            self.choose(self.sessions[number - 1])
        else:
            self.note(f"There is no console {number}.")

    @on(TabBar.Chosen)
    def _tab_clicked(self, event: TabBar.Chosen) -> None:
        event.stop()
        self._choose_number(int(event.name))

    # -- what is asked of the VM

    def action_take(self) -> None:
        """Take it from somebody else, once that is confirmed."""
        if self.session.phase is Phase.LIVE:
            self.note("Nobody else holds this console.")
        else:
            self._request("vm.take-console")

    def _request(self, id_: str) -> None:
        command, fleet, ref = registry.by_id(id_), self.face.fleet, self.session.ref
        entry, vm = fleet.host(ref.host), fleet.vm(ref)
        if command is None or entry is None or vm is None:
            self.note(f"{safe(self.session.name)} is not on {safe(ref.host)} any more.")
        else:
            self.face.request(command, (Target.of_vm(entry, vm),))

    def action_itself(self) -> None:
        """Send the prefix to the guest."""
        self._type(prefix_byte(self.face.key_map.prefix))

    def _tell_size(self) -> None:
        """Type the command that tells a shell how large its screen is."""
        emulator = self.session.emulator
        self._type(f"stty rows {emulator.rows} cols {emulator.columns}\r".encode())

    def _explain(self) -> None:
        from kvmtui.screens.console_help import ConsoleHelp

        self.app.push_screen(ConsoleHelp(self.face))

    # -- the scrollback

    def _begin_scroll(self) -> None:
        self.view.scroll_by_lines(0)
        self.view.by_keys = True
        self._enter(Mode.SCROLL)

    def _begin_search(self) -> None:
        self._editor.put("")
        self._enter(Mode.SEARCH)

    def _search(self, event: events.Key) -> None:
        if event.key in ("escape", "ctrl+c"):
            self._enter(Mode.SCROLL if self.view.is_scrolling else Mode.GUEST)
        elif event.key == "enter":
            found = self.view.find(self._editor.text)
            self._begin_scroll()
            self.note("" if found else f"{safe(self._editor.text, limit=40)} is nowhere in the scrollback.")
        elif self._editor.key(event.key, event.character):
            self.say()

    def _move(self, key: str) -> None:
        """Move in the scrollback."""
        view, step = self.view, MOVES.get(" " if key == " " else key)
        height = view.size.height
        if step is not None:
            view.scroll_by_lines(
                step[1] * {"line": 1, "half": max(1, height // 2), "page": max(1, height - 1)}[step[0]]
            )
            return
        match key:
            case "g" | "home":
                view.scroll_to_first()
            case "G" | "end":
                view.scroll_to_last()
            case "/":
                self._begin_search()
            case "n" | "N":
                if not view.find_next(-1 if key == "n" else 1):
                    self.note("There is no other place." if view.searched else "Nothing was looked for: / does.")
            case "y":
                self.app.copy_to_clipboard(view.text_seen())
                self.note("What is seen was copied, if this terminal lets programs copy.")
            case "q" | "escape" | "enter" | "ctrl+c":
                self.mode = Mode.GUEST
                view.follow()
            case _:
                self.note("q ends scrolling.")

    @on(TerminalView.Moved)
    def _moved(self, event: TerminalView.Moved) -> None:
        event.stop()
        if self.mode is Mode.SCROLL and not self.view.is_scrolling:
            self.mode = Mode.GUEST
        self.say()


def _nothing() -> None:
    """Tell nobody."""
