"""A simulated fleet whose hours pass in milliseconds, with an engine on it: what the tests of the engine stand on."""

from __future__ import annotations

import asyncio
import functools
import selectors
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec

from kvmtui.backend.demo import DemoBackend, World, hosts_of, parse
from kvmtui.config import HostConfig, Settings
from kvmtui.engine import Engine
from kvmtui.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
    from pathlib import Path

    from kvmtui.backend.base import Inventory, Want
    from kvmtui.core.inventory import ConditionKind, Host, HostEntry, Vm, VmRef
    from kvmtui.core.metrics import Sample

P = ParamSpec("P")
BEGAN = 1_800_000_000.0


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: time jumps to what is due next."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise AssertionError("nothing is due and nothing can happen: the test waits for ever")
        self._loop.passed += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes only while nothing else is to be done."""

    def __init__(self) -> None:
        self.passed = 1000.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self.passed


def now() -> float:
    """Return seconds since the epoch by the running virtual loop."""
    return BEGAN + asyncio.get_running_loop().time()


class VirtualClock:
    """The clock of the running virtual loop."""

    def now(self) -> float:
        return now()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test on a virtual loop."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


class WatchedBackend(DemoBackend):
    """A simulated host that notes what it is asked, when, and how much at once."""

    world: World

    def __init__(self, uri: str, world: World, *, read_only: bool) -> None:
        super().__init__(uri, read_only=read_only, world=world)
        self.world = world
        self.connects: list[float] = []
        self.wants: list[Want] = []
        self.sampled: list[tuple[float, float]] = []  # when a sample was asked for, and when it came
        self.sampling = 0
        self.inventories = 0

    async def connect(self) -> Host:
        self.connects.append(asyncio.get_running_loop().time())
        return await super().connect()

    async def inventory(self) -> Inventory:
        self.inventories += 1
        return await super().inventory()

    async def sample(self, want: Want) -> Sample:
        assert self.sampling == 0, "two samples of one host in flight"
        self.sampling += 1
        self.wants.append(want)
        began = asyncio.get_running_loop().time()
        try:
            return await super().sample(want)
        finally:
            self.sampling -= 1
            self.sampled.append((began, asyncio.get_running_loop().time()))


class Lab:
    """An engine on a simulated world."""

    def __init__(self, engine: Engine, world: World, backends: Mapping[str, WatchedBackend]) -> None:
        self.engine = engine
        self.world = world
        self.faults = world.faults
        self.backends = backends

    def entry(self, host: str) -> HostEntry:
        """The host as last published."""
        entry = self.engine.fleet.host(host)
        assert entry is not None
        return entry

    def kind(self, host: str) -> ConditionKind:
        return self.entry(host).condition.kind

    def vm(self, name: str, host: str | None = None) -> Vm:
        """The VM of that name as last published."""
        for entry, vm in self.engine.fleet.vms():
            if vm.name == name and host in (None, entry.name):
                return vm
        raise AssertionError(f"no VM {name} was published")

    def ref(self, name: str) -> VmRef:
        return self.world.ref(name)

    def said(self, words: str) -> bool:
        """Whether an event says this."""
        return any(words in f"{event.subject} {event.detail}" for event in self.engine.fleet.events)

    async def until(self, true: Callable[[], bool], seconds: float = 120.0) -> float:
        """Wait until it is true; returns how long that took."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not true():
            assert loop.time() - began < seconds, f"not so within {seconds:g} s"
            await asyncio.sleep(0.01)
        return loop.time() - began


ADDRESS = "demo:///?faults=none"


@asynccontextmanager
async def running(
    path: Path,
    address: str = ADDRESS,
    *,
    configs: Callable[[HostConfig], HostConfig] = lambda config: config,
    up: bool = True,
    prepare: Callable[[World], None] = lambda world: None,
    looks_back: bool = False,
    **changes: Any,
) -> AsyncIterator[Lab]:
    """Run an engine on the simulated fleet of that address; `changes` are settings."""
    clock = VirtualClock()
    fleet, _ = parse(address)
    world = World(fleet, clock=clock)
    prepare(world)
    hosts = tuple(configs(HostConfig(name, uri)) for name, uri in hosts_of(address))
    backends: dict[str, WatchedBackend] = {}

    def opened(uri: str, *, read_only: bool = False) -> WatchedBackend:
        name = next(host.name for host in hosts if host.uri == uri)
        backends[name] = WatchedBackend(uri, world, read_only=read_only)
        return backends[name]

    settings = replace(Settings(hosts=hosts, refresh=1.0), **changes)
    engine = Engine(
        settings, clock=clock, connector=opened, journal=Journal(path / "journal.jsonl"), looks_back=looks_back
    )
    lab = Lab(engine, world, backends)
    await engine.start()
    try:
        if up:
            await lab.until(lambda: all(entry.condition.is_answering for entry in engine.fleet.hosts))
        yield lab
    finally:
        await engine.stop()
