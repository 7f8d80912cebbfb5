"""Pools are as full as their VMs' disks say, which a pool itself learns only when somebody has it refreshed."""

from __future__ import annotations

from dataclasses import replace

from kvmtui.backend.base import Inventory
from kvmtui.changes import pool_events
from kvmtui.core.capacity import pool_fill
from kvmtui.core.inventory import Disk, Pool, Vm, VmState
from kvmtui.core.metrics import DiskRates, VmRates
from kvmtui.picture import Picture
from tests.core.makers import NOW, a_host, a_vm, some_rates

POOL = Pool("pool", "nvme", True, 1000, 100, 900, "/srv")
VM = a_vm(disks=(Disk("vda", "disk", "virtio", "file", "/srv/a", "qcow2"),))


def occupying(size: int | None) -> dict[str, VmRates]:
    disks = () if size is None else (DiskRates("vda", 0, 0, 0, 0, None, 5000, size),)
    return {VM.uuid: some_rates(disks=disks)}


class Bench:
    """A picture of a host with one VM and one pool."""

    def __init__(self) -> None:
        self.picture = Picture()
        self.vm = VM
        self.picture.connected(a_host(), self.inventory(POOL), NOW)

    def inventory(self, *pools: Pool) -> Inventory:
        return Inventory({self.vm.uuid: self.vm}, (), pools)

    def tick(self, rates: dict[str, VmRates]) -> None:
        for _ in range(2):  # it is looked at in every other one
            self.picture.sampled(rates, None, NOW)

    def survey(self, *pools: Pool) -> None:
        self.picture.full(self.inventory(*pools), NOW, self.picture.ticket())

    @property
    def fill(self) -> float | None:
        assert self.picture.state is not None
        return pool_fill(self.picture.state.pools[0])


def test_a_pool_fills_with_its_disks_and_stays_so_when_it_is_read_again() -> None:
    bench = Bench()
    assert bench.fill == 10.0
    bench.tick(occupying(960))
    assert bench.fill == 96.0
    bench.survey(POOL)
    assert bench.fill == 96.0
    bench.tick(occupying(None))  # its monitor was busy
    assert bench.fill == 96.0
    bench.vm = a_vm(state=VmState.OFF, disks=VM.disks)
    bench.survey(POOL)
    bench.tick({})
    assert bench.fill == 96.0, "a disk does not go with its VM's process"


def test_what_a_pool_says_anew_counts_where_it_is_more_and_a_vm_that_is_gone_holds_nothing() -> None:
    bench = Bench()
    bench.tick(occupying(500))
    bench.survey(replace(POOL, available=200))
    assert bench.fill == 80.0
    bench.vm = Vm("other", "other", VmState.OFF)
    bench.survey(POOL)
    bench.tick({})
    assert bench.fill == 10.0


def test_a_pool_that_its_disks_fill_is_told_once() -> None:
    bench = Bench()
    before = bench.picture.state
    bench.tick(occupying(970))
    after = bench.picture.state
    assert after is not None
    assert [event.subject for event in pool_events("hv1", before, after)] == ["pool nvme on hv1 is 97 % full"]
    bench.tick(occupying(980))
    assert bench.picture.state is not None
    assert pool_events("hv1", after, bench.picture.state) == ()
