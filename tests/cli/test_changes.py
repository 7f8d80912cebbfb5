"""Verbs on a simulated fleet: which VM is meant, what is asked first, what is done, and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmtui.cli.act import code_for
from kvmtui.cli.output import Exit
from kvmtui.commands.naming import find
from kvmtui.core.errors import BackendError, NotFound, Refused
from kvmtui.core.inventory import TaskPhase, VmState
from tests.commands.scenes import OTHER, UUID, a_vm, entry, scene

if TYPE_CHECKING:
    from tests.cli.shell import Shell


# --- which VM ---


@pytest.mark.parametrize("word", ["web-1", "hv1/web-1", UUID, UUID.upper(), f"hv1/{UUID}", "a/b"])
def test_ways_to_name_a_vm(word: str) -> None:
    name = word if word == "a/b" else "web-1"
    fleet = scene(entry(vms=[a_vm(name=name)]), entry("hv2", [a_vm(uuid=OTHER, name="db-1")])).fleet
    assert find(fleet, word).vm.uuid == UUID


def test_a_name_on_two_hosts_is_refused_with_both_written_out() -> None:
    fleet = scene(entry(vms=[a_vm()]), entry("hv2", [a_vm(uuid=OTHER)])).fleet
    with pytest.raises(Refused, match=r"web-1 is on several hosts: hv1/web-1, hv2/web-1\."):
        find(fleet, "web-1")
    assert find(fleet, "hv2/web-1").vm.uuid == OTHER
    same = scene(entry(vms=[a_vm()]), entry("hv2", [a_vm()])).fleet
    with pytest.raises(Refused):
        find(same, UUID)


def test_a_name_that_is_nowhere_says_which_hosts_were_not_heard() -> None:
    with pytest.raises(NotFound, match=r"Not heard: hv2\."):
        find(scene(entry(vms=[a_vm()]), entry("hv2", state=None)).fleet, "nobody")


def test_a_mistyped_vm_is_answered_with_the_nearest(kvmtui: Shell) -> None:
    done = kvmtui("vm", "start", "prometeus-1")
    assert done.code == Exit.FAILED
    assert "There is no VM prometeus-1. Did you mean prometheus-1?" in done.err
    assert kvmtui.world.calls == []


# --- changes ---


def test_a_verb_without_questions_is_done(kvmtui: Shell) -> None:
    assert kvmtui("vm", "autostart-off", "web-1") == (0, "web-1 no longer starts with its host.\n", "")
    assert not kvmtui.world.vm("web-1").autostart


def test_what_the_screen_would_ask_is_refused_without_yes(kvmtui: Shell) -> None:
    done = kvmtui("vm", "shutdown", "web-1", "web-2")
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert "Not done without --yes: shut down hv1/web-1, hv1/web-2?" in done.err
    assert kvmtui.state("web-1") is VmState.RUNNING
    document = kvmtui("vm", "force-off", "web-1", "--json").document
    assert "--yes" in document["error"]
    assert kvmtui.state("web-1") is VmState.RUNNING


def test_yes_does_it(kvmtui: Shell) -> None:
    done = kvmtui("vm", "shutdown", "web-1", "--yes")
    assert (done.code, done.out) == (0, "web-1 is off.\n")
    assert kvmtui.state("web-1") is VmState.OFF


def test_virshs_name_for_a_verb_asks_the_same(kvmtui: Shell) -> None:
    assert kvmtui("vm", "destroy", "web-1").code == Exit.FAILED
    assert kvmtui("vm", "destroy", "web-1", "--yes").code == 0
    assert kvmtui.state("web-1") is VmState.OFF


def test_a_start_that_would_oversell_the_memory_says_so_and_asks(kvmtui: Shell) -> None:
    done = kvmtui("vm", "start", "mail")
    assert done.code == Exit.FAILED
    assert "could then want" in done.err
    assert kvmtui("vm", "start", "mail", "--yes").code == 0
    assert kvmtui.state("mail") is VmState.RUNNING


def test_a_refusal_says_why(kvmtui: Shell) -> None:
    done = kvmtui("vm", "start", "web-1")
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert "web-1 is already running." in done.err
    errors = kvmtui("vm", "start", "web-1", "--json").document["errors"]
    assert errors[0]["error"] == "web-1 is already running."


def test_some_of_several(kvmtui: Shell) -> None:
    done = kvmtui("vm", "pause", "web-1", "mail", "--yes")
    assert done.code == Exit.SOME_FAILED
    assert "web-1 is paused." in done.out
    assert "mail is off" in done.err


def test_a_name_that_is_not_there_stops_everything(kvmtui: Shell) -> None:
    done = kvmtui("vm", "pause", "web-1", "nobody", "--yes")
    assert done.code == Exit.FAILED
    assert "There is no VM nobody." in done.err
    assert kvmtui.state("web-1") is VmState.RUNNING


def test_read_only_changes_nothing(kvmtui: Shell) -> None:
    done = kvmtui("vm", "shutdown", "web-1", "--yes", "--read-only")
    assert done.code == Exit.FAILED
    assert "read-only" in done.err
    assert kvmtui.state("web-1") is VmState.RUNNING


def test_disks_are_deleted_only_when_they_are_named(kvmtui: Shell) -> None:
    vm = kvmtui.world.vm("mail")
    disks = [disk.target for disk in vm.disks if disk.device == "disk"]
    assert kvmtui("vm", "delete", "mail").code == Exit.FAILED
    done = kvmtui("vm", "delete", "mail", "--yes", "--disks", disks[0])
    assert done.code == 0
    assert f"{disks[0]} (" in done.out
    assert disks[1] not in done.out
    with pytest.raises(NotFound):
        kvmtui.world.vm("mail")


def test_a_disk_that_is_not_there_is_refused(kvmtui: Shell) -> None:
    done = kvmtui("vm", "delete", "mail", "--yes", "--disks", "vdz")
    assert done.code == Exit.FAILED
    assert "vdz" in done.err
    assert kvmtui.world.vm("mail").disks


def test_what_is_not_said_stays_as_it_is(kvmtui: Shell) -> None:
    before = kvmtui.world.vm("web-frontend-prod-01")
    assert kvmtui("vm", "describe", before.name, "--title", "New").code == 0
    after = kvmtui.world.vm(before.name)
    assert (after.title, after.description) == ("New", before.description)
    assert kvmtui("vm", "tags", "web-1", "--tags", "a,b").code == 0
    assert kvmtui.world.vm("web-1").tags == ("a", "b")


def test_a_failure_of_the_host_is_told(kvmtui: Shell) -> None:
    kvmtui.world.faults.refuse(BackendError("The disk of mail is broken."), verb="start")
    done = kvmtui("vm", "start", "mail", "--yes")
    assert (done.code, done.out) == (Exit.FAILED, "")
    assert "start mail: failed: The disk of mail is broken." in done.err
    task = kvmtui("vm", "start", "mail", "--yes", "--json").document["tasks"][0]
    assert (task["phase"], task["message"]) == ("failed", "The disk of mail is broken.")


def test_an_outcome_that_is_not_known(kvmtui: Shell) -> None:
    kvmtui.world.faults.patience = 0.01
    kvmtui.world.faults.lose_reply("hv1", verb="nmi", done=True)
    done = kvmtui("vm", "nmi", "web-1", "--yes", "--json")
    assert done.code == Exit.UNKNOWN
    assert done.document["tasks"][0]["phase"] == "unknown"


@pytest.mark.parametrize(
    ("phases", "refused", "code"),
    [
        ((TaskPhase.DONE,), 0, Exit.DONE),
        ((TaskPhase.DONE, TaskPhase.DONE), 0, Exit.DONE),
        ((TaskPhase.FAILED,), 0, Exit.FAILED),
        ((TaskPhase.REFUSED,), 0, Exit.FAILED),
        ((TaskPhase.CANCELLED,), 0, Exit.FAILED),
        ((), 2, Exit.FAILED),
        ((TaskPhase.UNKNOWN,), 0, Exit.UNKNOWN),
        ((TaskPhase.UNKNOWN, TaskPhase.DONE), 0, Exit.UNKNOWN),
        ((TaskPhase.UNKNOWN, TaskPhase.FAILED), 0, Exit.UNKNOWN),
        ((TaskPhase.DONE, TaskPhase.FAILED), 0, Exit.SOME_FAILED),
        ((TaskPhase.DONE,), 1, Exit.SOME_FAILED),
    ],
)
def test_exit_codes(phases: tuple[TaskPhase, ...], refused: int, code: Exit) -> None:
    assert code_for(phases, refused) is code
