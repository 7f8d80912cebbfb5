"""A console stays open through what happens to its VM and its host, and says what it waits for."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.consoles import Consoles, ConsoleSession, Phase, take_over
from kvmtui.core.errors import Aborted, Conflict, TimedOut
from kvmtui.core.inventory import Reason, VmRef, VmState
from tests.fleet_lab import ADDRESS, Lab, running, virtual

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from kvmtui.backend.demo import World
    from kvmtui.backend.demo.tty import Tty

LOGIN = "login:"


class Room:
    """Consoles on a simulated fleet."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        engine = lab.engine
        self.consoles = Consoles(
            engine.backend, lambda: engine.fleet, engine.watch, wall=engine.clock.now, oversee=engine.oversee
        )

    def open(self, name: str) -> ConsoleSession:
        return self.consoles.open(self.lab.ref(name), name)

    async def opened(self, name: str) -> ConsoleSession:
        """Open a console and wait until it is live and says something."""
        session = self.open(name)
        await self.phase(session, Phase.LIVE)
        await self.shows(session, LOGIN)
        return session

    async def phase(self, session: ConsoleSession, phase: Phase, seconds: float = 120.0) -> float:
        return await self.lab.until(lambda: session.phase is phase, seconds)

    async def shows(self, session: ConsoleSession, text: str, seconds: float = 120.0) -> float:
        return await self.lab.until(lambda: text in shown(session), seconds)

    async def until_off(self, name: str) -> None:
        await self.lab.until(lambda: self.lab.vm(name).state is VmState.OFF)

    async def logged_in(self, name: str) -> ConsoleSession:
        session = await self.opened(name)
        session.write(b"admin\r\rx\r")
        await self.shows(session, "$ ")
        return session

    def tty(self, name: str) -> Tty:
        """The serial line of a VM that has been looked at."""
        ref = self.lab.ref(name)
        tty = self.lab.world.host(ref.host).guest(ref.uuid).tty
        assert tty is not None
        return tty

    def hold(self, name: str) -> list[bytes]:
        """Have somebody else take a console; what he sees."""
        tty = self.tty(name)
        seen: list[bytes] = []
        if tty.sink is not None:
            tty.sink(b"")
        tty.sink = seen.append
        return seen


def shown(session: ConsoleSession) -> str:
    """Everything in the emulator, scrollback first."""
    emulator = session.emulator
    return "\n".join(emulator.text(y) for y in range(-emulator.history_length, emulator.rows))


@asynccontextmanager
async def room(
    path: Path, address: str = ADDRESS, *, prepare: Callable[[World], None] = lambda world: None
) -> AsyncIterator[Room]:
    async with running(path, address, prepare=prepare) as lab:
        made = Room(lab)
        yield made
        made.consoles.close_all()


@virtual
async def test_what_is_typed_is_shown_with_its_answer(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = await here.logged_in("web-1")
        heard: list[Phase] = []
        end = session.watch(lambda: heard.append(session.phase))
        assert session.write(b"echo hello there\r") == ""
        await here.shows(session, "\nhello there\n")
        assert heard
        end()


@virtual
async def test_there_is_one_session_for_a_vm_in_the_order_of_opening(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        first, second = here.open("web-1"), here.open("web-2")
        assert here.open("web-1") is first
        assert here.consoles.sessions == (first, second)
        await here.phase(first, Phase.LIVE)
        await here.phase(second, Phase.LIVE)
        here.consoles.close(first)
        assert list(here.consoles.sessions) == [second]
        assert first.phase is Phase.CLOSED
        assert here.open("web-1") is not first


@virtual
async def test_a_console_closed_and_opened_again_is_live(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        for _ in range(3):
            session = await here.opened("web-1")
            here.consoles.close(session)


@virtual
async def test_a_vm_that_is_off_is_waited_for(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = here.open("mail")
        await here.phase(session, Phase.WAITING)
        assert session.why == "mail is off: the console reopens when it starts."
        assert session.write(b"x") == session.why
        here.lab.faults.enter("hv1", session.ref.uuid, VmState.RUNNING, Reason.BOOTED)
        assert await here.phase(session, Phase.LIVE) < 1.0
        assert "opened again" not in shown(session)


@virtual
async def test_a_restart_is_waited_for_and_its_seam_is_marked(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = await here.logged_in("web-1")
        session.write(b"top\r")
        await here.shows(session, "COMMAND")
        here.lab.faults.enter("hv1", session.ref.uuid, VmState.OFF, Reason.DESTROYED)
        await here.phase(session, Phase.WAITING)
        await here.until_off("web-1")
        await here.lab.until(lambda: session.why.startswith("web-1 is off since "))
        await here.lab.backends["hv1"].power.start(session.ref.uuid)
        assert await here.phase(session, Phase.LIVE) < 1.0
        await here.shows(session, "opened again at ")
        await here.shows(session, "web-1 login:")
        assert not session.emulator.alternate
        assert session.emulator.cursor_shown


@virtual
async def test_a_reboot_keeps_the_session(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = await here.logged_in("web-1")
        session.write(b"reboot\r")
        await here.shows(session, "Linux version")
        assert session.phase is Phase.LIVE
        assert "opened again" not in shown(session)


@virtual
async def test_a_move_is_followed_within_two_seconds_and_its_seam_is_marked(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = await here.logged_in("web-1")
        session.write(b"count\r")
        await here.shows(session, "\n3\n")
        for source, target in (("hv1", "hv2"), ("hv2", "hv1"), ("hv1", "hv3")):
            here.lab.faults.move(session.ref.uuid, source, target)
            took = await here.lab.until(
                lambda target=target: session.ref.host == target and session.phase is Phase.LIVE  # type: ignore[misc]
            )
            assert took < 2.0
            await here.shows(session, f"moved to {target}: output in between may be missing")
        session.write(b"\x03")
        await here.shows(session, "^C")
        assert here.consoles.open(VmRef("hv3", session.ref.uuid), "web-1") is session


@virtual
async def test_a_vm_that_was_moved_while_off_is_found_when_it_starts(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = here.open("mail")
        await here.phase(session, Phase.WAITING)
        uuid = session.ref.uuid
        here.lab.faults.move(uuid, "hv1", "hv2")
        await here.lab.until(lambda: "not on hv1 any more" in session.why)
        assert here.consoles.open(VmRef("hv2", uuid), "mail") is session
        here.lab.faults.enter("hv2", uuid, VmState.RUNNING, Reason.BOOTED)
        assert await here.phase(session, Phase.LIVE) < 1.0
        assert session.ref == VmRef("hv2", uuid)


@virtual
async def test_a_second_vm_of_the_same_uuid_is_not_taken_for_the_first(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        ref = here.lab.ref("web-1")
        here.lab.faults.double(ref.uuid, "hv1", "hv2", running=True)
        await here.lab.until(lambda: here.lab.engine.fleet.vm(VmRef("hv2", ref.uuid)) is not None)
        session = here.consoles.open(ref, "web-1")
        other = here.consoles.open(VmRef("hv2", ref.uuid), "web-1")
        assert other is not session
        await here.phase(session, Phase.LIVE)
        here.lab.faults.enter("hv1", ref.uuid, VmState.OFF, Reason.DESTROYED)
        await here.phase(session, Phase.WAITING)
        await asyncio.sleep(30)
        assert session.phase is Phase.WAITING
        assert session.ref == ref


@virtual
async def test_a_held_console_is_told_and_taken_only_on_request(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        here.consoles.close(await here.opened("web-1"))
        seen = here.hold("web-1")
        await asyncio.sleep(10)
        session = here.open("web-1")
        await here.phase(session, Phase.TAKEN)
        assert session.why == "Somebody else holds the console of web-1."
        await asyncio.sleep(60)
        assert session.phase is Phase.TAKEN
        assert seen == []
        session.take_over()
        await here.phase(session, Phase.LIVE)
        assert seen == [b""]


@virtual
async def test_a_held_console_that_has_become_free_opens_on_request(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        here.consoles.close(await here.opened("web-1"))
        here.hold("web-1")
        await asyncio.sleep(10)
        session = here.open("web-1")
        await here.phase(session, Phase.TAKEN)
        here.tty("web-1").sink = None
        assert here.open("web-1") is session
        await here.phase(session, Phase.LIVE)


@virtual
async def test_taking_it_over_tells_who_lost_it(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        assert await take_over(here.open("web-1")) == "Nobody held the console of web-1 on hv1: it is open here."
        here.consoles.close(here.open("web-1"))
        await asyncio.sleep(10)
        seen = here.hold("web-1")
        session = here.open("web-1")
        told = "Somebody else held the console of web-1 on hv1, and has lost it; libvirt does not say who."
        assert await take_over(session) == told
        assert (session.phase, seen) == (Phase.LIVE, [b""])
        here.hold("web-1")
        await here.phase(session, Phase.TAKEN)
        assert await take_over(session) == told


@virtual
async def test_taking_over_a_session_that_may_be_our_last_one_says_so(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        here.consoles.close(await here.opened("web-1"))
        here.hold("web-1")
        session = here.open("web-1")
        told = "hv1 still held a session of the console of web-1, probably the last one from here; it has ended."
        assert await take_over(session) == told
        assert session.phase is Phase.LIVE


@virtual
async def test_what_cannot_be_taken_over_says_why(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        windows = next(vm.name for _, vm in here.lab.engine.fleet.vms() if vm.os.startswith("Windows") and vm.is_active)
        with pytest.raises(Conflict, match="has no serial console"):
            await take_over(here.open(windows))
        session = here.open("web-1")
        taking = asyncio.create_task(take_over(session))
        await asyncio.sleep(0)
        here.consoles.close(session)
        with pytest.raises(Aborted, match="was closed here before it was open"):
            await taking
        here.lab.faults.silence("hv1")
        with pytest.raises(TimedOut, match="was not open within 30 s") as failed:
            await take_over(here.open("web-1"))
        assert not failed.value.unknown, "nothing was taken"


@virtual
async def test_one_that_is_taken_from_us_is_not_fought_for(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = await here.opened("web-1")
        seen = here.hold("web-1")
        await here.phase(session, Phase.TAKEN)
        assert session.why == "Somebody else has taken the console of web-1."
        await asyncio.sleep(60)
        assert seen == []


@virtual
async def test_a_silent_host_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = await here.logged_in("web-1")
        here.lab.faults.silence("hv1")
        await here.lab.until(lambda: "has not answered since" in session.why)
        assert session.phase is Phase.LIVE
        assert session.write(b"echo kept\r") == ""
        here.lab.faults.answer("hv1")
        await here.shows(session, "\nkept\n")
        await here.lab.until(lambda: session.why == "")


@virtual
async def test_a_lost_connection_is_waited_for(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = await here.logged_in("web-1")
        here.lab.faults.close_door("hv1")
        here.lab.faults.cut("hv1")
        await here.lab.until(lambda: "hv1 is down since" in session.why)
        assert session.phase is Phase.WAITING
        here.lab.faults.open_door("hv1")
        await here.phase(session, Phase.LIVE)
        await here.shows(session, "output in between may be missing")


@virtual
async def test_our_own_ghost_on_a_host_that_was_lost_is_outlived(tmp_path: Path) -> None:
    """The host may hold the old session for a while when it is back."""
    async with room(tmp_path) as here:
        session = await here.opened("web-1")
        here.lab.faults.cut("hv1")
        await here.phase(session, Phase.WAITING)
        here.hold("web-1")
        await asyncio.sleep(6)
        assert session.phase is Phase.WAITING
        here.tty("web-1").sink = None
        assert await here.phase(session, Phase.LIVE) < 6.0


@virtual
async def test_a_vm_without_a_serial_line_fails_with_the_hosts_words(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = here.open("win-rds-1")
        await here.phase(session, Phase.FAILED)
        assert "no serial console" in session.why


@virtual
async def test_a_stale_fleet_makes_no_busy_loop(tmp_path: Path) -> None:
    """The fleet says that the VM runs, the host that it does not."""
    async with room(tmp_path) as here:
        ref = here.lab.ref("web-1")
        calls = 0
        console = here.lab.engine.backend("hv1").console
        real = console.open

        async def counted(uuid: str, *, force: bool = False) -> object:
            nonlocal calls
            calls += 1
            return await real(uuid, force=force)

        console.open = counted  # type: ignore[method-assign, assignment]
        guest = here.lab.world.host("hv1").guest(ref.uuid)
        guest.vm = replace(guest.vm, state=VmState.OFF)  # nobody is told
        session = here.consoles.open(ref, "web-1")
        await asyncio.sleep(0.9)
        assert session.phase in (Phase.WAITING, Phase.OPENING)
        assert calls <= 5


@virtual
async def test_a_line_that_ends_as_soon_as_it_is_open_makes_no_busy_loop(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        await here.opened("web-1")
        before = here.lab.engine.backend("hv1").console.open
        calls = 0

        async def counted(uuid: str, *, force: bool = False) -> object:
            nonlocal calls
            calls += 1
            line = await before(uuid, force=force)
            line.close()
            return line

        here.lab.engine.backend("hv1").console.open = counted  # type: ignore[method-assign, assignment]
        here.tty("web-1").sink(b"")  # type: ignore[misc]
        await asyncio.sleep(30)
        assert calls < 20


@virtual
async def test_the_emulators_answers_reach_the_guest_and_nothing_that_it_chose(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        await here.opened("web-1")
        typed: list[bytes] = []
        tty = here.tty("web-1")
        tty.type = typed.append  # type: ignore[method-assign, assignment]
        tty.say("\x1b[6n")
        await here.lab.until(lambda: bool(typed))
        assert typed[0].startswith(b"\x1b[")
        assert typed[0].endswith(b"R")
        typed.clear()
        tty.say("\x1b]0;rm -rf /\x07\x1b[21t\x1b]52;c;?\x07\x05\x1bP$qm\x1b\\")
        await asyncio.sleep(1)
        assert typed == []


@virtual
async def test_input_that_the_host_does_not_take_is_refused_with_a_sentence(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = await here.opened("web-1")
        here.lab.faults.silence("hv1")
        said = [session.write(b" " * 60_000) for _ in range(3)]
        assert said[0] == ""
        assert "takes no input" in said[-1]


@virtual
async def test_a_flood_leaves_its_seam_when_some_was_thrown_away(tmp_path: Path) -> None:
    async with room(tmp_path) as here:
        session = await here.opened("web-1")
        tty = here.tty("web-1")
        for _ in range(40):
            tty.say("y\r\n" * 20_000)  # at once: nobody can read meanwhile
        tty.say("the end\r\n")
        await here.shows(session, "the end")
        await here.shows(session, "came faster than it could be shown")


async def test_a_flood_does_not_hold_the_loop(tmp_path: Path) -> None:
    """On a real loop: no step of the feeding takes long, while all of the flood is fed."""
    async with running_for_real(tmp_path) as here:
        session = await here.opened("web-1")
        tty = here.tty("web-1")
        steps: list[float] = []
        fed = asyncio.Event()
        session.watch(lambda: fed.set() if "the end" in session.emulator.text(session.emulator.cursor[1] - 1) else None)
        for _ in range(4):
            tty.say("y\r\n" * 20_000)
        tty.say("the end\r\n")
        while not fed.is_set():
            began = time.thread_time()  # what other programs on this machine do is none of ours
            await asyncio.sleep(0)
            steps.append(time.thread_time() - began)
        steps.sort()
        assert steps[int(len(steps) * 0.95)] < 0.012


@asynccontextmanager
async def running_for_real(path: Path) -> AsyncIterator[Room]:
    async with running(path) as lab:
        made = Room(lab)
        yield made
        made.consoles.close_all()
