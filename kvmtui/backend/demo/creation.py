"""Making VMs on a simulated host."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.base import Offers, Wake, WakeKind
from kvmtui.backend.demo import roles
from kvmtui.backend.demo.guest import Guest, GuestDisk
from kvmtui.backend.demo.noise import fraction, mix
from kvmtui.backend.demo.plan import LATENCY, address_of
from kvmtui.backend.libvirt.xml import vm as vm_xml
from kvmtui.backend.libvirt.xml.build import build
from kvmtui.backend.libvirt.xml.placing import placed, volumes_without_path
from kvmtui.backend.libvirt.xml.reading import parse, text_of
from kvmtui.core.errors import BackendError, Conflict, NotFound
from kvmtui.core.inventory import AgentState, Vm, VmState
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.backend.demo.connection import Connection
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.core.inventory import Volume
    from kvmtui.core.specs import VmSpec

_TAKES = 0.2  # seconds to define a VM


class DemoCreation:
    """The creation facet of one simulated host; it writes the same definitions as a real one gets."""

    def __init__(self, connection: Connection) -> None:
        """Act through `connection`."""
        self._to = connection

    async def offers(self) -> Offers:
        return await self._to.read("offers", self._offers)

    async def xml(self, spec: VmSpec) -> str:
        return await self._to.read("creation_xml", lambda: self._xml(spec))

    async def define(self, xml: str) -> str:
        made: list[str] = []
        await self._to.change("define", "", lambda: made.append(self._define(xml)), args=(xml,), lasts=_TAKES)
        return made[0]

    def _offers(self) -> Offers:
        facts = self._to.host.facts
        return Offers(
            accels=("kvm", "qemu") if facts.kvm else ("qemu",),
            kvm_why="" if facts.kvm else "this host has no /dev/kvm",
            arch=facts.arch,
            machine="q35",
            vcpus_max=288,
            disk_buses=("virtio", "sata", "scsi", "usb"),
            nic_models=("virtio", "e1000e"),
            cpu_modes=("host-passthrough", "maximum", "host-model", "custom"),
            cpu_model=facts.cpu_model,
            graphics=("vnc", "spice"),
            videos=("vga", "virtio", "none"),
            bridges=("br0",),
        )

    def _xml(self, spec: VmSpec) -> str:
        host = self._to.host
        paths: dict[tuple[str, str], Volume | str] = {}
        for name in volumes_without_path(spec):
            pool = host.pool(name.pool)
            if pool is None:
                raise NotFound(f"{host.name} has no storage pool {safe(name.pool)}.")
            path = f"{pool.path}/{name.name}"
            paths[name.pool, name.name] = host.volumes.get(path, path)
        return build(placed(spec, paths), self._offers())

    def _define(self, xml: str) -> str:
        host, world = self._to.host, self._to.world
        read = vm_xml.read(xml)
        if read is None or not read.name or not read.memory_max or not read.vcpus_max:
            raise BackendError("The definition cannot be read: its name, memory or vCPUs are missing.")
        own = text_of(parse(xml), "uuid").strip() or str(uuid.uuid4())
        for other in host.guests.values():
            if read.name == other.vm.name:
                raise Conflict(f"{host.name} has a VM called {safe(read.name)} already.")
            if own == other.vm.uuid:
                raise Conflict(f"{host.name} has a VM with the UUID {own} already: {safe(other.vm.name)}.")
        guest = _guest(host, _vm(host, read, own), world.address.seed)
        world.advance(host)
        host.guests[own] = guest
        host.regroup()
        guest.report(world.clock.now(), 0.5, 0.0)
        world.tell(host.name, Wake(WakeKind.VM, own, VmState.OFF))
        return own


def _vm(host: SimHost, read: vm_xml.Definition, own: str) -> Vm:
    tail = mix(*own.encode())
    nics = tuple(
        nic if nic.mac else replace(nic, mac=f"52:54:00:{tail >> 16 & 255:02x}:{tail >> 8 & 255:02x}:{at:02x}")
        for at, nic in enumerate(read.nics, tail & 127)
    )
    system = _system(host, read)
    return Vm(
        uuid=own,
        name=read.name,
        state=VmState.OFF,
        vcpus=read.vcpus,
        vcpus_max=read.vcpus_max,
        memory=read.memory,
        memory_max=read.memory_max,
        title=read.title,
        description=read.description,
        tags=read.tags,
        disks=tuple(replace(disk, overlay=_is_overlay(host, disk.source)) for disk in read.disks),
        nics=nics,
        os=system,
        firmware=read.firmware,
        machine=read.machine,
        arch=read.arch,
        accel=read.accel,
        cpu_model=read.cpu_model,
        agent=read.agent if system else AgentState.NONE,  # an installer or a bare kernel runs none
        snapshots=0,
    )


def _guest(host: SimHost, vm: Vm, seed: int) -> Guest:
    number = mix(*vm.uuid.encode())
    guest = Guest(vm, roles.INFRA, fraction(number, 5))
    for disk in vm.disks:
        volume = host.volumes.get(disk.source)
        if volume is not None and not disk.readonly:
            drive = GuestDisk(disk.target, disk.source, volume.pool, volume.capacity, LATENCY.get(volume.pool, 2e6))
            drive.allocation = volume.allocation
            guest.disks.append(drive)
    if vm.nics and vm.os:
        guest.address = address_of(vm.nics[0], seed, number)
        guest.leased = vm.nics[0].kind == "network"
    return guest


def _system(host: SimHost, read: vm_xml.Definition) -> str:
    """Return what is installed on the first disk that holds a system."""
    sources = [disk.source for disk in read.disks if disk.device == "disk" and not disk.readonly]
    return next((host.systems[source] for source in sources if host.systems.get(source)), "")


def _is_overlay(host: SimHost, source: str) -> bool:
    volume = host.volumes.get(source)
    return volume is not None and bool(volume.backing)
