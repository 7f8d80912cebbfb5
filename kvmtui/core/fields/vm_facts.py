"""What is told of a virtual machine whether it runs or not: flags, addresses, disks, interfaces, since when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core import units
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.core.fields.field import Json
    from kvmtui.core.inventory import Address, Vm
    from kvmtui.core.rows import VmRow


def taps(row: VmRow) -> tuple[str, ...]:
    """Return the names of its interfaces on the host."""
    return tuple([nic.target for nic in row.vm.nics if nic.target])


FLAGS = (
    ("A", "autostart"),
    ("N", "definition differs"),
    ("S", "snapshot or overlay"),
    ("J", "job"),
    ("P", "cannot move live"),
    ("T", "transient"),
    ("L", "template"),
)


def flags(row: VmRow) -> str:
    """Return a letter for each thing that is so, in the order of `FLAGS`."""
    vm = row.vm
    letters = "A" if vm.autostart else ""
    if vm.pending:
        letters += "N"
    if vm.snapshots or any(disk.overlay for disk in vm.disks):
        letters += "S"
    if vm.job is not None:
        letters += "J"
    if vm.immovable:
        letters += "P"
    if not vm.persistent:
        letters += "T"
    if vm.template:
        letters += "L"
    return letters


def flag_words(row: VmRow) -> tuple[str, ...]:
    """Return the letters and what they mean, for the filter."""
    letters = flags(row)
    return tuple(letter for letter in letters) + tuple(word for letter, word in FLAGS if letter in letters)


def flag_json(row: VmRow) -> Json:
    """Return what the letters mean."""
    letters = flags(row)
    return [word for letter, word in FLAGS if letter in letters]


def best_address(vm: Vm) -> Address | None:
    """Return the address to show first: IPv4 before IPv6, and none that only the guest itself or its link knows."""
    best: Address | None = None
    worst = 9
    for address in vm.addresses:
        ip = address.ip
        rank = 2 if ":" in ip else 0
        if ip.startswith(("127.", "169.254.", "fe80", "::1")):
            rank += 3
        if rank < worst:
            best, worst = address, rank
    return best


def ip_order(row: VmRow) -> str | None:
    """Return the address to sort by."""
    address = best_address(row.vm)
    return None if address is None else address.ip


def ip_text(row: VmRow) -> str:
    """Return the address to show, and how many more there are."""
    address = best_address(row.vm)
    if address is None:
        return units.UNKNOWN
    more = len(row.vm.addresses) - 1
    return safe(address.ip, limit=60) + (f" +{more}" if more else "")


def ip_json(row: VmRow) -> Json:
    """Return all addresses with their sources."""
    return [
        {"ip": one.ip, "mac": one.mac, "source": one.source.value, "at": units.iso(one.at)} for one in row.vm.addresses
    ]


def disks(row: VmRow) -> tuple[str, ...]:
    """Return the files or volumes of its disks."""
    return tuple([disk.source for disk in row.vm.disks if disk.source])


def disk_json(row: VmRow) -> Json:
    """Return all that is known of its disks."""
    return [
        {
            "target": disk.target,
            "device": disk.device,
            "bus": disk.bus,
            "kind": disk.kind,
            "source": disk.source,
            "format": disk.format,
            "readonly": disk.readonly,
            "shareable": disk.shareable,
            "overlay": disk.overlay,
        }
        for disk in row.vm.disks
    ]


def macs(row: VmRow) -> tuple[str, ...]:
    """Return the hardware addresses of its interfaces."""
    return tuple([nic.mac for nic in row.vm.nics])


def listed(texts: tuple[str, ...]) -> str:
    """Return texts in a row, "-" for none."""
    return safe(", ".join(texts)) if texts else units.UNKNOWN


def since_text(row: VmRow) -> str:
    """Return when its state began: before when, where the change was not seen."""
    since = row.vm.since
    if since is None:
        return units.UNKNOWN
    when = units.day_or_time(since.at, row.now)
    return when if since.exact else f"before {when}"


def since_json(row: VmRow) -> Json:
    """Return when its state began, and whether that was seen."""
    since = row.vm.since
    return None if since is None else {"at": units.iso(since.at), "exact": since.exact}
