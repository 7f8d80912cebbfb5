"""What is learnt about a guest from its network's leases and from its agent."""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING, cast

from kvmtui.backend.base import GuestUser
from kvmtui.backend.libvirt import api, errors
from kvmtui.core.inventory import Address, AddressSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.backend.libvirt.lanes import Lanes

READ_SECONDS = 10.0
AGENT_SECONDS = 5  # libvirt's own default is to wait for ever

_SOURCE_AGENT = 1  # VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT
_INFO_USERS, _INFO_OS = 1, 2  # virDomainGuestInfoTypes
_STATS_PERIOD_LIVE = 1  # VIR_DOMAIN_AFFECT_LIVE
_MOST_USERS = 100


class LibvirtGuest:
    """The guest facet of one host."""

    def __init__(self, lanes: Callable[[], Lanes]) -> None:
        self._lanes = lanes

    async def leases(self) -> Mapping[str, tuple[Address, ...]]:
        """Return addresses by MAC from the leases of every active network."""
        return await self._lanes().detail(_leases, READ_SECONDS)

    async def addresses(self, uuid: str) -> tuple[Address, ...]:
        """Ask the guest's agent; raises NotSupported without one, TimedOut when it hangs."""
        return await self._lanes().detail(lambda session: _addresses(session, uuid), READ_SECONDS)

    async def os_name(self, uuid: str) -> str:
        """Ask the guest's agent what it runs."""

        def read(session: Session) -> str:
            found = _patient(session, uuid).guestInfo(_INFO_OS, 0)
            return str(found.get("os.pretty-name") or found.get("os.name") or "")

        return await self._lanes().detail(read, READ_SECONDS)

    async def users(self, uuid: str) -> tuple[GuestUser, ...]:
        """Ask the guest's agent who is logged in."""

        def read(session: Session) -> tuple[GuestUser, ...]:
            found = _patient(session, uuid).guestInfo(_INFO_USERS, 0)
            count = int(str(found.get("user.count") or 0))
            return tuple(_user(found, f"user.{number}.") for number in range(min(count, _MOST_USERS)))

        return await self._lanes().detail(read, READ_SECONDS)

    async def set_balloon_period(self, uuid: str, seconds: int) -> None:
        """Make the guest report its memory; this is a write."""
        await self._lanes().detail(
            lambda session: session.domain(uuid).setMemoryStatsPeriod(seconds, _STATS_PERIOD_LIVE),
            READ_SECONDS,
            change=True,
        )


# What follows runs on a lane's thread.


def _patient(session: Session, uuid: str) -> api.Domain:
    """Return the VM with a bound on how long libvirt waits for its agent."""
    domain = session.domain(uuid)
    try:
        domain.agentSetResponseTimeout(AGENT_SECONDS, 0)
    except api.LibvirtError as error:
        if api.fault(error).code != errors.NO_SUPPORT:
            raise
    return domain


def _user(found: Mapping[str, object], prefix: str) -> GuestUser:
    """Read a user; the time of the login is in milliseconds."""
    began = found.get(f"{prefix}login-time")
    return GuestUser(
        str(found.get(f"{prefix}name") or ""),
        str(found.get(f"{prefix}domain") or ""),
        began / 1000.0 if isinstance(began, int) and began > 0 else None,
    )


def _leases(session: Session) -> dict[str, tuple[Address, ...]]:
    now = time.time()
    found: dict[str, tuple[Address, ...]] = {}
    for network in session.conn.listAllNetworks(api.NETWORKS_ACTIVE):
        try:
            leases = network.DHCPLeases()
        except api.LibvirtError as error:
            if errors.is_lost(api.fault(error)):
                raise
            continue  # a network without DHCP, or one that has just ended
        for lease in leases:
            mac, ip = str(lease.get("mac") or "").lower(), str(lease.get("ipaddr") or "")
            if mac and ip:
                found[mac] = (*found.get(mac, ()), Address(ip, mac, AddressSource.LEASE, now))
    return found


def _addresses(session: Session, uuid: str) -> tuple[Address, ...]:
    now = time.time()
    found: list[Address] = []
    for interface in _patient(session, uuid).interfaceAddresses(_SOURCE_AGENT, 0).values():
        mac = str(interface.get("hwaddr") or "").lower()
        for entry in cast("Sequence[Mapping[str, object]]", interface.get("addrs") or ()):
            ip = str(entry.get("addr") or "")
            if not _is_loopback(ip):
                found.append(Address(ip, mac, AddressSource.AGENT, now))
    return tuple(found)


def _is_loopback(ip: str) -> bool:
    """Tell whether it says nothing of the guest; what is no address at all says nothing either."""
    try:
        return ipaddress.ip_address(ip.partition("%")[0]).is_loopback
    except ValueError:
        return True
