"""The facts of a VM or host, with the virsh line of every command."""

from __future__ import annotations

from kvmtui.commands.base import Noun
from kvmtui.commands.registry import of_noun
from kvmtui.screens.facts import FactsScreen
from kvmtui.widgets.textview import TextView
from tests.screens.harness import Desk, desk


async def facts(here: Desk) -> str:
    """Press `i` and return all that is said."""
    await here.press("i")
    await here.until(lambda: isinstance(here.app.screen, FactsScreen), "the facts")
    await here.until(lambda: here.app.screen.query_one(TextView).plain, "their text")
    return here.app.screen.query_one(TextView).plain


async def test_a_vms_facts_name_every_command_with_its_key_and_virsh_line() -> None:
    async with desk(size=(120, 36)) as here:
        await here.go_to("web-1")
        text = await facts(here)
        able, unable = text.split("WHAT CANNOT BE DONE NOW")
        assert here.vm("web-1").uuid in able
        assert "x d shut down           virsh -c 'demo:///hv1?faults=none&pace=0' shutdown web-1" in able
        assert "destroy web-1" in able
        assert "already running" in unable
        for command in of_noun(Noun.VM):
            assert command.label in text or command.verb in text


async def test_a_command_that_needs_more_says_what_it_asks() -> None:
    async with desk(size=(120, 36)) as here:
        await here.go_to("old-crm")
        assert "asks: " in await facts(here)


async def test_a_hosts_facts() -> None:
    async with desk(size=(120, 36)) as here:
        await here.go_to_host("hv2")
        text = await facts(here)
        assert "hv2.example.net" in text
        assert "reconnect" in text


async def test_a_long_line_is_wrapped_and_the_whole_of_it_can_be_read() -> None:
    async with desk(size=(80, 24)) as here:
        await here.go_to("web-1")
        text = await facts(here)
        assert all(len(line) <= 78 for line in text.split("\n"))
        await here.press("G")
        assert text.split("\n")[-1] in here.text


async def test_esc_goes_back_and_nothing_was_changed() -> None:
    async with desk() as here:
        await here.go_to("web-1")
        await facts(here)
        await here.press("x", "d", "!", "f", "enter")
        assert here.calls == []
        assert isinstance(here.app.screen, FactsScreen)
        await here.press("escape")
        assert not isinstance(here.app.screen, FactsScreen)
