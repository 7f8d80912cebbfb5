"""One host: connects, stays connected, and holds what was last known of it."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING

from kvmtui.backend.base import Sign, Wake, WakeKind
from kvmtui.changes import host_event, pool_events, sign_event, vm_event
from kvmtui.core.errors import BackendError, Busy, ConfigError, Denied, NotFound, TimedOut
from kvmtui.core.inventory import (
    Condition,
    ConditionKind,
    Event,
    Guard,
    HostEntry,
    HostState,
    Severity,
    Vm,
    VmRef,
)
from kvmtui.core.secrets import without_secrets
from kvmtui.core.text import safe
from kvmtui.monitor.connection import Connection
from kvmtui.monitor.standing import Standing
from kvmtui.picture import Change, Picture

if TYPE_CHECKING:
    from kvmtui.backend.base import Backend, Inventory
    from kvmtui.host_choice import HostConfig
    from kvmtui.monitor.means import Means

_log = logging.getLogger(__name__)
_SIGN_REST = 60.0  # seconds in which a VM that reboots again and again is told of once
_LASTED = 10.0  # seconds after which a connection counts as good, and the next pause starts small again
_JITTER = 0.25  # a share of the pause: hosts that fell together do not return together


class Monitor:
    """Keeps one host's state fresh: events wake it, an interval bounds it, it backs off when it fails.

    `spread` (0 to 1) is the host's place within the interval, so that all hosts do not tick at once.
    """

    def __init__(self, config: HostConfig, means: Means, spread: float = 0.0) -> None:
        self.config = config
        self.means = means
        self.spread = spread
        self.picture = Picture(lambda uuid: means.sink.is_ours(VmRef(config.name, uuid)))
        self.looked_at: str | None = None
        self.looked_at_host = False
        self.standing = Standing(means, self._stands)
        self._switch = asyncio.Lock()
        self._unlocked_until: float | None = None
        self._entry: HostEntry | None = None
        self._backend: Backend | None = None
        self._connection: Connection | None = None
        self._running: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._signs: dict[str, tuple[float, Sign]] = {}  # what was told of VMs, and when
        self.balloons: dict[str, int | None] = {}
        """The domain ids of the VMs that were made to report their memory, by UUID."""

    # --- what others see ---------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The fleet's name of the host."""
        return self.config.name

    @property
    def state(self) -> HostState | None:
        """What was last known."""
        return self.picture.state

    @property
    def condition(self) -> Condition:
        """How it stands with the host."""
        return self.standing.condition

    @property
    def backend(self) -> Backend:
        """The host itself; raises ConfigError for an address that is not allowed."""
        if self._backend is None:
            self._backend = self.means.opener(self.config.uri, read_only=self.means.settings.read_only)
        return self._backend

    @property
    def entry(self) -> HostEntry:
        """The host's part of the fleet; the same object while nothing changed."""
        known = self._entry
        ssh = self._backend.ssh_use if self._backend is not None else None
        if (
            known is None
            or known.ssh != ssh
            or known.state is not self.picture.state
            or known.condition is not self.standing.condition
            or known.unlocked_until != self._unlocked_until
        ):
            known = HostEntry(
                name=self.config.name,
                uri=without_secrets(self.config.uri),  # of an address that is refused for the password in it, too
                condition=self.standing.condition,
                state=self.picture.state,
                guard=self.config.guard,
                groups=self.config.groups,
                unlocked_until=self._unlocked_until,
                ssh=ssh,
            )
            self._entry = known
        return known

    # --- what others ask for -----------------------------------------------------------------

    def start(self, delay: float = 0.0) -> asyncio.Task[None]:
        """Connect after `delay` seconds, and stay connected; the task ends when only a person can help."""
        self._running = asyncio.create_task(self._run(delay), name=f"monitor {self.name}")
        return self._running

    async def stop(self) -> None:
        """Let go of the host at once."""
        async with self._switch:
            await self._stop()

    async def _stop(self) -> None:
        running, self._running = self._running, None
        self._connection = None
        if running is not None:
            running.cancel()
            await asyncio.wait([running])
        if self._backend is not None:
            await self._backend.close()

    async def reconnect(self) -> asyncio.Task[None]:
        """Close the connection and open it anew."""
        async with self._switch:
            await self._stop()
            self.standing.becomes(ConditionKind.CONNECTING)
            return self.start()

    async def disconnect(self) -> None:
        """Let the host go until it is reconnected; what was known stays."""
        async with self._switch:
            await self._stop()
            self.standing.becomes(ConditionKind.DISCONNECTED, hint="x r connects it again.")

    def unlock(self, until: float | None) -> None:
        """Allow changes on a read-only host until then."""
        if self.config.guard is Guard.READ_ONLY:
            self._unlocked_until = until
            self.means.sink.changed(urgent=True)

    def look_at(self, uuid: str | None) -> None:
        """Read more of this VM."""
        if uuid != self.looked_at:
            self.looked_at = uuid
            if self._connection is not None:
                self._connection.look(uuid)

    def look_at_host(self, *, on: bool) -> None:
        """Read each CPU while the host's page is open."""
        if on != self.looked_at_host:
            self.looked_at_host = on
            if self._connection is not None and on:
                self._connection.look(self.looked_at)

    def refresh(self) -> None:
        """Read everything now."""
        if self._connection is not None:
            self._connection.refresh()

    async def read(self, uuid: str) -> Vm | None:
        """Read a VM anew; returns it as it is kept, None when it is gone."""
        ticket = self.picture.ticket()
        try:
            reading: Vm | None = await self.backend.vm(uuid)
        except NotFound:
            reading = None
        self.heard()
        if self.picture.state is None:
            return reading
        # What our own task just did happened now, whether its event or this reading comes first.
        wake = Wake(WakeKind.VM, uuid) if self.means.sink.is_ours(VmRef(self.name, uuid)) else None
        change = self.picture.one(uuid, reading, self.means.clock.now(), ticket, wake)
        if change is not None:
            self.tell([change])
        return self.picture.state.vms.get(uuid)

    async def next_change(self) -> None:
        """Return when something of the host's VMs or its condition changed."""
        await self._changed.wait()

    # --- what its connection tells -----------------------------------------------------------

    def heard(self) -> None:
        """Note that the host answered."""
        self.standing.heard()
        if self.standing.is_silent and self._connection is not None:
            self.standing.becomes(ConditionKind.UP)
            self._connection.refresh()

    def tell(self, changes: list[Change] | tuple[Change, ...], before: HostState | None = None) -> None:
        """Pass on what a reading changed."""
        sink = self.means.sink
        for change in changes:
            ref = VmRef(self.name, change.uuid)
            event = vm_event(self.name, change, sink.explain(ref), sink.moving(ref))
            if event is not None:
                sink.happened(event)
        self.tell_pools(before)
        if changes or before is not self.picture.state:
            self._news(urgent=bool(changes))

    def signed(self, uuid: str, sign: Sign, detail: str) -> None:
        """Pass on what an event told of a VM and no reading shows; what a task of ours did is told by that."""
        vm = self.picture.state.vms.get(uuid) if self.picture.state is not None else None
        ref, now = VmRef(self.name, uuid), self.means.clock.now()
        at, told = self._signs.get(uuid, (float("-inf"), sign))
        is_new = not 0 <= now - at < _SIGN_REST or (sign is Sign.WATCHDOG and told is not sign)
        if vm is None or not is_new or (sign is Sign.REBOOTED and self.means.sink.is_ours(ref)):
            return
        self._signs = {one: last for one, last in self._signs.items() if 0 <= now - last[0] < _SIGN_REST}
        self._signs[uuid] = now, sign
        self.means.sink.happened(sign_event(self.name, vm, sign, detail, now, self.means.sink.explain(ref)))

    def tell_pools(self, before: HostState | None) -> None:
        """Pass on what became of the pools since that state."""
        if before is not None and self.picture.state is not None:
            for event in pool_events(self.name, before, self.picture.state):
                self.means.sink.happened(event)

    def _stands(self, before: Condition, after: Condition) -> None:
        """Tell how it stands with the host now."""
        event = host_event(self.name, before, after, len(self.state.vms) if self.state else 0)
        if event is not None:
            self.means.sink.happened(event)
        self._news(urgent=True)

    def _news(self, *, urgent: bool) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self.means.sink.changed(urgent=urgent)

    # --- connecting --------------------------------------------------------------------------

    async def _run(self, delay: float) -> None:
        """Connect again and again, with growing pauses, until only a person can help."""
        await asyncio.sleep(delay)
        settings = self.means.settings
        step = settings.backoff_first
        while True:
            began, watched = self.means.clock.monotonic(), False
            try:
                await self._connected()
            except (Denied, ConfigError) as error:
                await self._let_go()
                self.standing.becomes(ConditionKind.DENIED, error.text, error.hint)
                return
            except BackendError as error:
                _log.info("%s: %s", self.name, error)
                watched = self._connection is not None
                await self._let_go()
                self.standing.lost(error, watched=watched)
            else:
                return
            if watched and self.means.clock.monotonic() - began >= _LASTED:
                step = settings.backoff_first
            # Jitter needs no secrecy.
            await asyncio.sleep(step * random.uniform(1.0 - _JITTER, 1.0 + _JITTER))  # noqa: S311
            step = min(step * 2, settings.backoff_most)

    async def _connected(self) -> None:
        """Connect and watch; raises the BackendError that ended it. Returns only for a host that is open twice."""
        backend = self.backend
        connection = Connection(self)
        backend.listen(connection.wake)
        host = await backend.connect()
        doubled = self.means.sink.same_as(self.name, self.config.uri, host)
        if doubled:
            await backend.close()
            self.standing.becomes(ConditionKind.DISCONNECTED, doubled)
            return
        inventory = await self._listed(backend)
        before = self.picture.state
        if before is not None and before.host.uuid != host.uuid:
            self._is_another(before.host.uuid, host.uuid)
        changes = self.picture.connected(host, inventory, self.means.clock.now())
        self._connection = connection
        self.standing.connected()
        self.tell(changes, before)
        await connection.watch(is_outline=inventory.is_outline)

    async def _listed(self, backend: Backend) -> Inventory:
        """Read all; a host that answers and does not list its VMs is not one that does not answer."""
        try:
            return await backend.inventory()
        except TimedOut:
            text = f"{safe(self.name)} answers, but its list of VMs does not come."
            raise Busy(text, hint="One of them is locked there, as while a hook keeps its start waiting?") from None

    def _is_another(self, before: str, after: str) -> None:
        """Say that another machine answers at the address: nothing that was known holds for it."""
        text = f"{safe(self.name)} is another machine than before"
        detail = f"its UUID is {safe(after)} and was {safe(before)}"
        self.means.sink.happened(Event(self.means.clock.now(), Severity.WARN, self.name, None, text, detail, ""))

    async def _let_go(self) -> None:
        self._connection = None
        if self._backend is not None:
            await self._backend.close()
