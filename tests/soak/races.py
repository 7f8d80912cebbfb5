"""Changes that are asked for while everything moves: each that is sent must meet what was chosen, as it was seen.

`python -m tests.soak.races SEED COUNT`: so many on the engine; with `--screen`, by keys on the screen.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kvmtui.commands import registry
from kvmtui.commands.base import Target
from kvmtui.screens.page import Page
from tests.fleet_lab import running, virtual
from tests.screens import test_targets as screen
from tests.screens.harness import desk
from tests.test_no_wrong_target import VERBS, Calls, disturb

if TYPE_CHECKING:
    from tests.fleet_lab import Lab

ROUND = 120  # steps with one fleet
WAITED = 100  # newest tasks whose end is waited for


class Wrong(AssertionError):
    """A change met what nobody chose."""


def race_engine(seed: int, count: int) -> int:
    """Ask the engine for so many changes in a fleet that moves; returns how many were sent. Raises Wrong."""
    sent, number = 0, 0
    while count > 0:
        with TemporaryDirectory() as folder:
            asked, done = _one_round(Path(folder), random.Random(f"{seed} {number}"), count)  # noqa: S311 - it must come again
        count, sent, number = count - asked, sent + done, number + 1
    return sent


def _one_round(folder: Path, chance: random.Random, most: int) -> tuple[int, int]:
    counts = [0, 0]

    @virtual
    async def play() -> None:
        async with running(folder, backoff_first=0.2, backoff_most=1.0, shutdown_wait=5.0) as lab:
            counts[:] = await _ask(lab, chance, most)

    play()
    return counts[0], counts[1]


async def _ask(lab: Lab, chance: random.Random, most: int) -> tuple[int, int]:
    calls = Calls(lab.world)
    lab.world.calls = calls
    lab.faults.patience = 0.2
    chosen: dict[tuple[str, str], set[tuple[str, object, str]]] = {}
    begun: list[str] = []
    asked = 0
    for _ in range(ROUND):
        shown = [(entry, vm) for entry, vm in lab.engine.fleet.vms() if entry.state is not None]
        some = [Target.of_vm(*chance.choice(shown)) for _ in range(chance.randrange(1, 4))]
        for _ in range(chance.randrange(3)):
            await disturb(lab, chance)
        await asyncio.sleep(chance.choice((0.0, 0.0, 0.05, 0.7)))
        verb = registry.by_id(chance.choice(VERBS))
        assert verb is not None
        for target in some:
            seen = (target.name, target.state, target.host_uuid)
            chosen.setdefault((target.host, target.uuid), set()).add(seen)
        begun += lab.engine.submit(verb, some, {})
        asked += len(some)
        if asked >= most:
            break
    lab.faults.calm()
    await lab.engine.wait(begun[-WAITED:])
    for sent in calls.met:
        if (sent.name, sent.state, sent.identity) not in chosen.get((sent.host, sent.uuid), set()):
            raise Wrong(f"{sent} is none of {chosen.get((sent.host, sent.uuid))}")
    return asked, len(calls.met)


async def race_screen(seed: int, count: int) -> int:
    """Ask for so many changes by keys, reading what the screen says; returns how many were sent. Raises Wrong."""
    chance = random.Random(seed)  # noqa: S311 - a race must come again the same way
    quick: dict[str, Any] = {"ping_interval": 0.05, "backoff_first": 0.05, "backoff_most": 0.2, "shutdown_wait": 0.2}
    async with desk(configs=screen.free if seed % 2 else lambda host: host, **quick) as it:
        calls = Calls(it.world)
        it.world.calls = calls
        it.faults.patience = 0.02
        screen.stay(it)
        person = screen.Person(it, chance)
        for step in range(count):
            if not isinstance(it.app.screen, Page) or len(it.app.screen_stack) > 1:
                screen.reset(it)
            if step % 10 == 9:
                it.faults.calm()
                await it.until(lambda: any(entry.condition.is_answering for entry in it.engine.fleet.hosts), "a host")
            await person.wander()
            if chance.random() < 0.5:
                screen.disturb(it, chance)
            await person.act()
        it.faults.calm()
        await it.until(lambda: all(task.phase.is_final for task in it.tasks), "the end of all tasks")
        for call, met in zip(calls, calls.met, strict=True):
            sent = screen.Shown(call.verb, met.host, met.uuid, met.name, met.state, met.identity)
            if sent not in person.confirmed:
                raise Wrong(f"{sent} was not shown and confirmed")
        return len(calls)


def main() -> None:
    """Play one game and say how many changes were sent in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--screen", action="store_true")
    asked = parser.parse_args()
    try:
        if asked.screen:
            sent = asyncio.run(race_screen(asked.seed, asked.count))
        else:
            sent = race_engine(asked.seed, asked.count)
    except AssertionError as error:
        sys.exit(f"seed {asked.seed}: {error}")
    print(f"{sent} sent")


if __name__ == "__main__":
    main()
