from __future__ import annotations

from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.core.metrics import (
    CpuTimes,
    DiskCounters,
    HostMemory,
    MemoryReading,
    NicCounters,
    VmCounters,
    VmRates,
)
from kvmtui.core.rates import SHORTEST_GAP, RateBook, host_rates
from kvmtui.core.tracks import VmTrack
from tests.core.makers import GIB, NOW, a_sample, some_counters

SECOND = 1_000_000_000


def disk(reads: int = 0, writes: int = 0, *, ns: int = 0, flushes: int = 0) -> DiskCounters:
    return DiskCounters(reads, reads * 4096, ns, writes, writes * 8192, 0, flushes, 0)


def run(book: RateBook, *counters: VmCounters, start: float = 0.0, step: float = 2.0) -> list[VmRates | None]:
    """Return what the book makes of one VM's counters, one reading every `step` seconds."""
    return [book.update(a_sample(start + index * step, vm=one))[0].get("vm") for index, one in enumerate(counters)]


def rates_of(before: VmCounters, after: VmCounters, seconds: float = 2.0) -> VmRates:
    rates = VmTrack(before, 0.0, NOW - seconds).step(after, seconds, NOW)
    assert rates is not None
    return rates


def test_cpu_is_cores_used_and_a_share_of_the_vcpus() -> None:
    rates = rates_of(some_counters(cpu_ns=5 * SECOND), some_counters(cpu_ns=8 * SECOND))
    assert rates.cpu_cores == pytest.approx(1.5)
    assert rates.cpu_percent == pytest.approx(37.5)
    assert rates.at == NOW


def test_throughput_and_requests_are_per_second() -> None:
    nic = NicCounters(2000, 20, 1, 2, 4000, 40, 1, 4)
    rates = rates_of(some_counters(), some_counters(disks={"vda": disk(10, 20)}, nics={"vnet0": nic}))
    assert (rates.read_bps, rates.write_bps, rates.iops) == (5 * 4096, 10 * 8192, 15)
    assert (rates.rx_bps, rates.tx_bps) == (1000, 2000)
    assert rates.nics[0].drops == 3
    assert rates.nics[0].errors == 1


def test_devices_are_compared_by_name_whatever_their_order() -> None:
    before = some_counters(disks={"vda": disk(100), "vdb": disk(5)})
    after = some_counters(disks={"vdb": disk(7), "vda": disk(104)})
    rates = rates_of(before, after)
    assert {one.name: one.read_iops for one in rates.disks} == {"vda": 2, "vdb": 1}


def test_a_disk_occupies_its_file_and_not_what_was_written_since_the_vm_started() -> None:
    """What libvirt calls its allocation is how far it was written to since the start: 0 of a full disk after it."""
    just_started = disk(1)._replace(capacity=40 * GIB, allocation=0, physical=30 * GIB)
    rates = rates_of(some_counters(disks={"vda": just_started}), some_counters(disks={"vda": just_started}))
    assert (rates.disks[0].allocation, rates.disks[0].capacity) == (30 * GIB, 40 * GIB)
    untold = just_started._replace(allocation=GIB, physical=None)
    rates = rates_of(some_counters(disks={"vda": untold}), some_counters(disks={"vda": untold}))
    assert rates.disks[0].allocation == GIB


def test_a_device_that_came_has_no_rate_yet() -> None:
    rates = rates_of(some_counters(), some_counters(disks={"vda": disk(2), "vdb": disk(9000)}))
    assert [one.name for one in rates.disks] == ["vda"]
    assert rates.iops == 1


@pytest.mark.parametrize(
    "after",
    [
        some_counters(cpu_ns=4 * SECOND),
        some_counters(cpu_ns=9 * SECOND, domain_id=2),
    ],
    ids=["went back", "started anew"],
)
def test_a_counter_reset_gives_no_rate_and_a_new_beginning(after: VmCounters) -> None:
    book = RateBook()
    later = after._replace(cpu_ns=(after.cpu_ns or 0) + 2 * SECOND)
    first, reset, again = run(book, some_counters(cpu_ns=5 * SECOND), after, later)
    assert first is None
    assert reset is None
    assert again is not None
    assert again.cpu_cores == pytest.approx(1.0)


def test_a_device_reset_makes_its_figures_unknown_and_leaves_the_rest() -> None:
    before = some_counters(disks={"vda": disk(100)}, nics={"vnet0": NicCounters(9, 0, 0, 0, 9, 0, 0, 0)})
    rates = rates_of(before, some_counters(cpu_ns=SECOND))
    assert (rates.read_bps, rates.write_bps, rates.iops, rates.rx_bps, rates.tx_bps) == (None,) * 5
    assert rates.cpu_cores == 0.5


def test_what_the_reading_lacks_is_not_known() -> None:
    blank = some_counters(cpu_ns=None, memory=MemoryReading(), disks={}, nics={}, complete=False)
    rates = rates_of(blank, blank)
    assert not rates.complete
    unknown = (rates.cpu_cores, rates.cpu_percent, rates.steal, rates.memory_used, rates.memory_rss, rates.rx_bps)
    assert unknown == (None,) * 6
    assert (rates.read_bps, rates.iops, rates.latency_ms, rates.stalled) == (None, None, None, False)


def test_a_busy_monitor_does_not_make_a_peak_afterwards() -> None:
    missing = some_counters(disks={}, complete=False)
    *_, silent, after = run(
        RateBook(), some_counters(disks={"vda": disk(0)}), missing, some_counters(disks={"vda": disk(40)})
    )
    assert silent is not None
    assert silent.iops is None
    assert after is not None
    assert after.iops == 10  # 40 requests in the 4 s since the last reading of the disk


def test_steal_needs_two_readings_with_the_delay_and_is_kept_between_them() -> None:
    delays = (0, None, None, None, None, 4 * SECOND, None, None)
    readings = [some_counters(delay_ns=delay) for delay in delays]
    steals = [None if one is None else one.steal for one in run(RateBook(), *readings)]
    # 4 s of waiting in 10 s on 4 vCPUs are 10 %.
    assert steals == [None, None, None, None, None, 10.0, 10.0, 10.0]


def test_the_last_steal_tells_its_age_and_is_given_up_in_the_end() -> None:
    readings = [some_counters(delay_ns=0), some_counters(delay_ns=SECOND), *[some_counters()] * 16]
    found = [one for one in run(RateBook(), *readings) if one is not None]
    assert [one.steal for one in found] == [12.5] * 16 + [None]
    assert [one.steal_at for one in found] == [NOW + 2] * 16 + [None]


def test_steal_is_not_known_after_a_vcpu_came() -> None:
    readings = [some_counters(delay_ns=0), some_counters(delay_ns=9 * SECOND, vcpus=5)]
    assert [one and one.steal for one in run(RateBook(), *readings)] == [None, None]


def balloon(updated: float | None, *, available: int = 2 * GIB, usable: int = GIB) -> VmCounters:
    memory = MemoryReading(current=2 * GIB, available=available, usable=usable, rss=2 * GIB, updated=updated)
    return some_counters(memory=memory)


def test_memory_is_what_the_guest_says_while_it_says_it() -> None:
    readings = [balloon(NOW - 10), balloon(NOW), balloon(NOW), balloon(NOW), balloon(NOW), balloon(NOW)]
    found = run(RateBook(), *readings, step=10.0)
    assert [one and (one.memory_used, one.memory_stale) for one in found] == [
        None,
        (GIB, False),
        (GIB, False),
        (GIB, False),
        (GIB, False),
        (GIB, True),  # 40 s old with a period of 10 s
    ]


@pytest.mark.parametrize(
    "after",
    [balloon(None), balloon(0), balloon(NOW, available=GIB, usable=2 * GIB), balloon(NOW - 4000)],
    ids=["never told", "zero", "negative", "an hour old"],
)
def test_memory_is_the_hosts_view_when_the_guest_says_nothing_useful(after: VmCounters) -> None:
    rates = rates_of(after, after)
    assert rates.memory_used is None
    assert rates.memory_rss == 2 * GIB
    assert rates.memory_total == 2 * GIB


def test_memory_is_fresh_by_our_clock_when_the_hosts_clock_is_wrong() -> None:
    hour_behind = NOW - 3600
    found = run(RateBook(), balloon(hour_behind), balloon(hour_behind + 2), balloon(hour_behind + 4))
    assert found[-1] is not None
    assert (found[-1].memory_used, found[-1].memory_stale) == (GIB, False)


def test_latency_is_the_worst_devices_over_ten_seconds() -> None:
    def reading(seconds: int) -> VmCounters:
        slow = disk(seconds, ns=seconds * 20_000_000)  # 20 ms a request
        fast = disk(seconds * 100, ns=seconds * 100_000_000)  # 1 ms a request
        return some_counters(disks={"vda": slow, "vdb": fast})

    found = run(RateBook(), *[reading(second) for second in range(30)], step=1.0)
    last = found[-1]
    assert last is not None
    assert last.latency_ms == pytest.approx(20.0)
    assert [one.latency_ms for one in last.disks] == [pytest.approx(20.0), pytest.approx(1.0)]


def test_latency_forgets_what_is_older_and_needs_a_request() -> None:
    slow = disk(10, ns=10 * SECOND)
    readings = [some_counters(disks={"vda": disk()}), *[some_counters(disks={"vda": slow})] * 12]
    found = [None if one is None else one.latency_ms for one in run(RateBook(), *readings)]
    assert found[1] == pytest.approx(1000.0)
    assert found[5] == pytest.approx(1000.0)
    assert found[-1] is None


def test_since_when_a_monitor_is_silent_is_kept_until_it_answers() -> None:
    said = [
        None if one is None else one.silent_since is not None
        for one in run(
            RateBook(), *(some_counters(complete=complete) for complete in (True, False, False, True, False))
        )
    ]
    assert said == [None, True, True, False, True]
    first, second = run(RateBook(), *(some_counters(complete=False) for _ in range(3)))[1:]
    assert first is not None
    assert second is not None
    assert first.silent_since == second.silent_since
    assert first.silent_since is not None
    assert first.silent_since < first.at < second.at


def stalls(busy: int, quiet: int, then: int = 0, every: int = 1) -> list[bool]:
    """Return what is said each 2 s of a disk that is busy, then quiet, then busy, for so many readings."""
    totals = [index // every for index in range(busy)]
    totals += [totals[-1]] * quiet
    totals += [totals[-1] + index + 1 for index in range(then)]
    readings = [some_counters(disks={"vda": disk(total)}) for total in totals]
    return [one is not None and one.stalled for one in run(RateBook(), *readings)]


def test_a_busy_device_that_completes_nothing_any_more_stalls_until_it_does() -> None:
    said = stalls(busy=60, quiet=10, then=2)
    assert not any(said[:64])
    assert said[64:] == [True] * 6 + [False] * 2


def test_a_device_that_was_hardly_busy_is_just_idle() -> None:
    assert not any(stalls(busy=20, quiet=60))
    assert not any(stalls(busy=120, quiet=60, every=3))


def test_a_device_that_is_quiet_for_five_minutes_is_just_idle() -> None:
    said = stalls(busy=60, quiet=170)
    assert said[100]
    assert not said[-1]


def test_samples_out_of_order_are_dropped() -> None:
    book = RateBook()
    book.update(a_sample(10.0, vm=some_counters(cpu_ns=0)))
    newest, _ = book.update(a_sample(12.0, vm=some_counters(cpu_ns=SECOND)))
    again, load = book.update(a_sample(11.0, vm=some_counters(cpu_ns=SECOND)))
    assert again is newest
    assert load is None
    found, _ = book.update(a_sample(14.0, vm=some_counters(cpu_ns=3 * SECOND)))
    assert found["vm"].cpu_cores == pytest.approx(1.0)


def test_a_mean_over_a_long_silence_is_not_shown() -> None:
    book = RateBook()
    book.update(a_sample(0.0, vm=some_counters(cpu_ns=0)))
    assert book.update(a_sample(600.0, vm=some_counters(cpu_ns=SECOND)))[0] == {}
    assert book.update(a_sample(602.0, vm=some_counters(cpu_ns=3 * SECOND)))[0]["vm"].cpu_cores == 1.0


def test_a_vm_that_was_away_begins_anew() -> None:
    book = RateBook()
    book.update(a_sample(0.0, vm=some_counters(cpu_ns=0)))
    assert book.update(a_sample(2.0))[0] == {}
    assert book.update(a_sample(4.0, vm=some_counters(cpu_ns=SECOND)))[0] == {}


def test_a_lost_connection_forgets() -> None:
    book = RateBook()
    book.update(a_sample(0.0, vm=some_counters()))
    book.forget()
    assert book.update(a_sample(2.0, vm=some_counters()))[0] == {}


def test_the_hosts_cpu_is_without_waiting_for_disks() -> None:
    times = CpuTimes(user=10 * SECOND, kernel=5 * SECOND, idle=80 * SECOND, iowait=5 * SECOND)
    after = CpuTimes(*[2 * one for one in times])
    memory = HostMemory(total=256 * GIB, free=50 * GIB, buffers=2 * GIB, cached=20 * GIB)
    load = host_rates(a_sample(0.0, cpu=times), a_sample(10.0, cpu=after, memory=memory), cpus=10, committed=7)
    assert load is not None
    assert (load.cpu, load.iowait) == (15.0, 5.0)
    assert (load.memory_used, load.memory_total) == (184 * GIB, 256 * GIB)
    assert load.uptime == pytest.approx(20.0)
    assert load.committed == 7


def test_shared_memory_is_used_where_the_kernel_tells() -> None:
    memory = HostMemory(total=64 * GIB, free=10 * GIB, buffers=0, cached=50 * GIB, available=12 * GIB)
    load = host_rates(a_sample(0.0), a_sample(2.0, memory=memory))
    assert load is not None
    assert load.memory_used == 52 * GIB


def test_a_host_that_was_restarted_has_no_cpu_this_time() -> None:
    book = RateBook()
    book.update(a_sample(0.0, cpu=CpuTimes(9, 9, 9, 9)))
    _, load = book.update(a_sample(2.0, cpu=CpuTimes(1, 1, 1, 1)), cpus=4)
    assert load is not None
    assert (load.cpu, load.iowait) == (None, None)
    assert book.update(a_sample(4.0))[1] is None


def test_per_cpu_figures_need_the_same_cpus() -> None:
    one, two = CpuTimes(0, 0, 0, 0), CpuTimes(25, 25, 50, 0)
    before, after = a_sample(0.0)._replace(per_cpu=(one, one)), a_sample(2.0, cpu=two)._replace(per_cpu=(two, two))
    load = host_rates(before, after)
    assert load is not None
    assert load.per_cpu == (50.0, 50.0)
    others = host_rates(before._replace(online=(0, 1)), after._replace(online=(0, 2)))
    assert others is not None
    assert others.per_cpu is None
    fewer = host_rates(before, after._replace(per_cpu=(two,)))
    assert fewer is not None
    assert fewer.per_cpu is None


def test_the_hosts_steal_is_that_of_its_worst_vm() -> None:
    book = RateBook()
    cpu = CpuTimes(1, 1, 1, 1)
    book.update(a_sample(0.0, cpu=cpu, a=some_counters(delay_ns=0), b=some_counters(delay_ns=0)))
    delays = {"a": some_counters(delay_ns=SECOND), "b": some_counters(delay_ns=2 * SECOND)}
    _, load = book.update(a_sample(2.0, cpu=cpu)._replace(vms=delays))
    assert load is not None
    assert load.steal == 25.0


totals = st.integers(0, 2**62)
maybe = st.none() | totals
disks = st.builds(DiskCounters, *[totals] * 8, *[maybe] * 3)
nics = st.builds(NicCounters, *[totals] * 8)
memories = st.builds(MemoryReading, *[maybe] * 5, st.none() | st.floats(0, 2 * NOW))
vms = st.builds(
    VmCounters,
    st.integers(1, 2),
    maybe,
    st.integers(0, 8),
    maybe,
    memories,
    st.dictionaries(st.sampled_from(("vda", "vdb")), disks),
    st.dictionaries(st.sampled_from(("vnet0", "vnet1")), nics),
    st.booleans(),
)


# At the shortest gap itself the sums of floats decide, and either answer is right.
steps = st.floats(-5, 90).filter(lambda step: abs(step - SHORTEST_GAP) > 0.01)


@given(st.lists(st.tuples(steps, st.dictionaries(st.sampled_from("ab"), vms)), max_size=6))
def test_no_rate_is_ever_negative(steps: list[tuple[float, dict[str, VmCounters]]]) -> None:
    book = RateBook()
    at = 0.0
    for step, found in steps:
        at += step
        rates, _ = book.update(a_sample(at)._replace(vms=found))
        for uuid, one in rates.items():
            figures = (*one[:-5], *[figure for device in one.disks + one.nics for figure in device[1:]])
            assert all(figure is None or (isfinite(figure) and figure >= 0) for figure in figures)
            counters = found.get(uuid)
            if counters is not None and step >= SHORTEST_GAP:
                assert counters.cpu_ns is not None or one.cpu_cores is None
                assert counters.disks or one.iops is None
                assert counters.nics or one.rx_bps is None
                assert one.memory_rss == counters.memory.rss


@given(vms, vms, st.floats(0.1, 60))
def test_what_is_missing_stays_missing(before: VmCounters, after: VmCounters, seconds: float) -> None:
    rates = VmTrack(before, 0.0, NOW - seconds).step(after, seconds, NOW)
    if rates is None:
        return
    if before.cpu_ns is None or after.cpu_ns is None:
        assert rates.cpu_cores is None
    if before.delay_ns is None or after.delay_ns is None:
        assert rates.steal is None
    if after.memory.available is None or after.memory.usable is None:
        assert rates.memory_used is None
    if not before.disks.keys() & after.disks.keys():
        assert (rates.read_bps, rates.write_bps, rates.iops, rates.latency_ms) == (None,) * 4
    if not before.nics.keys() & after.nics.keys():
        assert (rates.rx_bps, rates.tx_bps) == (None, None)
