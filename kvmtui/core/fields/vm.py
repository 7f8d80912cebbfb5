"""The fields of a virtual machine."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from kvmtui.core import units
from kvmtui.core.fields.field import (
    Field,
    Json,
    Match,
    Shown,
    Tone,
    number_field,
    rising,
    size_field,
    text_field,
    yes_field,
)
from kvmtui.core.fields.vm_state import STATE_CHOICES, state_text, state_tone, state_words
from kvmtui.core.inventory import Address, Vm, VmState
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.core.rows import VmRow

STEAL_WARN = 5.0
STEAL_BAD = 10.0
STEAL_AWFUL = 30.0
CPU_WARN = 90.0
LATENCY_WARN = 25.0  # milliseconds
LATENCY_BAD = 75.0


def _flow_tone(row: VmRow) -> Tone:
    rates = row.measured
    return Tone.MUTED if rates is None or (rates.read_bps is None and rates.rx_bps is None) else Tone.NORMAL


def _plain_tone(row: VmRow) -> Tone:
    return Tone.NORMAL if row.live else Tone.MUTED


def _cores(row: VmRow) -> float | None:
    rates = row.measured
    return None if rates is None else rates.cpu_cores


def _cores_shown(row: VmRow) -> float | None:
    """Return the cores as they are written: VMs that show the same figure stand by name, and do not change places."""
    cores = _cores(row)
    return None if cores is None else round(cores, 1)


def _cpu(row: VmRow) -> float | None:
    rates = row.measured
    return None if rates is None else rates.cpu_percent


def _cpu_text(row: VmRow) -> str:
    rates = row.measured
    if rates is None or rates.cpu_cores is None:
        return units.UNKNOWN
    cores = rates.cpu_cores
    used = f"{cores:.1f}" if cores < 9.95 else f"{cores:.0f}"
    return f"{used}/{rates.vcpus}" if rates.vcpus else used


def _steal(row: VmRow) -> float | None:
    rates = row.measured
    return None if rates is None else rates.steal


def _guest_memory(row: VmRow) -> int | None:
    rates = row.measured
    return None if rates is None else rates.memory_used


def _host_memory(row: VmRow) -> int | None:
    rates = row.measured
    return None if rates is None else rates.memory_rss


def _memory(row: VmRow) -> int | None:
    rates = row.measured
    if rates is None:
        return None
    return rates.memory_rss if rates.memory_used is None else rates.memory_used


def _memory_text(row: VmRow) -> str:
    rates = row.measured
    if rates is None or (rates.memory_used is None and rates.memory_rss is None):
        return units.UNKNOWN
    total = rates.memory_total
    if rates.memory_used is None:
        return units.pair(rates.memory_rss, total, "h")
    return units.pair(rates.memory_used, total, "~" if rates.memory_stale else "")


def _memory_tone(row: VmRow) -> Tone:
    rates = row.measured
    if rates is None or rates.memory_used is None or not rates.memory_total or rates.memory_stale:
        return Tone.MUTED
    return rising(100.0 * rates.memory_used / rates.memory_total, 90.0, 97.0)


def _latency(row: VmRow) -> float | None:
    rates = row.measured
    return None if rates is None else rates.latency_ms


def is_stalled(row: VmRow) -> bool:
    """Whether a device of a VM that runs has stopped completing requests."""
    rates = row.measured
    return rates is not None and rates.stalled and row.vm.state is VmState.RUNNING


def _latency_order(row: VmRow) -> float | None:
    return 1e12 if is_stalled(row) else _latency(row)


def _read(row: VmRow) -> float | None:
    rates = row.measured
    return None if rates is None else rates.read_bps


def _write(row: VmRow) -> float | None:
    rates = row.measured
    return None if rates is None else rates.write_bps


def _rx(row: VmRow) -> float | None:
    rates = row.measured
    return None if rates is None else rates.rx_bps


def _tx(row: VmRow) -> float | None:
    rates = row.measured
    return None if rates is None else rates.tx_bps


def _iops(row: VmRow) -> float | None:
    rates = row.measured
    return None if rates is None else rates.iops


def _taps(row: VmRow) -> tuple[str, ...]:
    return tuple([nic.target for nic in row.vm.nics if nic.target])


def _both(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _two(one: float | None, other: float | None) -> str:
    return units.UNKNOWN if one is None and other is None else f"{units.size(one)}/{units.size(other)}"


_FLAGS = (
    ("A", "autostart"),
    ("N", "definition differs"),
    ("S", "snapshot or overlay"),
    ("J", "job"),
    ("P", "cannot move live"),
    ("T", "transient"),
    ("L", "template"),
)


def _flags(row: VmRow) -> str:
    vm = row.vm
    letters = "A" if vm.autostart else ""
    if vm.pending:
        letters += "N"
    if vm.snapshots or any(disk.overlay for disk in vm.disks):
        letters += "S"
    if vm.job is not None:
        letters += "J"
    if vm.immovable:
        letters += "P"
    if not vm.persistent:
        letters += "T"
    if vm.template:
        letters += "L"
    return letters


def _flag_words(row: VmRow) -> tuple[str, ...]:
    letters = _flags(row)
    return tuple(letter for letter in letters) + tuple(word for letter, word in _FLAGS if letter in letters)


def _flag_json(row: VmRow) -> Json:
    letters = _flags(row)
    return [word for letter, word in _FLAGS if letter in letters]


def best_address(vm: Vm) -> Address | None:
    """Return the address to show first: IPv4 before IPv6, and none that only the guest itself or its link knows."""
    best: Address | None = None
    worst = 9
    for address in vm.addresses:
        ip = address.ip
        rank = 2 if ":" in ip else 0
        if ip.startswith(("127.", "169.254.", "fe80", "::1")):
            rank += 3
        if rank < worst:
            best, worst = address, rank
    return best


def _ip_order(row: VmRow) -> str | None:
    address = best_address(row.vm)
    return None if address is None else address.ip


def _ip_text(row: VmRow) -> str:
    address = best_address(row.vm)
    if address is None:
        return units.UNKNOWN
    more = len(row.vm.addresses) - 1
    return safe(address.ip, limit=60) + (f" +{more}" if more else "")


def _ip_json(row: VmRow) -> Json:
    return [
        {"ip": one.ip, "mac": one.mac, "source": one.source.value, "at": units.iso(one.at)} for one in row.vm.addresses
    ]


def _disks(row: VmRow) -> tuple[str, ...]:
    return tuple([disk.source for disk in row.vm.disks if disk.source])


def _disk_json(row: VmRow) -> Json:
    return [
        {
            "target": disk.target,
            "device": disk.device,
            "bus": disk.bus,
            "kind": disk.kind,
            "source": disk.source,
            "format": disk.format,
            "readonly": disk.readonly,
            "shareable": disk.shareable,
            "overlay": disk.overlay,
        }
        for disk in row.vm.disks
    ]


def _macs(row: VmRow) -> tuple[str, ...]:
    return tuple([nic.mac for nic in row.vm.nics])


def _listed(texts: tuple[str, ...]) -> str:
    return safe(", ".join(texts)) if texts else units.UNKNOWN


def _since_text(row: VmRow) -> str:
    since = row.vm.since
    if since is None:
        return units.UNKNOWN
    when = units.day_or_time(since.at, row.now)
    return when if since.exact else f"before {when}"


def _since_json(row: VmRow) -> Json:
    since = row.vm.since
    return None if since is None else {"at": units.iso(since.at), "exact": since.exact}


VM_FIELDS: tuple[Field[VmRow], ...] = (
    Field(
        name="name",
        title="VM",
        help="The VM's name",
        width=17,
        text=lambda row: safe(row.vm.name),
        value=lambda row: row.vm.name,
        json=lambda row: row.vm.name,
        order=lambda row: row.vm.name,
        tone=_plain_tone,
        shown=Shown.ALWAYS,
        letter="n",
        aliases=("vm",),
        word=True,
    ),
    Field(
        name="state",
        title="STATE",
        help="What it does, and why; of a host that does not answer, what it did last",
        width=19,
        text=state_text,
        value=state_words,
        json=lambda row: row.vm.state.value,
        order=state_text,
        tone=state_tone,
        match=Match.CHOICE,
        choices=STATE_CHOICES,
        shown=Shown.ALWAYS,
        letter="s",
    ),
    Field(
        name="host",
        title="HOST",
        help="The host it is on or defined on",
        width=5,
        text=lambda row: safe(row.entry.name),
        value=lambda row: row.entry.name,
        json=lambda row: row.entry.name,
        order=lambda row: row.entry.name,
        tone=_plain_tone,
        shown=Shown.ALWAYS,
        letter="h",
        word=True,
    ),
    Field(
        name="cpu",
        title="CPU",
        help="Cores used of its vCPUs; the filter and JSON use percent of its vCPUs",
        width=6,
        right=True,
        text=_cpu_text,
        value=_cpu,
        json=_cpu,
        order=_cores_shown,
        tone=lambda row: rising(_cpu(row), CPU_WARN, inf),  # to be busy is no fault
        match=Match.PERCENT,
        shown=Shown.ALWAYS,
        letter="c",
    ),
    Field(
        name="steal",
        title="STEAL",
        help="Percent of the time its vCPUs could run but waited for a CPU",
        width=5,
        right=True,
        text=lambda row: units.whole(_steal(row)),
        value=_steal,
        json=_steal,
        order=_steal,
        tone=lambda row: rising(_steal(row), STEAL_BAD, STEAL_AWFUL),
        match=Match.PERCENT,
        shown=Shown.ALWAYS,
        letter="t",
    ),
    Field(
        name="mem",
        title="MEM",
        help="Memory in use: available minus usable in the guest; h: the host's view; ~: an old figure",
        width=10,
        right=True,
        text=_memory_text,
        value=_memory,
        json=_guest_memory,
        order=_memory,
        tone=_memory_tone,
        match=Match.SIZE,
        shown=Shown.ALWAYS,
        letter="m",
    ),
    Field(
        name="lat",
        title="LAT",
        help="Latency of the slowest disk over 10 s; stall: a busy disk completes nothing any more",
        width=5,
        right=True,
        text=lambda row: "stall" if is_stalled(row) else units.latency(_latency(row)),
        value=_latency_order,
        json=_latency,
        order=_latency_order,
        tone=lambda row: rising(_latency_order(row), LATENCY_WARN, LATENCY_BAD),
        match=Match.TIME,
        shown=Shown.ALWAYS,
        letter="l",
        aliases=("latency",),
    ),
    Field(
        name="flags",
        title="+",
        help=", ".join(f"{letter} {word}" for letter, word in _FLAGS),
        width=3,
        text=_flags,
        value=_flag_words,
        json=_flag_json,
        order=lambda row: _flags(row) or None,
        tone=lambda _row: Tone.MUTED,
        shown=Shown.ALWAYS,
    ),
    Field(
        name="io",
        title="DISK r/w",
        help="Bytes read and written per second",
        width=9,
        right=True,
        text=lambda row: _two(_read(row), _write(row)),
        value=lambda row: _both(_read(row), _write(row)),
        json=lambda row: {"read": _read(row), "write": _write(row), "iops": _iops(row)},
        order=lambda row: _both(_read(row), _write(row)),
        tone=_flow_tone,
        match=Match.SIZE,
        shown=Shown.WIDE,
        letter="d",
    ),
    Field(
        name="net",
        title="NET rx/tx",
        help="Bytes received and sent per second, as the guest sees it",
        width=9,
        right=True,
        text=lambda row: _two(_rx(row), _tx(row)),
        value=lambda row: _both(_rx(row), _tx(row)),
        json=lambda row: {"rx": _rx(row), "tx": _tx(row)},
        order=lambda row: _both(_rx(row), _tx(row)),
        tone=_flow_tone,
        match=Match.SIZE,
        shown=Shown.WIDE,
        letter="w",
    ),
    Field(
        name="ip",
        title="IP",
        help="Its first address, from a lease or the guest's agent",
        width=15,
        text=_ip_text,
        value=lambda row: tuple([one.ip for one in row.vm.addresses]),
        json=_ip_json,
        order=_ip_order,
        tone=_plain_tone,
        letter="i",
        word=True,
    ),
    replace(
        text_field("os", "OS", "What the guest runs, by its definition or its agent", 14, lambda row: row.vm.os),
        letter="o",
        word=True,
    ),
    text_field("owner", "OWNER", "Another system that manages it: nova, oVirt, KubeVirt", 8, lambda row: row.vm.owner),
    Field(
        name="tags",
        title="TAGS",
        help="Its tags, which travel with it",
        width=14,
        text=lambda row: _listed(row.vm.tags),
        value=lambda row: row.vm.tags,
        json=lambda row: list(row.vm.tags),
        order=lambda row: ", ".join(row.vm.tags) or None,
        aliases=("tag",),
        letter="g",
        word=True,
    ),
    replace(
        text_field("uuid", "UUID", "Its UUID", 36, lambda row: row.vm.uuid),
        tone=lambda _row: Tone.MUTED,
        word=True,
        code=True,
    ),
    Field(
        name="since",
        title="SINCE",
        help="When its state began, where that was seen",
        width=12,
        text=_since_text,
        value=_since_text,
        json=_since_json,
        order=lambda row: None if row.vm.since is None else row.vm.since.at,
    ),
    text_field("reason", "REASON", "Why it is in its state, as its host says", 14, lambda row: row.vm.reason.value),
    Field(
        name="cores",
        title="CORES",
        help="CPU cores in use",
        width=5,
        right=True,
        text=lambda row: units.UNKNOWN if (cores := _cores(row)) is None else f"{cores:.1f}",
        value=_cores,
        json=_cores,
        order=_cores_shown,
        match=Match.NUMBER,
    ),
    replace(
        number_field("vcpus", "VCPUS", "Its virtual CPUs", 5, lambda row: row.vm.vcpus), letter="v", aliases=("vcpu",)
    ),
    size_field("memory", "SIZE", "The memory it has now", 6, lambda row: row.vm.memory),
    size_field("memory_max", "MAX", "The memory it may grow to", 6, lambda row: row.vm.memory_max),
    size_field("rss", "RSS", "The memory that its process occupies on the host", 6, _host_memory),
    number_field("iops", "IOPS", "Disk requests per second", 6, _iops),
    number_field("snapshots", "SNAPS", "How many snapshots it has", 5, lambda row: row.vm.snapshots),
    yes_field("autostart", "AUTO", "Whether its host starts it at boot", 4, lambda row: row.vm.autostart),
    number_field("id", "ID", "Its number on its host while it is on", 5, lambda row: row.vm.domain_id),
    text_field("title", "TITLE", "Its title", 20, lambda row: row.vm.title),
    replace(
        text_field("description", "DESCRIPTION", "Its description", 30, lambda row: row.vm.description),
        aliases=("note",),
    ),
    Field(
        name="disk",
        title="DISKS",
        help="The files or volumes of its disks",
        width=30,
        text=lambda row: _listed(_disks(row)),
        value=_disks,
        json=_disk_json,
        order=lambda row: next(iter(_disks(row)), None),
        aliases=("disks", "path"),
        word=True,
    ),
    Field(
        name="mac",
        title="MAC",
        help="The hardware addresses of its interfaces",
        width=17,
        text=lambda row: _listed(_macs(row)),
        value=_macs,
        json=lambda row: list(_macs(row)),
        order=lambda row: next(iter(_macs(row)), None),
        word=True,
        code=True,
    ),
    Field(
        name="vnet",
        title="VNET",
        help="The names that its interfaces have on its host, while it is on",
        width=12,
        text=lambda row: _listed(_taps(row)),
        value=_taps,
        json=lambda row: list(_taps(row)),
        order=lambda row: next(iter(_taps(row)), None),
        aliases=("tap", "nic"),
        word=True,
        code=True,
    ),
    Field(
        name="network",
        title="NETWORK",
        help="The networks and bridges its interfaces are on",
        width=12,
        text=lambda row: _listed(tuple([nic.source for nic in row.vm.nics if nic.source])),
        value=lambda row: tuple([nic.source for nic in row.vm.nics]),
        json=lambda row: [nic.source for nic in row.vm.nics],
        order=lambda row: next((nic.source for nic in row.vm.nics if nic.source), None),
    ),
    Field(
        name="agent",
        title="AGENT",
        help="Whether the guest's agent is connected",
        width=12,
        text=lambda row: row.vm.agent.value,
        value=lambda row: (row.vm.agent.value,),
        json=lambda row: row.vm.agent.value,
        order=lambda row: row.vm.agent.value,
        match=Match.CHOICE,
        choices=("none", "disconnected", "connected"),
    ),
    text_field("firmware", "FIRMWARE", "BIOS or UEFI", 16, lambda row: row.vm.firmware),
    text_field("machine", "MACHINE", "The machine type it is given", 16, lambda row: row.vm.machine),
    text_field("arch", "ARCH", "Its processor architecture", 8, lambda row: row.vm.arch),
    text_field("accel", "ACCEL", "kvm, or qemu where it is emulated and slow", 5, lambda row: row.vm.accel),
    text_field("cpu_model", "CPU MODEL", "The CPU model it is given", 18, lambda row: row.vm.cpu_model),
    Field(
        name="seen",
        title="SEEN",
        help="When its host was last read, and so when all this held",
        width=8,
        text=lambda row: units.hhmmss(None if row.entry.state is None else row.entry.state.at),
        value=lambda row: units.hhmmss(None if row.entry.state is None else row.entry.state.at),
        json=lambda row: {
            "live": row.live,
            "at": units.iso(None if row.entry.state is None else row.entry.state.at),
        },
        order=lambda row: None if row.entry.state is None else row.entry.state.at,
    ),
)
