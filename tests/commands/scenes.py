"""Fleets, hosts and VMs for the tests of commands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.commands.base import Noun, Scene, Target
from kvmtui.core.inventory import (
    Condition,
    ConditionKind,
    Disk,
    Fleet,
    Guard,
    Host,
    HostEntry,
    HostState,
    TaskView,
    Vm,
    VmState,
)
from kvmtui.core.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOW = 1_763_820_000.0
GIB = 1 << 30
UUID = "11111111-2222-4333-8444-555555555555"
OTHER = "99999999-2222-4333-8444-555555555555"
HOSTILE = "we\x1b[31mb\u202e[red]\x9b$(reboot)' -rf;\n"


def disk(source: str = "/srv/web-1.qcow2", **more: object) -> Disk:
    return replace(Disk("vda", "disk", "virtio", "file", source, "qcow2"), **more)  # type: ignore[arg-type]


def a_vm(state: VmState = VmState.OFF, uuid: str = UUID, name: str = "web-1", **more: object) -> Vm:
    return replace(Vm(uuid, name, state, memory=GIB, memory_max=GIB, vcpus=1), **more)  # type: ignore[arg-type]


def entry(
    name: str = "hv1",
    vms: Iterable[Vm] = (),
    kind: ConditionKind = ConditionKind.UP,
    guard: Guard = Guard.ASK,
    **more: object,
) -> HostEntry:
    host = Host(
        uuid=f"uuid of {name}",
        hostname=name,
        driver="QEMU",
        arch="x86_64",
        cpu_model="",
        cpus=8,
        mhz=0,
        sockets=1,
        cores=8,
        threads=1,
        numa_cells=1,
        memory=64 * GIB,
        libvirt_version=(9, 0, 0),
        hypervisor_version=(8, 0, 0),
        kvm=True,
        local=False,
    )
    state = HostState(NOW, host, {vm.uuid: vm for vm in vms}, {})
    made = HostEntry(name, f"qemu+ssh://root@{name}/system", Condition(kind, NOW - 60), state, guard)
    return replace(made, **more)  # type: ignore[arg-type]


def scene(
    *entries: HostEntry,
    policy: Policy | None = None,
    read_only: bool = False,
    tasks: tuple[TaskView, ...] = (),
    moves: tuple[TaskView, ...] = (),
    listed: Mapping[str, float] | None = None,
) -> Scene:
    return Scene(Fleet(NOW, entries, tasks, read_only=read_only), policy or Policy(), NOW, listed or {}, moves)


def target(host: HostEntry, noun: Noun = Noun.VM, uuid: str = UUID) -> Target:
    if noun is Noun.HOST:
        return Target.of_host(host)
    assert host.state is not None
    return Target.of_vm(host, host.state.vms[uuid])
