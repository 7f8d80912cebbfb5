"""The contract of consoles, held against the demo; and what simulated guests say on their serial lines."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.demo import DemoBackend, FleetAddress, World
from kvmtui.core.errors import Busy, Denied, Unreachable
from kvmtui.core.inventory import VmState
from tests.backend.console_contract import ConsoleContract, Desk, fill

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kvmtui.backend.base import ConsoleLine

PROMPT = b"\x1b[1;34m~\x1b[0m$ "
LOGIN = b" login: "


async def enter_shell(desk: Desk, line: ConsoleLine) -> None:
    """Log in, where nobody is."""
    line.write(b"\r")
    if LOGIN in await desk.until(line, LOGIN, PROMPT):
        line.write(b"admin\r")
        await desk.until(line, b"Password: ")
        line.write(b"secret\r")
        await desk.until(line, PROMPT)


@pytest.fixture
def world() -> World:
    """The small fleet, whose guests do at once what they are asked."""
    return World(FleetAddress(story=False, pace=0.0))


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    """A desk at hv1."""
    backend = DemoBackend("demo:///hv1", world=world)
    await backend.connect()
    names = {guest.vm.name: uuid for uuid, guest in world.hosts["hv1"].guests.items()}
    made = Desk(
        backend,
        running=names["web-1"],
        second=names["web-2"],
        stopped=names["mail"],
        mute=names["win-rds-1"],
        enter_shell=enter_shell,
        boots_to=LOGIN,
    )
    yield made
    made.close()
    await backend.close()


class TestConsoleContract(ConsoleContract):
    """Every promise, in the demo."""


async def test_the_password_is_not_echoed(desk: Desk) -> None:
    line = await desk.open()
    await desk.until(line, LOGIN)
    line.write(b"admin\r")
    await desk.until(line, b"Password: ")
    line.write(b"topsecret\r")
    assert b"topsecret" not in await desk.until(line, PROMPT)


async def test_a_typed_line_can_be_mended(desk: Desk) -> None:
    line = await desk.shell()
    line.write(b"nonsense\x15echo 1x\x7f2\r")
    await desk.until(line, b"\n12\r\n")
    line.write(b"\x1b[A\r")
    await desk.until(line, b"\n12\r\n")


async def test_what_is_not_utf8_does_no_harm(desk: Desk) -> None:
    line = await desk.shell()
    line.write(b"echo \xff\xc3")
    line.write(b"\xa9t\xc3\xa9\r")
    await desk.until(line, "\n\ufffdété\r\n".encode())


async def test_a_program_on_the_whole_screen_puts_the_screen_back(desk: Desk) -> None:
    line = await desk.shell()
    line.write(b"top\r")
    assert b"\x1b[?1049h" in await desk.until(line, b"COMMAND")
    line.write(b"q")
    assert b"\x1b[?1049l" in await desk.until(line, PROMPT)


async def test_the_shell_can_reboot_and_end_its_guest(desk: Desk) -> None:
    line = await desk.shell()
    line.write(b"reboot\r")
    await desk.until(line, LOGIN)
    await desk.enter_shell(desk, line)
    line.write(b"poweroff\r")
    await desk.end_of(line)
    assert (await desk.backend.vm(desk.running)).state is VmState.OFF


async def test_a_boot_is_watched_from_its_beginning() -> None:
    world = World(FleetAddress(story=False, pace=0.001))
    backend = DemoBackend("demo:///hv1", world=world)
    await backend.connect()
    uuid = world.ref("mail").uuid
    await backend.power.start(uuid)
    line = await backend.console.open(uuid)
    got = b""
    async with asyncio.timeout(2.0):
        while LOGIN not in got:
            got += await line.read()
    assert got.index(b"Linux version") < got.index(b"Started OpenSSH") < got.index(b"Debian 12 mail ttyS0")
    await backend.close()


async def test_a_paused_guest_reads_what_was_typed_when_it_goes_on(desk: Desk) -> None:
    line = await desk.shell()
    await desk.backend.power.pause(desk.running)
    line.write(b"echo later\r")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await line.read()
    await desk.backend.power.resume(desk.running)
    await desk.until(line, b"\nlater\r\n")


async def test_a_silent_host_brings_nothing_and_takes_input_up_to_a_limit(desk: Desk, world: World) -> None:
    line = await desk.shell()
    world.faults.silence("hv1")
    line.write(b"echo after\r")
    with pytest.raises(Busy):
        fill(line)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await line.read()
    world.faults.answer("hv1")
    await desk.until(line, b"\nafter\r\n")


async def test_a_cut_connection_is_told(desk: Desk, world: World) -> None:
    line = await desk.shell()
    world.faults.cut("hv1")
    with pytest.raises(Unreachable, match="hv1"):
        await desk.end_of(line)


async def test_a_vm_that_moves_takes_its_shell_along(desk: Desk, world: World) -> None:
    line = await desk.shell()
    line.write(b"count\r")
    await desk.until(line, b"\n1\r\n")
    world.faults.move(desk.running, "hv1", "hv2")
    await desk.end_of(line)
    other = DemoBackend("demo:///hv2", world=world)
    await other.connect()
    there = await other.console.open(desk.running)
    await desk.until(there, b"2\r\n")
    there.write(b"\x03")
    await desk.until(there, b"^C\r\n")
    await other.close()


async def test_nothing_is_opened_where_nothing_may_be_changed(world: World) -> None:
    backend = DemoBackend("demo:///hv1", world=world, read_only=True)
    await backend.connect()
    with pytest.raises(Denied):
        await backend.console.open(world.ref("web-1").uuid)
    await backend.close()
