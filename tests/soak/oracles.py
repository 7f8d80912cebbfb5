"""What must hold whatever is pressed: it runs, it is painted whole, and it did only what was shown and confirmed."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from kvmtui.backend.demo.world import Call
from kvmtui.commands.base import Level, Noun
from kvmtui.core.inventory import Guard, VmRef
from kvmtui.core.text import cell_width, first_cells, safe
from kvmtui.screens.page import Page
from kvmtui.screens.palette import PaletteScreen
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from tests.hostile.painting import Painting
from tests.soak.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.backend.demo import World
    from kvmtui.commands.base import Answers, Command, Target
    from kvmtui.core.inventory import VmState
    from tests.screens.harness import Desk

SENT_BY = {
    "vm.start": "start",
    "vm.shutdown": "shutdown",
    "vm.reboot": "reboot",
    "vm.pause": "pause",
    "vm.resume": "resume",
    "vm.wake": "wake",
    "vm.hibernate": "save",
    "vm.force-off": "force_off",
    "vm.reset": "reset",
    "vm.nmi": "nmi",
    "vm.drop-saved": "drop_saved",
    "vm.autostart-on": "set_autostart",
    "vm.autostart-off": "set_autostart",
}
STRICT = frozenset(SENT_BY.values())
LOOKED = 5  # screens back that a person who confirms may have read the target on
ASKING = frozenset({"ConfirmScreen", "Form"})
SOON = 60.0  # seconds in which, on a machine that has much else to do, a screen is painted whole
SHORT = 24  # cells of a name that are shown whole
HEAD = 8  # cells of the beginning of a longer name, which are shown however narrow its column is


class Broken(AssertionError):
    """Something that must hold does not."""


class Met(NamedTuple):
    """A change, and what it met when it was sent; `name` is None where there is no such VM yet."""

    call: Call
    name: str | None
    state: VmState | None
    identity: str


class Calls(list[Call]):
    """Notes what each change meets at the instant that it is sent."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.met: list[Met] = []

    def append(self, call: Call) -> None:
        """Note a change."""
        super().append(call)
        host = self._world.host(call.host)
        guest = host.guests.get(call.uuid)
        name, state = (guest.vm.name, guest.vm.state) if guest is not None else (None, None)
        self.met.append(Met(call, name, state, self._world.faults.identities.get(call.host, host.facts.uuid)))


class Painted(NamedTuple):
    """What a person saw."""

    kind: str
    text: str


class Log(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an error with its traceback, and a warning of Python's own."""
        if record.levelno < logging.ERROR and record.name != "py.warnings":
            return
        self.said.append(logging.Formatter("%(name)s: %(message)s").format(record))


class Oracles:
    """Looks on while somebody plays on a desk; raises Broken."""

    def __init__(self, it: Desk, *, reads: bool = True) -> None:
        """`reads`: judge too whether what is asked for stood on the screen, which a slow machine may paint late."""
        self._it = it
        self._reads = reads
        self.calls = Calls(it.world)
        it.world.calls = self.calls
        self._let_go: set[tuple[str, str]] = set()  # hosts and files of disks that were to go
        self._opened: set[str] = set()  # read-only hosts that `:unlock` has opened
        self._checked = 0
        self._painted: deque[Painted] = deque(maxlen=LOOKED)
        self._dialogs: deque[Painted] = deque(maxlen=LOOKED)  # questions, which are answered long before a slow host is
        self._submitted: dict[tuple[str, str], set[tuple[str, VmState | None, str]]] = {}
        self._made_on: set[str] = set()  # hosts that a VM was made on: nobody saw its UUID
        self._several: set[str] = set()  # UUIDs of VMs that something with several steps was asked for
        self._begun: dict[str, tuple[Painted, ...]] = {}  # what was seen when a command was asked for last
        self._unshown: list[str] = []
        self._entered = Painted("bar", "")
        self._text = ""
        self._log = Log()
        self._loop: list[str] = []
        self.burst = False  # whether what is sent now holds more than one key: nobody saw what lies between them
        self.reach = Reach()
        self._begin = it.app._asking.begin
        it.app._asking.begin = self._beginning  # type: ignore[method-assign,assignment] # to count what is asked for
        self._run_line = it.app._runner.run
        it.app._runner.run = self._running_line  # type: ignore[method-assign] # to count the lines
        self._submit = it.engine.submit
        it.engine.submit = self._submitting  # type: ignore[method-assign] # to see each request as the engine gets it

    def __enter__(self) -> Self:
        """Hear of errors."""
        logging.getLogger().addHandler(self._log)
        logging.captureWarnings(True)
        asyncio.get_running_loop().set_exception_handler(self._failed)
        return self

    def __exit__(self, *_error: object) -> None:
        """Hear no more."""
        logging.getLogger().removeHandler(self._log)
        logging.captureWarnings(False)
        asyncio.get_running_loop().set_exception_handler(None)

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._loop.append(f"{context.get('message')} {context.get('exception')!r}")

    # -- after each step

    async def look(self) -> None:
        """Check all that must hold at any instant, and that the screen is whole soon."""
        it = self._it
        if it.app._exception is not None:
            raise it.app._exception
        for found in (self._log.said, self._loop, self._unshown):
            if found:
                raise Broken(found[0])
        if not it.app.is_running:
            raise Broken("the program has ended")
        self._meant()
        until = time.monotonic() + SOON
        while fault := self._unwhole():  # a new size is painted a moment later
            if it.app._exception is not None:
                raise it.app._exception
            if time.monotonic() > until:
                raise Broken(fault)
            await asyncio.sleep(0.01)
            await it.settle()
        painted = Painted(self.kind(), self._text)
        self._painted.append(painted)
        if painted.kind in ASKING:
            self._dialogs.append(painted)

    def kind(self) -> str:
        """What is on top."""
        it, screen = self._it, self._it.app.screen
        if isinstance(screen, Page):
            return "menu" if screen.menu.is_open else "bar" if screen.text_bar() is not None else "page"
        for known in (ConfirmScreen, Form, PaletteScreen):
            if isinstance(screen, known):
                return known.__name__
        return type(it.app.screen).__name__

    def _unwhole(self) -> str:
        """Return why the screen is not painted whole, or does more than show it."""
        painting = Painting(self._it)
        self._text = painting.text
        return painting.fault()

    def _meant(self) -> None:
        """Each change met what was chosen, as it was chosen."""
        guards = {host.name: host.guard for host in self._it.engine.settings.hosts}
        self._opened |= {entry.name for entry in self._it.engine.fleet.hosts if entry.unlocked_until is not None}
        for met in self.calls.met[self._checked :]:
            call = met.call
            if guards[call.host] is Guard.READ_ONLY and call.host not in self._opened:
                raise Broken(f"{call} on a host that is read-only")
            if call.verb == "delete_disk":
                if not ({(call.host, *call.args)} <= self._let_go or call.host in self._made_on):
                    raise Broken(f"{call} is of no disk that was to go with its VM")
                continue
            if call.uuid in self._several or self._is_made(call):
                continue
            seen = self._submitted.get((call.host, call.uuid), set())
            if call.verb in STRICT and (met.name, met.state, met.identity) not in seen:
                raise Broken(f"{met} is none of {seen}")
            if not seen:
                raise Broken(f"{call} was not asked for")
        self._checked = len(self.calls.met)

    def _is_made(self, call: Call) -> bool:
        return call.host in self._made_on and (call.host, call.uuid) not in self._submitted

    # -- when something is asked for

    def _beginning(self, command: Command, *rest: Any) -> None:
        self.reach.asked(command)
        self._begun[command.id] = (*self._painted, self._entered)
        self._begin(command, *rest)

    def _chosen_disks(self, target: Target, answers: Answers) -> set[tuple[str, str]]:
        """Return hosts and files of the disks that are to go with a VM."""
        vm = self._it.engine.fleet.vm(VmRef(target.host, target.uuid))
        chosen = answers.get("disks")
        if vm is None or not isinstance(chosen, tuple):
            return set()
        return {(target.host, disk.source or "") for disk in vm.disks if disk.target in chosen}

    def _running_line(self, text: str) -> None:
        self.reach.entered(text)
        self._entered = Painted("bar", safe(text, limit=4096))  # known to whoever typed it, whatever is shown for it
        self._run_line(text)
        self._entered = Painted("bar", "")

    def _submitting(
        self, command: Command, targets: Sequence[Target], answers: Answers, *, agreed: Level | None = None
    ) -> tuple[str, ...]:
        self.reach.sent(command, len(targets))
        for target in targets:
            if command.noun is Noun.VM:
                seen = (target.name, target.state, target.host_uuid)
                self._submitted.setdefault((target.host, target.uuid), set()).add(seen)
            if command.id in ("vm.migrate", "vm.delete"):
                self._several.add(target.uuid)
            if command.id == "vm.delete":
                self._let_go |= self._chosen_disks(target, answers)
            if command.id in ("vm.create", "volume.upload"):
                self._made_on |= {target.host, *map(str, answers.values())}
        if self._reads and not self.burst:
            self._shown(command, targets, agreed)
        return self._submit(command, targets, answers, agreed=agreed)

    def _shown(self, command: Command, targets: Sequence[Target], agreed: Level | None) -> None:
        """What is asked for stood on the screen just before, and was confirmed where it has to be."""
        names = ["".join(_recognised_by(target.name).split()) for target in targets]
        # Between a key and what is sent, a slow host may have been read, and other screens seen.
        seen = (*self._painted, *self._dialogs, *self._begun.get(command.id, ()))
        showing = [painted for painted in seen if _shows(painted, names)]
        if not showing:
            self._unshown.append(f"{command.id} on {names} was not on the screen:\n{self._painted[-1].text}")
        kinds = {painted.kind for painted in (*self._painted, *showing)}
        if agreed is not None and agreed >= Level.FORCED and "ConfirmScreen" not in kinds:
            self._unshown.append(f"{command.id} on {names} was not confirmed: {kinds}")
        if agreed is Level.ORDINARY and not kinds & {"ConfirmScreen", "Form"}:
            self._unshown.append(f"{command.id} on {names} was not asked: {kinds}")


def _shows(painted: Painted, names: Sequence[str]) -> bool:
    """Tell whether these names, or how many they are, stand there."""
    text = "".join(painted.text.split())
    marked = [int(number) for number in re.findall(r"marked(\d+)", text)]  # of which some may have been refused
    several = "markedVMs" in text or f"{len(names)}VMs" in text or max(marked, default=0) >= len(names) > 1
    return several or all(name in text for name in names)


def _recognised_by(name: str) -> str:
    """Return what of a name stands on a screen that shows it at all."""
    shown = safe(name)
    return shown if cell_width(shown) <= SHORT else first_cells(shown, HEAD)
