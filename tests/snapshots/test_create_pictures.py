"""How making a VM looks: the form, its review, and every detail. `pytest --snapshot-update` draws them anew."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from pytest_textual_snapshot import SVGImageExtension  # type: ignore[import-untyped] # it ships no types

from kvmtui.screens.preview import PreviewScreen
from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, FrozenClock, desk

if TYPE_CHECKING:
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

BEGAN = 1_795_356_180.0  # 14:03 UTC on a day in November
SIZES = {"80x24": (80, 24), "120x36": (120, 36)}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvzQ ann@desk"


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(SVGImageExtension)


@pytest.fixture(autouse=True)
def _person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be ann with one key, and make VMs of one UUID."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519.pub").write_text(f"{KEY}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("kvmtui.commands.making.usual_user", lambda: "ann")
    made = UUID("5d0c1a4e-6a51-4c8e-9f3b-0d6c1f3a7e21")
    monkeypatch.setattr("kvmtui.commands.making.uuid.uuid4", lambda: made)


async def quiet(it: Desk) -> None:
    """Wait until nothing is asked or laid out any more."""
    for _ in range(3):
        await it.until(lambda: not any(worker.is_running for worker in it.app.workers if worker.group != "default"))
        await asyncio.sleep(0.05)
        await it.settle()


def drawn(it: Desk) -> str:
    """The screen as an SVG."""
    it.app.screen._on_timer_update()
    return it.app.export_screenshot(title="kvmtui", simplify=True)


async def focus(it: Desk, form: Form, field: str) -> None:
    """Put the focus where no cursor blinks."""
    form._rows[field].field.focus()
    await quiet(it)


@pytest.mark.parametrize("size", SIZES)
async def test_making_a_vm(size: str, picture: SnapshotAssertion) -> None:
    async with desk(size=SIZES[size], clock=FrozenClock(BEGAN)) as it:
        await it.until(lambda: len(it.names) > 30 and "208/256G" in it.text)
        await it.go_to("db-1")
        await it.press("n")
        await it.settle()
        assert drawn(it) == picture(name=f"menu of new things {size}")
        await it.press("n")
        await it.until(lambda: isinstance(it.app.screen, Form) and bool(it.app.screen.query("#keys")))
        form = it.app.screen
        assert isinstance(form, Form)
        await it.type("db-1")
        await focus(it, form, "image")
        assert drawn(it) == picture(name=f"form with a fault {size}")
        await it.press("down", "down", "space")
        form._rows["name"].field.focus()
        await it.settle()
        await it.press("backspace", "9")
        await focus(it, form, "network")
        form.query_one("#review").focus()
        await it.press("enter")
        await it.until(lambda: form.query_one("#do").display)
        await it.until_text("It is started then.")
        await it.until_gone("Reading the host")
        await quiet(it)
        assert drawn(it) == picture(name=f"review {size}")
        form.query_one("#look").focus()
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, PreviewScreen))
        await quiet(it)
        assert drawn(it) == picture(name=f"details {size}")
