"""An upload leaves a whole volume or none, whatever the host says; against a scripted pool."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import libvirt
import pytest

from kvmtui.backend.libvirt import api, errors, upload
from kvmtui.backend.libvirt.lane import Session
from kvmtui.backend.libvirt.upload import Sending, run
from kvmtui.core.errors import Aborted, BackendError, Conflict, Unreachable
from tests.backend.creation_contract import MIB, Payload, qcow2

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lanes import Lanes
    from kvmtui.core.inventory import Volume

NAME = "sent.img"
MISSING, IN_USE, FULL, LOST = 50, 1, 38, 39


class Fault(libvirt.libvirtError):  # type: ignore[misc]
    """An error of libvirt; LOST is the transport's."""

    def __init__(self, code: int, message: str = "the host's words") -> None:
        super().__init__(message)
        self._code = code
        self._message = message

    def get_error_code(self) -> int:
        return errors.SYSTEM_ERROR if self._code == LOST else self._code

    def get_error_domain(self) -> int:
        return errors.FROM_RPC if self._code == LOST else 18

    def get_error_message(self) -> str:
        return self._message


@dataclass
class ScriptedHost:
    """A pool with at most one volume, and what goes wrong with it."""

    has_volume: bool = False
    data: bytearray = field(default_factory=bytearray)
    holes: int = 0
    format: str = "raw"
    version: int = 9_000_000
    refreshes: int = 0
    turns_after: int = 0  # how often it must be read until it is seen as qcow2
    fail_after: int | None = None  # bytes
    fail_with: int = FULL
    fail_at_finish: bool = False
    in_use: int = 0  # how often deleting it is refused
    aborted: int = 0
    lost: bool = False
    short: bool = False  # it takes half of what it is offered

    # --- the connection

    def getLibVersion(self) -> int:  # noqa: N802
        return self.version

    def newStream(self, flags: int = 0) -> ScriptedHost:  # noqa: N802
        return self

    def storagePoolLookupByName(self, name: str) -> ScriptedHost:  # noqa: N802
        return self

    # --- the pool

    def name(self) -> str:
        return "default"

    def isActive(self) -> int:  # noqa: N802
        return 1

    def createXML(self, text: str, flags: int = 0) -> ScriptedVolume:  # noqa: N802
        assert not self.has_volume
        self.has_volume = True
        return ScriptedVolume(self)

    def storageVolLookupByName(self, name: str) -> ScriptedVolume:  # noqa: N802
        if not self.has_volume:
            raise Fault(MISSING)
        return ScriptedVolume(self)

    def refresh(self, flags: int = 0) -> None:
        self.refreshes += 1

    def XMLDesc(self, flags: int = 0) -> str:  # noqa: N802
        return "<pool type='dir'><target><path>/srv</path></target></pool>"

    # --- the stream

    def send(self, data: bytes) -> int:
        if self.fail_after is not None and len(self.data) >= self.fail_after:
            self.lost = self.fail_with == LOST
            raise Fault(self.fail_with)
        taken = data[: max(1, len(data) // 2)] if self.short else data
        self.data += taken
        return len(taken)

    def sendHole(self, length: int, flags: int = 0) -> int:  # noqa: N802
        self.data += bytes(length)
        self.holes += 1
        return 0

    def finish(self) -> None:
        if self.fail_at_finish:
            raise Fault(FULL)

    def abort(self) -> None:
        self.aborted += 1


@dataclass
class ScriptedVolume:
    """The one volume."""

    host: ScriptedHost

    def name(self) -> str:
        return NAME

    def path(self) -> str:
        return f"/srv/{NAME}"

    def upload(self, stream: ScriptedHost, offset: int, length: int, flags: int = 0) -> int:
        assert bool(flags & api.UPLOAD_SPARSE_STREAM) == (self.host.version >= 8_000_000)
        return 0

    def XMLDesc(self, flags: int = 0) -> str:  # noqa: N802
        self.host.turns_after -= 1
        form = self.host.format if self.host.turns_after < 0 else "raw"
        return (
            f"<volume type='file'><capacity>{len(self.host.data)}</capacity>"
            f"<target><path>/srv/{NAME}</path><format type='{form}'/></target></volume>"
        )

    def delete(self, flags: int = 0) -> None:
        if self.host.in_use:
            self.host.in_use -= 1
            raise Fault(IN_USE, "volume is still in use")
        self.host.has_volume = False


class ScriptedLanes:
    """Lanes that run their work on threads, and translate as a lane does."""

    def __init__(self, host: ScriptedHost) -> None:
        self.host = host
        self.cleaned = 0
        self.cuts: list[BackendError | None] = []
        self.cut = asyncio.Event()

    def lanes(self) -> Lanes:
        return cast("Lanes", self)

    def give_up(self, error: BackendError | None = None) -> None:
        self.cuts.append(error)
        self.cut.set()

    async def alone(self, work: Callable[[Session], Any], *, on_lane: Callable[[Any], None]) -> Any:
        on_lane(self)
        working = asyncio.ensure_future(asyncio.to_thread(self._run, work))
        cut = asyncio.ensure_future(self.cut.wait())
        await asyncio.wait((working, cut), return_when=asyncio.FIRST_COMPLETED)
        cut.cancel()
        if working.done():
            return working.result()
        assert self.cuts[-1] is not None
        raise self.cuts[-1]

    async def detail(self, work: Callable[[Session], Any], seconds: float, *, change: bool = False) -> Any:
        self.cleaned += 1
        return await asyncio.to_thread(self._run, work)

    def _run(self, work: Callable[[Session], Any]) -> Any:
        try:
            return work(Session(cast("api.Connection", self.host), "host"))
        except Fault as error:
            raise errors.translate(api.fault(error), "hv1", change=True) from None


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (
        ("LOOK_SECONDS", 0.01),
        ("STOP_SECONDS", 0.05),
        ("RECONNECT_SECONDS", 0.05),
        ("RETRY_SECONDS", 0.01),
        ("OWN_REFRESH_SECONDS", 0.1),
        ("REFRESH_SECONDS", 0.3),
    ):
        monkeypatch.setattr(upload, name, seconds)
    monkeypatch.setattr("kvmtui.backend.libvirt.volumes.DELETE_PATIENCE", 0.3)


async def _send(
    host: ScriptedHost, payload: Payload, kind: str = "raw", lanes: ScriptedLanes | None = None
) -> tuple[Volume, list[int]]:
    told: list[int] = []
    sending = Sending("default", NAME, kind, payload)
    made = await run((lanes or ScriptedLanes(host)).lanes, sending, told.append)
    return made, told


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("version", [7_000_000, 9_000_000])
async def test_every_byte_arrives_and_zeros_are_told_in_a_word(version: int, short: bool) -> None:
    data = b"begin" + bytes(3 * MIB) + b"end" * 1000
    host = ScriptedHost(version=version, short=short)
    made, told = await _send(host, Payload(data))
    assert bytes(host.data) == data
    assert (host.holes > 0) == (version == 9_000_000)
    assert (made.name, made.path, made.format, made.capacity) == (NAME, f"/srv/{NAME}", "raw", len(data))
    assert told[-1] == len(data)
    assert host.refreshes == 0


async def test_a_qcow2_is_waited_for_until_the_host_sees_it() -> None:
    host = ScriptedHost(format="qcow2", turns_after=4)
    made, _ = await _send(host, Payload(qcow2(64 * MIB)), "qcow2")
    assert (made.format, made.capacity) == ("qcow2", 64 * MIB)


async def test_a_host_that_does_not_look_is_asked_to_and_then_believed_to_hold_what_was_sent() -> None:
    host = ScriptedHost(format="raw")
    made, _ = await _send(host, Payload(qcow2(64 * MIB)), "qcow2")
    assert host.refreshes > 0
    assert (made.format, made.capacity) == ("qcow2", 64 * MIB)


@pytest.mark.parametrize("at_finish", [False, True])
async def test_a_full_disk_gives_the_hosts_words_and_leaves_nothing(at_finish: bool) -> None:
    host = ScriptedHost(fail_after=None if at_finish else 2 * MIB, fail_at_finish=at_finish, in_use=2)
    lanes = ScriptedLanes(host)
    with pytest.raises(BackendError, match="The host's words") as raised:
        await _send(host, Payload(b"r" * 4 * MIB), lanes=lanes)
    assert not host.has_volume
    assert host.aborted == 1
    assert not raised.value.unknown
    assert lanes.cleaned == 0  # on its own lane


async def test_what_cannot_be_deleted_is_named() -> None:
    host = ScriptedHost(fail_at_finish=True, in_use=1000)
    with pytest.raises(BackendError, match=r"default/sent\.img may be left: Volume is still in use") as raised:
        await _send(host, Payload(b"r" * MIB))
    assert raised.value.unknown
    assert raised.value.hint == "Delete that volume before the next try."


async def test_a_lost_connection_cleans_up_over_another_lane() -> None:
    host = ScriptedHost(fail_after=MIB, fail_with=LOST)
    lanes = ScriptedLanes(host)
    with pytest.raises(Unreachable) as raised:
        await _send(host, Payload(b"r" * 4 * MIB), lanes=lanes)
    assert (lanes.cleaned, host.has_volume, raised.value.unknown) == (1, False, False)


async def test_a_name_that_was_taken_meanwhile_is_not_deleted() -> None:
    host = ScriptedHost(has_volume=True)
    with pytest.raises(Conflict, match=r"sent\.img already"):
        await _send(host, Payload(b"r" * MIB))
    assert host.has_volume


async def test_a_file_of_another_kind_is_not_sent() -> None:
    host = ScriptedHost()
    with pytest.raises(BackendError, match="The file is raw, not qcow2"):
        await _send(host, Payload(b"r" * MIB), "qcow2")
    assert not host.has_volume


async def test_a_lane_that_does_not_hear_is_cut_and_the_volume_deleted_over_another() -> None:
    """The source itself blocks, as a dead disk does: the caller is free all the same."""
    host = ScriptedHost()
    lanes = ScriptedLanes(host)
    release, blocked = threading.Event(), threading.Event()

    def at(sent: int) -> None:
        if sent >= MIB:
            blocked.set()
            release.wait(20)

    payload = Payload(b"r" * 4 * MIB, at=at)
    running = asyncio.ensure_future(_send(host, payload, lanes=lanes))
    await asyncio.to_thread(blocked.wait, 10)
    payload.stop = True
    with pytest.raises(Aborted, match="nothing of it is left"):
        await running
    assert len(lanes.cuts) >= 1
    assert (lanes.cleaned, host.has_volume) == (1, False)
    release.set()


async def test_an_upload_that_is_stopped_before_its_turn_sends_nothing() -> None:
    host = ScriptedHost()
    payload = Payload(b"r" * MIB)
    payload.stop = True
    with pytest.raises(Aborted):
        await _send(host, payload)
    assert (host.has_volume, payload.read_so_far) == (False, 0)


async def test_a_progress_that_fails_ends_the_upload() -> None:
    """A bug of whoever is told must not leave a thread that goes on sending."""
    host = ScriptedHost()
    sending = Sending("default", NAME, "raw", Payload(b"r" * 64 * MIB))

    def fail(_sent: int) -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await run(ScriptedLanes(host).lanes, sending, fail)
    assert sending.is_given_up
