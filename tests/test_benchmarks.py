from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from benchmarks.calls import BULK, SIZES, count
from benchmarks.figures import Figure, percentile, table
from benchmarks.pressing import Press, Presses, chance_of
from benchmarks.scenes import OWN_HOSTS, SCENES, WITHOUT_LAB
from kvmtui.engine.garbage import GarbageSearch, unsearched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AT = "2026-11-22 18:34:15.730+0000"
SEND = (
    "virNetClientSendInternal:2145 : RPC_CLIENT_MSG_TX_QUEUE: client=0x7f len=28 prog={} vers=1 proc=66 type=0 serial=1"
)
CALLS = "536903814"


def test_counts_each_message_under_the_function_that_its_thread_called(tmp_path: Path) -> None:
    log = tmp_path / "log"
    entries = [
        "10: debug : virConnectGetAllDomainStats:11826 : conn=0x1, stats=0x0",
        "20: debug : virNodeGetCPUStats:566 : conn=0x1, cpuNum=-1, params=(nil), nparams=0, flags=0x0",
        f"10: info : {SEND.format(CALLS)}",
        f"20: info : {SEND.format(CALLS)}",
        "20: debug : virNodeGetCPUStats:566 : conn=0x1, cpuNum=-1, params=0x2, nparams=4, flags=0x0",
        "20: debug : virNetClientIO:1733 : Outgoing message prog=1",
        f"20: info : {SEND.format(CALLS)}",
        "10: debug : virDomainGetName:10 : domain=0x1",
        f"30: info : {SEND.format('1801807216')}",
    ]
    log.write_text("\n".join(f"{AT}: {entry}" for entry in entries))
    assert count(log) == {BULK: 1, SIZES: 1, "virNodeGetCPUStats": 1, "keepalive": 1}


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(1, 21)]
    assert (percentile(values, 50), percentile(values, 95), percentile([7.0], 95)) == (10.0, 19.0, 7.0)


def test_the_table_says_what_is_short_and_by_how_much() -> None:
    figures = [Figure("idle", "CPU", 3.5, "%", 3.0), Figure("idle", "memory", 60.0, "MiB", 90.0)]
    text = table(figures, {"calls": "no host"}, {"cores": 2})
    assert "short by 0.50 %" in text
    assert "60.0 MiB" in text
    assert "reached" in text
    assert "left out: calls: no host" in text


def test_what_should_be_much_is_short_when_it_is_little() -> None:
    little, enough = (Figure("console", "text", value, "MB/s", least=3.0) for value in (2.5, 4.0))
    text = table([little, enough], {}, {})
    assert (little.reached, enough.reached) == (False, True)
    assert "at least 3.00 MB/s" in text
    assert "short by 0.50 MB/s" in text


def test_keys_are_told_with_and_without_what_other_programs_cost() -> None:
    keys = Presses([Press(float(took), 10.0) for took in range(20, 40)])
    assert (keys.p95, keys.own) == (38.0, 28.0)
    assert "most 39.0 of 20; p95 28.0 without waits for a CPU" in keys.about


def test_a_ratio_of_samples_says_how_much_of_it_is_chance() -> None:
    same = Presses([Press(10.0, 0.0)] * 50)
    assert chance_of(same, same).startswith("1.00 to 1.00 ")
    double = Presses([Press(20.0, 0.0)] * 50)
    assert chance_of(double, same).startswith("2.00 to 2.00 ")


def test_what_needs_no_lab_and_what_builds_its_own_are_scenes() -> None:
    assert SCENES.keys() >= WITHOUT_LAB | OWN_HOSTS
    assert not WITHOUT_LAB & OWN_HOSTS


@pytest.fixture
def _python_as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("_python_as_before")
def test_garbage_is_searched_for_while_nobody_types(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    searches: list[float] = []
    monkeypatch.setattr("kvmtui.engine.garbage.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("kvmtui.engine.garbage.gc.collect", lambda: searches.append(clock[0]))
    search = GarbageSearch()
    search.hold()
    assert gc.isenabled()
    made = 0
    monkeypatch.setattr("kvmtui.engine.garbage.gc.get_count", lambda: (0, 0, made))
    # Nothing new is worth a search; after a minute everything is searched, in a quiet moment.
    for clock[0], quiet in ((1030.0, 30.0), (1070.0, 0.1), (1090.0, 6.0), (1100.0, 16.0)):
        search.consider(quiet)
    assert searches == [1090.0]
    # A page or two that were left: between two keys, or after a while of keys without a pause.
    made = 4
    for clock[0], quiet in ((1104.0, 0.4), (1105.0, 0.1), (1106.0, 0.4), (1115.0, 0.4), (1117.0, 0.4), (1131.0, 0.1)):
        search.consider(quiet)
    assert searches == [1090.0, 1104.0, 1115.0, 1131.0]


@pytest.mark.usefixtures("_python_as_before")
def test_garbage_is_not_searched_for_while_a_list_is_arranged() -> None:
    searches: list[str] = []

    def told(phase: str, _info: dict[str, int]) -> None:
        searches.append(phase)

    gc.set_threshold(10, 10, 10)
    gc.callbacks.append(told)
    try:
        with unsearched():
            searches.clear()
            kept = [[number] for number in range(1000)]
            assert searches == []
        kept += [[number] for number in range(1000)]
        assert searches
    finally:
        gc.callbacks.remove(told)
    assert gc.isenabled()
