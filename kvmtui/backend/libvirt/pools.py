"""The pools of a host, read beside all else: libvirt lists none while one of them is at work, be it for hours.

Each call that waits for such a pool keeps a worker of the daemon busy, so a late listing is waited for and not sent
again, and meanwhile the other pools are asked one by one.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt.resources import read_pool, read_pools
from kvmtui.core.errors import BackendError, Denied, TimedOut, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lanes import Lanes
    from kvmtui.core.inventory import Pool

_log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds that the rest of the inventory waits for the pools
LIST_SECONDS = 15.0  # after which the listing is sent once more, on a lane of its own and without a deadline
POOL_SECONDS = 3.0  # that one pool is given to answer
_ABSENT = "No such file or directory"  # what libvirt says of a daemon's socket when nothing would start that daemon


class PoolReader:
    """Reads the pools; a pool that does not answer costs nobody but itself."""

    def __init__(self, lanes: Callable[[], Lanes], came: Callable[[], None] = lambda: None) -> None:
        """`came` is told when a listing that was late has come."""
        self._lanes = lanes
        self._came = came
        self._known: tuple[Pool, ...] = ()
        self._of: Lanes | None = None  # the connection that is asked
        self._listing: asyncio.Task[tuple[Pool, ...]] | None = None
        self._is_late = False
        self._hung: set[str] = set()  # UUIDs of the pools that did not answer since the listing is late

    async def read(self) -> tuple[tuple[Pool, ...], bool]:
        """Return the pools by name, and whether some are not as they are now."""
        lanes = self._lanes()
        if self._of is not lanes:
            self._of, self._listing, self._is_late = lanes, None, False
            self._hung.clear()
        if self._listing is None:
            self._listing = asyncio.create_task(self._list(lanes))
            self._listing.add_done_callback(self._listed)
        listing = self._listing
        await asyncio.wait((listing,), timeout=0 if self._is_late else PATIENCE)
        if listing.done():
            self._listing, self._is_late = None, False
            self._hung.clear()
            return self._taken(listing, lanes)
        self._is_late = True
        self._known = tuple([await self._ask(lanes, pool) for pool in self._known])
        return self._known, True

    def _taken(self, listing: asyncio.Task[tuple[Pool, ...]], lanes: Lanes) -> tuple[tuple[Pool, ...], bool]:
        """Return what was listed; where that was refused, what is known.

        Where libvirt's daemons are split that of storage need not run, or be there at all; and a user may not be
        allowed to ask it. There is nothing to say then of pools, and no less of VMs.
        """
        try:
            self._known = listing.result()
        except Unreachable:
            raise
        except BackendError as error:
            _log.info("%s: pools: %s", lanes.label, error)
            if not self._known and (isinstance(error, Denied) or _ABSENT in error.text):
                return (), False
            self._known = tuple([replace(pool, late=True) for pool in self._known])
            return self._known, True
        return self._known, False

    async def _list(self, lanes: Lanes) -> tuple[Pool, ...]:
        try:
            return await lanes.detail(read_pools, LIST_SECONDS)
        except TimedOut:
            return await lanes.alone(read_pools, change=False)

    def _listed(self, listing: asyncio.Task[tuple[Pool, ...]]) -> None:
        if not listing.cancelled() and listing.exception() is None and listing is self._listing and self._is_late:
            self._came()

    async def _ask(self, lanes: Lanes, pool: Pool) -> Pool:
        """Read one pool, unless it is known to hang; returns it as it was, and so marked, when it does."""
        late = replace(pool, late=True)
        if pool.uuid in self._hung:
            return late
        try:
            return await lanes.detail(lambda session: read_pool(session, pool.uuid), POOL_SECONDS) or late
        except Unreachable:
            raise
        except TimedOut:
            self._hung.add(pool.uuid)
            return late
        except BackendError:
            return late
