"""The disks and interfaces of a VM as small tables, with what they do now and where they lead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core.fields import Tone
from kvmtui.core.fields.field import rising
from kvmtui.core.limits import LATENCY
from kvmtui.core.text import safe
from kvmtui.core.units import bps, day_or_time, latency, pair
from kvmtui.screens.sheet import Head, Sheet, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmtui.core.fields import VmRow
    from kvmtui.core.inventory import Address, Disk, Nic
    from kvmtui.core.metrics import DiskRates, NicRates


def devices(row: VmRow, sheet: Sheet) -> None:
    """Add its disks and interfaces, with what they do now."""
    vm, rates = row.vm, row.measured
    disks = {one.name: one for one in rates.disks} if rates is not None else {}
    sizes = {one.name: one for one in row.rates.disks} if row.rates is not None and vm.is_active else {}
    heads = (
        Head("DISKS", 7),
        Head("bus", 7),
        Head("format", 6),
        Head("fill", 14),
        Head("read", 6, right=True),
        Head("write", 6, right=True),
        Head("IOPS", 5, right=True),
        Head("lat", 5, right=True),
    )
    lines: list[Sequence[Span]] = []
    for disk in vm.disks:
        lines.append(_disk_cells(disk, disks.get(disk.target), sizes.get(disk.target)))
        lines.append((Span(_disk_source(disk), Tone.MUTED),))
    sheet.table("DISKS", heads, lines, "no disks")
    nics = {one.name: one for one in rates.nics} if rates is not None else {}
    columns = (
        Head("NICS", 9),
        Head("model", 8),
        Head("MAC", 17),
        Head("rx", 7, right=True),
        Head("tx", 7, right=True),
        Head("drops", 6, right=True),
    )
    lines = []
    told: set[str] = set()
    for nic in vm.nics:
        lines.append(_nic_cells(nic, nics.get(nic.target)))
        lines.append((Span(_nic_place(nic), Tone.MUTED),))
        mine = [one for one in vm.addresses if one.mac and one.mac.lower() == nic.mac.lower()]
        told.update(one.ip for one in mine)
        lines += _addresses(mine, row.now)
    lines += _addresses([one for one in vm.addresses if one.ip not in told], row.now)
    sheet.table("NICS", columns, lines, "no interfaces")


def _disk_cells(disk: Disk, rates: DiskRates | None, last: DiskRates | None) -> tuple[Span, ...]:
    """Return a disk's line; how full it is stays known while the VM is paused."""
    name = Span(safe(disk.target, limit=20), Tone.ACCENT)
    facts = (Span(safe(disk.bus, limit=20)), Span(safe(disk.format, limit=20)))
    if rates is None:
        return (name, *facts, _fill(last), *([Span("-", Tone.MUTED)] * 4))
    return (
        name,
        *facts,
        _fill(rates),
        Span(bps(rates.read_bps)),
        Span(bps(rates.write_bps)),
        Span(f"{rates.read_iops + rates.write_iops:.0f}"),
        Span(latency(rates.latency_ms), rising(rates.latency_ms, *LATENCY)),
    )


def _fill(rates: DiskRates | None) -> Span:
    """Return how much of a disk is allocated; a full image is nothing to worry about by itself."""
    if rates is None or not rates.capacity or rates.allocation is None:
        return Span("-", Tone.MUTED)
    capacity, allocation = rates.capacity, rates.allocation
    return Span(f"{pair(allocation, capacity)} {100 * allocation / capacity:.0f} %")


def _disk_source(disk: Disk) -> str:
    words = [safe(disk.source) or "empty"]
    if disk.device != "disk":
        words.append(safe(disk.device, limit=20))
    words += [
        word for word, so in (("read-only", disk.readonly), ("shared", disk.shareable), ("overlay", disk.overlay)) if so
    ]
    return "  ".join(words)


def _nic_cells(nic: Nic, rates: NicRates | None) -> tuple[Span, ...]:
    name = Span(safe(nic.target, limit=20) or "off", Tone.ACCENT if nic.target else Tone.MUTED)
    facts = (Span(safe(nic.model, limit=20)), Span(safe(nic.mac, limit=20)))
    if rates is None:
        return (name, *facts, *([Span("-", Tone.MUTED)] * 3))
    return (
        name,
        *facts,
        Span(bps(rates.rx_bps)),
        Span(bps(rates.tx_bps)),
        Span(f"{rates.drops:.0f}/s", Tone.WARN if rates.drops >= 1 else Tone.MUTED),
    )


def _nic_place(nic: Nic) -> str:
    return f"{safe(nic.kind, limit=20)} {safe(nic.source, limit=60)}".strip()


def _addresses(found: Iterable[Address], now_: float) -> list[tuple[Span]]:
    """Return each address once, with who told it and when."""
    told: dict[str, list[str]] = {}
    for one in found:
        told.setdefault(one.ip, []).append(f"{one.source.value} {day_or_time(one.at, now_)}")
    return [(Span(f"{safe(ip, limit=60)}  by {' and '.join(by)}"),) for ip, by in told.items()]
