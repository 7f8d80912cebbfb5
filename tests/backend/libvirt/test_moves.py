"""How a move is asked for, and what is made of each way in which it can end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import libvirt
import pytest

from kvmtui.backend.libvirt import api, uri
from kvmtui.backend.libvirt.lane import Session
from kvmtui.backend.libvirt.migration import LibvirtMigration
from kvmtui.core.errors import Aborted, BackendError, Conflict, Unreachable
from kvmtui.core.migration import MovePlan, StorageWay
from tests.backend.libvirt.fakes import NotThere

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lane import Work
    from kvmtui.backend.libvirt.lanes import Lanes

UUID = "57f4dbef-cb13-4e95-9825-c91743b5d73e"
TO = "qemu+tcp://hv2/system"
LIVE = MovePlan(TO, live=True, storage=StorageWay.NONE)
RPC, QEMU = 7, 10


class Fault(libvirt.libvirtError):  # type: ignore[misc]
    """An error of libvirt with a code and a domain."""

    def __init__(self, code: int, domain: int, message: str) -> None:
        super().__init__(message)
        self.said = (code, domain, message)

    def get_error_code(self) -> int:
        return self.said[0]

    def get_error_domain(self) -> int:
        return self.said[1]

    def get_error_message(self) -> str:
        return self.said[2]


@dataclass
class FakeHost:
    """A connection with one VM, which ends a move as it is told."""

    fault: Fault | None = None
    then: dict[str, bool] = field(default_factory=dict)  # what is so when it has ended
    is_on: bool = True
    is_there: bool = True
    is_connected: bool = True
    has_job: bool = False
    aborted: int = 0
    asked: list[tuple[str, dict[str, Any], int]] = field(default_factory=list)

    def getLibVersion(self) -> int:  # noqa: N802
        if not self.is_connected:
            raise Fault(38, RPC, "End of file while reading data")
        return 9_000_000

    def lookupByUUIDString(self, uuidstr: str) -> FakeHost:  # noqa: N802
        if not self.is_there:
            raise NotThere("no such VM")
        return self

    def isActive(self) -> int:  # noqa: N802
        return int(self.is_on)

    def maxMemory(self) -> int:  # noqa: N802
        return 1024

    def jobStats(self, flags: int = 0) -> dict[str, int]:  # noqa: N802
        return {"type": 2, "operation": 5} if self.has_job else {"type": 0}

    def abortJob(self) -> int:  # noqa: N802
        self.aborted += 1
        return 0

    def migrateToURI3(self, dconnuri: str, params: dict[str, Any], flags: int = 0) -> int:  # noqa: N802
        self.asked.append((dconnuri, params, flags))
        for name, value in self.then.items():
            setattr(self, name, value)
        if self.fault is not None:
            raise self.fault
        return 0


class FakeLanes:
    """Lanes that run their work at once; a long one may have to wait."""

    is_single = False

    def __init__(self, host: FakeHost) -> None:
        self.session = Session(cast("api.Connection", host), "host")
        self.free = asyncio.Event()
        self.free.set()

    async def detail(self, work: Work[Any], seconds: float, *, change: bool = False) -> Any:
        return work(self.session)

    async def alone(
        self, work: Work[Any], *, change: bool = True, on_lane: Callable[[object], None] | None = None
    ) -> Any:
        await self.free.wait()
        if on_lane is not None:
            on_lane(self)
        return work(self.session)


def facet(host: FakeHost) -> tuple[LibvirtMigration, FakeLanes, list[str]]:
    lanes, changed = FakeLanes(host), list[str]()
    made = LibvirtMigration(lambda: cast("Lanes", lanes), uri.parse("qemu+tcp://hv1/system"), changed.append)
    return made, lanes, changed


@pytest.mark.parametrize(
    ("plan", "parameters", "flags"),
    [
        (LIVE, {}, api.MIGRATE_LIVE | api.MIGRATE_PERSIST_DEST | api.MIGRATE_UNDEFINE_SOURCE),
        (MovePlan(TO, live=True, storage=StorageWay.NONE, persistent=False), {}, api.MIGRATE_LIVE),
        (
            MovePlan(TO, live=True, storage=StorageWay.COPY, copied=("vda", "vdb"), unsafe=True, bandwidth=100),
            {"migrate_disks": ["vda", "vdb"], "bandwidth": 100},
            api.MIGRATE_LIVE
            | api.MIGRATE_PERSIST_DEST
            | api.MIGRATE_UNDEFINE_SOURCE
            | api.MIGRATE_NON_SHARED_DISK
            | api.MIGRATE_UNSAFE,
        ),
        (
            MovePlan(TO, live=False, storage=StorageWay.SHARED, unsafe=True, migrate_uri="tcp://10.0.0.2"),
            {"migrate_uri": "tcp://10.0.0.2"},
            api.MIGRATE_OFFLINE | api.MIGRATE_PERSIST_DEST | api.MIGRATE_UNDEFINE_SOURCE,
        ),
    ],
)
async def test_a_plan_becomes_one_call(plan: MovePlan, parameters: dict[str, Any], flags: int) -> None:
    host = FakeHost()
    made, _, changed = facet(host)
    await made.move(UUID, plan, lambda _: None)
    careful = api.MIGRATE_ABORT_ON_ERROR | api.MIGRATE_AUTO_CONVERGE if plan.live else 0
    assert host.asked == [(TO, parameters, flags | careful | api.MIGRATE_PEER2PEER)]
    assert changed == [UUID]


@pytest.mark.parametrize(
    ("fault", "state", "kind", "unknown", "says"),
    [
        (Fault(78, QEMU, "operation aborted: migration out job: canceled"), {}, Aborted, False, "was cancelled"),
        (Fault(78, QEMU, "operation aborted"), {"is_on": False}, Aborted, True, "was cancelled"),
        (Fault(81, QEMU, "Unsafe migration: without shared storage"), {}, Conflict, False, "unsafe: without shared"),
        (Fault(38, RPC, "unable to connect to server"), {}, BackendError, False, "from hv1 to qemu+tcp://hv2/system"),
        (Fault(38, RPC, "End of file"), {"is_connected": False}, Unreachable, True, "The connection to hv1 was lost"),
        (Fault(1, QEMU, "internal error: it broke"), {"is_there": False}, BackendError, True, "It broke"),
        (Fault(55, QEMU, "Network 'default' is not active."), {}, Conflict, False, "not active"),
    ],
)
async def test_each_end_says_what_is_known_of_the_vm(
    fault: Fault, state: dict[str, bool], kind: type[BackendError], unknown: bool, says: str
) -> None:
    host = FakeHost(fault, then=state)
    made, _, changed = facet(host)
    with pytest.raises(BackendError) as caught:
        await made.move(UUID, LIVE, lambda _: None)
    assert type(caught.value) is kind
    assert caught.value.unknown is unknown
    assert says.lower() in caught.value.text.lower()
    assert changed == [UUID]


@pytest.mark.parametrize(
    "address",
    [
        "qemu+ssh://hv2/system?command=/tmp/x",
        "qemu+ssh://hv2/system?socket=/x';id;'",
        "qemu+ext://hv2/system?command=x",
        "xen://hv2/",
        "qemu+ssh://-oProxyCommand=x/system",
    ],
)
async def test_an_address_that_would_run_something_is_never_sent(address: str) -> None:
    host = FakeHost()
    made, _, _ = facet(host)
    with pytest.raises(BackendError):
        await made.move(UUID, MovePlan(address, live=True, storage=StorageWay.NONE), lambda _: None)
    assert host.asked == []


async def test_a_move_that_still_waits_for_its_turn_is_cancelled_at_once() -> None:
    host = FakeHost()
    made, lanes, _ = facet(host)
    lanes.free.clear()
    task = asyncio.create_task(made.move(UUID, LIVE, lambda _: None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await made.abort(UUID)
    with pytest.raises(Aborted) as caught:
        await task
    assert not caught.value.unknown
    assert host.asked == []
    assert host.aborted == 0


async def test_only_a_move_is_cancelled() -> None:
    host = FakeHost()
    made, _, _ = facet(host)
    with pytest.raises(Conflict):
        await made.abort(UUID)
    host.has_job = True
    await made.abort(UUID)
    assert host.aborted == 1


async def test_a_caller_that_goes_away_leaves_the_move_to_its_host() -> None:
    host = FakeHost(has_job=True)
    made, lanes, _ = facet(host)
    lanes.free.clear()
    task = asyncio.create_task(made.move(UUID, LIVE, lambda _: None))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert host.aborted == 0
