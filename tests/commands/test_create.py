"""Making a VM on the simulated fleet: what is asked, what is made, and that a failure takes back what it made."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycdlib.pycdlib import PyCdlib

from kvmtui.backend.demo import DemoBackend, World, hosts_of, parse
from kvmtui.commands import making
from kvmtui.commands.base import Answers, Question, Target
from kvmtui.commands.registry import by_id
from kvmtui.commands.seed import seed_iso
from kvmtui.commands.upload import LocalFile, Pace, Stream
from kvmtui.config import HostConfig, Settings
from kvmtui.core import creation
from kvmtui.core.errors import BackendError, KvmtuiError, NotFound, Refused
from kvmtui.core.inventory import TaskPhase, TaskView, VmState
from kvmtui.core.specs import SeedSpec
from kvmtui.engine import Engine
from kvmtui.journal import Journal
from tests.commands.scenes import HOSTILE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvzQ ann@desk"
DEBIAN = "nvme/debian-13-genericcloud-amd64.qcow2"
FULL = {"image": DEBIAN, "disk": "linked", "pool": "hdd", "size": "20G"}
CREATE, UPLOAD = by_id("vm.create"), by_id("volume.upload")
assert CREATE is not None
assert UPLOAD is not None


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one public key in ~/.ssh."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519.pub").write_text(f"{KEY}\n")
    (tmp_path / ".ssh/notes.pub").write_text("this is no key\n")


async def until(true: Callable[[], object], what: str) -> None:
    """Wait until it is true."""
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(what)


class Bench:
    """An engine on a simulated fleet, and the host hv2 as it is pointed at."""

    def __init__(self, engine: Engine, world: World) -> None:
        self.engine = engine
        self.world = world

    @property
    def here(self) -> Target:
        entry = self.engine.fleet.host("hv2")
        assert entry is not None
        return Target.of_host(entry)

    async def questions(self, **given: Any) -> dict[str, Question]:
        assert CREATE is not None
        assert CREATE.interview is not None
        found = await CREATE.interview(self.engine.backend).questions(self.engine.scene(), self.here, given)
        return {question.name: question for question in found}

    async def asked(self, id_: str, given: Answers) -> tuple[Target, Answers, tuple[str, ...], str]:
        """Answer, and return the target, all answers, the review and the definition."""
        command = by_id(id_)
        assert command is not None
        assert command.interview is not None
        interview = command.interview(self.engine.backend)
        scene = self.engine.scene()
        full = command.complete(await interview.questions(scene, self.here, given), given)
        preview = await interview.preview(scene, self.here, full)
        return interview.target(scene, self.here, full), full, preview.lines, preview.document

    async def begin(self, id_: str, **given: Any) -> str:
        target, full, _, _ = await self.asked(id_, given)
        command = by_id(id_)
        assert command is not None
        (task,) = self.engine.submit(command, [target], full)
        return task

    async def do(self, id_: str = "vm.create", **given: Any) -> TaskView:
        (done,) = await self.engine.wait([await self.begin(id_, **given)])
        return done

    def volumes(self) -> set[str]:
        return {volume.name for volume in self.world.host("hv2").volumes.values()}

    def names(self) -> set[str]:
        return {guest.vm.name for guest in self.world.host("hv2").guests.values()}

    def verbs(self) -> list[str]:
        return [call.verb for call in self.world.calls]


@asynccontextmanager
async def bench(tmp_path: Path, pace: float = 0) -> AsyncIterator[Bench]:
    address = f"demo:///?faults=none&pace={pace:g}"
    world = World(parse(address)[0])
    hosts = tuple(HostConfig(name, uri) for name, uri in hosts_of(address))

    def opened(uri: str, *, read_only: bool = False) -> DemoBackend:
        return DemoBackend(uri, read_only=read_only, world=world)

    engine = Engine(
        Settings(hosts=hosts, refresh=3600.0), connector=opened, journal=Journal(tmp_path / "journal.jsonl")
    )
    await engine.start()
    try:
        await until(lambda: all(entry.state for entry in engine.fleet.hosts), "all hosts")
        yield Bench(engine, world)
    finally:
        await engine.stop()


# --- what is asked ---------------------------------------------------------------------------------


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


# --- what is made ----------------------------------------------------------------------------------


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


# --- what fails ------------------------------------------------------------------------------------

STEPS = ("create_volume", "upload", "define", "start")


@pytest.mark.parametrize("verb", STEPS)
async def test_a_step_that_fails_leaves_nothing_and_says_what_the_host_said(tmp_path: Path, verb: str) -> None:
    async with bench(tmp_path) as it:
        before = it.volumes(), it.names()
        it.world.faults.refuse(BackendError("No space left on device."), verb=verb, times=1)
        done = await it.do(name="new-1", **FULL)
        assert done.phase is TaskPhase.FAILED
        assert done.message == "new-1 was not made: No space left on device. Nothing is left of it."
        assert (it.volumes(), it.names()) == before


async def test_what_cannot_be_taken_back_is_named(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.world.faults.refuse(BackendError("The XML is wrong."), verb="define", times=1)
        it.world.faults.refuse(BackendError("It is busy."), verb="delete_volume", times=1)
        done = await it.do(name="new-1", **FULL)
        assert done.message == "new-1 was not made: The XML is wrong. Left there: hdd/new-1-seed.iso (It is busy)."
        assert "new-1.qcow2" not in it.volumes()


async def test_a_definition_whose_answer_is_lost_is_looked_for(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.world.faults.patience = 0.001
        it.world.faults.lose_reply("hv2", verb="define", done=True)
        assert (await it.do(name="new-1", **FULL)).phase is TaskPhase.DONE
        it.world.faults.lose_reply("hv2", verb="define", done=False)
        done = await it.do(name="new-2", **FULL)
        assert done.phase is TaskPhase.FAILED
        assert "new-2" not in it.names()
        assert not {"new-2.qcow2", "new-2-seed.iso"} & it.volumes()


async def test_a_start_whose_answer_is_lost_takes_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "UP_WITHIN", 0.05)
    async with bench(tmp_path) as it:
        it.world.faults.patience = 0.001
        it.world.faults.lose_reply("hv2", verb="start", done=False)
        done = await it.do(name="new-1", **FULL)
        assert done.phase is TaskPhase.UNKNOWN
        assert "new-1" in it.names()


async def test_a_name_that_was_taken_meanwhile_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        target, full, _, _ = await it.asked("vm.create", {"name": "new-1", **FULL})
        assert (await it.do(name="new-1", **FULL)).phase is TaskPhase.DONE
        sent = len(it.world.calls)
        assert CREATE is not None
        (done,) = await it.engine.wait(it.engine.submit(CREATE, [target], full))
        assert (done.phase, done.message) == (
            TaskPhase.REFUSED,
            "hv2 has a VM called new-1. Choose another name.",
        )
        assert len(it.world.calls) == sent


async def test_another_machine_at_the_address_is_not_touched(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        target, full, _, _ = await it.asked("vm.create", {"name": "new-1", **FULL})
        it.world.faults.swap_identity("hv2", "00000000-0000-4000-8000-000000000001")
        assert CREATE is not None
        (done,) = await it.engine.wait(it.engine.submit(CREATE, [target], full))
        assert done.phase is TaskPhase.REFUSED
        assert it.world.calls == []


async def test_cancelling_while_it_sends_takes_back_all_of_it(tmp_path: Path) -> None:
    file = tmp_path / "own.iso"
    file.write_bytes(bytes(32_769) + b"CD001" + bytes(60_000_000))
    async with bench(tmp_path, pace=1) as it:
        before = it.volumes(), it.names()
        task = await it.begin("vm.create", name="new-1", file=str(file), disk="none", pool="hdd")
        sends = "sending own.iso to hdd: "
        await until(lambda: any(sends in view.message for view in it.engine.scene().fleet.tasks), sends)
        assert it.engine.cancel(task)
        (done,) = await it.engine.wait([task])
        assert done.phase is TaskPhase.CANCELLED
        assert done.message.startswith("new-1 was not made: ")
        assert (it.volumes(), it.names()) == before


async def test_leaving_the_program_takes_back_what_was_made(tmp_path: Path) -> None:
    async with bench(tmp_path, pace=1) as it:
        before = it.volumes(), it.names()
        await it.begin("vm.create", name="new-1", **{**FULL, "disk": "copy"})
        await until(lambda: "create_volume" in it.verbs(), "the copy")
        await it.engine.stop()
        (done,) = it.engine.journal.read(1)
        assert done.phase is TaskPhase.FAILED
        assert "kvmtui ended before new-1 was made" in done.message
        assert (it.volumes(), it.names()) == before


# --- a file into a pool ----------------------------------------------------------------------------


async def test_a_file_is_sent_to_a_pool(tmp_path: Path) -> None:
    file = tmp_path / "own.img"
    file.write_bytes(bytes(1 << 20))
    async with bench(tmp_path) as it:
        done = await it.do("volume.upload", file=str(file), pool="nvme", name="mine.img")
        assert done.message == "own.img is now nvme/mine.img on hv2: 1.0M."
        assert "mine.img" in it.volumes()
        with pytest.raises(Refused, match=r"nvme has a volume mine\.img already"):
            await it.asked("volume.upload", {"file": str(file), "pool": "nvme", "name": "mine.img"})
        with pytest.raises(Refused, match="begins with a letter"):
            await it.asked("volume.upload", {"file": str(file), "pool": "nvme", "name": "../x"})


def test_a_stream_never_gives_more_or_less_than_was_said(tmp_path: Path) -> None:
    file = tmp_path / "own.img"
    file.write_bytes(bytes(1024))
    stream = Stream.of_file(LocalFile.at(str(file)))
    with file.open("ab") as opened:
        opened.write(bytes(512))
    assert len(stream.read(4096)) == 1024
    assert stream.read(4096) == b""
    stream.close()
    stream = Stream.of_file(LocalFile.at(str(file)))
    file.write_bytes(bytes(512))
    stream.read(512)
    with pytest.raises(OSError, match="shorter"):
        stream.read(512)
    stream.close()


def test_how_far_it_is_says_bytes_rate_and_time_left() -> None:
    told: list[tuple[str, float | None]] = []

    class Told:
        def progress(self, message: str, percent: float | None = None) -> None:
            told.append((message, percent))

    at = [100.0]
    pace = Pace("sending x to default", 900 << 20, Told(), lambda: at[0])  # type: ignore[arg-type]
    for second in range(1, 4):
        at[0] += 1.0
        pace(second * (100 << 20))
        pace(second * (100 << 20))
    assert len(told) == 3
    assert told[-1] == ("sending x to default: 300/900M, 100M/s, 6.0 s left", 100 / 3)


# --- the seed --------------------------------------------------------------------------------------


def test_the_seed_is_a_cd_that_cloud_init_finds() -> None:
    seed = SeedSpec("ann", (KEY,), "web-1.example.org")
    image = PyCdlib()
    image.open_fp(BytesIO(seed_iso(seed, "iid-1")))
    assert image.pvd.volume_identifier.rstrip() == b"cidata"
    for where in ("joliet_path", "rr_path"):
        for name, says in (("/user-data", (KEY, '"ann"')), ("/meta-data", ("iid-1", "web-1.example.org"))):
            read = BytesIO()
            image.get_file_from_iso_fp(read, **{where: name})
            text = read.getvalue().decode()
            assert all(word in text for word in says)
            assert text.startswith("#cloud-config\n") is (name == "/user-data")
            assert "password" not in text.replace("lock_passwd", "").lower()
    image.close()


@given(st.text(min_size=1))
def test_a_host_name_is_made_of_any_name(name: str) -> None:
    SeedSpec("ann", (), creation.hostname_for(name))


@pytest.mark.parametrize(
    ("fragment", "says"),
    [
        ("<disk>", "cannot be read"),
        ("<!DOCTYPE a><disk/>", "document type"),
        ("text", "text outside"),
        ("<emulator>/bin/sh</emulator>", "emulator"),
    ],
)
def test_devices_that_cannot_be_taken_are_refused(fragment: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        creation.with_devices("<domain><devices/></domain>", fragment)
    assert "<watchdog" in creation.with_devices("<domain><devices/></domain>", "<watchdog model='itco'/>")


def test_a_private_key_is_never_taken(tmp_path: Path) -> None:
    from kvmtui.commands.making_stock import _keys

    (tmp_path / ".ssh/id_rsa").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n")
    with pytest.raises(Refused, match="private key"):
        _keys(("id_rsa",))
    with pytest.raises(NotFound):
        _keys(("nowhere.pub",))
    assert [each.file for each in _keys(())] == ["id_ed25519.pub"]
