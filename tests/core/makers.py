"""Small worlds for the tests of the pure core, and the hostile text that they are filled with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core.inventory import (
    Condition,
    ConditionKind,
    Fleet,
    Host,
    HostEntry,
    HostState,
    Vm,
    VmState,
)
from kvmtui.core.metrics import (
    CpuTimes,
    DiskCounters,
    HostMemory,
    HostRates,
    MemoryReading,
    NicCounters,
    Sample,
    VmCounters,
    VmRates,
)
from kvmtui.core.rows import VmRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOW = 1_763_820_180.0  # 2025-11-22 14:03:00 UTC, and the tests' zone is UTC
GIB = 1 << 30

HOSTILE = (
    "",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "a\nb\r\nc\td",
    "\x00\x01\x7f\x85",
    "user\u202etxt.exe",
    "\u2066isolate\u2069\u2068first\u2069",
    "zero\u200bwidth\u200djoiner\ufeff",
    "lone \ud800 surrogate \udfff",
    "private \ue000 \U0010fffd",
    "unassigned \u0378 \U000e0fff",
    "noncharacter \ufffe \uffff",
    "tag \U000e0041\U000e007f",
    "soft\u00adhyphen line\u2028paragraph\u2029",
    "no-break\u00a0space",
    "[bold red]markup[/] [@click=app.quit]x[/]",
    "{braces} %s %(name)s \\x1b",
    "e" + "\u0301" * 50,
    "\u0301starts with a mark",
    "\u3164\u115f\u2800\uffa0",
    "heart \u2764\ufe0f",
    "仮想マシン",
    "x" * 10_000,
    "\x1b" * 10_000,
    "仮" * 10_000,
)


def a_vm(name: str = "web-1", state: VmState = VmState.RUNNING, **more: object) -> Vm:
    """Return a VM of 4 vCPUs and 2 GiB."""
    known: dict[str, object] = {"vcpus": 4, "vcpus_max": 4, "memory": 2 * GIB, "memory_max": 2 * GIB}
    return Vm(**{"uuid": f"uuid-of-{name}", "name": name, "state": state, **known, **more})  # type: ignore[arg-type]


def a_host(name: str = "hv1", **more: object) -> Host:
    """Return a host of 16 CPUs and 64 GiB."""
    known: dict[str, object] = {
        "uuid": f"uuid-of-{name}",
        "hostname": f"{name}.example",
        "driver": "QEMU",
        "arch": "x86_64",
        "cpu_model": "EPYC",
        "cpus": 16,
        "mhz": 2000,
        "sockets": 1,
        "cores": 8,
        "threads": 2,
        "numa_cells": 1,
        "memory": 64 * GIB,
        "libvirt_version": (9, 0, 0),
        "hypervisor_version": (8, 2, 1),
        "kvm": True,
        "local": False,
    }
    return Host(**{**known, **more})  # type: ignore[arg-type]


def an_entry(
    name: str = "hv1",
    vms: Iterable[Vm] = (),
    *,
    kind: ConditionKind = ConditionKind.UP,
    rates: Mapping[str, VmRates] | None = None,
    load: HostRates | None = None,
    **more: object,
) -> HostEntry:
    """Return a host of the fleet with its VMs, last read 7 s ago."""
    state = HostState(
        at=NOW - 7,
        host=a_host(name),
        vms={vm.uuid: vm for vm in vms},
        rates=rates or {},
        load=load,
        **more,  # type: ignore[arg-type]
    )
    return HostEntry(name, f"qemu+ssh://{name}/system", Condition(kind, NOW - 7), state)


def a_row(vm: Vm | None = None, rates: VmRates | None = None, **more: object) -> VmRow:
    """Return the line of a VM."""
    vm = a_vm() if vm is None else vm
    stopping = more.pop("stopping", None)
    assert stopping is None or isinstance(stopping, float)
    return VmRow(an_entry(vms=(vm,), **more), vm, rates, stopping, NOW)  # type: ignore[arg-type]


def a_fleet(*entries: HostEntry, **more: object) -> Fleet:
    """Return a fleet of these hosts."""
    return Fleet(at=NOW, hosts=entries, **more)  # type: ignore[arg-type]


def some_rates(**more: object) -> VmRates:
    """Return the rates of a VM that has something to do."""
    known: dict[str, object] = {
        "at": NOW,
        "cpu_cores": 3.3,
        "vcpus": 4,
        "steal": 2.0,
        "memory_used": 1_825_361_101,
        "memory_total": 2 * GIB,
        "memory_rss": 2 * GIB,
        "memory_stale": False,
        "read_bps": 1024.0,
        "write_bps": 2048.0,
        "iops": 12.0,
        "latency_ms": 4.2,
        "stalled": False,
        "rx_bps": 100.0,
        "tx_bps": 200.0,
        "disks": (),
        "nics": (),
        "complete": True,
    }
    return VmRates(**{**known, **more})  # type: ignore[arg-type]


def some_counters(**more: object) -> VmCounters:
    """Return the counters of a VM with one disk and one interface, at their start."""
    known: dict[str, object] = {
        "domain_id": 1,
        "cpu_ns": 0,
        "vcpus": 4,
        "delay_ns": None,
        "memory": MemoryReading(current=2 * GIB, rss=GIB),
        "disks": {"vda": DiskCounters(0, 0, 0, 0, 0, 0, 0, 0)},
        "nics": {"vnet0": NicCounters(0, 0, 0, 0, 0, 0, 0, 0)},
    }
    return VmCounters(**{**known, **more})  # type: ignore[arg-type]


def a_sample(at: float, *, cpu: CpuTimes | None = None, memory: HostMemory | None = None, **vms: VmCounters) -> Sample:
    """Return a sample of these VMs, by UUID, taken `at` seconds after the start."""
    return Sample(at=at, wall=NOW + at, vms=vms, cpu=cpu, memory=memory)
