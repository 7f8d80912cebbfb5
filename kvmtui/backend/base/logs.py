"""What a host's own logs tell, beside what its hypervisor says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from kvmtui.core.host_log import KernelLine


class LogPart(NamedTuple):
    """The end of a log."""

    lines: tuple[str, ...]  # hostile; the newest last
    trouble: str = ""  # why there are none, one sentence with what to do


class HostLogs(NamedTuple):
    """What a host's logs say of one VM."""

    qemu: LogPart  # of its hypervisor process, over all its runs
    kernel: tuple[KernelLine, ...]  # the host's kernel on memory and disks, and on that process
    kernel_trouble: str = ""  # why the kernel's log could not be read, one sentence with what to do
    ahead: float = 0.0  # seconds by which the host's clock, which wrote them, is ahead of ours


class Logs(Protocol):
    """What a host's own logs tell, beside what its hypervisor says."""

    async def of_vm(self, uuid: str, around: float | None) -> HostLogs:
        """Read the end of QEMU's log of a VM, and what the kernel said about it or near a time (None: today).

        At most 64 KiB and 200 lines of each. Raises NotSupported, with the command to run there, where only the
        hypervisor's own protocol leads to the host.
        """
        ...
