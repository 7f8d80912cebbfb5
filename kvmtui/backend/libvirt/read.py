"""The inventory of a host: a survey of a few calls for all VMs, and a definition only where it may have changed."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.base import Inventory
from kvmtui.backend.libvirt import api, errors, states
from kvmtui.backend.libvirt.control import is_stuck
from kvmtui.backend.libvirt.xml import resources
from kvmtui.backend.libvirt.xml import vm as vm_xml
from kvmtui.backend.libvirt.xml.vm import Definition
from kvmtui.core.errors import BackendError, NotFound, TimedOut
from kvmtui.core.inventory import Job, Network, Pool, Reason, Vm, VmState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kvmtui.backend.libvirt.lanes import Lanes, Session


SURVEY_SECONDS = 15.0
READ_SECONDS = 10.0
CHUNK = 50  # definitions read per call, so that others get their turn
MOST_STUCK = 3  # VMs whose definition does not come, before the rest is left for the next time
NO_SPACE = 2  # VIR_DOMAIN_DISK_ERROR_NO_SPACE


class Seen(NamedTuple):
    """What a survey says of one VM."""

    uuid: str
    name: str
    domain_id: int | None
    state: VmState
    reason: Reason
    persistent: bool
    autostart: bool
    saved: bool
    has_snapshots: bool


class Details(NamedTuple):
    """What is read of one VM alone; kept until an event says that it may have changed."""

    definition: Definition
    domain_id: int | None
    pending: bool
    snapshots: int
    job: Job | None
    read_at: float  # monotonic


class _Progress:
    """Where a reading is, so that the one VM that holds it up is known."""

    def __init__(self) -> None:
        self.at = ""
        self.done: dict[str, Details] = {}
        self.gone: set[str] = set()
        self.stuck: set[str] = set()


class Reader:
    """Reads the inventory, and remembers what need not be read again."""

    def __init__(self, lanes: Callable[[], Lanes]) -> None:
        self._lanes = lanes
        self._details: dict[str, Details] = {}
        self._vms: dict[str, Vm] = {}
        self._touched: set[str] = set()
        self._full: set[str] = set()  # paused because a pool is full, as an event said
        self._networks: tuple[Network, ...] = ()
        self._pools: tuple[Pool, ...] = ()

    def touch(self, uuid: str) -> None:
        """Note that a VM may have changed."""
        self._touched.add(uuid)

    def touch_all(self) -> None:
        """Forget what was read: after a loss anything may have changed unheard."""
        self._touched.update(self._details)

    def note_reason(self, uuid: str, state: VmState, reason: Reason) -> None:
        """Remember that a pool is full; the state alone says "I/O error"."""
        if state is VmState.PAUSED and reason is Reason.POOL_FULL:
            self._full.add(uuid)
        elif state is not VmState.PAUSED:
            self._full.discard(uuid)

    def vcpus(self, uuid: str) -> int:
        """Return the vCPUs of a VM as last read, 0 when it is not known."""
        known = self._vms.get(uuid)
        return known.vcpus if known is not None else 0

    def active_vcpus(self) -> int:
        """Return the vCPUs of all active VMs, as last read."""
        return sum(vm.vcpus for vm in self._vms.values() if vm.is_active)

    async def inventory(self) -> Inventory:
        """Read everything; a VM that holds its reading up costs only its own details."""
        lanes = self._lanes()
        seen = await lanes.detail(_survey, SURVEY_SECONDS)
        gone = await self._read_details(lanes, seen)
        vms = {one.uuid: self._build(one) for one in seen if one.uuid not in gone}
        self._details = {uuid: details for uuid, details in self._details.items() if uuid in vms}
        self._vms = vms
        self._full &= vms.keys()
        for uuid, vm in vms.items():
            if vm.state is VmState.PAUSED and vm.reason is Reason.IO_ERROR:
                await self._ask_why(lanes, uuid)
        with contextlib.suppress(TimedOut):  # a pool on dead storage holds up pools alone
            self._networks = await lanes.detail(_networks, SURVEY_SECONDS)
            self._pools = await lanes.detail(_pools, SURVEY_SECONDS)
        return Inventory(dict(self._vms), self._networks, self._pools)

    async def vm(self, uuid: str) -> Vm:
        """Read one VM anew; one whose definition cannot be had now keeps the known one, with its new state."""
        lanes = self._lanes()
        found: list[Seen] = []
        progress = _Progress()

        def read(session: Session) -> None:
            domain = session.domain(uuid)
            found.append(_look(domain, uuid))
            if uuid in self._details and is_stuck(domain):
                return
            _read_one(domain, found[0], progress)

        self._touched.discard(uuid)
        try:
            await lanes.detail(read, READ_SECONDS)
        except NotFound:
            self._details.pop(uuid, None)
            self._vms.pop(uuid, None)
            raise
        except TimedOut:
            if not found or uuid not in self._details:
                raise
        self._keep(progress, {uuid})
        vm = self._vms[uuid] = self._build(found[0])
        if vm.state is VmState.PAUSED and vm.reason is Reason.IO_ERROR:
            await self._ask_why(lanes, uuid)
        return self._vms[uuid]

    async def _read_details(self, lanes: Lanes, seen: list[Seen]) -> set[str]:
        """Read the definitions that may have changed; returns the VMs that vanished meanwhile."""
        wanted = self._changed(seen)
        gone: set[str] = set()
        stuck = 0
        while wanted and stuck < MOST_STUCK:
            progress = _Progress()
            chunk = list(wanted.values())[:CHUNK]
            uuids = {one.uuid for one in chunk}
            self._touched -= uuids
            try:
                await lanes.detail(partial(_read_many, chunk=chunk, progress=progress), READ_SECONDS)
            except TimedOut:
                if not progress.at:
                    raise
                # That one holds it up (its monitor, or its storage). The next lane goes on behind it.
                stuck += 1
                progress.stuck.add(progress.at)
            self._keep(progress, uuids)
            gone |= progress.gone
            for uuid in (*progress.done, *progress.gone, *progress.stuck):
                wanted.pop(uuid, None)
        return gone

    def _keep(self, progress: _Progress, asked: set[str]) -> None:
        """Keep what was read; what was not is still to be read."""
        self._details.update(progress.done)
        self._touched |= asked - progress.done.keys() - progress.gone

    def _changed(self, seen: list[Seen]) -> dict[str, Seen]:
        """Return the VMs to read: new, touched, started or stopped; and a few of the longest unread."""
        wanted: dict[str, Seen] = {}
        rest: list[tuple[float, Seen]] = []
        for one in seen:
            details = self._details.get(one.uuid)
            if (
                details is None
                or one.uuid in self._touched
                or details.domain_id != one.domain_id
                or details.job is not None
                or bool(details.snapshots) != one.has_snapshots
            ):
                wanted[one.uuid] = one
            else:
                rest.append((details.read_at, one))
        # Not every change has an event, so each definition is read again within about twenty surveys.
        rest.sort(key=lambda pair: pair[0])
        for _, one in rest[: len(seen) // 20 + 1] if not wanted else ():
            wanted[one.uuid] = one
        return wanted

    def _build(self, seen: Seen) -> Vm:
        details = self._details.get(seen.uuid)
        reason = seen.reason
        if reason is Reason.IO_ERROR and seen.uuid in self._full:
            reason = Reason.POOL_FULL
        vm = _vm(seen, details, reason)
        known = self._vms.get(seen.uuid)
        return known if known == vm else vm

    async def _ask_why(self, lanes: Lanes, uuid: str) -> None:
        """Tell a full pool from other I/O errors; the one call here that needs the VM's monitor."""
        try:
            faults = await lanes.detail(lambda session: dict(session.domain(uuid).diskErrors()), READ_SECONDS / 2)
        except BackendError:
            return
        if NO_SPACE in faults.values():
            self._full.add(uuid)
            self._vms[uuid] = replace(self._vms[uuid], reason=Reason.POOL_FULL)


def _vm(seen: Seen, details: Details | None, reason: Reason) -> Vm:
    vm = Vm(
        uuid=seen.uuid,
        name=seen.name,
        state=seen.state,
        reason=reason,
        domain_id=seen.domain_id,
        persistent=seen.persistent,
        autostart=seen.autostart,
        saved=seen.saved,
    )
    if details is None:
        return vm
    known = details.definition
    return replace(
        vm,
        vcpus=known.vcpus,
        vcpus_max=known.vcpus_max,
        memory=known.memory,
        memory_max=known.memory_max,
        pending=details.pending,
        title=known.title,
        description=known.description,
        tags=known.tags,
        owner=known.owner,
        template=known.template,
        disks=known.disks,
        nics=known.nics,
        os=known.os,
        firmware=known.firmware,
        nvram=known.nvram,
        tpm=known.tpm,
        machine=known.machine,
        arch=known.arch,
        accel=known.accel,
        cpu_model=known.cpu_model,
        agent=known.agent,
        snapshots=details.snapshots,
        job=details.job,
        immovable=known.immovable,
    )


# What follows runs on a lane's thread.


def _survey(session: Session) -> list[Seen]:
    conn = session.conn
    domains = {domain.UUIDString(): domain for domain in conn.listAllDomains(0)}
    session.domains = domains
    persistent = _uuids(conn.listAllDomains(api.LIST_PERSISTENT))
    autostart = _uuids(conn.listAllDomains(api.LIST_AUTOSTART))
    saved = _uuids(conn.listAllDomains(api.LIST_MANAGED_SAVE))
    snapshots = _uuids(conn.listAllDomains(api.LIST_HAS_SNAPSHOT))
    said = {
        domain.UUIDString(): (int(stats.get("state.state", 0)), int(stats.get("state.reason", 0)))
        for domain, stats in conn.getAllDomainStats(api.STATS_STATE, 0)
    }
    found = []
    for uuid, domain in domains.items():
        state, reason = states.of_state(*said.get(uuid, (0, 0)))
        found.append(
            Seen(
                uuid=uuid,
                name=domain.name(),
                domain_id=_id(domain),
                state=state,
                reason=reason,
                persistent=uuid in persistent,
                autostart=uuid in autostart,
                saved=uuid in saved,
                has_snapshots=uuid in snapshots,
            )
        )
    return found


def _uuids(domains: Iterable[api.Domain]) -> frozenset[str]:
    return frozenset(domain.UUIDString() for domain in domains)


def _id(domain: api.Domain) -> int | None:
    number = domain.ID()
    return number if number >= 0 else None


def _look(domain: api.Domain, uuid: str) -> Seen:
    state, reason = states.of_state(*domain.state()[:2])
    return Seen(
        uuid=uuid,
        name=domain.name(),
        domain_id=_id(domain),
        state=state,
        reason=reason,
        persistent=domain.isPersistent() == 1,
        autostart=domain.autostart() == 1,
        saved=domain.hasManagedSaveImage() == 1,
        has_snapshots=True,  # asked for below
    )


def _read_many(session: Session, chunk: list[Seen], progress: _Progress) -> None:
    for seen in chunk:
        progress.at = seen.uuid
        try:
            domain = session.domains.get(seen.uuid) or session.domain(seen.uuid)
            if seen.domain_id is not None and is_stuck(domain):
                progress.stuck.add(seen.uuid)
                continue
            _read_one(domain, seen, progress)
        except api.LibvirtError as error:
            fault = api.fault(error)
            if errors.is_lost(fault):
                raise
            progress.gone.add(seen.uuid)


def _read_one(domain: api.Domain, seen: Seen, progress: _Progress) -> None:
    """Read a VM's definition and what belongs to it; an unreadable one leaves only its name and state."""
    live = _definition(domain, 0)
    pending = False
    if seen.domain_id is not None and seen.persistent:
        stored = _definition(domain, api.XML_INACTIVE)
        pending = stored.essentials() != live.essentials()
    progress.done[seen.uuid] = Details(
        definition=live,
        domain_id=seen.domain_id,
        pending=pending,
        snapshots=_snapshots(domain) if seen.has_snapshots else 0,
        job=_job(domain) if seen.domain_id is not None else None,
        read_at=time.monotonic(),
    )


def _definition(domain: api.Domain, flags: int) -> Definition:
    try:
        return vm_xml.read(domain.XMLDesc(flags)) or Definition()
    except UnicodeDecodeError:
        return Definition()


def _snapshots(domain: api.Domain) -> int:
    try:
        return domain.snapshotNum()
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        return 0


def _job(domain: api.Domain) -> Job | None:
    try:
        stats = domain.jobStats()
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        return None
    if not stats.get("type"):
        return None
    return Job(states.of_job(int(stats.get("operation", 0))), percent(stats), ours=False)


def percent(stats: Mapping[str, int | str]) -> float | None:
    """Return how far a job is, by what remains; None when libvirt does not say. Never 100 before it has ended."""
    for part in ("data", "memory", "disk"):
        total, remaining = int(stats.get(f"{part}_total", 0)), int(stats.get(f"{part}_remaining", 0))
        if total > 0:
            return max(0.0, min(99.0, 100.0 * (total - remaining) / total))
    return None


def _networks(session: Session) -> tuple[Network, ...]:
    try:
        networks = session.conn.listAllNetworks(0)
        active = {network.UUIDString() for network in session.conn.listAllNetworks(api.NETWORKS_ACTIVE)}
        autostart = {network.UUIDString() for network in session.conn.listAllNetworks(api.NETWORKS_AUTOSTART)}
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_SUPPORT:
            return ()
        raise
    return tuple(
        sorted(
            (
                Network(
                    uuid=network.UUIDString(),
                    name=network.name(),
                    active=network.UUIDString() in active,
                    autostart=network.UUIDString() in autostart,
                    bridge=_bridge(network),
                )
                for network in networks
            ),
            key=lambda network: network.name,
        )
    )


def _bridge(network: api.Network) -> str:
    try:
        return network.bridgeName()
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        return ""  # a network on an existing interface has none


def _pools(session: Session) -> tuple[Pool, ...]:
    try:
        pools = session.conn.listAllStoragePools(0)
        active = {pool.UUIDString() for pool in session.conn.listAllStoragePools(api.POOLS_ACTIVE)}
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_SUPPORT:
            return ()
        raise
    found = []
    for pool in pools:
        try:
            _, capacity, allocation, available = pool.info()[:4]
            path = resources.pool_path(pool.XMLDesc(0))
        except api.LibvirtError as error:
            if errors.is_lost(api.fault(error)):
                raise
            continue  # it was undefined meanwhile
        found.append(
            Pool(
                uuid=pool.UUIDString(),
                name=pool.name(),
                active=pool.UUIDString() in active,
                capacity=capacity,
                allocation=allocation,
                available=available,
                path=path,
            )
        )
    return tuple(sorted(found, key=lambda pool: pool.name))
