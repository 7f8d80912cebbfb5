"""A fleet of any size, made up from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.demo import roles
from kvmtui.backend.demo.noise import fraction, mix
from kvmtui.backend.demo.plan import HostPlan, VmPlan
from kvmtui.core.inventory import Reason, VmState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.backend.demo.address import FleetAddress
    from kvmtui.backend.demo.roles import Role


class _Kind(NamedTuple):
    """A family of VMs: how often it is met, its names, sizes and disks."""

    weight: int
    role: Role
    names: tuple[str, ...]
    vcpus: tuple[int, ...]
    gib: tuple[int, ...]
    tags: tuple[str, ...]
    data: int  # GiB of a second disk, 0 for none
    systems: tuple[str, ...] = ("Debian 12", "Ubuntu 24.04", "Rocky Linux 9")


_KINDS = (
    _Kind(
        20,
        roles.WEB,
        ("web", "web-frontend-prod", "shop-eu", "customer-portal-staging-frontend-blue", "static"),
        (2, 4),
        (2, 4),
        ("web", "prod"),
        0,
    ),
    _Kind(18, roles.APP, ("app", "api", "orders-service-prod", "billing", "auth"), (2, 4), (4, 8), ("app", "prod"), 0),
    _Kind(10, roles.DB, ("db", "pg-orders", "mysql", "mongo-events-replica"), (4, 8), (16, 32), ("db", "prod"), 300),
    _Kind(5, roles.CACHE, ("cache", "redis"), (2,), (8,), ("cache", "prod"), 0),
    _Kind(4, roles.QUEUE, ("kafka", "rabbit"), (4, 8), (8, 16), ("queue", "prod"), 200),
    _Kind(2, roles.MAIL, ("mail", "mx"), (2, 4), (4, 8), ("mail",), 200),
    _Kind(
        8,
        roles.OFFICE,
        ("erp", "wiki", "crm", "win-rds"),
        (4, 8),
        (8, 16),
        ("office",),
        0,
        ("Windows Server 2022", "Debian 12"),
    ),
    _Kind(7, roles.INFRA, ("dns", "ldap", "ntp", "vpn"), (1, 2), (1, 2), ("infra",), 0, ("Alpine 3.19", "Debian 12")),
    _Kind(3, roles.METRICS, ("prometheus", "logs"), (4,), (16,), ("infra",), 400),
    _Kind(3, roles.STORE, ("git", "registry", "s3-gateway"), (4,), (8,), ("dev",), 600),
    _Kind(2, roles.BACKUP, ("backup",), (4,), (8,), ("backup",), 2000),
    _Kind(13, roles.CI, ("ci-runner", "build", "test-vm"), (4, 8), (8, 16), ("ci",), 0, ("Ubuntu 24.04", "Fedora 40")),
    _Kind(5, roles.BATCH, ("batch", "analytics-nightly", "etl"), (4, 8), (8, 16), ("batch",), 100),
)
_WHEEL = tuple(kind for kind in _KINDS for _ in range(kind.weight))
_MEMORIES = (32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
_CPUS = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


def fleet(address: FleetAddress) -> Iterator[HostPlan]:
    """Yield the hosts; VMs are dealt out as evenly as they divide."""
    seed, hosts, vms = address.seed, address.host_count, address.vm_count
    numbers: dict[str, int] = {}
    made = 0
    for index, name in enumerate(address.host_names):
        count = vms * (index + 1) // hosts - vms * index // hosts
        plans = tuple(_vm(seed, made + at, numbers) for at in range(count))
        made += count
        yield _host(name, index, seed, plans)


def _host(name: str, index: int, seed: int, plans: tuple[VmPlan, ...]) -> HostPlan:
    sold = sum(plan.gib for plan in plans if plan.state.is_active)
    wanted = sum(plan.vcpus for plan in plans if plan.state.is_active)
    oversold, crowded = index % 17 == 4, index % 13 == 2
    memory = _at_least(_MEMORIES, int(sold / (0.84 if not oversold else 1.12)) + 8)
    if oversold:
        memory = max(32, int(sold / 1.07))
    full = index % 19 == 6
    return HostPlan(
        name,
        cpus=_at_least(_CPUS, wanted // 4),
        gib=memory,
        target=0.82 if crowded else 0.12 + 0.42 * fraction(seed, index, 1),
        vms=plans,
        pools=(
            ("nvme", 400 + 60 * len(plans), 0.972 if full else 0.3 + 0.5 * fraction(seed, index, 2)),
            ("hdd", 4_000 + 200 * len(plans), 0.2 + 0.5 * fraction(seed, index, 3)),
        ),
        sockets=1 + index % 2,
        libvirt=(9, 0, 0) if index % 5 == 4 else (10, 0, 0),
        qemu=(7, 2, 9) if index % 5 == 4 else (8, 2, 2),
        iowait=0.001 + 0.012 * fraction(seed, index, 4) ** 2,
        uptime_days=4 + 300 * fraction(seed, index, 5),
    )


def _at_least(sizes: tuple[int, ...], wanted: int) -> int:
    return next((size for size in sizes if size >= wanted), max(wanted, 1))


def _vm(seed: int, number: int, numbers: dict[str, int]) -> VmPlan:
    bits = mix(seed, 0xF1EE7, number)
    kind = _WHEEL[bits % len(_WHEEL)]
    stem = kind.names[(bits >> 8) % len(kind.names)]
    numbers[stem] = numbers.get(stem, 0) + 1
    size = (bits >> 16) % 7 // 4
    luck = (bits >> 24) % 10_000
    system = kind.systems[(bits >> 40) % len(kind.systems)]
    state, reason = _state(luck)
    slow = kind.role in (roles.BACKUP, roles.STORE, roles.MAIL)
    main = ("nvme" if bits >> 48 & 3 else "hdd", 20 + 20 * (bits >> 50 & 1))
    return VmPlan(
        name=f"{stem}-{numbers[stem]:02d}",
        role=kind.role,
        vcpus=kind.vcpus[size % len(kind.vcpus)],
        gib=kind.gib[size % len(kind.gib)],
        state=state,
        reason=reason,
        os=system,
        tags=kind.tags,
        disks=(main, ("hdd" if slow else "nvme", kind.data)) if kind.data else (main,),
        autostart="prod" in kind.tags and not 20 <= luck < 500,  # a few are off that should be on
        talks=kind.role is not roles.CACHE,
        stale=system.startswith("Windows") and luck % 9 == 0,
        agent=luck % 11 != 0,
        persistent=not (kind.role is roles.CI and luck % 13 == 0 and state.is_active),
        saved=reason is Reason.SAVED,
        deaf=luck % 97 == 0,
        pending=(8, 2.0 * kind.gib[0]) if luck % 101 == 5 and state.is_active else None,
        snapshots=1 + luck % 3 if luck % 19 == 1 else 0,
        owner="nova" if luck % 331 == 7 or number == 11 else "",
        template=state is VmState.OFF and luck % 10 == 3,
        uefi=system.startswith("Windows") or luck % 6 == 2,
        immovable=("PCI device 0000:41:00.0 is passed through",) if luck % 149 == 11 else (),
    )


def _state(luck: int) -> tuple[VmState, Reason]:
    """Return what a VM is doing: nearly all run, a few of each other kind."""
    for limit, state, reason in (
        (470, VmState.OFF, Reason.SHUTDOWN),
        (500, VmState.OFF, Reason.SAVED),
        (510, VmState.PAUSED, Reason.IO_ERROR),
        (525, VmState.PAUSED, Reason.USER),
        (535, VmState.SUSPENDED, Reason.NONE),
    ):
        if luck < limit:
            return state, reason
    return VmState.RUNNING, Reason.BOOTED
