"""Draws the pictures of assets/ from the demo fleet: `python -m scripts.screenshots [NAME...]`.

An hour of the simulated fleet passes in seconds on a loop whose time jumps; then time stands still and the program is
drawn. The clock, the zone and the world are given, so the same program draws the same bytes.
"""

from __future__ import annotations

import asyncio
import html
import os
import random
import re
import selectors
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch

from kvmtui.app import KvmtuiApp
from kvmtui.backend.demo import DemoBackend, World, hosts_of, parse
from kvmtui.commands import registry
from kvmtui.commands.base import Target
from kvmtui.config import HostConfig, Settings
from kvmtui.core.text import cell_width
from kvmtui.engine import Engine
from kvmtui.journal import Journal
from kvmtui.screens.fleet import FleetPage
from kvmtui.state_file import StateFile

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from textual.pilot import Pilot

ASSETS = Path(__file__).resolve().parent.parent / "assets"
ADDRESS = "demo:///?faults=none&seed=7"
SHOWN_AT = 1_773_756_192.0  # 17 March 2026, 14:03:12 UTC: a weekday's afternoon
HISTORY = 3600.0  # seconds that pass before the pictures
REFRESH = 4.0
QUIET = 0.3  # seconds in which nothing changes on the screen any more
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "TZ": "UTC", "TERM": "xterm-256color", "COLORTERM": "truecolor"}


class _Selector(selectors.DefaultSelector):
    """While its loop jumps it waits for nothing: time goes on to what is due next."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: JumpingLoop | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.loop is None or not self.loop.jumps or not timeout:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.loop.passed += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes without waiting until `stand` is called, and like the machine's from then on."""

    def __init__(self) -> None:
        self.jumps = True
        self.passed = 0.0
        self._real = 0.0
        selector = _Selector()
        super().__init__(selector)
        selector.loop = self

    def time(self) -> float:
        return self.passed if self.jumps else self.passed + time.monotonic() - self._real

    def stand(self) -> None:
        """Jump no more."""
        self._real = time.monotonic()
        self.jumps = False


class FleetClock:
    """Tells the fleet the jumping loop's time, up to the instant of the pictures."""

    def __init__(self, loop: JumpingLoop) -> None:
        self._loop = loop

    def now(self) -> float:
        return SHOWN_AT - HISTORY + min(HISTORY, self._loop.passed)

    def monotonic(self) -> float:
        return 1000.0 + min(HISTORY, self._loop.passed)


class Studio:
    """The fleet in front of which the pictures are taken."""

    def __init__(self, loop: JumpingLoop, folder: Path) -> None:
        self.folder = folder
        clock = FleetClock(loop)
        self.loop = loop
        self.world = World(parse(ADDRESS)[0], clock=clock)
        hosts = tuple(HostConfig(name, uri) for name, uri in hosts_of(ADDRESS))
        settings = replace(Settings(), hosts=hosts, refresh=REFRESH, shutdown_wait=1800.0, demo=True)
        journal = Journal(folder / "journal.jsonl")
        with patch("kvmtui.tasks.runner.user", return_value="ann"):
            self.engine = Engine(settings, clock=clock, connector=self._open, journal=journal)

    def _open(self, uri: str, *, read_only: bool = False) -> DemoBackend:
        return DemoBackend(uri, read_only=read_only, world=self.world)

    def do(self, id_: str, *names: str) -> None:
        """Have the program do something to VMs."""
        command = registry.by_id(id_)
        if command is None:
            raise SystemExit(f"there is no command {id_}")
        targets = []
        for name in names:
            ref = self.world.ref(name)
            entry, vm = self.engine.fleet.host(ref.host), self.engine.fleet.vm(ref)
            if entry is not None and vm is not None:
                targets.append(Target.of_vm(entry, vm))
        self.engine.submit(command, targets, {})

    async def live(self) -> None:
        """Let the hour pass that the pictures look back on."""
        await self.engine.start()
        await self._until(20.0)
        # What the graphs show is recorded in full only while somebody looks.
        self.engine.look_at(self.world.ref("prometheus-1"), graphs=True)
        for at, act in self._script():
            await self._until(at)
            act()
        # Every host is read once more at the very instant, so that no later reading shows anything new.
        await self._until(HISTORY + 3 * REFRESH)
        self.loop.stand()

    def _script(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """Yield what happens, and at which second of the hour."""
        yield 610.0, lambda: self.do("vm.reboot", "cache-2")
        yield 1250.0, lambda: self.do("vm.hibernate", "wiki")
        yield 1540.0, lambda: self.do("vm.start", "wiki")
        yield 2100.0, lambda: self.do("vm.shutdown", "dns-1", "ldap-1")
        yield 2405.0, lambda: self.do("vm.start", "dns-1", "ldap-1")
        yield 2700.0, lambda: self.do("vm.start", "instance-0000002a")
        yield 3010.0, lambda: self.do("vm.pause", "prometheus-1")
        yield 3060.0, lambda: self.do("vm.shutdown", "erp")
        yield 3130.0, lambda: self.do("vm.resume", "prometheus-1")
        yield 3500.0, lambda: self.do("vm.start", "golden-debian-12")
        yield 3545.0, lambda: self.world.faults.migrate(self.world.ref("app-3").uuid, "hv1", "hv2", 90.0)
        yield 3576.0, lambda: self.world.faults.silence("hv3")

    async def _until(self, second: float) -> None:
        await asyncio.sleep(max(0.0, second - self.loop.time()))


class Shot(NamedTuple):
    """A picture: its name, its size, and what is pressed before it is taken."""

    name: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()
    vm: str = ""  # under the cursor first
    host: str = ""


SHOTS = (
    Shot("fleet-80x24", (80, 24), vm="db-3"),
    Shot("fleet-120x36", (120, 36), vm="db-3"),
    Shot("fleet-200x60", (200, 60), vm="db-3"),
    Shot("menu", (100, 28), ("x",), vm="db-3"),
    Shot("confirm", (100, 28), ("!", "f"), vm="web-frontend-prod-01"),
    Shot("vm", (120, 36), ("enter",), vm="prometheus-1"),
    Shot("graphs", (120, 36), ("enter", ">"), vm="prometheus-1"),
    Shot("host", (120, 36), ("enter",), host="hv1"),
    Shot("create", (120, 36), ("n", "n", *"mail-2"), vm="web-2"),
    Shot("move", (120, 30), ("m",), vm="web-2"),
    Shot("console", (100, 30), ("c", *"root", "enter", *"x", "enter", *"uptime", "enter", *"ls", "enter"), vm="web-2"),
    Shot("tasks", (120, 24), ("7",)),
    Shot("help", (100, 40), ("?",)),
)


async def draw(studio: Studio, shot: Shot) -> str:
    """Return the program as SVG."""
    memory = StateFile(studio.folder / f"{shot.name}.json")
    app = KvmtuiApp(studio.engine, memory, headless=True)
    app.animation_level = "none"
    async with app.run_test(size=shot.size) as pilot:
        await _still(pilot)
        page = app.screen
        if isinstance(page, FleetPage):
            table, key = (page.hosts, shot.host) if shot.host else (page.pane.table, _ref(studio, shot.vm))
            table.focus()
            table.action_first()
            await _still(pilot)
            if key is not None:
                table.move_to(key)
            await _still(pilot)
        for key_ in shot.keys:
            await pilot.press(key_)
            await _still(pilot)
        return _plain(app.export_screenshot(title=f"kvmtui {shot.size[0]}x{shot.size[1]}"))


def _ref(studio: Studio, name: str) -> object:
    return studio.world.ref(name) if name else None


async def _still(pilot: Pilot[int]) -> None:
    """Wait until the screen has stood still for a moment."""
    before, seen = "", None
    while seen != before:
        await pilot.pause(QUIET)
        before, seen = seen or "", pilot.app.export_screenshot()


def _plain(svg: str) -> str:
    """Name the parts after nothing that varies, and fetch no fonts: a picture is one file."""
    svg = re.sub(r"terminal-\d+", "t", svg)
    svg = re.sub(r"\s*@font-face \{[^}]*\}", "", svg)
    svg = _RUN.sub(_placed, svg)
    svg = svg.replace("font-family: Fira Code, monospace;", "font-family: Fira Code, DejaVu Sans Mono, monospace;")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


_CELL = 12.2  # user units of Rich's SVG that a cell is wide
_RUN = re.compile(r'<text class="([^"]+)" x="([\d.]+)" y="([\d.]+)" textLength="[\d.]+"([^>]*)>([^<]*)</text>')


def _placed(run: re.Match[str]) -> str:
    """Give each part of a run that blanks set apart its own place: viewers differ in what they do with blanks."""
    text = html.unescape(run[5]).replace("\xa0", " ")
    parts = []
    for part in re.finditer(r"\S+(?: \S+)*", text):
        x = float(run[2]) + cell_width(text[: part.start()]) * _CELL
        length = cell_width(part[0]) * _CELL
        said = html.escape(part[0], quote=False).replace(" ", "&#160;")
        parts.append(f'<text class="{run[1]}" x="{x:g}" y="{run[3]}" textLength="{length:g}"{run[4]}>{said}</text>')
    return "".join(parts)


async def _session(loop: JumpingLoop, take: Callable[[Studio], Awaitable[None]]) -> None:
    with TemporaryDirectory() as folder:
        studio = Studio(loop, Path(folder))
        await studio.live()
        try:
            await take(studio)
        finally:
            await studio.engine.stop()


def main() -> None:
    """Draw the pictures that are named, or all."""
    os.environ.pop("NO_COLOR", None)
    os.environ.update(ENVIRONMENT)
    time.tzset()
    random.seed(7)
    wanted = [shot for shot in SHOTS if shot.name in sys.argv[1:] or len(sys.argv) == 1]
    ASSETS.mkdir(exist_ok=True)

    async def take(studio: Studio) -> None:
        for shot in wanted:
            (ASSETS / f"{shot.name}.svg").write_text(await draw(studio, shot), "utf-8")
            print(f"assets/{shot.name}.svg")

    loops: list[JumpingLoop] = []

    def made() -> JumpingLoop:
        loops.append(JumpingLoop())
        return loops[0]

    with asyncio.Runner(loop_factory=made) as runner:
        loop = runner.get_loop()
        runner.run(_session(loops[0], take))
        del loop


if __name__ == "__main__":
    main()
