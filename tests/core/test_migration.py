"""Whether a VM can be moved: every reason why not, and that nothing which could lose data passes in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.core.inventory import Reason, VmState
from kvmtui.core.migration import Copy, CpuFit, MoveDisk, Room, StorageWay, Subject, Verdict
from kvmtui.core.verdict import verdict
from tests.core.makers import GIB, HOSTILE

FOLDER = "/var/lib/libvirt/images"
PATH = f"{FOLDER}/web-1.qcow2"
STAMP = 1_763_820_180_123_456_789
SECOND = 10**9


def a_disk(**more: Any) -> MoveDisk:
    known: dict[str, Any] = {
        "target": "vda",
        "kind": "file",
        "source": PATH,
        "format": "qcow2",
        "readonly": False,
        "shareable": False,
        "cache": "none",
        "capacity": 40 * GIB,
        "allocation": 10 * GIB,
        "stamp": STAMP,
    }
    return MoveDisk(**{**known, **more})


def a_subject(*disks: MoveDisk, **more: Any) -> Subject:
    known: dict[str, Any] = {
        "uuid": "57f4dbef-cb13-4e95-9825-c91743b5d73e",
        "name": "web-1",
        "state": VmState.RUNNING,
        "persistent": True,
        "autostart": False,
        "host_uuid": "host-1",
        "hostname": "hv1.example",
        "arch": "x86_64",
        "machine": "pc-q35-8.2",
        "accel": "kvm",
        "emulator": "/usr/bin/qemu-system-x86_64",
        "cpu_xml": "<cpu mode='custom'><model>EPYC</model></cpu>",
        "memory_max": 4 * GIB,
        "vcpus_max": 2,
        "disks": disks,
        "networks": ("default",),
        "bridges": (),
        "snapshots": 0,
        "checkpoints": 0,
        "blockers": (),
        "saved": False,
        "hypervisor_version": (8, 2, 0),
    }
    return Subject(**{**known, **more})


def a_room(**more: Any) -> Room:
    known: dict[str, Any] = {
        "host_uuid": "host-2",
        "hostname": "hv2.example",
        "same_uuid": None,
        "same_uuid_name": "",
        "same_name": False,
        "cpu": CpuFit.IDENTICAL,
        "cpu_why": "",
        "machine": True,
        "accel": True,
        "memory_free": 64 * GIB,
        "cpus": 16,
        "networks": {"default": True, "lab": False},
        "bridges": frozenset({"br0"}),
        "paths": {},
        "pools": {FOLDER: ("default", 500 * GIB)},
        "hypervisor_version": (8, 2, 0),
        "emulator": True,
    }
    return Room(**{**known, **more})


def judge(subject: Subject, room: Room, **more: Any) -> Verdict:
    return verdict(subject, room, source="hv1", target="hv2", **more)


def refused(said: Verdict) -> str:
    """Return the one reason why it cannot be moved; fails when there are none or several."""
    assert len(said.obstacles) == 1, said.obstacles
    return said.obstacles[0].text


def test_a_vm_that_fits_can_be_moved() -> None:
    said = judge(a_subject(), a_room())
    assert said == Verdict((), (), StorageWay.NONE)


@pytest.mark.parametrize(
    ("subject", "room", "why"),
    [
        ({}, {"host_uuid": "host-1"}, "hv1 and hv2 have the same host UUID."),
        ({}, {"same_uuid": VmState.RUNNING, "same_uuid_name": "web-1"}, "on hv2 already: web-1, running"),
        ({}, {"same_uuid": VmState.OFF, "same_uuid_name": "old"}, "is defined on hv2: old"),
        ({}, {"same_name": True}, "hv2 has another VM called web-1."),
        ({"job": "backup"}, {}, "web-1 is busy: backup."),
        ({"state": VmState.STOPPING}, {}, "it is ending"),
        ({"state": VmState.SUSPENDED}, {}, "suspended by its guest"),
        ({"state": VmState.PAUSED, "reason": Reason.IO_ERROR}, {}, "its storage failed"),
        ({"state": VmState.OFF, "saved": True}, {}, "a saved state, and that does not move along"),
        ({"snapshots": 2}, {}, "2 snapshots"),
        ({"snapshots": 1}, {}, "1 snapshot, "),
        ({"checkpoints": 3}, {}, "3 checkpoints"),
        ({"blockers": ("host device (pci)",)}, {}, "cannot be moved while it is on: host device (pci)"),
        ({"state": VmState.OFF, "kept": ("TPM state",)}, {}, "TPM state on hv1 would stay behind"),
        ({}, {"memory_free": 4 * GIB}, "hv2 has 4.0G of memory free, and web-1 needs 4.2G."),
        ({}, {"cpu": CpuFit.INCOMPATIBLE, "cpu_why": "missing features: avx512f"}, "avx512f"),
        ({}, {"machine": False}, "does not know its machine type pc-q35-8.2"),
        ({}, {"accel": False}, "cannot run it with kvm"),
        ({}, {"emulator": False}, "has no /usr/bin/qemu-system-x86_64"),
        ({"networks": ("prod",)}, {}, "hv2 has no network called prod."),
        ({"networks": ("lab",)}, {}, "The network lab is not active on hv2."),
        ({"bridges": ("br1",)}, {}, "hv2 has no bridge called br1."),
    ],
)
def test_each_reason_is_said_in_a_sentence(subject: dict[str, Any], room: dict[str, Any], why: str) -> None:
    assert why in refused(judge(a_subject(**subject), a_room(**room)))


def test_all_reasons_are_said_at_once() -> None:
    said = judge(a_subject(snapshots=1, networks=("prod",)), a_room(memory_free=GIB, machine=False))
    assert len(said.obstacles) == 4


@pytest.mark.parametrize(
    ("subject", "room", "why"),
    [
        ({}, {"memory_free": None}, "How much memory hv2 has free"),
        ({}, {"machine": None}, "its kind of machine could not be asked"),
        ({}, {"cpu": CpuFit.UNKNOWN, "cpu_why": "the host did not say"}, "the host did not say"),
        ({"bridges": ("br1",)}, {"bridges": None}, "Which bridges hv2 has"),
        ({"vcpus_max": 32}, {}, "32 vCPUs, and hv2 only 16 CPUs"),
        ({}, {"hypervisor_version": (7, 2, 9)}, "QEMU is older on hv2 (7.2.9) than on hv1 (8.2.0)"),
        ({"notes": ("it uses huge pages",)}, {}, "Not checked: it uses huge pages."),
        ({"state": VmState.OFF}, {"memory_free": GIB}, "1.0G of memory free now"),
        ({"state": VmState.OFF}, {"cpu": CpuFit.INCOMPATIBLE, "cpu_why": "no avx"}, "cannot start on hv2"),
        ({"state": VmState.OFF, "networks": ("lab",)}, {}, "The network lab is not active on hv2."),
    ],
)
def test_what_could_not_be_asked_or_only_matters_later_is_a_caution(
    subject: dict[str, Any], room: dict[str, Any], why: str
) -> None:
    said = judge(a_subject(**subject), a_room(**room))
    assert said.obstacles == ()
    assert any(why in caution for caution in said.cautions), said.cautions


def test_a_host_without_a_uuid_is_not_taken_for_the_same() -> None:
    assert judge(a_subject(host_uuid=""), a_room(host_uuid="")).obstacles == ()


# --- storage ---------------------------------------------------------------------------------


def test_a_disk_that_the_target_lacks_is_copied_and_its_old_one_is_named() -> None:
    said = judge(a_subject(a_disk()), a_room())
    assert (said.obstacles, said.storage, said.copied, said.unsafe) == ((), StorageWay.COPY, ("vda",), "")
    assert said.cautions == (f"The old {PATH} stays on hv1 until you delete it; nothing keeps it up to date.",)


def test_a_copy_of_a_linked_disk_is_said_to_stand_alone() -> None:
    said = judge(a_subject(a_disk(backing=(f"{FOLDER}/base.qcow2",))), a_room())
    assert any("stands alone" in caution for caution in said.cautions)


def test_one_file_on_both_hosts_is_shared_but_only_if_a_person_agrees() -> None:
    said = judge(a_subject(a_disk()), a_room(paths={PATH: Copy(40 * GIB, STAMP)}))
    assert (said.obstacles, said.storage, said.copied) == ((), StorageWay.SHARED, ())
    assert "It is one file on both hosts" in said.unsafe


def test_one_export_on_both_hosts_needs_no_agreement() -> None:
    export = "netfs:nas:/vms"
    said = judge(a_subject(a_disk(origin=export)), a_room(paths={PATH: Copy(40 * GIB, STAMP - 90 * SECOND, export)}))
    assert (said.obstacles, said.storage, said.unsafe, said.cautions) == ((), StorageWay.SHARED, "", ())


def test_a_network_disk_is_shared_by_its_nature() -> None:
    said = judge(a_subject(a_disk(kind="network", source="rbd:vms/web-1", stamp=None)), a_room())
    assert (said.obstacles, said.storage, said.unsafe) == ((), StorageWay.SHARED, "")


@pytest.mark.parametrize("apart", [200 * SECOND, -200 * SECOND, 5 * SECOND])
def test_a_disk_left_behind_by_an_earlier_move_is_never_used_or_overwritten(apart: int) -> None:
    subject = a_subject(a_disk())
    room = a_room(paths={PATH: Copy(40 * GIB, STAMP + apart)})
    for way in (None, StorageWay.SHARED, StorageWay.COPY):
        said = judge(subject, room, later=subject, storage=way)
        assert said.copied == ()
        assert PATH in refused(said)


def test_a_file_that_may_be_the_same_is_shared_only_by_choice_and_agreement() -> None:
    subject = a_subject(a_disk())
    room = a_room(paths={PATH: Copy(40 * GIB, None)})
    assert "nothing shows that it is vda itself" in refused(judge(subject, room))
    assert "would overwrite it" in refused(judge(subject, room, storage=StorageWay.COPY))
    said = judge(subject, room, storage=StorageWay.SHARED)
    assert (said.obstacles, said.storage) == ((), StorageWay.SHARED)
    assert "what it wrote to vda is lost" in said.unsafe


def test_a_disk_that_is_being_written_is_known_by_two_readings() -> None:
    subject = a_subject(a_disk())
    later = a_subject(a_disk(stamp=STAMP + SECOND))
    room = a_room(paths={PATH: Copy(40 * GIB, STAMP + SECOND // 2)})
    assert judge(subject, room, later=later).storage is StorageWay.SHARED
    assert judge(subject, room, later=later).obstacles == ()
    assert judge(subject, room).obstacles != ()


def test_two_readings_that_lie_far_apart_show_nothing() -> None:
    subject, later = a_subject(a_disk()), a_subject(a_disk(stamp=STAMP + 600 * SECOND))
    room = a_room(paths={PATH: Copy(40 * GIB, STAMP + 300 * SECOND)})
    assert judge(subject, room, later=later).obstacles != ()


def test_another_size_is_another_disk() -> None:
    said = judge(a_subject(a_disk()), a_room(paths={PATH: Copy(20 * GIB, STAMP)}))
    assert "something else" in refused(said)


def test_a_folder_that_no_pool_of_the_target_holds_leaves_it_to_the_person() -> None:
    subject, room = a_subject(a_disk(source="/data/web-1.raw")), a_room()
    assert "cannot be told" in refused(judge(subject, room))
    assert "no active pool with the folder /data" in refused(judge(subject, room, storage=StorageWay.COPY))
    said = judge(subject, room, storage=StorageWay.SHARED)
    assert said.obstacles == ()
    assert "Agree only if you know that both hosts share it" in said.unsafe


def test_a_pool_that_does_not_answer_is_not_taken_for_an_empty_one() -> None:
    said = judge(a_subject(a_disk()), a_room(unread=("default",)))
    assert said.copied == ()
    assert "cannot be told" in refused(said)


def test_a_pool_that_does_not_answer_elsewhere_is_no_matter() -> None:
    assert judge(a_subject(a_disk()), a_room(unread=("nfs",))).copied == ("vda",)


def test_a_pool_without_room_for_the_whole_disk_is_a_reason() -> None:
    said = judge(
        a_subject(a_disk(), a_disk(target="vdb", source=f"{FOLDER}/b")), a_room(pools={FOLDER: ("p", 70 * GIB)})
    )
    assert "The pool p of hv2 has 70G free, and the disks need 80G." in refused(said)


def test_only_what_is_missing_is_copied() -> None:
    other = a_disk(target="vdb", source=f"{FOLDER}/data.qcow2")
    said = judge(a_subject(a_disk(), other), a_room(paths={PATH: Copy(40 * GIB, STAMP)}))
    assert (said.storage, said.copied) == (StorageWay.COPY, ("vdb",))
    assert "It is one file on both hosts" in said.unsafe


def test_what_is_the_same_on_both_hosts_cannot_be_copied_onto_itself() -> None:
    room = a_room(paths={PATH: Copy(40 * GIB, STAMP)})
    assert "onto itself" in refused(judge(a_subject(a_disk()), room, storage=StorageWay.COPY))


def test_a_disk_that_is_not_there_cannot_be_shared() -> None:
    assert "is not on hv2" in refused(judge(a_subject(a_disk()), a_room(), storage=StorageWay.SHARED))


def test_a_disk_of_several_vms_is_not_copied() -> None:
    said = judge(a_subject(a_disk(shareable=True)), a_room())
    assert "is not on hv2" in refused(said)


@pytest.mark.parametrize(
    ("source", "obstacles", "unsafe"),
    [
        ("/dev/disk/by-id/wwn-0x5000c500a1b2c3d4", 0, ""),
        ("/dev/vg/web-1", 0, "nothing shows"),
    ],
)
def test_a_block_device_is_the_same_by_its_world_wide_name_alone(source: str, obstacles: int, unsafe: str) -> None:
    subject = a_subject(a_disk(kind="block", source=source, stamp=None, format="raw"))
    room = a_room(paths={source: Copy(40 * GIB)})
    way = StorageWay.SHARED if unsafe else None
    said = judge(subject, room, storage=way)
    assert len(said.obstacles) == obstacles
    assert unsafe.lower() in said.unsafe.lower()
    assert bool(said.unsafe) == bool(unsafe)


def test_a_vm_that_is_off_moves_only_with_shared_disks() -> None:
    subject = a_subject(a_disk(), state=VmState.OFF)
    assert "copies the disks of a VM only while it is on" in refused(judge(subject, a_room()))
    said = judge(subject, a_room(paths={PATH: Copy(40 * GIB, STAMP)}))
    assert (said.obstacles, said.storage, said.unsafe) == ((), StorageWay.SHARED, "")


def test_a_cd_must_be_there_unless_the_vm_can_do_without() -> None:
    iso = a_disk(target="sda", source="/iso/debian.iso", readonly=True, device="cdrom")
    room = a_room(pools={"/iso": ("iso", GIB)})
    said = judge(a_subject(iso), room)
    assert refused(said) == "/iso/debian.iso (sda) is not on hv2."
    assert said.obstacles[0].hint == "Eject it, or copy it there."
    assert judge(a_subject(replace(iso, optional=True)), room).obstacles == ()
    assert "could not be seen" in judge(a_subject(iso), a_room()).cautions[0]
    assert judge(a_subject(iso), a_room(paths={"/iso/debian.iso": Copy(40 * GIB, STAMP)})).cautions == ()
    assert judge(a_subject(iso), a_room(paths={"/iso/debian.iso": Copy(40 * GIB, STAMP * 2)})).cautions == ()
    assert "another size" in judge(a_subject(iso), a_room(paths={"/iso/debian.iso": Copy(GIB, STAMP)})).cautions[0]
    assert judge(a_subject(replace(iso, source="")), room) == Verdict((), (), StorageWay.NONE)


def test_a_seed_is_carried_because_libvirt_copies_nothing_that_is_read_only() -> None:
    seed = a_disk(target="vdb", source=f"{FOLDER}/web-1-seed.iso", readonly=True, capacity=374_784, format="raw")
    said = judge(a_subject(a_disk(), seed), a_room())
    assert (said.obstacles, said.copied, said.carried) == ((), ("vda",), ("vdb",))
    assert any("is copied to hv2 first" in caution for caution in said.cautions)
    assert judge(a_subject(seed, state=VmState.OFF), a_room()).carried == ("vdb",)
    for other in (replace(seed, capacity=None), replace(seed, capacity=GIB), replace(seed, backing=("/x",))):
        assert "is not on hv2" in refused(judge(a_subject(other), a_room()))
    assert judge(a_subject(seed), a_room(unread=("default",))).carried == ()


def test_what_a_shared_disk_builds_upon_must_be_the_same_there() -> None:
    base = "/base/debian.qcow2"
    disk = a_disk(backing=(base,), origin="netfs:nas:/vms")
    top = {PATH: Copy(40 * GIB, STAMP, "netfs:nas:/vms")}
    subject = a_subject(disk, stamps={base: STAMP})
    pools = {"/base": ("base", GIB)}
    assert "is not on hv2" in refused(judge(subject, a_room(paths=top, pools=pools)))
    assert "a file of its own on each host" in judge(subject, a_room(paths={**top, base: Copy(GIB, STAMP + 1)})).unsafe
    assert judge(subject, a_room(paths={**top, base: Copy(GIB, STAMP)})).obstacles == ()
    assert "could not be seen" in judge(subject, a_room(paths=top)).cautions[0]


def test_an_old_qemu_and_a_cached_disk_are_a_risk_to_be_read() -> None:
    export = "netfs:nas:/vms"
    disk = a_disk(origin=export, cache="writeback")
    room = a_room(paths={PATH: Copy(40 * GIB, STAMP, export)}, hypervisor_version=(3, 1, 0))
    assert "cached by its host (writeback)" in judge(a_subject(disk), room).unsafe
    assert judge(a_subject(replace(disk, cache="none")), room).unsafe == ""


def test_hosts_are_called_by_their_hostnames_when_they_have_no_other_name() -> None:
    said = verdict(a_subject(), a_room(same_name=True))
    assert refused(said) == "hv2.example has another VM called web-1."


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_are_made_safe(text: str) -> None:
    subject = a_subject(
        a_disk(source=f"/x/{text}", target=text), name=text, networks=(text,), blockers=(text,), job=text, notes=(text,)
    )
    said = judge(subject, a_room(same_uuid=VmState.OFF, same_uuid_name=text, cpu_why=text, cpu=CpuFit.INCOMPATIBLE))
    told = [part for one in said.obstacles for part in (one.text, one.hint)]
    for sentence in (*told, *said.cautions, said.unsafe):
        assert sentence.isprintable()


_stamps = st.one_of(st.none(), st.integers(STAMP - 300 * SECOND, STAMP + 300 * SECOND))


@given(
    here=_stamps,
    there=_stamps,
    last=_stamps,
    way=st.sampled_from([None, StorageWay.COPY, StorageWay.SHARED]),
    state=st.sampled_from([VmState.RUNNING, VmState.OFF, VmState.PAUSED]),
    is_there=st.booleans(),
)
def test_nothing_is_overwritten_and_no_doubt_is_silent(
    here: int | None, there: int | None, last: int | None, way: StorageWay | None, state: VmState, *, is_there: bool
) -> None:
    paths = {PATH: Copy(40 * GIB, there)} if is_there else {}
    subject, later = a_subject(a_disk(stamp=here), state=state), a_subject(a_disk(stamp=last), state=state)
    said = judge(subject, a_room(paths=paths), later=later, storage=way)
    if is_there:
        assert said.copied == ()
    if said.storage is StorageWay.SHARED and not said.obstacles:
        assert is_there
        proved = here is not None and there is not None and last is not None and here <= there <= last
        equal = there is not None and there in (here, last)
        assert proved or equal or "is lost" in said.unsafe
