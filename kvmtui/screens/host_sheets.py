"""What a host's page says: how it stands, its memory, pools, networks and versions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from kvmtui.core.capacity import census, host_sold, n_plus_one, pool_fill
from kvmtui.core.fields import Tone, condition_text, version_text
from kvmtui.core.fields.field import rising
from kvmtui.core.forecast import FULL_SOON, forecast, seconds_left
from kvmtui.core.inventory import ConditionKind, Guard, Severity
from kvmtui.core.limits import HOST_CPU, IOWAIT, MEMORY, POOL, SOLD, STEAL
from kvmtui.core.text import safe
from kvmtui.core.units import duration, hhmm, hhmmss, pair, percent, size
from kvmtui.screens.sheet import Head, Sheet, Span, bar, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmtui.backend.base import HostDetails, NumaCell
    from kvmtui.core.fields import HostRow
    from kvmtui.core.inventory import Host, HostState
    from kvmtui.core.metrics import HostRates
    from kvmtui.core.problems import Problem

TWO_COLUMNS, THREE_COLUMNS = 116, 180
PAGE = 4096  # bytes; what KSM counts in, and larger ones are huge


class HostPicture(NamedTuple):
    """All that the sheets are made of."""

    row: HostRow
    problem: Problem | None
    details: HostDetails | None
    trouble: str  # why there are no details
    recent: Sequence[Text]


def overview(picture: HostPicture, sheet: Sheet) -> list[Text]:
    """Return the sheet's lines for its width."""
    width = sheet.width
    if width < TWO_COLUMNS:
        for part in (_now, _storage, _what, _recent):
            part(picture, sheet)
        return sheet.lines
    if width < THREE_COLUMNS:
        left = sheet.beside((width - 3) * 54 // 100)
        right = sheet.beside(width - 3 - left.width)
        _now(picture, left)
        _storage(picture, left)
        _what(picture, right)
        _recent(picture, sheet)
        return [*side_by_side([left, right]), Text(), *sheet.lines]
    each = (width - 6) // 3
    sheets = [sheet.beside(each), sheet.beside(each), sheet.beside(each)]
    _now(picture, sheets[0])
    _storage(picture, sheets[0])
    _what(picture, sheets[1])
    _recent(picture, sheets[2])
    return side_by_side(sheets)


# -- now


def _now(picture: HostPicture, sheet: Sheet) -> None:
    row = picture.row
    entry, state = row.entry, row.entry.state
    condition = entry.condition
    sheet.head("NOW")
    calm = condition.kind in (ConditionKind.UP, ConditionKind.CONNECTING, ConditionKind.DISCONNECTED)
    tone = Tone.GOOD if condition.kind is ConditionKind.UP else Tone.NORMAL if calm else Tone.BAD
    since = condition_text(entry, row.now)
    if calm and not condition.why:
        since += f" since {hhmmss(condition.since) if row.now - condition.since < 43_200 else hhmm(condition.since)}"
    sheet.wrapped("condition", since, tone, most=4)
    if condition.why and safe(condition.why, limit=160) not in since:
        sheet.wrapped("why", safe(condition.why), most=4)
    if condition.hint:
        sheet.wrapped("what to do", safe(condition.hint), most=4)
    if picture.problem is not None and picture.problem.text not in since and condition.is_answering:
        sheet.wrapped(
            "problem", picture.problem.text, Tone.BAD if picture.problem.severity is Severity.BAD else Tone.WARN
        )
    if state is None:
        sheet.line(Span("Nothing is known of it yet.", Tone.MUTED))
        return
    load = state.load if condition.is_answering else None
    if load is not None:
        _load(load, sheet)
    _memory(row, state, load, picture.details, sheet)
    _vms(row, state, sheet)


def _load(load: HostRates, sheet: Sheet) -> None:
    busy = Span("" if load.per_cpu is None else f"of {len(load.per_cpu)} CPUs", Tone.MUTED)
    sheet.gauge("CPU", load.cpu, rising(load.cpu, *HOST_CPU), busy)
    sheet.gauge("iowait", load.iowait, rising(load.iowait, *IOWAIT))
    sheet.fact(
        "steal", Span(percent(load.steal), rising(load.steal, *STEAL)), Span("  of its worst running VM", Tone.MUTED)
    )


def _memory(row: HostRow, state: HostState, load: HostRates | None, details: HostDetails | None, sheet: Sheet) -> None:
    total = (load.memory_total if load is not None else None) or state.host.memory
    used = load.memory_used if load is not None else None
    share = 100.0 * used / total if used is not None and total else None
    sheet.gauge("memory", share, rising(share, *MEMORY), Span(pair(used, total)))
    sold = host_sold(state)
    promised = census(state).promised
    sheet.gauge("sold", sold, rising(sold, *SOLD), Span(size(promised)), Span("promised to VMs", Tone.MUTED))
    fits = n_plus_one(row.fleet, row.entry)
    said = {None: "unknown", True: "yes", False: "NO"}[fits]
    sheet.fact(
        "N+1",
        Span(said, Tone.WARN if fits is False else Tone.NORMAL),
        Span("  would its VMs fit on the other hosts", Tone.MUTED),
    )
    if details is None:
        return
    for page_size, total_pages, free in huge_pages(details.cells):
        if free is None:
            sheet.fact(f"{size(page_size)} pages", f"{total_pages} reserved")
            continue
        taken = total_pages - free
        share = 100.0 * taken / total_pages
        sheet.gauge(f"{size(page_size)} pages", share, Tone.NORMAL, Span(f"{taken} of {total_pages}"))
    for name, value in ksm_facts(details.ksm):
        sheet.fact(name, value)


def huge_pages(cells: Iterable[NumaCell]) -> list[tuple[int, int, int | None]]:
    """Return of each size of huge page that is reserved: the size, how many there are and how many are free."""
    sums: dict[int, tuple[int, int | None]] = {}
    for cell in cells:
        for page_size, (total, free) in cell.pages.items():
            if page_size <= PAGE:
                continue
            before, before_free = sums.get(page_size, (0, 0))
            sums[page_size] = (before + total, None if free is None or before_free is None else before_free + free)
    return [(page_size, total, free) for page_size, (total, free) in sorted(sums.items()) if total]


def ksm_facts(ksm: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return what the kernel merges of its guests' memory."""
    if not ksm:
        return []
    sharing, shared = ksm.get("shm_pages_sharing"), ksm.get("shm_pages_shared")
    if not sharing:
        return [("KSM", "merges nothing")]
    saved = f"{size(sharing * PAGE)} saved"
    if shared:
        saved += f" by {size(shared * PAGE)} of shared pages"
    nodes = "" if ksm.get("shm_merge_across_nodes", 1) else "; within NUMA cells"
    return [("KSM", saved + nodes)]


def _vms(row: HostRow, state: HostState, sheet: Sheet) -> None:
    counted = census(state)
    words = [f"{counted.on} on", f"{counted.off} off"]
    if counted.paused:
        words.insert(1, f"{counted.paused} paused")
    if counted.other:
        words.append(f"{counted.other} otherwise")
    old = "" if row.live else f" as last seen at {hhmmss(state.at)}"
    sheet.fact("VMs", ", ".join(words) + old)
    cpus = sum(vm.vcpus for vm in state.vms.values() if vm.is_active)
    if state.host.cpus:
        sheet.fact("vCPUs", f"{cpus} of active VMs, {cpus / state.host.cpus:.1f} to a CPU")


# -- storage and networks


def _storage(picture: HostPicture, sheet: Sheet) -> None:
    state = picture.row.entry.state
    if state is not None:
        _pools(picture.row, state, sheet)
        _networks(state, sheet)


def _pools(row: HostRow, state: HostState, sheet: Sheet) -> None:
    heads = (
        Head("POOLS", 12, grows=True),
        Head("fill", 12),
        Head("", 5, right=True),
        Head("used", 10, right=True),
        Head("path", 18, grows=True),
    )
    rows: list[tuple[Span, ...]] = []
    for pool in sorted(state.pools, key=lambda one: one.name):
        fill = pool_fill(pool)
        tone = rising(fill, *POOL)
        used = pair(pool.capacity - pool.available, pool.capacity) if pool.active else "inactive"
        used = "no answer" if pool.late else used
        rows.append(
            (
                Span(safe(pool.name), Tone.NORMAL if pool.active else Tone.MUTED),
                Span(bar(fill, 12, sheet.glyphs), Tone.ACCENT if tone is Tone.NORMAL else tone),
                Span(percent(fill), tone),
                Span(used),
                Span(safe(pool.path), Tone.MUTED),
            )
        )
        growth = row.fleet.growth.get((row.entry.name, pool.uuid)) if row.live else None
        said = forecast(pool, growth)
        if said and growth is not None:
            tone = Tone.WARN if (seconds_left(pool, growth) or math.inf) < FULL_SOON else Tone.MUTED
            rows.append((Span(f"{said}, as in the last {duration(growth.seconds)}", tone),))
    sheet.table("POOLS", heads, rows, "its storage does not answer" if state.pools_late else "no storage pools")


def _networks(state: HostState, sheet: Sheet) -> None:
    heads = (Head("NETWORKS", 16, grows=True), Head("state", 9), Head("autostart", 9), Head("bridge", 15))
    rows = [
        (
            Span(safe(one.name), Tone.NORMAL if one.active else Tone.MUTED),
            Span("active" if one.active else "inactive", Tone.NORMAL if one.active else Tone.WARN),
            Span("on" if one.autostart else "off", Tone.MUTED),
            Span(safe(one.bridge) or "-"),
        )
        for one in sorted(state.networks, key=lambda one: one.name)
    ]
    sheet.table("NETWORKS", heads, rows, "no virtual networks")


# -- what it is


def facts_of(row: HostRow, sheet: Sheet, details: HostDetails | None = None) -> None:
    """Add what a host is."""
    entry = row.entry
    sheet.head("WHAT IT IS")
    sheet.wrapped("name", safe(entry.name), most=2)
    sheet.wrapped("address", safe(entry.uri), most=3)
    sheet.wrapped("changes", *_guard(row))
    state = entry.state
    if state is not None:
        sheet.grid(_facts(state.host, state.load, details))


def _what(picture: HostPicture, sheet: Sheet) -> None:
    details = picture.details
    facts_of(picture.row, sheet, details)
    if details is not None:
        sheet.grid((safe(name, limit=20), safe(value, limit=200), Tone.NORMAL) for name, value in details.facts)
    elif picture.trouble:
        sheet.blank()
        sheet.wrapped("more", picture.trouble, Tone.WARN)


def _guard(row: HostRow) -> tuple[str, Tone]:
    entry = row.entry
    if row.fleet.read_only:
        return "none: kvmtui runs read-only", Tone.WARN
    if entry.guard is Guard.READ_ONLY:
        if entry.unlocked_until is not None and entry.unlocked_until > row.now:
            return f"unlocked until {hhmm(entry.unlocked_until)}", Tone.WARN
        return "none: read-only by the configuration; :unlock opens it for a while", Tone.WARN
    return {Guard.ASK: "asked by what would be lost", Guard.FREE: "asked only before a loss"}[entry.guard], Tone.NORMAL


def _facts(host: Host, load: HostRates | None, details: HostDetails | None) -> Iterable[tuple[str, str, Tone]]:
    plain, warn = Tone.NORMAL, Tone.WARN
    yield "host name", safe(host.hostname), plain
    yield "UUID", safe(host.uuid), plain
    up = load.uptime if load is not None else None
    yield "uptime", f"~{duration(up)}" if up is not None else "unknown", plain
    model = f"{host.cpu_model} {host.arch}" if host.arch not in host.cpu_model else host.cpu_model
    yield "CPU model", safe(model.strip(), limit=80), plain
    yield "CPUs", f"{host.cpus}", plain
    yield "topology", topology(host), plain
    yield "clock", f"{host.mhz / 1000:.1f} GHz" if host.mhz else "", plain
    yield "NUMA cells", str(host.numa_cells or "unknown"), plain
    yield "memory", size(host.memory), plain
    yield "KVM", "yes" if host.kvm else "no: guests are emulated", plain if host.kvm else warn
    if details is not None:
        yield "extensions", *_extensions(host, details)
        yield "nested", _said(details.nested, "guests can run VMs", "off"), plain
        yield "IOMMU", _said(details.iommu, "on", "off"), plain
    yield "libvirt", version_text(host.libvirt_version), plain
    yield safe(host.driver, limit=12) or "hypervisor", version_text(host.hypervisor_version), plain
    if host.lacks:
        yield "cannot", ", ".join(sorted(host.lacks)), warn


def topology(host: Host) -> str:
    """Return "2 sockets, 16 cores, 2 threads"; "" when it is not told."""
    if not host.sockets:
        return ""
    counts = ((host.sockets, "socket"), (host.cores, "core"), (host.threads, "thread"))
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts)


def _extensions(host: Host, details: HostDetails) -> tuple[str, Tone]:
    if details.virtualisation:
        return details.virtualisation, Tone.NORMAL
    return ("not told", Tone.NORMAL) if host.kvm else ("none seen", Tone.WARN)


def _said(so: bool | None, yes: str, no: str) -> str:
    return "unknown" if so is None else yes if so else no


def _recent(picture: HostPicture, sheet: Sheet) -> None:
    sheet.head("JOURNAL")
    if not picture.recent:
        sheet.line(Span("Nothing was done on it, and nothing was seen.", Tone.MUTED))
    for line in picture.recent:
        shown = line.copy()
        shown.truncate(sheet.width)
        sheet.lines.append(shown)
