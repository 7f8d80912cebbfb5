"""One host, as everything above sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kvmtui.backend.base.console import Console
    from kvmtui.backend.base.creation import Creation
    from kvmtui.backend.base.definition import Definition
    from kvmtui.backend.base.events import Wake
    from kvmtui.backend.base.guest import Guest
    from kvmtui.backend.base.host import HostDetails, Inventory, Want
    from kvmtui.backend.base.logs import Logs
    from kvmtui.backend.base.migration import Migration
    from kvmtui.backend.base.power import Power
    from kvmtui.backend.base.storage import Storage
    from kvmtui.core.inventory import Host, SshUse, Vm
    from kvmtui.core.metrics import Sample


class Backend(Protocol):
    """One host: its facets, and what keeps the picture of it fresh."""

    @property
    def uri(self) -> str:
        """The address it was made for."""
        ...

    @property
    def power(self) -> Power: ...
    @property
    def definition(self) -> Definition: ...
    @property
    def storage(self) -> Storage: ...
    @property
    def guest(self) -> Guest: ...
    @property
    def console(self) -> Console: ...
    @property
    def creation(self) -> Creation: ...
    @property
    def migration(self) -> Migration: ...
    @property
    def logs(self) -> Logs: ...

    @property
    def ssh_use(self) -> SshUse | None:
        """What goes over ssh to the host now; None for nothing."""
        ...

    async def connect(self) -> Host:
        """Open what is needed to read and to hear events; callable again after a loss."""
        ...

    def listen(self, wake: Callable[[Wake], None]) -> None:
        """Name who is woken, always on the loop that called `connect`."""
        ...

    async def ping(self) -> None:
        """Return when the host has answered; raises TimedOut after 4 s."""
        ...

    async def inventory(self) -> Inventory:
        """Read everything (slow, at start and on resync)."""
        ...

    async def vm(self, uuid: str) -> Vm:
        """Read one VM anew; raises NotFound."""
        ...

    async def host_uuid(self) -> str:
        """Ask the connection that changes go through which host it reaches."""
        ...

    async def sample(self, want: Want) -> Sample:
        """Read the counters of the active VMs and of the host: one bulk call and at most two more."""
        ...

    async def details(self) -> HostDetails:
        """Read what the host's page shows."""
        ...

    async def close(self) -> None:
        """Let go of everything; waits a moment at most, never for a host that does not answer."""
        ...


Connector = Callable[[str], Backend]
"""Makes the backend for a URI, without connecting; `backend.backend_for` is the real one."""
