from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.core import units
from tests.core.makers import GIB, NOW


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, "-"),
        (0, "0"),
        (512, "512B"),
        (1023, "1.0K"),
        (1536, "1.5K"),
        (1.7 * GIB, "1.7G"),
        (16 * GIB, "16G"),
        (1000 * GIB, "1.0T"),
        (-GIB, "-1.0G"),
    ],
)
def test_sizes_are_short(amount: float | None, text: str) -> None:
    assert units.size(amount) == text


def test_pairs_share_the_unit_of_the_total() -> None:
    assert units.pair(1.7 * GIB, 2 * GIB) == "1.7/2.0G"
    assert units.pair(11.2 * GIB, 16 * GIB) == "11.2/16G"
    assert units.pair(184 * GIB, 256 * GIB) == "184/256G"
    assert units.pair(7.6 * GIB, 8 * GIB, "h") == "7.6h/8.0G"
    assert units.pair(None, 8 * GIB) == "-/8.0G"
    assert units.pair(7.6 * GIB, None, "h") == "7.6Gh"
    assert units.pair(None, None) == "-"


def test_latency_has_the_unit_that_people_say() -> None:
    shown = [units.latency(value) for value in (None, 0.04, 0.42, 4.2, 350.0, 1200.0, 42_000.0)]
    assert shown == ["-", "40us", "0.4ms", "4ms", "350ms", "1.2s", "42s"]


def test_a_rate_and_a_share() -> None:
    assert units.bps(1.2 * (1 << 20)) == "1.2M/s"
    assert units.bps(None) == "-"
    assert units.percent(107.6) == "108 %"
    assert units.percent(None) == "-"
    assert units.whole(11.4) == "11"


def test_times_are_local_and_days_are_named() -> None:
    assert units.hhmm(NOW) == "14:03"
    assert units.hhmmss(NOW - 7) == "14:02:53"
    assert units.day_or_time(NOW - 60, NOW) == "14:02"
    assert units.day_or_time(NOW - 86_400, NOW) == "21 Nov"
    assert units.day_or_time(NOW - 400 * 86_400, NOW) == "2024-10-18"
    assert units.iso(NOW) == "2025-11-22T14:03:00Z"
    assert units.hhmm(None) == units.hhmmss(None) == units.day_or_time(None, NOW) == "-"
    assert units.iso(None) is None


def test_lengths_of_time() -> None:
    shown = [units.duration(value) for value in (None, 1.24, 42, 540, 20_000, 41 * 86_400)]
    assert shown == ["-", "1.2 s", "42 s", "9 min", "5 h", "41 d"]


@pytest.mark.parametrize(
    ("text", "size"),
    [("512", 512), ("4G", 4 * GIB), ("4g", 4 * GIB), ("1.5 GiB", GIB * 3 // 2), ("2MB", 2 << 20), (".5K", 512)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "G", "4X", "-4G", "1e9", "4 GG", "nan", "٤G"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        units.parse_size(text)


@given(st.text())
def test_any_text_is_a_size_or_is_refused(text: str) -> None:
    with suppress(ValueError):
        assert units.parse_size(text) >= 0


@given(st.floats(0, 1e18))
def test_a_size_never_needs_more_than_five_cells(amount: float) -> None:
    assert len(units.size(amount)) <= 5
