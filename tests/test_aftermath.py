"""What came of a task whose program ended under it, or whose answer never came: looked up, said once, written down."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.commands import registry
from kvmtui.commands.base import Target
from kvmtui.core.inventory import Job, Reason, Severity, TaskPhase, TaskView, VmState
from kvmtui.journal import Journal
from tests.fleet_lab import BEGAN, Lab, running, virtual

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kvmtui.backend.demo import World

AT = BEGAN + 990.0  # shortly before the engine of a test starts


def left_by_a_dead_run(path: Path, *tasks: TaskView) -> None:
    """Write the beginnings of tasks of a process that is not there any more."""
    journal = Journal(path / "journal.jsonl")
    journal._process = replace(journal._process, pid=4_194_303)
    for task in tasks:
        journal.begin(task)


def task_of(lab_host: str, host_uuid: str, command: str, vm: str = "", vm_uuid: str = "", **more: object) -> TaskView:
    label = command.partition(".")[2]
    phase = TaskPhase.RUNNING
    return TaskView("d-1", command, label, lab_host, host_uuid, vm, vm_uuid, "ann", phase, AT, **more)  # type: ignore[arg-type]


def journal(lab: Lab) -> list[Mapping[str, object]]:
    return [json.loads(line) for line in lab.engine.journal.path.read_text().splitlines()]


async def facts(path: Path, name: str) -> tuple[str, str, str]:
    """Return the host, its UUID and the UUID of a VM of the simulated fleet, which are the same in every run."""
    async with running(path / "look") as lab:
        ref = lab.ref(name)
        entry = lab.entry(ref.host)
        assert entry.state is not None
        return ref.host, entry.state.host.uuid, ref.uuid


def told(lab: Lab) -> list[str]:
    """What was said aloud, oldest first."""
    said = (event for event in reversed(lab.engine.fleet.events) if not event.host)
    return [f"{event.subject}: {event.detail}" for event in said]


@virtual
async def test_what_was_done_after_all_is_said_once_and_written_down(tmp_path: Path) -> None:
    host, host_uuid, uuid = await facts(tmp_path, "web-1")
    left_by_a_dead_run(tmp_path, task_of(host, host_uuid, "vm.start", "web-1", uuid))
    async with running(tmp_path, looks_back=True) as lab:
        await lab.until(lambda: bool(told(lab)))
        (said,) = told(lab)
        assert said.startswith("start web-1: web-1 is running on hv1, as was asked (seen at ")
        (task,) = lab.engine.journal.read()
        assert task.phase is TaskPhase.DONE
        assert (task.user, task.ours, task.looked_up) == ("ann", False, True)
        await asyncio.sleep(30)
        assert len(told(lab)) == 1
    async with running(tmp_path, looks_back=True) as lab:
        await asyncio.sleep(30)
        assert told(lab) == []


@virtual
async def test_a_start_that_comes_late_is_found_when_it_comes(tmp_path: Path) -> None:
    host, host_uuid, uuid = await facts(tmp_path, "mail")
    left_by_a_dead_run(tmp_path, task_of(host, host_uuid, "vm.start", "mail", uuid))
    async with running(tmp_path, looks_back=True) as lab:
        await lab.until(lambda: bool(told(lab)))
        assert "mail is off on hv1" in told(lab)[0]
        assert "was not done by then" in told(lab)[0]
        assert lab.engine.journal.read()[0].phase is TaskPhase.UNKNOWN
        await asyncio.sleep(200)
        await lab.engine.backend("hv1").power.start(uuid)
        await lab.until(lambda: len(told(lab)) > 1)
        assert "mail is running on hv1, as was asked" in told(lab)[1]
        assert lab.engine.journal.read()[0].phase is TaskPhase.DONE


@virtual
async def test_what_never_comes_is_given_up(tmp_path: Path) -> None:
    host, host_uuid, uuid = await facts(tmp_path, "mail")
    left_by_a_dead_run(tmp_path, task_of(host, host_uuid, "vm.start", "mail", uuid))
    async with running(tmp_path, looks_back=True) as lab:
        await asyncio.sleep(700)
        (task,) = lab.engine.journal.read()
        assert (task.phase, task.looked_up) == (TaskPhase.UNKNOWN, True)
        assert len(journal(lab)) == 2


@virtual
async def test_our_own_lost_answer_is_looked_up_too(tmp_path: Path) -> None:
    async with running(tmp_path, looks_back=True) as lab:
        lab.faults.lose_reply("hv1", verb="start", done=False)
        command = registry.by_id("vm.start")
        assert command is not None
        ref = lab.ref("mail")
        entry = lab.entry(ref.host)
        assert entry.state is not None
        chosen = Target.of_vm(entry, entry.state.vms[ref.uuid])
        (view,) = await lab.engine.wait(lab.engine.submit(command, [chosen], {}))
        assert view.phase is TaskPhase.UNKNOWN
        await asyncio.sleep(60)
        await lab.engine.backend("hv1").power.start(ref.uuid)
        await lab.until(lambda: lab.engine.fleet.tasks[0].phase is TaskPhase.DONE)
        assert "as was asked" in lab.engine.fleet.tasks[0].message
        assert journal(lab)[-1]["result"] == "done"


@virtual
async def test_a_reboot_cannot_be_looked_up_and_says_so_once(tmp_path: Path) -> None:
    host, host_uuid, uuid = await facts(tmp_path, "web-1")
    left_by_a_dead_run(tmp_path, task_of(host, host_uuid, "vm.reboot", "web-1", uuid))
    async with running(tmp_path, looks_back=True) as lab:
        await lab.until(lambda: bool(told(lab)))
        assert "whether it was done does not show" in told(lab)[0]
        assert lab.engine.journal.read()[0].phase is TaskPhase.UNKNOWN
        await asyncio.sleep(60)
        assert len(told(lab)) == 1


@virtual
async def test_a_save_that_goes_on_is_waited_for(tmp_path: Path) -> None:
    host, host_uuid, uuid = await facts(tmp_path, "web-1")
    left_by_a_dead_run(tmp_path, task_of(host, host_uuid, "vm.hibernate", "web-1", uuid))

    def saving(world: World) -> None:
        guest = world.host("hv1").guest(uuid)
        guest.vm = replace(guest.vm, job=Job("save", None, ours=False))

    async with running(tmp_path, looks_back=True, prepare=saving) as lab:
        guest = lab.world.host("hv1").guest(uuid)
        await lab.until(lambda: bool(told(lab)))
        assert told(lab)[0].endswith("web-1 is still being saved on hv1.")
        guest.vm = replace(guest.vm, state=VmState.OFF, reason=Reason.SAVED, saved=True, job=None, domain_id=None)
        lab.engine.refresh()
        await lab.until(lambda: len(told(lab)) > 1)
        assert "web-1 is off on hv1, as was asked" in told(lab)[1]


@virtual
async def test_a_save_that_broke_off_has_failed(tmp_path: Path) -> None:
    host, host_uuid, uuid = await facts(tmp_path, "web-1")
    left_by_a_dead_run(tmp_path, task_of(host, host_uuid, "vm.hibernate", "web-1", uuid))
    async with running(tmp_path, looks_back=True) as lab:
        await lab.until(lambda: bool(told(lab)))
        assert "web-1 was not hibernated: it is running on hv1" in told(lab)[0]
        assert lab.engine.journal.read()[0].phase is TaskPhase.FAILED


@pytest.mark.parametrize(
    ("where", "phase", "words"),
    [
        ("hv2", TaskPhase.DONE, "web-1 is running on hv2, as was asked"),
        ("hv1", TaskPhase.FAILED, "It was not moved: web-1 still runs on hv1"),
    ],
)
def test_a_move_ends_where_both_hosts_say(tmp_path: Path, where: str, phase: TaskPhase, words: str) -> None:
    @virtual
    async def play() -> None:
        host, host_uuid, uuid = await facts(tmp_path, "web-1")
        left_by_a_dead_run(tmp_path, task_of(host, host_uuid, "vm.migrate", "web-1", uuid, to="hv2"))

        def arrive(world: World) -> None:
            if where == "hv2":
                world.faults.move(uuid, "hv1", "hv2")

        async with running(tmp_path, looks_back=True, prepare=arrive) as lab:
            await lab.until(lambda: bool(told(lab)))
            assert words in told(lab)[-1]
            assert lab.engine.journal.read()[0].phase is phase

    play()


@virtual
async def test_nothing_is_said_of_a_host_that_does_not_answer(tmp_path: Path) -> None:
    host, host_uuid, uuid = await facts(tmp_path, "web-1")
    left_by_a_dead_run(tmp_path, task_of(host, host_uuid, "vm.pause", "web-1", uuid))
    async with running(tmp_path, looks_back=True, up=False, prepare=lambda world: world.faults.silence("hv1")) as lab:
        await asyncio.sleep(60)
        assert told(lab) == []
        assert lab.engine.journal.read()[0].phase is TaskPhase.UNKNOWN


@virtual
async def test_half_made_volumes_are_named(tmp_path: Path) -> None:
    host, host_uuid, _ = await facts(tmp_path, "web-1")
    async with running(tmp_path / "look") as lab:
        volumes = await lab.engine.backend(host).storage.volumes("nvme")
        there = volumes[0]
    touches = (f"nvme/{there.name}", "nvme/never-made.qcow2")
    left_by_a_dead_run(tmp_path, task_of(host, host_uuid, "vm.create", "new-1", "0" * 36, touches=touches))
    (listed,) = Journal(tmp_path / "journal.jsonl").read()
    assert listed.message.endswith(f"It was at work on nvme/{there.name}, nvme/never-made.qcow2.")
    async with running(tmp_path, looks_back=True) as lab:
        await lab.until(lambda: bool(told(lab)))
        (said,) = told(lab)
        assert "new-1 was not made on hv1; left there, perhaps half-made" in said
        assert there.path in said
        assert "never-made" not in said
        assert "virsh vol-delete" in said


@virtual
async def test_disks_that_a_deletion_left_are_named(tmp_path: Path) -> None:
    host, host_uuid, _ = await facts(tmp_path, "web-1")
    async with running(tmp_path / "look") as lab:
        there = (await lab.engine.backend(host).storage.volumes("nvme"))[0]
    gone = f"{there.path.rpartition('/')[0]}/gone.qcow2"
    task = task_of(host, host_uuid, "vm.delete", "old-1", "0" * 36, touches=(there.path, gone))
    left_by_a_dead_run(tmp_path, task)
    async with running(tmp_path, looks_back=True) as lab:
        await lab.until(lambda: bool(told(lab)))
        assert f"The definition of old-1 was deleted from hv1; left there: {there.path}" in told(lab)[0]
        assert gone not in told(lab)[0]


@virtual
async def test_many_are_counted_and_not_said_one_by_one(tmp_path: Path) -> None:
    host, host_uuid, uuid = await facts(tmp_path, "web-1")
    task = task_of(host, host_uuid, "vm.reboot", "web-1", uuid)
    left_by_a_dead_run(tmp_path, *(replace(task, id=f"d-{number}") for number in range(12)))
    async with running(tmp_path, looks_back=True) as lab:
        await lab.until(lambda: bool(told(lab)))
        assert told(lab) == ["12 tasks had ended without an answer: 0 are done after all; 7 lists them"]
        assert sum(event.severity is Severity.WARN for event in lab.engine.fleet.events) >= 12
