"""What a simulated fleet consists of before time begins: plans, and the guests made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kvmtui.backend.demo.guest import GIB, MIB, Guest, GuestDisk
from kvmtui.backend.demo.host import SimHost
from kvmtui.backend.demo.images import stock
from kvmtui.backend.demo.noise import fraction, mix, uuid_of
from kvmtui.backend.demo.roles import Role
from kvmtui.core.inventory import (
    Address,
    AddressSource,
    AgentState,
    Disk,
    Host,
    Network,
    Nic,
    Pool,
    Reason,
    Vm,
    VmState,
    Volume,
)

LATENCY = {"nvme": 0.9e6, "ssd": 1.6e6, "hdd": 7.5e6, "ceph": 3.2e6}  # ns a request
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class VmPlan:
    """A VM as a fleet's description has it."""

    name: str
    role: Role
    vcpus: int
    gib: float
    share: float | None = None  # of its vCPUs in use on an ordinary hour; None: as its role
    state: VmState = VmState.RUNNING
    reason: Reason = Reason.BOOTED
    os: str = "Debian 12"
    tags: tuple[str, ...] = ()
    title: str = ""
    description: str = ""
    disks: tuple[tuple[str, int], ...] = (("nvme", 40),)  # pool, GiB
    networks: tuple[str, ...] = ("prod",)
    touchy: float | None = None
    memory_use: float | None = None
    talks: bool = True  # the balloon gives the guest's view
    stale: bool = False  # ... and has stopped doing so
    agent: bool = True
    autostart: bool = True
    persistent: bool = True
    saved: bool = False
    deaf: bool = False
    pending: tuple[int, float] | None = None  # vCPUs, GiB
    snapshots: int = 0
    owner: str = ""
    template: bool = False
    uefi: bool = False
    immovable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A host as a fleet's description has it."""

    name: str
    cpus: int
    gib: int
    target: float | None  # share of its CPUs in use on an ordinary hour; None: what its VMs want
    vms: tuple[VmPlan, ...]
    pools: tuple[tuple[str, int, float], ...] = (("nvme", 1800, 0.55), ("hdd", 8000, 0.4))  # GiB, share in use
    networks: tuple[str, ...] = ("prod", "mgmt", "lab")
    cpu_model: str = "EPYC-Milan"
    sockets: int = 1
    libvirt: tuple[int, int, int] = (10, 0, 0)
    qemu: tuple[int, int, int] = (8, 2, 2)
    iowait: float = 0.004
    uptime_days: float = 41.0


def build_host(plan: HostPlan, index: int, seed: int, knots: tuple[float, ...]) -> SimHost:
    """Return a host with its guests; the same plan, index and seed give the same host."""
    facts = Host(
        uuid=uuid_of(seed, 0x4057, index),
        hostname=f"{plan.name}.example.net",
        driver="demo",
        arch="x86_64",
        cpu_model=plan.cpu_model,
        cpus=plan.cpus,
        mhz=2_800 + 50 * (index % 7),
        sockets=plan.sockets,
        cores=max(1, plan.cpus // (2 * plan.sockets)),
        threads=2,
        numa_cells=max(2 if plan.cpus >= 32 else 1, plan.sockets),
        memory=plan.gib * GIB,
        libvirt_version=plan.libvirt,
        hypervisor_version=plan.qemu,
        kvm=True,
        local=False,
    )
    host = SimHost(plan.name, facts, knots=knots, uptime=plan.uptime_days * _DAY)
    host.iowait = plan.iowait
    host.pools = tuple(_pool(seed, index, *pool) for pool in plan.pools)
    host.networks = tuple(
        Network(uuid_of(seed, 0x4E7, index, number), name, name != "lab", name != "lab", f"virbr{number}")
        for number, name in enumerate(plan.networks)
    )
    for number, vm in enumerate(plan.vms):
        guest = build_guest(vm, host, seed, mix(index, number))
        host.guests[guest.vm.uuid] = guest
        host.volumes.update((volume.path, volume) for volume in volumes_of(guest))
    stock(host)
    if plan.target is not None:
        _load_to(host, plan.target)
    return host


def volumes_of(guest: Guest) -> list[Volume]:
    """Return the volumes that a guest's disks are."""
    formats = {disk.source: disk.format for disk in guest.vm.disks}
    return [
        Volume(
            pool=disk.pool,
            name=disk.source.rpartition("/")[2],
            path=disk.source,
            format=formats.get(disk.source, "raw"),
            capacity=disk.capacity,
            allocation=disk.allocation,
        )
        for disk in guest.disks
    ]


def _pool(seed: int, index: int, name: str, gib: int, share: float) -> Pool:
    capacity = gib * GIB
    allocation = int(capacity * share)
    return Pool(
        uuid=uuid_of(seed, 0x9001, index, mix(*name.encode())),
        name=name,
        active=True,
        capacity=capacity,
        allocation=allocation,
        available=capacity - allocation,
        path=f"/srv/{name}/images",
    )


def _load_to(host: SimHost, target: float) -> None:
    """Scale what the guests want so that the host's CPUs are in use by about `target`."""
    total = sum(guest.mean for guest in host.running)
    if total:
        factor = target * host.facts.cpus / total
        for guest in host.guests.values():
            guest.mean = min(guest.mean * factor, 0.9 * guest.vm.vcpus)


def build_guest(plan: VmPlan, host: SimHost, seed: int, number: int) -> Guest:
    """Return a guest of `host`, as if it had been there for long; `number` makes it differ from the others."""
    vm = _vm(plan, host, seed, number)
    guest = Guest(vm, plan.role, fraction(seed, number, 5))
    if plan.share is not None:
        guest.mean = plan.share * plan.vcpus
    if plan.touchy is not None:
        guest.touchy = plan.touchy
    wobble = 0.85 + 0.3 * fraction(seed, number, 6)
    guest.memory_use = plan.memory_use if plan.memory_use is not None else min(0.94, plan.role.memory * wobble)
    guest.talks = plan.talks
    guest.silent_since = 0.0 if plan.stale else None  # told when time begins
    guest.deaf = plan.deaf
    guest.pending = None if plan.pending is None else (plan.pending[0], int(plan.pending[1] * GIB))
    guest.disks = [_guest_disk(disk, pool, gib, seed, number) for disk, (pool, gib) in _disks(vm, plan)]
    if len(guest.disks) > 1:
        guest.disks[0].share = 0.15
        for disk in guest.disks[1:]:
            disk.share = 0.85 / (len(guest.disks) - 1)
    if vm.nics and plan.os:
        guest.address = address_of(vm.nics[0], seed, number)
        guest.leased = vm.nics[0].kind == "network"
    return guest


def _vm(plan: VmPlan, host: SimHost, seed: int, number: int) -> Vm:
    active = plan.state.is_active
    return Vm(
        uuid=uuid_of(seed, 0x60E5, number),
        name=plan.name,
        state=plan.state,
        reason=plan.reason,
        domain_id=host.new_id() if active else None,
        vcpus=plan.vcpus,
        vcpus_max=plan.vcpus,
        memory=int(plan.gib * GIB),
        memory_max=int(plan.gib * GIB),
        persistent=plan.persistent,
        autostart=plan.autostart and plan.persistent and not plan.template,
        saved=plan.saved,
        pending=plan.pending is not None,
        title=plan.title,
        description=plan.description,
        tags=plan.tags,
        owner=plan.owner,
        template=plan.template,
        disks=tuple(_disk(plan, at) for at in range(len(plan.disks))),
        nics=tuple(_nic(name, at, host, seed, number, active=active) for at, name in enumerate(plan.networks)),
        os=plan.os,
        firmware="UEFI" if plan.uefi else "BIOS",
        nvram=f"/var/lib/libvirt/qemu/nvram/{plan.name}_VARS.fd" if plan.uefi else "",
        tpm=plan.uefi and plan.os.startswith("Windows"),
        machine="pc-q35-8.2",
        arch="x86_64",
        accel="kvm",
        cpu_model="host-model",
        agent=_agent(plan),
        snapshots=plan.snapshots,
        immovable=plan.immovable,
    )


def _disks(vm: Vm, plan: VmPlan) -> list[tuple[Disk, tuple[str, int]]]:
    return list(zip((disk for disk in vm.disks if disk.device == "disk"), plan.disks, strict=True))


def _agent(plan: VmPlan) -> AgentState:
    if not plan.agent:
        return AgentState.NONE
    return AgentState.CONNECTED if plan.state is VmState.RUNNING else AgentState.DISCONNECTED


def _disk(plan: VmPlan, at: int) -> Disk:
    pool, _ = plan.disks[at]
    tail = "" if at == 0 else f"-data{at}"
    return Disk(
        target=f"vd{chr(ord('a') + at)}",
        device="disk",
        bus="virtio",
        kind="network" if pool == "ceph" else "file",
        source=f"rbd:vms/{plan.name}{tail}" if pool == "ceph" else f"/srv/{pool}/images/{plan.name}{tail}.qcow2",
        format="raw" if pool == "ceph" else "qcow2",
        overlay=bool(plan.snapshots) and at == 0,
    )


def _guest_disk(disk: Disk, pool: str, gib: int, seed: int, number: int) -> GuestDisk:
    salt = mix(*disk.target.encode())
    made = GuestDisk(disk.target, disk.source, pool, gib * GIB, LATENCY[pool] * (0.7 + fraction(seed, number, salt)))
    made.allocation = int(gib * GIB * (0.25 + 0.6 * fraction(seed, number, salt, 1))) // MIB * MIB
    return made


def _nic(name: str, at: int, host: SimHost, seed: int, number: int, *, active: bool) -> Nic:
    tail = mix(seed, number, at, 0x3AC)
    mac = f"52:54:00:{tail >> 16 & 255:02x}:{tail >> 8 & 255:02x}:{tail & 255:02x}"
    bridged = name.startswith("br")
    return Nic(
        mac=mac,
        target=host.new_tap() if active else "",
        model="virtio",
        kind="bridge" if bridged else "network",
        source=name,
    )


def address_of(nic: Nic, seed: int, number: int) -> Address:
    """Return the address that a guest gets on a card."""
    tail = mix(seed, number, 0x1B)
    source = AddressSource.LEASE if nic.kind == "network" else AddressSource.AGENT
    ip = f"10.{seed % 200}.{tail >> 8 & 63}.{2 + tail % 250}"
    return Address(ip=ip, mac=nic.mac, source=source, at=0.0)


def begin(host: SimHost, seed: int, now: float, wall: float) -> None:
    """Give the host's running guests the past that they would have at this time."""
    for guest in host.guests.values():
        if guest.vm.domain_id is None:
            continue
        uptime = (0.4 + 30.0 * fraction(seed, mix(*guest.vm.uuid.encode()))) * _DAY
        guest.started = now - uptime
        guest.work(uptime, guest.mean, 0.5, 0.01, booting=False)
        if guest.silent_since is not None:
            guest.silent_since = wall - 45.0
        guest.vm = replace(guest.vm, since=None)
