"""A scripted libvirt connection, for what the test driver cannot do: statistics, hung VMs, many VMs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import libvirt

from kvmtui.backend.libvirt import api
from kvmtui.backend.libvirt.lane import Session
from kvmtui.core.errors import TimedOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.backend.libvirt.lane import Work
    from kvmtui.backend.libvirt.lanes import Lanes

MONITOR = api.STATS_CPU_TOTAL | api.STATS_BALLOON | api.STATS_VCPU | api.STATS_BLOCK


class Hang(BaseException):
    """A call went into a monitor that does not answer."""


class NotThere(libvirt.libvirtError):  # type: ignore[misc]
    """What libvirt raises for a VM that is gone."""

    def get_error_code(self) -> int:
        return 42

    def get_error_domain(self) -> int:
        return 10

    def get_error_message(self) -> str:
        return "Domain not found"


@dataclass
class FakeVm:
    """A VM of the fake host."""

    number: int
    is_on: bool = True
    hangs: bool = False  # its monitor does not answer
    locked: bool = False  # its daemon keeps it locked, as while a hook of its start waits
    xml_hangs: bool = False  # its definition does not come
    occupied: bool = False  # a command already waits for its monitor
    gone: bool = False
    starts_with_host: bool = False
    snapshots: int = 0
    vcpus: int = 2  # now; its definition may have been read before
    xml: str = "<domain><vcpu>2</vcpu><memory>1024</memory></domain>"
    stored: str = ""
    state_is: tuple[int, int] = (1, 1)
    off_is: tuple[int, int] = (5, 1)
    disk_errors: dict[str, int] = field(default_factory=dict)
    reads: int = 0

    def UUIDString(self) -> str:  # noqa: N802
        return f"vm-{self.number:04}"

    def name(self) -> str:
        return f"name-{self.number}"

    def ID(self) -> int:  # noqa: N802
        return self.number if self.is_on else -1

    def state(self, flags: int = 0) -> tuple[int, int]:
        return self.state_is if self.is_on else self.off_is

    def XMLDesc(self, flags: int = 0) -> str:  # noqa: N802
        self.reads += 1
        if self.gone:
            raise NotThere("no such VM")
        if self.xml_hangs:
            raise Hang
        return self.stored or self.xml if flags & api.XML_INACTIVE else self.xml

    def controlInfo(self, flags: int = 0) -> tuple[int, int, int]:  # noqa: N802
        return (2, 0, 9000) if self.occupied else (0, 0, 0)

    def isPersistent(self) -> int:  # noqa: N802
        return 1

    def isActive(self) -> int:  # noqa: N802
        return int(self.is_on)

    def autostart(self) -> int:
        return int(self.starts_with_host)

    def hasManagedSaveImage(self, flags: int = 0) -> int:  # noqa: N802
        return 0

    def snapshotNum(self, flags: int = 0) -> int:  # noqa: N802
        return self.snapshots

    def jobStats(self, flags: int = 0) -> dict[str, int]:  # noqa: N802
        return {"type": 0}

    def diskErrors(self, flags: int = 0) -> dict[str, int]:  # noqa: N802
        return self.disk_errors

    def stats(self, groups: int) -> dict[str, int]:
        found = {"state.state": self.state()[0], "state.reason": self.state()[1]}
        if groups & MONITOR and self.is_on:
            if self.occupied:  # NOWAIT leaves it out
                return found
            if self.hangs:
                self.occupied = True
                raise Hang
            found |= {"cpu.time": 5, "balloon.rss": 7}
            if groups & api.STATS_VCPU:
                found |= {"vcpu.current": self.vcpus, "vcpu.0.delay": 11, "vcpu.1.delay": 1}
        return found


@dataclass
class FakeConn:
    """The fake host's connection; it notes its bulk calls as (VMs asked for, groups)."""

    vms: list[FakeVm]
    bulk: list[tuple[int, int]] = field(default_factory=list)

    def _pass_all(self) -> None:
        """Wait for each VM, as every list of libvirt does."""
        if any(vm.locked for vm in self.vms):
            raise Hang

    def listAllDomains(self, flags: int = 0) -> Sequence[FakeVm]:  # noqa: N802
        self._pass_all()
        if flags in (0, api.LIST_PERSISTENT):
            return list(self.vms)
        has = {
            api.LIST_ACTIVE: lambda vm: vm.is_on,
            api.LIST_AUTOSTART: lambda vm: vm.starts_with_host,
            api.LIST_HAS_SNAPSHOT: lambda vm: vm.snapshots,
        }
        return [vm for vm in self.vms if flags in has and has[flags](vm)]

    def lookupByUUIDString(self, uuidstr: str) -> FakeVm:  # noqa: N802
        for vm in self.vms:
            if vm.UUIDString() == uuidstr and not vm.gone:
                return vm
        raise NotThere("no such VM")

    def getAllDomainStats(self, stats: int = 0, flags: int = 0) -> Sequence[tuple[FakeVm, dict[str, int]]]:  # noqa: N802
        self._pass_all()
        return self.domainListGetStats(
            [vm for vm in self.vms if not flags & (api.STATS_INACTIVE if vm.is_on else api.STATS_ACTIVE)], stats, flags
        )

    def domainListGetStats(  # noqa: N802
        self, doms: Sequence[FakeVm], stats: int = 0, flags: int = 0
    ) -> Sequence[tuple[FakeVm, dict[str, int]]]:
        self.bulk.append((len(doms), stats))
        return [(vm, vm.stats(stats)) for vm in doms]

    def listAllNetworks(self, flags: int = 0) -> Sequence[object]:  # noqa: N802
        return []

    def listAllStoragePools(self, flags: int = 0) -> Sequence[object]:  # noqa: N802
        return []

    def getCPUStats(self, cpuNum: int, flags: int = 0) -> dict[str, int]:  # noqa: N802, N803
        return {"user": 1, "kernel": 2, "idle": 3, "iowait": 4}

    def getMemoryStats(self, cellNum: int, flags: int = 0) -> dict[str, int]:  # noqa: N802, N803
        return {"total": 8, "free": 4, "buffers": 1, "cached": 2}


class FakeLanes:
    """Lanes that run their work at once; a call that hangs misses its deadline."""

    def __init__(self, conn: FakeConn) -> None:
        self.conn = conn
        self.is_silent = False
        self.is_single = False
        self.session = self._new()

    def _new(self) -> Session:
        return Session(cast("api.Connection", self.conn), "host")

    def lanes(self) -> Lanes:
        return cast("Lanes", self)

    async def bulk(self, work: Work[Any], seconds: float) -> Any:
        try:
            return work(self.session)
        except Hang:
            self.session = self._new()
            raise TimedOut("late") from None

    async def detail(self, work: Work[Any], seconds: float, *, change: bool = False) -> Any:
        return await self.bulk(work, seconds)

    async def event(self, work: Work[Any], seconds: float) -> Any:
        return await self.bulk(work, seconds)
