"""How the screens look: pictures of a fleet whose clock stands still. `pytest --snapshot-update` draws them anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped] # it ships no types

from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, FrozenClock, desk
from tests.screens.tour import aged, three_tasks

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

BEGAN = 1_795_356_180.0  # 14:03 UTC on a day in November
SIZES = {"80x24": (80, 24), "120x36": (120, 36), "200x60": (200, 60)}


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(SVGImageExtension)


async def quiet(it: Desk) -> None:
    """Wait until what a page reads for itself has come."""
    for _ in range(3):
        await it.until(lambda: not any(worker.is_running for worker in it.app.workers))
        await it.settle()


def drawn(it: Desk) -> str:
    """The screen as an SVG."""
    it.app.screen._on_timer_update()
    return it.app.export_screenshot(title="kvmtui", simplify=True)


@pytest.mark.parametrize("size", SIZES)
async def test_lists(size: str, picture: SnapshotAssertion) -> None:
    clock = FrozenClock(BEGAN)
    async with desk(size=SIZES[size], clock=clock) as it:
        await it.until(lambda: len(it.names) > 30 and "208/256G" in it.text)
        await aged(it, clock, 6)
        await it.go_to("web-2")
        if size == "200x60":
            await it.until(lambda: any(line.endswith("  web-2") for line in it.lines), "the side pane to follow")
        assert drawn(it) == picture(name=f"fleet {size}")
        if size == "200x60":
            return
        await it.press("space", "space", "x")
        await it.until_text("marked VMs")
        assert drawn(it) == picture(name=f"menu of several {size}")
        await it.press("escape", "u", "/", *"host:hv1 web")
        assert drawn(it) == picture(name=f"filter {size}")
        await it.press("escape", "9")
        assert drawn(it) == picture(name=f"hosts {size}")
        await it.press("2", "z")
        it.app.clear_notifications()
        await it.settle()
        assert drawn(it) == picture(name=f"VMs by host {size}")


@pytest.mark.parametrize("size", ["80x24", "120x36"])
async def test_dialogs(size: str, picture: SnapshotAssertion) -> None:
    clock = FrozenClock(BEGAN)
    async with desk(size=SIZES[size], clock=clock) as it:
        await it.until(lambda: len(it.names) > 30 and "208/256G" in it.text)
        await aged(it, clock, 2)
        for name, keys, level in (
            ("web-2", "x", "menu"),
            ("web-2", "!", "menu of what forces"),
            ("mail", "xs", "dialog 2"),
            ("web-2", "!f", "dialog 3"),
            ("ci-runner-09", "!f", "dialog 4"),
        ):
            await it.go_to(name)
            await it.press(*keys)
            if len(keys) == 2:
                await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
            await it.settle()
            assert drawn(it) == picture(name=f"{level} {size}")
            await it.press("escape")
        await it.go_to("mail")
        await it.press("!", "d")
        await it.until(lambda: isinstance(it.app.screen, Form))
        await it.settle()
        assert drawn(it) == picture(name=f"form {size}")
        await it.press("escape", "ctrl+p", *"save")
        assert drawn(it) == picture(name=f"palette {size}")
        await it.press("escape", "?")
        await it.until_text("What is wrong comes first")
        assert drawn(it) == picture(name=f"help {size}")
        await it.press("escape", "W")
        await it.until_text("[x] STATE")
        assert drawn(it) == picture(name=f"columns {size}")


@pytest.mark.parametrize("size", ["80x24", "120x36"])
async def test_tasks_and_log(size: str, picture: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvmtui.tasks.runner.user", lambda: "ann")
    clock = FrozenClock(BEGAN)
    async with desk(size=SIZES[size], clock=clock) as it:
        await it.until(lambda: len(it.names) > 30 and "208/256G" in it.text)
        await three_tasks(it, clock)
        await it.press("7", "j")
        it.app.clear_notifications()
        await it.settle()
        assert drawn(it) == picture(name=f"tasks {size}")
        await it.press("0")
        await it.settle()
        assert drawn(it) == picture(name=f"log {size}")


async def test_states(picture: SnapshotAssertion) -> None:
    clock = FrozenClock(BEGAN)
    async with desk(clock=clock, ping_interval=0.02) as it:
        await it.until(lambda: len(it.names) > 30 and "208/256G" in it.text)
        await aged(it, clock, 2)
        it.faults.patience = 0.01
        it.faults.silence("hv3")
        await it.until_text("8 VMs of hv3")
        await it.press("=", "home")
        assert drawn(it) == picture(name="silent host")
        ref = await it.go_to("web-2")
        it.faults.vanish(ref.host, ref.uuid)
        await it.until_text("gone 14:")
        assert drawn(it) == picture(name="vanished VM")
        await it.press("/", *"zzz", "enter")
        assert drawn(it) == picture(name="filtered to nothing")
        await it.resize(50, 12)
        await it.until_text("kvmtui needs 60")
        await it.settle()
        assert drawn(it) == picture(name="too small")


@pytest.mark.parametrize("size", SIZES)
async def test_pages_of_a_vm_and_a_host(size: str, picture: SnapshotAssertion) -> None:
    clock = FrozenClock(BEGAN)
    async with desk(size=SIZES[size], clock=clock) as it:
        await it.until(lambda: len(it.names) > 30 and "208/256G" in it.text)
        await aged(it, clock, 3)
        await it.go_to("web-2")
        await it.press("enter")
        await it.until_text("Overview")
        await quiet(it)
        assert drawn(it) == picture(name=f"VM {size}")
        await it.press("q", "tab", "home", "enter")
        await it.until_text("condition")
        await quiet(it)
        assert drawn(it) == picture(name=f"host {size}")
