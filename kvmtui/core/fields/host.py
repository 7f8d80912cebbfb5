"""The fields of a host."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.core import units
from kvmtui.core.capacity import census, fullest_pool, host_sold, n_plus_one, pool_fill
from kvmtui.core.fields.field import (
    Field,
    Json,
    Match,
    Shown,
    Tone,
    number_field,
    or_dash,
    rising,
    size_field,
    text_field,
)
from kvmtui.core.forecast import seconds_left
from kvmtui.core.inventory import ConditionKind, Host, HostEntry, Pool, SshUse
from kvmtui.core.limits import HOST_CPU, IOWAIT, MEMORY, POOL, SOLD, STEAL
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.core.metrics import HostRates
    from kvmtui.core.rows import HostRow

_CONDITION_TONES = {
    ConditionKind.CONNECTING: Tone.MUTED,
    ConditionKind.UP: Tone.GOOD,
    ConditionKind.SLOW: Tone.WARN,
    ConditionKind.SILENT: Tone.BAD,
    ConditionKind.DOWN: Tone.BAD,
    ConditionKind.DENIED: Tone.BAD,
    ConditionKind.DISCONNECTED: Tone.MUTED,
}


def condition_text(entry: HostEntry, now: float) -> str:
    """Return how it stands with a host, in a sentence without an end: "no answer since 14:02:53"."""
    condition = entry.condition
    since = units.hhmmss(condition.since) if now - condition.since < 43_200 else ""
    when = since or units.day_or_time(condition.since, now)
    texts = {
        ConditionKind.CONNECTING: "connecting",
        ConditionKind.UP: "up",
        ConditionKind.SLOW: f"slow since {when}",
        ConditionKind.SILENT: f"no answer since {when}",
        ConditionKind.DOWN: f"down since {when}",
        ConditionKind.DENIED: "denied",
        ConditionKind.DISCONNECTED: "disconnected",
    }
    text = texts[condition.kind]
    shown_why = condition.kind in (ConditionKind.SLOW, ConditionKind.SILENT, ConditionKind.DOWN, ConditionKind.DENIED)
    return f"{text}: {safe(condition.why, limit=160)}" if condition.why and shown_why else text


def _load(row: HostRow) -> HostRates | None:
    state = row.entry.state
    return state.load if state is not None and row.live else None


def _host(row: HostRow) -> Host | None:
    return None if row.entry.state is None else row.entry.state.host


def _tone(row: HostRow) -> Tone:
    return Tone.NORMAL if row.live else Tone.MUTED


def _cpu(row: HostRow) -> float | None:
    load = _load(row)
    return None if load is None else load.cpu


def _steal(row: HostRow) -> float | None:
    load = _load(row)
    return None if load is None else load.steal


def _iowait(row: HostRow) -> float | None:
    load = _load(row)
    return None if load is None else load.iowait


def _uptime(row: HostRow) -> float | None:
    load = _load(row)
    return None if load is None else load.uptime


def _used(row: HostRow) -> int | None:
    load = _load(row)
    return None if load is None else load.memory_used


def _total(row: HostRow) -> int | None:
    load = _load(row)
    if load is not None and load.memory_total:
        return load.memory_total
    host = _host(row)
    return None if host is None else host.memory


def _used_share(row: HostRow) -> float | None:
    used, total = _used(row), _total(row)
    return 100.0 * used / total if used is not None and total else None


def _used_text(row: HostRow) -> str:
    used, total = _used(row), _total(row)
    return units.UNKNOWN if used is None else units.pair(used, total)


def _sold(row: HostRow) -> float | None:
    return host_sold(row.entry.state) if row.live else None


def _pool(row: HostRow) -> float | None:
    found = fullest_pool(row.entry.state) if row.live else None
    return None if found is None else found[1]


def _pool_name(row: HostRow) -> str:
    found = fullest_pool(row.entry.state)
    return "" if found is None else found[0].name


def first_full(row: HostRow) -> tuple[Pool, float] | None:
    """Return the pool that will be full first, and in how many seconds; None when none is known to fill up."""
    state = row.entry.state
    if state is None or not row.live:
        return None
    found = [(pool, seconds_left(pool, row.fleet.growth.get((row.entry.name, pool.uuid)))) for pool in state.pools]
    return min(((pool, left) for pool, left in found if left is not None), key=lambda one: one[1], default=None)


def pools_text(row: HostRow) -> str:
    """Return how full each active pool is, the fullest first: "nvme 97 %, hdd 61 %"."""
    state = row.entry.state
    fills = [(fill, pool.name) for pool in (state.pools if state else ()) if (fill := pool_fill(pool)) is not None]
    return ", ".join(f"{safe(name, limit=40)} {units.percent(fill)}" for fill, name in sorted(fills, reverse=True))


def _vm_count(row: HostRow) -> int | None:
    return None if row.entry.state is None else census(row.entry.state).total


def _active_count(row: HostRow) -> int | None:
    if row.entry.state is None:
        return None
    counted = census(row.entry.state)
    return counted.total - counted.off


def _fits(row: HostRow) -> bool | None:
    return n_plus_one(row.fleet, row.entry)


def _fits_text(row: HostRow) -> str:
    fits = _fits(row)
    if fits is None:
        return units.UNKNOWN
    return "yes" if fits else "NO"


def _fits_order(row: HostRow) -> float | None:
    fits = _fits(row)
    return None if fits is None else float(not fits)


def _fits_tone(row: HostRow) -> Tone:
    fits = _fits(row)
    if fits is None:
        return Tone.MUTED
    return Tone.NORMAL if fits else Tone.WARN


def version_text(version: tuple[int, int, int]) -> str:
    """Return "9.0.0", or "-" for a version that is not known."""
    return ".".join(map(str, version)) if any(version) else units.UNKNOWN


def _libvirt(row: HostRow) -> str:
    host = _host(row)
    return units.UNKNOWN if host is None else version_text(host.libvirt_version)


def _hypervisor(row: HostRow) -> str:
    host = _host(row)
    return units.UNKNOWN if host is None else version_text(host.hypervisor_version)


def _cpus(row: HostRow) -> int | None:
    host = _host(row)
    return None if host is None else host.cpus


def _model(row: HostRow) -> str:
    host = _host(row)
    return "" if host is None else host.cpu_model


def _arch(row: HostRow) -> str:
    host = _host(row)
    return "" if host is None else host.arch


def _hostname(row: HostRow) -> str:
    host = _host(row)
    return "" if host is None else host.hostname


def _uuid(row: HostRow) -> str:
    host = _host(row)
    return "" if host is None else host.uuid


def _ssh(row: HostRow) -> SshUse | None:
    return row.entry.ssh


def _ssh_text(row: HostRow) -> str:
    used = _ssh(row)
    return units.UNKNOWN if used is None else f"{used.connections} of {used.room}"


def _ssh_json(row: HostRow) -> Json:
    used = _ssh(row)
    return None if used is None else dict(used._asdict())


def _condition_json(row: HostRow) -> Json:
    condition = row.entry.condition
    return {
        "kind": condition.kind.value,
        "since": units.iso(condition.since),
        "why": condition.why or None,
        "hint": condition.hint or None,
    }


HOST_FIELDS: tuple[Field[HostRow], ...] = (
    Field(
        name="name",
        title="HOST",
        help="The host's name in this fleet",
        width=7,
        text=lambda row: safe(row.entry.name),
        value=lambda row: row.entry.name,
        json=lambda row: row.entry.name,
        order=lambda row: row.entry.name,
        tone=_tone,
        shown=Shown.ALWAYS,
        letter="h",
        aliases=("host",),
        word=True,
    ),
    Field(
        name="cpu",
        title="CPU %",
        help="CPU in use by VMs and the host itself, without waiting for disks",
        width=5,
        right=True,
        text=lambda row: units.whole(_cpu(row)),
        value=_cpu,
        json=_cpu,
        order=_cpu,
        tone=lambda row: rising(_cpu(row), *HOST_CPU),
        match=Match.PERCENT,
        shown=Shown.ALWAYS,
        letter="c",
    ),
    Field(
        name="steal",
        title="STEAL",
        help="Steal of its worst running VM, in percent",
        width=5,
        right=True,
        text=lambda row: units.whole(_steal(row)),
        value=_steal,
        json=_steal,
        order=_steal,
        tone=lambda row: rising(_steal(row), *STEAL),
        match=Match.PERCENT,
        shown=Shown.ALWAYS,
        letter="t",
    ),
    Field(
        name="used",
        title="USED/TOTAL",
        help="Memory: total minus free, buffers and cache",
        width=11,
        right=True,
        text=_used_text,
        value=_used_share,
        json=lambda row: {"used": _used(row), "total": _total(row)},
        order=_used_share,
        tone=lambda row: rising(_used_share(row), *MEMORY),
        match=Match.PERCENT,
        shown=Shown.ALWAYS,
        letter="m",
        aliases=("mem",),
    ),
    Field(
        name="sold",
        title="SOLD",
        help="The most its active VMs may use, with overhead, of its memory",
        width=6,
        right=True,
        text=lambda row: units.percent(_sold(row)),
        value=_sold,
        json=_sold,
        order=_sold,
        tone=lambda row: rising(_sold(row), *SOLD),
        match=Match.PERCENT,
        shown=Shown.ALWAYS,
        letter="s",
    ),
    Field(
        name="iowait",
        title="IOWAIT",
        help="Time its CPUs were idle while a disk was awaited",
        width=6,
        right=True,
        text=lambda row: units.percent(_iowait(row)),
        value=_iowait,
        json=_iowait,
        order=_iowait,
        tone=lambda row: rising(_iowait(row), *IOWAIT),
        match=Match.PERCENT,
        shown=Shown.ALWAYS,
        letter="w",
    ),
    Field(
        name="pool",
        title="POOL",
        help="How full its fullest storage pool is",
        width=5,
        right=True,
        text=lambda row: units.percent(_pool(row)),
        value=_pool,
        json=lambda row: {"name": _pool_name(row) or None, "percent": _pool(row)},
        order=_pool,
        tone=lambda row: rising(_pool(row), *POOL),
        match=Match.PERCENT,
        shown=Shown.ALWAYS,
        letter="p",
    ),
    replace(
        number_field("vms", "VMS", "Its VMs, on and off", 4, _vm_count), tone=_tone, shown=Shown.ALWAYS, letter="v"
    ),
    Field(
        name="n1",
        title="N+1",
        help="Whether its VMs would fit on the other hosts",
        width=4,
        right=True,
        text=_fits_text,
        value=lambda row: (_fits_text(row).lower(),),
        json=_fits,
        order=_fits_order,
        tone=_fits_tone,
        match=Match.CHOICE,
        choices=("yes", "no", units.UNKNOWN),
        shown=Shown.ALWAYS,
        letter="n",
        aliases=("n+1",),
    ),
    replace(
        text_field("pool_name", "POOL NAME", "Its fullest storage pool", 12, _pool_name), tone=_tone, shown=Shown.WIDE
    ),
    Field(
        name="condition",
        title="CONDITION",
        help="How it stands between this program and the host",
        width=24,
        text=lambda row: condition_text(row.entry, row.now),
        value=lambda row: (row.entry.condition.kind.value, row.entry.condition.kind.name.lower()),
        json=_condition_json,
        order=lambda row: row.entry.condition.kind.value,
        tone=lambda row: _CONDITION_TONES[row.entry.condition.kind],
        match=Match.CHOICE,
        choices=tuple(dict.fromkeys(word for kind in ConditionKind for word in (kind.name.lower(), kind.value))),
        aliases=("state",),
    ),
    number_field("active", "ON", "Its VMs that are on or paused", 4, _active_count),
    Field(
        name="uptime",
        title="UPTIME",
        help="How long it has been on, derived from its CPU counters",
        width=7,
        right=True,
        text=lambda row: units.UNKNOWN if (up := _uptime(row)) is None else f"~{units.duration(up)}",
        value=lambda row: None if (up := _uptime(row)) is None else up / 86_400,
        json=_uptime,
        order=_uptime,
        match=Match.NUMBER,
        letter="u",
    ),
    number_field("cpus", "CPUS", "Its logical CPUs", 4, _cpus),
    size_field("memory", "MEMORY", "Its memory", 6, _total),
    text_field("model", "CPU MODEL", "Its CPU model", 18, _model),
    text_field("arch", "ARCH", "Its processor architecture", 8, _arch),
    Field(
        name="libvirt",
        title="LIBVIRT",
        help="The version of its libvirt daemon",
        width=8,
        text=_libvirt,
        value=_libvirt,
        json=lambda row: None if (text := _libvirt(row)) == units.UNKNOWN else text,
        order=_libvirt,
    ),
    Field(
        name="qemu",
        title="QEMU",
        help="The version of its hypervisor",
        width=8,
        text=_hypervisor,
        value=_hypervisor,
        json=lambda row: None if (text := _hypervisor(row)) == units.UNKNOWN else text,
        order=_hypervisor,
    ),
    Field(
        name="ssh",
        title="SSH",
        help="Its connections over ssh, of those that the logins to it carry: 8 each",
        width=8,
        right=True,
        text=_ssh_text,
        value=lambda row: None if (used := _ssh(row)) is None else used.connections,
        json=_ssh_json,
        order=lambda row: None if (used := _ssh(row)) is None else used.connections,
        tone=_tone,
        match=Match.NUMBER,
    ),
    Field(
        name="guard",
        title="GUARD",
        help="What the configuration lets be done to it",
        width=9,
        text=lambda row: row.entry.guard.value,
        value=lambda row: (row.entry.guard.value,),
        json=lambda row: row.entry.guard.value,
        order=lambda row: row.entry.guard.value,
        match=Match.CHOICE,
        choices=("read-only", "ask", "free"),
    ),
    Field(
        name="groups",
        title="GROUPS",
        help="Its groups in the configuration",
        width=12,
        text=lambda row: or_dash(", ".join(row.entry.groups)),
        value=lambda row: row.entry.groups,
        json=lambda row: list(row.entry.groups),
        order=lambda row: ", ".join(row.entry.groups) or None,
        aliases=("group",),
        word=True,
    ),
    replace(text_field("hostname", "HOSTNAME", "What it calls itself", 16, _hostname), word=True),
    replace(text_field("uuid", "UUID", "Its UUID", 36, _uuid), word=True),
    replace(text_field("uri", "URI", "Its address", 30, lambda row: row.entry.uri), word=True),
)
