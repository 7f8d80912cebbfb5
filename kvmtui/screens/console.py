"""The page of open consoles: every key goes to the guest, except the one behind the prefix."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on

from kvmtui.commands import registry
from kvmtui.commands.base import Target
from kvmtui.consoles import Phase
from kvmtui.core.text import safe
from kvmtui.screens.actions import CONSOLE
from kvmtui.screens.console_frame import ConsoleFrame
from kvmtui.screens.console_status import Mode
from kvmtui.screens.tabs import TabBar
from kvmtui.widgets.driver import name_of, raw_of
from kvmtui.widgets.keybytes import KeyModes, key_bytes, paste_bytes, prefix_byte
from kvmtui.widgets.terminal import TerminalView

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events

STEPS = {key: action.method for action in CONSOLE for key in action.keys.split(",")}


class ConsoleScreen(ConsoleFrame):
    """Shows one of the open consoles; leaving it closes none."""

    # -- keys

    def take_key(self, event: events.Key) -> None:
        """Hand a key to the guest, or do what it means here."""
        emulator = self.session.emulator
        data = key_bytes(event.key, event.character, raw_of(event), KeyModes(emulator.application_cursor))
        if not self.is_mounted:
            self.typist.type(data)
            return
        match self.mode:
            case Mode.PREFIX:
                self._after_prefix(event)
            case _ if data and data == prefix_byte(self.face.key_map.prefix):
                self._enter(Mode.PREFIX)
            case Mode.SCROLL:
                self._scroll(name_of(event))
            case Mode.SEARCH:
                self._search(event)
            case Mode.GUEST if data:
                self._type(data)
            case _:
                pass

    def take_paste(self, text: str) -> None:
        """Hand a paste to the guest, or to the line that is being typed."""
        if not self.is_mounted:
            self.typist.paste(paste_bytes(text, bracketed=False))
            return
        if self.mode is Mode.SEARCH:
            self.scrolling.editor.insert(text)
            self.say()
            return
        self._enter(Mode.GUEST)
        if self.view.port.is_scrolling:
            self.view.follow()
        said = self.typist.paste(paste_bytes(text, bracketed=self.session.emulator.bracketed_paste))
        self.note(said)

    def _type(self, data: bytes) -> None:
        if self.view.port.is_scrolling:
            self.view.follow()
        if data == b"\x03" and (self.typist.left or self.typist.kept):
            self.typist.stop()
        said = self.typist.type(data)
        if said or self.said_note:
            self.note(said)

    def _enter(self, mode: Mode) -> None:
        if mode is not self.mode:
            self.mode, self.said_note = mode, ""
            self.say()

    def _after_prefix(self, event: events.Key) -> None:
        """Do what the key behind the prefix means."""
        if raw_of(event) == "":
            return
        self._enter(Mode.SCROLL if self.view.port.by_keys else Mode.GUEST)
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
            "find": self._begin_search,
            "scroll": self._begin_scroll,
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
        index = self.index
        self.face.consoles.close(self.session)
        left = self.sessions
        if left:
            self.choose(left[min(index, len(left) - 1)])
        else:
            self.action_leave()

    def _step(self, by: int) -> None:
        if self.sessions:
            self.choose(self.sessions[(self.index + by) % len(self.sessions)])

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

        self.app.push_screen(ConsoleHelp())

    # -- the scrollback

    def _begin_scroll(self) -> None:
        self.scrolling.begin()
        self._enter(Mode.SCROLL)

    def _begin_search(self) -> None:
        self.scrolling.editor.put("")
        self._enter(Mode.SEARCH)

    def _search(self, event: events.Key) -> None:
        if event.key in ("escape", "ctrl+c"):
            self._enter(Mode.SCROLL if self.view.port.by_keys else Mode.GUEST)
        elif self.scrolling.search_key(event):
            self.mode = Mode.SCROLL
        self.say()

    def _scroll(self, key: str) -> None:
        if key == "/":
            self._begin_search()
        elif not self.scrolling.key(key):
            self.note("q ends scrolling.")
        elif not self.view.port.is_scrolling:
            self._enter(Mode.GUEST)

    @on(TerminalView.Wheeled)
    def _wheeled(self, event: TerminalView.Wheeled) -> None:
        """Move in a program that has the screen for itself, as terminals do."""
        event.stop()
        if self.mode is Mode.GUEST:
            modes = KeyModes(self.session.emulator.application_cursor)
            self._type(key_bytes("down" if event.lines > 0 else "up", None, None, modes) * abs(event.lines))

    @on(TerminalView.Moved)
    def _moved(self, event: TerminalView.Moved) -> None:
        event.stop()
        if self.mode is Mode.SCROLL and not self.view.port.is_scrolling:
            self.mode = Mode.GUEST
        self.say()
