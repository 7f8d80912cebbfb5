"""One real host: what the lanes, the readings and the facets make together."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from kvmtui.backend.base import HostDetails, Inventory, Wake, WakeKind, Want
from kvmtui.backend.libvirt import asking, events, ssh, uri
from kvmtui.backend.libvirt.definition import LibvirtDefinition
from kvmtui.backend.libvirt.events import Bell
from kvmtui.backend.libvirt.guest import LibvirtGuest
from kvmtui.backend.libvirt.host import read_details, read_host, sketch_host
from kvmtui.backend.libvirt.lanes import Lanes
from kvmtui.backend.libvirt.power import LibvirtPower
from kvmtui.backend.libvirt.read import Reader
from kvmtui.backend.libvirt.sampling import Sampler
from kvmtui.backend.libvirt.storage import LibvirtStorage
from kvmtui.core.errors import BackendError, TimedOut, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.base import Asker
    from kvmtui.backend.libvirt.console import LibvirtConsole
    from kvmtui.backend.libvirt.creation import LibvirtCreation
    from kvmtui.backend.libvirt.lane import Lane, Session
    from kvmtui.backend.libvirt.logs import LibvirtLogs
    from kvmtui.backend.libvirt.migration import LibvirtMigration
    from kvmtui.backend.libvirt.survey import Marks
    from kvmtui.core.inventory import Host, SshUse, Vm
    from kvmtui.core.metrics import Sample

PING_SECONDS = 4.0
READ_SECONDS = 10.0
LONG_CALL = 0.1  # seconds that a cheap call takes over a long link, where what can wait is read after the first picture
DETAILS_SECONDS = 20.0
LEAVE_SECONDS = 0.2  # that quitting may take longer for a host that has just stopped answering
PATIENCE = 40.0  # a late event lane is kept: the host is up again at the first answer; keepalive ends it after 30 s


class LibvirtBackend:
    """One host, reached over libvirt; see `backend.base.Backend`."""

    def __init__(self, uri_text: str, *, read_only: bool = False, ask: Asker | None = None, hears: bool = True) -> None:
        """Raise ConfigError for a URI that is not allowed; nothing is opened yet.

        `ask` asks a person for a login; `hears`: whether to ask for events.
        """
        self._address = uri.parse(uri_text)
        self._uri = uri_text
        self._read_only = read_only
        self._hears = hears
        self._server = asking.AskingServer.of(ask) if ask and self._address.transport is uri.Transport.SSH else None
        self._current: Lanes | None = None
        self._lingering: set[Lane] = set()
        self._wake: Callable[[Wake], None] | None = None
        self._host: Host | None = None
        self._master: ssh.Master | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._knowing: asyncio.Task[None] | None = None  # reads the rest of what the host is
        self._reader = Reader(self._lanes, self._pools_came)
        if self._server is not None:  # somebody looks on, who is better served with some of it than with a long wait
            self._reader.on_outline = self._outlined
        self._sampler = Sampler(self._lanes, self._reader.vcpus, self._reader.active, self._marked)
        self._looked_at: frozenset[str] = frozenset()
        self._power = LibvirtPower(self._lanes, self._reader.touch)
        self._definition = LibvirtDefinition(self._lanes, self._reader.touch)
        self._storage = LibvirtStorage(self._lanes)
        self._guest = LibvirtGuest(self._lanes)

    @property
    def uri(self) -> str:
        return self._uri

    @property
    def power(self) -> LibvirtPower:
        return self._power

    @property
    def definition(self) -> LibvirtDefinition:
        return self._definition

    @property
    def storage(self) -> LibvirtStorage:
        return self._storage

    @property
    def guest(self) -> LibvirtGuest:
        return self._guest

    # What not every start needs is loaded when it is first asked for.

    @cached_property
    def console(self) -> LibvirtConsole:
        from kvmtui.backend.libvirt.console import LibvirtConsole  # noqa: PLC0415 - not every start needs it

        return LibvirtConsole(self._lanes)

    @cached_property
    def creation(self) -> LibvirtCreation:
        from kvmtui.backend.libvirt.creation import LibvirtCreation  # noqa: PLC0415 - not every start needs it

        return LibvirtCreation(self._lanes)

    @cached_property
    def migration(self) -> LibvirtMigration:
        from kvmtui.backend.libvirt.migration import LibvirtMigration  # noqa: PLC0415 - not every start needs it

        return LibvirtMigration(self._lanes, self._address, self._reader.touch)

    @cached_property
    def logs(self) -> LibvirtLogs:
        from kvmtui.backend.libvirt.logs import LibvirtLogs  # noqa: PLC0415 - not every start needs it

        return LibvirtLogs(self._lanes, self._address)

    @property
    def ssh_use(self) -> SshUse | None:
        return self._master.in_use if self._master is not None else None

    async def connect(self) -> Host:
        """Open the event lane, hear what no reading may miss, and read what the host is."""
        self._let_go()
        loop = asyncio.get_running_loop()
        if self._server is not None:
            await self._server.start()
        lanes = Lanes(
            self._address,
            read_only=self._read_only,
            lingering=self._lingering,
            on_lost=lambda: self._lost(lanes),
            server=self._server,
        )
        bell = Bell(loop, lambda wake: self._heard(lanes, wake))
        self._current = lanes
        if self._master is None and self._address.transport is uri.Transport.SSH:
            self._master = ssh.Master.of(self._address)
            self._master.take()
        self._reader.touch_all()
        self._sampler.forget()
        try:
            with lanes.going_first():
                await lanes.connect(PATIENCE)
                self._host, is_all = await self._meet(lanes, bell)
        except BaseException as error:
            if self._current is lanes:
                self._let_go()
            else:
                lanes.drop()
            if self._master is not None and isinstance(error, TimedOut):
                # A master whose network has gone would hold up the next attempt as well; any other is a login saved.
                self._master.end_if_idle()
            raise
        self._knowing = None if is_all else asyncio.create_task(self._know(lanes))
        hearing = asyncio.create_task(self._hear_rest(lanes, bell)) if self._hears else None
        for task in (self._knowing, hearing):
            if task is not None:
                self._background.add(task)
                task.add_done_callback(self._background.discard)
        return self._host

    async def _meet(self, lanes: Lanes, bell: Bell) -> tuple[Host, bool]:
        """Hear what no reading may miss, and read what the host is; over a long link a part of it (False)."""
        may_outline = self._reader.on_outline is not None and self._address.driver == "qemu"
        is_long: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if may_outline:
            self._reader.look_ahead(is_long)
        began = time.monotonic()
        if self._hears:
            await lanes.event(lambda session: events.hear_first(session, bell), READ_SECONDS)
        is_long.set_result(may_outline and time.monotonic() - began > LONG_CALL)
        if is_long.result():
            return await lanes.event(lambda session: sketch_host(session, self._address), READ_SECONDS), False
        if not may_outline and not lanes.is_single:
            self._reader.look_ahead()
        return await lanes.event(lambda session: read_host(session, self._address), READ_SECONDS), True

    async def _know(self, lanes: Lanes) -> None:
        """Read the rest of what the host is."""
        with contextlib.suppress(BackendError):  # the connection's loss is told by itself
            self._host = await lanes.event(lambda session: read_host(session, self._address), READ_SECONDS)

    def listen(self, wake: Callable[[Wake], None]) -> None:
        """Name who is woken, always on the loop that called `connect`."""
        self._wake = wake

    async def ping(self) -> None:
        """Return when the host has answered; raises TimedOut after 4 s."""
        await self._lanes().event(lambda session: session.conn.getLibVersion(), PING_SECONDS)

    async def inventory(self) -> Inventory:
        inventory = await self._reader.inventory()
        if self._knowing is None or inventory.is_outline:
            return inventory
        await asyncio.wait((self._knowing,))
        return inventory._replace(host=self._host)

    async def vm(self, uuid: str) -> Vm:
        return await self._reader.vm(uuid)

    async def host_uuid(self) -> str:
        """Ask a lane that changes go through; each lane was held to the event lane's host when it was opened."""
        known = self._known_host()
        said = await self._lanes().detail(_ask_identity, READ_SECONDS)
        return said or known.uuid

    async def sample(self, want: Want) -> Sample:
        if self._knowing is not None and not self._knowing.done():
            # What the daemon cannot do is not known yet; its lane can be opened meanwhile.
            await asyncio.gather(asyncio.wait((self._knowing,)), self._lanes().bulk(_nothing, READ_SECONDS))
        known = self._known_host()
        self._looked_at = want.delay_of
        sample = await self._sampler.sample(want, known.lacks, known.cpus)
        if want.delay or want.delay_of:
            self._told_vcpus(sample)
        return sample

    def _told_vcpus(self, sample: Sample) -> None:
        """Have the VMs read again whose number of vCPUs is another than is known: no event tells that."""
        lanes = self._lanes()
        for uuid, counters in sample.vms.items():
            if counters.vcpus != (self._reader.vcpus(uuid) or counters.vcpus):
                self._heard(lanes, Wake(WakeKind.VM, uuid))

    def _marked(self, marks: Marks) -> None:
        """Have the VMs read again of which something changed that no event tells, and those that are looked at."""
        lanes = self._lanes()
        changed = self._reader.contradicted(marks)
        for uuid in changed:
            self._heard(lanes, Wake(WakeKind.VM, uuid))
        if self._wake is not None:
            for uuid in self._looked_at.difference(changed):
                self._wake(Wake(WakeKind.VM, uuid))  # it was not touched, as far as is known

    async def details(self) -> HostDetails:
        found = await self._lanes().detail(lambda session: read_details(session, self._address), DETAILS_SECONDS)
        used = self.ssh_use
        if used is None:
            return found
        said = f"{used.connections} connections over {used.logins} login{'s' if used.logins != 1 else ''}"
        return replace(found, facts=(*found.facts, ("ssh", said)))

    async def close(self) -> None:
        """Let go of everything; waits a moment for a host that answers, never for one that does not."""
        lanes, self._current = self._current, None
        self._let_go()
        if lanes is not None:
            await lanes.leave(LEAVE_SECONDS)
        master, self._master = self._master, None
        if master is not None:
            master.leave()

    def _lanes(self) -> Lanes:
        if self._current is None:
            raise Unreachable(f"There is no connection to {self._address.label}.")
        return self._current

    def _known_host(self) -> Host:
        if self._host is None or self._current is None:
            raise Unreachable(f"There is no connection to {self._address.label}.")
        return self._host

    def _let_go(self) -> None:
        lanes, self._current = self._current, None
        self._reader.forget_ahead()
        for task in self._background:
            task.cancel()
        if lanes is not None:
            lanes.drop()

    def _outlined(self) -> None:
        """Have the whole read right after the outline."""
        if self._wake is not None:
            self._wake(Wake(WakeKind.POOL))

    async def _hear_rest(self, lanes: Lanes, bell: Bell) -> None:
        """Register the lesser events after the first picture: each costs a round trip."""
        try:
            for event in events.REST:
                await lanes.event(lambda session, event=event: event(session, bell), READ_SECONDS)  # type: ignore[misc]
        except BackendError:
            return  # the connection's loss is told by itself

    def _heard(self, lanes: Lanes, wake: Wake) -> None:
        """Note what the wake is about, and pass it on; a wake of an earlier connection is nothing."""
        if lanes is not self._current:
            return
        if wake.kind is WakeKind.CLOSED:
            self._current = None
            lanes.drop(lost=True)
        elif wake.kind is WakeKind.VM:
            self._reader.touch(wake.uuid)
            if wake.state is not None:
                self._reader.note_reason(wake.uuid, wake.state, wake.reason)
        if self._wake is not None:
            self._wake(wake)

    def _pools_came(self) -> None:
        if self._wake is not None:
            self._wake(Wake(WakeKind.POOL))

    def _lost(self, lanes: Lanes) -> None:
        self._heard(lanes, Wake(WakeKind.CLOSED, detail="the connection was lost"))


def _nothing(_session: Session) -> None:
    """Have the lane, and ask nothing."""


def _ask_identity(session: Session) -> str:
    """Return whom this lane reaches, once the host has shown that it answers."""
    session.conn.getLibVersion()
    return session.host_uuid
