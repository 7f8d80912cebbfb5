"""Who uses an image: also those that only build upon it."""

from __future__ import annotations

from kvmtui.backend.libvirt.storage import _use, _Volume
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
