"""Reading a VM that is to be moved, on the host where it is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.libvirt import api, errors, states
from kvmtui.backend.libvirt.control import is_stuck
from kvmtui.backend.libvirt.xml import moving
from kvmtui.core.errors import BackendError
from kvmtui.core.migration import MoveDisk, Subject

if TYPE_CHECKING:
    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.backend.libvirt.lanes import Lanes
    from kvmtui.backend.libvirt.sources import SourceFinder, Sources

READ_SECONDS = 10.0
BLOCK_SECONDS = 5.0


class _Disk(NamedTuple):
    """What the hypervisor says of a disk's size."""

    capacity: int
    allocation: int


async def read_subject(lanes: Lanes, finder: SourceFinder, uuid: str) -> Subject:
    """Read what moving a VM depends on; a size or a stamp that does not come in time stays unknown."""
    subject = await lanes.detail(partial(_read, uuid=uuid), READ_SECONDS)
    sources = [disk.source for disk in subject.disks if disk.source and disk.kind != "network"]
    found = await finder.look_up((*sources, *(path for disk in subject.disks for path in disk.backing)))
    disks = tuple(_with_facts(disk, found) for disk in subject.disks)
    bases = {path for disk in disks for path in disk.backing}
    if not bases <= found.volumes.keys():
        # The definition of a VM that is off does not tell of them.
        found.volumes.update((await finder.look_up(bases - found.volumes.keys())).volumes)
    unknown = [disk.target for disk in disks if disk.capacity is None and disk.source and not disk.readonly]
    sizes: dict[str, _Disk] = {}
    if unknown:
        try:
            sizes = await lanes.detail(partial(_sizes, uuid=uuid, targets=unknown), BLOCK_SECONDS)
        except BackendError:
            sizes = {}  # the VM's monitor does not answer, or its storage does not
    known = {path: volume.stamp for path in bases if (volume := found.volumes.get(path)) is not None}
    return replace(
        subject,
        disks=tuple(_with_size(disk, sizes.get(disk.target)) for disk in disks),
        stamps={path: stamp for path, stamp in known.items() if stamp is not None},
    )


def _with_facts(disk: MoveDisk, found: Sources) -> MoveDisk:
    volume = found.volumes.get(disk.source)
    if volume is None:
        return disk
    return replace(
        disk,
        capacity=volume.capacity,
        allocation=volume.allocation,
        backing=disk.backing or ((volume.backing,) if volume.backing else ()),
        stamp=volume.stamp,
        origin=found.origins.get(disk.source, ""),
    )


def _with_size(disk: MoveDisk, size: _Disk | None) -> MoveDisk:
    return replace(disk, capacity=size.capacity, allocation=size.allocation) if size is not None else disk


# What follows runs on a lane's thread.


def _read(session: Session, uuid: str) -> Subject:
    conn, domain = session.conn, session.domain(uuid)
    state, reason = states.of_state(*domain.state()[:2])
    known = moving.read(domain.XMLDesc(0))
    version = conn.getVersion()
    return Subject(
        uuid=uuid,
        name=domain.name(),
        state=state,
        persistent=domain.isPersistent() == 1,
        autostart=domain.autostart() == 1,
        host_uuid=session.host_uuid,
        hostname=conn.getHostname(),
        arch=known.arch,
        machine=known.machine,
        accel=known.accel,
        emulator=known.emulator,
        cpu_xml=_cpu(domain) if state.is_active else known.cpu_xml,
        memory_max=known.memory_max,
        vcpus_max=known.vcpus_max,
        disks=known.disks,
        networks=known.networks,
        bridges=known.bridges,
        snapshots=domain.snapshotNum(0),
        checkpoints=_checkpoints(domain),
        blockers=known.blockers,
        saved=domain.hasManagedSaveImage(0) == 1,
        hypervisor_version=(version // 1_000_000, version // 1000 % 1000, version % 1000),
        reason=reason,
        job=_job(domain) if state.is_active else "",
        host_cpu=moving.host_cpu(conn.getCapabilities()),
        kept=known.kept,
        notes=known.notes,
    )


def _cpu(domain: api.Domain) -> str:
    """Return the <cpu> element as it would be sent; as it is shown where that is not given out."""
    try:
        text = domain.XMLDesc(api.XML_MIGRATABLE)
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        text = domain.XMLDesc(0)
    return moving.read(text).cpu_xml


def _checkpoints(domain: api.Domain) -> int:
    try:
        return len(domain.listAllCheckpoints(0))
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        return 0


def _job(domain: api.Domain) -> str:
    try:
        stats = domain.jobStats(0)
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        return ""
    return states.of_job(int(stats.get("operation", 0))) if stats.get("type") else ""


def _sizes(session: Session, uuid: str, targets: list[str]) -> dict[str, _Disk]:
    domain = session.domain(uuid)
    if is_stuck(domain):
        return {}
    found = {}
    for target in targets:
        capacity, allocation, physical = domain.blockInfo(target, 0)[:3]
        found[target] = _Disk(int(capacity), int(min(allocation or physical, physical or allocation)))
    return found
