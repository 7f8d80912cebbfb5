from __future__ import annotations

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.core.metrics import SERIES, DiskRates, History, NicRates, Recording
from tests.core.makers import some_rates


def test_a_gap_is_a_gap() -> None:
    history = History(3)
    history.append(10.0, some_rates(cpu_cores=2.0))
    history.append(20.0, None)
    times, values = history.series("cpu")
    assert list(times) == [10.0, 20.0]
    assert values[0] == 50.0
    assert isnan(values[1])


def test_what_is_not_known_is_a_gap_in_its_series_only() -> None:
    history = History(3)
    history.append(10.0, some_rates(steal=None, memory_stale=True))
    assert isnan(history.series("steal")[1][0])
    assert isnan(history.series("mem")[1][0])  # an old figure says nothing of now
    assert history.series("write")[1][0] == 2048.0


def test_only_so_many_points_are_kept() -> None:
    history = History(3)
    for at in range(8):
        history.append(float(at), some_rates(read_bps=float(at)))
    assert [list(part) for part in history.series("read")] == [[5.0, 6.0, 7.0]] * 2
    assert len(history) == 3


def test_every_series_can_be_read_and_no_other() -> None:
    history = History()
    history.append(1.0, some_rates())
    assert all(not isnan(history.series(name)[1][0]) for name in SERIES)
    with pytest.raises(KeyError, match="disk"):
        history.series("disk")


def test_a_recording_has_a_series_for_each_device() -> None:
    recording = History().record(3)
    recording.append(1.0, some_rates())
    vda = DiskRates("vda", 1.0, 2.0, 3.0, 4.0, None)
    vnet = NicRates("vnet0", 5.0, 6.0, 0.0, 0.0)
    recording.append(2.0, some_rates(disks=(vda,), nics=(vnet,)))
    recording.append(3.0, None)
    assert recording.series("vda.iops")[1].tolist() == pytest.approx([nan, 7.0, nan], nan_ok=True)
    assert recording.series("vnet0.tx")[1].tolist() == pytest.approx([nan, 6.0, nan], nan_ok=True)
    assert {"cpu", "latency", "iops", "vda.latency"} <= set(recording.names)


def test_a_recording_goes_on_until_it_is_dropped() -> None:
    history = History()
    recording = history.record(9)
    assert history.record(9) is recording
    history.stop_recording()
    assert history.full is None


@given(st.integers(1, 5), st.lists(st.none() | st.floats(0, 1e6, width=32), max_size=20))
def test_rings_hold_the_newest_points_in_order(points: int, values: list[float | None]) -> None:
    history, recording = History(points), Recording(points)
    for at, value in enumerate(values):
        rates = None if value is None else some_rates(rx_bps=value)
        history.append(float(at), rates)
        recording.append(float(at), rates)
    expected = [nan if value is None else value for value in values][-points:]
    for times, found in (history.series("rx"), recording.series("rx")):
        assert list(times) == [float(at) for at in range(len(values))][-points:]
        assert list(found) == pytest.approx(expected, nan_ok=True)
