"""A console session on real hosts: it follows its guest through moves, restarts and trouble of its hosts."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kvmtui.config import HostConfig, Settings
from kvmtui.consoles import Consoles, ConsoleSession, Phase
from kvmtui.core.inventory import VmRef
from kvmtui.engine import Engine
from kvmtui.journal import Journal
from tests.real.lab import Guest, GuestSpec, Host, Lab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

PATIENCE = 60.0


class Room:
    """An engine on real hosts, and its consoles."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.consoles = Consoles(
            engine.backend, lambda: engine.fleet, engine.watch, wall=engine.clock.now, oversee=engine.oversee
        )

    async def until(self, true: Callable[[], bool], seconds: float = PATIENCE) -> float:
        """Wait until it is so; returns how long that took."""
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 - what it waits for is in three programs
                await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def open(self, host: str, guest: Guest) -> ConsoleSession:
        """Open a console, once the fleet knows the guest, and wait until it is live."""
        ref = VmRef(host, guest.uuid)
        await self.until(lambda: self.engine.fleet.vm(ref) is not None)
        session = self.consoles.open(ref, guest.name)
        await self.until(lambda: session.phase is Phase.LIVE)
        return session

    async def shows(self, session: ConsoleSession, text: str, seconds: float = PATIENCE) -> float:
        """Wait until the text is somewhere in the terminal."""
        return await self.until(lambda: text in shown(session), seconds)


def shown(session: ConsoleSession) -> str:
    """Everything in the terminal, scrollback first."""
    emulator = session.emulator
    return "\n".join(emulator.text(y) for y in range(-emulator.history_length, emulator.rows))


def numbers(text: str) -> list[int]:
    """Return the lines that are a number."""
    return [int(line) for line in text.split("\n") if line.isdigit()]


@asynccontextmanager
async def room(path: Path, *hosts: Host) -> AsyncIterator[Room]:
    settings = Settings(hosts=tuple(HostConfig(host.name, host.uri) for host in hosts))
    engine = Engine(settings, journal=Journal(path / "journal.jsonl"))
    await engine.start()
    made = Room(engine)
    try:
        yield made
    finally:
        made.consoles.close_all()
        await engine.stop()


async def migrate(guest: Guest, source: Host, target: Host) -> float:
    """Move a running guest; returns when the source said that it is done."""
    argv = ["migrate", guest.name, target.uri, "--live", "--p2p", "--persistent", "--undefinesource", "--unsafe"]
    await asyncio.to_thread(source.virsh, *argv)
    guest.moved(target)
    return time.monotonic()


async def test_it_follows_a_counting_guest_there_and_back(
    tmp_path: Path, hv1: Host, hv2: Host, make_guest: Callable[[Host, GuestSpec], Guest]
) -> None:
    guest = make_guest(hv1, GuestSpec("walker", counts=True)).start().wait_booted()
    async with room(tmp_path, hv1, hv2) as here:
        session = await here.open("hv1", guest)
        await here.until(lambda: len(numbers(shown(session))) > 5)
        for source, target in ((hv1, hv2), (hv2, hv1)):
            ended = await migrate(guest, source, target)
            await here.until(lambda target=target: session.ref.host == target.name)  # type: ignore[misc]
            assert time.monotonic() - ended < 2.0
            seam = f"moved to {target.name}: output in between may be missing"
            # The first may be cut by the seam, and the last may still be coming.
            await here.until(lambda seam=seam: len(numbers(shown(session).partition(seam)[2])) > 6)  # type: ignore[misc]
            before, _, after = shown(session).partition(seam)
            last, first = numbers(before)[-2], numbers(after)[1]
            assert last < first < last + 200
            assert numbers(after)[1:6] == list(range(first, first + 5))
        session.write(b"\x03")
        await here.shows(session, "walker:/#")
        session.write(b"echo at ho''me\r")
        await here.shows(session, "\nat home")


async def test_it_reopens_after_a_shutdown_and_a_start_and_through_a_reboot(
    tmp_path: Path, hv1: Host, make_guest: Callable[[Host, GuestSpec], Guest]
) -> None:
    guest = make_guest(hv1, GuestSpec("sleeper", agent=False)).start().wait_booted()
    async with room(tmp_path, hv1) as here:
        session = await here.open("hv1", guest)
        session.write(b"\rreboot -f\r")
        await here.shows(session, "lab: sleeper is up")
        assert session.phase is Phase.LIVE
        assert "opened again" not in shown(session)
        session.write(b"\rpoweroff -f\r")
        await here.until(lambda: "sleeper is off since" in session.why)
        await asyncio.to_thread(guest.start)
        await here.until(lambda: shown(session).count("lab: sleeper is up") == 2)
        assert "opened again at " in shown(session)
        session.write(b"\recho li''ving\r")
        await here.shows(session, "\nliving")


async def test_it_survives_a_crash_and_a_freeze_of_libvirtd(tmp_path: Path, lab: Lab, own_host: Host) -> None:
    guest = lab.guest(own_host, GuestSpec("rock", agent=False)).start().wait_booted()
    async with room(tmp_path, own_host) as here:
        session = await here.open(own_host.name, guest)
        own_host.kill9()
        await here.until(lambda: session.phase is Phase.WAITING, 5.0)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(own_host.start)
        await here.until(lambda: session.phase is Phase.LIVE, 30.0)
        await here.shows(session, "output in between may be missing")
        own_host.stop()
        try:
            await here.until(lambda: "has not answered since" in session.why, 15.0)
            assert session.phase is Phase.LIVE
            assert session.write(b"\recho ke''pt\r") == ""
        finally:
            own_host.cont()
        await here.shows(session, "\nkept")
        await here.until(lambda: session.why == "")


async def test_one_that_another_client_takes_is_told_and_taken_back_only_on_request(
    tmp_path: Path, hv1: Host, make_guest: Callable[[Host, GuestSpec], Guest]
) -> None:
    guest = make_guest(hv1, GuestSpec("prize", agent=False)).start().wait_booted()
    async with room(tmp_path, hv1) as here:
        session = await here.open("hv1", guest)
        other = guest.hold_console(force=True)
        try:
            await here.until(lambda: session.phase is Phase.TAKEN)
            assert session.why == "Somebody else has taken the console of prize."
            await asyncio.sleep(3.0)
            assert session.phase is Phase.TAKEN
            session.take_over()
            await here.until(lambda: session.phase is Phase.LIVE)
            session.write(b"\recho mi''ne\r")
            await here.shows(session, "\nmine")
        finally:
            other.close()


async def test_one_that_was_closed_opens_at_once(tmp_path: Path, hv1: Host, guest: Guest) -> None:
    async with room(tmp_path, hv1) as here:
        for _ in range(4):
            session = await here.open("hv1", guest)
            here.consoles.close(session)
