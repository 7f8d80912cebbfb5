"""What of a VM can be copied, and that it can always be read too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.demo.plan import VmPlan
from kvmtui.backend.demo.roles import ROLES
from kvmtui.core.errors import TimedOut
from kvmtui.screens.copying import CopyScreen
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo.world import World

HOSTILE = "a\x1b]52;c;evil\x07\nrm -rf /; $(reboot)"


async def opened(here: Desk, name: str) -> CopyScreen:
    """Press `y` on a VM."""
    ref = await here.go_to(name)
    await here.until(
        lambda: (vm := here.engine.fleet.vm(ref)) is not None and (vm.addresses or name != "web-2"), "lease"
    )
    await here.press("y")
    await here.until(lambda: isinstance(here.app.screen, CopyScreen), "the menu")
    screen = here.app.screen
    assert isinstance(screen, CopyScreen)
    return screen


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (60, 15)])
async def test_each_letter_copies_and_shows_its_text(size: tuple[int, int]) -> None:
    async with desk(size=size) as here:
        await opened(here, "web-2")
        vm = here.vm("web-2")
        wanted = {
            "n": "web-2",
            "u": vm.uuid,
            "a": "10.7.1.170",
            "m": vm.nics[0].mac,
            "v": "virsh -c 'demo:///hv1?faults=none&pace=0' dumpxml web-2",
            "s": "virsh -c 'demo:///hv1?faults=none&pace=0' start web-2",
        }
        for letter, text in wanted.items():
            await here.press(letter)
            assert here.app.clipboard == text
            await here.until_text("copied, if the term")
            # A line that is longer than the screen is parted, never shortened.
            assert text in "".join(line.strip() if len(line) >= size[0] - 1 else line for line in here.lines)
        assert all(len(line) <= size[0] for line in here.lines)
        assert here.calls == []


async def test_the_xml_is_read_copied_and_shown() -> None:
    async with desk(size=(120, 36)) as here:
        await opened(here, "web-2")
        await here.press("x")
        await here.until_text("<domain", "XML copied")
        assert "<name>web-2</name>" in here.app.clipboard


async def test_xml_that_does_not_come_says_why() -> None:
    async with desk(size=(120, 36)) as here:
        here.faults.refuse(TimedOut("hv1 did not answer within 10 s."), verb="xml")
        await opened(here, "web-2")
        await here.press("x")
        await here.until_text("did not answer within 10 s")
        assert here.app.clipboard == ""


async def test_xml_that_comes_late_does_not_replace_what_was_copied_since() -> None:
    async with desk() as here:
        await opened(here, "web-2")
        here.faults.silence("hv1")
        await here.press("x")
        await here.until_text("Reading the XML")
        await here.press("n")
        assert here.app.clipboard == "web-2"
        here.faults.answer("hv1")
        assert await here.app.backend("hv1").definition.xml(here.vm("web-2").uuid)
        await here.settle()
        assert here.app.clipboard == "web-2"
        assert "name copied" in here.text


async def test_a_hostile_name_is_harmless_when_it_is_pasted() -> None:
    def prepare(world: World) -> None:
        role = next(role for role in ROLES if role.name == "web")
        world.faults.appear("hv1", VmPlan(HOSTILE, role, 2, 2.0))

    async with desk(size=(120, 36), prepare=prepare) as here:
        await opened(here, HOSTILE)
        for letter in "nvsk":
            await here.press(letter)
            assert here.app.clipboard.isprintable()
            assert letter == "n" or "reboot" not in here.app.clipboard


async def test_esc_goes_back() -> None:
    async with desk() as here:
        await opened(here, "web-2")
        await here.press("escape")
        assert not isinstance(here.app.screen, CopyScreen)
