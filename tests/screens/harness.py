"""The program on a simulated fleet, without a terminal: keys go in as a terminal sends them, the screen comes out."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from textual import events
from textual._compositor import LayoutUpdate
from textual.geometry import Size
from textual.keys import _character_to_key
from textual.notifications import Notification, Notifications

from kvmtui.app import KvmtuiApp
from kvmtui.backend.demo import DemoBackend, World, hosts_of, parse
from kvmtui.config import HostConfig, Settings
from kvmtui.core.inventory import VmRef
from kvmtui.engine import Engine
from kvmtui.journal import Journal
from kvmtui.screens.page import Page
from kvmtui.screens.vm_list_page import VmListPage
from kvmtui.state_file import StateFile
from kvmtui.widgets.chords import Read
from kvmtui.widgets.driver import name_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from rich.segment import Segment
    from textual.dom import DOMNode
    from textual.message import Message

    from kvmtui.backend.demo.world import Call
    from kvmtui.core.clock import Clock
    from kvmtui.core.inventory import HostEntry, TaskView, Vm, VmState

SMALL = "demo:///?faults=none&pace=0"
SIZE = (80, 24)
GUARD_PASSED = 10.0  # seconds ahead: a key of a read that came then was typed well after any dialog was painted
POLL = 0.015  # seconds
PATIENCE = 60.0  # seconds until a condition that does not come fails a test, on a machine that has much else to do
NAMES = {"space": " ", "exclamation_mark": "!"}


class FrozenClock:
    """A clock that a test moves."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at
        self.passed = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.passed

    def step(self, seconds: float) -> None:
        self.at += seconds
        self.passed += seconds


def key_event(key: str) -> events.Key:
    """Return the event of a key as a person names it: "x", "!", " ", "enter", "ctrl+p"."""
    if len(key) == 1:
        return events.Key(_character_to_key(key), key)
    return events.Key(key, " " if key == "space" else None)


class Told(Notifications):
    """Keeps a sentence that ran out, too: on a slow machine it may be gone before a test has looked."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, Notification] = {}

    def add(self, notification: Notification) -> Self:
        self.told.pop(notification.identity, None)
        self.told[notification.identity] = notification
        return super().add(notification)

    def clear(self) -> Self:
        self.told.clear()
        return super().clear()

    def __delitem__(self, notification: Notification) -> None:
        if not notification.has_expired:
            self.told.pop(notification.identity, None)
        super().__delitem__(notification)


class Desk:
    """A running program, and the world that it is on."""

    def __init__(self, app: KvmtuiApp, engine: Engine, world: World) -> None:
        self.app = app
        self.engine = engine
        self.world = world
        self.faults = world.faults
        self._reads = 0

    # -- what is seen

    @property
    def lines(self) -> list[str]:
        """The screen, line by line, dialogs and toasts included."""
        return ["".join(segment.text for segment in line).rstrip() for line in self.strips()]

    def strips(self) -> list[list[Segment]]:
        """The screen, line by line, with its styles."""
        screen = self.app.screen
        update = screen._compositor.render_update(full=True, screen_stack=self.app._background_screens)
        assert isinstance(update, LayoutUpdate)
        return [[segment for strip in line for segment in strip] for line in update.strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def toasts(self) -> list[str]:
        """The sentences that were said and were not taken back, oldest first."""
        found = self.app._notifications
        return [each.message for each in (found.told.values() if isinstance(found, Told) else found)]

    @property
    def page(self) -> Page:
        assert isinstance(self.app.screen, Page)
        return self.app.screen

    @property
    def vms(self) -> VmListPage:
        """The page, which lists VMs."""
        assert isinstance(self.app.screen, VmListPage)
        return self.app.screen

    @property
    def names(self) -> list[str]:
        """The names of the VMs listed, in their order; folds and headings left out."""
        found = []
        for key in self.vms.pane.shown.keys:
            if isinstance(key, VmRef):
                vm = self.engine.fleet.vm(key)
                found.append(vm.name if vm is not None else "(gone)")
        return found

    @property
    def calls(self) -> list[Call]:
        """The changes that reached any host."""
        return self.world.calls

    def vm(self, name: str) -> Vm:
        """The VM of that name, as it is."""
        return self.world.vm(name)

    def entry(self, host: str) -> HostEntry:
        entry = self.engine.fleet.host(host)
        assert entry is not None
        return entry

    @property
    def tasks(self) -> Sequence[TaskView]:
        return self.engine.fleet.tasks

    def line_of(self, words: str) -> str:
        """The first line of the screen with these words."""
        found = next((line for line in self.lines if words in line), None)
        assert found is not None, f"no line says {words!r}:\n{self.text}"
        return found

    def menu_text(self) -> str:
        """What the menu of a leader says."""
        return self.page.menu.plain

    # -- what is typed

    def _tagged(self, keys: Iterable[events.Event], *, late: bool) -> list[events.Event]:
        self._reads += 1
        found = list(keys)
        names = tuple(name_of(one) if isinstance(one, events.Key) else "<mouse>" for one in found)
        read = Read(self._reads, time.monotonic() + self._reads + (GUARD_PASSED if late else 0.0), names)
        for one in found:
            one.read = read  # type: ignore[attr-defined] # as the driver does
        return found

    async def press(self, *keys: str) -> None:
        """Press keys one by one, each in a read of its own, without haste: no dialog's guard is still up."""
        for key in keys:
            await self._send(self._tagged([key_event(key)], late=True))

    async def early(self, *keys: str) -> None:
        """Press keys one by one, right now: a dialog painted this instant must drop them."""
        for key in keys:
            event = key_event(key)
            self._reads += 1
            event.read = Read(self._reads, time.monotonic(), (name_of(event),))  # type: ignore[attr-defined]
            await self._send([event])

    def typed(self, *keys: str) -> list[events.Event]:
        """Return the events of keys that each come in a read of their own."""
        return [event for key in keys for event in self._tagged([key_event(key)], late=True)]

    def click_events(self, x: int, y: int, button: int = 1) -> list[events.Event]:
        return [_mouse(kind, x, y, button=button) for kind in (events.MouseDown, events.MouseUp)]

    async def type(self, text: str) -> None:
        """Enter a text as somebody does who types faster than the screen is painted."""
        await self._send(self.typed(*text))

    async def read(self, *keys: str) -> None:
        """Send keys that all come together."""
        await self._send(self._tagged([key_event(key) for key in keys], late=True))

    async def send(self, messages: Iterable[Message]) -> None:
        """Send what a decoder gave."""
        await self._send(messages)

    async def quick(self, messages: Iterable[Message]) -> None:
        """Send what a decoder gave, and wait only until it has been handled."""
        driver = self.app._driver
        assert driver is not None
        for message in messages:
            driver.process_message(message)
        await self._handled()

    async def paste(self, text: str) -> None:
        await self._send([events.Paste(text)])

    async def click(self, x: int, y: int, *, times: int = 1, button: int = 1) -> None:
        """Click on a cell of the screen."""
        for _ in range(times):
            for event in self.click_events(x, y, button):
                await self._send([event])

    async def click_on(self, words: str, *, times: int = 1, button: int = 1) -> None:
        """Click where these words begin."""
        for y, line in enumerate(self.lines):
            if words in line:
                await self.click(line.index(words), y, times=times, button=button)
                return
        raise AssertionError(f"no line says {words!r}:\n{self.text}")

    async def wheel(self, x: int, y: int, *, up: bool = False) -> None:
        await self._send([_mouse(events.MouseScrollUp if up else events.MouseScrollDown, x, y)])

    async def resize(self, width: int, height: int) -> None:
        size = Size(width, height)
        driver = self.app._driver
        assert driver is not None
        driver._size = (width, height)
        await self._send([events.Resize(size, size)])

    async def _send(self, messages: Iterable[Message]) -> None:
        driver = self.app._driver
        assert driver is not None
        for message in messages:
            driver.process_message(message)
        await self.settle()

    async def say(self, line: str) -> None:
        """Enter a line after `:`."""
        await self.press(":")
        await self.type(line)
        await self.press("enter")

    # -- waiting

    async def settle(self) -> None:
        """Return when everything that was sent has been handled and painted."""
        for _ in range(2):
            await asyncio.sleep(0)
            if not self.app.is_running:
                return
            await self._handled()
            self.app.screen._on_timer_update()

    async def _handled(self) -> None:
        """Return when the app, and then each widget from the innermost on, has handled what stood in its queue."""
        await self._all_handled([self.app])
        if not self.app.is_running:
            return
        depths: dict[int, list[DOMNode]] = {}
        for one in self.app.screen.walk_children(with_self=True):
            depths.setdefault(len(one.ancestors), []).append(one)
        for _, same in sorted(depths.items(), reverse=True):
            await self._all_handled(same)

    async def _all_handled(self, widgets: Sequence[DOMNode]) -> None:
        left: set[DOMNode] = set()
        done = asyncio.Event()

        def handled(one: DOMNode) -> None:
            left.discard(one)
            if not left:
                done.set()

        left.update(one for one in widgets if one.call_later(handled, one))
        # What is taken apart meanwhile answers no more.
        while any(one.is_running for one in left) and self.app.is_running and self.app._exception is None:
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), 0.05)

    async def until(self, true: Callable[[], object], what: str = "") -> None:
        """Wait until it is true."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert self.app._exception is None, self.app._exception
            assert time.monotonic() < deadline, f"never came: {what}\n{self.text}\n{self.toasts}"
            await asyncio.sleep(POLL)
            if self.app.is_running:
                await self._handled()
                self.app.screen._on_timer_update()

    async def until_text(self, *words: str) -> None:
        """Wait until the screen says all of these."""
        for each in words:
            await self.until(partial(self._says, each), each)

    def _says(self, words: str) -> bool:
        return words in self.text

    async def until_gone(self, words: str) -> None:
        await self.until(lambda: words not in self.text, f"the end of {words}")

    async def until_told(self, words: str) -> None:
        """Wait until a toast says this."""
        await self.until(lambda: any(words in toast for toast in self.toasts), f"the toast {words}")

    async def until_state(self, name: str, state: VmState) -> None:
        """Wait until the fleet shows a VM in a state."""
        ref = self.world.ref(name)
        await self.until(lambda: (vm := self.engine.fleet.vm(ref)) is not None and vm.state is state, f"{name} {state}")

    async def until_done(self, count: int = 1) -> list[TaskView]:
        """Wait until so many tasks have ended."""
        await self.until(
            lambda: (
                sum(task.phase.is_final for task in self.tasks) >= count
                and not any(not task.phase.is_final for task in self.tasks)
            ),
            f"{count} tasks to end",
        )
        return list(self.tasks)

    # -- going

    async def go_to(self, name: str, host: str = "") -> VmRef:
        """Put the cursor on a VM."""
        ref = next(
            VmRef(entry.name, vm.uuid)
            for entry, vm in self.engine.fleet.vms()
            if vm.name == name and host in ("", entry.name)
        )
        await self.press("home")  # from here on the order is held
        table = self.vms.pane.table
        await self.until(lambda: ref in self.vms.pane.shown.keys, f"{name} in the list")
        table.focus()
        assert table.move_to(ref)
        await self.settle()
        return ref

    async def go_to_host(self, name: str) -> None:
        """Put the cursor on a host of the fleet page."""
        from kvmtui.screens.fleet import FleetPage

        page = self.app.screen
        assert isinstance(page, FleetPage)
        page.hosts.focus()
        assert page.hosts.move_to(name)
        await self.settle()


def _mouse(kind: type[events.MouseEvent], x: int, y: int, *, button: int = 0) -> events.MouseEvent:
    return kind(
        widget=None,
        x=x,
        y=y,
        delta_x=0,
        delta_y=0,
        button=button,
        shift=False,
        meta=False,
        ctrl=False,
        screen_x=x,
        screen_y=y,
    )


@asynccontextmanager
async def desk(
    address: str = SMALL,
    *,
    size: tuple[int, int] = SIZE,
    clock: Clock | None = None,
    prepare: Callable[[World], None] = lambda world: None,
    configs: Callable[[HostConfig], HostConfig] = lambda config: config,
    up: bool = True,
    remembered: Mapping[str, str | bool] | None = None,
    **changes: Any,
) -> AsyncIterator[Desk]:
    """Run the program on the simulated fleet of that address; `remembered` is of its last run, `changes` are settings.

    Hosts are read by events, and otherwise only when a test asks: `refresh` is an hour.
    """
    fleet, _ = parse(address)
    world = World(fleet, clock=clock)
    prepare(world)
    hosts = tuple(configs(HostConfig(name, uri)) for name, uri in hosts_of(address))

    def opened(uri: str, *, read_only: bool = False) -> DemoBackend:
        return DemoBackend(uri, read_only=read_only, world=world)

    usual: dict[str, Any] = {"refresh": 3600.0, "resync": 3600.0, "label": "prod"}
    settings = replace(Settings(hosts=hosts), **(usual | changes))
    with TemporaryDirectory() as folder:
        engine = Engine(settings, clock=clock, connector=opened, journal=Journal(Path(folder) / "journal.jsonl"))
        memory = StateFile(Path(folder) / "state.json")
        for name, value in (remembered or {}).items():
            memory.set(name, value)
        app = KvmtuiApp(engine, memory, headless=True)
        app._notifications = Told()
        await engine.start()
        try:
            async with app.run_test(size=size, notifications=True):
                one = Desk(app, engine, world)
                if up:
                    await one.until(lambda: all(entry.condition.is_answering for entry in engine.fleet.hosts))
                await one.settle()
                yield one
        finally:
            await engine.stop()
