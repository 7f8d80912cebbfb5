"""Twelve questions that somebody asks at three in the morning: each is answered from the first screen in a few keys.

What is typed to be looked for counts as the keys that open and close it; beside these there are at most four.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.demo import facets
from kvmtui.backend.demo.tty import Tty
from kvmtui.core.errors import NotSupported
from kvmtui.core.inventory import Reason, VmState
from tests.screens.harness import SMALL, Desk, FrozenClock, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo import World
    from kvmtui.core.inventory import Vm
    from kvmtui.core.metrics import VmRates

MOST_KEYS = 4
STILL = SMALL  # the small fleet, in which nothing happens by itself
HOUR = 3600.0


async def asked(it: Desk, *keys: str) -> None:
    """Press the keys of a question; a text that is looked for is one of them, behind `/` and before enter."""
    assert len([key for key in keys if not key.startswith("~")]) <= MOST_KEYS
    for key in keys:
        if key.startswith("~"):
            await it.type(key[1:])
        else:
            await it.press(key)


async def ready(it: Desk) -> None:
    """Wait for the first screen, and until its rates are known."""
    await it.until(lambda: len(it.names) > 30, "the list")


async def measured(it: Desk, clock: FrozenClock, times: int = 4) -> None:
    """Let time pass, and have every host read after each step."""
    for _ in range(times):
        before = it.engine.fleet.at
        clock.step(10.0)
        it.world.settle()
        it.engine.refresh()
        await it.until(
            lambda before=before: all(  # type: ignore[misc]
                entry.state is not None and entry.state.at > before for entry in it.engine.fleet.hosts
            ),
            "all hosts are read",
        )
    await it.settle()


def starve(world: World, name: str) -> None:
    ref = world.ref(name)
    world.faults.starve(ref.host, ref.uuid)


# -- 1, 2: what is down, and what should be on


async def test_what_is_down_and_what_should_be_on_stand_first_without_any_key() -> None:
    async with desk() as it:
        await ready(it)
        starve(it.world, "dns-1")
        it.world.faults.cut("hv3", "the network has gone")
        it.world.faults.close_door("hv3")
        await it.until_text("down since", "off: crashed")
        assert re.match(r"[ >]x hv3 +down since \d\d:\d\d:\d\d", it.line_of("down since"))
        assert "8 VMs as last seen" in it.line_of("down since")
        band = it.lines[: it.lines.index(it.line_of("more by CPU"))]
        assert any(" dns-1 " in line and "off: crashed" in line for line in band)
        assert any(" mail " in line and "off, should be on" in line for line in band)
        await asked(it, "f")
        await it.until_text("only faults:")
        assert {"dns-1", "mail", "db-2"} <= set(it.names)


# -- 3: why did it stop


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_why_a_vm_stopped(size: tuple[int, int]) -> None:
    async with desk(size=size) as it:
        await ready(it)
        starve(it.world, "wiki")
        await it.until_text("off: crashed")
        await asked(it, "/", "~name:wiki", "enter", "l")
        await it.until_text("its host ran out of memory at", "the kernel killed its")
        await it.press("G")
        await it.until_text("THE KERNEL", "Out of memory: Killed process")
        assert "x Out of memory" in it.line_of("Out of memory"), "it names this VM's process"
        await it.press("g")
        await it.until_text("off: crashed", "QEMU'S LOG")


async def test_what_killed_another_vm_is_not_said_to_have_stopped_this_one() -> None:
    async with desk(size=(120, 50)) as it:
        await ready(it)
        starve(it.world, "grafana")
        await asked(it, "/", "~name:mail -name:relay", "enter", "l")
        await it.until_text("the guest shut down at", "reason=shutdown", "It says nothing of these.")
        assert "Killed process" not in it.text


async def test_logs_that_cannot_be_read_are_said_with_the_command_that_reads_them() -> None:
    async with desk(size=(120, 40)) as it:
        await ready(it)
        refusal = NotSupported("The logs of hv1 cannot be read over tls.", hint="Run there: sudo dmesg -T")
        it.world.faults.refuse(refusal, verb="logs")
        await asked(it, "/", "~name:mail -name:relay", "enter", "l")
        await it.until_text("LOGS OF ITS HOST", "cannot be read over tls.", "Run there: sudo dmesg -T")


async def test_logs_that_do_not_come_hold_no_key_up_and_are_left_with_the_page() -> None:
    async with desk(size=(120, 40)) as it:
        await ready(it)
        it.world.faults.slow("hv1", 8.0)
        await asked(it, "/", "~name:mail -name:relay", "enter", "l")
        await it.until_text("Reading the logs of hv1 ...", "off, should be on")
        await it.press("<", ">", "q")
        await it.until(lambda: it.app.screen is it.vms, "the list")
        it.world.faults.slow("hv1", 0.0)


async def test_a_vm_that_stops_while_its_why_is_looked_at_is_asked_about_anew() -> None:
    async with desk(size=(120, 40)) as it:
        await ready(it)
        await asked(it, "/", "~name:wiki", "enter", "l")
        await it.until_text("QEMU'S LOG", "starting up")
        starve(it.world, "wiki")
        await it.until_text("its host ran out of memory at")


async def test_logs_are_asked_for_when_a_host_that_was_silent_is_back() -> None:
    async with desk(size=(120, 40), ping_interval=0.05) as it:
        await ready(it)
        await it.go_to("web-4")
        it.world.faults.cut("hv3", "the network has gone")
        it.world.faults.close_door("hv3")
        await it.until(lambda: not it.entry("hv3").condition.is_answering, "it is away")
        await it.press("enter", "l")
        await it.until_text("Not known: its host does not answer.")
        it.world.faults.open_door("hv3")
        it.app.run_worker(it.engine.reconnect("hv3"))
        await it.until_text("QEMU'S LOG", "starting up")


# -- 4: who is slow, and who makes it slow


async def test_who_waits_for_cpu_and_who_takes_it() -> None:
    def crowded(world: World) -> None:
        world.hosts["hv1"].guests[world.ref("web-frontend-prod-01").uuid].touchy = 3.0

    clock = FrozenClock()
    async with desk(size=(80, 24), clock=clock, prepare=crowded) as it:
        await ready(it)
        await measured(it, clock)
        await it.until(lambda: "web-frontend-prod-01" in it.names[:4], "it stands in the band")
        await asked(it, "/", "~steal>10", "enter")
        await it.until(lambda: it.names == ["web-frontend-prod-01"], "who waits")
        about = next(line for line in it.lines if line.startswith("web-frontend-prod-01 on hv1"))
        busiest = max((rates.cpu_cores or 0.0, name) for name, rates in running(it, "hv1") if name != it.names[0])[1]
        assert re.search(rf"steal \d+ %, busiest on hv1: {busiest}", about)
        await asked(it, "l")
        await it.until_text("slow", "it waits for the 32 CPUs of hv1; busiest there:", busiest)


async def test_who_waits_for_a_pool_and_who_fills_its_queue() -> None:
    def slow_disk(world: World) -> None:
        guest = world.hosts["hv1"].guests[world.ref("db-3").uuid]
        for disk in guest.disks:
            disk.latency_ns = 90e6

    clock = FrozenClock()
    async with desk(size=(120, 40), clock=clock, prepare=slow_disk) as it:
        await ready(it)
        await measured(it, clock)
        await asked(it, "/", "~lat>75ms", "enter", "l")
        await it.until_text("db-3 on hv1", "it waits for the pool hdd; busiest there:", "analytics-nightly")


def running(it: Desk, host: str) -> list[tuple[str, VmRates]]:
    """Return the names and rates of the VMs that run on a host."""
    state = it.entry(host).state
    assert state is not None
    return [(state.vms[uuid].name, rates) for uuid, rates in state.rates.items()]


# -- 5: whose is it


@pytest.mark.parametrize("kind", ["MAC", "IP", "disk", "vnet", "UUID"])
async def test_whose_address_disk_or_interface_it_is(kind: str) -> None:
    async with desk() as it:
        await ready(it)
        await it.until(lambda: it.vm("web-2").uuid and _seen(it, "web-2").addresses, "its lease")
        vm = _seen(it, "web-2")
        words = {
            "MAC": vm.nics[0].mac.upper(),
            "IP": vm.addresses[0].ip,
            "disk": vm.disks[0].source,
            "vnet": vm.nics[0].target,
            "UUID": vm.uuid,
        }
        await asked(it, "/", f"~{words[kind]}", "enter")
        await it.until(lambda: "web-2" in it.names, "whose it is")
        exact = [name for name in it.names if kind != "vnet" or _seen(it, name).nics[0].target == words["vnet"]]
        hosts = {entry.name for entry, one in it.engine.fleet.vms() if one.name in exact}
        assert exact == ["web-2"] or (kind in ("vnet", "IP") and len(hosts) > 1), it.names


def _seen(it: Desk, name: str) -> Vm:
    """Return a VM as the program sees it."""
    return next(vm for _, vm in it.engine.fleet.vms() if vm.name == name)


# -- 6: what did the others just do


async def test_what_others_did() -> None:
    async with desk() as it:
        await ready(it)
        ref = it.world.ref("web-2")
        it.world.faults.enter(ref.host, ref.uuid, VmState.PAUSED, Reason.USER)
        await it.until_state("web-2", VmState.PAUSED)
        await asked(it, "0")
        await it.until_text("web-2", "not by kvmtui")
        assert re.search(r"not by kvmtui +seen +web-2 .*paused|not by kvmtui +seen +web-2", it.line_of("not by kvmtui"))


# -- 7, 11: which host is oversold, which pool is full


async def test_which_host_is_oversold_and_which_pool_is_full() -> None:
    async with desk() as it:
        await ready(it)
        row = it.line_of(" hv1 ")
        assert re.search(r"1\d\d % .* 100 % ", row), "sold, and the fullest pool"
        await asked(it, "tab")
        await it.until_text("memory sold to 110 %, pool nvme 100 % full")


async def test_which_pool_fills_up_and_when() -> None:
    clock = FrozenClock()

    def nearly(world: World) -> None:
        host = world.hosts["hv2"]
        host.pools = tuple(
            replace(pool, available=40 << 30, allocation=pool.capacity - (40 << 30)) if pool.name == "hdd" else pool
            for pool in host.pools
        )

    async with desk(size=(120, 36), clock=clock, prepare=nearly) as it:
        await ready(it)
        await measured(it, clock, 2)
        assert "full in" not in it.text, "nothing is known of how it grows"
        guest = it.world.hosts["hv2"].guests[it.world.ref("registry").uuid]
        for _ in range(3):
            guest.disks[0].allocation += 512 << 20
            clock.step(450.0)
            await measured(it, clock, 1)
        assert "! hv2" in it.text, "the first screen says that something is wrong with it"
        await asked(it, "tab", "j", "enter")
        await it.until_text("full in ~1", "h at +", "/h, as in the last 2")


async def test_nothing_is_said_of_how_a_pool_grows_before_it_was_seen() -> None:
    async with desk() as it:
        await ready(it)
        await asked(it, "tab", "enter")
        await it.until_text("POOLS", "nvme")
        assert "full in" not in it.text


# -- 8: what is on this host


async def test_what_is_on_this_host() -> None:
    async with desk() as it:
        await ready(it)
        await asked(it, "tab", "j", "enter", ">")
        await it.until(lambda: set(it.names) >= {"db-1", "erp", "git-1"}, "the VMs of hv2")
        assert "mail" not in it.names
        await it.press("1")
        await asked(it, "/", "~host:hv3", "enter")
        await it.until(lambda: set(it.names) >= {"web-4", "logs-1"} and len(it.names) == 8, "the VMs of hv3")


# -- 9: since when


async def test_since_when() -> None:
    clock = FrozenClock()
    async with desk(clock=clock) as it:
        await ready(it)
        await it.go_to("db-2")
        about = next(line for line in it.lines if line.startswith("db-2 on hv1"))
        assert re.search(r"paused: pool full  since before \d\d:\d\d", about), "it was not seen to begin"
        clock.step(120.0)
        starve(it.world, "wiki")
        await it.until_state("wiki", VmState.OFF)
        await asked(it, "/", "~name:wiki", "enter")
        await it.until(lambda: it.names == ["wiki"], "the VM")
        about = next(line for line in it.lines if line.startswith("wiki on"))
        assert re.search(r"off: crashed  since \d\d:\d\d", about)


# -- 10: what changes at its next boot


async def test_what_changes_at_the_next_start() -> None:
    async with desk(size=(100, 30)) as it:
        await ready(it)
        await asked(it, "/", "~flags:differs", "enter", "l")
        await it.until_text("AT ITS NEXT START", "memory 2.0G -> 4.0G", "vCPUs 4 -> 8")


async def test_nothing_is_said_of_the_next_start_where_nothing_differs() -> None:
    async with desk(size=(100, 30)) as it:
        await ready(it)
        await asked(it, "/", "~name:web-2", "enter", "l")
        await it.until_text("QEMU'S LOG")
        assert "NEXT START" not in it.text


# -- 12: who is logged in at this console


async def test_who_is_logged_in_and_who_holds_the_console() -> None:
    def hold(world: World) -> None:
        ref = world.ref("git-1")
        guest = world.hosts[ref.host].guests[ref.uuid]
        guest.tty = Tty(world, guest)
        guest.tty.sink = lambda _output: None

    async with desk(size=(100, 40), prepare=hold) as it:
        await ready(it)
        await asked(it, "/", "~name:git-1", "enter", "l")
        await it.until_text("WHO IS THERE", "not open here", "dana since ")
        await it.press("c")
        await it.until_text("Somebody else holds the console")
        await it.press("ctrl+right_square_bracket", "d")
        await it.until_text("somebody else holds it; ! c takes it over")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("erp", "unknown: it has no guest agent"),
        ("web-2", "nobody, its agent says"),
        ("db-2", "unknown: its agent does not answer"),
    ],
)
async def test_who_is_logged_in_is_unknown_where_nobody_says(name: str, said: str) -> None:
    async with desk(size=(100, 40)) as it:
        await ready(it)
        await asked(it, "/", f"~name:{name}", "enter", "l")
        await it.until_text("WHO IS THERE", said)


# -- where does it go


async def test_where_a_vm_goes_that_somebody_else_moves() -> None:
    async with desk() as it:
        await ready(it)
        ref = it.world.ref("app-3")
        await asked(it, "/", "~name:app-3", "enter")
        it.world.faults.migrate(ref.uuid, "hv1", "hv2", 3600.0)
        await it.until_text("to hv2, 0 %", "from hv1, 0 %")
        it.world.faults.enter("hv1", ref.uuid, VmState.OFF, Reason.SHUTDOWN)
        await it.until_gone("to hv2")


# -- what logs and agents say is text


async def test_what_logs_and_agents_say_reaches_the_screen_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "\x1b]52;c;ZXZpbA==\x07\x9b31m[red]\u202egnp\x00"
    monkeypatch.setitem(facets._VISITED, "web-2", evil)
    async with desk(size=(140, 50)) as it:
        await ready(it)
        ref = it.world.ref("web-2")
        it.world.books._qemu[ref.uuid] = [f"2027-01-15 08:00:00.000+0000: {evil}", evil * 400]
        it.world.books._kernel[ref.host] = [f"{it.engine.clock.now():.6f} hv1 kernel: I/O error {evil}"]
        await asked(it, "/", "~name:web-2", "enter", "l")
        await it.until_text("I/O error \\x1b]52", "[red]", "logged in")
        assert it.text.replace("\n", "").isprintable()
