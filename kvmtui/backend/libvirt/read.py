"""The inventory of a host: a survey of a few calls for all VMs, and a definition only where it may have changed."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.base import Inventory
from kvmtui.backend.libvirt.control import is_stuck
from kvmtui.backend.libvirt.pools import PoolReader
from kvmtui.backend.libvirt.resources import read_networks
from kvmtui.backend.libvirt.survey import Details, Marks, Progress, Seen, glance, look, read_many, read_one, survey
from kvmtui.core.errors import BackendError, NotFound, TimedOut, Unreachable
from kvmtui.core.inventory import Network, Reason, Vm, VmState

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.backend.libvirt.lanes import Lanes

_log = logging.getLogger(__name__)

SURVEY_SECONDS = 15.0
LONG_SURVEY = 0.4  # seconds: from there on VMs are shown before their definitions are known
READ_SECONDS = 10.0
CHUNK = 50  # definitions read per call, so that others get their turn
BUILD_STEP = 200
FEWEST_AGAIN = 6  # definitions read again in each survey, where there are so many
MOST_STUCK = 3  # VMs whose definition does not come, before the rest is left for the next time
NO_SPACE = 2  # VIR_DOMAIN_DISK_ERROR_NO_SPACE


class _Look(NamedTuple):
    """All VMs; `is_brief`: to read more of them will take long."""

    seen: list[Seen]
    is_brief: bool


class Reader:
    """Reads the inventory, and remembers what need not be read again."""

    def __init__(self, lanes: Callable[[], Lanes], pools_came: Callable[[], None] = lambda: None) -> None:
        """`pools_came` is told when pools have answered that were late."""
        self._lanes = lanes
        self._details: dict[str, Details] = {}
        self._vms: dict[str, Vm] = {}
        self._built: dict[str, tuple[Seen, Details | None, Reason]] = {}  # what each of them is made of
        self._touched: set[str] = set()
        self._full: set[str] = set()  # paused because a pool is full, as an event said
        self._networks: tuple[Network, ...] = ()
        self._pools = PoolReader(lanes, pools_came)
        self._ahead: asyncio.Task[_Look] | None = None
        self.on_outline: Callable[[], None] | None = None
        """Where the link is long the first inventory is an outline, and this is told so; None: it is whole."""

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

    def contradicted(self, marks: Marks) -> list[str]:
        """Return the VMs of which something is known that is not so any more."""
        return [
            uuid
            for uuid, vm in self._vms.items()
            if vm.autostart is not (uuid in marks.autostart)
            or vm.saved is not (uuid in marks.saved)
            or (vm.snapshots is not None and (vm.snapshots > 0) is not (uuid in marks.snapshots))
            or marks.off.get(uuid, (vm.state, vm.reason)) != (vm.state, vm.reason)
        ]

    def active(self) -> list[Vm]:
        """Return the active VMs, as last read."""
        return [vm for vm in self._vms.values() if vm.is_active]

    def look_ahead(self, is_long: asyncio.Future[bool] | None = None) -> None:
        """Begin the survey of the next inventory, beside whatever else is read of the host.

        `is_long` is told, once events are heard, whether the link is: then a glance, which is taken meanwhile, will do.
        """
        self.forget_ahead()
        lanes = self._lanes()
        self._ahead = asyncio.create_task(self._survey(lanes) if is_long is None else self._glance(lanes, is_long))
        self._ahead.add_done_callback(_look)

    def forget_ahead(self) -> None:
        """Take that back."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()

    async def _glance(self, lanes: Lanes, is_long: asyncio.Future[bool]) -> _Look:
        seen = await lanes.detail(glance, SURVEY_SECONDS)
        # What changed before events were heard may be missing here: the whole that follows an outline has it.
        return _Look(seen, is_brief=True) if await is_long else await self._survey(lanes)

    async def _survey(self, lanes: Lanes) -> _Look:
        def timed(session: Session) -> _Look:
            began = time.monotonic()
            seen = survey(session)
            return _Look(seen, is_brief=time.monotonic() - began > LONG_SURVEY)

        return await lanes.detail(timed, SURVEY_SECONDS)

    async def inventory(self) -> Inventory:
        """Read everything; a VM that holds its reading up costs only its own details."""
        lanes = self._lanes()
        ahead, self._ahead = self._ahead, None
        seen, is_brief = await (self._survey(lanes) if ahead is None else ahead)
        tell, self.on_outline = self.on_outline, None  # the second one is whole, however long it takes
        if is_brief and tell is not None:
            tell()
            self._vms = {one.uuid: self._build(one) for one in seen}
            return Inventory(dict(self._vms), self._networks, (), is_outline=True)
        gone = await self._read_details(lanes, seen)
        vms: dict[str, Vm] = {}
        for count, one in enumerate(seen, 1):
            if one.uuid not in gone:
                vms[one.uuid] = self._build(one)
            if count % BUILD_STEP == 0:
                await asyncio.sleep(0)  # thousands at once would hold up the keys
        self._details = {uuid: details for uuid, details in self._details.items() if uuid in vms}
        self._built = {uuid: built for uuid, built in self._built.items() if uuid in vms}
        self._vms = vms
        self._full &= vms.keys()
        for uuid, vm in vms.items():
            if vm.state is VmState.PAUSED and vm.reason is Reason.IO_ERROR:
                await self._ask_why(lanes, uuid)
        try:
            self._networks = await lanes.detail(read_networks, SURVEY_SECONDS)
        except Unreachable:
            raise
        except BackendError as error:  # its own daemon may not run, or this user may not ask it: VMs are told of
            _log.info("%s: networks: %s", lanes.label, error)
        pools, late = await self._pools.read()
        return Inventory(dict(self._vms), self._networks, pools, late)

    async def vm(self, uuid: str) -> Vm:
        """Read one VM anew; one whose definition cannot be had now keeps the known one, with its new state.

        While its monitor is busy its definition is read only when it may be another: the answer must not be an old one.
        """
        lanes = self._lanes()
        touched = uuid in self._touched
        found: list[Seen] = []
        progress = Progress()

        def read(session: Session) -> None:
            domain, seen = look(session, uuid)
            found.append(seen)
            if uuid in self._details and not touched and is_stuck(domain):
                return
            read_one(domain, seen, progress)

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
            progress = Progress()
            chunk = list(wanted.values())[:CHUNK]
            uuids = {one.uuid for one in chunk}
            self._touched -= uuids
            try:
                await lanes.detail(partial(read_many, chunk=chunk, progress=progress), READ_SECONDS)
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

    def _keep(self, progress: Progress, asked: set[str]) -> None:
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
        # Not every change has an event, so each definition is read again within about twenty surveys, and sooner
        # where there are few, or snapshots, which come and go unheard.
        rest.sort(key=lambda pair: pair[0])
        again = [one for _, one in rest[: max(FEWEST_AGAIN, len(seen) // 20 + 1)]]
        again += [one for _, one in rest if one.has_snapshots][:FEWEST_AGAIN]
        return wanted or {one.uuid: one for one in again}

    def _build(self, seen: Seen) -> Vm:
        details = self._details.get(seen.uuid)
        reason = seen.reason
        if reason is Reason.IO_ERROR and seen.uuid in self._full:
            reason = Reason.POOL_FULL
        known = self._vms.get(seen.uuid)
        made_of = (seen, details, reason)
        if known is not None and self._built.get(seen.uuid) == made_of:
            return known
        self._built[seen.uuid] = made_of
        vm = _vm(seen, details, reason)
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


def _look(task: asyncio.Task[_Look]) -> None:
    """Take note of a failure that nobody may be waiting for any more."""
    if not task.cancelled():
        task.exception()


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
