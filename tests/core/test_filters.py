from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.core.errors import FilterError
from kvmtui.core.fields import HOST_FIELDS, VM_FIELDS, VmRow, host_rows
from kvmtui.core.filters import Filter, parse
from kvmtui.core.inventory import Address, AddressSource, ConditionKind, Disk, Nic, VmState
from tests.core.makers import GIB, HOSTILE, NOW, a_fleet, a_row, a_vm, an_entry, some_rates

WEB = a_row(
    a_vm(
        "web-1",
        uuid="6f1ee8a0-5a4c-4d8e-9f3f-0a1b2c3d4e5f",
        memory=4 * GIB,
        tags=("web", "Prod"),
        os="Debian 12",
        disks=(Disk("vda", "disk", "virtio", "file", "/srv/vm/web one.qcow2", "qcow2"),),
        nics=(Nic("52:54:00:AA:BB:01", "vnet0", "virtio", "network", "default"),),
        addresses=(Address("10.0.0.6", "52:54:00:aa:bb:01", AddressSource.LEASE, NOW),),
    ),
    some_rates(cpu_cores=3.3, memory_used=3 * GIB, latency_ms=4.2, steal=None),
)
OFF = a_row(a_vm("test-2", VmState.OFF, uuid="00000000-0000-0000-0000-000000000002"))
LOST = a_row(a_vm("db", uuid="00000000-0000-0000-0000-000000000003"), some_rates(), kind=ConditionKind.SILENT)
ROWS = (WEB, OFF, LOST)


def read(text: str) -> Filter[VmRow] | FilterError:
    """Return the filter, or why there is none."""
    try:
        return parse(text, VM_FIELDS)
    except FilterError as error:
        return error


def matches(text: str, row: VmRow = WEB) -> bool:
    return parse(text, VM_FIELDS).matches(row)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "web",
        "WEB-1",
        "hv1",
        "10.0.0.6",
        "52:54:00:aa:bb:01",
        "6f1ee8a0",
        "/srv/vm",
        '"web one"',
        "prod",
        "debian",
        "web hv1 prod",
        "cpu>80",
        "cpu>=82.5",
        "cpu<83%",
        "cpu:82",
        "state:running",
        "state:run",
        "state:on",
        "state=ON",
        "state!=off",
        "host:hv1",
        "host=HV1",
        "name:eb",
        "name!=eb",
        "vm:web",
        "tag:web",
        "tags=prod",
        "mem>=3G",
        "mem=3G",
        "memory:4G",
        "memory<4.1GiB",
        "lat>4",
        "lat<5ms",
        "lat<1s",
        "vcpus=4",
        "vcpus!=5",
        "steal!=5",
        'owner=""',
        "-name:test",
        "-test",
        "-cpu>90",
        "-steal>0",
        'os:"debian 12"',
        "os:'Debian 12'",
        'disk:"web one"',
        "mac:52:54:00",
        "cpu>80 state:running host:hv1 tag:web mem>=2G -name:test",
        "-(nothing)",
    ],
)
def test_what_is_so_matches(text: str) -> None:
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "db",
        "web db",
        "-web",
        "cpu>90",
        "cpu:84",
        "state:off",
        "state:stale",
        "host=hv",
        "name=web",
        "tag:db",
        "mem>3G",
        "memory:5G",
        "lat>5",
        "steal>0",
        "steal<100",
        "steal=0",
        'tag=""',
        "-state:running",
        "fe80::1",
        "aa:bb:cc:dd:ee:ff",
    ],
)
def test_what_is_not_so_does_not(text: str) -> None:
    assert not matches(text)


def test_what_is_not_known_is_neither_more_nor_less_nor_equal() -> None:
    for row in (OFF, LOST):
        for text in ("cpu>0", "cpu<=100", "cpu=0", "mem<1P", "lat>=0"):
            assert not matches(text, row)
            assert matches(f"-{text}", row)
        assert matches('cpu=""', row)


def test_a_silent_hosts_vms_can_be_found() -> None:
    assert matches("state:stale", LOST)
    assert matches("state:running", LOST)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("cpuu>4", 0, "Did you mean cpu?"),
        ("web stat:on", 4, "Did you mean state?"),
        ("-tagg:x", 1, "Did you mean tag?"),
        ("state:runing", 6, "Did you mean running?"),
        ("zzz:1", 0, "There are name, state,"),
        ("name>a", 0, "Use name:"),
        ("state>on", 0, "Use state:"),
        ("cpu>lots", 4, "cpu>80"),
        ("lat>5m", 4, "lat>80"),
        ("mem>4X", 4, "mem>4G"),
        ("mem>", 3, "needs something"),
        ("web -", 4, "nothing after the minus"),
        ('name:"a', 5, "quote"),
        ("a 'b", 2, "quote"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, column: int, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, VM_FIELDS)
    assert caught.value.column == column
    assert says in str(caught.value)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_filter_is_harmless(text: str) -> None:
    for filter_text in (text, f"state:{text}", f"cpu>{text}", f"-{text}:x"):
        found = read(filter_text)
        if isinstance(found, FilterError):
            assert str(found).isprintable()
            assert len(str(found)) < 900
        else:
            assert found.matches(WEB) in (True, False)


def test_hosts_are_filtered_in_the_same_words() -> None:
    rows = host_rows(a_fleet(an_entry("hv1"), an_entry("hv2", kind=ConditionKind.SILENT)), NOW)
    for text in ("hv2", "condition:silent", 'state:"not answering"', "-condition:up"):
        found = parse(text, HOST_FIELDS)
        assert [found.matches(row) for row in rows] == [False, True]
    assert parse("n+1:-", HOST_FIELDS).matches(rows[1])


names = st.sampled_from([name for field in VM_FIELDS for name in (field.name, *field.aliases)])
operators = st.sampled_from((":", "=", "!=", ">", ">=", "<", "<="))
words = st.sampled_from(("web", "4G", "80%", "5ms", "on", "running", "yes", '"a b"', "'x", "", "-", "10.0.0.6", "2"))
parts = st.builds("{}{}{}{}".format, st.sampled_from(("", "-")), names, operators, words | st.text(max_size=5))
filter_texts = st.lists(parts | words | st.text(max_size=12), max_size=4).map(" ".join)


@given(filter_texts)
def test_any_text_is_read_or_refused_at_a_place_in_it_and_matching_never_raises(text: str) -> None:
    found = read(text)
    if isinstance(found, FilterError):
        assert 0 <= found.column < len(text)
        assert found.text
        assert found.hint
        return
    assert found.text == text
    for row in ROWS:
        assert isinstance(found.matches(row), bool)
    assert parse(found.text, VM_FIELDS).matches(WEB) == found.matches(WEB)


@given(st.builds("{}{}{}".format, names, operators, words) | words)
def test_negation_is_the_complement(text: str) -> None:
    found, other = read(text), read(f"-{text}")
    if isinstance(found, FilterError) or isinstance(other, FilterError):
        return
    if found:
        assert all(found.matches(row) != other.matches(row) for row in ROWS)


@given(filter_texts, filter_texts)
def test_two_filters_in_one_line_must_both_hold(one: str, other: str) -> None:
    first, second, both = read(one), read(other), read(f"{one} {other}")
    if isinstance(first, FilterError) or isinstance(second, FilterError) or isinstance(both, FilterError):
        return
    for row in ROWS:
        assert both.matches(row) == (first.matches(row) and second.matches(row))


@given(names, operators)
def test_a_mistyped_field_suggests_the_nearest(name: str, operator: str) -> None:
    mistyped = name[0] + name[:-1] + "zz" if len(name) > 4 else name + "z"
    with pytest.raises(FilterError) as caught:
        parse(f"{mistyped}{operator}1", VM_FIELDS)
    assert "Did you mean" in caught.value.hint
