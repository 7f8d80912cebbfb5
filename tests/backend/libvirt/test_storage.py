"""Who uses an image: also those that only build upon it."""

from __future__ import annotations

import libvirt

from kvmtui.backend.libvirt.lane import Session
from kvmtui.backend.libvirt.storage import _use, _Volume, _volumes
from kvmtui.core.inventory import Disk

OWN = "own"
VOLUMES = {
    "/srv/base.img": _Volume("srv", "base.img", 100, ""),
    "/srv/a.qcow2": _Volume("srv", "a.qcow2", 10, "/srv/base.img"),
    "/srv/b.qcow2": _Volume("srv", "b.qcow2", 20, "/srv/a.qcow2"),
    "/srv/spare.qcow2": _Volume("srv", "spare.qcow2", 30, "/srv/base.img"),
}


def _disk(source: str, kind: str = "file") -> Disk:
    return Disk("vda", "disk", "virtio", kind, source, "qcow2")


def test_a_disk_of_its_own_has_no_other_users() -> None:
    use = _use(_disk("/srv/b.qcow2"), OWN, {(OWN, "me"): frozenset({"/srv/b.qcow2"})}, VOLUMES)
    assert (use.pool, use.size, use.users) == ("srv", 20, ())


def test_a_vm_on_an_overlay_and_a_volume_without_a_vm_both_use_the_base() -> None:
    chains = {(OWN, "me"): frozenset({"/srv/base.img"}), ("other", "clone"): frozenset({"/srv/b.qcow2"})}
    use = _use(_disk("/srv/base.img"), OWN, chains, VOLUMES)
    # a.qcow2 is used by the clone, which is named already.
    assert use.users == ("clone", "volume spare.qcow2")


def test_a_volume_named_by_pool_is_the_same_as_one_named_by_path() -> None:
    chains = {(OWN, "me"): frozenset({"srv/a.qcow2"}), ("other", "twin"): frozenset({"/srv/a.qcow2"})}
    use = _use(_disk("srv/a.qcow2", "volume"), OWN, chains, VOLUMES)
    assert use.pool == "srv"
    assert "twin" in use.users


def test_an_image_outside_all_pools_cannot_be_deleted_here() -> None:
    use = _use(_disk("/elsewhere/x.img"), OWN, {(OWN, "me"): frozenset({"/elsewhere/x.img"})}, VOLUMES)
    assert (use.pool, use.size, use.users) == ("", None, ())


def test_images_that_build_upon_each_other_end() -> None:
    looped = {"/a": _Volume("p", "a", 1, "/b"), "/b": _Volume("p", "b", 1, "/a")}
    assert _use(_disk("/a"), OWN, {(OWN, "me"): frozenset({"/a"})}, looped).pool == "p"


class Gone(libvirt.libvirtError):  # type: ignore[misc]
    """What libvirt says of a volume whose file was removed behind its back."""

    def __init__(self) -> None:
        super().__init__("Storage volume not found")

    def get_error_code(self) -> int:
        return 50

    def get_error_domain(self) -> int:
        return 18

    def get_error_message(self) -> str:
        return "Storage volume not found: no storage vol with matching path '/srv/gone.qcow2'"


class Shelf:
    """A connection with one pool of two volumes; the file of the first has gone since the pool was read."""

    def storagePoolLookupByName(self, _name: str) -> Shelf:  # noqa: N802
        return self

    def listAllVolumes(self, _flags: int) -> list[Item]:  # noqa: N802
        return [Item("gone.qcow2"), Item("here.qcow2")]


class Item:
    """A volume."""

    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        return self._name

    def info(self) -> list[int]:
        return [0, 100, 10]

    def XMLDesc(self, _flags: int) -> str:  # noqa: N802
        if self._name.startswith("gone"):
            raise Gone
        return f"<volume><name>{self._name}</name><target><path>/srv/{self._name}</path></target></volume>"


def test_a_file_that_has_gone_since_its_pool_was_read_keeps_nothing_from_being_deleted() -> None:
    session = Session(Shelf(), "uuid")  # type: ignore[arg-type]
    assert list(_volumes(session, "srv", refresh=False)) == ["/srv/here.qcow2"]
