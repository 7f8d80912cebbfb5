"""What can be made to go wrong in the simulated world, for tests and for the story."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvmtui.backend.demo.meddling import VmFaults
from kvmtui.core.errors import BackendError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.base import Wake
    from kvmtui.backend.demo.world import World


@dataclass(slots=True)
class _Refusal:
    error: BackendError
    host: str | None
    verb: str | None
    uuid: str | None
    times: int


@dataclass(slots=True)
class _LostReply:
    host: str
    verb: str | None
    done: bool
    times: int


class Faults(VmFaults):
    """Faults on demand. Hosts are named as in the fleet; each takes effect at once."""

    def __init__(self, world: World) -> None:
        """Put faults into `world`."""
        super().__init__(world)
        self.patience = 1.0  # factor on every deadline: a test sets it short
        self.silent: set[str] = set()
        self.delays: dict[str, float] = {}  # seconds before each reply
        self.shut: dict[str, BackendError] = {}  # why a host takes no connection
        self.identities: dict[str, str] = {}  # the UUID that a host gives as its own
        self._refusals: list[_Refusal] = []
        self._lost: list[_LostReply] = []
        self._held: dict[str, list[Wake]] = {}
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._late: dict[str, list[Callable[[], None]]] = {}
        self._cuts: dict[str, list[Callable[[str], None]]] = {}

    # --- hosts ---

    def silence(self, host: str) -> None:
        """Stop a host from answering, as a stopped libvirtd does: calls hang, events wait, VMs run on."""
        self.silent.add(host)

    def answer(self, host: str) -> None:
        """Let a silent host answer again; what was sent to it meanwhile is carried out, also when given up."""
        self.silent.discard(host)
        for work in self._late.pop(host, []):
            work()
        for future in self._waiting.pop(host, []):
            if not future.done():
                future.get_loop().call_soon_threadsafe(_finish, future)
        for wake in self._held.pop(host, []):
            self._world.tell(host, wake)

    def slow(self, host: str, seconds: float) -> None:
        """Have every reply of a host take this long; 0 ends it."""
        if seconds > 0.0:
            self.delays[host] = seconds
        else:
            self.delays.pop(host, None)

    def cut(self, host: str, why: str = "the connection was reset") -> None:
        """End all connections to a host; it can be connected to again."""
        for ended in tuple(self._cuts.get(host, ())):
            ended(why)

    def close_door(self, host: str, error: BackendError | None = None) -> None:
        """Refuse new connections to a host with `error` (Unreachable or Denied) until `open_door`."""
        self.shut[host] = error or Unreachable(f"{host} refused the connection.", hint="Is libvirtd running there?")

    def open_door(self, host: str) -> None:
        """Take connections again."""
        self.shut.pop(host, None)

    def swap_identity(self, host: str, uuid: str | None) -> None:
        """Have another machine answer at a host's address; None: itself again."""
        if uuid is None:
            self.identities.pop(host, None)
        else:
            self.identities[host] = uuid

    def refuse(
        self,
        error: BackendError,
        *,
        verb: str | None = None,
        host: str | None = None,
        uuid: str | None = None,
        times: int = 1_000_000,
    ) -> None:
        """Answer the next matching calls ("start", "sample", ...; None: any) with an error."""
        self._refusals.append(_Refusal(error, host, verb, uuid, times))

    def lose_reply(self, host: str, *, verb: str | None = None, done: bool, times: int = 1) -> None:
        """Let the answer to the next matching change never come; `done` tells whether it was carried out."""
        self._lost.append(_LostReply(host, verb, done, times))

    def calm(self) -> None:
        """End every fault of hosts and calls."""
        self.delays.clear()
        self.shut.clear()
        self.identities.clear()
        self._refusals.clear()
        self._lost.clear()
        for host in tuple(self.silent):
            self.answer(host)

    # --- asked by the backend and the world ---

    def holds_back(self, host: str, wake: Wake) -> bool:
        """Keep an event of a silent host for later."""
        if host not in self.silent:
            return False
        self._held.setdefault(host, []).append(wake)
        return True

    def on_cut(self, host: str, ended: Callable[[str], None]) -> Callable[[], None]:
        """Have a connection told when it is cut; return what ends that."""
        told = self._cuts.setdefault(host, [])
        told.append(ended)

        def leave() -> None:
            if ended in told:
                told.remove(ended)

        return leave

    def until_answer(self, host: str) -> asyncio.Future[None]:
        """Return what is done when a silent host answers again."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(host, []).append(future)
        return future

    def do_late(self, host: str, work: Callable[[], None]) -> None:
        """Keep a change that a silent host has been sent; it is carried out when the host wakes up."""
        self._late.setdefault(host, []).append(work)

    def refusal(self, host: str, verb: str, uuid: str) -> BackendError | None:
        """Return the error that this call is to be answered with."""
        for fault in self._refusals:
            fits = fault.host in (None, host) and fault.verb in (None, verb) and fault.uuid in (None, uuid)
            if fits and fault.times > 0:
                fault.times -= 1
                return fault.error
        return None

    def lost(self, host: str, verb: str) -> bool | None:
        """Return whether a change is carried out whose answer gets lost; None: it is answered."""
        for fault in self._lost:
            if fault.host == host and fault.verb in (None, verb) and fault.times > 0:
                fault.times -= 1
                return fault.done
        return None


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
