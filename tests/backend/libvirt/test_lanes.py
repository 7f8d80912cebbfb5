"""Calls that never end: each has its deadline, costs its lane and nothing else, and the program can leave."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Wake, WakeKind
from kvmtui.backend.libvirt import LibvirtBackend, lanes, uri
from kvmtui.backend.libvirt.events import Bell
from kvmtui.backend.libvirt.lane import Lane
from kvmtui.backend.libvirt.lanes import Lanes
from kvmtui.core.errors import Busy, NotFound, TimedOut, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from kvmtui.backend.libvirt.lane import Session


class SilentServer:
    """Accepts and never answers, like a stopped daemon; `address` is what leads to it."""

    def __init__(self, kind: str, folder: Path) -> None:
        family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self.accepted: list[socket.socket] = []
        if kind == "unix":
            path = folder / "sock"
            self._listener.bind(str(path))
            self.address = f"qemu+unix:///system?socket={path}"
        else:
            self._listener.bind(("127.0.0.1", 0))
            self.address = f"qemu+tcp://127.0.0.1:{self._listener.getsockname()[1]}/system"
        self._listener.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for end in (self._listener, *self.accepted):
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.accepted.append(self._listener.accept()[0])


@pytest.fixture(params=["unix", "tcp"])
def silent(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SilentServer]:
    server = SilentServer(request.param, tmp_path)
    yield server
    server.close()


async def _until(test: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not test():  # noqa: ASYNC110 - what is waited for happens on threads
            await asyncio.sleep(0.01)


def _lane_threads() -> set[str]:
    names = (thread.name for thread in threading.enumerate())
    return {name for name in names if name.startswith(("lane ", "relay ", "r"))}


async def test_a_daemon_that_never_answers_times_out_and_leaves_no_thread(
    silent: SilentServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "OPEN_SECONDS", 0.3)
    before = _lane_threads()
    backend = LibvirtBackend(silent.address)
    with pytest.raises(TimedOut) as raised:
        await backend.connect()
    assert not raised.value.unknown
    assert "takes connections, but libvirt there does not answer" in raised.value.text
    await _until(lambda: _lane_threads() <= before)
    # The daemon's end of the connection is closed as well.
    await _until(lambda: silent.accepted[0].recv(65536) is not None)
    with pytest.raises(Unreachable):
        await backend.ping()


async def test_a_host_that_does_not_take_the_connection_is_another_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "OPEN_SECONDS", 0.3)
    before = _lane_threads()
    with contextlib.ExitStack() as sockets:
        full = sockets.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # more than it queues: what comes next is dropped, as by a firewall
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        with pytest.raises(TimedOut, match="has not answered the connection within") as raised:
            await LibvirtBackend(f"qemu+tcp://127.0.0.1:{full.getsockname()[1]}/system").connect()
        assert "firewall" in raised.value.hint
        await _until(lambda: _lane_threads() <= before)  # it was cut although it never stood


async def test_one_more_connection_than_a_host_takes_is_said_while_it_answers_on_the_others(
    several: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_lane: Lane, _seconds: float) -> None:
        raise TimedOut("It has not answered.")

    monkeypatch.setattr(Lane, "open", never)
    with pytest.raises(TimedOut, match="answers, but takes no more connections") as raised:
        await several.detail(lambda session: session.conn.getType(), 5, change=True)
    assert not raised.value.unknown, "it was never sent"
    assert "max_clients" in raised.value.hint
    assert await several.event(lambda session: session.conn.getType(), 5) == "TEST"


async def test_giving_one_host_up_does_not_touch_another(
    silent: SilentServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "OPEN_SECONDS", 0.5)
    (tmp_path / "other").mkdir()
    other = SilentServer("tcp", tmp_path / "other")
    async with asyncio.timeout(10):
        first = asyncio.create_task(LibvirtBackend(silent.address).connect())
        await _until(lambda: bool(silent.accepted))
        monkeypatch.setattr(lanes, "OPEN_SECONDS", 5.0)
        second = asyncio.create_task(LibvirtBackend(other.address).connect())
        await _until(lambda: bool(other.accepted))
        with pytest.raises(TimedOut):
            await first
    other.accepted[0].setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while data := other.accepted[0].recv(65536):
            assert data
        pytest.fail("the connection to the other host was shut down")
    second.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await second
    other.close()


LEAVE = """
import asyncio, sys
from kvmtui.backend import backend_for

async def main():
    backend = backend_for(sys.argv[1])
    opening = asyncio.create_task(backend.connect())
    await asyncio.sleep(0.3)
    if sys.argv[2] == "close":
        await backend.close()
    print("leaving", flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", ["close", "just leave"])
def test_the_program_ends_at_once_with_a_call_that_hangs(silent: SilentServer, how: str) -> None:
    argv = [sys.executable, "-c", LEAVE, silent.address, how]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline() == "leaving\n"
        left = time.monotonic()
        assert program.wait(10) == 0
        assert time.monotonic() - left < 5.0  # a call that is waited for would take its whole deadline of 10 s or more
        assert program.stderr.read() == ""


@pytest.fixture
async def several() -> AsyncIterator[Lanes]:
    """Yield lanes to libvirt's shared test host, several as if to a real one."""
    made = Lanes(uri.parse("test:///default"), read_only=False, lingering=set(), on_lost=lambda: None)
    made.is_single = False
    await made.connect(patience=0.0)
    yield made
    made.drop()


def _sleep(seconds: float) -> Callable[[Session], None]:
    return lambda _: time.sleep(seconds)


async def test_a_late_change_is_unknown_and_a_late_read_is_not(several: Lanes) -> None:
    for change in (True, False):
        with pytest.raises(TimedOut) as raised:
            await several.detail(_sleep(0.3), 0.05, change=change)
        assert raised.value.unknown is change
    assert await several.detail(lambda session: session.conn.getType(), 5) == "TEST"
    assert await several.event(lambda session: session.conn.getType(), 5) == "TEST"


async def test_a_change_whose_lane_is_let_go_is_unknown_and_a_read_is_not(several: Lanes) -> None:
    """The event lane has broken first: what is on the other lanes may still be carried out."""
    began = threading.Event()

    def work(_: Session) -> None:
        began.set()
        time.sleep(0.3)

    calls = [asyncio.create_task(several.detail(work, 5, change=change)) for change in (True, False)]
    await _until(began.is_set)
    await asyncio.sleep(0.05)
    event = several._event
    assert event is not None
    event.give_up()
    for call, change in zip(calls, (True, False), strict=True):
        with pytest.raises(Unreachable, match="was lost") as raised:
            await call
        assert raised.value.unknown is change


async def test_a_console_that_is_closed_makes_room_for_another(several: Lanes) -> None:
    ended: list[bool] = []
    consoles = [await several.console(lambda: ended.append(True)) for _ in range(lanes.CONSOLE_LANES)]
    with pytest.raises(Busy, match=f"{lanes.CONSOLE_LANES} consoles of"):
        await several.console(lambda: None)
    consoles[0].close()
    assert ended == [True]
    for lane in (*consoles[1:], await several.console(lambda: None)):
        lane.close()


async def test_few_changes_run_beside_each_other_the_rest_is_told_busy_and_reads_come_through(several: Lanes) -> None:
    begun: list[Session] = []
    end = threading.Event()

    def work(session: Session) -> None:
        begun.append(session)
        end.wait(60)

    running = [asyncio.create_task(several.detail(work, 60, change=True)) for _ in range(lanes.CHANGE_LANES)]
    try:
        await _until(lambda: len(begun) == lanes.CHANGE_LANES)
        with pytest.raises(Busy) as raised:
            await several.detail(_sleep(0), 0.05, change=True)
        assert not raised.value.unknown
        await several.detail(_sleep(0), 30)
        assert not any(each.done() for each in running)
    finally:
        end.set()
    await asyncio.gather(*running)
    await several.detail(_sleep(0), 5, change=True)


async def test_calls_of_one_lane_never_overlap(several: Lanes) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work(_: Session) -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()

    await asyncio.gather(*(several.event(work, 5) for _ in range(8)))
    assert max(most) == 1


async def test_a_cancelled_caller_does_not_free_the_lane_before_its_call_has_ended(several: Lanes) -> None:
    ended = threading.Event()

    def work(_: Session) -> None:
        time.sleep(0.2)
        ended.set()

    call = asyncio.create_task(several.event(work, 5))
    await asyncio.sleep(0.05)
    call.cancel()
    await several.event(lambda _: None, 5)
    assert ended.is_set()


async def test_a_bug_reaches_the_one_who_awaits_and_the_lane_goes_on(several: Lanes) -> None:
    with pytest.raises(ZeroDivisionError):
        await several.event(lambda _: 1 // 0, 5)
    assert await several.event(lambda _: 1, 5) == 1


async def test_too_many_calls_that_cannot_be_ended_stop_new_ones(
    several: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "MOST_LINGERING", 2)
    release = threading.Event()
    for _ in range(2):
        with pytest.raises(TimedOut):
            await several.detail(lambda _: release.wait(10), 0.02)
    with pytest.raises(Unreachable, match="hang"):
        await several.detail(_sleep(0), 5)
    release.set()
    async with asyncio.timeout(5):
        while True:
            with contextlib.suppress(Unreachable):
                await several.detail(_sleep(0), 5)
                break
            await asyncio.sleep(0.01)


async def test_a_lane_that_reaches_another_host_does_nothing(several: Lanes) -> None:
    event = several._event
    assert event is not None
    event.host_uuid = "another"
    with pytest.raises(Exception, match="now reaches another host"):
        await several.detail(lambda session: session.conn.getType(), 5, change=True)


async def test_the_end_of_the_event_lane_is_told_once() -> None:
    backend = LibvirtBackend("test:///default")
    wakes: list[Wake] = []
    backend.listen(wakes.append)
    await backend.connect()
    assert backend._current is not None
    event = backend._current._event
    assert event is not None
    event.give_up()
    event.give_up()
    await asyncio.sleep(0)
    assert [wake.kind for wake in wakes] == [WakeKind.CLOSED]
    with pytest.raises(Unreachable):
        await backend.ping()
    await backend.connect()
    await backend.ping()
    await backend.close()


async def test_leaving_lets_the_call_in_flight_of_the_lane_with_the_callbacks_end() -> None:
    """A daemon of libvirt 9.0 may crash over a client that is cut there."""
    backend = LibvirtBackend("test:///default")
    await backend.connect()
    assert backend._current is not None
    begun, go_on = threading.Event(), threading.Event()

    def work(session: Session) -> str:
        begun.set()
        go_on.wait(30)
        return session.conn.getType()

    call = asyncio.create_task(backend._current.event(work, 30))
    await asyncio.to_thread(begun.wait, 30)
    leaving = asyncio.create_task(backend.close())
    await asyncio.sleep(0)
    go_on.set()
    assert await call == "TEST"
    await leaving


async def test_an_end_that_takes_long_is_cut_between_two_calls(several: Lanes) -> None:
    event = several._event
    assert event is not None
    cut_before: list[int] = []
    taken_back: list[int] = []

    def take_back() -> None:
        while time.monotonic() < event._ends_by:
            time.sleep(0.01)
        taken_back.append(len(taken_back))

    def cut() -> bool:
        cut_before.append(len(taken_back))
        return True

    event._line.cut = cut  # type: ignore[method-assign]
    await several.event(lambda session: session.at_end.extend([take_back] * 3), 30)
    event.finish(1.0)
    await asyncio.wait_for(event.gone.wait(), 30)
    assert cut_before
    assert cut_before[0] <= 1
    assert taken_back == [0, 1, 2]


async def test_who_reads_once_asks_for_no_events() -> None:
    for hears in (True, False):
        backend = LibvirtBackend("test:///default", hears=hears)
        await backend.connect()
        assert backend._current is not None
        assert await backend._current.event(lambda session: bool(session.at_end), 30) is hears
        await backend.inventory()
        await backend.close()


async def test_an_error_that_is_raised_holds_none_of_libvirts_objects() -> None:
    backend = LibvirtBackend("test:///default")
    await backend.connect()
    with pytest.raises(NotFound) as raised:
        await backend.vm("00000000-0000-4000-8000-000000000000")
    held = raised.value.__traceback__
    while held is not None:
        assert "session" not in held.tb_frame.f_locals
        held = held.tb_next
    assert raised.value.__context__ is None
    await backend.close()


def test_a_wake_of_a_loop_that_has_ended_is_nothing() -> None:
    heard: list[Wake] = []
    loop = asyncio.new_event_loop()
    bell = Bell(loop, heard.append)
    loop.close()
    bell.ring(Wake(WakeKind.INVENTORY))
    assert heard == []


async def test_a_local_daemon_that_is_not_there_says_so(tmp_path: Path) -> None:
    backend = LibvirtBackend(f"qemu+unix:///system?socket={tmp_path}/none")
    with pytest.raises(Unreachable, match="libvirt is not running on this machine"):
        await backend.connect()
    await backend.close()


def test_nothing_is_written_to_the_terminal() -> None:
    code = (
        "import asyncio\n"
        "from kvmtui.backend import backend_for\n"
        "async def main():\n"
        "    backend = backend_for('test:///default')\n"
        "    await backend.connect()\n"
        "    try:\n"
        "        await backend.power.start('00000000-0000-4000-8000-000000000000')\n"
        "    except Exception as error: assert 'not found' in str(error)\n"
        "    await backend.sample(__import__('kvmtui.backend.base').backend.base.Want())\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
