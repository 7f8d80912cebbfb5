"""The fields of a virtual machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core import units
from kvmtui.core.fields.field import Field, Json, Match, Shown, Tone
from kvmtui.core.inventory import Address, Reason, Vm, VmState
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.core.rows import VmRow

STEAL_WARN = 5.0
STEAL_BAD = 10.0
LATENCY_WARN = 25.0  # milliseconds
LATENCY_BAD = 75.0

_WORDS = {
    VmState.RUNNING: "on",
    VmState.PAUSED: "paused",
    VmState.STOPPING: "stopping",
    VmState.OFF: "off",
    VmState.CRASHED: "crashed",
    VmState.SUSPENDED: "suspended",
    VmState.UNKNOWN: "unknown",
}
_STATE_CHOICES = (*(state.value for state in VmState), "on", "saved", "migrating", "stale")
_TOLD_WHILE_ON = (Reason.POSTCOPY, Reason.POSTCOPY_FAILED)
_TROUBLE = (Reason.IO_ERROR, Reason.POOL_FULL, Reason.WATCHDOG, Reason.POSTCOPY_FAILED, Reason.API_ERROR)
_FAILURES = (Reason.CRASHED, Reason.FAILED, Reason.PANICKED)


def should_be_on(vm: Vm) -> bool:
    """Whether the host would start it at boot, and it is off."""
    return vm.autostart and vm.state is VmState.OFF and not vm.template and vm.job is None


def state_text(row: VmRow) -> str:
    """Return the state with its reason; of a host that does not answer, what it was and when."""
    vm = row.vm
    if not row.live:
        if vm.state is VmState.UNKNOWN or row.entry.state is None:
            return "unknown"
        return f"{_WORDS[vm.state]} at {_moment(row.entry.state.at, row.now)}"
    if vm.job is not None:
        done = "" if vm.job.percent is None else f", {vm.job.percent:.0f} %"
        return f"{safe(vm.job.kind, limit=40)}{done}"
    if row.stopping is not None and vm.is_active:
        return f"stopping since {units.day_or_time(row.stopping, row.now)}"
    if vm.state is VmState.RUNNING:
        return f"on: {vm.reason.value}" if vm.reason in _TOLD_WHILE_ON else "on"
    if vm.state is VmState.OFF:
        return _off_text(row)
    if vm.reason is Reason.NONE or vm.reason.value == vm.state.value or vm.state is VmState.UNKNOWN:
        return _WORDS[vm.state]
    return f"{_WORDS[vm.state]}: {vm.reason.value}"


def _off_text(row: VmRow) -> str:
    vm = row.vm
    if vm.reason in _FAILURES:
        return f"off: {vm.reason.value}"
    if vm.saved:
        return f"off: saved{_age(row)}"
    if should_be_on(vm):
        return "off, should be on"
    return "off" if vm.reason is Reason.NONE else f"off: {vm.reason.value}"


def _age(row: VmRow) -> str:
    since = row.vm.since
    if since is None or not since.exact:
        return ""
    seconds = row.now - since.at
    return f" {units.duration(seconds)}" if seconds >= 86_400 else f" {units.hhmm(since.at)}"


def _moment(at: float, now: float) -> str:
    return units.hhmmss(at) if now - at < 43_200 else units.day_or_time(at, now)


def _state_words(row: VmRow) -> tuple[str, ...]:
    vm = row.vm
    words = [vm.state.value, _WORDS[vm.state]]
    if row.stopping is not None and vm.is_active:
        words.append("stopping")
    if vm.saved:
        words.append("saved")
    if vm.job is not None and "migrat" in vm.job.kind:
        words.append("migrating")
    if not row.live:
        words.append("stale")
    return tuple(words)


def _state_tone(row: VmRow) -> Tone:
    vm = row.vm
    if not row.live or vm.state is VmState.UNKNOWN:
        return Tone.MUTED
    if vm.state is VmState.CRASHED or vm.reason in _TROUBLE or vm.reason in _FAILURES:
        return Tone.BAD
    if row.stopping is not None or should_be_on(vm) or vm.state in (VmState.PAUSED, VmState.SUSPENDED):
        return Tone.WARN
    if vm.job is not None:
        return Tone.ACCENT
    return Tone.MUTED if vm.state is VmState.OFF else Tone.GOOD


def _plain_tone(row: VmRow) -> Tone:
    return Tone.NORMAL if row.live else Tone.MUTED


def _rising(value: float | None, warn: float, bad: float) -> Tone:
    if value is None:
        return Tone.MUTED
    if value >= bad:
        return Tone.BAD
    return Tone.WARN if value >= warn else Tone.NORMAL


def _cores(row: VmRow) -> float | None:
    rates = row.measured
    return None if rates is None else rates.cpu_cores


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
    return _rising(100.0 * rates.memory_used / rates.memory_total, 90.0, 97.0)


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


def _or_dash(text: str) -> str:
    return safe(text) if text else units.UNKNOWN


def _since_text(row: VmRow) -> str:
    since = row.vm.since
    if since is None:
        return units.UNKNOWN
    when = units.day_or_time(since.at, row.now)
    return when if since.exact else f"before {when}"


def _since_json(row: VmRow) -> Json:
    since = row.vm.since
    return None if since is None else {"at": units.iso(since.at), "exact": since.exact}


def _yes(value: bool) -> str:  # noqa: FBT001 - it words a fact
    return "yes" if value else "no"


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
        value=_state_words,
        json=lambda row: row.vm.state.value,
        order=state_text,
        tone=_state_tone,
        match=Match.CHOICE,
        choices=_STATE_CHOICES,
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
        order=_cores,
        tone=lambda row: _rising(_cpu(row), 75.0, 90.0),
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
        tone=lambda row: _rising(_steal(row), STEAL_WARN, STEAL_BAD),
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
        tone=lambda row: _rising(_latency_order(row), LATENCY_WARN, LATENCY_BAD),
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
        tone=_plain_tone,
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
        tone=_plain_tone,
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
    Field(
        name="os",
        title="OS",
        help="What the guest runs, by its definition or its agent",
        width=14,
        text=lambda row: _or_dash(row.vm.os),
        value=lambda row: row.vm.os,
        json=lambda row: row.vm.os or None,
        order=lambda row: row.vm.os or None,
        letter="o",
        word=True,
    ),
    Field(
        name="owner",
        title="OWNER",
        help="Another system that manages it: nova, oVirt, KubeVirt",
        width=8,
        text=lambda row: _or_dash(row.vm.owner),
        value=lambda row: row.vm.owner,
        json=lambda row: row.vm.owner or None,
        order=lambda row: row.vm.owner or None,
    ),
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
    Field(
        name="uuid",
        title="UUID",
        help="Its UUID",
        width=36,
        text=lambda row: safe(row.vm.uuid),
        value=lambda row: row.vm.uuid,
        json=lambda row: row.vm.uuid,
        order=lambda row: row.vm.uuid,
        tone=lambda _row: Tone.MUTED,
        word=True,
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
    Field(
        name="reason",
        title="REASON",
        help="Why it is in its state, as its host says",
        width=14,
        text=lambda row: row.vm.reason.value or units.UNKNOWN,
        value=lambda row: row.vm.reason.value,
        json=lambda row: row.vm.reason.value or None,
        order=lambda row: row.vm.reason.value or None,
    ),
    Field(
        name="cores",
        title="CORES",
        help="CPU cores in use",
        width=5,
        right=True,
        text=lambda row: units.UNKNOWN if (cores := _cores(row)) is None else f"{cores:.1f}",
        value=_cores,
        json=_cores,
        order=_cores,
        match=Match.NUMBER,
    ),
    Field(
        name="vcpus",
        title="VCPUS",
        help="Its virtual CPUs",
        width=5,
        right=True,
        text=lambda row: str(row.vm.vcpus),
        value=lambda row: row.vm.vcpus,
        json=lambda row: row.vm.vcpus,
        order=lambda row: row.vm.vcpus,
        match=Match.NUMBER,
        letter="v",
        aliases=("vcpu",),
    ),
    Field(
        name="memory",
        title="SIZE",
        help="The memory it has now",
        width=6,
        right=True,
        text=lambda row: units.size(row.vm.memory),
        value=lambda row: row.vm.memory,
        json=lambda row: row.vm.memory,
        order=lambda row: row.vm.memory,
        match=Match.SIZE,
    ),
    Field(
        name="memory_max",
        title="MAX",
        help="The memory it may grow to",
        width=6,
        right=True,
        text=lambda row: units.size(row.vm.memory_max),
        value=lambda row: row.vm.memory_max,
        json=lambda row: row.vm.memory_max,
        order=lambda row: row.vm.memory_max,
        match=Match.SIZE,
    ),
    Field(
        name="rss",
        title="RSS",
        help="The memory that its process occupies on the host",
        width=6,
        right=True,
        text=lambda row: units.size(_host_memory(row)),
        value=_host_memory,
        json=_host_memory,
        order=_host_memory,
        match=Match.SIZE,
    ),
    Field(
        name="iops",
        title="IOPS",
        help="Disk requests per second",
        width=6,
        right=True,
        text=lambda row: units.whole(_iops(row)),
        value=_iops,
        json=_iops,
        order=_iops,
        match=Match.NUMBER,
    ),
    Field(
        name="snapshots",
        title="SNAPS",
        help="How many snapshots it has",
        width=5,
        right=True,
        text=lambda row: units.whole(row.vm.snapshots),
        value=lambda row: row.vm.snapshots,
        json=lambda row: row.vm.snapshots,
        order=lambda row: row.vm.snapshots,
        match=Match.NUMBER,
    ),
    Field(
        name="autostart",
        title="AUTO",
        help="Whether its host starts it at boot",
        width=4,
        text=lambda row: _yes(row.vm.autostart),
        value=lambda row: (_yes(row.vm.autostart),),
        json=lambda row: row.vm.autostart,
        order=lambda row: float(row.vm.autostart),
        match=Match.CHOICE,
        choices=("yes", "no"),
    ),
    Field(
        name="id",
        title="ID",
        help="Its number on its host while it is on",
        width=5,
        right=True,
        text=lambda row: units.whole(row.vm.domain_id),
        value=lambda row: row.vm.domain_id,
        json=lambda row: row.vm.domain_id,
        order=lambda row: row.vm.domain_id,
        match=Match.NUMBER,
    ),
    Field(
        name="title",
        title="TITLE",
        help="Its title",
        width=20,
        text=lambda row: _or_dash(row.vm.title),
        value=lambda row: row.vm.title,
        json=lambda row: row.vm.title or None,
        order=lambda row: row.vm.title or None,
    ),
    Field(
        name="description",
        title="DESCRIPTION",
        help="Its description",
        width=30,
        text=lambda row: _or_dash(row.vm.description),
        value=lambda row: row.vm.description,
        json=lambda row: row.vm.description or None,
        order=lambda row: row.vm.description or None,
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
    Field(
        name="firmware",
        title="FIRMWARE",
        help="BIOS or UEFI",
        width=16,
        text=lambda row: _or_dash(row.vm.firmware),
        value=lambda row: row.vm.firmware,
        json=lambda row: row.vm.firmware or None,
        order=lambda row: row.vm.firmware or None,
    ),
    Field(
        name="machine",
        title="MACHINE",
        help="The machine type it is given",
        width=16,
        text=lambda row: _or_dash(row.vm.machine),
        value=lambda row: row.vm.machine,
        json=lambda row: row.vm.machine or None,
        order=lambda row: row.vm.machine or None,
    ),
    Field(
        name="arch",
        title="ARCH",
        help="Its processor architecture",
        width=8,
        text=lambda row: _or_dash(row.vm.arch),
        value=lambda row: row.vm.arch,
        json=lambda row: row.vm.arch or None,
        order=lambda row: row.vm.arch or None,
    ),
    Field(
        name="accel",
        title="ACCEL",
        help="kvm, or qemu where it is emulated and slow",
        width=5,
        text=lambda row: _or_dash(row.vm.accel),
        value=lambda row: row.vm.accel,
        json=lambda row: row.vm.accel or None,
        order=lambda row: row.vm.accel or None,
    ),
    Field(
        name="cpu_model",
        title="CPU MODEL",
        help="The CPU model it is given",
        width=18,
        text=lambda row: _or_dash(row.vm.cpu_model),
        value=lambda row: row.vm.cpu_model,
        json=lambda row: row.vm.cpu_model or None,
        order=lambda row: row.vm.cpu_model or None,
    ),
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
