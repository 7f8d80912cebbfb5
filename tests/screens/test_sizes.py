"""Every size: what has room is shown, what has none is dropped whole, and a change of size disturbs nothing."""

from __future__ import annotations

import pytest

from kvmtui.widgets.confirm import ConfirmScreen
from tests.screens.harness import desk


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (120, 36), (200, 60)])
async def test_each_screen_fits_its_size(size: tuple[int, int]) -> None:
    width, height = size
    async with desk(size=size) as it:
        for key in "12970":
            await it.press(key)
            await it.until_text("hosts 3/3")
            assert len(it.lines) == height
            assert all(len(line) <= width for line in it.lines)
        await it.press("1")
        await it.go_to("mail")
        for keys, says in (("x", "start"), ("!", "force off")):
            await it.press(keys)
            await it.until_text(f"{keys}  mail on hv1", says)
            await it.press("escape")
        assert "hosts 3/3" in it.lines[0]
        assert it.lines[-1].startswith("enter look")


@pytest.mark.parametrize("size", [(59, 24), (80, 14), (20, 5), (1, 1)])
async def test_too_small_says_one_sentence_and_takes_no_key(size: tuple[int, int]) -> None:
    async with desk(size=size) as it:
        if size[0] > 10:
            assert it.text.startswith("kvmtui needs 60")
            assert "VM" not in it.text.replace("kvmtui", "")
        await it.press("x", "s", "!", "f", "!", "j", "q")
        assert it.app.is_running
        assert it.calls == []
        await it.resize(80, 24)
        await it.until_text("hosts 3/3", "db-2")
        assert "kvmtui needs" not in it.text


async def test_too_small_can_be_quit() -> None:
    async with desk(size=(40, 10)) as it:
        await it.press("Q")
        await it.until(lambda: not it.app.is_running)


async def test_a_wide_screen_shows_a_live_pane_of_the_vm_at_the_side() -> None:
    async with desk(size=(200, 60)) as it:
        await it.until(lambda: it.names)
        await it.go_to("db-1")
        await it.until(lambda: any(line.rstrip().endswith("db-1 on hv2") for line in it.lines), "db-1 at the side")
        await it.until_text("acceleration", "EVENTS")
        await it.go_to("mail")
        await it.until_text("off, should be on", "firmware")
        await it.press("p")
        await it.until_gone("acceleration")


async def test_a_narrow_screen_shows_it_by_p() -> None:
    async with desk(size=(120, 36)) as it:
        await it.go_to("db-1")
        assert "WHAT IT IS" not in it.text
        await it.press("p")
        await it.until_text("db-1 on hv2", "DISKS", "WHAT IT IS")


async def test_more_columns_and_events_where_there_is_room() -> None:
    async with desk(size=(120, 36)) as it:
        await it.until(lambda: it.names)
        assert "DISK r/w" in it.text
        assert "NET rx/tx" in it.text
        assert "TREND" in it.text
        assert "EVENTS" in it.text
    async with desk(size=(80, 24)) as it:
        await it.until(lambda: it.names)
        assert "DISK r/w" not in it.text
        assert "EVENTS" not in it.text


async def test_a_change_of_size_while_work_goes_on() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("x", "p")
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
        for size in ((120, 36), (60, 15), (200, 60), (40, 10), (80, 24)):
            await it.resize(*size)
            if size == (40, 10):
                await it.press("enter")  # nobody sees the question
                assert it.calls == []
        await it.until_text("Pause web-1 on hv1?")
        await it.press("enter")
        await it.until_done()
        assert [call.verb for call in it.calls] == ["pause"]
        cursor = it.vms.pane.cursor
        for size in ((120, 36), (60, 15), (200, 60), (80, 24)):
            await it.resize(*size)
            assert it.vms.pane.cursor == cursor
            await it.until_text("web-1")


async def test_a_menu_open_while_the_size_changes_keeps_its_target() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("x")
        await it.resize(120, 36)
        await it.until_text("x  web-1 on hv1  (running)")
        await it.resize(80, 24)
        await it.press("p")
        await it.until_text("Pause web-1 on hv1?")
