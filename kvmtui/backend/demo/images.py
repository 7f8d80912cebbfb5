"""The images that the pools of a simulated host hold besides the disks of its VMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.demo.guest import GIB, MIB
from kvmtui.core.inventory import Volume

if TYPE_CHECKING:
    from kvmtui.backend.demo.host import SimHost


class Image(NamedTuple):
    """An image to make VMs from; sizes are MiB."""

    name: str
    format: str
    capacity: int
    allocation: int
    os: str


_CLOUD = (
    Image("debian-13-genericcloud-amd64.qcow2", "qcow2", 3 * 1024, 331, "Debian 13"),
    Image("ubuntu-24.04-server-cloudimg-amd64.img", "qcow2", 3584, 592, "Ubuntu 24.04"),
    Image("Rocky-10-GenericCloud-Base.latest.x86_64.qcow2", "qcow2", 10 * 1024, 548, "Rocky Linux 10"),
    Image("alpine-3.22-nocloud-cloudinit.qcow2", "qcow2", 1024, 198, "Alpine 3.22"),
)
_ISOS = (
    Image("debian-13.1.0-amd64-netinst.iso", "iso", 783, 783, "Debian 13"),
    Image("Fedora-Server-netinst-x86_64-42-1.1.iso", "iso", 1126, 1126, "Fedora 42"),
    Image("memtest86plus-7.20.iso", "iso", 6, 6, ""),
)


def stock(host: SimHost) -> None:
    """Put cloud images into a host's first pool and ISOs into its last; the pools' sizes count them already."""
    if not host.pools:
        return
    for pool, images in ((host.pools[0], _CLOUD), (host.pools[-1], _ISOS)):
        for image in images:
            path = f"{pool.path}/{image.name}"
            host.volumes[path] = Volume(
                pool=pool.name,
                name=image.name,
                path=path,
                format=image.format,
                capacity=image.capacity * MIB,
                allocation=image.allocation * MIB,
            )
            host.systems[path] = image.os


def installed(name: str) -> str:
    """Return what the image of a well-known name holds, "" when that cannot be told."""
    low = name.lower()
    return next((f"{word.capitalize()} Linux" for word in ("debian", "ubuntu", "fedora", "alpine") if word in low), "")


UPLOAD_RATE = 180 * MIB  # bytes a second that a host takes
COPY_RATE = 1.5 * GIB
