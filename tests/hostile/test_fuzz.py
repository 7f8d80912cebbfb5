"""What reads anything that somebody else wrote takes any bytes: a value, or the one error that it is known to raise."""

from __future__ import annotations

import json
import resource
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kvmtui.backend.libvirt import errors
from kvmtui.backend.libvirt.xml import capabilities, devices, domcaps, moving, reading, vm, volume
from kvmtui.commands.duration import seconds_in
from kvmtui.commands.keycodes import chords_in, keys_fault
from kvmtui.config import Arguments, Settings, load
from kvmtui.core.errors import BackendError, ConfigError, FilterError
from kvmtui.core.fields import HOST_FIELDS, TASK_FIELDS, VM_FIELDS, VmRow
from kvmtui.core.filters import Filter, parse
from kvmtui.core.text import cell_width, safe
from kvmtui.core.units import parse_size, size
from kvmtui.emulator import Emulator
from kvmtui.host_choice import Machine
from kvmtui.journal import Journal
from kvmtui.screens.page import Page
from kvmtui.state_file import StateFile
from kvmtui.widgets.driver import Decoder
from tests.core.makers import a_row, a_vm
from tests.hostile.corpus import TEXTS
from tests.hostile.painting import assert_harmless
from tests.screens.harness import desk

if TYPE_CHECKING:
    from collections.abc import Callable

# The same examples in every run: what a machine of CI finds is found here, too.
FEW = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))

hostile = st.sampled_from(TEXTS)
texts = st.one_of(hostile, st.text(max_size=60), st.lists(hostile, max_size=4).map("".join))
raw = st.one_of(st.binary(max_size=80), texts.map(lambda text: text.encode("utf-8", "replace")))


# --- the emulator


def screen_of(emulator: Emulator) -> list[str]:
    return [emulator.text(y) for y in range(-emulator.history_length, emulator.rows)]


@MANY
@given(st.lists(raw, max_size=12), st.lists(st.integers(1, 7), min_size=1, max_size=8))
def test_the_emulator_takes_any_bytes_however_they_are_cut(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    whole, cut = Emulator(20, 5, history=50), Emulator(20, 5, history=50)
    whole.feed(data)
    at = number = 0
    while at < len(data):
        step = cuts[number % len(cuts)]
        cut.feed(data[at : at + step])
        at += step
        number += 1
    assert screen_of(whole) == screen_of(cut)
    assert (whole.cursor, whole.take_replies()) == (cut.cursor, cut.take_replies())
    for line in screen_of(whole):
        assert_harmless(line)
        assert cell_width(line) <= 20


def test_the_emulators_memory_is_bounded() -> None:
    emulator = Emulator(80, 24, history=200)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for opening in (
        b"\x1b]0;",
        b"\x1bP",
        b"\x1b_",
        b"\x1b[" + b"1;" * 10,
        b"e" + "\u0301".encode() * 50,
        b"x\r\n",
        b"\x1b[6n",
    ):
        emulator.feed(opening)
        for _ in range(8):
            emulator.feed(opening * 1000)
        emulator.take_replies()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 60_000, f"{grown} KiB"
    assert emulator.history_length <= 200


# --- the filter language


def parsed(text: str) -> Filter[VmRow] | FilterError:
    try:
        return parse(text, VM_FIELDS)
    except FilterError as error:
        return error


@MANY
@given(texts)
@example("cpu>" + "9" * 5000)
@example("mem>=" + "9" * 400 + "G")
@example("mem=1." + "0" * 5000)
@example("-" * 5000)
@example("name:" * 2000)
def test_a_filter_is_understood_or_refused_in_one_sentence(text: str) -> None:
    row = a_row(a_vm(text))
    found = parsed(text)
    if isinstance(found, FilterError):
        assert found.text.endswith(".")
        assert "\n" not in found.text
        assert 0 <= found.column <= len(text)
        assert_harmless(found.text)
        return
    found.matches(row)
    again = parse(found.text, VM_FIELDS)
    assert again.matches(row) == found.matches(row)


@MANY
@given(hostile, st.sampled_from([field.name for field in VM_FIELDS]), st.sampled_from([":", "=", "!=", ">", "<="]))
def test_each_field_may_be_compared_with_anything(text: str, field: str, operator: str) -> None:
    quote = "'" if "'" not in text else '"'
    if quote in text:
        return
    line = f"{field}{operator}{quote}{text}{quote}"
    found = parsed(line)
    if not isinstance(found, FilterError):
        found.matches(a_row(a_vm(text)))
    for fields in (HOST_FIELDS, TASK_FIELDS):
        with suppress(FilterError):
            parse(line, fields)  # type: ignore[misc]


@pytest.mark.parametrize("text", TEXTS[::9])
def test_a_vm_is_found_by_its_quoted_name(text: str) -> None:
    if '"' not in text and text:
        assert parse(f'name="{text}"', VM_FIELDS).matches(a_row(a_vm(text)))
        assert not parse(f'-name="{text}"', VM_FIELDS).matches(a_row(a_vm(text)))


# --- the configuration


def loaded(data: bytes) -> Settings | ConfigError:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(data)
        try:
            return load(Arguments(config=path), machine=Machine(hostname="desk"))
        except ConfigError as error:
            return error


KEYS = [
    "label",
    "read_only",
    "hosts",
    "groups",
    "ui",
    "monitor",
    "tasks",
    "keys",
    "policy",
    "uri",
    "guard",
    "refresh",
    "x",
]
values = st.one_of(
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    hostile.filter(lambda text: text.isprintable()).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.sampled_from(
        ['"4G"', "[]", "{}", '["a"]', "1979-05-27", "inf", "nan", '{uri="x"}', '{a={uri="qemu:///system"}}']
    ),
).map(lambda value: str(value).lower() if isinstance(value, bool | float) else str(value))
lines = st.one_of(
    st.tuples(st.sampled_from(KEYS), values).map(lambda pair: f"{pair[0]} = {pair[1]}"),
    st.sampled_from(
        ["[hosts.hv1]", "[ui]", "[monitor]", "[tasks]", "[keys]", "[policy]", "[groups]", "[hosts]", "[x]"]
    ),
    hostile,
)


@MANY
@given(st.one_of(st.lists(lines, max_size=8).map(lambda many: "\n".join(many).encode("utf-8", "replace")), raw))
@example(b"a = " + b"[" * 5000)
@example(b"a = " + b"9" * 5000)
@example(b"[policy]\nhost_reserve = " + b"9" * 400)
@example(b'[policy]\nhost_reserve = "' + b"9" * 400 + b'G"')
@example(b"\xff\xfe")
def test_a_configuration_is_settings_or_one_sentence(data: bytes) -> None:
    found = loaded(data)
    if isinstance(found, ConfigError):
        assert found.text.rstrip().endswith((".", "?"))
        assert len(found.text) < 2000
    else:
        size(found.policy.host_reserve)
        assert 0.2 <= found.refresh <= 3600.0


# --- XML

DOMAIN = """<domain type='kvm' id='7'><name>win-1</name><uuid>11111111-1111-4111-8111-111111111111</uuid>
<title>t</title>
<metadata><k:vm xmlns:k="https://kvmtui.dev/xmlns/1"><k:tag>prod</k:tag></k:vm></metadata>
<memory unit='GiB'>16</memory><currentMemory unit='KiB'>8388608</currentMemory><vcpu current='2'>8</vcpu>
<os firmware='efi'><type arch='x86_64' machine='q35'>hvm</type><loader type='pflash'>/l</loader>
<nvram>/n</nvram></os>
<cpu mode='custom'><model>EPYC</model></cpu><devices><disk type='file' device='disk'><driver type='qcow2'/>
<source file='/a'><x/></source><backingStore type='file'><source file='/b'/></backingStore>
<target dev='vda' bus='virtio'/></disk>
<interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/>
<target dev='vnet0'/></interface>
<graphics type='vnc' port='5900' listen='127.0.0.1' passwd='x'><listen type='address' address='::1'/></graphics>
<console type='pty'><alias name='serial0'/></console><channel>
<target name='org.qemu.guest_agent.0' state='connected'/></channel>
<hostdev type='pci'/></devices></domain>"""
POOL = "<pool type='dir'><name>p</name><capacity unit='bytes'>1</capacity><target><path>/p</path></target></pool>"
VOLUME = """<volume type='file'><name>v</name><capacity unit='bytes'>9</capacity><target><path>/p/v</path>
<format type='qcow2'/></target></volume>"""
CAPS = """<capabilities><host><uuid>u</uuid><cpu><arch>x86_64</arch><model>m</model><feature name='f'/></cpu>
<topology><cells>
<cell id='0'><memory unit='KiB'>5</memory><pages unit='KiB' size='4'>7</pages><cpus><cpu id='0'/></cpus></cell>
</cells></topology>
</host><guest><arch><domain type='kvm'/></arch></guest></capabilities>"""
DOMCAPS = """<domainCapabilities><domain>kvm</domain><machine>q35</machine><arch>x86_64</arch><vcpu max='255'/><cpu>
<mode name='custom' supported='yes'><model usable='yes'>EPYC</model></mode></cpu><devices><disk supported='yes'>
<enum name='bus'><value>virtio</value></enum></disk></devices></domainCapabilities>"""
READERS: list[Callable[[str], object]] = [
    vm.read, vm.chain, devices.serial_line, devices.displays, volume.read, volume.read_pool, capabilities.read,
    capabilities.host_uuid, domcaps.read, moving.read, moving.pool, moving.volume, moving.host_cpu, moving.cpu_mode,
]  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document as libvirt writes it, with some of it replaced, cut or doubled."""
    text = draw(st.sampled_from([DOMAIN, POOL, VOLUME, CAPS, DOMCAPS]))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 12)))
        text = (
            text[:at]
            + draw(st.one_of(hostile, st.sampled_from([text[at:end] * 2, "9" * 400, "-1", "<", "&", "'", ""])))
            + text[end:]
        )
    return text


def read_all(text: str) -> None:
    for read in READERS:
        try:
            found = read(text)
        except BackendError:
            continue
        if isinstance(found, vm.Definition):
            row = a_row(
                a_vm(found.name, title=found.title, memory=found.memory, memory_max=found.memory_max, vcpus=found.vcpus)
            )
            for field in VM_FIELDS:
                assert_harmless(field.text(row))


@MANY
@given(st.one_of(documents(), texts))
def test_a_document_is_read_or_refused(text: str) -> None:
    read_all(text)


@pytest.mark.parametrize("text", [text for text in TEXTS if "<!" in text or "<?" in text])
def test_an_entity_bomb_ends_fast_and_opens_no_file(text: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    read_all(text)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime - before.ru_utime < 2.0
    assert after.ru_maxrss - before.ru_maxrss < 50_000
    root = reading.parse(text)
    assert root is None or "root:" not in "".join(root.itertext())


@FEW
@given(texts, texts, st.integers(0, 120), st.integers(0, 80))
def test_each_error_of_libvirt_becomes_a_sentence(message: str, host: str, code: int, domain: int) -> None:
    for opening in (True, False):
        for change in (True, False):
            error = errors.translate(errors.Fault(code, domain, message), host, change=change, opening=opening)
            assert isinstance(error, BackendError)
            assert error.text
            assert_harmless(safe(str(error)))


# --- files of our own that somebody else may have written


records = st.dictionaries(
    st.sampled_from(["kind", "id", "command", "label", "host", "started", "ended", "result", "process", "message"]),
    st.one_of(hostile, st.sampled_from(["begin", "end", "done", "unknown"]), st.floats(), st.integers(), st.none(),
              st.just({"pid": 10**30, "began": 5, "boot": [], "space": {}}), st.just([1]), st.booleans()),
)  # fmt: skip
LONG_AGO = {"kind": "end", "id": "a", "result": "done", "process": {"pid": 1, "began": 1}}


@MANY
@given(st.lists(st.one_of(raw, records.map(lambda record: json.dumps(record).encode())), max_size=6))
@example(
    [
        json.dumps(LONG_AGO | {"started": value}).encode()
        for value in (float("nan"), float("inf"), 1e300, 10**400, -1e18)
    ]
)
@example([json.dumps(LONG_AGO | {"started": 1.0, "ended": float("nan")}).encode()])
@example([b"[" * 100_000, b'{"a":' * 50_000])
def test_lines_of_a_journal_are_tasks_or_counted(lines: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        path.write_bytes(b"\n".join(lines))
        journal = Journal(path)
        for task in (*journal.read(), *journal.recent()):
            for field in TASK_FIELDS:
                assert_harmless(field.text(task))
                field.order(task)
                json.dumps(field.json(task))


@FEW
@given(
    st.one_of(
        raw, st.dictionaries(texts, st.one_of(st.none(), st.floats(), texts)).map(lambda it: json.dumps(it).encode())
    )
)
def test_a_state_file_is_read_or_ignored(data: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.json"
        path.write_bytes(data)
        state = StateFile(path)
        state.set("sort", "name")
        state.save()
        assert json.loads(path.read_text())["sort"] == "name"


async def test_a_state_file_of_another_kind_opens_the_program() -> None:
    for value in ("", "\x1b[2J", "no such", True):
        remembered = dict.fromkeys(
            ("sort", "grouping", "columns", "theme", "place", "reverse", "filters", "commands"), value
        )
        async with desk(remembered=remembered) as it:
            await it.until(lambda it=it: it.names)  # type: ignore[misc]


# --- what is typed


@MANY
@given(st.lists(texts, max_size=5), st.booleans())
def test_the_keys_decoder_takes_anything(pieces: list[str], literal: bool) -> None:
    now = [0.0]
    decoder = Decoder(clock=lambda: now[0])
    decoder.literal = literal
    for piece in pieces:
        decoder.feed(piece)
        now[0] += 0.03
    for _ in range(4):
        now[0] += 5.0
        decoder.tick()
    wait = decoder.wait
    assert wait is None or wait >= 0.0
    decoder.feed("\x1b[201~")
    now[0] += 10.0
    decoder.tick()
    assert decoder.feed("a")


async def test_any_line_after_the_colon_is_done_or_refused_and_changes_nothing() -> None:
    async with desk() as it:
        for number, text in enumerate(TEXTS[::7]):
            words = ("", "start ", "pause web-1 --", "migrate web-1 --to ", "theme ", "unlock ", "console ", "fleet ")
            line = words[number % len(words)] + text
            it.app._runner.complete(line)
            it.app._runner.run(line)
            it.app.clear_notifications()
            if not isinstance(it.app.screen, Page):
                await it.press("escape", "escape")
        await it.settle()
        assert it.app.is_running
        assert it.calls == []


@MANY
@given(texts)
@example("9" * 5000)
@example("9" * 400 + "E")
@example("1." + "9" * 5000)
@example("٣G")
def test_sizes_times_and_keys_are_understood_or_refused(text: str) -> None:
    with suppress(ValueError):
        size(parse_size(text))
    seconds_in(text)
    if not keys_fault(text):
        chords_in(text)


def test_nothing_here_takes_long() -> None:
    """A text of a megabyte is looked at once, not once for each of its characters."""
    began = time.process_time()
    for text in ("a" * 1_000_000, "\u0301" * 300_000, "<" * 1_000_000, "\x1b" * 300_000):
        safe(text)
        read_all(text[:100_000])
    assert time.process_time() - began < 10.0
