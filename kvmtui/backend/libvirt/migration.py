"""Moving VMs from host to host, peer to peer: the source's libvirt drives it and goes on without us."""

from __future__ import annotations

import asyncio
import socket
import time
from functools import partial
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import api, carrying, errors, uri
from kvmtui.backend.libvirt.gauge import MIGRATION_OUT, Gauge
from kvmtui.backend.libvirt.room import read_room
from kvmtui.backend.libvirt.sources import SourceFinder
from kvmtui.backend.libvirt.subject import read_subject
from kvmtui.backend.libvirt.uri import Transport
from kvmtui.core.errors import Aborted, BackendError, ConfigError, Conflict

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.errors import Fault
    from kvmtui.backend.libvirt.lane import Lane, Session, Work
    from kvmtui.backend.libvirt.lanes import Lanes
    from kvmtui.backend.libvirt.uri import Address
    from kvmtui.core.migration import MovePlan, MoveProgress, Room, Subject

READ_SECONDS = 10.0
ABORT_SECONDS = 35.0
PROGRESS_SECONDS = 0.5

_ABORTED = 78  # VIR_ERR_OPERATION_ABORTED
_UNSAFE = 81  # VIR_ERR_MIGRATE_UNSAFE
_LOCAL = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "::1", "0.0.0.0", "::"})  # noqa: S104


class LibvirtMigration:
    """The migration facet of one host."""

    def __init__(self, lanes: Callable[[], Lanes], address: Address, changed: Callable[[str], None]) -> None:
        """`changed` is told the UUID of each VM that may be another than was read."""
        self._lanes = lanes
        self._address = address
        self._changed = changed
        self._finder = SourceFinder(lanes)
        self._moving: dict[str, _Own] = {}

    async def subject(self, uuid: str) -> Subject:
        """Read what moving this VM depends on."""
        return await read_subject(self._lanes(), self._finder, uuid)

    async def room(self, subject: Subject) -> Room:
        """Read what this host has for a VM of another host; what does not answer in time is told as unknown."""
        return await read_room(self._lanes(), self._finder, subject)

    def address_for(self, source_uri: str) -> str:
        """Return the address at which the libvirt of a host of `source_uri` would reach this one; "" if not known.

        It is our own address of this host without what is only true here: a key file, a directory of
        certificates. It can be wrong all the same, and then a person gives another: the source's libvirt runs
        as root, so its ssh key, its known hosts and its certificates count, and a name that stands in our
        ssh_config or hosts file alone means nothing there. A host that we reach as the local one goes by this
        machine's name, over the transport that we use to the source.
        """
        here = self._address
        try:
            there = uri.parse(source_uri)
        except ConfigError:
            return ""
        if here.driver != "qemu" or here.is_session:
            return ""
        transport, user, host, port = here.transport, here.user, here.host, here.port
        if transport not in uri.PORTS:
            if there.transport not in uri.PORTS:
                return ""  # both are this machine
            transport, user, host, port = there.transport, there.user, socket.gethostname(), None
        if host.lower() in _LOCAL or host.startswith("127."):
            return ""
        parameters = (("no_tty", "1"),) if transport is Transport.SSH else ()
        return uri.Address("qemu", transport, user, host, port, here.path, parameters).text()

    async def move(self, uuid: str, plan: MovePlan, progress: Callable[[MoveProgress], None]) -> None:
        """Move it, on a lane of its own; returns when the source host says that it is done. Has no deadline.

        A caller that goes away leaves the hosts to end it. Raises Aborted when `abort`, or anybody else, cancelled it;
        `unknown` errors leave the outcome to be proved by both hosts.
        """
        try:
            uri.check(plan.to_uri)
        except ConfigError as error:
            raise BackendError(error.text, hint=error.hint) from None
        lanes = self._lanes()
        work = partial(_move, uuid=uuid, plan=plan, label=self._address.label)
        own = _Own()
        self._moving.setdefault(uuid, own)
        watch = asyncio.create_task(self._watch(lanes, uuid, progress)) if plan.live and not lanes.is_single else None
        try:
            await own.run(lanes, work)
        except asyncio.CancelledError:
            if own.is_given_up:
                raise Aborted("The move was cancelled before it began.") from None
            raise
        finally:
            if self._moving.get(uuid) is own:
                del self._moving[uuid]
            self._changed(uuid)
            if watch is not None:
                watch.cancel()

    async def abort(self, uuid: str) -> None:
        """Ask the source to cancel the move; `move` then raises. Waits for a move of ours that is just beginning."""
        lanes = self._lanes()
        own = self._moving.get(uuid)
        if own is not None and own.give_up():
            return
        while not await lanes.detail(partial(_abort, uuid=uuid), ABORT_SECONDS, change=True):
            if uuid not in self._moving:
                raise Conflict("It is not being moved.", hint="The move may just have ended.")
            await asyncio.sleep(PROGRESS_SECONDS)

    async def fetch(self, source: str) -> bytes:
        """Return all of a small volume of this host."""
        place = await self._finder.place(source)
        return await carrying.fetch(self._lanes(), place)

    async def put(self, source: str, data: bytes) -> None:
        """Make a small volume on this host."""
        place = await self._finder.place(source)
        await carrying.put(self._lanes, place, data)

    async def tidy(self, subject: Subject, room: Room, copied: tuple[str, ...]) -> tuple[str, ...]:
        """Delete what a copy that came to nothing has left on this host; see `backend.base.Migration`."""
        lanes = self._lanes()
        if await lanes.detail(partial(_has, uuid=subject.uuid), READ_SECONDS):
            raise Conflict(f"{subject.name} is on {self._address.label}: nothing of it is deleted.")
        left = [disk.source for disk in subject.disks if disk.target in copied and disk.source not in room.paths]
        gone = [source for source in left if await self._finder.delete(source)]
        return tuple(gone)

    async def _watch(self, lanes: Lanes, uuid: str, progress: Callable[[MoveProgress], None]) -> None:
        """Tell how far it is, for as long as the host says so."""
        gauge: Gauge | None = None
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            try:
                if gauge is None:
                    gauge = Gauge(await lanes.detail(partial(_memory, uuid=uuid), READ_SECONDS))
                stats = await lanes.detail(partial(_job, uuid=uuid), READ_SECONDS)
            except BackendError:
                continue
            told = gauge.read(stats, time.monotonic())
            if told is not None:
                progress(told)


class _Own:
    """A move of ours, which may still wait for a lane while other long calls hold them all."""

    def __init__(self) -> None:
        self._work: asyncio.Future[None] | None = None
        self._has_begun = False
        self.is_given_up = False

    async def run(self, lanes: Lanes, work: Work[None]) -> None:
        self._work = asyncio.ensure_future(lanes.alone(work, on_lane=self._begin))
        await self._work

    def _begin(self, _lane: Lane) -> None:
        self._has_begun = True

    def give_up(self) -> bool:
        """End it, if nothing has been sent yet."""
        if self._has_begun or self._work is None:
            return False
        self.is_given_up = True
        self._work.cancel()
        return True


# What follows runs on a lane's thread.


def _move(session: Session, uuid: str, plan: MovePlan, label: str) -> None:
    domain = session.domain(uuid)
    parameters: dict[str, str | int | list[str]] = {}
    if plan.bandwidth is not None:
        parameters["bandwidth"] = plan.bandwidth
    if plan.copied:
        parameters["migrate_disks"] = list(plan.copied)
    if plan.migrate_uri:
        parameters["migrate_uri"] = plan.migrate_uri
    try:
        domain.migrateToURI3(plan.to_uri, parameters, _flags(plan))
    except api.LibvirtError as error:
        raise _told(session, uuid, plan, api.fault(error), label) from None


def _flags(plan: MovePlan) -> int:
    flags = api.MIGRATE_PEER2PEER
    if plan.persistent:
        flags |= api.MIGRATE_PERSIST_DEST | api.MIGRATE_UNDEFINE_SOURCE
    if not plan.live:
        return flags | api.MIGRATE_OFFLINE
    flags |= api.MIGRATE_LIVE | api.MIGRATE_ABORT_ON_ERROR | api.MIGRATE_AUTO_CONVERGE
    if plan.copied:
        flags |= api.MIGRATE_NON_SHARED_DISK
    if plan.unsafe:
        flags |= api.MIGRATE_UNSAFE
    return flags


def _told(session: Session, uuid: str, plan: MovePlan, fault: Fault, label: str) -> BackendError:
    """Return the error to raise; whether the VM has moved all the same is asked of the source, if it answers."""
    said = " ".join(fault.message.split())
    try:
        session.conn.getLibVersion()
    except api.LibvirtError:
        return errors.translate(fault, label, change=True)
    stays = _stays(session, uuid, plan)
    if fault.code == _ABORTED:
        return Aborted("The move was cancelled.", unknown=not stays)
    if fault.code == _UNSAFE:
        return Conflict(
            f"libvirt on {label} calls this move unsafe: {said.removeprefix('Unsafe migration: ')}.",
            hint="Read why, and agree to it if you know better.",
        )
    if errors.is_lost(fault):
        # Our own connection answers: this is about the one from host to host.
        return BackendError(
            f"The connection from {label} to {plan.to_uri} failed: {said}.",
            hint=f"libvirt on {label} must reach that address as root, without a password.",
            unknown=not stays,
        )
    error = errors.translate(fault, label)
    return type(error)(error.text, hint=error.hint, unknown=not stays)


def _stays(session: Session, uuid: str, plan: MovePlan) -> bool:
    """Tell whether the VM is still on the source as it was before, so that nothing is in doubt."""
    try:
        domain = session.domain(uuid)
        return bool(domain.isActive()) if plan.live else True
    except api.LibvirtError:
        return False


def _abort(session: Session, uuid: str) -> bool:
    """Cancel a migration away from here; False when there is none."""
    domain = session.domain(uuid)
    stats = domain.jobStats(0) if domain.isActive() else {}
    if not stats.get("type") or stats.get("operation") != MIGRATION_OUT:
        return False
    try:
        domain.abortJob()
    except api.LibvirtError as error:
        if api.fault(error).code == errors.OPERATION_INVALID:  # it has just ended
            return False
        raise
    return True


def _job(session: Session, uuid: str) -> dict[str, int | str]:
    return dict(session.domain(uuid).jobStats(0))


def _memory(session: Session, uuid: str) -> int:
    return session.domain(uuid).maxMemory() * 1024


def _has(session: Session, uuid: str) -> bool:
    try:
        session.domain(uuid)
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_DOMAIN:
            return False
        raise
    return True
