"""A key is for the screen that stands when all keys before it have been done, however fast they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmtui.core.fields import HOST_FIELDS
from kvmtui.screens.fleet import FleetPage
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, desk, key_event

if TYPE_CHECKING:
    from collections.abc import Sequence

OPENERS: dict[str, Sequence[str]] = {
    "confirmation": ("!", "f"),
    "help": ("?",),
    "palette": ("ctrl+p",),
    "facts": ("i",),
    "copy": ("y",),
    "columns": ("W",),
}


async def opened(it: Desk, keys: Sequence[str]) -> None:
    """Press keys that open a dialog, and wait for it."""
    await it.press(*keys)
    await it.until(lambda: len(it.app.screen_stack) == 2, "the dialog")
    await it.settle()


@pytest.mark.parametrize("name", OPENERS)
async def test_a_key_right_behind_the_esc_that_closes_a_dialog_is_for_the_page(name: str) -> None:
    async with desk() as it:
        await it.go_to("web-1")
        before = it.vms.pane.table.cursor
        await opened(it, OPENERS[name])
        await it.quick(it.typed("escape", "j"))
        await it.until(lambda: isinstance(it.app.screen, FleetPage), "the fleet")
        await it.settle()
        assert it.vms.pane.table.cursor != before
        assert it.app.is_running


@pytest.mark.parametrize("name", OPENERS)
async def test_a_second_esc_right_behind_the_first_closes_nothing_else(name: str) -> None:
    async with desk() as it:
        await it.press("2")
        await it.go_to("web-1")
        await opened(it, OPENERS[name])
        await it.quick(it.typed("escape", "escape", "escape"))
        await it.settle()
        assert len(it.app.screen_stack) == 1
        assert it.app.is_running


async def test_a_key_behind_the_esc_that_leaves_a_form_is_for_the_page() -> None:
    async with desk(size=(100, 36)) as it:
        await it.press("n", "n")
        await it.until(lambda: isinstance(it.app.screen, Form) and bool(it.app.screen.query("#keys")), "the form")
        await it.settle()
        await it.quick(it.typed("escape", "7"))
        await it.until(lambda: type(it.app.screen).__name__ == "TasksPage", "the tasks")


async def test_a_dialog_that_was_left_takes_nothing_else_away() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await opened(it, OPENERS["confirmation"])
        dialog = it.app.screen
        assert isinstance(dialog, ConfirmScreen)
        await it.press("escape")
        await it.press("7")
        _ = dialog.dismiss(None)
        await it.settle()
        assert type(it.app.screen).__name__ == "TasksPage"
        assert it.calls == []


async def test_a_click_beside_a_menu_closes_it() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("x")
        assert it.page.menu.is_open
        await it.click(5, 1)
        assert not it.page.menu.is_open
        await it.press("s")  # the letter asks for nothing any more
        assert it.calls == []
        assert it.tasks == ()


async def test_a_letter_of_the_hosts_sort_menu_does_not_sort_the_vms() -> None:
    async with desk() as it:
        await it.go_to_host("hv1")
        before = it.vms.pane.listing.view.sort
        await it.press("o")
        it.vms.pane.table.focus()  # as by a click
        await it.settle()
        await it.press(next(one.letter for one in HOST_FIELDS if one.name == "sold"))
        assert it.app._exception is None
        assert it.vms.pane.listing.view.sort == before


async def test_a_click_on_a_header_of_the_vms_sorts_them_while_the_hosts_have_the_focus() -> None:
    async with desk() as it:
        await it.go_to_host("hv1")
        await it.click_on("STATE")
        assert it.vms.pane.listing.view.sort == "state"
        await it.press("1")
        assert it.app._exception is None


async def test_keys_behind_the_one_that_quits_are_for_nobody() -> None:
    async with desk() as here:
        await here.settle()
    assert not here.app.screen_stack
    for key in ("j", "x", "enter", "Q"):
        await here.app.on_event(key_event(key))
    assert here.app._exception is None


async def test_a_fault_of_what_is_half_gone_does_not_show_a_traceback_to_who_quits(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    async with desk() as here:
        await here.settle()
    here.app._handle_exception(RuntimeError("a late answer"))
    assert here.app.return_code != 1
    assert "a late answer" in caplog.text
    assert "Traceback" not in capsys.readouterr().err
