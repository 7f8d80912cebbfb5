"""The logs of simulated hosts: what QEMU writes when a VM begins and ends, and what the kernel says of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kvmtui.backend.base import HostLogs, LogPart
from kvmtui.core.host_log import MOST_LINES, ending, kernel_lines
from kvmtui.core.inventory import Reason, VmState

if TYPE_CHECKING:
    from kvmtui.backend.demo.connection import Connection
    from kvmtui.backend.demo.guest import Guest
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.world import World
    from kvmtui.core.inventory import Vm

_KEPT = 5_400.0  # seconds before time began: when what is off then was last shut down
_FIRST_PID = 40_213
_REASONS = {
    Reason.DESTROYED: "destroyed",
    Reason.CRASHED: "crashed",
    Reason.SAVED: "saved",
    Reason.MIGRATED: "migrated",
    Reason.FAILED: "failed",
}


class LogBooks:
    """What has been logged since time began, and a plausible line or two of what was before."""

    def __init__(self, world: World) -> None:
        """Write down what happens in `world`."""
        self._world = world
        self._began = world.clock.now()
        self._qemu: dict[str, list[str]] = {}  # by UUID
        self._kernel: dict[str, list[str]] = {}  # by host

    def moved(self, host: SimHost, before: Vm, after: Vm) -> None:
        """Write what QEMU's log says when a VM goes on or off."""
        self._before(host, before)
        if before.is_active and after.state is VmState.OFF:
            self._write(after, _ended(self._world.clock.now(), after))
        elif not before.is_active and after.is_active:
            self._write(after, *_begun(self._world.clock.now(), host, after))

    def killed(self, host: SimHost, guest: Guest) -> None:
        """Write what the kernel says when it kills a VM's process for want of memory."""
        vm, number = guest.vm, guest.vm.domain_id or 0
        name = vm.name.replace("-", "\\x2d")
        rss = (guest.memory.rss or vm.memory) // 1024
        pid = pid_of(number)
        for text in (
            "CPU 3/KVM invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0",
            (
                "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=emulator,mems_allowed=0-1,global_oom,"
                f"task_memcg=/machine.slice/machine-qemu\\x2d{number}\\x2d{name}.scope/libvirt/emulator,"
                f"task=qemu-system-x86,pid={pid},uid=64055"
            ),
            (
                f"Out of memory: Killed process {pid} (qemu-system-x86) total-vm:{rss * 5 // 4}kB, anon-rss:{rss}kB,"
                " file-rss:0kB, shmem-rss:4kB, UID:64055 oom_score_adj:0"
            ),
            f"oom_reaper: reaped process {pid} (qemu-system-x86), now anon-rss:0kB, file-rss:0kB, shmem-rss:4kB",
        ):
            self._say(host, text)

    def _say(self, host: SimHost, text: str) -> None:
        line = f"{self._world.clock.now():.6f} {host.name} kernel: {text}"
        self._kernel.setdefault(host.name, []).append(line)

    def _write(self, vm: Vm, *lines: str) -> None:
        self._qemu[vm.uuid].extend(lines)

    def _before(self, host: SimHost, vm: Vm) -> None:
        """Begin a VM's log with what was before time began."""
        if vm.uuid not in self._qemu:
            at = self._began - _KEPT
            lines = [*_begun(at - 86_400.0, host, vm)]
            if vm.state is VmState.OFF:
                lines.append(_ended(at, vm))
            self._qemu[vm.uuid] = lines

    def of(self, host: SimHost, vm: Vm, around: float | None) -> HostLogs:
        """Return what the logs of a host say of a VM."""
        self._before(host, vm)
        lines = tuple(self._qemu[vm.uuid][-MOST_LINES:])
        ended = ending(lines)
        return HostLogs(
            LogPart(lines),
            kernel_lines(
                self._kernel.get(host.name, ()),
                name=vm.name,
                pid=None if vm.domain_id is None else pid_of(vm.domain_id),
                booted=0.0,
                around=around if around is not None or ended is None else ended.at,
                until=self._world.clock.now(),
            ),
        )


class DemoLogs:
    """What a simulated host's own logs tell."""

    def __init__(self, connection: Connection) -> None:
        """Read through `connection`."""
        self._to = connection

    async def of_vm(self, uuid: str, around: float | None) -> HostLogs:
        """Return what they say of a VM."""
        to = self._to
        return await to.read("logs", lambda: to.world.books.of(to.host, to.host.guest(uuid).vm, around), uuid=uuid)


def pid_of(domain_id: int) -> int:
    """Return the process that a VM with this number runs in."""
    return _FIRST_PID + 37 * domain_id


def _stamp(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}+0000"


def _begun(at: float, host: SimHost, vm: Vm) -> tuple[str, ...]:
    libvirt, qemu = (
        ".".join(map(str, version)) for version in (host.facts.libvirt_version, host.facts.hypervisor_version)
    )
    return (
        (
            f"{_stamp(at)}: starting up libvirt version: {libvirt}, qemu version: {qemu}, kernel: 6.1.0-18-amd64,"
            f" hostname: {host.facts.hostname}"
        ),
        (
            f"/usr/bin/qemu-system-x86_64 -name guest={vm.name},debug-threads=on -machine {vm.machine},accel=kvm"
            f" -m size={vm.memory // 1024}k -smp {vm.vcpus} -uuid {vm.uuid}"
        ),
        "char device redirected to /dev/pts/4 (label charserial0)",
    )


def _ended(at: float, vm: Vm) -> str:
    return f"{_stamp(at)}: shutting down, reason={_REASONS.get(vm.reason, 'shutdown')}"
