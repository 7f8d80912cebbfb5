"""When a pool will be full: nothing is said that was not seen."""

from __future__ import annotations

from dataclasses import replace

from kvmtui.core.forecast import LEAST, SPACING, PoolBook, forecast, seconds_left
from kvmtui.core.inventory import Disk, HostState, Pool
from kvmtui.core.metrics import DiskRates, Growth, VmRates
from tests.core.makers import GIB, NOW, a_host, a_vm, some_rates

DISK = Disk("vda", "disk", "virtio", "file", "/srv/nvme/web-1.qcow2", "qcow2")


def a_pool(available: int = 100 * GIB, **more: object) -> Pool:
    known: dict[str, object] = {"uuid": "p", "name": "nvme", "active": True, "capacity": 1000 * GIB}
    known |= {"allocation": 1000 * GIB - available, "available": available, "path": "/srv/nvme"}
    return Pool(**{**known, **more})  # type: ignore[arg-type]


def writing(occupied: int, name: str = "vda") -> dict[str, VmRates]:
    """Return the rates of a VM whose disk occupies so much."""
    disk = DiskRates(name, 0.0, 0.0, 0.0, 0.0, None, 40 * GIB, occupied)
    return {"uuid-of-web-1": replace_rates(disk)}


def replace_rates(disk: DiskRates) -> VmRates:
    return some_rates()._replace(disks=(disk,))


def a_state(pool: Pool) -> HostState:
    vm = a_vm(disks=(DISK,))
    return HostState(at=NOW, host=a_host(), vms={vm.uuid: vm}, rates={}, pools=(pool,))


def watched(book: PoolBook, hours: float, per_hour: int, pool: Pool) -> None:
    """Have a disk of the pool grow for some hours, read each minute."""
    for minute in range(int(hours * 60) + 1):
        book.sampled("hv1", NOW + 60.0 * minute, a_state(pool), writing(GIB + per_hour * minute // 60))


def test_what_the_disks_have_come_to_occupy_counts_although_the_pool_says_nothing() -> None:
    book, pool = PoolBook(), a_pool()
    watched(book, 2, 10 * GIB, pool)
    growth = book.growth["hv1", "p"]
    assert abs(growth.rate * 3600 - 10 * GIB) < GIB / 100
    assert forecast(pool, growth) == "full in ~10 h at +10G/h"


def test_the_pools_own_figures_count_when_it_was_read_anew() -> None:
    book = PoolBook()
    for minute in range(61):
        left = 100 * GIB - GIB * minute // 2
        book.sampled("hv1", NOW + 60.0 * minute, a_state(a_pool(left)), {})
    assert forecast(a_pool(70 * GIB), book.growth["hv1", "p"]) == "full in ~2 h at +30G/h"


def test_nothing_is_said_before_it_was_watched_for_a_while() -> None:
    book, pool = PoolBook(), a_pool()
    watched(book, LEAST / 3600 - 0.02, 10 * GIB, pool)
    assert book.growth == {}
    assert forecast(pool, None) == ""


def test_a_vm_that_comes_brings_no_growth() -> None:
    book, pool = PoolBook(), a_pool()
    for minute in range(40):
        rates = writing(30 * GIB) if minute > 20 else {}
        book.sampled("hv1", NOW + 60.0 * minute, a_state(pool), rates)
    assert book.growth["hv1", "p"].rate == 0.0
    assert forecast(pool, book.growth["hv1", "p"]) == ""


def test_a_vm_that_is_gone_is_forgotten_and_one_that_is_off_is_not() -> None:
    book, state = PoolBook(), a_state(a_pool())
    book.sampled("hv1", NOW, state, writing(GIB))
    book.sampled("hv1", NOW + SPACING, state, {})
    assert book._disks["hv1"]
    book.sampled("hv1", NOW + 2 * SPACING, replace(state, vms={}), {})
    assert not book._disks["hv1"]


def test_a_pool_that_shrinks_or_stands_still_is_never_full() -> None:
    assert seconds_left(a_pool(), Growth(-5000.0, 3600.0)) is None
    assert seconds_left(a_pool(), Growth(10.0, 3600.0)) is None
    assert seconds_left(a_pool(active=False), Growth(1e9, 3600.0)) is None
    assert forecast(a_pool(900 * GIB), Growth(1000.0, 3600.0)) == "+3.4M/h", "too far away to be told"


def test_a_clock_that_was_set_back_begins_anew() -> None:
    book, pool = PoolBook(), a_pool()
    watched(book, 1, 10 * GIB, pool)
    book.sampled("hv1", NOW - 90_000.0, a_state(pool), writing(GIB))
    assert ("hv1", "p") not in book.growth


def test_readings_between_two_points_cost_nothing() -> None:
    book, pool = PoolBook(), a_pool()
    book.sampled("hv1", NOW, a_state(pool), writing(GIB))
    before = book.growth
    book.sampled("hv1", NOW + SPACING / 2, a_state(replace(pool, available=0)), writing(GIB))
    assert book.growth is before
