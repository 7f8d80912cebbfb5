"""The Textual app: mirrors the engine's fleet into its one reactive, and carries requests to the engine."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from textual import events
from textual.reactive import reactive

from kvmtui.commands import registry
from kvmtui.commands.base import Target
from kvmtui.core.inventory import Fleet, VmRef
from kvmtui.core.problems import fleet_problems
from kvmtui.prompts import Prompts
from kvmtui.screens import keymap
from kvmtui.screens.asking import Asking
from kvmtui.screens.fleet import FleetPage
from kvmtui.screens.keyboard import Keyboard
from kvmtui.screens.logins import Logins
from kvmtui.screens.marks import Marks
from kvmtui.screens.navigation import Navigator
from kvmtui.screens.open_consoles import OpenConsoles
from kvmtui.screens.outcomes import Outcomes
from kvmtui.screens.page import Page
from kvmtui.screens.running import Runner
from kvmtui.state_file import StateFile
from kvmtui.widgets.chords import Chords
from kvmtui.widgets.terminal_app import TerminalApp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.screen import Screen

    from kvmtui.backend.base import Backend
    from kvmtui.commands.base import Command, Judgement
    from kvmtui.consoles import Consoles
    from kvmtui.core.inventory import TaskView
    from kvmtui.core.metrics import History
    from kvmtui.core.problems import Problem
    from kvmtui.engine import Engine
    from kvmtui.engine.garbage import GarbageSearch
    from kvmtui.screens.console_typist import Typists

LARGE = 1000  # VMs from which looking for problems is done at most once a second


class KvmtuiApp(TerminalApp, inherit_bindings=False):
    """The terminal face of an engine."""

    CSS_PATH = "kvmtui.tcss"
    TITLE = "kvmtui"
    ENABLE_COMMAND_PALETTE = False  # ours is a screen of its own, loaded when it is first shown
    # Who shows a part of it repaints that part; Textual would paint the whole screen for each new fleet.
    fleet: reactive[Fleet] = reactive(Fleet(0.0), init=False, repaint=False, always_update=True)

    def __init__(
        self,
        engine: Engine,
        memory: StateFile,
        *,
        headless: bool = False,
        search: GarbageSearch | None = None,
        prompts: Prompts | None = None,
    ) -> None:
        super().__init__(headless=headless)
        self.engine = engine
        self.memory = memory
        self._search = search
        self.marks = Marks()
        self.key_map = keymap.bind(engine.settings.keys, allow_single=engine.settings.allow_single)
        self.bindings = self.key_map.bindings
        self.chords = Chords()
        self.problems: Sequence[Problem] = ()
        self._open_consoles = OpenConsoles(self, self, engine)
        shown_here = {
            "vm.console": self._open_consoles.open,
            "vm.take-console": self._open_consoles.take,
            "vm.display": self._show_display,
        }
        self._asking = Asking(self, engine, self.marks, shown_here)
        self._runner = Runner(self, self._asking)
        self._keyboard = Keyboard(self, self, self._asking, self.chords)
        self.prompts = prompts or Prompts()
        self._logins = Logins(self, self, self.prompts)
        self._navigator = Navigator(self, self)
        self._outcomes = Outcomes(self.tell)
        self._follows = ExitStack()  # empty still when the terminal could not be taken
        self._judged_at = 0.0
        self._last_input = time.monotonic()
        self.set_reactive(KvmtuiApp.fleet, engine.fleet)
        self.begin_with_theme(engine.settings.theme, memory.get("theme"))
        self.set_keymap(dict(self.key_map.textual))

    # -- life and time

    def get_default_screen(self) -> Screen[None]:
        """Return the first screen: the fleet, as it was looked at last."""
        return FleetPage(self._navigator.here.name)

    def on_mount(self) -> None:
        """Follow the engine from now on."""
        self.take_tones()
        self.theme_changed_signal.subscribe(self, lambda _theme: self._theme_changed())
        self.app_resume_signal.subscribe(self, lambda _app: self._resumed())
        self._follows.callback(self.engine.watch(self._take_fleet))
        self._follows.callback(self.prompts.watch(self._prompted))
        self._logins.look()
        self._mirror()
        configured = self.engine.settings.theme
        if configured and not self.has_theme(configured):
            self.call_later(self.choose_theme, configured)  # says what there is
        self.set_interval(10, self._tick)
        self._await_minute()
        search = self._search
        if search is not None:
            self.set_interval(1, lambda: search.consider(self.idle_seconds()))

    def on_unmount(self) -> None:
        """Let the engine go on without a screen."""
        self._follows.close()
        self._open_consoles.close_all()

    def _resumed(self) -> None:
        """Be whole and new again after a suspension, however long it was."""
        self.action_repaint()
        self.engine.refresh()

    def _prompted(self) -> None:
        self.call_later(self._logins.look)

    def _theme_changed(self) -> None:
        self.take_tones()
        self.memory.set("theme", self.theme)
        self._show_page()

    def _await_minute(self) -> None:
        self.set_timer(max(1.0, 60 - self.now() % 60), self._turn_minute)

    def _turn_minute(self) -> None:
        """Show the new minute when it begins."""
        self._show_page()
        self._await_minute()

    def _tick(self) -> None:
        """Keep ages, and the marks' time-out, going when nothing happens."""
        self._drop_marks()
        self._show_page()

    # -- the picture

    @property
    def page(self) -> Page | None:
        """The page that is shown, unless a dialog covers it."""
        return self.screen if self.screen_stack and isinstance(self.screen, Page) else None

    def _take_fleet(self, _fleet: Fleet) -> None:
        # In a message of the app, where a fault ends it with a traceback; not in the engine's callback.
        self.call_later(self._mirror)

    def _mirror(self) -> None:
        self.fleet = self.engine.fleet

    def watch_fleet(self, fleet: Fleet) -> None:
        """Show the newest fleet where it is looked at."""
        self._look_for_problems(fleet)
        self._drop_marks()
        self._outcomes.look(fleet)
        self._show_page()

    def _show_page(self) -> None:
        """Let the page show the newest fleet, unless it is being put together or taken apart."""
        page = self.page
        if page is not None and self.is_running and page.is_mounted and page.is_attached:
            page.show_fleet(self.fleet)

    def _look_for_problems(self, fleet: Fleet) -> None:
        large = sum(len(entry.state.vms) for entry in fleet.hosts if entry.state) > LARGE
        if large and time.monotonic() - self._judged_at < 1.0:
            return
        self._judged_at = time.monotonic()
        self.problems = fleet_problems(fleet, self.now(), self.problems)

    def _drop_marks(self) -> None:
        fallen = self.marks.fall(self.fleet, time.monotonic())
        if fallen:
            self.tell(f"{len(fallen)} mark{'s' if len(fallen) > 1 else ''} fell: gone, moved, or 15 minutes old.")

    # -- what screens may ask of the app

    @property
    def notice(self) -> str:
        """Why it is the demo that is shown, and what to install; "" when somebody asked for it."""
        return self.engine.settings.demo_why

    def now(self) -> float:
        """Return seconds since the epoch by the engine's clock."""
        return self.engine.clock.now()

    def idle_seconds(self) -> float:
        """Return seconds since the last key or mouse event."""
        return time.monotonic() - self._last_input

    @property
    def is_free(self) -> bool:
        """Whether a page is shown, and nothing is asked or typed there."""
        page = self.page
        if page is None or not page.is_mounted or not page.is_attached:
            return False
        return not self._asking.busy and not page.menu.is_open and page.text_bar() is None

    def history(self, ref: VmRef) -> History | None:
        """Return what is kept of a VM's past."""
        return self.engine.history(ref)

    def backend(self, host: str) -> Backend:
        """Return a host's backend, for what a screen reads beyond the fleet."""
        return self.engine.backend(host)

    def judge(self, command: Command, target: Target) -> Judgement:
        """Return whether a command may run now, and what it asks."""
        return self.engine.judge(command, target)

    def look_at(self, ref: VmRef | None, *, graphs: bool = False) -> None:
        """Read this VM in detail from now on."""
        self.engine.look_at(ref, graphs=graphs)

    def look_at_host(self, host: str | None) -> None:
        """Read this host in detail from now on."""
        self.engine.look_at_host(host)

    def read_again(self, host: str | None) -> None:
        """Read a host, or all of them, anew."""
        self.engine.refresh(host)

    def journal(self, limit: int) -> Sequence[TaskView]:
        """Return the newest tasks of the journal."""
        return self.engine.journal.read(limit)

    # -- consoles

    @property
    def consoles(self) -> Consoles:
        """The open consoles."""
        return self._open_consoles.consoles

    @property
    def typists(self) -> Typists:
        """What types to them."""
        return self._open_consoles.typists

    @property
    def open_consoles(self) -> int:
        """How many there are."""
        return len(self._open_consoles)

    def _show_display(self, targets: Sequence[Target]) -> None:
        """Show the way to a VM's screen."""
        from kvmtui.screens.display import DisplayScreen

        self.push_screen(DisplayScreen(targets[0]))

    def action_show_consoles(self) -> None:
        """Show the console that was opened last."""
        self._open_consoles.show_newest()

    # -- places

    def open_vm(self, ref: VmRef, tab: str = "") -> None:
        """Show a VM's page."""
        self._navigator.open_vm(ref, tab)

    def open_host(self, host: str, tab: str = "") -> None:
        """Show a host's page."""
        self._navigator.open_host(host, tab)

    def action_go(self, name: str) -> None:
        """Go to a place of the key table."""
        self._navigator.go(name)

    def action_go_last(self) -> None:
        """Go to the last place."""
        self._navigator.go_last()

    def action_go_history(self, by: int) -> None:
        """Go back or forward in the places."""
        self._navigator.step(by)

    def action_back_or_quit(self) -> None:
        """Go back one; quit at the fleet."""
        if not self._navigator.back():
            self.action_leave()

    def action_escape(self) -> None:
        """Undo the first thing that can be undone, or go back; never quits."""
        page = self.page
        if page is None or page.step_back():
            return
        self._navigator.back()

    # -- what a person asks for

    def request(self, command: Command, targets: Sequence[Target], hidden: Sequence[Target] = ()) -> None:
        """Ask what the command asks, and run it."""
        if (
            command.id == "vm.console"
            and len(targets) == 1
            and not hidden
            and self._open_consoles.come_back(targets[0].ref)
        ):
            return
        if command.interview is not None and not targets:
            targets = self._hosts_for(command, None)
        self._asking.begin(command, tuple(targets), tuple(hidden))

    def _hosts_for(self, command: Command, host: str | None) -> Sequence[Target]:
        """Return this host, if it can have what the command makes, or else the first that can."""
        targets = [Target.of_host(entry) for entry in self.fleet.hosts]
        targets.sort(key=lambda target: (not self.judge(command, target).allowed, target.host != host))
        return targets[:1]

    def make_vm(self, host: str | None) -> None:
        """Ask for a new VM, on that host if it can have one, else on the first that can."""
        command = registry.by_id("vm.create")
        if command is not None:
            self.request(command, self._hosts_for(command, host))

    def run_line(self, text: str) -> None:
        """Run what was entered after `:`."""
        self._runner.run(text)

    def complete(self, text: str) -> Sequence[str]:
        """Return what a text after `:` can become."""
        return self._runner.complete(text)

    def action_palette(self) -> None:
        """Open the palette."""
        from kvmtui.screens.palette import open_palette

        if self.page is not None:
            open_palette(self.page)

    def action_help(self) -> None:
        """Explain this screen and its keys."""
        from kvmtui.screens.help import HelpScreen

        page = self.page
        if page is not None:
            self.push_screen(HelpScreen(page))

    def action_leave(self) -> None:
        """Quit; ask while tasks run."""
        running = [task for task in self.fleet.tasks if task.ours and not task.phase.is_final]
        if not running:
            self.exit(0)
            return
        self._asking.leave(running)

    # -- keys

    async def on_event(self, event: events.Event) -> None:
        """Look at every key before Textual does: chords, pastes and leaders are ours."""
        if isinstance(event, events.InputEvent | events.Paste) and not event.is_forwarded:
            self._last_input = time.monotonic()
            self.marks.touch(self._last_input)
            if await self._keyboard.takes(event):
                return
        await super().on_event(event)

    def lead(self, leader: str) -> None:
        """Do as if this leader key had been pressed."""
        self._keyboard.lead(leader)

    def let_go(self) -> None:
        """Let no leader wait for its letter any more."""
        self.chords.reset()


async def show(
    engine: Engine,
    search: GarbageSearch | None = None,
    prompts: Prompts | None = None,
    asked: asyncio.Future[int] | None = None,
) -> int:
    """Show the screen until it is left, a fault of the program ends it, or `asked` does; returns the exit code."""
    memory = StateFile()
    app = KvmtuiApp(engine, memory, search=search, prompts=prompts)
    try:
        screen = asyncio.create_task(app.run_async(mouse=engine.settings.mouse))
        fault = asyncio.create_task(engine.fault())
        ended = asked or asyncio.get_running_loop().create_future()
        await asyncio.wait((screen, fault, ended), return_when=asyncio.FIRST_COMPLETED)
        if fault.done():
            app.exit(1)
        elif ended.done():
            app.exit(ended.result())
        code = await screen
        if fault.done():
            fault.result()  # raises: the person sees the traceback, not a screen that stands still
        fault.cancel()
        return code or app.return_code or 0
    finally:
        memory.save()
