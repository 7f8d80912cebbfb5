"""A bulk reading's records become counters. Pure: keys and values as libvirt gives them."""

from __future__ import annotations

from collections.abc import Mapping

from kvmtui.core.metrics import DiskCounters, MemoryReading, NicCounters, VmCounters

Stats = Mapping[str, int | str | bool]

_BLOCK = ("rd.reqs", "rd.bytes", "rd.times", "wr.reqs", "wr.bytes", "wr.times", "fl.reqs", "fl.times")
_NET = ("rx.bytes", "rx.pkts", "rx.errs", "rx.drop", "tx.bytes", "tx.pkts", "tx.errs", "tx.drop")


def read(stats: Stats, domain_id: int, vcpus: int) -> VmCounters:
    """Return one VM's counters; `vcpus` is what is known of it when the record does not tell."""
    disks, answered = _disks(stats)
    return VmCounters(
        domain_id=domain_id,
        cpu_ns=_number(stats, "cpu.time"),
        vcpus=_number(stats, "vcpu.current") or vcpus,
        delay_ns=delay(stats),
        memory=_memory(stats),
        disks=disks,
        nics=_nics(stats),
        # Without its monitor a VM's record still comes, but lacks these.
        complete=answered or "balloon.rss" in stats,
    )


def delay(stats: Stats) -> int | None:
    """Return how long the vCPUs were runnable but waiting, in ns; None when the record does not tell."""
    delays = [value for key, value in stats.items() if key.startswith("vcpu.") and key.endswith(".delay")]
    return sum(int(value) for value in delays) if delays else None


def _number(stats: Stats, key: str) -> int | None:
    value = stats.get(key)
    return None if value is None else int(value)


def _bytes(stats: Stats, key: str) -> int | None:
    value = stats.get(key)
    return None if value is None else int(value) * 1024


def _memory(stats: Stats) -> MemoryReading:
    updated = _number(stats, "balloon.last-update")
    return MemoryReading(
        current=_bytes(stats, "balloon.current"),
        available=_bytes(stats, "balloon.available"),
        usable=_bytes(stats, "balloon.usable"),
        unused=_bytes(stats, "balloon.unused"),
        rss=_bytes(stats, "balloon.rss"),
        updated=float(updated) if updated else None,
        swap_in=_bytes(stats, "balloon.swap_in"),
        swap_out=_bytes(stats, "balloon.swap_out"),
    )


def _disks(stats: Stats) -> tuple[dict[str, DiskCounters], bool]:
    found: dict[str, DiskCounters] = {}
    for index in range(_number(stats, "block.count") or 0):
        prefix = f"block.{index}."
        name = stats.get(f"{prefix}name")
        if name is None or f"{prefix}rd.bytes" not in stats:
            continue
        totals = [_number(stats, prefix + key) or 0 for key in _BLOCK]
        sizes = [_number(stats, prefix + key) for key in ("capacity", "allocation", "physical")]
        found[str(name)] = DiskCounters._make([*totals, *sizes])
    return found, bool(found)


def _nics(stats: Stats) -> dict[str, NicCounters]:
    found: dict[str, NicCounters] = {}
    for index in range(_number(stats, "net.count") or 0):
        prefix = f"net.{index}."
        name = stats.get(f"{prefix}name")
        if name is not None and f"{prefix}rx.bytes" in stats:
            found[str(name)] = NicCounters._make([_number(stats, prefix + key) or 0 for key in _NET])
    return found
