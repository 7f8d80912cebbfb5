"""The mouse looks, moves and sorts; it never offers what forces, and never confirms."""

from __future__ import annotations

from kvmtui.commands import registry
from kvmtui.commands.base import Level, Noun
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.fields import FieldRow
from kvmtui.widgets.form import Form
from tests.screens.harness import desk


async def test_a_click_selects_and_a_header_sorts() -> None:
    async with desk() as it:
        await it.until_text("app-3")
        await it.click_on("app-3")
        row = it.vms.pane.row()
        assert row is not None
        assert row.vm.name == "app-3"
        y = next(y for y, line in enumerate(it.lines) if line.startswith("   VM "))
        await it.click(4, y)
        await it.until(lambda: it.vms.pane.listing.view.sort == "name")
        await it.click(4, y)
        await it.until(lambda: it.vms.pane.listing.view.reverse)
        assert it.calls == []


async def test_a_double_click_looks_inside() -> None:
    async with desk() as it:
        await it.until_text("app-3")
        await it.click_on("app-3", times=2)
        await it.until(lambda: it.page.where().name == "vm", "the VM's page")
        assert it.calls == []


async def test_the_wheel_moves_the_cursor() -> None:
    async with desk() as it:
        await it.go_to("app-1")
        await it.wheel(10, 12)
        row = it.vms.pane.row()
        assert row is not None
        assert row.vm.name != "app-1"
        await it.wheel(10, 12, up=True)
        row = it.vms.pane.row()
        assert row is not None
        assert row.vm.name == "app-1"


async def test_a_click_everywhere_changes_nothing() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        for y in range(24):
            await it.click(1 + 3 * y, y)
        while len(it.app.screen_stack) > 1:
            _ = it.app.pop_screen()
        assert it.calls == []
        assert it.tasks == ()


async def test_clicks_confirm_no_dialog() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        for keys in ("xd", "!f"):
            await it.press(*keys)
            await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
            for y in range(19, 24):
                await it.click(2 * y - 35, y, times=2)
            assert isinstance(it.app.screen, ConfirmScreen)
            await it.press("escape")
        assert it.calls == []


async def test_neither_the_footer_nor_a_click_offers_what_forces() -> None:
    forced = {command.label for command in registry.of_noun(Noun.VM) if command.level >= Level.FORCED}
    async with desk(size=(200, 60)) as it:
        await it.go_to("web-1")
        assert not any(label in it.lines[-1] for label in forced)
        assert "!" not in it.lines[-1]
        for button, word in ((1, "web-1"), (2, "web-2"), (3, "web-3")):
            await it.click_on(word, button=button)
            assert not any(label in it.menu_text() for label in forced)
        assert it.calls == []


async def test_the_palette_runs_nothing_that_forces_by_a_double_click() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("ctrl+p")
        await it.type("force off")
        await it.until_text("Pull the VM's plug")
        await it.click_on("force off                ! f", times=2)
        await it.settle()
        assert not isinstance(it.app.screen, ConfirmScreen)
        assert it.calls == []


async def test_keys_are_heard_behind_a_click_on_a_field_that_is_going() -> None:
    async with desk() as it:
        await it.say("create --host hv1")
        await it.until(lambda: isinstance(it.app.screen, Form), "the form")
        it.app.screen.set_focus(None)
        row = it.app.screen.query(FieldRow).first()
        at = row.field.region.offset
        _ = row.remove()
        for event in it.click_events(*at):  # it is painted still
            it.app.screen._forward_event(event)
        assert it.app.focused is row.field
        await it.settle()
        await it.press("escape")
        await it.until(lambda: not isinstance(it.app.screen, Form), "the page below")
