"""One host of a simulated fleet, as the rest of the program sees any host."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from kvmtui.backend.base import HostDetails, Inventory, NumaCell
from kvmtui.backend.demo.address import parse
from kvmtui.backend.demo.connection import BULK, PING, Connection
from kvmtui.backend.demo.document import FEATURES, capabilities
from kvmtui.backend.demo.facets import DemoDefinition, DemoGuest, DemoPower
from kvmtui.backend.demo.guest import GIB
from kvmtui.backend.demo.storage import DemoStorage
from kvmtui.backend.demo.world import world_of
from kvmtui.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.base import Wake, Want
    from kvmtui.backend.demo.console import DemoConsole
    from kvmtui.backend.demo.creation import DemoCreation
    from kvmtui.backend.demo.logs import DemoLogs
    from kvmtui.backend.demo.migration import DemoMigration
    from kvmtui.backend.demo.world import World
    from kvmtui.core.inventory import Host, Vm
    from kvmtui.core.metrics import Sample

_PAGE = 4096
_HUGE = 2 << 20


class DemoBackend:
    """A simulated host; `world` defaults to the one that all hosts of its address share."""

    def __init__(self, uri: str, *, read_only: bool = False, world: World | None = None) -> None:
        """Find the host that `uri` names; raises ConfigError."""
        address, name = parse(uri)
        if not name:
            raise ConfigError(f"{uri!r} is a whole demo fleet, not one host.", hint="Name one, e.g. demo:///hv1")
        self._uri = uri
        self._world = world or world_of(address)
        self._host = self._world.host(name)
        self._to = Connection(self._world, self._host, read_only=read_only)
        self._power = DemoPower(self._to)
        self._definition = DemoDefinition(self._to)
        self._storage = DemoStorage(self._to)
        self._guest = DemoGuest(self._to)

    @property
    def uri(self) -> str:
        """The address it was made for."""
        return self._uri

    @property
    def power(self) -> DemoPower:
        """What changes a VM's state."""
        return self._power

    @property
    def definition(self) -> DemoDefinition:
        """What changes a VM's definition."""
        return self._definition

    @property
    def storage(self) -> DemoStorage:
        """The volumes of its pools."""
        return self._storage

    @property
    def guest(self) -> DemoGuest:
        """What is learnt about a guest."""
        return self._guest

    @cached_property
    def console(self) -> DemoConsole:
        """The ways to a VM's keyboard and screen."""
        from kvmtui.backend.demo.console import DemoConsole  # noqa: PLC0415 - not every start needs it

        return DemoConsole(self._to)

    @cached_property
    def creation(self) -> DemoCreation:
        """Making VMs."""
        from kvmtui.backend.demo.creation import DemoCreation  # noqa: PLC0415 - not every start needs it

        return DemoCreation(self._to)

    @cached_property
    def migration(self) -> DemoMigration:
        """Moving VMs."""
        from kvmtui.backend.demo.migration import DemoMigration  # noqa: PLC0415 - not every start needs it

        return DemoMigration(self._to)

    @cached_property
    def logs(self) -> DemoLogs:
        """What its own logs tell."""
        from kvmtui.backend.demo.logs import DemoLogs  # noqa: PLC0415 - not every start needs it

        return DemoLogs(self._to)

    @property
    def ssh_use(self) -> None:
        """Nothing goes over ssh."""
        return

    async def connect(self) -> Host:
        await self._to.open()
        return replace(self._host.facts, uuid=self._identity())

    def listen(self, wake: Callable[[Wake], None]) -> None:
        self._to.listen(wake)

    async def ping(self) -> None:
        await self._to.read("ping", lambda: None, seconds=PING)

    async def inventory(self) -> Inventory:
        return await self._to.read("inventory", self._inventory, seconds=BULK)

    def _inventory(self) -> Inventory:
        host = self._host
        return Inventory({uuid: guest.vm for uuid, guest in host.guests.items()}, host.networks, host.pools)

    async def vm(self, uuid: str) -> Vm:
        return await self._to.read("vm", lambda: self._host.guest(uuid).vm, uuid=uuid)

    async def host_uuid(self) -> str:
        return await self._to.read("host_uuid", self._identity)

    def _identity(self) -> str:
        return self._world.faults.identities.get(self._host.name, self._host.facts.uuid)

    async def sample(self, want: Want) -> Sample:
        return await self._to.read("sample", lambda: self._sample(want), seconds=BULK)

    def _sample(self, want: Want) -> Sample:
        now, wall = self._world.advance(self._host)
        return self._host.sample(now, wall, want)

    async def details(self) -> HostDetails:
        return await self._to.read("details", self._details)

    def _details(self) -> HostDetails:
        host = self._host
        self._world.advance(host)
        facts, memory = host.facts, host.memory()
        count = facts.numa_cells
        each = facts.cpus // count
        free = (memory.available or memory.free) // count
        cells = tuple(
            NumaCell(
                id=number,
                cpus=tuple(range(number * each, (number + 1) * each)),
                memory=facts.memory // count,
                free=free - number * GIB,
                pages={_PAGE: (facts.memory // count // _PAGE, free // _PAGE), _HUGE: (0, 0), GIB: (0, 0)},
            )
            for number in range(count)
        )
        return HostDetails(
            cells=cells,
            ksm={
                "shm_pages_to_scan": 100,
                "shm_sleep_millisecs": 20,
                "shm_pages_shared": 41_250 * len(host.running),
                "shm_pages_sharing": 97_400 * len(host.running),
                "shm_full_scans": 1_312,
                "shm_merge_across_nodes": 1,
            },
            cpu_features=FEATURES,
            virtualisation="AMD-V",
            nested=True,
            iommu=True,
            capabilities_xml=capabilities(facts),
            facts=(("kind", "simulated"), ("seed", str(self._world.address.seed))),
        )

    async def close(self) -> None:
        self._to.close()
