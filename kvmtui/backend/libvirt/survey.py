"""Surveys and definitions, as they are read on a lane's thread."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.libvirt import api, errors, states
from kvmtui.backend.libvirt.control import is_stuck
from kvmtui.backend.libvirt.xml import vm as vm_xml
from kvmtui.backend.libvirt.xml.vm import Definition
from kvmtui.core.inventory import Job, Reason, VmState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmtui.backend.libvirt.lane import Session


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


class Marks(NamedTuple):
    """What no event tells when it changes: who starts with the host, has a saved state or snapshots, and why it is off.

    That a start failed is told by no event where it failed early.
    """

    autostart: frozenset[str]
    saved: frozenset[str]
    snapshots: frozenset[str]
    off: Mapping[str, tuple[VmState, Reason]] = {}


class Progress:
    """Where a reading is, so that the one VM that holds it up is known."""

    def __init__(self) -> None:
        self.at = ""
        self.done: dict[str, Details] = {}
        self.gone: set[str] = set()
        self.stuck: set[str] = set()


def glance(session: Session) -> list[Seen]:
    """Look at all VMs in one call, which tells least: who is there, and in what state."""
    return _seen(session, session.conn.getAllDomainStats(api.STATS_STATE, 0))


def survey(session: Session) -> list[Seen]:
    """Look at all VMs in five calls, none of which needs a monitor."""
    conn = session.conn
    records = conn.getAllDomainStats(api.STATS_STATE, 0)
    persistent = _uuids(conn.listAllDomains(api.LIST_PERSISTENT))
    marks = read_marks(session)
    return [
        one._replace(
            persistent=one.uuid in persistent,
            autostart=one.uuid in marks.autostart,
            saved=one.uuid in marks.saved,
            has_snapshots=one.uuid in marks.snapshots,
        )
        for one in _seen(session, records)
    ]


def read_marks(session: Session) -> Marks:
    """Read in three calls what lists tell."""
    listed = session.conn.listAllDomains
    return Marks(
        autostart=_uuids(listed(api.LIST_AUTOSTART)),
        saved=_uuids(listed(api.LIST_MANAGED_SAVE)),
        snapshots=_uuids(listed(api.LIST_HAS_SNAPSHOT)),
    )


def read_untold(session: Session) -> Marks:
    """Read in four calls what no event tells."""
    off = {
        domain.UUIDString(): _state(stats)
        for domain, stats in session.conn.getAllDomainStats(api.STATS_STATE, api.STATS_INACTIVE)
    }
    return read_marks(session)._replace(off=off)


def _state(stats: api.Stats) -> tuple[VmState, Reason]:
    return states.of_state(int(stats.get("state.state", 0)), int(stats.get("state.reason", 0)))


def _seen(session: Session, records: Sequence[tuple[api.Domain, api.Stats]]) -> list[Seen]:
    # These name the VMs as they were when their state was read; a list of its own could be older.
    session.domains = {domain.UUIDString(): domain for domain, _ in records}
    found = []
    for domain, stats in records:
        state, reason = _state(stats)
        found.append(
            Seen(
                uuid=domain.UUIDString(),
                name=domain.name(),
                domain_id=_id(domain),
                state=state,
                reason=reason,
                persistent=True,
                autostart=False,
                saved=False,
                has_snapshots=False,
            )
        )
    return found


def _uuids(domains: Iterable[api.Domain]) -> frozenset[str]:
    return frozenset(domain.UUIDString() for domain in domains)


def _id(domain: api.Domain) -> int | None:
    number = domain.ID()
    return number if number >= 0 else None


def look(session: Session, uuid: str) -> tuple[api.Domain, Seen]:
    """Look at one VM; again when it went on or off between the two calls that this takes."""
    domain = session.domain(uuid)
    seen = _look(domain, uuid)
    if seen.state.is_active != (seen.domain_id is not None):
        domain = session.domain(uuid)
        seen = _look(domain, uuid)
    return domain, seen


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


CHUNK_SECONDS = 3.0


def read_many(session: Session, chunk: list[Seen], progress: Progress) -> None:
    """Read the definitions of a chunk into `progress`, leaving out those that hang; over a long link, some of them."""
    until = time.monotonic() + CHUNK_SECONDS
    for number, seen in enumerate(chunk):
        if number and time.monotonic() > until:
            return
        progress.at = seen.uuid
        try:
            domain = session.domains.get(seen.uuid) or session.domain(seen.uuid)
            if seen.domain_id is not None and is_stuck(domain):
                progress.stuck.add(seen.uuid)
                continue
            read_one(domain, seen, progress)
        except api.LibvirtError as error:
            fault = api.fault(error)
            if errors.is_lost(fault):
                raise
            # Any other refusal (an access rule, say) leaves the VM there, without its details.
            (progress.gone if fault.code == errors.NO_DOMAIN else progress.stuck).add(seen.uuid)


def read_one(domain: api.Domain, seen: Seen, progress: Progress) -> None:
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
