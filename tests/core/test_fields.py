from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.core import filters
from kvmtui.core.fields import (
    HOST_FIELDS,
    TASK_FIELDS,
    VM_FIELDS,
    Field,
    HostRow,
    Match,
    Shown,
    Tone,
    VmRow,
    by_name,
    host_rows,
    vm_row,
    vm_rows,
)
from kvmtui.core.inventory import (
    Address,
    AddressSource,
    Condition,
    ConditionKind,
    Disk,
    HostEntry,
    HostState,
    Job,
    Nic,
    Pool,
    Reason,
    Since,
    SshUse,
    TaskPhase,
    TaskView,
    VmRef,
    VmState,
)
from kvmtui.core.metrics import HostRates
from kvmtui.core.text import safe
from tests.core.makers import GIB, HOSTILE, NOW, a_fleet, a_host, a_row, a_vm, an_entry, some_rates

VM = by_name(VM_FIELDS)
HOST = by_name(HOST_FIELDS)
TASK = by_name(TASK_FIELDS)
TABLES: tuple[tuple[Field[Any], ...], ...] = (VM_FIELDS, HOST_FIELDS, TASK_FIELDS)


def shown(row: VmRow) -> dict[str, str]:
    return {field.name: field.text(row) for field in VM_FIELDS}


def a_task(**more: object) -> TaskView:
    known: dict[str, object] = {
        "id": "118",
        "command": "vm.start",
        "label": "start",
        "host": "hv1",
        "host_uuid": "uuid-of-hv1",
        "vm": "web-1",
        "vm_uuid": "uuid-of-web-1",
        "user": "ann",
        "phase": TaskPhase.DONE,
        "started": NOW - 60,
        "ended": NOW - 58.8,
    }
    return TaskView(**{**known, **more})  # type: ignore[arg-type]


def a_pool(name: str = "nvme", used: int = 61) -> Pool:
    return Pool("uuid", name, True, 100, used, 100 - used, f"/srv/{name}")


@pytest.mark.parametrize("fields", TABLES)
def test_names_and_sort_letters_are_unique_in_a_table(fields: tuple[Field[Any], ...]) -> None:
    names = [name for field in fields for name in (field.name, *field.aliases)]
    letters = [field.letter for field in fields if field.letter]
    assert len(names) == len(set(names))
    assert len(letters) == len(set(letters))
    assert all(field.help and field.title and field.width >= len(field.title.split()[0]) for field in fields)
    assert all(bool(field.choices) == (field.match is Match.CHOICE) for field in fields)


def test_the_columns_of_the_first_screen_fit_80_columns() -> None:
    columns = [field for field in VM_FIELDS if field.shown is Shown.ALWAYS]
    assert [field.title for field in columns] == ["VM", "STATE", "HOST", "CPU", "STEAL", "MEM", "LAT", "+"]
    assert 3 + sum(field.width for field in columns) + len(columns) - 1 <= 80
    titles = [field.title for field in HOST_FIELDS if field.shown is Shown.ALWAYS]
    assert titles == ["HOST", "CPU %", "STEAL", "USED/TOTAL", "SOLD", "IOWAIT", "POOL", "VMS", "N+1"]


def test_a_running_vm_is_told_in_the_units_that_people_say() -> None:
    row = a_row(a_vm(autostart=True, pending=True), some_rates(steal=11.0))
    texts = shown(row)
    assert texts["name"] == "web-1"
    assert texts["state"] == "on"
    assert texts["cpu"] == "3.3/4"
    assert texts["steal"] == "11"
    assert texts["mem"] == "1.7/2.0G"
    assert texts["lat"] == "4ms"
    assert texts["flags"] == "AN"
    assert texts["io"] == "1.0K/2.0K"
    assert VM["steal"].tone(row) is Tone.WARN


def test_memory_says_whose_figure_it_is() -> None:
    host_view = some_rates(memory_used=None, memory_total=8 * GIB, memory_rss=int(7.6 * GIB))
    assert VM["mem"].text(a_row(rates=host_view)) == "7.6h/8.0G"
    assert VM["mem"].text(a_row(rates=some_rates(memory_stale=True))) == "1.7~/2.0G"
    assert VM["mem"].json(a_row(rates=host_view)) is None
    assert VM["rss"].json(a_row(rates=host_view)) == int(7.6 * GIB)


@pytest.mark.parametrize(
    ("vm", "text"),
    [
        (a_vm(), "on"),
        (a_vm(reason=Reason.BOOTED), "on"),
        (a_vm(reason=Reason.POSTCOPY_FAILED), "on: post-copy failed"),
        (
            a_vm(state=VmState.PAUSED, reason=Reason.POSTCOPY_FAILED, job=Job("migration out", 8.0, ours=False)),
            "paused: post-copy failed",
        ),
        (a_vm(state=VmState.PAUSED, reason=Reason.IO_ERROR), "paused: I/O error"),
        (a_vm(state=VmState.PAUSED, reason=Reason.USER), "paused: by user"),
        (a_vm(state=VmState.PAUSED), "paused"),
        (a_vm(state=VmState.STOPPING, reason=Reason.SHUTTING_DOWN), "stopping: shutting down"),
        (a_vm(state=VmState.OFF), "off"),
        (a_vm(state=VmState.OFF, reason=Reason.SHUTDOWN), "off: shut down"),
        (a_vm(state=VmState.OFF, reason=Reason.CRASHED), "off: crashed"),
        (a_vm(state=VmState.OFF, reason=Reason.CRASHED, autostart=True), "off: crashed"),
        (a_vm(state=VmState.OFF, reason=Reason.SHUTDOWN, autostart=True), "off, should be on"),
        (a_vm(state=VmState.OFF, autostart=True, template=True), "off"),
        (a_vm(state=VmState.OFF, saved=True), "off: saved"),
        (a_vm(state=VmState.OFF, reason=Reason.SAVED), "off"),  # and what was saved is gone
        (a_vm(state=VmState.OFF, saved=True, since=Since(NOW - 3 * 86_400, exact=True)), "off: saved 3 d"),
        (a_vm(state=VmState.OFF, saved=True, since=Since(NOW - 60, exact=True)), "off: saved 14:02"),
        (a_vm(state=VmState.OFF, saved=True, since=Since(NOW - 60, exact=False)), "off: saved"),
        (a_vm(state=VmState.CRASHED, reason=Reason.PANICKED), "crashed: panicked"),
        (a_vm(state=VmState.CRASHED, reason=Reason.CRASHED), "crashed"),
        (a_vm(state=VmState.SUSPENDED), "suspended"),
        (a_vm(state=VmState.UNKNOWN), "unknown"),
        (a_vm(job=Job("migration out", 61.2, ours=True)), "migration out, 61 %"),
        (a_vm(job=Job("backup", None, ours=False)), "backup"),
    ],
)
def test_a_state_is_told_with_its_reason(vm: object, text: str) -> None:
    assert VM["state"].text(a_row(vm)) == text  # type: ignore[arg-type]


def test_a_guest_that_was_asked_to_shut_down_is_stopping() -> None:
    assert VM["state"].text(a_row(stopping=NOW - 540)) == "stopping since 13:54"
    assert VM["state"].text(a_row(a_vm(state=VmState.OFF), stopping=NOW - 540)) == "off"


def test_a_silent_hosts_vm_is_what_it_was_and_its_figures_are_not_known() -> None:
    row = a_row(rates=some_rates(), kind=ConditionKind.SILENT)
    texts = shown(row)
    assert texts["state"] == "on at 14:02:53"
    assert [texts[name] for name in ("cpu", "steal", "mem", "lat", "io", "net")] == ["-"] * 6
    assert VM["cpu"].json(row) is None
    assert VM["seen"].json(row) == {"live": False, "at": "2025-11-22T14:02:53Z"}
    assert VM["state"].tone(row) is Tone.MUTED


@pytest.mark.parametrize("state", [VmState.OFF, VmState.PAUSED, VmState.CRASHED])
def test_what_does_not_run_has_no_figures(state: VmState) -> None:
    texts = shown(a_row(a_vm(state=state), some_rates(stalled=True)))
    assert [texts[name] for name in ("cpu", "steal", "mem", "lat")] == ["-"] * 4


def test_missing_is_never_zero_and_zero_is_never_missing() -> None:
    zero = shown(a_row(rates=some_rates(cpu_cores=0.0, steal=0.0, read_bps=0.0, write_bps=0.0, latency_ms=None)))
    assert (zero["cpu"], zero["steal"], zero["io"], zero["lat"]) == ("0.0/4", "0", "0/0", "-")
    gone = shown(a_row(rates=some_rates(cpu_cores=None, steal=None, read_bps=None, write_bps=None)))
    assert (gone["cpu"], gone["steal"], gone["io"]) == ("-", "-", "-")


def test_a_stall_is_said_and_sorted_as_the_worst_latency() -> None:
    stalled, slow = a_row(rates=some_rates(stalled=True)), a_row(rates=some_rates(latency_ms=900.0))
    assert VM["lat"].text(stalled) == "stall"
    assert VM["lat"].tone(stalled) is Tone.BAD
    assert VM["lat"].sort(stalled) < VM["lat"].sort(slow)


def test_flags_have_a_letter_each() -> None:
    overlay = Disk("vda", "disk", "virtio", "file", "/a", "qcow2", overlay=True)
    vm = a_vm(
        autostart=True,
        pending=True,
        disks=(overlay,),
        job=Job("save", None, ours=True),
        immovable=("a passed-through device",),
        persistent=False,
        template=True,
    )
    assert VM["flags"].text(a_row(vm)) == "ANSJPTL"
    assert VM["flags"].text(a_row(a_vm(snapshots=2))) == "S"
    assert VM["flags"].json(a_row(a_vm(snapshots=0))) == []


def test_the_address_that_helps_most_is_shown() -> None:
    ips = ("127.0.0.1", "fe80::1", "2001:db8::6", "10.0.0.6")
    addresses = tuple(Address(ip, "52:54:00:00:00:01", AddressSource.LEASE, NOW) for ip in ips)
    assert VM["ip"].text(a_row(a_vm(addresses=addresses))) == "10.0.0.6 +3"
    assert VM["ip"].text(a_row(a_vm(addresses=addresses[:3]))) == "2001:db8::6 +2"
    assert VM["ip"].text(a_row()) == "-"


def test_names_sort_as_people_count_and_missing_is_last_both_ways() -> None:
    rows = [a_row(a_vm(name)) for name in ("web-10", "Web-2", "web-1", "db")]
    name = VM["name"]
    assert [row.vm.name for row in sorted(rows, key=name.sort)] == ["db", "web-1", "Web-2", "web-10"]
    down = sorted(rows, key=lambda row: name.sort(row, reverse=True))
    assert [row.vm.name for row in down] == ["web-10", "Web-2", "web-1", "db"]

    loads = [a_row(rates=some_rates(cpu_cores=cores)) for cores in (None, 1.0, 3.0)]
    cpu = VM["cpu"]
    assert [cpu.text(row) for row in sorted(loads, key=cpu.sort)] == ["3.0/4", "1.0/4", "-"]
    up = sorted(loads, key=lambda row: cpu.sort(row, reverse=True))
    assert [cpu.text(row) for row in up] == ["1.0/4", "3.0/4", "-"]


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=6)))
def test_reversed_is_the_other_way_round_for_every_text(names: list[str]) -> None:
    field = VM["title"]
    rows = [a_row(a_vm(title=name)) for name in names if name]
    forwards = [field.sort(row) for row in sorted(rows, key=field.sort)]
    backwards = [field.sort(row) for row in sorted(rows, key=lambda row: field.sort(row, reverse=True))]
    assert forwards == backwards[::-1]


def test_a_host_is_told_as_in_the_sketch() -> None:
    load = HostRates(NOW, 75.6, 2.0, 184 * GIB, 256 * GIB, None, 41 * 86_400.0, steal=11.2)
    entry = an_entry(vms=[a_vm("a"), a_vm("b", VmState.OFF)], load=load, pools=(a_pool(),))
    row = HostRow(entry, a_fleet(entry), NOW)
    texts = {field.name: field.text(row) for field in HOST_FIELDS}
    assert texts["cpu"] == "76"
    assert texts["steal"] == "11"
    assert texts["used"] == "184/256G"
    assert texts["sold"] == "3 %"
    assert texts["iowait"] == "2 %"
    assert (texts["pool"], texts["pool_name"]) == ("61 %", "nvme")
    assert (texts["vms"], texts["active"]) == ("2", "1")
    assert texts["n1"] == "-"
    assert texts["uptime"] == "~41 d"
    assert (texts["libvirt"], texts["qemu"]) == ("9.0.0", "8.2.1")
    assert texts["condition"] == "up"


def test_a_host_says_how_many_of_its_connections_over_ssh_are_in_use() -> None:
    entry = replace(an_entry(), ssh=SshUse(logins=2, connections=9, room=16))
    row = HostRow(entry, a_fleet(entry), NOW)
    assert HOST["ssh"].text(row) == "9 of 16"
    assert HOST["ssh"].json(row) == {"logins": 2, "connections": 9, "room": 16}
    assert filters.parse("ssh>8", HOST_FIELDS).matches(row)


def test_a_silent_host_says_since_when_and_its_figures_are_not_known() -> None:
    load = HostRates(NOW, 75.6, 2.0, 184 * GIB, 256 * GIB, None, None)
    entry = an_entry(vms=[a_vm()], load=load, pools=(a_pool(),), kind=ConditionKind.SILENT)
    row = HostRow(entry, a_fleet(entry), NOW)
    assert HOST["condition"].text(row) == "no answer since 14:02:53"
    unknown = [HOST[name].text(row) for name in ("cpu", "steal", "used", "sold", "iowait", "pool", "n1", "uptime")]
    assert unknown == ["-"] * 8
    assert HOST["vms"].text(row) == "1"


def test_a_host_that_was_never_read_has_a_row() -> None:
    denied = Condition(ConditionKind.DENIED, NOW - 7, "no key fits", "Add a key to the agent.")
    entry = HostEntry("hv9", "qemu+ssh://hv9/system", denied)
    row = HostRow(entry, a_fleet(entry), NOW)
    texts = {field.name: field.text(row) for field in HOST_FIELDS}
    assert texts["condition"] == "denied: no key fits"
    assert texts["vms"] == texts["model"] == texts["libvirt"] == texts["ssh"] == "-"
    assert vm_rows(row.fleet, NOW) == []
    json.dumps({field.name: field.json(row) for field in HOST_FIELDS})


def test_a_task_is_told_with_its_outcome() -> None:
    done = a_task(message="done in 1.2 s")
    assert [TASK[name].text(done) for name in ("started", "task", "vm", "host", "phase", "took")] == [
        "22 Nov 14:02",
        "start",
        "web-1",
        "hv1",
        "done",
        "1.2 s",
    ]
    running = a_task(phase=TaskPhase.RUNNING, ended=None, percent=61.0)
    assert TASK["phase"].text(running) == "running 61 %"
    assert TASK["took"].text(running) == "-"
    assert TASK["phase"].tone(a_task(phase=TaskPhase.UNKNOWN)) is Tone.BAD


def test_rows_know_where_they_are_from() -> None:
    ref = VmRef("hv1", "uuid-of-web-1")
    rates = some_rates()
    fleet = a_fleet(
        an_entry(vms=[a_vm()], rates={ref.uuid: rates}),
        an_entry("hv2", [a_vm()]),
        stopping={ref: NOW - 9},
    )
    rows = vm_rows(fleet, NOW)
    assert [row.key for row in rows] == [ref, VmRef("hv2", ref.uuid)]
    assert [(row.rates, row.stopping) for row in rows] == [(rates, NOW - 9), (None, None)]
    assert vm_row(fleet, ref, NOW) == rows[0]
    assert vm_row(fleet, VmRef("hv3", ref.uuid), NOW) is None
    assert [row.key for row in host_rows(fleet, NOW)] == ["hv1", "hv2"]


def hostile_vm_row(text: str) -> VmRow:
    vm = a_vm(
        name=text,
        uuid=text,
        title=text,
        description=text,
        tags=(text, text),
        owner=text,
        os=text,
        firmware=text,
        machine=text,
        arch=text,
        accel=text,
        cpu_model=text,
        job=Job(text, 1.0, ours=False),
        disks=(Disk(text, "disk", text, text, text, text),),
        nics=(Nic(text, text, text, text, text),),
        addresses=(Address(text, text, AddressSource.AGENT, NOW),),
        immovable=(text,),
    )
    return VmRow(HostEntry(text, text, Condition(ConditionKind.UP, NOW)), vm, None, None, NOW)


def hostile_host_row(text: str, kind: ConditionKind) -> HostRow:
    host = a_host(text, hostname=text, uuid=text, cpu_model=text, arch=text, driver=text)
    state = HostState(NOW, host, {}, {}, pools=(a_pool(text),))
    entry = HostEntry(text, text, Condition(kind, NOW, text, text), state, groups=(text,))
    return HostRow(entry, a_fleet(entry), NOW)


def hostile_task(text: str) -> TaskView:
    names = ("id", "command", "label", "host", "host_uuid", "vm", "vm_uuid", "user", "message", "virsh")
    return a_task(**dict.fromkeys(names, text))


def test_a_host_that_is_not_used_says_why_and_one_that_a_person_let_go_does_not() -> None:
    host = an_entry()
    condition = Condition(ConditionKind.DISCONNECTED, NOW, "It is the same host as hv2, which is open already.")
    said = {one.name: one for one in HOST_FIELDS}["condition"].text
    row = HostRow(replace(host, condition=condition), a_fleet(), NOW)
    assert said(row) == "disconnected: It is the same host as hv2, which is open already."
    row = HostRow(replace(host, condition=replace(condition, why="")), a_fleet(), NOW)
    assert said(row) == "disconnected"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_harmless_in_every_field(text: str) -> None:
    rows: list[tuple[tuple[Field[Any], ...], object]] = [
        (VM_FIELDS, hostile_vm_row(text)),
        (HOST_FIELDS, hostile_host_row(text, ConditionKind.UP)),
        (HOST_FIELDS, hostile_host_row(text, ConditionKind.DOWN)),
        (TASK_FIELDS, hostile_task(text)),
    ]
    for fields, row in rows:
        for field in fields:
            told = field.text(row)
            assert told == safe(told, limit=len(told)), field.name
            assert len(told) <= 400, field.name
            assert json.loads(json.dumps(field.json(row))) == field.json(row), field.name
            assert field.sort(row) <= field.sort(row, reverse=False)
            assert isinstance(field.tone(row), Tone)


def test_json_keeps_text_as_it_is() -> None:
    assert VM["name"].json(a_row(a_vm("\x1b[31m"))) == "\x1b[31m"
