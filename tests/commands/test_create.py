"""Making a VM on the simulated fleet: what is asked, and what is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kvmtui.core.errors import KvmtuiError, Refused
from kvmtui.core.inventory import TaskPhase, VmState
from tests.commands.making_bench import DEBIAN, FULL, bench, until
from tests.commands.scenes import HOSTILE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("home_with_a_key")


# --- what is asked ---


async def test_the_questions_follow_the_answers(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        first = await it.questions()
        assert first["host"].initial == "hv2"
        assert first["keys"].initial == ("id_ed25519.pub",)
        assert {"image", "pool", "size", "seed", "user"} <= first.keys()
        assert not {"iso", "kernel", "file", "volume"} & first.keys()
        iso = await it.questions(boot="iso")
        assert iso["disk"].initial == "new"
        assert {"iso", "size"} <= iso.keys()
        assert not {"seed", "user", "image"} & iso.keys()
        kernel = await it.questions(kernel="/boot/vmlinuz", disk="none")
        assert kernel["boot"].initial == "kernel"
        assert not {"pool", "size"} & kernel.keys()
        there = await it.questions(disk="existing")
        assert there["seed"].initial == "none"
        assert "size" not in there


async def test_choices_say_what_speaks_against_them(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        asked = await it.questions(disk="linked")
        blocked = {choice.value: choice.blocked for choice in asked["image"].choices}
        assert blocked[DEBIAN] == ""
        assert "would write to it" in blocked["nvme/db-1.qcow2"]
        assert {choice.value: choice.blocked for choice in asked["network"].choices}["lab"] == "it is not active"
        assert "of memory free" in asked["host"].choices[1].note
        asked = await it.questions(disk="existing")
        assert "db-1 on hv2 has it" in {choice.blocked for choice in asked["volume"].choices}


@pytest.mark.parametrize(
    ("name", "answer", "says"),
    [
        ("name", "db-1", "hv2 has a VM called db-1"),
        ("name", HOSTILE, "begins with a letter"),
        ("name", "../x", "begins with a letter"),
        ("vcpus", "0", "A number of CPUs"),
        ("vcpus", "٣", "A number of CPUs"),
        ("vcpus", "5000", "At most"),
        ("memory", "2", "less than 16M"),
        ("memory", "lots", "A size such as 2G"),
        ("memory", "9E", "more than"),
        ("memory", "300G", "The host has"),
        ("size", "1G", "the disk cannot be smaller"),
        ("size", "-1", "A size such as"),
        ("user", "root; rm", "cannot be a user"),
        ("hostname", "a_b", "cannot be a host name"),
        ("image", "nvme/nope", "has no choice"),
        ("network", "nosuch", "has no choice"),
        ("pool", "nosuch", "has no choice"),
        ("iso", "hdd/memtest86plus-7.20.iso", "iso does not go with"),
    ],
)
async def test_a_wrong_answer_is_one_sentence_before_anything_is_sent(
    tmp_path: Path, name: str, answer: str, says: str
) -> None:
    given = {"name": "new-1", "boot": "disk", **FULL, name: answer}
    async with bench(tmp_path) as it:
        with pytest.raises(Refused, match=says):
            await it.asked("vm.create", given)
        assert it.world.calls == []


async def test_the_review_says_what_would_be_made(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        target, _, lines, document = await it.asked("vm.create", {"name": "new-1", **FULL, "user": "ann"})
        said = "\n".join(lines)
        assert "new-1 on hv2: 2 CPUs, 2.0G of memory, kvm" in said
        assert f"Its disk hdd/new-1.qcow2, 20G, builds upon {DEBIAN}, which must stay." in said
        assert "user ann, 1 ssh key, host name new-1" in said
        assert f"<uuid>{target.uuid}</uuid>" in document
        assert "/srv/hdd/images/new-1-seed.iso" in document
        assert it.world.calls == []


async def test_the_lines_do_the_same_by_hand(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        done = await it.do(name="new-1", **FULL)
        virsh = f"virsh -c '{it.here.uri}'"
        first, *rest = done.virsh.splitlines()
        assert first == (
            f"{virsh} vol-create-as hdd new-1.qcow2 20G --format qcow2 --backing-vol"
            f' "$({virsh} vol-path --pool nvme debian-13-genericcloud-amd64.qcow2)" --backing-vol-format qcow2'
        )
        assert rest == [
            "xorriso -as mkisofs -V cidata -J -r -o new-1-seed.iso user-data meta-data",
            f'{virsh} vol-create-as hdd new-1-seed.iso "$(stat -c %s new-1-seed.iso)" --format raw',
            f"{virsh} vol-upload --pool hdd new-1-seed.iso new-1-seed.iso",
            f"{virsh} define --validate new-1.xml",
            f"{virsh} start new-1",
        ]


# --- what is made ---


async def test_a_vm_from_an_image(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        done = await it.do(name="new-1", **FULL)
        assert (done.phase, done.message) == (TaskPhase.DONE, "new-1 was made on hv2 and started.")
        assert (done.vm, done.label) == ("new-1", "create")
        assert it.verbs() == ["create_volume", "upload", "define", "start"]
        vm = it.world.vm("new-1")
        assert (vm.uuid, vm.state) == (done.vm_uuid, VmState.RUNNING)
        assert {"new-1.qcow2", "new-1-seed.iso"} <= it.volumes()
        journal = it.engine.journal.read(5)
        assert [(task.vm, task.phase) for task in journal] == [("new-1", TaskPhase.DONE)]


@pytest.mark.parametrize(
    ("given", "verbs"),
    [
        ({"image": DEBIAN, "disk": "copy", "start": False}, ["create_volume", "upload", "define"]),
        ({"iso": "hdd/memtest86plus-7.20.iso", "disk": "none"}, ["define", "start"]),
        ({"iso": "hdd/memtest86plus-7.20.iso", "size": "8G"}, ["create_volume", "define", "start"]),
        ({"kernel": "/boot/vmlinuz", "initrd": "/boot/initrd", "disk": "none"}, ["define", "start"]),
        ({"image": DEBIAN, "disk": "linked", "seed": "none"}, ["create_volume", "define", "start"]),
        ({"volume": "hdd/old-crm.qcow2", "network": "bridge:br0", "start": False}, ["define"]),
    ],
)
async def test_what_else_it_can_start_from(tmp_path: Path, given: dict[str, Any], verbs: list[str]) -> None:
    async with bench(tmp_path) as it:
        vm = next(iter(it.world.host("hv2").guests.values())).vm
        assert vm.name != "new-1"
        if "volume" in given:
            host = it.world.host("hv2")
            uuid = next(uuid for uuid, guest in host.guests.items() if guest.vm.name == "old-crm")
            del host.guests[uuid]
            await it.engine.reconnect("hv2")

            def gone() -> bool:
                entry = it.engine.fleet.host("hv2")
                return entry is not None and entry.state is not None and uuid not in entry.state.vms

            await until(gone, "old-crm is gone")
        done = await it.do(name="new-1", **given)
        assert done.phase is TaskPhase.DONE, done.message
        assert it.verbs() == verbs
        assert "new-1" in it.names()


async def test_an_iso_of_this_machine_is_brought_along(tmp_path: Path) -> None:
    file = tmp_path / "own.iso"
    file.write_bytes(bytes(32_769) + b"CD001" + bytes(100_000))
    async with bench(tmp_path) as it:
        done = await it.do(name="new-1", file=str(file), disk="none", pool="hdd")
        assert done.phase is TaskPhase.DONE, done.message
        assert it.verbs() == ["upload", "define", "start"]
        assert "own.iso" in it.volumes()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b" + bytes(1000), "packed with gzip"),
        (b"QFI\xfb" + bytes(4) + (1).to_bytes(8, "big") + bytes(1000), "builds upon another file"),
        (b"KDMV" + bytes(1000), "VMDK"),
        (b"hello", "is no disk image"),
    ],
)
async def test_a_file_that_no_vm_can_start_from_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "own.img"
    file.write_bytes(content)
    async with bench(tmp_path) as it:
        with pytest.raises(Refused, match=says):
            await it.asked("vm.create", {"name": "new-1", "file": str(file)})
        with pytest.raises(KvmtuiError, match="no file"):
            await it.asked("vm.create", {"name": "new-1", "file": str(tmp_path / "nowhere")})
