"""Reading what a host has for a VM that would come to it."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from kvmtui.backend.libvirt import api, errors, states
from kvmtui.backend.libvirt.xml import moving
from kvmtui.core.errors import BackendError, Unreachable
from kvmtui.core.migration import Copy, CpuFit, Room

if TYPE_CHECKING:
    from kvmtui.backend.libvirt.lane import Session, Work
    from kvmtui.backend.libvirt.lanes import Lanes
    from kvmtui.backend.libvirt.sources import SourceFinder
    from kvmtui.core.inventory import VmState
    from kvmtui.core.migration import Subject

READ_SECONDS = 8.0

CPU_INCOMPATIBLE = 91  # VIR_ERR_CPU_INCOMPATIBLE
_FITS = {0: CpuFit.INCOMPATIBLE, 1: CpuFit.IDENTICAL, 2: CpuFit.SUPERSET}
_NET_DEVICE = re.compile(r"net_(.+?)_(?:[0-9a-f]{2}_){5}[0-9a-f]{2}")
_HOSTS_OWN = frozenset({"host-passthrough", "maximum"})

T = TypeVar("T")


class _Names(NamedTuple):
    """Who is here already."""

    hostname: str
    same_uuid: VmState | None
    same_uuid_name: str
    same_name: bool


class _Machine(NamedTuple):
    """Whether it could be run; None: could not be asked."""

    machine: bool | None = None
    accel: bool | None = None
    emulator: bool | None = None


class _Fit(NamedTuple):
    fit: CpuFit
    why: str = ""


class _Host(NamedTuple):
    memory_free: int | None
    cpus: int
    version: tuple[int, int, int]


class _Facts(NamedTuple):
    names: _Names
    host: _Host
    networks: dict[str, bool]
    bridges: frozenset[str] | None
    machine: _Machine
    cpu: _Fit


async def read_room(lanes: Lanes, finder: SourceFinder, subject: Subject) -> Room:
    """Read what this host has for `subject`; who is here already must be known, the rest may stay unknown."""
    wanted = [disk.source for disk in subject.disks if disk.kind != "network"]
    wanted += [path for disk in subject.disks for path in disk.backing if path.startswith("/")]
    facts, found = await asyncio.gather(_read(lanes, subject), finder.look_up(wanted))
    names, host, machine, cpu = facts.names, facts.host, facts.machine, facts.cpu
    return Room(
        host_uuid=lanes.host_uuid,
        hostname=names.hostname,
        same_uuid=names.same_uuid,
        same_uuid_name=names.same_uuid_name,
        same_name=names.same_name,
        cpu=cpu.fit,
        cpu_why=cpu.why,
        machine=machine.machine,
        accel=machine.accel,
        memory_free=host.memory_free,
        cpus=host.cpus,
        networks=facts.networks,
        bridges=facts.bridges,
        paths={
            source: Copy(volume.capacity, volume.stamp, found.origins.get(source, ""))
            for source, volume in found.volumes.items()
        },
        pools={folder: (pool.name, pool.available) for folder, pool in found.pools.items()},
        hypervisor_version=host.version,
        unread=found.unread,
        emulator=machine.emulator,
    )


async def _read(lanes: Lanes, subject: Subject) -> _Facts:
    unasked = _Fit(CpuFit.UNKNOWN, "the host did not say")
    return _Facts(
        names=await lanes.detail(partial(_names, subject=subject), READ_SECONDS),
        host=await _or(lanes, _host, _Host(None, 0, (0, 0, 0))),
        networks=await lanes.detail(_networks, READ_SECONDS),
        bridges=await _or(lanes, _bridges, None) if subject.bridges else frozenset(),
        machine=await _or(lanes, partial(_machine, subject=subject), _Machine()),
        cpu=await _or(lanes, partial(_cpu, subject=subject), unasked),
    )


async def _or(lanes: Lanes, work: Work[T], unknown: T) -> T:
    """Return what the host says; `unknown` when it cannot, may not or does not in time. A loss is still an error."""
    try:
        return await lanes.detail(work, READ_SECONDS)
    except Unreachable:
        raise
    except BackendError:
        return unknown


# What follows runs on a lane's thread.


def _names(session: Session, subject: Subject) -> _Names:
    conn = session.conn
    same = _find(partial(conn.lookupByUUIDString, subject.uuid))
    named = _find(partial(conn.lookupByName, subject.name))
    return _Names(
        hostname=conn.getHostname(),
        same_uuid=states.of_state(*same.state()[:2])[0] if same is not None else None,
        same_uuid_name=same.name() if same is not None else "",
        same_name=named is not None and named.UUIDString() != subject.uuid,
    )


def _find(look: partial[api.Domain]) -> api.Domain | None:
    try:
        return look()
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_DOMAIN:
            return None
        raise


def _host(session: Session) -> _Host:
    conn = session.conn
    memory = conn.getMemoryStats(-1, 0)
    free = memory.get("available")
    if free is None:
        free = memory.get("free", 0) + memory.get("buffers", 0) + memory.get("cached", 0)
    version = conn.getVersion()
    return _Host(
        memory_free=free * 1024,
        cpus=int(conn.getInfo()[2]),
        version=(version // 1_000_000, version // 1000 % 1000, version % 1000),
    )


def _networks(session: Session) -> dict[str, bool]:
    try:
        every = session.conn.listAllNetworks(0)
        active = {network.name() for network in session.conn.listAllNetworks(api.NETWORKS_ACTIVE)}
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_SUPPORT:
            return {}
        raise
    return {network.name(): network.name() in active for network in every}


def _bridges(session: Session) -> frozenset[str] | None:
    """Return the names of network devices, as the host lists its devices; None where it lists none at all.

    libvirt writes a name's odd characters as underscores; those of the networks' own bridges are told as they are.
    """
    found = set()
    for device in session.conn.listAllDevices(api.NODE_DEVICES_NET):
        match = _NET_DEVICE.fullmatch(device.name())
        if match is not None:
            found.add(match[1])
    if not found:
        return None
    for network in session.conn.listAllNetworks(api.NETWORKS_ACTIVE):
        try:
            found.add(network.bridgeName())
        except api.LibvirtError as error:
            if errors.is_lost(api.fault(error)):
                raise
    return frozenset(found)


def _machine(session: Session, subject: Subject) -> _Machine:
    """Ask for the VM's kind of machine, and with less and less of it where that is refused."""
    arch, accel = subject.arch, subject.accel

    def knows(emulator: str | None, machine: str | None, virttype: str | None) -> bool:
        try:
            session.conn.getDomainCapabilities(emulator, arch, machine, virttype, 0)
        except api.LibvirtError as error:
            fault = api.fault(error)
            if errors.is_lost(fault) or fault.code in {errors.NO_SUPPORT, *errors.REFUSALS}:
                raise
            return False
        return True

    program = subject.emulator or None
    if knows(program, subject.machine, accel):
        return _Machine(machine=True, accel=True, emulator=True)
    if knows(program, None, accel):
        return _Machine(machine=False, accel=True, emulator=True)
    if knows(program, None, None):
        return _Machine(machine=None, accel=False, emulator=True)
    if knows(None, None, None):
        return _Machine(machine=None, accel=None, emulator=False)
    return _Machine(machine=False, accel=None, emulator=None)


def _cpu(session: Session, subject: Subject) -> _Fit:
    mode = moving.cpu_mode(subject.cpu_xml)
    if mode in {"", "host-model"}:  # of a VM that is off: its next start takes what its host has
        return _Fit(CpuFit.SUPERSET)
    if mode in _HOSTS_OWN:
        return _own(session, subject, mode)
    try:
        said = session.conn.compareHypervisorCPU(
            subject.emulator or None,
            subject.arch,
            subject.machine,
            subject.accel,
            subject.cpu_xml,
            api.COMPARE_FAIL_INCOMPATIBLE,
        )
    except api.LibvirtError as error:
        fault = api.fault(error)
        if fault.code != CPU_INCOMPATIBLE:
            raise
        return _refused(subject, " ".join(fault.message.split()))
    fit = _FITS.get(said, CpuFit.UNKNOWN)
    return _refused(subject, "") if fit is CpuFit.INCOMPATIBLE else _Fit(fit)


def _refused(subject: Subject, why: str) -> _Fit:
    """Take the host's word, unless the definition says that nobody shall check what the VM really gets."""
    if moving.cpu_check(subject.cpu_xml) == "none":
        return _Fit(CpuFit.UNKNOWN, why or "it has not all of the model that the VM asks for")
    return _Fit(CpuFit.INCOMPATIBLE, why)


def _own(session: Session, subject: Subject, mode: str) -> _Fit:
    """Compare the hosts themselves: a VM with its host's own CPU fits only where that is the same."""
    if subject.accel == "kvm":
        if moving.host_cpu(session.conn.getCapabilities()) == subject.host_cpu:
            return _Fit(CpuFit.IDENTICAL)
        return _Fit(CpuFit.INCOMPATIBLE, f"it has its host's own CPU ({mode}), and the two hosts have different ones")
    version = session.conn.getVersion()
    if (version // 1_000_000, version // 1000 % 1000, version % 1000) == subject.hypervisor_version:
        return _Fit(CpuFit.IDENTICAL)
    return _Fit(CpuFit.UNKNOWN, f"it has all that its QEMU emulates ({mode}), and the two differ in version")
