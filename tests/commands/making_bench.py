"""An engine on a simulated fleet of its own, to make VMs and volumes on."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from kvmtui.backend.demo import DemoBackend, World, hosts_of, parse
from kvmtui.commands.base import Answers, Question, Target
from kvmtui.commands.registry import by_id
from kvmtui.config import HostConfig, Settings
from kvmtui.engine import Engine
from kvmtui.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from kvmtui.core.inventory import TaskView

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvzQ ann@desk"
DEBIAN = "nvme/debian-13-genericcloud-amd64.qcow2"
FULL = {"image": DEBIAN, "disk": "linked", "pool": "hdd", "size": "20G"}
CREATE = by_id("vm.create")
assert CREATE is not None


async def until(true: Callable[[], object], what: str) -> None:
    """Wait until it is true."""
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(what)


class Bench:
    """An engine on a simulated fleet, and the host hv2 as it is pointed at."""

    def __init__(self, engine: Engine, world: World) -> None:
        self.engine = engine
        self.world = world

    @property
    def here(self) -> Target:
        entry = self.engine.fleet.host("hv2")
        assert entry is not None
        return Target.of_host(entry)

    async def questions(self, **given: Any) -> dict[str, Question]:
        assert CREATE is not None
        assert CREATE.interview is not None
        found = await CREATE.interview(self.engine.backend).questions(self.engine.scene(), self.here, given)
        return {question.name: question for question in found}

    async def asked(self, id_: str, given: Answers) -> tuple[Target, Answers, tuple[str, ...], str]:
        """Answer, and return the target, all answers, the review and the definition."""
        command = by_id(id_)
        assert command is not None
        assert command.interview is not None
        interview = command.interview(self.engine.backend)
        scene = self.engine.scene()
        full = command.complete(await interview.questions(scene, self.here, given), given)
        preview = await interview.preview(scene, self.here, full)
        return interview.target(scene, self.here, full), full, preview.lines, preview.document

    async def begin(self, id_: str, **given: Any) -> str:
        target, full, _, _ = await self.asked(id_, given)
        command = by_id(id_)
        assert command is not None
        (task,) = self.engine.submit(command, [target], full)
        return task

    async def do(self, id_: str = "vm.create", **given: Any) -> TaskView:
        (done,) = await self.engine.wait([await self.begin(id_, **given)])
        return done

    def volumes(self) -> set[str]:
        return {volume.name for volume in self.world.host("hv2").volumes.values()}

    def names(self) -> set[str]:
        return {guest.vm.name for guest in self.world.host("hv2").guests.values()}

    def verbs(self) -> list[str]:
        return [call.verb for call in self.world.calls]


@asynccontextmanager
async def bench(tmp_path: Path, pace: float = 0) -> AsyncIterator[Bench]:
    address = f"demo:///?faults=none&pace={pace:g}"
    world = World(parse(address)[0])
    hosts = tuple(HostConfig(name, uri) for name, uri in hosts_of(address))

    def opened(uri: str, *, read_only: bool = False) -> DemoBackend:
        return DemoBackend(uri, read_only=read_only, world=world)

    engine = Engine(
        Settings(hosts=hosts, refresh=3600.0), connector=opened, journal=Journal(tmp_path / "journal.jsonl")
    )
    await engine.start()
    try:
        await until(lambda: all(entry.state for entry in engine.fleet.hosts), "all hosts")
        yield Bench(engine, world)
    finally:
        await engine.stop()
