"""The last state of one host: readings go in, a new HostState comes out that shares what did not change."""

from __future__ import annotations

from dataclasses import fields, replace
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.capacity import filled
from kvmtui.core.inventory import Address, AddressSource, Host, HostState, Reason, Since, Vm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvmtui.backend.base import Inventory, Wake
    from kvmtui.core.inventory import Pool
    from kvmtui.core.metrics import DiskRates, HostRates, VmRates

_VAGUE = {
    Reason.NONE: frozenset(Reason) - {Reason.NONE},
    Reason.DAEMON: frozenset({Reason.CRASHED, Reason.DESTROYED, Reason.SHUTDOWN, Reason.FAILED}),
    Reason.IO_ERROR: frozenset({Reason.POOL_FULL}),
}
"""For a vague reason, those that say more: a daemon that restarted has forgotten them, an event told them."""

_POOLS_EVERY = 2  # ticks between two looks at what the disks of VMs have come to occupy
_FRESH_FOR = 120.0  # seconds that an address keeps the time it was read: newer times alone make no new Vm
_REMEMBERED = ("reason", "since", "addresses", "os")
_as_read = attrgetter(*(field.name for field in fields(Vm) if field.name not in _REMEMBERED))
"""What of a VM a reading alone decides."""

_NONE: Mapping[str, Wake] = {}


class Change(NamedTuple):
    """A VM before and after a reading; None where it did not exist."""

    uuid: str
    before: Vm | None
    after: Vm | None
    at: float
    seen: bool  # an event told it: `at` is when it happened, not when it was found


class Picture:
    """What is known of one host; `ours` tells whether a task of this program is at work on a VM.

    Readings overlap and may end in another order than they began, so each takes a `ticket` before it is
    sent: one that began before another that is shown already is out of date, and is dropped.
    """

    def __init__(self, ours: Callable[[str], bool] = lambda _uuid: False) -> None:
        self.state: HostState | None = None
        self.jobs: frozenset[str] = frozenset()
        """UUIDs of the VMs that a job holds; no event tells how far it is."""
        self.active: frozenset[str] = frozenset()
        """UUIDs of the VMs that have a hypervisor process."""
        self.committed = 0
        """Bytes of memory that the active VMs may come to use."""
        self.listed = 0.0
        """When all VMs were last read together."""
        self._ours = ours
        self._pools: tuple[Pool, ...] = ()  # as they say themselves
        self._disks: dict[str, tuple[DiskRates, ...]] = {}  # of each VM, as they were last told of
        self._ticks = 0
        self._tickets = 0
        self._shown: dict[str, int] = {}  # the ticket of the newest reading of one VM that is shown
        self._gap = False  # the connection was lost since the last full reading

    @property
    def host(self) -> Host:
        """The host; only once it was read."""
        return self._required().host

    def ticket(self) -> int:
        """Begin a reading."""
        self._tickets += 1
        return self._tickets

    def connected(self, host: Host, inventory: Inventory, now: float) -> tuple[Change, ...]:
        """Take the first reading of a connection; returns what changed meanwhile, if it is the same host."""
        known = self.state
        if known is None or known.host.uuid != host.uuid:
            empty = HostState(at=now, host=host, vms={}, rates={})
            self._pools, self._disks = (), {}
            self._set(empty)
            self._shown.clear()
            self.full(inventory, now, self.ticket())
            return ()
        self.state = replace(known, host=known.host if known.host == host else host, rates={}, load=None)
        self._gap = True
        changes = self.full(inventory, now, self.ticket())
        self._gap = False
        return changes

    def full(
        self, inventory: Inventory, now: float, ticket: int, wakes: Mapping[str, Wake] = _NONE
    ) -> tuple[Change, ...]:
        """Take a full reading, with what events told meanwhile; returns the VMs that changed."""
        state = self._required()
        vms: dict[str, Vm] = {}
        changes = []
        newer = {uuid for uuid, shown in self._shown.items() if shown > ticket}
        self._shown = {uuid: self._shown[uuid] for uuid in newer}
        for uuid, reading in inventory.vms.items():
            before = state.vms.get(uuid)
            if uuid in newer:
                if before is not None:
                    vms[uuid] = before
                continue
            wake = wakes.get(uuid)
            after = self._merged(before, reading, now, wake)
            vms[uuid] = after
            if after is not before:
                changes.append(Change(uuid, before, after, now, seen=wake is not None))
        vms.update({uuid: state.vms[uuid] for uuid in newer if uuid in state.vms and uuid not in vms})
        gone = [uuid for uuid in state.vms if uuid not in vms]
        changes.extend(Change(uuid, state.vms[uuid], None, now, seen=uuid in wakes) for uuid in gone)
        same_order = len(vms) == len(state.vms) and not changes
        networks = state.networks if state.networks == inventory.networks else inventory.networks
        pools = state.pools
        if self._pools != inventory.pools:
            self._pools = inventory.pools
            pools = filled(self._pools, vms, self._disks)
        late = inventory.pools_late
        host = state.host if inventory.host is None or inventory.host == state.host else inventory.host
        same_rest = (
            networks is state.networks and pools is state.pools and late is state.pools_late and host is state.host
        )
        if not same_order or not same_rest:
            shown = state.vms if same_order else vms
            self._set(replace(state, at=now, host=host, vms=shown, networks=networks, pools=pools, pools_late=late))
        self.listed = now
        return tuple(changes)

    def one(self, uuid: str, reading: Vm | None, now: float, ticket: int, wake: Wake | None = None) -> Change | None:
        """Take a reading of one VM (None: it is gone); returns what changed, if anything."""
        state = self._required()
        if ticket < self._shown.get(uuid, 0):
            return None
        self._shown[uuid] = ticket
        before = state.vms.get(uuid)
        if reading is None:
            if before is None:
                return None
            self._set(replace(state, at=now, vms={key: vm for key, vm in state.vms.items() if key != uuid}))
            return Change(uuid, before, None, now, seen=wake is not None)
        after = self._merged(before, reading, now, wake)
        if after is before:
            return None
        self._set(replace(state, at=now, vms={**state.vms, uuid: after}))
        return Change(uuid, before, after, now, seen=wake is not None)

    def sampled(self, rates: Mapping[str, VmRates], load: HostRates | None, now: float) -> None:
        """Take the rates of a tick; VMs whose rates could not be told this time have none."""
        state = self._required()
        self._ticks += 1
        pools = state.pools
        if self._ticks % _POOLS_EVERY == 0:
            # A VM that is off, or whose monitor is busy, tells of none, and they stay as full as they were.
            told = {uuid: one.disks for uuid, one in rates.items() if one.disks}
            self._disks = {uuid: disks for uuid, disks in {**self._disks, **told}.items() if uuid in state.vms}
            found = filled(self._pools, state.vms, self._disks)
            pools = pools if found == pools else found
        self.state = replace(state, at=now, rates=rates, load=load or state.load, pools=pools)

    def unsampled(self) -> bool:
        """Drop the rates, which are too old to be shown as those of now; tells whether there were any."""
        state = self._required()
        if not state.rates and state.load is None:
            return False
        self.state = replace(state, rates={}, load=None)
        return True

    def leased(self, leases: Mapping[str, tuple[Address, ...]], now: float) -> bool:
        """Give each active VM the addresses that were leased to its interfaces; tells whether any changed."""
        state = self._required()
        changed = {}
        for uuid, vm in state.vms.items():
            if not vm.is_active:
                continue
            kept = tuple(address for address in vm.addresses if address.source is not AddressSource.LEASE)
            found = tuple(address for nic in vm.nics for address in leases.get(nic.mac.lower(), ()))
            addresses = _unless_same(vm.addresses, found + kept, now)
            if addresses is not vm.addresses:
                changed[uuid] = replace(vm, addresses=addresses)
        if changed:
            self._set(replace(state, at=now, vms={**state.vms, **changed}))
        return bool(changed)

    def told_by_agent(self, uuid: str, addresses: tuple[Address, ...] | None, os: str | None, now: float) -> bool:
        """Take what the guest's agent said (None: nothing); tells whether it was news."""
        state = self._required()
        vm = state.vms.get(uuid)
        if vm is None or not vm.is_active:
            return False
        merged = vm.addresses
        if addresses is not None:
            kept = tuple(address for address in vm.addresses if address.source is not AddressSource.AGENT)
            merged = _unless_same(vm.addresses, kept + addresses, now)
        if merged is vm.addresses and (not os or os == vm.os):
            return False
        self._set(replace(state, at=now, vms={**state.vms, uuid: replace(vm, addresses=merged, os=os or vm.os)}))
        return True

    def _required(self) -> HostState:
        if self.state is None:
            raise RuntimeError("a reading came before the connection's first one")
        return self.state

    def _set(self, state: HostState) -> None:
        if self.state is None or state.vms is not self.state.vms:
            active = {uuid: vm for uuid, vm in state.vms.items() if vm.is_active}
            self.active = frozenset(active)
            self.committed = sum(vm.memory_max for vm in active.values())
            self.jobs = frozenset(uuid for uuid, vm in active.items() if vm.job is not None)
        self.state = state

    def _merged(self, before: Vm | None, reading: Vm, now: float, wake: Wake | None) -> Vm:
        """Return `before` itself when nothing changed, else the reading with what only we remember."""
        if reading.job is not None and self._ours(reading.uuid):
            reading = replace(reading, job=replace(reading.job, ours=True))
        if before is None:
            reason = _told(reading, wake)
            return replace(reading, reason=reason, since=Since(now, exact=wake is not None and wake.state is not None))
        since, fresh = self._since(before, reading, now, wake)
        reason = _told(reading, wake) if fresh else _clearer(before.reason, _told(reading, wake))
        # A guest that was off has lost its addresses; what it runs stays known.
        addresses = reading.addresses or (before.addresses if reading.is_active and before.is_active else ())
        os = reading.os or before.os
        kept = (before.reason, before.since, before.addresses, before.os)
        # Nearly always it is the same, and to find that out costs a third of making another.
        if (reason, since, addresses, os) == kept and _as_read(before) == _as_read(reading):
            return before
        return replace(reading, reason=reason, since=since, addresses=addresses, os=os)

    def _since(self, before: Vm, reading: Vm, now: float, wake: Wake | None) -> tuple[Since, bool]:
        """Return since when the VM is in its state, and whether that state began anew."""
        restarted = reading.is_active and before.is_active and reading.domain_id != before.domain_id
        # It went through another state and was back before it could be read.
        away = wake is not None and wake.state is not None and wake.state is not reading.state
        if before.state is not reading.state or restarted or away:
            return Since(now, exact=wake is not None), True
        if self._gap and not reading.is_active:
            return Since(now, exact=False), False  # it may have been on while nobody looked
        return before.since or Since(now, exact=False), False


def _told(reading: Vm, wake: Wake | None) -> Reason:
    """Return the reason that says most: the reading's, or the event's about the same state."""
    if wake is not None and wake.state is reading.state:
        return _clearer(wake.reason, reading.reason)
    return reading.reason


def _clearer(earlier: Reason, later: Reason) -> Reason:
    """Return the later reason unless it is a vague form of the earlier one."""
    return earlier if earlier in _VAGUE.get(later, ()) else later


def _unless_same(known: tuple[Address, ...], found: tuple[Address, ...], now: float) -> tuple[Address, ...]:
    """Return the known addresses while they are the same and young enough."""
    if [address[:3] for address in known] != [address[:3] for address in found]:
        return found
    return known if all(now - address.at < _FRESH_FOR for address in known) else found


def is_new_start(change: Change) -> bool:
    """Tell whether a VM came to life (libvirt calls one that starts paused at first): it will ask for an address."""
    now_on = change.after is not None and change.after.is_active
    return now_on and (change.before is None or not change.before.is_active)
