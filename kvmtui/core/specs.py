"""What a person wants made: validated when it is built, before any host is asked.

Sizes are bytes. A spec names volumes by pool and name; paths are filled in once the volumes exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DiskOrigin(StrEnum):
    """Where the first disk comes from."""

    NEW = "new"  # empty, of a size
    LINKED = "linked"  # builds upon an image, which must stay
    COPY = "copy"  # a full copy of an image
    EXISTING = "existing"  # a volume that is there already
    NONE = "none"


class BootKind(StrEnum):
    """What the VM starts from."""

    DISK = "disk"  # its first disk: a cloud image, or a volume with a system on it
    ISO = "iso"
    KERNEL = "kernel"


@dataclass(frozen=True, slots=True)
class VolumeName:
    """A volume by its pool and name."""

    pool: str
    name: str

    def __str__(self) -> str:
        """Return pool/name."""
        return f"{self.pool}/{self.name}"


@dataclass(frozen=True, slots=True)
class NewVolume:
    """A volume to be made."""

    pool: str
    name: str
    capacity: int
    format: str = "qcow2"
    backing: VolumeName | None = None  # build upon this one
    copy_of: VolumeName | None = None  # begin with its contents; capacity may be larger


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


@dataclass(frozen=True, slots=True)
class BootSpec:
    """What the VM starts from."""

    kind: BootKind = BootKind.DISK
    iso: VolumeName | None = None
    iso_path: str = ""
    kernel: str = ""  # paths on the host
    initrd: str = ""
    arguments: str = ""  # of the kernel


@dataclass(frozen=True, slots=True)
class SeedSpec:
    """What a cloud image is told at its first start (NoCloud)."""

    user: str
    keys: tuple[str, ...]  # public ssh keys, one line each
    hostname: str
    volume: VolumeName | None = None
    path: str = ""
    sata: bool = False  # for guests that see no virtio disk at that time


@dataclass(frozen=True, slots=True)
class NicSpec:
    """A network card."""

    kind: str  # "network" or "bridge"
    source: str


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
