"""Hosts that a scene builds for itself, and an engine on them that does what the screen would have it do."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.recording import Missing
from kvmtui.commands import registry
from kvmtui.commands.base import Level
from kvmtui.config import HostConfig, Settings
from kvmtui.core.inventory import TaskPhase
from kvmtui.engine import Engine
from kvmtui.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from kvmtui.commands.base import Answer, Command, Target
    from kvmtui.core.inventory import Fleet, HostEntry, Vm
    from tests.real.lab import Host

REACH_WITHIN = 30.0  # seconds


@asynccontextmanager
async def engine_on(*hosts: Host) -> AsyncIterator[Engine]:
    """Open hosts, and wait until all have been read."""
    with tempfile.TemporaryDirectory(prefix="kvmtui-bench-") as folder:
        settings = Settings(hosts=tuple(HostConfig(host.name, host.uri) for host in hosts))
        engine = Engine(settings, journal=Journal(Path(folder) / "journal.jsonl"))
        await engine.start()
        try:
            await seen(engine, lambda fleet: all(entry.state is not None for entry in fleet.hosts), "all hosts")
            yield engine
        finally:
            await engine.stop()


async def seen(engine: Engine, condition: Callable[[Fleet], object], what: str) -> None:
    """Wait until something is so in the fleet."""
    came = asyncio.Event()

    def look(fleet: Fleet) -> None:
        if condition(fleet):
            came.set()

    end = engine.watch(look)
    look(engine.fleet)
    try:
        await asyncio.wait_for(came.wait(), REACH_WITHIN)
    except TimeoutError:
        raise Missing(f"{what} did not come to the fleet") from None
    finally:
        end()


def find(fleet: Fleet, host: str, name: str) -> tuple[HostEntry, Vm] | None:
    """Return a VM that is on, and its host."""
    for entry, vm in fleet.vms():
        if (entry.name, vm.name) == (host, name) and vm.is_active:
            return entry, vm
    return None


def command(id_: str) -> Command:
    """Return a command that there is."""
    found = registry.by_id(id_)
    if found is None:
        raise Missing(f"a command {id_}")
    return found


async def complete(
    engine: Engine, made: Command, target: Target, answers: Mapping[str, Answer]
) -> tuple[Target, dict[str, Answer]]:
    """Return what a form makes of its first answers: what the task acts on, and all answers."""
    if made.interview is None:
        return target, {question.name: question.initial for question in made.questions} | dict(answers)
    interview = made.interview(engine.backend)
    questions = await interview.questions(engine.scene(), target, answers)
    full = dict(made.complete(questions, answers))
    return interview.target(engine.scene(), target, full), full


async def carry_out(engine: Engine, done: Command, target: Target, answers: Mapping[str, Answer]) -> None:
    """Run a task to its end; raises Missing when that is not a good one."""
    (task,) = await engine.wait(engine.submit(done, [target], answers, agreed=max(Level)))
    if task.phase is not TaskPhase.DONE:
        raise Missing(f"{task.label} {task.vm or task.host} ended {task.phase}: {task.message}")
