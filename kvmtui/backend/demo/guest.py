"""One simulated guest: what is known of it, and the counters that its work drives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core.metrics import DiskCounters, MemoryReading, NicCounters, VmCounters

if TYPE_CHECKING:
    from kvmtui.backend.demo.roles import Role
    from kvmtui.backend.demo.tty import Tty
    from kvmtui.core.inventory import Address, Vm

GIB = 1 << 30
MIB = 1 << 20
MEMORY_PERIOD = 10.0  # seconds between the guest's reports to its balloon

_new = tuple.__new__  # a NamedTuple's own constructor costs three times as much


class GuestDisk:
    """The totals of a disk since its VM started; `share` is its part of the VM's requests."""

    __slots__ = (
        "allocation",
        "capacity",
        "latency_ns",
        "pool",
        "read_ns",
        "reads",
        "share",
        "source",
        "target",
        "write_ns",
        "writes",
    )

    def __init__(self, target: str, source: str, pool: str, capacity: int, latency_ns: float) -> None:
        """Keep where it lies; `latency_ns` is what a request takes on a quiet host."""
        self.target = target
        self.source = source
        self.pool = pool
        self.capacity = capacity
        self.allocation = capacity
        self.latency_ns = latency_ns
        self.share = 1.0
        self.reads = self.writes = self.read_ns = self.write_ns = 0.0


class Guest:
    """A simulated VM; `vm` is replaced, never patched."""

    __slots__ = (
        "address",
        "boot_until",
        "cpu_ns",
        "deaf",
        "delay_ns",
        "disks",
        "drops",
        "epoch",
        "fast",
        "hung",
        "leased",
        "mean",
        "memory",
        "memory_due",
        "memory_use",
        "pending",
        "phase",
        "role",
        "rx",
        "silent_since",
        "started",
        "talks",
        "touchy",
        "tty",
        "tx",
        "vm",
    )

    def __init__(self, vm: Vm, role: Role, phase: float) -> None:
        """Make a guest that has done nothing yet; `phase` is its own place in the noise, 0 to 1."""
        self.vm: Vm = vm
        self.role = role
        self.phase = phase * 4096.0
        self.mean = role.share * vm.vcpus  # cores wanted on an ordinary hour
        self.touchy = 0.1 + 0.5 * phase  # how much of its host's crowding it feels
        self.memory_use = role.memory
        self.talks = True  # its balloon reports the guest's view
        self.silent_since: float | None = None  # epoch seconds of its last report, when it stopped telling
        self.deaf = False  # it ignores the power button
        self.hung = False  # its monitor does not answer
        self.pending: tuple[int, int] | None = None  # vCPUs and memory that the next start brings
        self.address: Address | None = None
        self.tty: Tty | None = None  # its serial line, once somebody has looked
        self.leased = True  # its address comes from the host's own DHCP
        self.disks: list[GuestDisk] = []
        self.epoch = 0  # counts changes of state; a timer of an older one is void
        self.started = 0.0
        self.boot_until = 0.0
        self.fast = 0.5
        self.memory = MemoryReading()
        self.memory_due = 0.0
        self.cpu_ns = self.delay_ns = self.rx = self.tx = self.drops = 0.0

    def clear(self) -> None:
        """Set all totals to zero, as a new process has them."""
        self.cpu_ns = self.delay_ns = self.rx = self.tx = self.drops = 0.0
        self.memory_due = 0.0
        for disk in self.disks:
            disk.reads = disk.writes = disk.read_ns = disk.write_ns = 0.0

    def age(self, seconds: float) -> None:
        """Give the totals of a guest that has worked this long at its mean."""
        self.work(seconds, self.mean, 0.5, 0.01, booting=False)

    def work(self, seconds: float, cores: float, fast: float, crowd: float, *, booting: bool) -> None:
        """Add what `cores` in use for `seconds` do; `crowd` is how crowded the host is, 0 to 1."""
        role = self.role
        done = cores * seconds
        self.cpu_ns += done * 1e9
        self.delay_ns += seconds * crowd * self.touchy * (0.35 * self.vm.vcpus + 0.65 * cores) * 1e9
        read_rate, write_rate, _, _ = role.disk
        reads = done * read_rate * (1.6 - 1.2 * fast)
        writes = done * write_rate * (0.4 + 1.2 * fast)
        if booting:
            reads += 850.0 * seconds
            writes += 40.0 * seconds
        for disk in self.disks:
            share = disk.share
            slow = disk.latency_ns * (0.7 + 0.6 * fast + 3.0 * crowd)
            disk.reads += reads * share
            disk.writes += writes * share
            disk.read_ns += reads * share * slow
            disk.write_ns += writes * share * slow * 1.4
        rx_rate, tx_rate, _, _ = role.net
        self.rx += done * rx_rate * (0.4 + 1.2 * fast)
        self.tx += done * tx_rate * (0.4 + 1.2 * fast)

    def report(self, wall: float, noise: float, uptime: float) -> None:
        """Take the balloon's next reading; `noise` is 0 to 1, `uptime` is seconds."""
        current = self.vm.memory
        warm = min(1.0, 0.25 + uptime / 400.0)
        touched = min(1.0, self.memory_use * 1.06 + 0.02) * (0.35 + 0.65 * min(1.0, 0.3 + uptime / 900.0))
        rss = int(current * touched) + 60 * MIB
        if not self.talks or uptime < 1.0:
            self.memory = MemoryReading(current=current, rss=rss)
            return
        available = current - current // 40
        used = available * self.memory_use * warm * (0.94 + 0.12 * noise)
        usable = max(available - int(used), available // 50)
        updated = wall if self.silent_since is None else self.silent_since
        self.memory = MemoryReading(
            current=current,
            available=available,
            usable=usable,
            unused=usable * 3 // 5,
            rss=rss,
            updated=updated,
            swap_in=0,
            swap_out=0,
        )

    def counters(self, *, delay: bool) -> VmCounters:
        """Return the totals as a bulk reading gives them."""
        vm, role = self.vm, self.role
        disks: dict[str, DiskCounters] = {}
        if not self.hung:
            _, _, read_size, write_size = role.disk
            for disk in self.disks:
                reads, writes = int(disk.reads), int(disk.writes)
                disks[disk.target] = _new(
                    DiskCounters,
                    (
                        reads,
                        reads * read_size,
                        int(disk.read_ns),
                        writes,
                        writes * write_size,
                        int(disk.write_ns),
                        writes // 9,
                        writes * 60_000,
                        disk.capacity,
                        disk.allocation,
                        disk.allocation,
                    ),
                )
        nics: dict[str, NicCounters] = {}
        if vm.nics:
            _, _, rx_size, tx_size = role.net
            rx, tx = int(self.rx), int(self.tx)
            nics[vm.nics[0].target] = _new(NicCounters, (rx * rx_size, rx, 0, int(self.drops), tx * tx_size, tx, 0, 0))
            for nic in vm.nics[1:]:
                few = rx // 50
                nics[nic.target] = _new(NicCounters, (few * 110, few, 0, 0, few * 90, few, 0, 0))
        memory = MemoryReading(current=vm.memory) if self.hung else self.memory
        return _new(
            VmCounters,
            (
                vm.domain_id,
                int(self.cpu_ns),
                vm.vcpus,
                int(self.delay_ns) if delay else None,
                memory,
                disks,
                nics,
                not self.hung,
            ),
        )
