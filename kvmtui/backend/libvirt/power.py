"""What changes a VM's state."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kvmtui.backend.base import ShutdownMode
from kvmtui.backend.libvirt.survey import percent
from kvmtui.core.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt import api
    from kvmtui.backend.libvirt.lanes import Lanes

ASK_SECONDS = 35.0  # libvirt itself says "busy" after 30 s, which tells more than no answer
START_SECONDS = 120.0
OFF_SECONDS = 60.0  # libvirt gives QEMU 15 s to end before it kills it, and as long again after
PROGRESS_SECONDS = 0.5
READ_SECONDS = 10.0

_MODES = {ShutdownMode.DEFAULT: 0, ShutdownMode.ACPI: 1, ShutdownMode.AGENT: 2}
_KEY_CODES_LINUX = 0


class LibvirtPower:
    """The power facet of one host."""

    def __init__(self, lanes: Callable[[], Lanes], changed: Callable[[str], None]) -> None:
        """`changed` is told the UUID of each VM that may be another than was read."""
        self._lanes = lanes
        self._changed = changed

    async def start(self, uuid: str) -> None:
        await self._change(uuid, lambda vm: vm.createWithFlags(0), START_SECONDS)

    async def shutdown(self, uuid: str, mode: ShutdownMode = ShutdownMode.DEFAULT) -> None:
        await self._change(uuid, lambda vm: vm.shutdownFlags(_MODES[mode]))

    async def reboot(self, uuid: str, mode: ShutdownMode = ShutdownMode.DEFAULT) -> None:
        await self._change(uuid, lambda vm: vm.reboot(_MODES[mode]))

    async def reset(self, uuid: str) -> None:
        await self._change(uuid, lambda vm: vm.reset(0))

    async def force_off(self, uuid: str) -> None:
        await self._change(uuid, lambda vm: vm.destroyFlags(0), OFF_SECONDS)

    async def pause(self, uuid: str) -> None:
        await self._change(uuid, lambda vm: vm.suspend())

    async def resume(self, uuid: str) -> None:
        await self._change(uuid, lambda vm: vm.resume())

    async def wake(self, uuid: str) -> None:
        await self._change(uuid, lambda vm: vm.pMWakeup(0))

    async def save(self, uuid: str, progress: Callable[[float], None] | None = None) -> None:
        """Managed save, on a lane of its own; the host goes on with it when its caller goes away."""
        lanes = self._lanes()
        watch = None
        if progress is not None and not lanes.is_single:
            watch = asyncio.create_task(self._watch(lanes, uuid, progress))
        try:
            await lanes.alone(lambda session: session.domain(uuid).managedSave(0))
        finally:
            self._changed(uuid)
            if watch is not None:
                watch.cancel()

    async def drop_saved(self, uuid: str) -> None:
        await self._change(uuid, lambda vm: vm.managedSaveRemove(0))

    async def nmi(self, uuid: str) -> None:
        await self._change(uuid, lambda vm: vm.injectNMI(0))

    async def send_keys(self, uuid: str, keycodes: tuple[int, ...]) -> None:
        codes = list(keycodes)
        await self._change(uuid, lambda vm: vm.sendKey(_KEY_CODES_LINUX, 0, codes, len(codes), 0))

    async def _change(self, uuid: str, act: Callable[[api.Domain], object], seconds: float = ASK_SECONDS) -> None:
        try:
            await self._lanes().detail(lambda session: act(session.domain(uuid)), seconds, change=True)
        finally:
            self._changed(uuid)

    async def _watch(self, lanes: Lanes, uuid: str, progress: Callable[[float], None]) -> None:
        """Tell how far the save is, for as long as the host says so."""
        most = 0.0
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            try:
                stats = await lanes.detail(lambda session: dict(session.domain(uuid).jobStats(0)), READ_SECONDS)
            except BackendError:
                continue
            most = max(most, percent(stats) or 0.0)
            progress(most)
