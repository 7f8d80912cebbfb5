"""A VM that cannot be made leaves nothing behind, or says what it left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.demo.storage import DemoStorage
from kvmtui.commands import making
from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import TaskPhase
from tests.commands.making_bench import CREATE, FULL, bench, until

if TYPE_CHECKING:
    from pathlib import Path

    from kvmtui.backend.demo.host import SimHost
    from kvmtui.core.inventory import Volume

pytestmark = pytest.mark.usefixtures("home_with_a_key")
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


async def test_a_vm_that_somebody_else_starts_meanwhile_keeps_its_definition_and_its_disks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(tmp_path) as it:
        life, host = it.world.life, it.world.host("hv2")
        start = life.start

        def raced(at: SimHost, uuid: str) -> None:
            start(at, uuid)
            start(at, uuid)

        monkeypatch.setattr(life, "start", raced)
        done = await it.do(name="new-1", **FULL)
        assert done.phase is TaskPhase.FAILED
        assert done.message == (
            "new-1 was not made: new-1 on hv2 is on already. Left there: all of it, for somebody has started new-1."
        )
        (guest,) = (guest for guest in host.guests.values() if guest.vm.name == "new-1")
        assert guest.vm.persistent
        assert {"new-1.qcow2", "new-1-seed.iso"} <= it.volumes()


async def test_a_definition_that_stays_keeps_its_disks(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        it.world.faults.refuse(BackendError("It is busy."), verb="start", times=1)
        it.world.faults.refuse(BackendError("A job holds it."), verb="undefine", times=1)
        done = await it.do(name="new-1", **FULL)
        assert done.message == (
            "new-1 was not made: It is busy. "
            "Left there: the definition of new-1 (A job holds it); hdd/new-1.qcow2; hdd/new-1-seed.iso."
        )
        assert {"new-1.qcow2", "new-1-seed.iso"} <= it.volumes()


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


@pytest.mark.parametrize("verb", ["vm.create", "volume.upload"])
async def test_another_machine_that_comes_to_the_address_meanwhile_is_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    file = tmp_path / "own.img"
    file.write_bytes(bytes(1 << 20))
    given = {"vm.create": {**FULL, "name": "new-1"}, "volume.upload": {"file": str(file), "pool": "nvme"}}[verb]
    async with bench(tmp_path) as it:
        read = DemoStorage.volumes

        async def swapped(storage: DemoStorage, pool: str) -> tuple[Volume, ...]:
            found = await read(storage, pool)
            if any(not task.phase.is_final for task in it.engine.scene().fleet.tasks):
                it.world.faults.swap_identity("hv2", "00000000-0000-4000-8000-000000000001")
            return found

        monkeypatch.setattr(DemoStorage, "volumes", swapped)
        done = await it.do(verb, **given)
        assert done.phase is TaskPhase.FAILED
        assert "hv2 now reaches another host than before; nothing was done." in done.message
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
