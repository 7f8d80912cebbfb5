"""Random keys and mouse events on a fleet that breaks: nothing ends the program, spoils a picture or acts unasked."""

from __future__ import annotations

import pytest

from kvmtui.core.inventory import VmState
from tests.screens.harness import desk
from tests.soak.game import play
from tests.soak.oracles import Broken, Oracles
from tests.soak.races import race_engine, race_screen

SEEDS = (1, 2, 3, 4, 5, 6)  # fixed, so that no run fails by chance; `make soak` takes another one each time
EVENTS = 500


@pytest.mark.parametrize("seed", SEEDS)
async def test_random_keys_and_mouse_events_break_nothing(seed: int) -> None:
    played = await play(seed, EVENTS, reads=False)
    assert played.events >= EVENTS
    assert len(played.kinds) >= 4, played  # it got somewhere


async def test_an_action_that_nobody_asked_for_is_noticed() -> None:
    async with desk() as it:
        with Oracles(it) as oracles:
            await oracles.look()
            ref = it.world.ref("web-1")
            await it.engine.backend(ref.host).power.force_off(ref.uuid)
            with pytest.raises(Broken, match="is none of"):
                await oracles.look()
            assert it.vm("web-1").state is VmState.OFF


def test_races_on_the_engine_hit_nothing_else() -> None:
    assert race_engine(1, 300)


async def test_races_by_keys_hit_nothing_else() -> None:
    await race_screen(1, 20)
