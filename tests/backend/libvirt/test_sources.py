"""Where disks lie on a host: found pool by pool, and a pool that hangs costs only what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import libvirt
import pytest

from kvmtui.backend.libvirt import errors
from kvmtui.backend.libvirt.sources import SourceFinder
from kvmtui.core.errors import TimedOut
from tests.backend.libvirt.fakes import FakeLanes, Hang

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.backend.libvirt.lanes import Lanes


class NoVolume(libvirt.libvirtError):  # type: ignore[misc]
    """What libvirt raises for a volume that a pool does not know."""

    def get_error_code(self) -> int:
        return errors.NO_STORAGE_VOLUME

    def get_error_domain(self) -> int:
        return 18

    def get_error_message(self) -> str:
        return "Storage volume not found"


@dataclass
class FakeVolume:
    """A volume of a fake pool."""

    pool: FakePool
    named: str

    def XMLDesc(self, flags: int = 0) -> str:  # noqa: N802
        if self.named in self.pool.unreadable:
            raise NoVolume("cannot open volume")
        return (
            f"<volume><name>{self.named}</name><capacity unit='bytes'>1000</capacity><target>"
            f"<path>{self.pool.path}/{self.named}</path><timestamps><ctime>5.000000001</ctime></timestamps>"
            "</target></volume>"
        )

    def delete(self, flags: int = 0) -> int:
        self.pool.there.remove(self.named)
        return 0


@dataclass
class FakePool:
    """A pool that knows of a file only after it has looked."""

    named: str
    path: str
    there: list[str] = field(default_factory=list)
    hangs: str = ""  # "XML" or "refresh"
    unreadable: tuple[str, ...] = ()
    known: list[str] = field(default_factory=list)
    calls: int = 0

    def name(self) -> str:
        return self.named

    def XMLDesc(self, flags: int = 0) -> str:  # noqa: N802
        self.calls += 1
        if self.hangs == "XML":
            raise Hang
        return f"<pool type='dir'><name>{self.named}</name><target><path>{self.path}</path></target></pool>"

    def info(self) -> Sequence[int]:
        return (2, 100, 40, 60)

    def refresh(self, flags: int = 0) -> int:
        if self.hangs == "refresh":
            raise Hang
        self.known = list(self.there)
        return 0

    def storageVolLookupByName(self, name: str) -> FakeVolume:  # noqa: N802
        if name not in self.known:
            raise NoVolume("no such volume")
        return FakeVolume(self, name)


@dataclass
class FakeHost:
    """A connection that has pools."""

    pools: list[FakePool]

    def listAllStoragePools(self, flags: int = 0) -> Sequence[FakePool]:  # noqa: N802
        return self.pools

    def storagePoolLookupByName(self, name: str) -> FakePool:  # noqa: N802
        return next(pool for pool in self.pools if pool.named == name)


def finder_of(*pools: FakePool) -> SourceFinder:
    lanes = FakeLanes(cast("Any", FakeHost(list(pools))))
    return SourceFinder(lambda: cast("Lanes", lanes))


async def test_a_source_is_found_by_its_folder_and_by_its_pool() -> None:
    finder = finder_of(FakePool("default", "/srv", ["a", "b"]), FakePool("other", "/other", ["a"]))
    found = await finder.look_up(("/srv/a", "default/b", "/srv/missing", "/nowhere/a", ""))
    assert found.volumes.keys() == {"/srv/a", "default/b"}
    assert (found.volumes["/srv/a"].capacity, found.volumes["/srv/a"].stamp) == (1000, 5_000_000_001)
    assert found.pools["/srv"].available == 60
    assert found.pools["default"] == found.pools["/srv"]
    assert found.unread == ()


async def test_a_pool_is_read_anew_only_for_what_it_does_not_know() -> None:
    pool = FakePool("default", "/srv", ["a"], hangs="refresh", known=["a"])
    assert (await finder_of(pool).look_up(("/srv/a",))).volumes.keys() == {"/srv/a"}


@pytest.mark.parametrize("where", ["XML", "refresh"])
async def test_a_pool_that_hangs_is_named_and_then_left_alone(where: str) -> None:
    bad, good = FakePool("nfs", "/nfs", ["a"], hangs=where), FakePool("default", "/srv", ["a"])
    finder = finder_of(bad, good)
    first = await finder.look_up(("/nfs/a", "/srv/a"))
    assert first.unread == ("nfs",)
    assert first.volumes.keys() == {"/srv/a"}
    calls = bad.calls
    assert (await finder.look_up(("/nfs/a", "/srv/a"))).unread == ("nfs",)
    assert bad.calls == calls


async def test_a_volume_that_is_there_but_cannot_be_read_is_not_taken_for_missing() -> None:
    pool = FakePool("default", "/srv", ["a"], unreadable=("a",))
    found = await finder_of(pool).look_up(("/srv/a",))
    assert found.volumes["/srv/a"].capacity is None
    assert found.volumes["/srv/a"].stamp is None


async def test_pools_that_cannot_be_listed_are_unknown() -> None:
    class Hanging(FakeHost):
        def listAllStoragePools(self, flags: int = 0) -> Sequence[FakePool]:  # noqa: N802
            raise Hang

    lanes = FakeLanes(cast("Any", Hanging([])))
    found = await SourceFinder(lambda: cast("Lanes", lanes)).look_up(("/srv/a",))
    assert found.unread


async def test_only_what_is_there_is_deleted() -> None:
    pool = FakePool("default", "/srv", ["a", "b"])
    finder = finder_of(pool)
    assert await finder.delete("/srv/a")
    assert not await finder.delete("/srv/a")
    assert not await finder.delete("/elsewhere/b")
    assert pool.there == ["b"]


async def test_a_pool_that_hangs_deletes_nothing_in_silence() -> None:
    with pytest.raises(TimedOut):
        await finder_of(FakePool("nfs", "/nfs", ["a"], hangs="refresh")).delete("/nfs/a")
