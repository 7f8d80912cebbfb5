"""The page of a VM: what each tab says, what its keys act on, and how it shows what is old or gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.demo.plan import VmPlan
from kvmtui.backend.demo.roles import ROLES
from kvmtui.core.errors import TimedOut
from kvmtui.core.inventory import Reason, VmState
from kvmtui.screens.vm import VmPage
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.textview import TextView
from tests.screens.harness import Desk, FrozenClock, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo.world import World

WIDE = (120, 36)
HOSTILE = "evil[bold red]\x1b]0;owned\x07[/]\u202egnp" + "x" * 200


async def opened(here: Desk, name: str, tab: str = "") -> VmPage:
    """Open a VM's page and wait until it is there."""
    here.app.open_vm(here.world.ref(name), tab)
    await here.until(lambda: isinstance(here.app.screen, VmPage), "the VM's page")
    page = here.app.screen
    assert isinstance(page, VmPage)
    await here.until(lambda: page.shown is not None and page.shown.size.width, "its body")
    await here.settle()
    return page


def hostile(world: World) -> None:
    """Have a VM whose every text is made to fool a terminal or a reader."""
    plan = VmPlan(
        HOSTILE,
        next(role for role in ROLES if role.name == "web"),
        2,
        2.0,
        title="\x1b[2Jtitle",
        description="note\u2066\x9b31m",
        tags=("[b]tag", "\x07"),
    )
    world.faults.appear("hv1", plan)


# -- the overview


async def test_overview_says_what_it_is_and_what_it_does() -> None:
    async with desk(size=WIDE, refresh=0.1) as here:
        await opened(here, "web-2")
        await here.until_text("/4 vCPUs", "as the guest sees it", "resident on the host", "vda", "K/s")
        text = here.text
        assert "web-2 on hv1" in here.lines[1]
        for words in ("Debian 12", "10.7.1.170", "lease", "52:54:00", "BIOS", "host-model", "KVM", "#prod #web"):
            assert words in text
        assert here.vm("web-2").uuid in text


async def test_fill_of_a_disk_is_allocation_over_capacity() -> None:
    async with desk(size=WIDE, refresh=0.1) as here:
        await opened(here, "web-2")
        await here.until_text("/40G")
        guest = here.world.host("hv1").guest(here.vm("web-2").uuid)
        share = 100 * guest.disks[0].allocation / guest.disks[0].capacity
        assert f"/40G {share:.0f} %" in here.line_of("vda")


async def test_a_problem_comes_with_what_to_do() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "db-2")
        assert "paused: pool full" in here.lines[1]
        assert "Make room on pool nvme" in here.text
        assert "x u resumes it" in here.text


async def test_figures_follow_the_fleet() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "web-2")
        here.faults.enter("hv1", here.vm("web-2").uuid, VmState.PAUSED, Reason.IO_ERROR)
        await here.until(lambda: "paused: I/O error" in here.lines[1], "the new state")
        assert "paused: I/O error" in here.line_of("state")


async def test_a_stopped_vm_has_no_figures() -> None:
    async with desk(size=WIDE, refresh=0.1) as here:
        await opened(here, "old-crm")
        assert "/4 vCPUs" not in here.text
        assert "CPU  " not in here.text.split("WHAT IT IS")[0].replace("vCPUs", "")
        assert "saved state" in here.text


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60), (60, 15)])
async def test_nothing_is_wider_than_the_screen(size: tuple[int, int]) -> None:
    async with desk(size=size, prepare=hostile, refresh=0.1) as here:
        for name in ("git-1", HOSTILE):
            page = await opened(here, name)
            for tab in ("overview", "graphs", "console", "xml", "journal"):
                page.tab = tab
                await here.settle()
                view = page.query(TextView).first() if tab != "graphs" else None
                if view is not None and tab != "xml":
                    assert all(len(line) <= size[0] for line in view.plain.split("\n"))
                assert all(len(line) <= size[0] for line in here.lines)
            await here.press("q")


async def test_hostile_texts_are_shown_and_never_acted_upon() -> None:
    async with desk(size=(200, 60), prepare=hostile) as here:
        page = await opened(here, HOSTILE)
        text = here.text
        assert "\\x1b" in text
        assert "[bold red]" in text
        for tab in ("overview", "xml", "journal"):
            page.tab = tab
            await here.settle()
            if tab == "xml":
                await here.until_text("<domain")
            assert not any(sign in here.text for sign in "\x1b\x07\x9b\u202e\u2066")
        assert "x" * 200 in "".join(here.text.split()) or page.tab == "journal"


async def test_the_page_fits_itself_to_another_size_while_open() -> None:
    async with desk(size=(200, 60), refresh=0.1) as here:
        page = await opened(here, "git-1")
        await here.until_text("/4 vCPUs")
        for size in ((80, 24), (120, 36)):
            await here.resize(*size)
            await here.until(lambda: max(map(len, here.lines)) <= size[0] and "NOW" in here.text, f"{size}")  # noqa: B023 - called at once
        assert page.is_current


async def test_what_is_old_says_when_it_was_seen() -> None:
    async with desk(size=WIDE, refresh=0.1, ping_interval=0.05) as here:
        here.faults.patience = 0.02
        await opened(here, "web-4")
        here.faults.silence("hv3")
        await here.until_text("as last seen at")
        assert "its host does not answer" in here.lines[1]
        here.faults.answer("hv3")
        await here.until_gone("as last seen at")


async def test_a_vm_that_vanished_leaves_its_page_and_says_how() -> None:
    async with desk(size=WIDE) as here:
        page = await opened(here, "web-2")
        here.faults.vanish("hv1", here.vm("web-2").uuid)
        await here.until(lambda: "gone" in here.lines[1], "that it is gone")
        assert "was deleted on hv1" in here.lines[1]
        assert "web-2" in here.text
        assert page.targets() == ()
        await here.press("x")
        assert "Nothing is selected." in here.menu_text()
        assert here.calls == []


async def test_a_vm_that_moved_says_where_it_is() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "ci-runner-09")
        here.faults.move(here.vm("ci-runner-09").uuid, "hv3", "hv2")
        await here.until(lambda: "it is on hv2 now" in here.lines[1], "where it is")


async def test_a_terminal_without_unicode_is_sent_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    async with desk(size=(80, 24), refresh=0.1) as here:
        page = await opened(here, "git-1")
        for tab in ("overview", "graphs", "journal"):
            page.tab = tab
            await here.settle()
            assert page.shown is not None
            for view in page.shown.query(TextView):
                assert view.plain.isascii()
            assert here.lines[1].isascii()
            assert here.lines[2].isascii()
        await here.press("i")
        await here.until(lambda: here.app.screen.query(TextView).first().plain, "the facts")
        assert here.app.screen.query(TextView).first().plain.isascii()


# -- keys


async def test_a_chord_acts_on_the_vm_that_is_shown_whatever_is_marked() -> None:
    async with desk(size=WIDE) as here:
        await here.go_to("web-1")
        await here.press(" ")
        await opened(here, "web-2")
        await here.press("!")
        assert "web-2 on hv1" in here.menu_text()
        await here.press("f")
        await here.until(lambda: isinstance(here.app.screen, ConfirmScreen), "the question")
        assert "Force off web-2 on hv1?" in here.text
        await here.press("!")
        await here.until_done()
        assert [(call.verb, call.uuid) for call in here.calls] == [("force_off", here.vm("web-2").uuid)]
        await here.until_text("was forced off")


async def test_no_single_key_changes_anything() -> None:
    async with desk(size=WIDE) as here:
        for tab in ("overview", "graphs", "console", "xml", "journal"):
            await opened(here, "web-2", tab)
            for key in "sdrpuwhanktgGjk<>+-=.,;zZoOfFlL":
                await here.press(key)
                if not isinstance(here.app.screen, VmPage):
                    await opened(here, "web-2", tab)
            assert here.calls == []
            assert here.tasks == ()


async def test_tabs_are_reached_by_keys_and_by_mouse() -> None:
    async with desk(size=WIDE) as here:
        page = await opened(here, "web-2")
        seen = []
        for _ in range(5):
            await here.press(">")
            seen.append(page.tab)
        assert seen == ["graphs", "console", "xml", "journal", "overview"]
        await here.press("<")
        assert page.tab == "journal"
        await here.click_on("XML")
        assert page.tab == "xml"
        await here.press("q")
        assert not isinstance(here.app.screen, VmPage)


async def test_l_tells_why() -> None:
    async with desk(size=WIDE) as here:
        await here.go_to("db-2")
        await here.press("l")
        await here.until_text("WHY", "reason", "pool full", "what to do")


async def test_its_vm_is_read_in_detail_only_while_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(size=WIDE) as here:
        looks: list[tuple[object, bool]] = []
        look_at = here.engine.look_at

        def noted(ref: object, *, graphs: bool = False) -> None:
            looks.append((ref, graphs))
            look_at(ref, graphs=graphs)  # type: ignore[arg-type]

        monkeypatch.setattr(here.engine, "look_at", noted)
        ref = here.world.ref("web-2")
        await opened(here, "web-2")
        assert looks[-1] == (ref, False)
        await here.press(">")
        await here.until(lambda: looks[-1] == (ref, True), "a look at the graphs")
        await here.press("q")
        await here.until(lambda: looks[-1] == (None, False), "an end of looking")


async def test_going_from_one_vm_to_another_goes_on_looking() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "web-1")
        await opened(here, "web-2")
        assert here.engine._looked_at == here.world.ref("web-2")
        await here.press("q")
        await here.until(lambda: here.engine._looked_at == here.world.ref("web-1"), "the first VM again")


# -- XML


async def test_xml_is_read_when_its_tab_is_shown() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "web-2", "xml")
        await here.until_text("<domain", "<name>web-2</name>")
        assert "live" in here.lines[2]


async def test_t_shows_the_stored_definition() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "web-frontend-prod-01", "xml")
        await here.until_text("<domain", 'id="')
        await here.press("t")
        await here.until(lambda: "stored" in here.lines[2], "the stored one")
        assert 'id="' not in here.line_of("<domain")


async def test_a_text_is_found_in_the_xml() -> None:
    async with desk(size=(80, 24)) as here:
        page = await opened(here, "web-2", "xml")
        await here.until_text("<domain")
        view = page.query_one(TextView)
        await here.press("/")
        await here.type("vnet")
        assert "vnet" in view.seen
        await here.press("enter")
        await here.press("g")
        assert "vnet" not in view.seen
        await here.press("enter")
        assert "vnet" in view.seen
        await here.press("escape")
        assert view.found == (0, 0)
        await here.press("/")
        await here.type("nothing like it")
        await here.until_text("not found")


async def test_keys_typed_into_the_search_act_on_nothing() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "web-2", "xml")
        await here.until_text("<domain")
        await here.press("/")
        await here.type("!fxd")
        await here.press("enter")
        assert here.calls == []
        assert isinstance(here.app.screen, VmPage)


async def test_xml_that_does_not_come_says_why_and_r_tries_again() -> None:
    async with desk(size=WIDE) as here:
        here.faults.refuse(TimedOut("hv1 did not answer within 10 s."), verb="xml", times=1)
        await opened(here, "web-2", "xml")
        await here.until_text("cannot be shown", "did not answer within 10 s")
        await here.press("r")
        await here.until_text("<domain")


async def test_leaving_the_xml_waits_for_nothing() -> None:
    async with desk(size=WIDE) as here:
        here.faults.silence("hv1")
        page = await opened(here, "web-2", "xml")
        await here.until_text("Reading the XML")
        await here.press("<")
        await here.until(lambda: not [one for one in page.workers if one.group == "xml" and not one.is_finished], "end")
        await here.press("q")
        assert not isinstance(here.app.screen, VmPage)


# -- graphs


async def test_graphs_show_axes_figures_and_gaps() -> None:
    async with desk(size=WIDE, refresh=0.1) as here:
        await opened(here, "web-2", "graphs")
        await here.until_text("100 %", "CPU %", "Memory", "Disk", "Network", "IOPS", "Latency")
        await here.until(lambda: any("\u2801" <= sign <= "\u28ff" for sign in here.text), "a line")
        assert "─ steal" in here.text
        assert "─ guest" in here.text
        assert "5 minutes" in here.lines[2]


async def test_zoom_and_read_out() -> None:
    async with desk(size=WIDE, refresh=0.1) as here:
        page = await opened(here, "web-2", "graphs")
        await here.until(lambda: any("\u2801" <= sign <= "\u28ff" for sign in here.text), "a line")
        await here.press("+")
        assert "1 minute " in here.lines[2]
        await here.press("+", "-", "-", "-")
        assert "1 hour" in here.lines[2]
        assert page.tab == "graphs"
        await here.press("left")
        assert here.line_of("CPU %").count(":") >= 4  # each chart's title has the time of the read-out
        await here.press("escape")
        assert ":" not in here.line_of("CPU %")
        await here.press("escape")
        assert not isinstance(here.app.screen, VmPage)


async def test_keys_that_come_before_the_charts_do_no_harm() -> None:
    async with desk() as here:
        page = await opened(here, "web-2", "overview")
        page.tab = "graphs"
        page.action_read(-1)  # as left, + and d are handled when they come in the same moment
        page.action_zoom(1)
        page.action_device()
        await here.until_text("CPU %", "Memory")
        await here.press("left")
        await here.until(lambda: here.line_of("CPU %").count(":") >= 2, "the time that is read")


async def test_events_are_marked_on_the_time_axis() -> None:
    async with desk(size=WIDE, refresh=0.1) as here:
        await opened(here, "web-2", "graphs")
        await here.until_text("CPU %")
        here.faults.enter("hv1", here.vm("web-2").uuid, VmState.PAUSED, Reason.USER)
        await here.until_text("▾")


async def test_a_vm_without_figures_says_so() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "mail", "graphs")
        await here.until_text("it is off: there are no figures")


async def test_charts_are_scrolled_on_a_low_screen() -> None:
    async with desk(size=(80, 24), refresh=0.1) as here:
        await opened(here, "web-2", "graphs")
        await here.until_text("CPU %")
        assert "CPU %" in here.text
        await here.press("G")
        assert "CPU %" not in here.text
        assert "Latency" in here.text


# -- journal


async def test_what_was_done_stands_in_the_journal_with_its_virsh_line() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "web-2")
        await here.press("x", "p", "enter")
        await here.until_done()
        await here.until(lambda: "pause" in here.text.split("JOURNAL")[1], "the line")
        await here.press("l")
        await here.until_text("done in", "suspend web-2")
        assert "you" in here.line_of("done in")


async def test_the_journal_of_another_vm_is_not_shown() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "web-1")
        await here.press("x", "p", "enter")
        await here.until_done()
        await opened(here, "web-2", "journal")
        await here.until_text("Nothing was done to it")


async def test_the_journal_of_an_earlier_run_is_shown() -> None:
    clock = FrozenClock()
    async with desk(size=WIDE, clock=clock) as here:
        await opened(here, "web-1")
        await here.press("x", "p", "enter")
        (task,) = await here.until_done()
        old = replace(task, id="old", started=task.started - 86_400, ended=task.started - 86_399, label="shut down")
        here.engine.journal.begin(old)
        here.engine.journal.end(old)
        await opened(here, "web-1", "journal")
        await here.until_text("shut down", "pause")
