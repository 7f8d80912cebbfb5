from __future__ import annotations

import pytest

from kvmtui.core.capacity import (
    OVERHEAD,
    OVERHEAD_PER_VCPU,
    census,
    filled,
    fullest_pool,
    host_sold,
    n_plus_one,
    pool_fill,
    promised,
)
from kvmtui.core.inventory import ConditionKind, Disk, HostEntry, Pool, VmState
from kvmtui.core.metrics import DiskRates
from tests.core.makers import GIB, a_fleet, a_vm, an_entry


def test_active_vms_are_promised_their_maximum_with_overhead() -> None:
    vm = a_vm(vcpus=2, vcpus_max=4, memory=GIB, memory_max=2 * GIB)
    assert promised(vm) == 2 * GIB + OVERHEAD + 4 * OVERHEAD_PER_VCPU
    state = an_entry(vms=[vm, a_vm("b", VmState.OFF), a_vm("c", VmState.PAUSED)]).state
    counted = census(state)
    assert (counted.on, counted.off, counted.paused, counted.other, counted.total) == (1, 1, 1, 0, 3)
    assert counted.promised == promised(vm) + promised(a_vm())
    assert host_sold(state) == pytest.approx(100 * counted.promised / (64 * GIB))
    assert host_sold(state, reserve=32 * GIB) == pytest.approx(100 * counted.promised / (32 * GIB))
    assert host_sold(None) is None


def big(name: str, gib: int, state: VmState = VmState.RUNNING) -> object:
    return a_vm(name, state, memory=gib * GIB, memory_max=gib * GIB)


def entry(name: str, *sizes: int, kind: ConditionKind = ConditionKind.UP) -> HostEntry:
    return an_entry(name, [big(f"{name}-{index}", size) for index, size in enumerate(sizes)], kind=kind)  # type: ignore[misc]


def test_vms_fit_elsewhere_when_each_finds_a_host_with_room() -> None:
    one, two, three = entry("hv1", 30, 30), entry("hv2", 30), entry("hv3", 30)
    fleet = a_fleet(one, two, three)
    assert n_plus_one(fleet, one) is True
    assert n_plus_one(a_fleet(one, two), one) is False
    assert n_plus_one(a_fleet(entry("hv1", 40), entry("hv2", 30), entry("hv3", 30)), entry("hv1", 40)) is False
    assert n_plus_one(a_fleet(entry("hv1"), two), entry("hv1")) is True


def test_a_silent_host_takes_nothing() -> None:
    one, two = entry("hv1", 30), entry("hv2", 10, kind=ConditionKind.SILENT)
    assert n_plus_one(a_fleet(one, two), one) is False
    assert n_plus_one(a_fleet(one, two), two) is None


def test_a_single_host_has_no_elsewhere() -> None:
    one = entry("hv1", 30)
    assert n_plus_one(a_fleet(one), one) is None


def test_the_fullest_pool_is_an_active_one_with_a_size() -> None:
    pools = (
        Pool("a", "nvme", True, 1000, 0, 390, "/a"),
        Pool("b", "off", False, 1000, 0, 0, "/b"),
        Pool("c", "iscsi", True, 0, 0, 0, "/c"),
    )
    found = fullest_pool(an_entry(pools=pools).state)
    assert found is not None
    assert (found[0].name, found[1]) == ("nvme", 61.0)
    assert fullest_pool(None) is None


def holding(**occupied: int) -> tuple[DiskRates, ...]:
    return tuple(DiskRates(name, 0, 0, 0, 0, None, 1000, size) for name, size in occupied.items())


def disk_at(target: str, source: str, kind: str = "file") -> Disk:
    return Disk(target, "disk", "virtio", kind, source, "qcow2")


def test_a_pool_is_as_full_as_the_disks_in_it_whatever_its_last_refresh_said() -> None:
    said = (
        Pool("a", "nvme", True, 1000, 100, 900, "/srv/nvme/"),
        Pool("b", "hdd", True, 1000, 700, 300, "/srv/hdd"),
        Pool("c", "off", False, 1000, 0, 1000, "/srv/off"),
    )
    shared = disk_at("vdb", "/srv/nvme/shared")
    elsewhere = disk_at("vdc", "/srv/nvme/mounted/there")
    vms = {
        "1": a_vm(disks=(disk_at("vda", "/srv/nvme/one"), shared, elsewhere, disk_at("vdd", "/srv/off/x"))),
        "2": a_vm(disks=(shared, disk_at("vda", "hdd/two", "volume"), disk_at("vde", ""))),
    }
    held = {"1": holding(vda=500, vdb=460, vdc=400, vdd=400), "2": holding(vda=200, vdb=460, vde=9), "gone": holding()}
    nvme, hdd, off = filled(said, vms, held)
    assert (pool_fill(nvme), nvme.available, nvme.allocation) == (96.0, 40, 960)
    assert (hdd, off) == (said[1], said[2])
    assert filled(said, vms, {"1": holding(vda=5000)})[0].available == 0
    assert filled(said, vms, {}) == said
