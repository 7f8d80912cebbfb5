"""How moving a VM looks: pictures of a fleet whose clock stands still. `pytest --snapshot-update` draws them anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped] # it ships no types

from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, FrozenClock, desk
from tests.screens.tour import aged
from tests.snapshots.test_pictures import BEGAN

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

SIZES = {"80x24": (80, 24), "120x36": (120, 36)}
STEPS = 16  # of half a second each: about the middle of the move


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(SVGImageExtension)


async def drawn(it: Desk) -> str:
    """The screen as an SVG, without what was said in passing."""
    it.app.clear_notifications()
    await it.settle()
    it.app.screen._on_timer_update()
    return it.app.export_screenshot(title="kvmtui", simplify=True)


async def read(it: Desk, clock: FrozenClock) -> None:
    """Read all hosts anew, and wait until that is shown."""
    it.engine.refresh()

    def shown() -> bool:
        entries = it.engine.fleet.hosts
        states = [(entry.state, it.world.hosts[entry.name]) for entry in entries]
        return all(state is not None and state.at == clock.at and state.pools == host.pools for state, host in states)

    await it.until(shown, "a reading of every host")
    await it.settle()


@pytest.mark.parametrize("size", SIZES)
async def test_a_move(size: str, picture: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvmtui.widgets.form.GUARD", 0.0)
    monkeypatch.setattr("kvmtui.commands.migrate._TELL", 0.0)
    clock = FrozenClock(BEGAN)
    async with desk("demo:///?faults=none&pace=1", size=SIZES[size], clock=clock) as it:
        await it.until(lambda: len(it.names) > 30 and "208/256G" in it.text)
        await aged(it, clock, 6)
        await it.go_to("app-3")
        await it.press("m")
        await it.until(lambda: isinstance(it.app.screen, Form), "the form")
        await it.until_text("[Review]")
        await it.settle()
        assert await drawn(it) == picture(name=f"where to {size}")
        while getattr(it.app.focused, "id", "") != "review":
            await it.press("tab")
        await it.press("enter")
        await it.until_text("Would run:", "[Do it]")
        assert await drawn(it) == picture(name=f"review {size}")
        await it.press("enter")
        ref = it.world.ref("app-3")
        await it.until(lambda: ref in it.engine.fleet.moving, "the move")
        move = None
        while move is None:
            move = it.world.moves.of(ref.uuid)
            await it.settle()
        for _ in range(STEPS):
            clock.step(0.5)
            it.world.settle()
        percent = move.progress().percent
        await it.until(lambda: it.engine.fleet.moving[ref].percent == percent, "its progress")
        await read(it, clock)
        assert await drawn(it) == picture(name=f"on its way {size}")
        await it.press("7")
        await it.until_text("running")
        await it.settle()
        assert await drawn(it) == picture(name=f"among the tasks {size}")
        await it.press("1")
        while it.world.ref("app-3").host == "hv1":
            clock.step(0.5)
            it.world.settle()
        await it.until_done()
        await it.until_text("moved to hv2, you")
        await read(it, clock)
        assert await drawn(it) == picture(name=f"arrived {size}")
