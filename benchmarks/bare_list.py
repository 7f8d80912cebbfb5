"""The least that can list a host's VMs as `kvmtui vms --json` does: the same calls, and what they said as JSON.

What the headless list is held against. The calls are those that libvirt's client library logs for the program
(`benchmarks.calls`): each VM's definition, stored and live, its control state and its job; the host; networks and
pools; one bulk reading of the figures.
"""

from __future__ import annotations

import asyncio
import json
import sys

import libvirt

FIGURES = (
    libvirt.VIR_DOMAIN_STATS_STATE
    | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
    | libvirt.VIR_DOMAIN_STATS_VCPU
)
LISTS = (
    libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT,
    libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
    libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE,
    libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT,
)


async def main() -> None:
    """Ask, and print."""
    conn = libvirt.open(sys.argv[1])
    host = conn.getInfo(), conn.getHostname(), conn.getVersion(), conn.getLibVersion(), conn.getCapabilities()
    seen = conn.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
    for flags in LISTS:
        conn.listAllDomains(flags)
    vms = []
    for domain, _ in seen:
        domain.controlInfo()
        definitions = domain.XMLDesc(), domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        vms.append({"name": domain.name(), "uuid": domain.UUIDString(), "job": domain.jobStats(), "xml": definitions})
    for network in conn.listAllNetworks():
        network.DHCPLeases()
    for pool in conn.listAllStoragePools():
        pool.info(), pool.XMLDesc()
    figures = [figures for _, figures in conn.getAllDomainStats(FIGURES)]
    node = conn.getCPUStats(libvirt.VIR_NODE_CPU_STATS_ALL_CPUS), conn.getMemoryStats(-1)
    print(json.dumps({"vms": vms, "host": host, "figures": figures, "node": node}))


if __name__ == "__main__":
    asyncio.run(main())
