"""Making VMs: what the host offers, the definition that it would get, and storing it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.base import Offers
from kvmtui.backend.libvirt import api, errors, volumes
from kvmtui.backend.libvirt.xml import domcaps
from kvmtui.backend.libvirt.xml import volume as volume_xml
from kvmtui.backend.libvirt.xml.build import X86, build
from kvmtui.backend.libvirt.xml.capabilities import read as read_capabilities
from kvmtui.backend.libvirt.xml.placing import placed, volumes_without_path
from kvmtui.backend.libvirt.xml.reading import parse, text_of
from kvmtui.core.errors import BackendError, Conflict, NotFound, NotSupported
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.backend.libvirt.lanes import Lanes
    from kvmtui.core.inventory import Volume
    from kvmtui.core.specs import VmSpec, VolumeName

OFFERS_SECONDS = 20.0  # a daemon that has not looked at QEMU yet needs seconds
READ_SECONDS = 30.0
DEFINE_SECONDS = 30.0

_NO_KVM = "libvirt sees no /dev/kvm there, or no right to open it"
_FALSE_KVM = "its /dev/kvm gives no 64-bit CPU: it is itself a VM to which virtualisation is not passed on"


class LibvirtCreation:
    """The creation facet of one host."""

    def __init__(self, lanes: Callable[[], Lanes]) -> None:
        self._lanes = lanes

    async def offers(self) -> Offers:
        return await self._lanes().detail(_offers, OFFERS_SECONDS)

    async def xml(self, spec: VmSpec) -> str:
        """Return the definition; a volume that is not there yet is given the path that it will have."""
        return await self._lanes().detail(lambda session: _xml(session, spec), READ_SECONDS)

    async def define(self, xml: str) -> str:
        return await self._lanes().detail(lambda session: _define(session, xml), DEFINE_SECONDS, change=True)


# What follows runs on a lane's thread.


class _Reading(NamedTuple):
    """What the host says of one kind of acceleration: its capabilities, or why it has none."""

    found: domcaps.DomainCapabilities | None
    why: str = ""


def _offers(session: Session) -> Offers:
    known = read_capabilities(session.conn.getCapabilities())
    kvm = _Reading(None, _NO_KVM)
    if known.kvm:
        kvm = _read(session, known.arch, "kvm")
        if kvm.found is not None and kvm.found.is_crippled:
            kvm = _Reading(None, _FALSE_KVM)
    emulated = _read(session, known.arch, "qemu")
    best = kvm.found or emulated.found
    if best is None:
        raise NotSupported(f"The host offers no VMs of {known.arch}: {emulated.why}")
    return Offers(
        accels=tuple(name for name, reading in (("kvm", kvm), ("qemu", emulated)) if reading.found is not None),
        kvm_why=kvm.why,
        arch=best.arch or known.arch,
        machine="q35" if "q35" in best.machine else best.machine,
        vcpus_max=best.vcpus_max,
        disk_buses=best.disk_buses,
        nic_models=("virtio",),
        cpu_modes=best.cpu_modes,
        cpu_model=best.cpu_model,
        rng=best.rng,
        graphics=best.graphics,
        videos=best.videos,
        bridges=_bridges(session),
    )


def _read(session: Session, arch: str, accel: str) -> _Reading:
    machine = "q35" if arch == X86 else None
    try:
        text = session.conn.getDomainCapabilities(None, arch or None, machine, accel, 0)
    except api.LibvirtError as error:
        fault = api.fault(error)
        if errors.is_lost(fault) or fault.code in errors.REFUSALS:
            raise
        return _Reading(None, " ".join(fault.message.split()))
    return _Reading(domcaps.read(text))


def _bridges(session: Session) -> tuple[str, ...]:
    """Return the host's own bridges, without those that virtual networks made; none where it cannot tell."""
    try:
        interfaces = session.conn.listAllInterfaces(0)
        found = {interface.name() for interface in interfaces if _is_bridge(interface.XMLDesc(0))}
        for network in session.conn.listAllNetworks(0):
            with contextlib.suppress(api.LibvirtError):  # one on an existing interface has none
                found.discard(network.bridgeName())
    except api.LibvirtError as error:
        if session.is_lost(error):
            raise
        return ()
    return tuple(sorted(found))


def _is_bridge(text: str) -> bool:
    root = parse(text)
    return root is not None and root.get("type") == "bridge"


def _xml(session: Session, spec: VmSpec) -> str:
    for what, path in (("kernel", spec.boot.kernel), ("initrd", spec.boot.initrd)):
        if path:
            _need_file(session, what, path)
    places = {(name.pool, name.name): _place(session, name) for name in volumes_without_path(spec)}
    return build(placed(spec, places), _offers(session))


def _place(session: Session, name: VolumeName) -> Volume | str:
    pool = volumes.active_pool(session, name.pool)
    try:
        return volumes.read(pool.storageVolLookupByName(name.name), name.pool)
    except api.LibvirtError as error:
        if api.fault(error).code != errors.NO_STORAGE_VOLUME:
            raise
    return f"{volume_xml.read_pool(pool.XMLDesc(0)).path}/{name.name}"


def _need_file(session: Session, what: str, path: str) -> None:
    """Refuse a file that a pool would hold and does not; what lies elsewhere only the start can tell."""
    folder, _, name = path.rpartition("/")
    for pool in session.conn.listAllStoragePools(api.POOLS_ACTIVE):
        text = volume_xml.read_pool(pool.XMLDesc(0))
        if text.has_files and text.path.rstrip("/") == folder:
            volumes.refresh(pool)
            try:
                pool.storageVolLookupByName(name)
            except api.LibvirtError as error:
                if api.fault(error).code != errors.NO_STORAGE_VOLUME:
                    raise
                raise NotFound(f"There is no {what} {safe(path)} on the host.") from None
            return


def _define(session: Session, xml: str) -> str:
    """Store a definition; libvirt would silently replace that of a VM with the same name and UUID."""
    root = parse(xml)
    if root is None:
        raise BackendError("The definition cannot be read as XML; nothing was stored.")
    name, uuid = text_of(root, "name").strip(), text_of(root, "uuid").strip()
    if _is_there(lambda: session.conn.lookupByName(name)):
        raise Conflict(f"There is a VM called {safe(name)} on this host already.", hint="Choose another name.")
    if uuid and _is_there(lambda: session.domain(uuid)):
        raise Conflict(f"There is a VM with the UUID {safe(uuid)} on this host already.")
    return session.conn.defineXMLFlags(xml, api.DEFINE_VALIDATE).UUIDString()


def _is_there(look: Callable[[], api.Domain]) -> bool:
    try:
        look()
    except api.LibvirtError as error:
        if api.fault(error).code == errors.NO_DOMAIN:
            return False
        raise
    return True
