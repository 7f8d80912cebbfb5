"""The groups of calls that a simulated host takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.base import GuestUser, ShutdownMode
from kvmtui.backend.demo.document import definition
from kvmtui.core.errors import NotSupported, TimedOut
from kvmtui.core.inventory import Address, AddressSource, AgentState, VmState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvmtui.backend.demo.connection import Connection
    from kvmtui.core.inventory import Vm

_AGENT = 5.0  # seconds that an agent is given
_START_TAKES = 0.9  # seconds
_POLL = 0.25  # seconds between two looks how far a save is
_VISITED = {"git-1": "dana", "build-1": "jenkins", "db-1": "postgres"}  # guests with somebody logged in


class DemoPower:
    """What changes a VM's state."""

    def __init__(self, connection: Connection) -> None:
        """Act through `connection`."""
        self._to = connection
        self._life = connection.world.life

    async def start(self, uuid: str) -> None:
        host = self._to.host
        await self._to.change("start", uuid, lambda: self._life.start(host, uuid), lasts=_START_TAKES)

    async def shutdown(self, uuid: str, mode: ShutdownMode = ShutdownMode.DEFAULT) -> None:
        host = self._to.host
        await self._to.change("shutdown", uuid, lambda: self._life.shutdown(host, uuid, mode), args=(mode,))

    async def reboot(self, uuid: str, mode: ShutdownMode = ShutdownMode.DEFAULT) -> None:
        host = self._to.host
        await self._to.change("reboot", uuid, lambda: self._life.reboot(host, uuid, mode), args=(mode,))

    async def reset(self, uuid: str) -> None:
        host = self._to.host
        await self._to.change("reset", uuid, lambda: self._life.reset(host, uuid))

    async def force_off(self, uuid: str) -> None:
        host = self._to.host
        await self._to.change("force_off", uuid, lambda: self._life.force_off(host, uuid), lasts=0.3)

    async def pause(self, uuid: str) -> None:
        host = self._to.host
        await self._to.change("pause", uuid, lambda: self._life.pause(host, uuid))

    async def resume(self, uuid: str) -> None:
        host = self._to.host
        await self._to.change("resume", uuid, lambda: self._life.resume(host, uuid))

    async def wake(self, uuid: str) -> None:
        host = self._to.host
        await self._to.change("wake", uuid, lambda: self._life.wake(host, uuid))

    async def save(self, uuid: str, progress: Callable[[float], None] | None = None) -> None:
        host = self._to.host
        await self._to.change("save", uuid, lambda: self._life.save(host, uuid))
        last = -1.0
        while True:
            saving = self._life.saving(host, uuid)
            if saving is None:
                break
            if progress is not None and saving != last:
                progress(saving)
                last = saving
            await self._to.pause(_POLL)
            self._to.world.settle()
        self._life.check_saved(host, uuid)
        if progress is not None:
            progress(100.0)

    async def drop_saved(self, uuid: str) -> None:
        host = self._to.host
        await self._to.change("drop_saved", uuid, lambda: self._life.drop_saved(host, uuid))

    async def nmi(self, uuid: str) -> None:
        host = self._to.host
        await self._to.change("nmi", uuid, lambda: self._life.nmi(host, uuid))

    async def send_keys(self, uuid: str, keycodes: tuple[int, ...]) -> None:
        host = self._to.host
        await self._to.change("send_keys", uuid, lambda: self._life.send_keys(host, uuid, keycodes), args=(keycodes,))


class DemoDefinition:
    """What changes a VM's definition."""

    def __init__(self, connection: Connection) -> None:
        """Act through `connection`."""
        self._to = connection
        self._definitions = connection.world.definitions

    async def set_autostart(self, uuid: str, *, on: bool) -> None:
        host, to = self._to.host, self._to
        await to.change("set_autostart", uuid, lambda: self._definitions.set_autostart(host, uuid, on=on), args=(on,))

    async def rename(self, uuid: str, name: str) -> None:
        host = self._to.host
        await self._to.change("rename", uuid, lambda: self._definitions.rename(host, uuid, name), args=(name,))

    async def set_text(self, uuid: str, *, title: str | None, description: str | None) -> None:
        host = self._to.host
        await self._to.change(
            "set_text",
            uuid,
            lambda: self._definitions.set_text(host, uuid, title=title, description=description),
            args=(title, description),
        )

    async def set_tags(self, uuid: str, tags: tuple[str, ...]) -> None:
        host = self._to.host
        await self._to.change("set_tags", uuid, lambda: self._definitions.set_tags(host, uuid, tags), args=(tags,))

    async def undefine(self, uuid: str, *, nvram: bool, snapshots: bool, saved: bool) -> None:
        host = self._to.host
        await self._to.change(
            "undefine",
            uuid,
            lambda: self._definitions.undefine(host, uuid, nvram=nvram, snapshots=snapshots, saved=saved),
            args=(nvram, snapshots, saved),
        )

    async def xml(self, uuid: str, *, inactive: bool = False) -> str:
        host = self._to.host
        return await self._to.read("xml", lambda: definition(host.guest(uuid), inactive=inactive), uuid=uuid)

    async def stored(self, uuid: str) -> Vm:
        return await self._to.read("stored", lambda: self._stored(uuid), uuid=uuid)

    def _stored(self, uuid: str) -> Vm:
        guest = self._to.host.guest(uuid)
        vm = replace(guest.vm, nics=tuple(replace(nic, target="") for nic in guest.vm.nics))
        if guest.pending is None:
            return vm
        vcpus, memory = guest.pending
        return replace(vm, vcpus=vcpus, vcpus_max=vcpus, memory=memory, memory_max=memory)


class DemoGuest:
    """What is learnt about a guest."""

    def __init__(self, connection: Connection) -> None:
        """Act through `connection`."""
        self._to = connection

    async def leases(self) -> Mapping[str, tuple[Address, ...]]:
        return await self._to.read("leases", self._leases)

    def _leases(self) -> dict[str, tuple[Address, ...]]:
        now, wall = self._to.world.advance(self._to.host)
        return {
            guest.address.mac: (guest.address._replace(at=wall),)
            for guest in self._to.host.running
            if guest.address is not None and guest.leased and guest.boot_until <= now
        }

    async def addresses(self, uuid: str) -> tuple[Address, ...]:
        return await self._to.read("addresses", lambda: self._addresses(uuid), uuid=uuid, seconds=_AGENT)

    def _addresses(self, uuid: str) -> tuple[Address, ...]:
        self._need_agent(uuid)
        address = self._to.host.guest(uuid).address
        if address is None:
            return ()
        return (address._replace(source=AddressSource.AGENT, at=self._to.world.clock.now()),)

    async def os_name(self, uuid: str) -> str:
        return await self._to.read("os_name", lambda: self._os_name(uuid), uuid=uuid, seconds=_AGENT)

    def _os_name(self, uuid: str) -> str:
        self._need_agent(uuid)
        return self._to.host.guest(uuid).vm.os

    async def users(self, uuid: str) -> tuple[GuestUser, ...]:
        return await self._to.read("users", lambda: self._users(uuid), uuid=uuid, seconds=_AGENT)

    def _users(self, uuid: str) -> tuple[GuestUser, ...]:
        """Return who sits at its serial line, and for a few guests somebody who came over the network."""
        self._need_agent(uuid)
        guest = self._to.host.guest(uuid)
        now = self._to.world.clock.now()
        users = [] if guest.tty is None or not guest.tty.user else [GuestUser(guest.tty.user, "", None)]
        if guest.vm.name in _VISITED:
            users.append(GuestUser(_VISITED[guest.vm.name], "", now - 2_700.0 - guest.phase % 900.0))
        return tuple(users)

    async def set_balloon_period(self, uuid: str, seconds: int) -> None:
        await self._to.change("set_balloon_period", uuid, lambda: self._balloon(uuid), args=(seconds,))

    def _balloon(self, uuid: str) -> None:
        guest = self._to.host.guest(uuid)
        guest.silent_since = None
        guest.memory_due = 0.0

    def _need_agent(self, uuid: str) -> None:
        guest = self._to.host.guest(uuid)
        name, host = guest.vm.name, self._to.host.name
        if guest.vm.state is VmState.RUNNING and guest.hung:
            raise TimedOut(f"The guest agent of {name} on {host} did not answer within {_AGENT:.0f} s.")
        if guest.vm.agent is not AgentState.CONNECTED or guest.vm.state is not VmState.RUNNING:
            raise NotSupported(f"The guest agent of {name} on {host} is not connected.")
