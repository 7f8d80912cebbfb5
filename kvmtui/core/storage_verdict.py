"""What happens to the disks of a VM that is moved: shared, copied, or a reason why neither.

That a path exists on both hosts does not make it one file: a disk that an earlier move left behind has the same
path and the same size, and a VM that goes on with it has lost what it wrote since. So sameness is shown, by what
nobody can set (`Copy`), or agreed to by a person; and a copy never overwrites anything.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from kvmtui.core.migration import Obstacle, StorageWay
from kvmtui.core.text import safe
from kvmtui.core.units import size

if TYPE_CHECKING:
    from kvmtui.core.migration import Case, MoveDisk, Subject

CARRY_MOST = 64 << 20  # bytes of a read-only disk that goes through this machine: a seed, not an installation CD
LAG = 120 * 10**9  # ns: a host may show the stamp of a file on a server as it was so long ago
_UNCACHED = ("none", "directsync")
_DROPS_CACHE = (4, 0, 0)  # the QEMU that lets go of cached data when it is moved
_BY_ID = "/dev/disk/by-id/"
_LASTING = ("wwn-", "scsi-3", "nvme-eui.", "nvme-uuid.", "dm-uuid-mpath-")


class Sameness(Enum):
    """How a source on one host stands to the same path on another."""

    SAME = "same"  # shown to be one
    LIKELY = "likely"  # nothing speaks against it, and nothing shows it
    OTHER = "other"  # shown to be two
    ABSENT = "absent"  # the target has looked: it is not there
    UNSEEN = "unseen"  # the target cannot tell


@dataclass(slots=True)
class StorageVerdict:
    """What is found, disk by disk."""

    obstacles: list[Obstacle] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    unsafe: list[str] = field(default_factory=list)
    carried: list[str] = field(default_factory=list)
    copied: tuple[str, ...] = ()
    shared: bool = False

    @property
    def way(self) -> StorageWay:
        """What happens to the disks as a whole."""
        if self.copied:
            return StorageWay.COPY
        return StorageWay.SHARED if self.shared else StorageWay.NONE


def storage_verdict(case: Case, later: Subject | None, wanted: StorageWay | None) -> StorageVerdict:
    """Judge all disks; `later` and `wanted` are as for `verdict`."""
    found = StorageVerdict()
    after = {disk.target: disk for disk in later.disks} if later is not None else {}
    copied: list[MoveDisk] = []
    shown: list[MoveDisk] = []
    for disk in case.subject.disks:
        if not disk.source:
            continue
        sameness = sameness_of(case, disk, after.get(disk.target))
        if disk.readonly:
            _readonly(case, disk, sameness, found)
        elif _is_copied(case, disk, sameness, wanted, found):
            copied.append(disk)
        else:
            found.shared = True
            if sameness is Sameness.SAME and not _is_known_shared(disk):
                shown.append(disk)
    found.copied = tuple(disk.target for disk in copied)
    if case.is_live:
        _say_what_libvirt_sees(case, shown, found)
    _weigh(case, copied, found)
    return found


def sameness_of(case: Case, disk: MoveDisk, later: MoveDisk | None = None) -> Sameness:
    """Tell whether the disk's source is the same thing on both hosts; `later` is the disk read after the room."""
    if disk.kind == "network":
        return Sameness.SAME
    there = case.room.paths.get(disk.source)
    if there is None:
        return Sameness.ABSENT if _is_looked_at(case, disk) else Sameness.UNSEEN
    if disk.origin and disk.origin == there.origin:
        return Sameness.SAME
    if _differs(disk.capacity, there.capacity):
        return Sameness.OTHER
    if disk.kind == "block":
        name = disk.source.removeprefix(_BY_ID)
        is_lasting = name != disk.source and name.startswith(_LASTING)
        return Sameness.SAME if is_lasting else Sameness.LIKELY
    return _by_stamp(disk, there.stamp, later)


def _by_stamp(disk: MoveDisk, there: int | None, later: MoveDisk | None) -> Sameness:
    """Compare when the inodes were changed last; one that is being written lies between two readings of it."""
    if disk.stamp is None or there is None:
        return Sameness.LIKELY
    last = later.stamp if later is not None and later.stamp is not None else disk.stamp
    # Between two readings that lie apart a stranger's file may have been written as well.
    if there in (disk.stamp, last) or (disk.stamp < there < last and last - disk.stamp < LAG):
        return Sameness.SAME
    if later is not None and there > last:
        return Sameness.OTHER  # its own host, which writes it, saw no such change
    return Sameness.LIKELY if disk.stamp - LAG < there < last + LAG else Sameness.OTHER


def _is_looked_at(case: Case, disk: MoveDisk) -> bool:
    """Tell whether the target has a pool in which the source would have shown itself."""
    return _pool(case, _folder(disk)) is not None


def _pool(case: Case, folder: str) -> tuple[str, int] | None:
    """Return the target's pool with that folder, and the bytes available; None when there is none that answers."""
    pool = case.room.pools.get(folder)
    return pool if pool is not None and pool[0] not in case.room.unread else None


def _differs(here: int | None, there: int | None) -> bool:
    return here is not None and there is not None and here != there


def _folder(disk: MoveDisk) -> str:
    """Return the folder, or the pool that the source names."""
    return disk.source.rpartition("/")[0]


def _readonly(case: Case, disk: MoveDisk, sameness: Sameness, found: StorageVerdict) -> None:
    what, target = f"{safe(disk.source)} ({safe(disk.target)})", case.target
    if sameness is Sameness.ABSENT and disk.optional:
        found.cautions.append(f"{what} is not on {target}: the VM goes on without it.")
    elif sameness is Sameness.ABSENT and _can_be_carried(disk):
        found.carried.append(disk.target)
        found.cautions.append(f"{what} is copied to {target} first, and stays on {case.source} as well.")
    elif sameness is Sameness.ABSENT:
        hint = "Eject it, or copy it there." if disk.device in {"cdrom", "floppy"} else "Copy it there."
        found.obstacles.append(Obstacle(f"{what} is not on {target}.", hint))
    elif sameness is Sameness.UNSEEN:
        found.cautions.append(f"Whether {target} has {what} could not be seen: no pool that answers holds its folder.")
    elif (there := case.room.paths.get(disk.source)) is not None and _differs(disk.capacity, there.capacity):
        # Copies of one image on each host are usual, so only the size tells.
        found.cautions.append(f"{what} has another size on {target}.")


def _can_be_carried(disk: MoveDisk) -> bool:
    """Tell whether a read-only disk is small enough, and all of itself."""
    return disk.kind in {"file", "volume"} and not disk.backing and (disk.capacity or CARRY_MOST + 1) <= CARRY_MOST


def _is_copied(
    case: Case, disk: MoveDisk, sameness: Sameness, wanted: StorageWay | None, found: StorageVerdict
) -> bool:
    """Tell whether a writable disk is to be copied, noting what speaks against either way."""
    absent = sameness in {Sameness.ABSENT, Sameness.UNSEEN}
    if wanted is StorageWay.COPY or (wanted is None and absent and _can_be_copied(case, disk)):
        obstacle = _against_copying(case, disk, sameness)
    else:
        obstacle = _against_sharing(case, disk, sameness, is_wanted=wanted is StorageWay.SHARED)
        if obstacle is None:
            if sameness in {Sameness.LIKELY, Sameness.UNSEEN}:
                found.unsafe.append(_to_agree(case, disk, sameness))
            _chain(case, disk, found)
            return False
    if obstacle is not None:
        found.obstacles.append(obstacle)
        return False
    return True


def _can_be_copied(case: Case, disk: MoveDisk) -> bool:
    """Tell whether libvirt makes the target of a copy itself."""
    return case.is_live and disk.kind in {"file", "volume"} and not disk.shareable and _is_looked_at(case, disk)


def _against_copying(case: Case, disk: MoveDisk, sameness: Sameness) -> Obstacle | None:
    what, target = f"{safe(disk.target)} ({safe(disk.source)})", case.target
    if not case.is_live:
        return Obstacle(
            f"{what} is not on {target}, and libvirt copies the disks of a VM only while it is on.",
            "Start it, and move it while it is on.",
        )
    if sameness is Sameness.SAME:
        return Obstacle(f"{what} is one and the same on both hosts: it cannot be copied onto itself.", "Share it.")
    if sameness in {Sameness.LIKELY, Sameness.OTHER}:
        return Obstacle(
            f"{target} has something at {safe(disk.source)}, and a copy of {safe(disk.target)} would overwrite it.",
            f"If nobody needs it, delete it on {target} first: virsh vol-delete {safe(disk.source)}",
        )
    if disk.shareable:
        return Obstacle(f"{what} is shared with other VMs, so it cannot be copied.", "It must be on both hosts.")
    if not _can_be_copied(case, disk):
        return Obstacle(
            f"{what} cannot be copied: {target} has no active pool with the folder {safe(_folder(disk)) or '-'}.",
            "Define such a pool there, and start it.",
        )
    return None


def _against_sharing(case: Case, disk: MoveDisk, sameness: Sameness, *, is_wanted: bool) -> Obstacle | None:
    what, target = f"{safe(disk.target)} ({safe(disk.source)})", case.target
    if sameness is Sameness.OTHER:
        return Obstacle(
            f"{target} has something else at {safe(disk.source)}: it is not the disk {safe(disk.target)}.",
            f"If nobody needs it, delete it on {target} (virsh vol-delete {safe(disk.source)}): then it can be copied.",
        )
    if sameness is Sameness.ABSENT:
        if case.is_live:
            return Obstacle(f"{what} is not on {target}.", "Copy it along, or bring the storage to that host.")
        return _against_copying(case, disk, sameness)
    if sameness is Sameness.LIKELY and not is_wanted:
        return Obstacle(
            f"{target} has something at {safe(disk.source)}, and nothing shows that it is {safe(disk.target)} itself.",
            f"If an earlier move left it there, delete it on {target} (virsh vol-delete {safe(disk.source)}), and the"
            " disk can be copied. Choose shared storage only if you know that both hosts share that folder.",
        )
    if sameness is Sameness.UNSEEN and not is_wanted:
        return Obstacle(
            f"Whether {what} is on {target} cannot be told: no pool that answers there holds its folder.",
            "Define a pool with its folder there; or choose shared storage, if you know that it is.",
        )
    return None


def _to_agree(case: Case, disk: MoveDisk, sameness: Sameness) -> str:
    """Return what a person takes upon himself."""
    source = safe(disk.source)
    if sameness is Sameness.UNSEEN:
        shown = f"{case.target} cannot say whether it has {source}"
    else:
        shown = f"nothing shows that {source} is one and the same on {case.source} and {case.target}"
    return (
        f"{shown[:1].upper()}{shown[1:]}. If it is not, {case.name} goes on with another disk, and what it wrote"
        f" to {safe(disk.target)} is lost to it. Agree only if you know that both hosts share it."
    )


def _chain(case: Case, disk: MoveDisk, found: StorageVerdict) -> None:
    """Look for what a shared disk builds upon; nobody writes that, so the stamps of one file are equal."""
    for path in disk.backing:
        if not path.startswith("/"):
            continue
        what, target = f"{safe(path)}, which {safe(disk.target)} builds upon,", case.target
        there, here = case.room.paths.get(path), case.subject.stamps.get(path)
        if there is None and _pool(case, path.rpartition("/")[0]) is not None:
            found.obstacles.append(Obstacle(f"{what} is not on {target}.", "It must be on both hosts."))
        elif there is None:
            found.cautions.append(f"Whether {target} has {what} could not be seen.")
        elif here is not None and there.stamp is not None and here != there.stamp:
            found.unsafe.append(
                f"{what} is a file of its own on each host. Agree only if both hold the same: {safe(disk.target)} is"
                " damaged otherwise."
            )


def _is_known_shared(disk: MoveDisk) -> bool:
    """Tell whether libvirt sees for itself that the disk is shared, and moves it without being told to."""
    return disk.kind == "network" or bool(disk.origin) or disk.kind == "block"


def _say_what_libvirt_sees(case: Case, shown: list[MoveDisk], found: StorageVerdict) -> None:
    """Ask to agree where libvirt would refuse: it knows network file systems, and nothing else that is shared."""
    if shown:
        sources = ", ".join(safe(disk.source) for disk in shown)
        found.unsafe.append(
            f"Unless {sources} lies on a network file system, libvirt takes it for a disk of {case.source} alone and"
            " calls the move unsafe. It is one file on both hosts: they see the same change of it at the same"
            " instant. Agree to have libvirt move it all the same."
        )
    old = min(case.subject.hypervisor_version, case.room.hypervisor_version)
    if (0, 0, 0) < old < _DROPS_CACHE:
        for disk in case.subject.disks:
            if not disk.readonly and disk.target not in found.copied and disk.cache not in _UNCACHED:
                found.unsafe.append(
                    f"{safe(disk.target)} is cached by its host ({safe(disk.cache) or 'by default'}), and this QEMU"
                    " does not let go of that when it is moved: its contents may be damaged."
                )


def _weigh(case: Case, copied: list[MoveDisk], found: StorageVerdict) -> None:
    """Compare what is copied with the space in the target's pools.

    libvirt writes the empty parts of a disk as well (before 12.2), and a pool that runs full stops all VMs there.
    """
    if not copied:
        return
    for folder in dict.fromkeys(_folder(disk) for disk in copied):
        pool, free = _pool(case, folder) or ("", 0)
        need = sum(disk.capacity or disk.allocation or 0 for disk in copied if _folder(disk) == folder)
        if free < need:
            found.obstacles.append(
                Obstacle(
                    f"The pool {safe(pool)} of {case.target} has {size(free)} free, and the disks need {size(need)}.",
                    "Make room there.",
                )
            )
    alone = [safe(disk.target) for disk in copied if disk.backing]
    if alone:
        found.cautions.append(f"The copy of {', '.join(alone)} stands alone: it builds upon no image any more.")
    sources = ", ".join(safe(disk.source) for disk in copied)
    found.cautions.append(f"The old {sources} stays on {case.source} until you delete it; nothing keeps it up to date.")
