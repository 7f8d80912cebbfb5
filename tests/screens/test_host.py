"""The page of a host: what each tab says, what its keys act on, and what this machine itself tells."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest
from rich.style import Style

from kvmtui.backend.base import HostDetails, NumaCell
from kvmtui.core.errors import Denied, TimedOut
from kvmtui.core.fields import HostRow, Tone
from kvmtui.core.inventory import Guard
from kvmtui.screens import machine_tab
from kvmtui.screens.host import HostPage
from kvmtui.screens.host_cpus import cpu_lines, ranges
from kvmtui.screens.host_sheets import huge_pages, ksm_facts
from kvmtui.screens.local_host import Flow, LocalMachine, Machine, Process, Volume, guest_name
from kvmtui.screens.machine_tab import machine_lines
from kvmtui.screens.sheet import Sheet
from kvmtui.widgets.glyphs import ASCII, UNICODE
from kvmtui.widgets.textview import TextView
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo.world import World
    from kvmtui.widgets.glyphs import Glyphs

WIDE = (120, 36)
TONES = dict.fromkeys(Tone, Style())
GIB = 1 << 30


async def opened(here: Desk, host: str, tab: str = "overview") -> HostPage:
    """Open a host's page and wait until it is there."""
    here.app.open_host(host)
    await here.until(lambda: isinstance(here.app.screen, HostPage), "the host's page")
    page = here.app.screen
    assert isinstance(page, HostPage)
    await here.until(lambda: page.shown is not None and page.shown.size.width, "its body")
    page.tab = tab
    await here.until(lambda: page.shown is not None and page.shown.size.width, "its body")
    await here.settle()
    return page


# -- the overview


async def test_overview_says_how_it_stands_and_what_it_is() -> None:
    async with desk(size=WIDE, refresh=0.1) as here:
        await opened(here, "hv1")
        await here.until_text("of its worst running VM", "promised to VMs", "KSM", "AMD-V", "guests can run VMs")
        text = here.text
        for words in ("hv1.example.net", "EPYC-Milan", "10.0.0", "8.2.2", "nvme", "virbr0", "N+1", "IOMMU", "16 cores"):
            assert words in text
        assert "memory sold to 110 %" in here.lines[1]


async def test_a_silent_host_says_why_what_to_do_and_how_old_all_is() -> None:
    async with desk(size=WIDE, refresh=0.1, ping_interval=0.05) as here:
        here.faults.patience = 0.02
        await opened(here, "hv3")
        await here.until_text("KSM")
        here.faults.silence("hv3")
        await here.until_text("as last seen at", "no answer since", "what to do")
        here.faults.answer("hv3")
        await here.until_gone("as last seen at")


async def test_a_host_that_was_never_reached_says_what_to_do() -> None:
    def shut(world: World) -> None:
        world.faults.close_door("hv2", Denied("hv2 refuses you.", hint="Ask its admin for the group libvirt."))

    async with desk(size=WIDE, prepare=shut, up=False) as here:
        await here.until(lambda: here.entry("hv2").condition.kind == "denied", "the refusal")
        await opened(here, "hv2")
        await here.until_text("hv2 refuses you.", "Ask its admin", "Nothing is known of it yet.")
        for tab in ("vms", "cpus", "capabilities", "journal"):
            await opened(here, "hv2", tab)


async def test_details_that_do_not_come_are_said_and_r_tries_again() -> None:
    async with desk(size=WIDE) as here:
        here.faults.refuse(TimedOut("hv1 did not answer within 10 s."), verb="details", times=1)
        await opened(here, "hv1")
        await here.until_text("did not answer within 10 s")
        await here.press("r")
        await here.until_text("AMD-V")


@pytest.mark.parametrize(("guard", "words"), [(Guard.READ_ONLY, "none: read-only"), (Guard.FREE, "only before a loss")])
async def test_what_may_be_changed_is_said(guard: Guard, words: str) -> None:
    async with desk(size=WIDE, configs=lambda config: replace(config, guard=guard)) as here:
        await opened(here, "hv1")
        assert words in here.line_of("changes")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 60), (60, 15)])
async def test_nothing_is_wider_than_the_screen(size: tuple[int, int]) -> None:
    async with desk(size=size, refresh=0.1) as here:
        for tab in ("overview", "vms", "cpus", "capabilities", "journal"):
            page = await opened(here, "hv1", tab)
            assert all(len(line) <= size[0] for line in here.lines)
            if tab in ("overview", "cpus", "journal"):
                assert page.shown is not None
                view = page.shown.query_one(TextView)
                assert all(len(line) < size[0] for line in view.plain.split("\n"))
            await here.press("q")


# -- its CPUs


async def test_each_cpu_is_read_only_while_the_page_is_open() -> None:
    async with desk(size=WIDE, refresh=0.1) as here:
        await opened(here, "hv1", "cpus")
        await here.until_text("NUMA CELL 0", "NUMA CELL 1", "none reserved")
        here.line_of(" 31 ")
        await here.press("q")

        def told() -> bool:
            state = here.entry("hv1").state
            return state is not None and state.load is not None and state.load.per_cpu is not None

        await here.until(lambda: not told(), "an end of it")


def row_of(here: Desk, count: int) -> HostRow:
    """The row of a host as if it had so many CPUs."""
    entry = here.entry("hv1")
    assert entry.state is not None
    assert entry.state.load is not None
    load = entry.state.load._replace(per_cpu=tuple(float(cpu % 101) for cpu in range(count)))
    return HostRow(replace(entry, state=replace(entry.state, load=load)), here.engine.fleet, here.app.now())


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("count", [1, 8, 64, 192, 512])
async def test_hundreds_of_cpus_fit(count: int, glyphs: Glyphs) -> None:
    async with desk(refresh=0.1) as here:
        await here.until(lambda: (state := here.entry("hv1").state) is not None and state.load is not None, "a load")
        row = row_of(here, count)
        lines = cpu_lines(row, None, Sheet(TONES, 77, glyphs))
        assert len(lines) <= 32 + 3
        assert all(line.cell_len <= 77 for line in lines)
        assert f"{count} CPUs" in lines[0].plain
        assert glyphs is UNICODE or all(line.plain.isascii() for line in lines)


async def test_cpus_have_their_numbers_where_some_are_off() -> None:
    async with desk(refresh=0.1) as here:
        await here.until(lambda: (state := here.entry("hv1").state) is not None and state.load is not None, "a load")
        row = row_of(here, 3)
        assert row.entry.state is not None
        assert row.entry.state.load is not None
        load = row.entry.state.load._replace(online=(0, 4, 8))
        row = row._replace(entry=replace(row.entry, state=replace(row.entry.state, load=load)))
        words = cpu_lines(row, None, Sheet(TONES, 77, ASCII))[-1].plain.split()
        assert [word for word in words if word.isdecimal()] == ["0", "0", "4", "1", "8", "2"]


async def test_cpus_stand_by_their_numa_cell() -> None:
    async with desk(refresh=0.1) as here:
        await here.until(lambda: (state := here.entry("hv1").state) is not None and state.load is not None, "a load")
        cells = (
            NumaCell(0, (0, 2), 8 * GIB, 2 * GIB, {2 << 20: (100, 40), 4096: (5, 5)}),
            NumaCell(1, (1, 3), 8 * GIB, None, {2 << 20: (50, None)}),
        )
        details = HostDetails(cells, {}, (), "VT-x", None, None, "<capabilities/>")
        text = "\n".join(line.plain for line in cpu_lines(row_of(here, 4), details, Sheet(TONES, 118, UNICODE)))
        first = text.split("NUMA CELL 0")[1].split("NUMA CELL 1")[0]
        assert "   2 " in first
        assert "   1 " not in first
        assert "0,2" in text
        assert "2.0M 100 40" in text
        assert huge_pages(cells) == [(2 << 20, 150, None)]


def test_sets_of_cpus_are_said_in_ranges() -> None:
    assert ranges((0, 1, 2, 3, 8, 10, 11)) == "0-3,8,10-11"
    assert ranges(()) == "-"


def test_ksm_says_what_it_saves() -> None:
    assert ksm_facts({}) == []
    assert ksm_facts({"shm_pages_sharing": 0}) == [("KSM", "merges nothing")]
    ((_, said),) = ksm_facts({"shm_pages_sharing": 262_144, "shm_pages_shared": 1024, "shm_merge_across_nodes": 0})
    assert said == "1.0G saved by 4.0M of shared pages; within NUMA cells"


# -- its VMs, capabilities and journal


async def test_its_vms_are_listed_and_can_be_acted_upon() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "hv2", "vms")
        await here.until_text("git-1")
        assert "web-1 " not in here.text
        await here.go_to("git-1")
        await here.press("x")
        assert "git-1 on hv2" in here.menu_text()
        await here.press("p", "enter")
        await here.until_done()
        assert [call.verb for call in here.calls] == ["pause"]


async def test_on_other_tabs_a_chord_acts_on_the_host() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "hv2")
        await here.press("x")
        assert "hv2" in here.menu_text()
        assert "reconnect" in here.menu_text()
        await here.press("o", "enter")
        await here.until_text("disconnected")
        assert here.calls == []


async def test_the_keys_of_the_list_do_nothing_where_it_is_not_seen() -> None:
    async with desk(size=WIDE) as here:
        page = await opened(here, "hv2", "vms")
        await here.until_text("git-1")
        page.tab = "overview"
        await here.settle()
        await here.press(" ", "+", "*", "enter", "/")
        assert not here.app.marks
        assert here.app.screen is page
        assert not page.filter_bar.active


async def test_a_filter_of_the_list_and_a_search_of_a_text_are_two_things() -> None:
    async with desk(size=WIDE) as here:
        page = await opened(here, "hv2", "vms")
        await here.until_text("git-1")
        await here.press("/")
        await here.type("git")
        await here.press("enter")
        assert here.names == ["git-1"]
        page.tab = "capabilities"
        await here.until_text("<capabilities>")
        await here.press("/")
        await here.type("xsaves")
        await here.press("enter")
        assert page.shown is not None
        assert page.shown.query_one(TextView).found[1] == 1
        page.tab = "vms"
        await here.settle()
        assert here.names == ["git-1"]


async def test_the_journal_tells_of_the_host_and_its_vms() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "hv2", "vms")
        await here.go_to("git-1")
        await here.press("x", "p", "enter")
        await here.until_done()
        await opened(here, "hv2", "journal")
        await here.until_text("pause git-1", "suspend git-1")
        await opened(here, "hv1", "journal")
        await here.until_text("Nothing was done on it")


async def test_the_machines_own_tab_is_there_for_the_local_host_alone() -> None:
    async with desk(size=WIDE) as here:
        await opened(here, "hv1")
        assert "Machine" not in here.lines[2]


async def test_the_machine_is_read_only_while_its_tab_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = 0

    async def read(_machine: LocalMachine, _seconds: float = 1.0) -> Machine | None:
        nonlocal readings
        readings += 1
        return READING if readings < 3 else None

    def be_local(world: World) -> None:
        host = world.host("hv1")
        host.facts = replace(host.facts, local=True)

    monkeypatch.setattr(LocalMachine, "read", read)
    monkeypatch.setattr(machine_tab, "EVERY", 0.02)
    async with desk(size=WIDE, prepare=be_local) as here:
        page = await opened(here, "hv1", "local")
        await here.until_text("coretemp", "critical at 100", "web-1\\x07")
        await here.until_text("reading it hangs")
        assert "coretemp" in here.text
        page.tab = "overview"
        await here.settle()
        before = readings
        await asyncio.sleep(0.1)
        assert readings <= before + 1
        await opened(here, "hv2")
        assert "Machine" not in here.lines[2]


# -- this machine

READING = Machine(
    at=1_800_000_000.0,
    load=(0.5, 1.25, 2.0),
    swap_used=GIB,
    swap_total=2 * GIB,
    heat=(("coretemp", 71.0, 100.0), ("nvme\x1b[2J", 40.0, None)),
    volumes=(Volume("/", "/dev/sda1", "ext4", 96 * GIB, 100 * GIB),),
    disks=(Flow("sda", 1024.0, None),),
    nics=(Flow("eth0", 2048.0, 4096.0),),
    processes=(Process(42, "web-1\x07", 93.4, 2 * GIB), Process(43, "", None, GIB)),
)


@pytest.mark.parametrize("width", [58, 77, 117])
def test_what_the_machine_tells_is_shown(width: int) -> None:
    text = "\n".join(line.plain for line in machine_lines(READING, Sheet(TONES, width, UNICODE)))
    for words in ("0.50  1.25  2.00", "1.0/2.0G", "71 C", "critical at 100", "96 %", "eth0", "4.0K/s", "93", "2.0G"):
        assert words in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_the_guest_of_a_qemu_process_is_named() -> None:
    assert guest_name(["qemu-system-x86_64", "-name", "guest=web-1,debug-threads=on"]) == "web-1"
    assert guest_name(["qemu-system-x86_64", "-name", "guest=a,,b,debug-threads=on"]) == "a,b"
    assert guest_name(["qemu-system-x86_64", "-name", "plain"]) == "plain"
    assert guest_name(["qemu-system-x86_64"]) == ""


async def test_this_machine_can_be_read() -> None:
    machine = LocalMachine()
    first = await machine.read(60.0)
    second = await machine.read(60.0)
    assert first is not None
    assert second is not None
    assert len(second.load) == 3
    assert all(one.in_bps is None for one in first.nics)
    assert all(one.in_bps is not None and one.in_bps >= 0 for one in second.nics if one in first.nics)


async def test_a_machine_that_hangs_is_given_up_and_not_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    hanging, asked = threading.Event(), 0

    def hang(all: bool) -> list[object]:  # noqa: A002 - psutil's name
        nonlocal asked
        asked += 1
        hanging.wait(30.0)
        return []

    monkeypatch.setattr(psutil, "disk_partitions", hang)
    machine = LocalMachine()
    try:
        assert await machine.read(0.05) is None
        assert await machine.read(0.05) is None
        assert asked <= 1
        assert all(thread.daemon for thread in threading.enumerate() if thread.name == "local-machine")
    finally:
        hanging.set()
    monkeypatch.undo()
    for _ in range(500):
        if await machine.read(60.0) is not None:
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("it was never read again")


async def test_qemu_processes_are_found_by_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake:
        pid = 7

        def __init__(self, name: str) -> None:
            self._name = name

        def name(self) -> str:
            return self._name

        def oneshot(self) -> object:
            return psutil.Process(os.getpid()).oneshot()

        def cpu_times(self) -> object:
            return psutil.Process(os.getpid()).cpu_times()

        def memory_info(self) -> object:
            return psutil.Process(os.getpid()).memory_info()

        def create_time(self) -> float:
            return 1.0

        def cmdline(self) -> list[str]:
            return ["qemu-system-x86_64", "-name", "guest=web-9"]

    monkeypatch.setattr(psutil, "process_iter", lambda: iter((Fake("bash"), Fake("qemu-system-x86_64"))))
    reading = await LocalMachine().read(60.0)
    assert reading is not None
    assert [one.vm for one in reading.processes] == ["web-9"]


async def test_what_a_host_says_while_its_page_is_taken_apart_ends_nothing() -> None:
    async with desk(size=WIDE) as here:
        page = await opened(here, "hv2", "overview")
        await page.remove_children()  # a page's parts go before itself
        await page._load_details()
        await here.press("q")
        await here.until_text("hv1", "hv2", "hv3")
