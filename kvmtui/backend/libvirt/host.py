"""What a host is, and what its page shows of it."""

from __future__ import annotations

import uuid as uuids
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kvmtui.backend.base import HostDetails, NumaCell
from kvmtui.backend.libvirt import api, errors
from kvmtui.backend.libvirt.uri import Address, Transport
from kvmtui.backend.libvirt.xml import capabilities
from kvmtui.backend.libvirt.xml.reading import parse
from kvmtui.core.inventory import Host

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lane import Session

T = TypeVar("T")

_NOWAIT_SINCE = 4_005_000
_NESTED = (Path("/sys/module/kvm_intel/parameters/nested"), Path("/sys/module/kvm_amd/parameters/nested"))
_SYSTEM = (
    ("system", "system/entry[@name='manufacturer']"),
    ("product", "system/entry[@name='product']"),
    ("serial", "system/entry[@name='serial']"),
    ("BIOS", "bios/entry[@name='version']"),
    ("BIOS date", "bios/entry[@name='date']"),
    ("processor", "processor/entry[@name='version']"),
)


def sketch_host(session: Session, address: Address) -> Host:
    """Return what a QEMU host is, as far as one round trip tells: enough to know it and to show its VMs."""
    known = capabilities.read(session.capabilities)
    return Host(
        uuid=known.uuid or str(uuids.uuid5(uuids.NAMESPACE_URL, address.text())),
        hostname=session.conn.getHostname(),
        driver="QEMU",
        arch=known.arch,
        cpu_model=known.cpu_model,
        cpus=sum(len(cell.cpus) for cell in known.cells),
        mhz=0,
        sockets=0,
        cores=0,
        threads=0,
        numa_cells=len(known.cells),
        memory=sum(cell.memory for cell in known.cells),
        libvirt_version=(0, 0, 0),
        hypervisor_version=(0, 0, 0),
        kvm=known.kvm,
        local=False,
    )


def read_host(session: Session, address: Address) -> Host:
    """Return what does not change while the connection lasts, in as few round trips as that takes."""
    conn = session.conn
    known = capabilities.read(session.capabilities)
    info = conn.getInfo()
    cpus, mhz, cells, sockets, cores, threads = (int(value) for value in info[2:8])
    lib_version = conn.getLibVersion()
    driver = "QEMU" if address.driver == "qemu" else conn.getType()
    lacks = set()
    if driver == "TEST" or lib_version < _NOWAIT_SINCE:
        lacks.add("stats")  # without NOWAIT one hung VM would hold up every reading
    if driver == "TEST":
        lacks.add("keepalive")
    memory = _try(lambda: conn.getMemoryStats(-1, 0))
    if memory is None:
        lacks.add("node-memory")
    return Host(
        # A driver that gives no UUID is told apart by its address.
        uuid=known.uuid or str(uuids.uuid5(uuids.NAMESPACE_URL, address.text())),
        hostname=conn.getHostname(),
        driver=driver,
        arch=known.arch or str(info[0]),
        cpu_model=known.cpu_model or str(info[0]),
        cpus=cpus,
        mhz=mhz,
        sockets=sockets,
        cores=cores,
        threads=threads,
        numa_cells=cells,
        memory=memory["total"] * 1024 if memory and "total" in memory else int(info[1]) * 1024 * 1024,
        libvirt_version=_version(lib_version),
        hypervisor_version=_version(_try(conn.getVersion) or 0),
        kvm=known.kvm,
        local=address.transport is Transport.UNIX,
        lacks=frozenset(lacks),
    )


def read_details(session: Session, address: Address) -> HostDetails:
    """Return what the host's page shows; what the driver cannot tell stays empty."""
    conn = session.conn
    text = conn.getCapabilities()
    known = capabilities.read(text)
    virtualisation = "VT-x" if "vmx" in known.features else "AMD-V" if "svm" in known.features else ""
    return HostDetails(
        cells=_cells(conn, known.cells),
        ksm={name: int(value) for name, value in (_try(lambda: conn.getMemoryParameters(0)) or {}).items()},
        cpu_features=known.features,
        virtualisation=virtualisation,
        nested=_nested() if address.transport is Transport.UNIX else None,
        iommu=known.iommu,
        capabilities_xml=text,
        facts=_system(_try(lambda: conn.getSysinfo(0)) or ""),
    )


def _cells(conn: api.Connection, cells: tuple[capabilities.Cell, ...]) -> tuple[NumaCell, ...]:
    if not cells:
        return ()
    first, count = min(cell.id for cell in cells), max(cell.id for cell in cells) + 1
    free = _try(lambda: conn.getCellsFreeMemory(first, count)) or ()
    found = []
    for cell in cells:
        huge = sorted(size // 1024 for size in cell.pages if size > 4096)
        free_pages = (_try(lambda cell=cell, huge=huge: conn.getFreePages(huge, cell.id, 1)) or {}) if huge else {}  # type: ignore[misc]
        of_cell = free_pages.get(cell.id, {})
        found.append(
            NumaCell(
                id=cell.id,
                cpus=cell.cpus,
                memory=cell.memory,
                free=free[cell.id - first] if cell.id - first < len(free) else None,
                pages={size * 1024: (cell.pages[size * 1024], of_cell.get(size)) for size in huge},
            )
        )
    return tuple(found)


def _system(text: str) -> tuple[tuple[str, str], ...]:
    root = parse(text) if text else None
    if root is None:
        return ()
    found = ((name, (root.findtext(path) or "").strip()) for name, path in _SYSTEM)
    return tuple((name, value) for name, value in found if value)


def _nested() -> bool | None:
    for path in _NESTED:
        try:
            return path.read_text(encoding="ascii").strip() in {"1", "Y"}
        except OSError:
            continue
    return None


def _version(number: int) -> tuple[int, int, int]:
    return number // 1_000_000, number // 1000 % 1000, number % 1000


def _try(call: Callable[[], T]) -> T | None:
    """Return what the driver answers, None when it cannot; a lost connection is still an error."""
    try:
        return call()
    except api.LibvirtError as error:
        if errors.is_lost(api.fault(error)):
            raise
        return None
