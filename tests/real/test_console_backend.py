"""The contract of consoles over real hosts and guests, and what only a real host can do to a console."""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend import backend_for
from kvmtui.backend.libvirt.xml import devices
from kvmtui.core.errors import Busy, Denied, InUse, Unreachable
from tests.backend.console_contract import CTRL_C, ConsoleContract, Desk, close, fill
from tests.real.lab import Guest, GuestSpec, Host, Lab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from kvmtui.backend.base import ConsoleLine

SCREEN = "<graphics type='vnc' autoport='yes' listen='127.0.0.1'{extra}/><video><model type='vga'/></video>"
VIRTIO = "<console type='pty'><target type='virtio'/></console>"
PROMPT = b"# "


async def enter_shell(desk: Desk, line: ConsoleLine) -> None:
    """End what runs there, and wait for a prompt that nothing follows."""
    line.write(CTRL_C + b"\r")
    await desk.until(line, PROMPT)
    line.write(b"echo re''ady\r")
    await desk.until(line, b"\nready\r\n")
    await desk.until(line, PROMPT)


class Guests:
    """The VMs of this module, brought back to what they should be before each test."""

    def __init__(self, lab: Lab, host: Host) -> None:
        self.host = host
        self.on = lab.guest(host, GuestSpec("console-on", agent=False, devices=SCREEN.format(extra="")))
        self.second = lab.guest(host, GuestSpec("console-two", agent=False))
        self.off = lab.guest(host, GuestSpec("console-off", agent=False))
        self.mute = _mute(lab, host)

    def restore(self) -> None:
        """Start what should run, and wait until it has come up."""
        for guest in (self.on, self.second):
            if guest.state() != "running":
                boots = guest.boots()
                guest.start().wait_booted(boots + 1)
        if self.mute.state() != "running":
            self.mute.start()

    def remove(self) -> None:
        """Remove all."""
        for guest in (self.on, self.second, self.off, self.mute):
            guest.remove()


def _mute(lab: Lab, host: Host) -> Guest:
    """Define a VM without a serial line, whose screen has a password."""
    guest = lab.guest(host, GuestSpec("console-mute", memory_mib=16, agent=False, nic=False))
    text = guest.halted_xml.replace("<devices>", "<devices>" + SCREEN.format(extra=" passwd='hush4321'"))
    host.virsh("undefine", guest.name)
    path = host.folder / "guests/mute.xml"
    path.write_text(text)
    host.virsh("define", str(path))
    return guest


@pytest.fixture(scope="module")
def guests(lab: Lab, hv2: Host) -> Iterator[Guests]:
    """The VMs of this module."""
    made = Guests(lab, hv2)
    yield made
    made.remove()


@pytest.fixture
async def desk(guests: Guests) -> AsyncIterator[Desk]:
    """A backend over TCP with the VMs."""
    guests.restore()
    made = await _desk(guests, guests.host.uri)
    yield made
    made.close()
    await made.backend.close()


async def _desk(guests: Guests, uri: str) -> Desk:
    backend = backend_for(uri)
    await backend.connect()
    return Desk(
        backend,
        running=guests.on.uuid,
        second=guests.second.uuid,
        stopped=guests.off.uuid,
        mute=guests.mute.uuid,
        enter_shell=enter_shell,
        boots_to=b"lab: console-on is up",
        patience=60.0,
    )


class TestConsoleContract(ConsoleContract):
    """Every promise, on a real host."""


async def test_the_same_over_ssh(guests: Guests) -> None:
    guests.restore()
    desk = await _desk(guests, guests.host.ssh_uri)
    try:
        contract = ConsoleContract()
        await contract.test_what_is_typed_is_answered(desk)
        desk.close()
        await contract.test_two_consoles_at_once_do_not_mix(desk)
        desk.close()
        await contract.test_a_console_that_is_held_is_not_opened_but_can_be_taken(desk)
        desk.close()
        await contract.test_closing_ends_a_waiting_read_at_once_and_may_be_repeated(desk)
    finally:
        desk.close()
        await desk.backend.close()


async def test_another_client_holds_it_and_loses_it(desk: Desk, guests: Guests) -> None:
    other = guests.on.hold_console()
    try:
        with pytest.raises(InUse, match="console-on"):
            await desk.backend.console.open(desk.running)
        line = await desk.open(force=True)
        await enter_shell(desk, line)
    finally:
        other.close()


async def test_another_client_takes_it_from_us(desk: Desk, guests: Guests) -> None:
    line = await desk.shell()
    other = guests.on.hold_console(force=True)
    try:
        await desk.end_of(line)
        with pytest.raises(InUse):
            await desk.backend.console.open(desk.running)
    finally:
        other.close()


async def test_a_guest_that_shuts_down_ends_the_line(desk: Desk, guests: Guests) -> None:
    line = await desk.shell()
    line.write(b"poweroff -f\r")
    await desk.end_of(line)
    guests.on.wait_state("shut off")


async def test_a_guest_that_reboots_itself_keeps_the_line(desk: Desk) -> None:
    line = await desk.shell()
    line.write(b"reboot -f\r")
    await desk.until(line, desk.boots_to)
    await enter_shell(desk, line)


async def test_what_was_closed_leaves_no_connection_behind(desk: Desk) -> None:
    close(desk, await desk.open())
    before = _open_files()
    for _ in range(10):
        close(desk, await desk.open())
    async with asyncio.timeout(10.0):
        while _open_files() > before:  # noqa: ASYNC110 - threads close them
            await asyncio.sleep(0.05)


async def test_a_console_can_not_be_opened_read_only(guests: Guests) -> None:
    guests.restore()
    backend = backend_for(guests.host.uri, read_only=True)
    await backend.connect()
    try:
        with pytest.raises(Denied, match="read-only"):
            await backend.console.open(guests.on.uuid)
    finally:
        await backend.close()


async def test_there_is_a_limit_and_it_is_said(
    desk: Desk, guests: Guests, make_guest: Callable[[Host, GuestSpec], Guest]
) -> None:
    """The halted guests have a serial line too, on which nothing is said."""
    lines = [await desk.open(guest.uuid) for guest in _quiet(guests.host, make_guest, 8)]
    with pytest.raises(Busy, match="8 consoles"):
        await desk.open()
    close(desk, lines[0])
    await desk.shell()


async def test_as_many_as_there_may_be_are_held_over_ssh_too(
    guests: Guests, make_guest: Callable[[Host, GuestSpec], Guest]
) -> None:
    """More sessions than sshd lets share one connection, with the lanes that everything else needs."""
    guests.restore()
    made = _quiet(guests.host, make_guest, 7)
    desk = await _desk(guests, guests.host.ssh_uri)
    try:
        line = await desk.shell()
        for guest in made:
            await desk.open(guest.uuid)
        console, backend = desk.backend.console, desk.backend
        reads = (backend.inventory(), backend.details(), console.displays(desk.running), backend.host_uuid())
        await asyncio.gather(*reads, *(backend.definition.xml(guest.uuid) for guest in made))
        await asyncio.gather(*(backend.power.pause(guest.uuid) for guest in made))
        line.write(b"echo in the cr''owd\r")
        await desk.until(line, b"\nin the crowd\r\n")
    finally:
        desk.close()
        await desk.backend.close()


def _quiet(host: Host, make_guest: Callable[[Host, GuestSpec], Guest], count: int) -> list[Guest]:
    """Start guests that boot on and on; what matters is that they have a serial line."""
    specs = [GuestSpec(f"many-{number}", agent=False, nic=False, memory_mib=16) for number in range(count)]
    return [make_guest(host, spec).start() for spec in specs]


# --- a host in trouble: one for these tests alone ---


@pytest.fixture(scope="module")
def troubled(lab: Lab) -> Iterator[tuple[Host, Guest]]:
    """A host that may be stopped and killed, with one guest that runs on."""
    host = lab.host("troubled")
    guest = lab.guest(host, GuestSpec("alone", devices=VIRTIO)).start().wait_booted()
    yield host, guest
    lab.drop(host)


@pytest.fixture
async def alone(troubled: tuple[Host, Guest]) -> AsyncIterator[tuple[Desk, Host]]:
    """A desk at that host."""
    host, guest = troubled
    backend = backend_for(host.uri)
    await backend.connect()
    desk = Desk(backend, guest.uuid, "", "", "", enter_shell, b"lab: alone is up", patience=60.0)
    yield desk, host
    desk.close()
    await backend.close()


async def test_a_crash_of_libvirtd_is_told_at_once_and_the_guest_goes_on(alone: tuple[Desk, Host]) -> None:
    desk, host = alone
    line = await desk.shell()
    began = time.monotonic()
    host.kill9()
    with pytest.raises(Unreachable, match="lost"):
        await desk.end_of(line)
    assert time.monotonic() - began < 2.0
    close(desk, line)
    host.start()
    await desk.backend.connect()
    await desk.shell()


async def test_a_silent_host_holds_nothing_up(alone: tuple[Desk, Host]) -> None:
    """The loop turns on, input waits up to a limit, and closing takes no time."""
    desk, host = alone
    line = await desk.shell()
    host.stop()
    try:
        worst = asyncio.create_task(_longest_step(1.0))
        line.write(b"echo waits\r")
        assert await worst < 0.25
        with pytest.raises(Busy):
            fill(line)
        began = time.perf_counter()
        close(desk, line)
        await desk.backend.close()
        assert time.perf_counter() - began < 0.5
    finally:
        host.cont()
    await desk.backend.connect()
    again = await desk.open()
    again.write(CTRL_C)
    await desk.until(again, PROMPT)


async def test_a_host_that_answers_again_brings_what_was_typed(alone: tuple[Desk, Host]) -> None:
    desk, host = alone
    line = await desk.shell()
    host.stop()
    line.write(b"echo waited\r")
    await asyncio.sleep(1.0)
    host.cont()
    await desk.until(line, b"\nwaited\r\n")


async def test_a_fast_flood_that_nobody_reads_costs_no_memory(
    alone: tuple[Desk, Host], troubled: tuple[Host, Guest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over virtio some megabytes come in a second, and the client library would keep them all."""
    monkeypatch.setattr(devices, "serial_line", lambda _: devices.SerialLine("console1"))
    desk, (_, guest) = alone[0], troubled
    line = await desk.open()
    guest.execute("/bin/sh", "-c", "stty -F /dev/hvc0 raw; cat /dev/zero >/dev/hvc0 2>/dev/null </dev/null &")
    await asyncio.sleep(2.0)
    before, skipped = _memory(), line.skipped
    await asyncio.sleep(4.0)
    assert line.skipped - skipped > 4 << 20
    assert _memory() - before < 4 << 20
    assert len(await line.read()) <= 65_536


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def _longest_step(seconds: float) -> float:
    """Return how long the loop was held at most."""
    worst, end = 0.0, time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        await asyncio.sleep(0.005)
        worst = max(worst, time.perf_counter() - now - 0.005)
    return worst
