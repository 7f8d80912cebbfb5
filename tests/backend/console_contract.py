"""What every backend promises of consoles and screens: one body of tests, for the demo and for real hosts.

A module that wants them subclasses `ConsoleContract` under a name that starts with Test and gives a `desk` fixture.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from kvmtui.backend.base import Backend, ConsoleLine
from kvmtui.core.errors import BackendError, Conflict, InUse, NotFound, NotSupported

NOWHERE = "00000000-0000-4000-8000-00000000dead"
CTRL_C = b"\x03"


@dataclass
class Desk:
    """A connected backend with VMs that the tests may do anything to; what opens consoles closes them."""

    backend: Backend
    running: str  # UUID of a VM with a shell on its serial line
    second: str  # another one
    stopped: str
    mute: str  # UUID of a running VM without a serial line
    enter_shell: Callable[[Desk, ConsoleLine], Awaitable[None]]  # from whatever the line shows to a prompt
    boots_to: bytes  # what a guest prints when it has come up
    patience: float = 10.0
    opened: list[ConsoleLine] = field(default_factory=list)
    rest: dict[ConsoleLine, bytes] = field(default_factory=dict)  # read, and not yet asked for

    async def open(self, uuid: str = "", *, force: bool = False) -> ConsoleLine:
        """Open a console; one that was closed a moment ago may still be held for an instant."""
        async with asyncio.timeout(self.patience):
            while True:
                try:
                    line = await self.backend.console.open(uuid or self.running, force=force)
                except InUse:
                    if self.opened:
                        raise
                    await asyncio.sleep(0.05)
                else:
                    self.opened.append(line)
                    return line

    async def shell(self, uuid: str = "") -> ConsoleLine:
        """Open a console and bring it to a prompt."""
        line = await self.open(uuid)
        await self.enter_shell(self, line)
        return line

    async def until(self, line: ConsoleLine, *wanted: bytes) -> bytes:
        """Return what is read up to the first of `wanted`; the rest is for the next time."""
        got = self.rest.pop(line, b"")
        async with asyncio.timeout(self.patience):
            while not (ends := [got.index(one) + len(one) for one in wanted if one in got]):
                data = await line.read()
                assert data, f"the line ended after {got[-200:]!r}"
                got += data
        self.rest[line] = got[min(ends) :]
        return got[: min(ends)]

    async def end_of(self, line: ConsoleLine) -> None:
        """Return when the line has ended by itself."""
        async with asyncio.timeout(self.patience):
            while await line.read():
                continue

    def close(self) -> None:
        """Close all consoles."""
        for line in self.opened:
            line.close()
        self.opened.clear()


def close(desk: Desk, line: ConsoleLine) -> None:
    """Close a line and forget it."""
    line.close()
    desk.opened.remove(line)


def fill(line: ConsoleLine) -> None:
    """Type more than waits for any host, without giving the loop a turn to send it."""
    for _ in range(100):
        line.write(b" " * 1000)


class ConsoleContract:
    """The promises, by what somebody at the keyboard would notice."""

    async def test_what_is_typed_is_answered(self, desk: Desk) -> None:
        line = await desk.shell()
        line.write(b"echo hello there\r")
        await desk.until(line, b"\nhello there\r\n")

    async def test_two_consoles_at_once_do_not_mix(self, desk: Desk) -> None:
        first, second = await desk.shell(), await desk.shell(desk.second)
        first.write(b"echo one one\r")
        second.write(b"echo two two\r")
        assert b"two" not in await desk.until(first, b"one one\r\n")
        assert b"one" not in await desk.until(second, b"two two\r\n")

    async def test_a_long_input_arrives_whole(self, desk: Desk) -> None:
        line = await desk.shell()
        for number in range(40):
            line.write(b"echo number %d\r" % number)
            await desk.until(line, b"\nnumber %d\r\n" % number)

    async def test_a_vm_that_is_off_has_no_console(self, desk: Desk) -> None:
        with pytest.raises(Conflict, match="is off"):
            await desk.open(desk.stopped)

    async def test_a_vm_without_a_serial_line_says_so(self, desk: Desk) -> None:
        with pytest.raises(NotSupported, match="no serial console") as raised:
            await desk.open(desk.mute)
        assert raised.value.hint

    async def test_a_vm_that_is_not_there_is_not_found(self, desk: Desk) -> None:
        with pytest.raises(NotFound):
            await desk.open(NOWHERE)

    async def test_a_console_that_is_held_is_not_opened_but_can_be_taken(self, desk: Desk) -> None:
        first = await desk.shell()
        with pytest.raises(InUse):
            await desk.backend.console.open(desk.running)
        second = await desk.open(force=True)
        await desk.end_of(first)
        await desk.enter_shell(desk, second)

    async def test_a_closed_console_is_free_again(self, desk: Desk) -> None:
        for _ in range(3):
            line = await desk.shell()
            close(desk, line)

    async def test_closing_ends_a_waiting_read_at_once_and_may_be_repeated(self, desk: Desk) -> None:
        line = await desk.shell()
        reading = asyncio.create_task(_read_all(line))
        await asyncio.sleep(0)
        began = time.perf_counter()
        line.close()
        line.close()
        assert time.perf_counter() - began < 0.2
        async with asyncio.timeout(1.0):
            await reading
        line.write(b"nobody hears this")
        assert await line.read() == b""

    async def test_forcing_a_vm_off_ends_the_line_and_it_opens_again_after_a_start(self, desk: Desk) -> None:
        line = await desk.shell()
        await desk.backend.power.force_off(desk.running)
        await desk.end_of(line)
        close(desk, line)
        with pytest.raises(Conflict):
            await desk.open()
        await desk.backend.power.start(desk.running)
        again = await desk.open()
        await desk.until(again, desk.boots_to)

    async def test_a_reset_keeps_the_line(self, desk: Desk) -> None:
        line = await desk.shell()
        await desk.backend.power.reset(desk.running)
        await desk.until(line, desk.boots_to)
        await desk.enter_shell(desk, line)

    async def test_closing_while_the_vm_is_forced_off_harms_nobody(self, desk: Desk) -> None:
        line = await desk.shell()
        off = asyncio.create_task(desk.backend.power.force_off(desk.running))
        await asyncio.sleep(0)
        close(desk, line)
        async with asyncio.timeout(desk.patience):
            await off
        await desk.backend.ping()

    async def test_a_flood_is_kept_within_bounds_and_heeds_ctrl_c(self, desk: Desk) -> None:
        line = await desk.shell()
        line.write(b"yes\r")
        await desk.until(line, b"y\r\ny\r\ny\r\n")
        await asyncio.sleep(1.0)  # nobody reads
        line.write(CTRL_C)
        got = 0
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(1.0):
                    got += len(await line.read())
        assert 0 < got < 2 << 20
        line.write(b"echo still here\r")
        await desk.until(line, b"still here\r\n")

    async def test_screens_are_named_while_a_vm_runs(self, desk: Desk) -> None:
        found = await desk.backend.console.displays(desk.running)
        assert [one.kind for one in found] == ["vnc"]
        assert found[0].listen == "127.0.0.1"
        assert found[0].port is not None
        assert found[0].port >= 5900
        assert found[0].password == ""
        assert await desk.backend.console.displays(desk.stopped) == ()

    async def test_a_screens_password_is_told_only_on_request(self, desk: Desk) -> None:
        [plain] = await desk.backend.console.displays(desk.mute)
        [whole] = await desk.backend.console.displays(desk.mute, secret=True)
        assert plain.password == ""
        assert whole.password
        assert whole._replace(password="") == plain

    async def test_a_backend_that_is_closed_ends_its_consoles(self, desk: Desk) -> None:
        line = await desk.shell()
        await desk.backend.close()
        with pytest.raises(BackendError):
            await desk.end_of(line)


async def _read_all(line: ConsoleLine) -> None:
    while await line.read():
        continue
