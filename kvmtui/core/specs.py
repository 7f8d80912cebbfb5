"""What a person wants made: validated when it is built, before any host is asked.

Sizes are bytes. A spec names volumes by pool and name; paths are filled in once the volumes exist. A spec that is
built wrongly raises Refused with one sentence for the field that it is about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kvmtui.core import naming
from kvmtui.core.errors import Refused
from kvmtui.core.sizing import LEAST_DISK, LEAST_MEMORY, MOST_DISK, MOST_MEMORY, MOST_VCPUS, BootKind, DiskOrigin
from kvmtui.core.units import size as say

_NEW_FORMATS = frozenset({"qcow2", "raw"})
_FORMAT = re.compile(r"[a-z0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class VolumeName:
    """A volume by its pool and name."""

    pool: str
    name: str

    def __post_init__(self) -> None:
        naming.pool_name(self.pool)
        naming.volume_name(self.name)

    def __str__(self) -> str:
        """Return pool/name."""
        return f"{self.pool}/{self.name}"


@dataclass(frozen=True, slots=True)
class NewVolume:
    """A volume to be made."""

    pool: str
    name: str
    capacity: int  # 0: as large as what it builds upon or copies
    format: str = "qcow2"
    backing: VolumeName | None = None  # build upon this one
    copy_of: VolumeName | None = None  # begin with its contents; capacity may be larger

    def __post_init__(self) -> None:
        naming.pool_name(self.pool)
        naming.new_volume_name(self.name)
        if self.format not in _NEW_FORMATS:
            raise Refused("A new volume is qcow2 or raw.")
        if self.backing is not None and self.copy_of is not None:
            raise Refused("A volume builds upon an image or copies one, not both.")
        if self.backing is not None and self.format != "qcow2":
            raise Refused("Only a qcow2 volume can build upon an image.")
        if VolumeName(self.pool, self.name) in {self.backing, self.copy_of}:
            raise Refused("A volume cannot be made of itself.")
        if self.capacity or (self.backing is None and self.copy_of is None):
            _disk_size(self.capacity)


@dataclass(frozen=True, slots=True)
class DiskSpec:
    """The first disk of a VM."""

    origin: DiskOrigin
    volume: VolumeName | None = None  # to be made, or the existing one; None without a disk
    size: int = 0  # 0: as large as the image
    image: VolumeName | None = None  # what LINKED and COPY begin with
    path: str = ""  # of the volume
    format: str = "qcow2"
    block: bool = False  # the path is a block device

    def __post_init__(self) -> None:
        if (self.origin is DiskOrigin.NONE) != (self.volume is None):
            raise Refused("The volume of the disk is missing." if self.volume is None else "No disk has no volume.")
        if (self.origin in {DiskOrigin.LINKED, DiskOrigin.COPY}) != (self.image is not None):
            raise Refused("The image is missing." if self.image is None else f"A disk that is {self.origin} has none.")
        if self.origin is DiskOrigin.NEW or self.size:
            _disk_size(self.size)
        if self.origin is not DiskOrigin.NONE and not _FORMAT.fullmatch(self.format):
            raise Refused("The disk's format is not known.")
        if self.origin is DiskOrigin.LINKED and self.format != "qcow2":
            raise Refused("Only a qcow2 volume can build upon an image.")
        if self.volume is not None and self.volume == self.image:
            raise Refused("The disk and the image it begins with are the same volume.")
        if self.path:
            naming.host_path(self.path, "The disk")


@dataclass(frozen=True, slots=True)
class BootSpec:
    """What the VM starts from."""

    kind: BootKind = BootKind.DISK
    iso: VolumeName | None = None
    iso_path: str = ""
    kernel: str = ""  # paths on the host
    initrd: str = ""
    arguments: str = ""  # of the kernel

    def __post_init__(self) -> None:
        if self.kind is BootKind.ISO and self.iso is None:
            raise Refused("The ISO is missing.")
        if self.kind is not BootKind.ISO and (self.iso is not None or self.iso_path):
            raise Refused("An ISO is given, but the VM does not start from one.")
        if self.iso_path:
            naming.host_path(self.iso_path, "The ISO")
        if self.kind is not BootKind.KERNEL:
            if self.kernel or self.initrd or self.arguments:
                raise Refused("A kernel is given, but the VM does not start from one.")
            return
        if not self.kernel:
            raise Refused("The kernel is missing.", hint="For example: /boot/vmlinuz")
        naming.host_path(self.kernel, "The kernel")
        if self.initrd:
            naming.host_path(self.initrd, "The initrd")
        naming.kernel_arguments(self.arguments)


@dataclass(frozen=True, slots=True)
class SeedSpec:
    """What a cloud image is told at its first start (NoCloud)."""

    user: str
    keys: tuple[str, ...]  # public ssh keys, one line each
    hostname: str
    volume: VolumeName | None = None
    path: str = ""
    sata: bool = False  # for guests that see no virtio disk at that time

    def __post_init__(self) -> None:
        naming.user_name(self.user)
        for key in self.keys:
            naming.public_key(key)
        naming.host_name(self.hostname)
        if self.path:
            naming.host_path(self.path, "The seed")


@dataclass(frozen=True, slots=True)
class NicSpec:
    """A network card."""

    kind: str  # "network" or "bridge"
    source: str

    def __post_init__(self) -> None:
        if self.kind == "network":
            naming.network_name(self.source)
        elif self.kind == "bridge":
            naming.bridge_name(self.source)
        else:
            raise Refused("A network card is plugged into a network or a bridge.")


@dataclass(frozen=True, slots=True)
class VmSpec:
    """A virtual machine to be made."""

    uuid: str
    name: str
    vcpus: int
    memory: int
    accel: str  # "kvm" or "qemu" (emulated)
    disk: DiskSpec
    boot: BootSpec
    nic: NicSpec | None = None
    seed: SeedSpec | None = None
    title: str = ""

    def __post_init__(self) -> None:
        naming.canonical_uuid(self.uuid)
        naming.vm_name(self.name)
        vcpus(self.vcpus)
        memory(self.memory)
        if self.accel not in {"kvm", "qemu"}:
            raise Refused("A VM runs on kvm or is emulated by qemu.")
        naming.one_line(self.title, "The title")
        if self.boot.kind is BootKind.DISK and self.disk.origin is DiskOrigin.NONE:
            raise Refused("There is nothing to start from: no disk, no ISO and no kernel.")
        if self.boot.kind is BootKind.DISK and self.disk.origin is DiskOrigin.NEW:
            raise Refused(
                "A new disk is empty: the VM cannot start from it.",
                hint="Choose an ISO or a kernel to start from, or an image for the disk.",
            )
        volumes = [self.disk.volume, self.disk.image, self.boot.iso, self.seed.volume if self.seed else None]
        named = [volume for volume in volumes if volume is not None]
        if len(set(named)) != len(named):
            raise Refused("Two parts of the VM name the same volume.")


def vcpus(count: int) -> None:
    """Check a number of virtual CPUs."""
    if not 1 <= count <= MOST_VCPUS:
        raise Refused(f"A VM has 1 to {MOST_VCPUS} vCPUs.")


def memory(amount: int) -> None:
    """Check an amount of memory."""
    if not LEAST_MEMORY <= amount <= MOST_MEMORY:
        raise Refused(f"A VM has {say(LEAST_MEMORY)} to {say(MOST_MEMORY)} of memory.", hint="For example: 2G")


def _disk_size(amount: int) -> None:
    if not LEAST_DISK <= amount <= MOST_DISK:
        raise Refused(f"A disk has {say(LEAST_DISK)} to {say(MOST_DISK)}.", hint="For example: 20G")
