"""One game: the simulated fleet with hostile texts in it, the weather, the monkey and what must hold, from one seed.

`python -m tests.soak.game SEED COUNT` plays so many events.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

from kvmtui.core.inventory import Guard
from tests.screens.harness import SMALL, Desk, desk
from tests.soak.errands import Errands
from tests.soak.hands import BriskDesk, Input
from tests.soak.monkey import Monkey
from tests.soak.oracles import Broken, Oracles
from tests.soak.poison import poison, poison_journal
from tests.soak.reach import Reach
from tests.soak.weather import Weather

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kvmtui.config import HostConfig

CALM_EVERY = 60  # steps
HOME_EVERY = 40  # steps
ERRAND_EVERY = 70  # steps
GARBAGE = 20_000  # objects made between two searches for garbage, which cost a tenth of a game otherwise
SLOW = 120.0  # seconds that a step may take, on a machine that has much else to do


class Played(NamedTuple):
    """What a game came to."""

    seed: int
    events: int
    calls: int
    tasks: int
    kinds: dict[str, int]  # how many steps were made on each kind of screen
    escapes: int  # the most presses that led back to the fleet
    slowest: float  # seconds
    reach: Reach


@contextmanager
def told(monkey: Monkey, seed: int) -> Iterator[None]:
    """Have whatever breaks say the seed and what was pressed."""
    try:
        yield
    except BaseException as error:
        inputs = "\n".join(map(str, monkey.sent))
        error.add_note(f"seed {seed}, after {monkey.events} events; the last inputs:\n{inputs}")
        raise


def guards(seed: int) -> Callable[[HostConfig], HostConfig]:
    """Return what makes the hosts of a game free, asking or read-only."""

    def guarded(host: HostConfig) -> HostConfig:
        if seed % 2:
            return replace(host, guard=Guard.FREE)
        return replace(host, guard=Guard.READ_ONLY) if host.name == "hv3" else host

    return guarded


async def _all_ended(it: Desk) -> None:
    until = time.monotonic() + SLOW
    while not all(task.phase.is_final for task in it.tasks):
        if time.monotonic() > until:
            raise Broken(f"these do not end: {[task for task in it.tasks if not task.phase.is_final]}")
        await asyncio.sleep(0.05)


async def play(seed: int, count: int, *, reads: bool = True) -> Played:
    """Play until `count` events were sent; raises Broken, or whatever ended the program, with the seed in a note."""
    chance = random.Random(seed)  # noqa: S311 - a game must come again the same way
    quick: dict[str, Any] = {
        "ping_interval": 0.05,
        "backoff_first": 0.05,
        "backoff_most": 0.2,
        "shutdown_wait": 0.2,
        "refresh": 0.5,
    }
    slowest, escapes, step = 0.0, 0, 0
    with (
        patch("kvmtui.widgets.form.GUARD", 0.02),
        patch("kvmtui.screens.logins.STILL", 0.0),
        patch("kvmtui.screens.logins.LOOK", 0.02),
        patch("tests.screens.harness.Desk", BriskDesk),
    ):
        async with desk(SMALL, configs=guards(seed), prepare=partial(poison, chance=chance), **quick) as it:
            poison_journal(it.engine.journal, chance, it.engine.scene().now)
            it.app.action_leave = lambda: None  # type: ignore[method-assign] # quitting ends the game
            it.faults.patience = 0.02
            weather = Weather(it.world, chance, it.app.prompts)
            with Oracles(it, reads=reads) as oracles:
                monkey = Monkey(it, chance, oracles)
                errands = Errands(monkey)
                with told(monkey, seed):
                    await oracles.look()
                    while monkey.events < count:
                        step += 1
                        began = time.monotonic()
                        if chance.random() < 0.05:
                            monkey.sent.append(Input("weather", weather.turn(), ""))
                        if step % CALM_EVERY == 0:
                            monkey.sent.append(Input("weather", "calm", ""))
                            weather.calm()
                        await monkey.step()
                        if step % HOME_EVERY == 0:
                            escapes = max(escapes, await monkey.home())
                        if step % ERRAND_EVERY == 0:
                            await errands.run()
                        slowest = max(slowest, time.monotonic() - began)
                        if slowest > SLOW:
                            raise Broken(f"a step took {slowest:.1f} s")
                    weather.calm()
                    await _all_ended(it)
                    await monkey.home()
                    await oracles.look()
                    oracles.reach.broke(weather.met)
                    return Played(
                        seed,
                        monkey.events,
                        len(oracles.calls),
                        len(it.tasks),
                        monkey.kinds,
                        escapes,
                        slowest,
                        oracles.reach,
                    )


def main() -> None:
    """Play one game."""
    gc.set_threshold(GARBAGE)
    played = asyncio.run(play(int(sys.argv[1]), int(sys.argv[2])))
    print(played.reach)
    print(played._replace(reach=Reach()))


if __name__ == "__main__":
    main()
