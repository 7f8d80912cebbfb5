"""A bulk record becomes counters, keyed by name and never by index."""

from __future__ import annotations

from kvmtui.backend.libvirt import counters
from kvmtui.core.metrics import DiskCounters, MemoryReading, NicCounters

FULL: dict[str, int | str | bool] = {
    "state.state": 1,
    "state.reason": 1,
    "cpu.time": 350_000_000,
    "balloon.current": 114_688,
    "balloon.available": 78_404,
    "balloon.usable": 47_288,
    "balloon.unused": 40_984,
    "balloon.rss": 209_448,
    "balloon.last-update": 1_795_370_937,
    "balloon.swap_in": 0,
    "vcpu.current": 4,
    "vcpu.maximum": 8,
    "vcpu.0.delay": 1000,
    "vcpu.1.delay": 2000,
    "vcpu.5.delay": 3000,
    "net.count": 2,
    "net.0.name": "vnet7",
    "net.0.rx.bytes": 1,
    "net.0.rx.pkts": 2,
    "net.0.rx.errs": 3,
    "net.0.rx.drop": 4,
    "net.0.tx.bytes": 5,
    "net.0.tx.pkts": 6,
    "net.0.tx.errs": 7,
    "net.0.tx.drop": 8,
    "net.1.name": "macvtap0",
    "block.count": 2,
    "block.0.name": "sda",
    "block.1.name": "vda",
    "block.1.path": "/var/lib/libvirt/images/a.qcow2",
    "block.1.rd.reqs": 1,
    "block.1.rd.bytes": 2,
    "block.1.rd.times": 3,
    "block.1.wr.reqs": 4,
    "block.1.wr.bytes": 5,
    "block.1.wr.times": 6,
    "block.1.fl.reqs": 7,
    "block.1.fl.times": 8,
    "block.1.capacity": 9,
    "block.1.physical": 10,
}
WITHOUT_MONITOR = {
    key: value
    for key, value in FULL.items()
    if not key.startswith("balloon.") and ".rd." not in key and ".wr." not in key and ".fl." not in key
} | {"balloon.current": 114_688}


def test_a_full_record() -> None:
    read = counters.read(FULL, 3, 2)
    assert (read.domain_id, read.cpu_ns, read.vcpus, read.delay_ns) == (3, 350_000_000, 4, 6000)
    assert read.disks == {"vda": DiskCounters(1, 2, 3, 4, 5, 6, 7, 8, capacity=9, allocation=None, physical=10)}
    assert read.nics == {"vnet7": NicCounters(1, 2, 3, 4, 5, 6, 7, 8)}
    assert read.memory == MemoryReading(
        current=114_688 * 1024,
        available=78_404 * 1024,
        usable=47_288 * 1024,
        unused=40_984 * 1024,
        rss=209_448 * 1024,
        updated=1_795_370_937.0,
        swap_in=0,
        swap_out=None,
    )
    assert read.complete


def test_a_record_without_the_monitor_is_incomplete_and_says_nothing_rather_than_zero() -> None:
    read = counters.read(WITHOUT_MONITOR, 3, 2)
    assert not read.complete
    assert read.disks == {}
    assert read.memory.rss is None
    assert read.memory.updated is None
    assert read.cpu_ns == 350_000_000


def test_what_the_record_does_not_tell_comes_from_what_is_known() -> None:
    read = counters.read({"state.state": 1, "balloon.rss": 1}, 3, 2)
    assert (read.vcpus, read.cpu_ns, read.delay_ns) == (2, None, None)
    assert read.complete  # a VM without disks


def test_a_balloon_that_never_reported_has_no_time() -> None:
    assert counters.read({"balloon.last-update": 0}, 1, 1).memory.updated is None
