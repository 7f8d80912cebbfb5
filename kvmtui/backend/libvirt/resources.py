"""Networks and pools, as they are read on a lane's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import api, errors
from kvmtui.backend.libvirt.xml import volume as volume_xml
from kvmtui.core.inventory import Network, Pool

if TYPE_CHECKING:
    from kvmtui.backend.libvirt.lane import Session


def read_networks(session: Session) -> tuple[Network, ...]:
    """Return the virtual networks by name; none where the driver has none."""
    try:
        networks = session.conn.listAllNetworks(0)
        active = {network.UUIDString() for network in session.conn.listAllNetworks(api.NETWORKS_ACTIVE)}
        autostart = {network.UUIDString() for network in session.conn.listAllNetworks(api.NETWORKS_AUTOSTART)}
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_SUPPORT:
            return ()
        raise
    return tuple(
        sorted(
            (
                Network(
                    uuid=network.UUIDString(),
                    name=network.name(),
                    active=network.UUIDString() in active,
                    autostart=network.UUIDString() in autostart,
                    bridge=_bridge(network),
                )
                for network in networks
            ),
            key=lambda network: network.name,
        )
    )


def _bridge(network: api.Network) -> str:
    try:
        return network.bridgeName()
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        return ""  # a network on an existing interface has none


def read_pools(session: Session) -> tuple[Pool, ...]:
    """Return the storage pools by name, with their sizes as of their last refresh."""
    try:
        pools = session.conn.listAllStoragePools(0)
        active = {pool.UUIDString() for pool in session.conn.listAllStoragePools(api.POOLS_ACTIVE)}
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_SUPPORT:
            return ()
        raise
    found = (_pool(pool, active=pool.UUIDString() in active) for pool in pools)
    return tuple(sorted((pool for pool in found if pool is not None), key=lambda pool: pool.name))


def read_pool(session: Session, uuid: str) -> Pool | None:
    """Return one pool, None when it is not there any more."""
    try:
        pool = session.conn.storagePoolLookupByUUIDString(uuid)
        active = bool(pool.isActive())
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        return None
    return _pool(pool, active=active)


def _pool(pool: api.Pool, *, active: bool) -> Pool | None:
    try:
        _, capacity, allocation, available = pool.info()[:4]
        path = volume_xml.read_pool(pool.XMLDesc(0)).path
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        return None  # it was undefined meanwhile
    return Pool(
        uuid=pool.UUIDString(),
        name=pool.name(),
        active=active,
        capacity=capacity,
        allocation=allocation,
        available=available,
        path=path,
    )
