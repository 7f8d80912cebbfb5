"""A VM that is moved is where the task says it is, whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.demo.migration import DemoMigration
from kvmtui.backend.demo.moves import has_volume
from kvmtui.commands import registry
from kvmtui.commands.arrival import Outcome, Sight
from kvmtui.commands.base import Target
from kvmtui.commands.migrate import progress_words
from kvmtui.commands.migrate_form import MoveInterview
from kvmtui.commands.moving import Case, plan_of, read_case, virsh_of
from kvmtui.core.errors import BackendError, Denied, Refused
from kvmtui.core.inventory import Guard, Job, Reason, TaskPhase, Vm, VmRef, VmState
from kvmtui.core.migration import Copy, MoveProgress, Room, Subject
from tests.commands.scenes import a_vm, entry, scene
from tests.fleet_lab import Lab, running, virtual

if TYPE_CHECKING:
    from pathlib import Path

    from kvmtui.commands.base import Answers, Command, Judgement
    from kvmtui.core.inventory import TaskView

GIB = 1 << 30


def command(id_: str = "vm.migrate") -> Command:
    found = registry.by_id(id_)
    assert found is not None
    return found


def target(lab: Lab, name: str) -> Target:
    """The VM as it is seen now."""
    found = next(Target.of_vm(entry, vm) for entry, vm in lab.engine.fleet.vms() if vm.name == name)
    assert found.name == name
    return found


def begin(lab: Lab, *names: str, **answers: str | bool) -> tuple[str, ...]:
    """Begin to move VMs to hv2, or where the answers say."""
    return lab.engine.submit(command(), [target(lab, name) for name in names], {"to": "hv2", **answers})


async def moved(lab: Lab, name: str, **answers: str | bool) -> TaskView:
    """Move a VM to its end."""
    (view,) = await lab.engine.wait(begin(lab, name, **answers))
    return view


def hosts_of(lab: Lab, name: str) -> list[str]:
    """On which hosts the fleet shows a VM."""
    return [entry.name for entry, vm in lab.engine.fleet.vms() if vm.name == name]


def sent(lab: Lab, *verbs: str) -> list[str]:
    return [call.verb for call in lab.world.calls if call.verb in verbs]


def start_of(lab: Lab, name: str) -> Judgement:
    """Whether the VM may be started."""
    return lab.engine.judge(command("vm.start"), target(lab, name))


# --- it arrives ------------------------------------------------------------------------------


@virtual
async def test_a_running_vm_arrives_with_its_autostart_and_its_tags(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        before = lab.vm("app-3")
        assert before.autostart
        assert before.tags
        view = await moved(lab, "app-3")
        assert (view.phase, view.host, view.to) == (TaskPhase.DONE, "hv1", "hv2")
        old = "Its old /srv/nvme/images/app-3.qcow2 stays on hv1."
        assert view.message == f"app-3 runs on hv2 now. It starts with that host, too. {old}"
        await lab.until(lambda: hosts_of(lab, "app-3") == ["hv2"])
        after = lab.vm("app-3")
        assert (after.state, after.autostart, after.tags) == (VmState.RUNNING, True, before.tags)
        written = [json.loads(line) for line in lab.engine.journal.path.read_text().splitlines()]
        # It begins twice: what is copied is known only when both hosts have been asked.
        assert [(line["kind"], line["to"]) for line in written] == [("begin", "hv2"), ("begin", "hv2"), ("end", "hv2")]
        migrate, autostart = view.virsh.split(" && ")
        assert "migrate --live --p2p --abort-on-error --auto-converge --persistent --undefinesource" in migrate
        assert migrate.endswith("--copy-storage-all --migrate-disks vda app-3 demo:///hv2")
        assert autostart.endswith("autostart app-3")
        assert lab.said("app-3 moved away from hv1 to hv2")
        assert lab.said("app-3 moved to hv2 from hv1")
        assert not lab.said("app-3 was deleted")
        assert {event.by for event in lab.engine.fleet.events} == {"you"}


@virtual
async def test_while_it_moves_both_hosts_say_so_and_it_is_no_problem(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        here = lab.ref("app-3")
        there = VmRef("hv2", here.uuid)
        ids = begin(lab, "app-3")
        await lab.until(lambda: lab.engine.fleet.moving.get(here) is not None)
        await lab.until(lambda: (lab.engine.fleet.moving[here].percent or 0) > 30)
        moving = lab.engine.fleet.moving
        assert (moving[here].host, moving[here].leaving) == ("hv2", True)
        assert (moving[there].host, moving[there].leaving) == ("hv1", False)
        (view,) = [task for task in lab.engine.fleet.tasks if task.id == ids[0]]
        assert "GiB/s" in view.message
        assert "s left" in view.message
        await lab.engine.wait(ids)
        await lab.until(lambda: not lab.engine.fleet.moving)


@virtual
async def test_a_paused_vm_arrives_paused_and_one_that_is_off_with_its_definition(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await lab.engine.backend("hv1").power.pause(lab.ref("web-1").uuid)
        await lab.until(lambda: lab.vm("web-1").state is VmState.PAUSED)
        view = await moved(lab, "web-1")
        assert view.message.startswith("web-1 is paused on hv2 now.")
        guest = lab.world.host("hv1").guest(lab.ref("mail").uuid)
        lab.world.put(lab.world.host("hv1"), guest, replace(guest.vm, disks=()))
        await lab.until(lambda: not lab.vm("mail").disks)
        view = await moved(lab, "mail")
        assert view.message == "mail is defined on hv2 now, and off. It starts with that host, too."
        assert "migrate --offline --p2p --persistent --undefinesource mail" in view.virsh
        await lab.until(lambda: hosts_of(lab, "mail") == ["hv2"])
        assert lab.said("mail moved away from hv1 to hv2")


@virtual
async def test_no_host_takes_part_in_more_than_two_moves_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ids = begin(lab, "web-1", "web-2", "web-3", "app-1", "app-3")
        most = 0

        async def look() -> None:
            nonlocal most
            while True:
                most = max(most, sum(moving.leaving for moving in lab.engine.fleet.moving.values()))
                await asyncio.sleep(0.1)

        looking = asyncio.create_task(look())
        views = await lab.engine.wait(ids)
        looking.cancel()
        assert {view.phase for view in views} == {TaskPhase.DONE}
        assert most == 2


# --- it stays --------------------------------------------------------------------------------


@virtual
async def test_nothing_is_done_when_something_has_come_in_the_way_since_it_was_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        chosen = target(lab, "app-3")
        guest = lab.world.host("hv1").guest(chosen.uuid)
        guest.vm = replace(guest.vm, snapshots=2)  # nobody has been told
        (view,) = await lab.engine.wait(lab.engine.submit(command(), [chosen], {"to": "hv2"}))
        assert view.phase is TaskPhase.REFUSED
        assert view.message.startswith("app-3 cannot be moved to hv2: app-3 has 2 snapshots")
        assert sent(lab, "move") == []


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"to": "hv1"}, "web-1 is on hv1 already"),
        ({"to": "hv9"}, "There is no other host hv9"),
        ({"to": "hv2", "copy-storage": "no"}, "is not on hv2"),
    ],
)
def test_what_cannot_be_is_refused(answers: dict[str, str], says: str, tmp_path: Path) -> None:
    @virtual
    async def refused() -> None:
        async with running(tmp_path) as lab:
            view = await moved(lab, "web-1", **answers)
            assert view.phase is TaskPhase.REFUSED
            assert says in view.message
            assert sent(lab, "move") == []

    refused()


@virtual
async def test_a_move_that_breaks_off_says_where_the_vm_is_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("app-3")
        lab.world.moves.break_off(ref.uuid, 40, BackendError("The connection between the two hosts was reset."))
        view = await moved(lab, "app-3")
        assert view.phase is TaskPhase.FAILED
        assert view.message.startswith(
            "The connection between the two hosts was reset. app-3 still runs on hv1. "
            "What had been copied to hv2 was deleted."
        )
        await lab.until(lambda: hosts_of(lab, "app-3") == ["hv1"])
        assert lab.vm("app-3").state is VmState.RUNNING
        assert not has_volume(lab.world.host("hv2"), "/srv/nvme/images/app-3.qcow2")
        assert not lab.said("deleted on")


@virtual
async def test_a_cancelled_move_leaves_it_where_it_was(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("app-3")
        (id_,) = begin(lab, "app-3")
        await lab.until(lambda: (it := lab.engine.fleet.moving.get(ref)) is not None and (it.percent or 0) > 30)
        assert lab.engine.cancel(id_)
        (view,) = await lab.engine.wait([id_])
        assert view.phase is TaskPhase.CANCELLED
        assert "app-3 still runs on hv1." in view.message
        await lab.until(lambda: hosts_of(lab, "app-3") == ["hv1"])
        assert sent(lab, "abort") == ["abort"]


@virtual
async def test_one_that_is_cancelled_while_it_waits_for_its_turn_never_begins(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ids = begin(lab, "web-1", "web-2", "web-3")
        await lab.until(lambda: len(lab.engine.fleet.moving) == 4)
        assert lab.engine.cancel(ids[2])
        views = await lab.engine.wait(ids)
        assert [view.phase for view in views] == [TaskPhase.DONE, TaskPhase.DONE, TaskPhase.CANCELLED]
        await lab.until(lambda: hosts_of(lab, "web-3") == ["hv1"])


@virtual
async def test_two_that_begin_together_do_not_both_take_the_room_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as lab:
        need = max(lab.vm(name).memory_max for name in ("web-1", "web-2"))
        read = DemoMigration.room

        async def tight(migration: DemoMigration, subject: Subject) -> Room:
            return replace(await read(migration, subject), memory_free=need * 3 // 2)

        monkeypatch.setattr(DemoMigration, "room", tight)
        views = await lab.engine.wait(begin(lab, "web-1", "web-2"))
        assert sorted(view.phase.value for view in views) == ["done", "refused"]
        (refused,) = (view.message for view in views if view.phase is TaskPhase.REFUSED)
        assert "of memory free, and" in refused
        assert len(sent(lab, "move")) == 1


# --- it is not known, or only in part --------------------------------------------------------


@virtual
async def test_when_no_answer_comes_both_hosts_are_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.lose_reply("hv1", verb="move", done=True)
        view = await moved(lab, "app-3")
        assert view.phase is TaskPhase.DONE
        assert view.message.startswith("app-3 runs on hv2 now.")
        lab.faults.lose_reply("hv1", verb="move", done=False)
        view = await moved(lab, "web-1")
        assert view.phase is TaskPhase.FAILED
        assert "web-1 still runs on hv1." in view.message


@virtual
async def test_neither_copy_is_started_until_both_hosts_have_told_how_it_ended(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        guest = lab.world.host("hv1").guest(lab.ref("mail").uuid)
        lab.world.put(lab.world.host("hv1"), guest, replace(guest.vm, disks=(), autostart=False))
        await lab.until(lambda: not lab.vm("mail").disks)
        assert start_of(lab, "mail").allowed
        lab.faults.lose_reply("hv1", verb="move", done=False)
        ids = begin(lab, "mail")
        await lab.until(lambda: bool(sent(lab, "move")))
        lab.faults.silence("hv2")
        (view,) = await lab.engine.wait(ids)
        assert view.phase is TaskPhase.UNKNOWN
        assert "On hv1 mail is off." in view.message
        assert "hv2 could not be asked: " in view.message
        refused = start_of(lab, "mail")
        assert refused.refusal.startswith("How the move of mail from hv1 to hv2 at ")
        assert not lab.engine.judge(command(), target(lab, "mail")).allowed
        lab.faults.answer("hv2")
        await lab.until(lambda: lab.entry("hv2").condition.is_answering)
        await lab.until(lambda: start_of(lab, "mail").allowed)


@virtual
async def test_how_far_it_is_is_not_known_while_its_host_is_silent(tmp_path: Path) -> None:
    """The last figure is no figure any more, and it is said since when."""
    async with running(tmp_path) as lab:
        (id_,) = begin(lab, "app-3")

        def view() -> TaskView:
            return next(task for task in lab.engine.fleet.tasks if task.id == id_)

        await lab.until(lambda: any(task.id == id_ and task.percent is not None for task in lab.engine.fleet.tasks))
        source = view().host
        lab.faults.silence(source)
        await lab.until(lambda: "how far it is is not known" in view().message)
        assert view().message.startswith(f"{source} has not answered since ")
        assert view().percent is None
        assert view().phase is TaskPhase.RUNNING
        lab.faults.answer(source)
        (ended,) = await lab.engine.wait((id_,))
        assert ended.phase in (TaskPhase.DONE, TaskPhase.UNKNOWN)


@virtual
async def test_what_does_not_follow_is_said(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.refuse(Denied("hv2 does not let this user."), verb="set_autostart", host="hv2")
        view = await moved(lab, "app-3")
        assert view.phase is TaskPhase.FAILED
        said = "app-3 runs on hv2 now, but it does not start with that host: hv2 does not let this user."
        assert view.message.startswith(said)
        await lab.until(lambda: hosts_of(lab, "app-3") == ["hv2"])


def there(state: VmState = VmState.RUNNING, reason: Reason = Reason.MIGRATED, job: str = "") -> Sight:
    return Sight(a_vm(state, reason=reason, job=Job(job, None, ours=True) if job else None))


NOTHING, DEAF = Sight(None), Sight(None, "hv2 did not answer")


@pytest.mark.parametrize(
    ("here", "other", "live", "arrived", "stayed"),
    [
        (NOTHING, there(), True, True, False),
        (there(VmState.OFF), there(), True, True, False),  # its definition was left behind
        (there(), NOTHING, True, False, True),
        (there(), there(), True, False, False),
        (NOTHING, there(VmState.PAUSED, Reason.MIGRATING), True, False, False),
        (NOTHING, there(VmState.PAUSED, Reason.USER), True, True, False),
        (NOTHING, NOTHING, True, False, False),
        (there(), DEAF, True, False, False),
        (DEAF, there(), True, False, False),
        (NOTHING, there(VmState.OFF), True, False, False),
        (NOTHING, there(VmState.OFF), False, True, False),
        (there(VmState.OFF), there(VmState.OFF), False, False, False),
    ],
)
def test_nothing_is_taken_for_done_that_both_hosts_do_not_say(
    here: Sight, other: Sight, live: bool, arrived: bool, stayed: bool
) -> None:
    outcome = Outcome(here, other, live)
    assert (outcome.has_arrived, outcome.has_stayed) == (arrived, stayed)


# --- what is asked ---------------------------------------------------------------------------


async def asked(lab: Lab, *names: str, **answers: str | bool) -> tuple[MoveInterview, dict[str, object]]:
    """Ask for a move, and return the questions by name."""
    targets = tuple(target(lab, name) for name in names)
    interview = MoveInterview(lab.engine.backend, targets)
    questions = await interview.questions(lab.engine.scene(), targets[0], answers)
    return interview, {question.name: question for question in questions}


def choices(questions: dict[str, object]) -> dict[str, tuple[str, str]]:
    """The note of each host, and why it cannot be chosen."""
    return {one.value: (one.note, one.blocked) for one in questions["to"].choices}  # type: ignore[attr-defined]


@virtual
async def test_every_other_host_is_offered_with_what_it_has_or_with_what_is_in_the_way(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.refuse(BackendError("The daemon of hv3 is ill."), verb="room", host="hv3")
        _, questions = await asked(lab, "app-3")
        found = choices(questions)
        assert set(found) == {"hv2", "hv3"}
        note, blocked = found["hv2"]
        assert note.endswith("G free, copies vda (13G)")
        assert not blocked
        assert found["hv3"] == ("", "The daemon of hv3 is ill")
        assert questions["to"].initial == "hv2"  # type: ignore[attr-defined]
        assert "unsafe" not in questions


@virtual
async def test_a_host_that_is_silent_locked_or_too_slow_is_not_waited_for(tmp_path: Path) -> None:
    locked = {"hv2": Guard.READ_ONLY}
    async with running(
        tmp_path, configs=lambda config: replace(config, guard=locked.get(config.name, Guard.ASK))
    ) as lab:
        lab.faults.slow("hv3", 9.5)
        _, questions = await asked(lab, "app-3")
        assert "read-only by the configuration" in choices(questions)["hv2"][1]
        lab.faults.silence("hv3")
        await lab.until(lambda: not lab.entry("hv3").condition.is_answering)
        _, questions = await asked(lab, "app-3")
        assert choices(questions)["hv3"][1].startswith("not answering since ")


@virtual
async def test_a_machine_that_took_another_ones_place_takes_no_vm(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.swap_identity("hv2", "11111111-0000-4000-8000-000000000000")
        view = await moved(lab, "app-3")
        assert view.phase is TaskPhase.REFUSED
        assert "it is another machine than the one that was shown" in view.message
        assert sent(lab, "move") == []


@virtual
async def test_a_machine_that_comes_to_the_target_s_address_meanwhile_loses_no_disk(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("app-3")
        lab.world.moves.break_off(ref.uuid, 90, BackendError("The connection between the two hosts was reset."))
        (id_,) = begin(lab, "app-3")
        await lab.until(lambda: (it := lab.engine.fleet.moving.get(ref)) is not None and (it.percent or 0) > 30)
        lab.faults.swap_identity("hv2", "11111111-0000-4000-8000-000000000000")
        (view,) = await lab.engine.wait([id_])
        assert view.phase is TaskPhase.FAILED
        left = "What had been copied to hv2 may still be there: hv2 now reaches another host than before"
        assert left in view.message
        assert sent(lab, "tidy") == []
        assert has_volume(lab.world.host("hv2"), "/srv/nvme/images/app-3.qcow2")


@virtual
async def test_each_thing_in_the_way_stands_with_what_mends_it(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.world.host("hv2").networks = ()
        guest = lab.world.host("hv1").guest(lab.ref("app-3").uuid)
        guest.vm = replace(guest.vm, snapshots=2)
        _, questions = await asked(lab, "app-3")
        blocked = choices(questions)["hv2"][1]
        assert blocked == (
            "(1) app-3 has 2 snapshots, and libvirt does not move those. Delete the snapshots. "
            "(2) hv2 has no network called prod. Define it there"
        )
        other = next(iter(lab.world.host("hv2").guests.values()))
        other.vm = replace(other.vm, name="app-3")
        view = await moved(lab, "app-3")
        assert view.message == (
            "app-3 cannot be moved to hv2: (1) hv2 has another VM called app-3. Rename one of them. "
            "(2) app-3 has 2 snapshots, and libvirt does not move those. Delete the snapshots. And there is 1 more."
        )


@virtual
async def test_several_vms_are_asked_for_together(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        interview, questions = await asked(lab, "app-3", "web-4", "erp")
        found = choices(questions)
        assert set(found) == {"hv1", "hv2", "hv3"}
        assert "can go there" in found["hv2"][0]
        scene_ = lab.engine.scene()
        preview = await interview.preview(scene_, target(lab, "app-3"), {"to": "hv2"})
        assert preview.lines[0] == "2 of 3 can go to hv2 and 28G of disks are copied."
        assert any(line.startswith("app-3: Moves app-3 to hv2 while it is running") for line in preview.lines)
        assert any(
            line.startswith("Not moved: erp cannot be moved to hv2: erp is on hv2 already") for line in preview.lines
        )
        assert sum("migrate" in line for line in preview.commands) == len(preview.commands) - sum(
            "autostart" in line for line in preview.commands
        )


def agreed_case(case: Case) -> Case:
    """The same with a disk that both hosts see as one file, which libvirt cannot know."""
    (disk,) = (disk for disk in case.subject.disks if disk.target == "vda")
    offer = case.offers["hv2"]
    assert offer.room is not None
    room = replace(offer.room, paths={disk.source: Copy(capacity=disk.capacity, stamp=disk.stamp)})
    return case._replace(offers={"hv2": offer._replace(room=room)})


@virtual
async def test_what_libvirt_calls_unsafe_is_refused_until_its_reason_was_agreed_to(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        case = agreed_case(await read_case(lab.engine.scene(), lab.engine.backend, target(lab, "app-3"), {"hv2"}))
        given: Answers = {"to": "hv2"}
        with pytest.raises(Refused, match=r"not moved to hv2 before you agree to this: .*unsafe"):
            plan_of(case, "hv2", given)
        plan, judged = plan_of(case, "hv2", {**given, "unsafe": True})
        assert plan.unsafe
        assert judged.unsafe
        assert not plan.copied
        assert "--unsafe" in virsh_of(case.target, plan)


@virtual
async def test_an_address_that_is_not_known_must_be_said(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        case = await read_case(lab.engine.scene(), lab.engine.backend, target(lab, "app-3"), {"hv2"})
        case = case._replace(offers={"hv2": case.offers["hv2"]._replace(address="")})
        with pytest.raises(Refused, match="At which address hv1 reaches hv2 is not known"):
            plan_of(case, "hv2", {"to": "hv2"})
        plan, _ = plan_of(case, "hv2", {"to": "hv2", "via": "qemu+ssh://root@hv2.example/system", "bandwidth": "200"})
        assert (plan.to_uri, plan.bandwidth) == ("qemu+ssh://root@hv2.example/system", 200)
        assert virsh_of(case.target, plan).endswith("--bandwidth 200 app-3 qemu+ssh://root@hv2.example/system")


@pytest.mark.parametrize("bandwidth", ["0", "-1", "1.5", "ten", "9999999", "²", "1 ", "9" * 5000, "NaN", "1e3"])
def test_a_bandwidth_is_a_number(bandwidth: str) -> None:
    with pytest.raises(Refused, match="whole number of MiB"):
        command().validate({"to": "hv2", "bandwidth": bandwidth})


@pytest.mark.parametrize("via", ["hv2", "--help", "-c://x", "qemu+ssh://hv2/system x", "qemu://\x1b[2J"])
def test_an_address_looks_like_one(via: str) -> None:
    with pytest.raises(Refused, match="no libvirt address"):
        command().validate({"to": "hv2", "via": via})


def test_an_address_with_a_password_is_not_taken() -> None:
    with pytest.raises(Refused, match="An address cannot hold a password"):
        command().validate({"to": "hv2", "via": "qemu+ssh://root:pw@hv2/system"})
    assert command().validate({"to": "hv2", "via": "qemu+ssh://root@hv2:22/system?keyfile=/a"})


def judged(vm: Vm, *others: str) -> Judgement:
    here = entry(vms=[vm])
    return command().judge(scene(here, *(entry(name) for name in others)), Target.of_vm(here, vm))


def test_what_no_host_could_take_is_refused_at_once() -> None:
    assert judged(a_vm(VmState.RUNNING), "hv2").allowed
    assert judged(a_vm(VmState.OFF), "hv2").allowed
    assert judged(a_vm(VmState.RUNNING)).refusal == "There is no other host that web-1 could go to."
    tied = a_vm(VmState.RUNNING, immovable=("a PCI device is passed through",))
    assert judged(tied, "hv2").refusal == "web-1 cannot be moved while it is on: a PCI device is passed through."
    assert "is asleep" in judged(a_vm(VmState.SUSPENDED), "hv2").refusal
    held = a_vm(VmState.RUNNING, job=Job("save", 1.0, ours=False))
    assert "held by a job" in judged(held, "hv2").refusal


@pytest.mark.parametrize(
    ("progress", "says"),
    [
        (
            MoveProgress(61.0, 4 * GIB, 1.2 * GIB, 40.0 * 1024**2, 84.0, 4.2),
            "1.2 GiB/s  4 s left; 4.0G to send, guest writes 40 MiB/s, pause 84ms",
        ),
        (MoveProgress(99.0, 0, 5.5 * 1024**2, 0.0, None, 0.2), "5.5 MiB/s  1 s left; 0 to send"),
        (MoveProgress(1.0, None, None, None, None, None), ""),
        (MoveProgress(1.0, GIB, 1024**2 * 12, None, None, 300.0), "12 MiB/s  5 min left; 1.0G to send"),
    ],
)
def test_how_far_it_is(progress: MoveProgress, says: str) -> None:
    assert progress_words(progress) == says
