"""What a console over libvirt does without a host: the bounded inbox, what is typed, and what definitions say."""

from __future__ import annotations

import asyncio
import gc
import math
import threading
import weakref
from typing import TYPE_CHECKING, Any, cast

import pytest

from kvmtui.backend import backend_for
from kvmtui.backend.libvirt.console import LibvirtLine, _open
from kvmtui.backend.libvirt.inbox import MOST_KEPT, PIECE, Inbox
from kvmtui.backend.libvirt.lane import Session
from kvmtui.backend.libvirt.xml.devices import SerialLine, displays, serial_line
from kvmtui.core.errors import Busy, NotSupported, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lane import Lane

BROKEN = "The connection to hv1 was lost."


def an_inbox() -> Inbox:
    return Inbox(asyncio.get_running_loop(), BROKEN)


class FakeStream:
    """A stream that takes so many bytes at once, and then none until it is asked about."""

    def __init__(self, takes: int) -> None:
        self.takes = takes
        self.got = b""
        self.events: list[int] = []

    def send(self, data: bytes) -> int:
        if not self.takes:
            return -2
        self.got += data[: self.takes]
        return min(self.takes, len(data))

    def eventUpdateCallback(self, events: int) -> None:  # noqa: N802 - libvirt's name
        self.events.append(events)


class FakeLane:
    """Runs its work on the loop; notes how it was ended."""

    def __init__(self, stream: FakeStream) -> None:
        self.session = Session(cast("Any", None), "")
        self.session.stream = cast("Any", stream)
        self.ended: list[str] = []

    async def call(self, work: Callable[[Session], object], seconds: float | None, *, change: bool = False) -> object:
        del seconds, change
        await asyncio.sleep(0)
        return work(self.session)

    def close_after_call(self) -> None:
        self.ended.append("after call")

    def give_up(self) -> None:
        self.ended.append("given up")


def a_line(takes: int) -> tuple[LibvirtLine, FakeStream, FakeLane, Inbox]:
    stream, inbox = FakeStream(takes), an_inbox()
    lane = FakeLane(stream)
    return LibvirtLine(cast("Lane", lane), inbox), stream, lane, inbox


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


# --- what comes ---


async def test_what_another_thread_puts_in_comes_out_whole_and_in_order() -> None:
    line, _, _, inbox = a_line(1)
    sent = [b"%06d\n" % number for number in range(20_000)]

    def put() -> None:
        for piece in sent:
            inbox.put(piece)
        inbox.end()

    thread = threading.Thread(target=put)
    thread.start()
    got = b""
    async with asyncio.timeout(10):
        while data := await line.read():
            assert len(data) <= PIECE
            got += data
    thread.join()
    assert got == b"".join(sent)
    assert line.skipped == 0


async def test_what_nobody_reads_is_bounded_and_the_newest_stays_from_the_start_of_a_line() -> None:
    line, _, _, inbox = a_line(1)
    piece = b"\x1b[31mred\x1b[0m line\n" * 1000
    for _ in range(200):
        inbox.put(piece)
    inbox.put(b"the end\n")
    inbox.end()
    got = b""
    while data := await line.read():
        got += data
    assert len(got) <= MOST_KEPT + 1
    assert got.endswith(b"the end\n")
    assert got[0] == 0x18  # a sequence that was cut off ends here
    assert got[1:].startswith(b"\x1b[31mred")
    assert line.skipped > 3 << 20


async def test_output_before_the_end_is_still_read() -> None:
    line, _, _, inbox = a_line(1)
    inbox.put(b"last words")
    inbox.end()
    assert await line.read() == b"last words"
    assert await line.read() == b""
    assert await line.read() == b""


async def test_a_broken_connection_is_told_after_what_had_come() -> None:
    line, _, _, inbox = a_line(1)
    reading = asyncio.create_task(line.read())
    await turns()
    inbox.put(b"before")
    assert await reading == b"before"
    inbox.lose()
    with pytest.raises(Unreachable, match="hv1"):
        await line.read()


async def test_closing_wakes_who_reads_and_ends_the_lane() -> None:
    line, _, lane, inbox = a_line(1)
    reading = asyncio.create_task(line.read())
    await turns()
    line.close()
    line.close()
    assert await reading == b""
    assert lane.ended == ["after call"]
    inbox.put(b"too late")
    assert await line.read() == b""


async def test_an_inbox_of_a_loop_that_has_ended_takes_everything_in_silence() -> None:
    def make() -> Inbox:
        loop = asyncio.new_event_loop()
        inbox = Inbox(loop, BROKEN)
        loop.close()
        return inbox

    inbox = await asyncio.to_thread(make)
    inbox.put(b"x")
    inbox.make_room()
    inbox.lose()


# --- what is typed ---


async def test_what_is_typed_goes_out_in_order_also_when_the_stream_takes_a_little_at_a_time() -> None:
    line, stream, _, inbox = a_line(3)
    line.write(b"hello ")
    line.write(b"world")
    for _ in range(10):
        await turns()
        inbox.make_room()
    assert stream.got == b"hello world"
    assert any(events & 2 for events in stream.events), "it asks to be told when there is room"


async def test_a_stream_that_takes_nothing_is_waited_for_and_not_asked_again_and_again() -> None:
    line, stream, _, inbox = a_line(0)
    line.write(b"x")
    await turns(50)
    assert len(stream.events) == 1
    stream.takes = 10
    inbox.make_room()
    await turns()
    assert stream.got == b"x"


async def test_too_much_typing_is_refused() -> None:
    line, _, _, _ = a_line(0)
    line.write(b"x" * 60_000)
    with pytest.raises(Busy):
        line.write(b"x" * 6_000)


# --- how it begins and ends ---


class FakeConsole:
    """A connection with one VM, its console's stream in one: it notes in which order it is let go."""

    def __init__(self, steps: list[str] | None = None) -> None:
        self.steps = [] if steps is None else steps

    def lookupByUUIDString(self, _uuid: str) -> FakeConsole:  # noqa: N802 - libvirt's name, as all below
        return self

    def name(self) -> str:
        return "web-1"

    def isActive(self) -> int:  # noqa: N802
        return 1

    def XMLDesc(self, _flags: int = 0) -> str:  # noqa: N802
        return domain("<serial type='pty'><alias name='serial0'/></serial>")

    def newStream(self, _flags: int) -> FakeConsole:  # noqa: N802
        return FakeConsole(self.steps)

    def openConsole(self, device: str | None, _stream: FakeConsole, flags: int) -> None:  # noqa: N802
        self.steps.append(f"open {device} {flags}")

    def registerCloseCallback(self, _callback: object, _inbox: Inbox) -> None:  # noqa: N802
        self.steps.append("hear")

    def unregisterCloseCallback(self) -> None:  # noqa: N802
        self.steps.append("unhear")

    def eventAddCallback(self, _events: int, _callback: object, _inbox: Inbox) -> None:  # noqa: N802
        self.steps.append("listen")

    def eventRemoveCallback(self) -> None:  # noqa: N802
        self.steps.append("unlisten")

    def abort(self) -> None:
        self.steps.append("abort")

    def close(self) -> None:
        self.steps.append("close")

    def __del__(self) -> None:
        self.steps.append("free")


@pytest.mark.parametrize(("force", "flags"), [(False, 2), (True, 3)])
async def test_it_is_let_go_in_order_and_by_the_thread_that_held_it(*, force: bool, flags: int) -> None:
    """What only the search for garbage frees may be freed on the loop's thread, where closing would wait."""
    conn = FakeConsole()
    session = Session(cast("Any", conn), "")
    _open(session, "uuid", an_inbox(), force=force)
    session.end(math.inf, lambda: None)
    assert conn.steps == [f"open serial0 {flags}", "hear", "listen", "unhear", "unlisten", "abort", "free", "close"]
    held, connection = weakref.ref(session), weakref.ref(conn)
    gc.disable()
    try:
        del session, conn
        assert held() is None
        assert connection() is None
    finally:
        gc.enable()


# --- what definitions say ---


def domain(devices: str) -> str:
    return f"<domain type='kvm'><devices>{devices}</devices></domain>"


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ("", None),
        ("<serial type='pty'><alias name='serial0'/></serial>", SerialLine("serial0")),
        (
            "<serial type='pty'><alias name='serial0'/></serial><console type='pty'><alias name='console0'/></console>",
            SerialLine("console0"),
        ),
        ("<serial type='tcp'/><console type='tcp'/>", None),
        (
            "<console type='tcp'/><serial type='pty'><alias name='serial1'/></serial>",
            SerialLine("serial1"),
        ),
        ("<console type='pty'/>", SerialLine("")),
    ],
)
def test_the_first_line_on_a_pseudo_terminal_is_found(devices: str, expected: SerialLine | None) -> None:
    assert serial_line(domain(devices)) == expected


def test_a_definition_that_cannot_be_read_has_no_line_and_no_screen() -> None:
    assert serial_line("<domain><devices>") is None
    assert displays("<domain><devices>") == ()


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (
            (
                "<graphics type='vnc' port='5900' autoport='yes' listen='127.0.0.1'>"
                "<listen type='address' address='127.0.0.1'/></graphics>"
            ),
            ("vnc", "127.0.0.1", 5900, None, "", ""),
        ),
        (
            (
                "<graphics type='spice' port='5901' tlsPort='5902' listen='0.0.0.0' passwd='hush'>"
                "<listen type='network' network='x' address='0.0.0.0'/></graphics>"
            ),
            ("spice", "0.0.0.0", 5901, 5902, "", "hush"),  # noqa: S104 - read from a definition
        ),
        (
            "<graphics type='vnc' port='-1' autoport='yes'><listen type='address' address='::1'/></graphics>",
            ("vnc", "::1", None, None, "", ""),
        ),
        (
            "<graphics type='vnc' socket='/run/a.sock'><listen type='socket' socket='/run/a.sock'/></graphics>",
            ("vnc", "", None, None, "/run/a.sock", ""),
        ),
        ("<graphics type='spice'><listen type='none'/></graphics>", ("spice", "", None, None, "", "")),
        ("<graphics type='vnc' port='5903' listen='10.0.0.5'/>", ("vnc", "10.0.0.5", 5903, None, "", "")),
        ("<graphics type='vnc' port='many'/>", ("vnc", "", None, None, "", "")),
    ],
)
def test_a_display_is_read(element: str, expected: tuple[object, ...]) -> None:
    assert displays(domain(element)) == (expected,)


def test_displays_that_nobody_reaches_from_elsewhere_are_left_out() -> None:
    others = "<graphics type='sdl'/><graphics type='egl-headless'/><graphics type='dbus'/>"
    assert displays(domain(others)) == ()


async def test_the_test_driver_has_no_consoles() -> None:
    backend = backend_for("test:///default")
    await backend.connect()
    try:
        with pytest.raises(NotSupported):
            await backend.console.open("6695eb01-f6a4-8304-79aa-97f2502e193f")
    finally:
        await backend.close()
