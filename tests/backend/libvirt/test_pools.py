"""A pool that does not answer costs nobody but itself, and is not asked again and again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from kvmtui.backend.libvirt import pools as module
from kvmtui.backend.libvirt.pools import PoolReader
from kvmtui.backend.libvirt.resources import read_pools
from kvmtui.core.errors import TimedOut, Unreachable
from kvmtui.core.inventory import Pool

if TYPE_CHECKING:
    from kvmtui.backend.libvirt.lanes import Lanes

GOOD = Pool("1", "default", active=True, capacity=10, allocation=1, available=9, path="/a")
HUNG = Pool("2", "slow", active=True, capacity=10, allocation=5, available=5, path="/b")


class Host:
    """Lists its pools while none of them hangs; says how often it was asked."""

    def __init__(self) -> None:
        self.awake = asyncio.Event()
        self.awake.set()
        self.listings = 0
        self.asked: list[str] = []
        self.is_lost = False

    async def detail(self, work: object, seconds: float) -> object:
        assert seconds
        if work is not read_pools:
            return await self._one(cast("str", work))
        self.listings += 1
        await self.awake.wait()
        if self.is_lost:
            raise Unreachable("gone")
        return (GOOD, HUNG)

    async def _one(self, uuid: str) -> Pool:
        self.asked.append(uuid)
        if uuid == HUNG.uuid:
            raise TimedOut("no answer")
        return GOOD


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    return Host()


def reader(host: Host, came: list[bool]) -> PoolReader:
    made = PoolReader(lambda: cast("Lanes", host), lambda: came.append(True))

    async def ask(_lanes: Lanes, pool: Pool) -> Pool:
        return await PoolReader._ask(made, cast("Lanes", _ByUuid(host, pool.uuid)), pool)

    made._ask = ask  # type: ignore[method-assign,assignment]
    return made


class _ByUuid:
    """Lanes on which the work is known by the pool that it asks."""

    def __init__(self, host: Host, uuid: str) -> None:
        self._host = host
        self._uuid = uuid

    async def detail(self, _work: object, seconds: float) -> object:
        return await self._host.detail(self._uuid, seconds)


async def test_pools_that_answer_are_read_each_time(host: Host) -> None:
    came: list[bool] = []
    one = reader(host, came)
    assert await one.read() == ((GOOD, HUNG), False)
    assert await one.read() == ((GOOD, HUNG), False)
    assert (host.listings, came) == (2, [])


async def test_a_listing_that_hangs_is_sent_once_and_only_the_hung_pool_is_old(host: Host) -> None:
    came: list[bool] = []
    one = reader(host, came)
    await one.read()
    host.awake.clear()
    for _ in range(3):
        (good, hung), late = await one.read()
        assert (late, good.late, hung.late) == (True, False, True)
        assert hung.allocation == 5
    assert host.listings == 2
    assert host.asked == ["1", "2", "1", "1"], "the one that hangs is asked once"
    assert came == []
    host.awake.set()
    await asyncio.sleep(0.01)
    assert came == [True]
    assert await one.read() == ((GOOD, HUNG), False)
    assert host.listings == 2, "what came late is taken"


async def test_nothing_is_known_of_storage_that_hung_from_the_start(host: Host) -> None:
    host.awake.clear()
    one = reader(host, [])
    assert await one.read() == ((), True)
    host.awake.set()
    await asyncio.sleep(0.01)
    assert await one.read() == ((GOOD, HUNG), False)


async def test_a_connection_that_is_lost_under_a_listing_is_told(host: Host) -> None:
    came: list[bool] = []
    one = reader(host, came)
    host.awake.clear()
    await one.read()
    host.is_lost = True
    host.awake.set()
    await asyncio.sleep(0.01)
    assert came == []
    with pytest.raises(Unreachable):
        await one.read()
