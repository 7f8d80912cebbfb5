from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.calls import BULK, SIZES, count
from benchmarks.figures import Figure, percentile, table
from benchmarks.pressing import Press, Presses, chance_of
from benchmarks.scenes import OWN_HOSTS, SCENES, WITHOUT_LAB

if TYPE_CHECKING:
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
