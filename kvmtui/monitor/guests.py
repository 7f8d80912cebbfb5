"""What is learnt of guests beside the steady readings: addresses, operating systems, memory reports."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from kvmtui.core.errors import BackendError, Denied, NotSupported, Unreachable
from kvmtui.core.inventory import AgentState, Guard, Vm, VmState
from kvmtui.monitor.pause import pause

if TYPE_CHECKING:
    from kvmtui.core.inventory import Address
    from kvmtui.monitor.host import Monitor

_log = logging.getLogger(__name__)
_BOOTING = (
    4.0,
    4.0,
    4.0,
    6.0,
    8.0,
    12.0,
)  # seconds after a start, each after the last: it may have its address
_AGENT_EVERY = 30.0  # seconds
_BALLOONS_EVERY = 10.0  # seconds


class Guests:
    """Three slow loops of a connection; none holds up another."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._leases_now = asyncio.Event()
        self._booting: list[float] = []
        self._look = asyncio.Event()
        self._uuid = monitor.looked_at

    def begin(self, group: asyncio.TaskGroup, *, is_outline: bool) -> None:
        """Start the loops within the connection's group; leases tell nothing of VMs that are known by an outline."""
        group.create_task(self._leases(at_once=not is_outline))
        group.create_task(self._agent())
        if self._may_set_balloons():
            group.create_task(self._balloons())

    def look(self, uuid: str | None) -> None:
        """Ask this VM's agent, from now on."""
        self._uuid = uuid
        self._look.set()

    def started(self) -> None:
        """Read the leases a few times soon: a VM has started."""
        self._booting = list(_BOOTING)
        self._leases_now.set()

    def defined(self) -> None:
        """Read the leases now: it has become known whose they are."""
        self._leases_now.set()

    def refresh(self) -> None:
        """Read the leases now, and ask the agent."""
        self._leases_now.set()
        self._look.set()

    async def _leases(self, *, at_once: bool) -> None:
        monitor = self._monitor
        if not at_once:
            await pause(self._leases_now, monitor.means.settings.lease_interval)
        while True:
            await monitor.standing.answering.wait()
            try:
                leases = await monitor.backend.guest.leases()
            except Unreachable:
                raise
            except NotSupported:
                return
            except BackendError as error:
                _log.info("%s: leases: %s", monitor.name, error)
            else:
                monitor.heard()
                by_mac = {mac.lower(): addresses for mac, addresses in leases.items()}
                if monitor.picture.leased(by_mac, monitor.means.clock.now()):
                    monitor.means.sink.changed(urgent=False)
            rest = self._booting.pop(0) if self._booting else monitor.means.settings.lease_interval
            await pause(self._leases_now, rest)

    async def _agent(self) -> None:
        """Ask the agent of the VM that is looked at; a guest that hangs delays only itself."""
        while True:
            uuid = self._uuid
            if uuid is None:
                await self._look.wait()
                self._look.clear()
                continue
            asking = asyncio.create_task(self._ask(uuid))
            try:
                await pause(self._look, _AGENT_EVERY)
            finally:
                asking.cancel()

    async def _ask(self, uuid: str) -> None:
        monitor = self._monitor
        state = monitor.picture.state
        vm = state.vms.get(uuid) if state is not None else None
        if vm is None or vm.state is not VmState.RUNNING or vm.agent is not AgentState.CONNECTED:
            return
        addresses: tuple[Address, ...] | None = None
        name: str | None = None
        try:
            addresses = await monitor.backend.guest.addresses(uuid)
            name = await monitor.backend.guest.os_name(uuid)
        except BackendError as error:
            _log.debug("%s: agent: %s", monitor.name, error)
        if monitor.picture.told_by_agent(uuid, addresses, name, monitor.means.clock.now()):
            monitor.means.sink.changed(urgent=True)

    def _may_set_balloons(self) -> bool:
        settings = self._monitor.means.settings
        guard = self._monitor.config.guard
        return bool(settings.balloon_period) and not settings.read_only and guard is not Guard.READ_ONLY

    async def _balloons(self) -> None:
        """Make guests report their memory: once for each start of a VM, and only where that is allowed."""
        monitor = self._monitor
        period = monitor.means.settings.balloon_period or 0
        while True:
            await monitor.standing.answering.wait()
            state = monitor.picture.state
            for uuid, vm in list(state.vms.items()) if state is not None else []:
                if not self._wants_balloon(vm):
                    continue
                monitor.balloons[uuid] = vm.domain_id
                try:
                    await monitor.backend.guest.set_balloon_period(uuid, period)
                except Unreachable:
                    raise
                except Denied as error:
                    _log.info("%s: memory reports are left as they are: %s", monitor.name, error)
                    return
                except BackendError as error:
                    _log.debug("%s: memory reports: %s", monitor.name, error)
            await asyncio.sleep(_BALLOONS_EVERY)

    def _wants_balloon(self, vm: Vm) -> bool:
        allowed = self._monitor.means.settings.policy.allowed_owners
        foreign = bool(vm.owner) and vm.owner not in allowed
        told = vm.uuid in self._monitor.balloons and self._monitor.balloons[vm.uuid] == vm.domain_id
        return vm.state is VmState.RUNNING and not foreign and not told
