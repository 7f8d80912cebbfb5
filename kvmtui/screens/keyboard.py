"""What each key, click and paste is for: each is looked at when all before it has been done."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from textual import events
from textual.errors import NoWidget

from kvmtui.screens.actions import RESERVED
from kvmtui.screens.key_taker import KeyTaker
from kvmtui.screens.page import Page
from kvmtui.widgets.chords import Dropped, Leader, Pass
from kvmtui.widgets.driver import name_of, read_of
from kvmtui.widgets.room import is_small

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import App
    from textual.dom import DOMNode
    from textual.screen import Screen

    from kvmtui.commands.base import Command, Target
    from kvmtui.commands.registry import Bindings
    from kvmtui.screens.asking import Asking
    from kvmtui.screens.keymap import Keys
    from kvmtui.widgets.chords import Chords

CATCH_UP = 0.5  # seconds that a key or click waits at most for what came before it
SLICE = 0.01  # seconds between two looks whether what was waited for has gone
COME_UP = 5.0  # seconds that a key typed ahead waits at most for its screen
TURNS = 5  # of the loop that it takes to begin what was asked for, where no host has to be read
SAID_AGAIN = 2.0  # seconds without a paste after which it is said again that it does nothing
NO_PASTE = "A paste does nothing here: it is text for a field, a filter or a console."
QUIET = ("ctrl+c", "ctrl+q", "ctrl+s")
"""Keys that Textual or a terminal would act upon, and that do nothing here."""


class Surface(Protocol):
    """What keys are for, beside the page that is shown."""

    bindings: Bindings
    key_map: Keys

    def request(self, command: Command, targets: Sequence[Target], hidden: Sequence[Target] = ()) -> None: ...
    def tell(self, text: str, *, bad: bool = False) -> None: ...
    def action_escape(self) -> None: ...
    def action_leave(self) -> None: ...
    def action_suspend_process(self) -> None: ...


class Keyboard:
    """Gives each key to whom it is for, in the order in which they were typed."""

    def __init__(self, app: App[int], surface: Surface, asking: Asking, chords: Chords) -> None:
        self._app = app
        self._surface = surface
        self._asking = asking
        self._chords = chords
        self._refused_at = float("-inf")  # when a paste was refused last
        self._given: Screen[object] | None = None  # what the last events were given to, and may not be done with
        self._path: dict[DOMNode, None] = {}  # the widgets that they reach there, in that order

    @property
    def _page(self) -> Page | None:
        """The page that is shown, unless a dialog covers it."""
        return self._app.screen if self._app.screen_stack and isinstance(self._app.screen, Page) else None

    async def takes(self, event: events.InputEvent | events.Paste) -> bool:
        """Do what an event is for; return False for one that Textual is to give to a widget."""
        await self._let_ask()
        if self._app.screen_stack and not self._app.screen.is_mounted:
            await self._come_up()
        if self._given is not None and isinstance(event, events.Key | events.MouseDown | events.Paste):
            await self._catch_up()
        if not self._app.screen_stack:
            return True  # the program ends: what was typed behind its last key is for nobody
        if self._app.focused is not None and not self._app.focused.is_attached:
            self._app.screen.set_focus(None)  # a click may have given it to what is going: no key would be heard
        if isinstance(event, events.Key | events.Paste) and self._taken_whole(event):
            return True
        if isinstance(event, events.Paste) and not self._is_wanted():
            self._refuse_paste()
            return True
        if isinstance(event, events.Key) and (self._suspended(event) or self._took(event) or await self._bound(event)):
            return True
        if isinstance(event, events.MouseDown):
            self._pressed(event)
        self._note_given(event)
        return False

    def lead(self, leader: str) -> None:
        """Do as if this leader key had been pressed."""
        page = self._page
        if page is not None and not self._asking.busy:
            self._chords.reset()
            self._chords.pending = leader
            page.take_step(Leader(leader))

    # -- the order

    async def _let_ask(self) -> None:
        """Let what was just asked for be begun: a console that it opens is what the next key is for."""
        for _ in range(TURNS):
            if self._asking.busy:
                await asyncio.sleep(0)

    async def _come_up(self) -> None:
        """Let a screen be made before a key that was typed ahead of it, which may even leave it."""
        made = asyncio.Event()
        if self._app.screen.call_later(made.set):
            with suppress(TimeoutError):
                await asyncio.wait_for(made.wait(), COME_UP)

    def _note_given(self, event: events.Event) -> None:
        """Remember whom an event is given to: what comes next may be for whatever it makes of the screen."""
        screen = self._app.screen if self._app.screen_stack else None
        if screen is None:
            return
        reached: DOMNode = self._app.focused or screen
        if isinstance(event, events.MouseEvent):
            with suppress(NoWidget):
                reached, _ = screen.get_widget_at(event.x, event.y)
        if screen is not self._given:
            self._given, self._path = screen, {}
        self._path |= dict.fromkeys(node for node in reached.ancestors_with_self if node is not self._app)

    async def _catch_up(self) -> None:
        """Let what was given to a screen be done: a key may close it, a click choose what the next key acts on."""
        screen, path, until = self._given, self._path, time.monotonic() + CATCH_UP
        self._given, self._path = None, {}
        for node in (*path, *path):  # twice: what a widget makes of an event comes after it, and reaches others
            if not self._app.screen_stack or self._app.screen is not screen:
                return  # it has been left, so that all of it is done
            done = asyncio.Event()
            if not node.call_later(done.set):
                continue
            while not done.is_set() and node.is_running and time.monotonic() < until:
                with suppress(TimeoutError):
                    await asyncio.wait_for(done.wait(), SLICE)

    # -- whom it is for

    def _taken_whole(self, event: events.Key | events.Paste) -> bool:
        """Hand a key or paste to a screen that takes all of them; return whether there is one on top."""
        taker = self._app.screen if self._app.screen_stack else None
        if not isinstance(taker, KeyTaker) or self._asking.busy:
            return False
        self._chords.reset()
        if isinstance(event, events.Key):
            taker.take_key(event)
        else:
            taker.take_paste(event.text)
        return True

    def _is_wanted(self) -> bool:
        """Whether there is a field, or a dialog with one, that a paste is text for."""
        if is_small(*self._app.size) or self._asking.busy:
            return False
        taker = self._app.focused or self._app.screen
        return any(hasattr(type(node), "on_paste") for node in taker.ancestors_with_self)

    def _refuse_paste(self) -> None:
        """Say that a paste does nothing where there is no field for it; no leader waits any more."""
        self._chords.reset()
        page, before, self._refused_at = self._page, self._refused_at, time.monotonic()
        if self._refused_at - before < SAID_AGAIN:  # more of the same paste
            if page is not None:
                page.close_menu()
        elif page is not None:
            page.take_step(Dropped(0, NO_PASTE))
        else:
            self._surface.tell(NO_PASTE)

    def _pressed(self, event: events.MouseDown) -> None:
        """Close a menu that was not what the mouse pressed."""
        page = self._page
        if page is not None and page.menu.is_open and not page.menu.region.contains(event.x, event.y):
            self._chords.reset()
            page.close_menu()

    async def _bound(self, event: events.Key) -> bool:
        """Do what a key is bound to at once: what it moves or leaves may be what the next key is for.

        Textual would give it to each widget first, and come back to it when the next key has been looked at.
        """
        taker = self._app.focused or self._app.screen
        if hasattr(type(taker), "on_key"):
            return False
        return await self._app._check_bindings(event.key)  # noqa: SLF001 - there is no other way to do it now

    def _suspended(self, event: events.Key) -> bool:
        """Leave to the shell also where keys are for a dialog or a field, which need this one for nothing."""
        key, read, page = self._surface.key_map.textual.get("view.suspend", "ctrl+z"), read_of(event), self._page
        if event.key != key or not key.startswith("ctrl+") or (read is not None and len(read.keys) > 1):
            return False
        if page is not None and page.text_bar() is None and not self._asking.busy and not is_small(*self._app.size):
            return False  # the page's own key
        self._surface.action_suspend_process()
        return True

    def _took(self, event: events.Key) -> bool:
        """Handle a key that is not Textual's; return whether it was one."""
        small = is_small(*self._app.size)
        if small or self._asking.busy:
            # Nobody sees what a key would act upon, or it is not meant for the dialog that is about to be painted.
            if event.key == "escape":
                self._asking.give_up()
            elif event.key == "Q" and small:
                self._surface.action_leave()
            return True
        page = self._page
        if page is None:
            self._chords.reset()
            return event.key in QUIET
        key = name_of(event)
        bar = page.text_bar()
        if bar is not None:
            self._chords.pass_by(key, read_of(event))
            bar.feed(event.key, event.character)
            page.text_fed(bar, entered=event.key == "enter")
            return True
        step = self._chords.feed(key, read_of(event))
        if isinstance(step, Pass) and step.text:
            return True  # text for a field that is closed again, or that is not here
        if not isinstance(step, Pass):
            page.take_step(step)
            return True
        return self._took_alone(page, event, key)

    def _took_alone(self, page: Page, event: events.Key, key: str) -> bool:
        """Handle a key that is part of no chord."""
        surface = self._surface
        if page.is_choosing:
            page.take_letter(key)
        elif key in ("/", ":") and page.open_text(key):
            pass
        elif key == "escape":
            surface.action_escape()
        elif event.key in QUIET:
            if event.key == "ctrl+c":
                self._copy_or_tell()
        elif key in RESERVED and not surface.key_map.is_rebound(key):
            surface.tell(f"{key} is kept for {RESERVED[key]}, which this version does not have.")
        elif (command := surface.bindings.by_key(page.noun(), key)) is not None:
            targets, hidden = page.targets(), page.hidden_targets()
            if targets or hidden:
                surface.request(command, targets, hidden)
            else:
                surface.tell("Nothing is selected.")
        else:
            return False
        return True

    def _copy_or_tell(self) -> None:
        selected = self._app.screen.get_selected_text()
        if selected:
            self._app.copy_to_clipboard(selected)
        else:
            self._surface.tell("q leaves.")
