"""A task does what was chosen to what was chosen, or nothing; and says truthfully how it ended."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.commands import registry
from kvmtui.commands.base import Command, Level, Target
from kvmtui.core.errors import Aborted, BackendError, Conflict, Refused
from kvmtui.core.inventory import Guard, Reason, TaskPhase, VmState
from tests.fleet_lab import Lab, running, virtual

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kvmtui.commands.base import Answers, Context
    from kvmtui.core.inventory import TaskView

WEBS = ("web-frontend-prod-01", "web-frontend-prod-02", "web-1", "web-2", "web-3", "app-1", "app-2", "app-3")


def command(id_: str) -> Command:
    found = registry.by_id(id_)
    assert found is not None
    return found


def target(lab: Lab, name: str) -> Target:
    """The VM as it is seen now."""
    ref = lab.ref(name)
    entry = lab.entry(ref.host)
    assert entry.state is not None
    return Target.of_vm(entry, entry.state.vms[ref.uuid])


async def do(lab: Lab, id_: str, *names: str, answers: Answers | None = None) -> tuple[TaskView, ...]:
    """Run a command on what is seen now, and wait for its end."""
    chosen = [target(lab, name) for name in names]
    return await lab.engine.wait(lab.engine.submit(command(id_), chosen, answers or {}))


def sent(lab: Lab, verb: str) -> list[str]:
    return [call.uuid for call in lab.world.calls if call.verb == verb]


def journal(lab: Lab) -> list[Mapping[str, object]]:
    return [json.loads(line) for line in lab.engine.journal.path.read_text().splitlines()]


# --- what is done ----------------------------------------------------------------------------


@virtual
async def test_a_start_is_done_shown_and_written_down(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        (view,) = await do(lab, "vm.start", "mail")
        assert view.phase is TaskPhase.DONE
        assert "mail" in view.message
        await lab.until(lambda: lab.vm("mail").state is VmState.RUNNING)
        assert lab.engine.fleet.tasks[0].id == view.id
        event = next(event for event in lab.engine.fleet.events if event.subject == "mail started on hv1")
        assert event.by == "you"
        begin, end = journal(lab)
        assert (begin["kind"], end["kind"], end["result"]) == ("begin", "end", "done")
        assert end["vm"] == "mail"
        assert end["host_uuid"] == lab.world.host("hv1").facts.uuid
        assert "start mail" in str(begin["virsh"])


@virtual
async def test_since_when_is_exact_after_our_own_doing_also_when_no_event_told(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.world.tell = lambda host, wake: None  # type: ignore[method-assign]
        await do(lab, "vm.shutdown", "web-1")
        await lab.until(lambda: lab.vm("web-1").state is VmState.OFF)
        since = lab.vm("web-1").since
        assert since is not None
        assert since.exact
        event = next(event for event in lab.engine.fleet.events if event.subject == "web-1 is off on hv1")
        assert event.detail == ""


@virtual
async def test_a_guest_that_is_shutting_down_is_stopping_until_it_is_off(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("web-1")
        ids = lab.engine.submit(command("vm.shutdown"), [target(lab, "web-1")], {})
        await lab.until(lambda: ref in lab.engine.fleet.stopping)
        assert lab.vm("web-1").state is VmState.RUNNING
        (view,) = await lab.engine.wait(ids)
        assert view.phase is TaskPhase.DONE
        await lab.until(lambda: ref not in lab.engine.fleet.stopping)
        assert lab.vm("web-1").state is VmState.OFF


@virtual
async def test_a_guest_that_does_not_listen_stays_stopping_after_the_task_gave_up(tmp_path: Path) -> None:
    async with running(tmp_path, shutdown_wait=60.0) as lab:
        ref = lab.ref("web-1")
        lab.world.host("hv1").guest(ref.uuid).deaf = True
        (view,) = await do(lab, "vm.shutdown", "web-1")
        assert view.phase is TaskPhase.FAILED
        assert "is still on" in view.message
        assert view.ended is not None
        assert 59 < view.ended - view.started < 62
        assert ref in lab.engine.fleet.stopping
        await lab.engine.backend("hv1").power.force_off(ref.uuid)
        await lab.until(lambda: ref not in lab.engine.fleet.stopping)


# --- what is not done ------------------------------------------------------------------------


@virtual
async def test_nothing_is_done_to_a_vm_in_another_state_than_was_chosen(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        chosen = target(lab, "web-1")
        # Nobody has been told: only reading again shows it.
        guest = lab.world.host("hv1").guest(chosen.uuid)
        guest.vm = replace(guest.vm, state=VmState.PAUSED, reason=Reason.USER)
        (view,) = await lab.engine.wait(lab.engine.submit(command("vm.force-off"), [chosen], {}))
        assert view.phase is TaskPhase.REFUSED
        assert view.message == "web-1 on hv1 is now paused, was running when you chose: nothing was done."
        assert lab.world.calls == []


@virtual
async def test_nothing_is_done_to_a_vm_that_has_another_name_is_gone_or_moved(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        renamed, gone, moved = (target(lab, name) for name in ("web-1", "web-2", "web-3"))
        guest = lab.world.host("hv1").guest(renamed.uuid)
        guest.vm = replace(guest.vm, name="web-9")
        lab.faults.vanish("hv1", gone.uuid)
        lab.faults.move(moved.uuid, "hv1", "hv2")
        views = await lab.engine.wait(lab.engine.submit(command("vm.force-off"), [renamed, gone, moved], {}))
        assert [view.phase for view in views] == [TaskPhase.REFUSED] * 3
        assert views[0].message == "web-1 on hv1 is now called web-9: nothing was done."
        assert views[1].message == "web-2 is not on hv1 any more: nothing was done."
        assert lab.world.calls == []


@virtual
async def test_nothing_is_done_when_another_machine_answers_at_the_address(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        chosen = target(lab, "web-1")
        lab.faults.swap_identity("hv1", "00000000-0000-0000-0000-000000000001")
        (view,) = await lab.engine.wait(lab.engine.submit(command("vm.force-off"), [chosen], {}))
        assert view.phase is TaskPhase.REFUSED
        assert "another machine" in view.message
        assert lab.world.calls == []


@virtual
async def test_a_host_that_became_another_machine_is_not_let_go_for_the_one_that_was_chosen(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        chosen = Target.of_host(lab.entry("hv1"))._replace(host_uuid="00000000-0000-0000-0000-0000000000ff")
        (view,) = await lab.engine.wait(lab.engine.submit(command("host.disconnect"), [chosen], {}))
        assert view.phase is TaskPhase.REFUSED
        assert view.message == "hv1 is another machine than when you chose it: nothing was done."
        assert lab.entry("hv1").condition.is_answering


@virtual
async def test_what_the_judgement_refuses_by_then_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, configs=lambda config: replace(config, guard=Guard.READ_ONLY)) as lab:
        (view,) = await do(lab, "vm.start", "mail")
        assert view.phase is TaskPhase.REFUSED
        assert "read-only" in view.message
        (view,) = await do(lab, "vm.pause", "instance-0000002a")
        assert view.phase is TaskPhase.REFUSED
        lab.engine.unlock("hv1", 900.0)
        (view,) = await do(lab, "vm.start", "mail")
        assert view.phase is TaskPhase.DONE
        await asyncio.sleep(1000)
        (view,) = await do(lab, "vm.pause", "web-1")
        assert view.phase is TaskPhase.REFUSED


@virtual
async def test_a_start_that_another_host_forbids_by_then_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        chosen = target(lab, "mail")
        lab.faults.double(chosen.uuid, "hv1", "hv2", running=True)
        await lab.until(lambda: any(vm.uuid == chosen.uuid and vm.is_active for _, vm in lab.engine.fleet.vms()))
        (view,) = await lab.engine.wait(lab.engine.submit(command("vm.start"), [chosen], {}))
        assert view.phase is TaskPhase.REFUSED
        assert sent(lab, "start") == []


@virtual
async def test_a_loss_that_was_not_agreed_to_is_not_caused(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        chosen = target(lab, "ci-runner-09")  # transient: forced off, its definition is lost
        assert lab.engine.judge(command("vm.force-off"), chosen).level is Level.LOSS
        ids = lab.engine.submit(command("vm.force-off"), [chosen], {}, agreed=Level.FORCED)
        (view,) = await lab.engine.wait(ids)
        assert view.phase is TaskPhase.REFUSED
        assert "stronger confirmation" in view.message
        assert lab.world.calls == []


@virtual
async def test_a_host_that_does_not_answer_when_read_again_has_nothing_done_to_it(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        chosen = target(lab, "web-1")
        lab.faults.silence("hv1")
        (view,) = await lab.engine.wait(lab.engine.submit(command("vm.pause"), [chosen], {}))
        assert view.phase is TaskPhase.FAILED
        assert "nothing was done" in view.message
        assert lab.world.calls == []


@virtual
async def test_answers_that_will_not_do_begin_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        with pytest.raises(Refused):
            lab.engine.submit(command("vm.rename"), [target(lab, "mail")], {"name": ""})
        assert lab.engine.fleet.tasks == ()


# --- several ---------------------------------------------------------------------------------


@virtual
async def test_after_two_failures_the_rest_is_left_alone(tmp_path: Path) -> None:
    async with running(tmp_path, parallel_per_host=1) as lab:
        for name in WEBS[1:3]:
            lab.faults.refuse(Conflict(f"{name} will not."), verb="pause", uuid=lab.ref(name).uuid)
        views = await do(lab, "vm.pause", *WEBS[:6])
        phases = [view.phase for view in views]
        assert phases == [TaskPhase.DONE, TaskPhase.FAILED, TaskPhase.FAILED, *[TaskPhase.CANCELLED] * 3]
        assert views[1].message == "web-frontend-prod-02 will not."
        assert views[4].message == "Skipped: 2 before it failed; nothing was done."
        assert len(sent(lab, "pause")) == 3
        assert [record["result"] for record in journal(lab) if record["kind"] == "end"][-1] == "cancelled"


@virtual
async def test_what_came_of_two_is_not_known_so_the_rest_is_left_alone(tmp_path: Path) -> None:
    async with running(tmp_path, parallel_per_host=1) as lab:
        lab.faults.lose_reply("hv1", verb="pause", done=False, times=2)
        views = await do(lab, "vm.pause", *WEBS[:4])
        phases = [view.phase for view in views]
        assert phases == [*[TaskPhase.UNKNOWN] * 2, *[TaskPhase.CANCELLED] * 2]
        assert len(sent(lab, "pause")) == 2


@virtual
async def test_refusals_do_not_stop_the_rest(tmp_path: Path) -> None:
    async with running(tmp_path, parallel_per_host=1) as lab:
        views = await do(lab, "vm.pause", "mail", "db-2", "web-1", "web-2")
        assert [view.phase for view in views] == [
            TaskPhase.REFUSED,
            TaskPhase.REFUSED,
            TaskPhase.DONE,
            TaskPhase.DONE,
        ]


@virtual
async def test_four_at_once_on_a_host_in_the_order_given(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.slow("hv1", 0.5)
        chosen = [target(lab, name) for name in WEBS]
        lab.engine.submit(command("vm.pause"), chosen, {})
        other = lab.engine.submit(command("vm.pause"), [target(lab, "web-4")], {})
        most = 0
        for _ in range(600):
            phases = [task.phase for task in lab.engine.fleet.tasks if task.host == "hv1"]
            most = max(most, phases.count(TaskPhase.RUNNING))
            await asyncio.sleep(0.01)
        assert most == 4
        assert sent(lab, "pause")[0] == lab.ref("web-4").uuid  # another host's is not held up
        order = [one.uuid for one in chosen]
        assert set(sent(lab, "pause")[1:5]) == set(order[:4])
        assert set(sent(lab, "pause")[5:]) == set(order[4:])
        assert (await lab.engine.wait(other))[0].phase is TaskPhase.DONE


# --- outcomes that are not known -------------------------------------------------------------


@virtual
async def test_an_answer_that_was_lost_is_proved_by_reading_again(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.lose_reply("hv1", verb="pause", done=True)
        (view,) = await do(lab, "vm.pause", "web-1")
        assert view.phase is TaskPhase.DONE
        assert "(seen by reading again)" in view.message
        assert len(sent(lab, "pause")) == 1


@virtual
async def test_an_answer_that_was_lost_and_shows_nothing_is_unknown_and_not_sent_again(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.lose_reply("hv1", verb="pause", done=False)
        (view,) = await do(lab, "vm.pause", "web-1")
        assert view.phase is TaskPhase.UNKNOWN
        assert "not known" in view.message
        assert len(sent(lab, "pause")) == 1
        assert journal(lab)[-1]["result"] == "unknown"
        assert lab.vm("web-1").state is VmState.RUNNING


@virtual
async def test_a_guest_that_could_not_be_read_to_the_end_is_not_said_to_be_still_on(tmp_path: Path) -> None:
    async with running(tmp_path, shutdown_wait=30.0) as lab:
        ids = lab.engine.submit(command("vm.shutdown"), [target(lab, "erp")], {})
        await lab.until(lambda: bool(sent(lab, "shutdown")))
        lab.faults.silence("hv2")
        (view,) = await lab.engine.wait(ids)
        assert view.phase is TaskPhase.UNKNOWN
        assert "still" not in view.message
        assert "not known" in view.message
        assert len(sent(lab, "shutdown")) == 1


@virtual
async def test_a_change_without_a_proof_is_unknown_when_its_answer_is_lost(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        assert command("vm.reset").proof is None
        lab.faults.lose_reply("hv1", verb="reset", done=True)
        (view,) = await do(lab, "vm.reset", "web-1")
        assert view.phase is TaskPhase.UNKNOWN
        assert len(sent(lab, "reset")) == 1


@virtual
async def test_a_connection_that_breaks_under_a_change_leaves_its_outcome_to_be_read(tmp_path: Path) -> None:
    async with running(tmp_path, backoff_first=0.5) as lab:
        lab.faults.slow("hv1", 3.0)
        ids = lab.engine.submit(command("vm.pause"), [target(lab, "web-1")], {})
        await lab.until(lambda: bool(sent(lab, "pause")))
        lab.faults.slow("hv1", 0.0)
        lab.faults.cut("hv1", "End of file.")
        (view,) = await lab.engine.wait(ids)
        assert view.phase is TaskPhase.UNKNOWN
        assert len(sent(lab, "pause")) == 1


@virtual
async def test_leaving_ends_what_runs_as_unknown_and_what_waits_as_cancelled(tmp_path: Path) -> None:
    async with running(tmp_path, parallel_per_host=1) as lab:
        lab.world.host("hv1").guest(lab.ref("web-1").uuid).deaf = True
        lab.engine.submit(command("vm.shutdown"), [target(lab, "web-1"), target(lab, "web-2")], {})
        await lab.until(lambda: bool(sent(lab, "shutdown")))
        await asyncio.sleep(5)
    ends = {record["vm"]: record["result"] for record in journal(lab) if record["kind"] == "end"}
    assert ends == {"web-1": "unknown", "web-2": "cancelled"}


# --- cancelling ------------------------------------------------------------------------------


@virtual
async def test_a_task_that_waits_its_turn_is_cancelled_with_nothing_done(tmp_path: Path) -> None:
    async with running(tmp_path, parallel_per_host=1) as lab:
        lab.faults.slow("hv1", 1.0)
        first, second = lab.engine.submit(command("vm.pause"), [target(lab, "web-1"), target(lab, "web-2")], {})
        await asyncio.sleep(0.5)
        assert lab.engine.cancel(second)
        assert not lab.engine.cancel(first)  # it is on its way
        views = await lab.engine.wait((first, second))
        assert [view.phase for view in views] == [TaskPhase.DONE, TaskPhase.CANCELLED]
        assert sent(lab, "pause") == [lab.ref("web-1").uuid]


@virtual
async def test_waiting_for_a_guest_can_be_given_up(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        ref = lab.ref("web-1")
        lab.world.host("hv1").guest(ref.uuid).deaf = True
        ids = lab.engine.submit(command("vm.shutdown"), [target(lab, "web-1")], {})
        await asyncio.sleep(5)
        (view,) = [task for task in lab.engine.fleet.tasks if task.id in ids]
        cancel = lab.engine.submit(command("task.cancel"), [Target.of_task(view)], {})
        assert (await lab.engine.wait(cancel))[0].phase is TaskPhase.DONE
        (view,) = await lab.engine.wait(ids)
        assert view.phase is TaskPhase.CANCELLED
        assert "may still happen" in view.message
        assert ref in lab.engine.fleet.stopping
        assert not lab.engine.cancel(ids[0])


@virtual
async def test_what_a_host_was_asked_cannot_be_stopped_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.slow("hv1", 5.0)
        ids = lab.engine.submit(command("vm.pause"), [target(lab, "web-1")], {})
        await lab.until(lambda: any(task.phase is TaskPhase.RUNNING for task in lab.engine.fleet.tasks))
        (view,) = [task for task in lab.engine.fleet.tasks if task.id in ids]
        cancel = lab.engine.submit(command("task.cancel"), [Target.of_task(view)], {})
        (refused,) = await lab.engine.wait(cancel)
        assert refused.phase is TaskPhase.REFUSED
        assert "pause web-1 cannot be stopped: hv1 was asked, and has not answered yet." in refused.message
        (view,) = await lab.engine.wait(ids)
        assert view.phase is TaskPhase.DONE


@virtual
async def test_a_lost_answer_that_is_no_longer_waited_for_is_unknown_and_not_cancelled(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.lose_reply("hv1", verb="pause", done=False)
        ids = lab.engine.submit(command("vm.pause"), [target(lab, "web-1")], {})
        await lab.until(lambda: any("no answer came" in task.message for task in lab.engine.fleet.tasks))
        assert lab.engine.cancel(ids[0])
        (view,) = await lab.engine.wait(ids)
        assert view.phase is TaskPhase.UNKNOWN
        assert "may still happen" in view.message


@virtual
async def test_what_can_be_ended_half_way_is_ended_and_says_what_is_so_then(tmp_path: Path) -> None:
    stopped = asyncio.Event()

    async def copy(context: Context, chosen: Target, _answers: Answers) -> str:
        context.progress("copying", 40.0)
        with context.stoppable(stopped.set):
            await stopped.wait()
        raise Aborted(f"The copy of {chosen.name} was given up and removed.")

    async with running(tmp_path) as lab:
        row = replace(command("vm.nmi"), run=copy)
        ids = lab.engine.submit(row, [target(lab, "web-1")], {})
        await lab.until(lambda: any(task.percent == 40.0 for task in lab.engine.fleet.tasks))
        assert lab.engine.cancel(ids[0])
        (view,) = await lab.engine.wait(ids)
        assert view.phase is TaskPhase.CANCELLED
        assert view.message == "The copy of web-1 was given up and removed."
        assert journal(lab)[-1]["result"] == "cancelled"


@virtual
async def test_what_others_ended_has_failed(tmp_path: Path) -> None:
    async def copy(_context: Context, _target: Target, _answers: Answers) -> str:
        raise Aborted("The copy was ended, not by kvmtui.")

    async with running(tmp_path) as lab:
        (view,) = await lab.engine.wait(
            lab.engine.submit(replace(command("vm.nmi"), run=copy), [target(lab, "web-1")], {})
        )
        assert view.phase is TaskPhase.FAILED
        assert "not by kvmtui" in view.message


@virtual
async def test_letting_go_of_a_host_does_not_queue_behind_what_hangs_there(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.slow("hv1", 25.0)
        lab.engine.submit(command("vm.pause"), [target(lab, name) for name in WEBS], {})
        await asyncio.sleep(1)
        entry = lab.engine.scene().fleet.host("hv1")
        assert entry is not None
        (view,) = await lab.engine.wait(lab.engine.submit(command("host.disconnect"), [Target.of_host(entry)], {}))
        assert view.phase is TaskPhase.DONE
        assert view.ended is not None
        assert view.ended - view.started < 0.5


# --- faults ----------------------------------------------------------------------------------


@virtual
async def test_a_fault_of_the_program_is_raised_not_dressed_up(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:

        async def broken(*_: object) -> str:
            raise ZeroDivisionError

        ids = lab.engine.submit(replace(command("vm.pause"), run=broken), [target(lab, "web-1")], {})
        with pytest.raises(ZeroDivisionError):
            await lab.engine.wait(ids)
        with pytest.raises(ZeroDivisionError):
            await lab.engine.fault()
        assert [record["kind"] for record in journal(lab)] == ["begin"]


@virtual
async def test_a_journal_that_cannot_be_written_does_not_keep_an_admin_from_acting(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.engine.journal.path.mkdir()
        (view,) = await do(lab, "vm.start", "mail")
        assert view.phase is TaskPhase.DONE
        assert lab.said("cannot be written")


@virtual
async def test_two_hundred_tasks_are_kept_and_none_that_runs_is_dropped(tmp_path: Path) -> None:
    async with running(tmp_path, parallel_per_host=1) as lab:
        lab.world.host("hv2").guest(lab.ref("cache-1").uuid).deaf = True
        on = command("vm.autostart-on")
        (first,) = lab.engine.submit(command("vm.shutdown"), [target(lab, "cache-1")], {})
        ids = [id_ for _ in range(70) for id_ in lab.engine.submit(on, [target(lab, name) for name in WEBS[:3]], {})]
        assert len(await lab.engine.wait(ids)) == 210
        lab.engine.submit(command("vm.autostart-on"), [target(lab, "web-1")], {})
        await asyncio.sleep(1)
        assert len(lab.engine.fleet.tasks) <= 201
        assert any(task.id == first for task in lab.engine.fleet.tasks)


@virtual
async def test_errors_of_a_host_end_as_one_sentence(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.refuse(BackendError("The disk is gone.", hint="Bring it back."), verb="start")
        (view,) = await do(lab, "vm.start", "mail")
        assert view.phase is TaskPhase.FAILED
        assert view.message == "The disk is gone. Bring it back."


@virtual
async def test_what_the_journal_could_not_take_is_in_it_when_there_is_room_again(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.engine.journal.path.mkdir()
        await do(lab, "vm.start", "mail")
        lab.engine.journal.path.rmdir()
        await lab.until(lambda: lab.said("written again"))
        assert [(record["kind"], record["vm"]) for record in journal(lab)] == [("begin", "mail"), ("end", "mail")]


@virtual
async def test_what_the_journal_could_not_take_is_written_at_the_end_at_the_latest(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.engine.journal.path.mkdir()
        await do(lab, "vm.start", "mail")
        lab.engine.journal.path.rmdir()
        assert await lab.engine.stop() == ()
        assert [(record["kind"], record["vm"]) for record in journal(lab)] == [("begin", "mail"), ("end", "mail")]


@virtual
async def test_whoever_ends_the_program_is_told_what_that_broke_off(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.world.host("hv1").guest(lab.ref("web-1").uuid).deaf = True
        lab.engine.submit(command("vm.shutdown"), [target(lab, "web-1")], {})
        await lab.until(lambda: bool(sent(lab, "shutdown")))
        assert await lab.engine.stop() == ("shut down web-1: kvmtui ended before the outcome was known.",)
