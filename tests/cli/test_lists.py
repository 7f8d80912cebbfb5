"""Hosts, VMs and tasks as tables and as JSON, with hosts that do not answer among them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from kvmtui.cli import headless
from kvmtui.cli.output import Exit
from kvmtui.core.fields import VM_FIELDS
from kvmtui.core.fields.field import natural
from kvmtui.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.shell import Shell


# --- lists ---


def test_vms_are_listed_and_aligned(kvmtui: Shell) -> None:
    done = kvmtui("vms", "host:hv1", "--columns", "name,state,host", "--sort=name")
    assert (done.code, done.err) == (0, "")
    head, *rows = done.out.splitlines()
    assert head.split() == ["VM", "STATE", "HOST"]
    place = head.index("STATE")
    names = [row[:place].strip() for row in rows]
    assert "web-1" in names
    assert names == sorted(names)
    assert all(row.rstrip() == row and row[place - 1] == " " for row in rows)


def test_the_order_can_be_reversed(kvmtui: Shell) -> None:
    there = kvmtui("vms", "--columns", "name", "--sort", "name").out.splitlines()[1:]
    back = kvmtui("vms", "--columns", "name", "--sort=-name").out.splitlines()[1:]
    assert back == there[::-1]


def test_vms_as_one_document_with_every_field(kvmtui: Shell) -> None:
    done = kvmtui("vms", "web-1", "-name:prod", "--json", "--rates")
    [vm] = done.document["vms"]
    assert done.document["errors"] == []
    assert set(vm) == {field.name for field in VM_FIELDS}
    assert (vm["name"], vm["host"], vm["state"], vm["uuid"]) == (
        "web-1", "hv1", "running", kvmtui.world.vm("web-1").uuid,
    )  # fmt: skip
    assert isinstance(vm["cpu"], float)


def test_hosts_are_listed_with_their_load(kvmtui: Shell) -> None:
    done = kvmtui("hosts", "--json", "--rates")
    assert [host["name"] for host in done.document["hosts"]] == ["hv1", "hv2", "hv3"]
    assert all(host["cpu"] is not None for host in done.document["hosts"])
    assert "hv2" in kvmtui("hosts", "--columns", "name,vms").out


def test_a_json_document_does_not_wait_for_rates_that_nobody_asked_for(kvmtui: Shell) -> None:
    (vm,) = kvmtui("vms", "web-1", "-name:prod", "--json").document["vms"]
    assert (vm["cpu"], vm["state"]) == (None, "running")
    (named,) = kvmtui("vms", "web-1", "-name:prod", "--json", "--columns", "cpu").document["vms"]
    assert isinstance(named["cpu"], float)
    assert kvmtui("vms", "cpu>=0", "web-1", "--json").document["vms"]


def test_nothing_that_matches_is_said_beside_the_output(kvmtui: Shell) -> None:
    done = kvmtui("vms", "name:nobody", "--columns", "name")
    assert (done.code, done.out, done.err) == (0, "", "kvmtui: No VMs match.\n")
    assert kvmtui("vms", "name:nobody", "--json").document["vms"] == []


def test_a_vm_is_shown_with_all_that_is_known(kvmtui: Shell) -> None:
    done = kvmtui("vm", "show", "web-1", "hv1/db-2")
    assert "52:54:00" in done.out
    assert "paused: pool full" in done.out
    document = kvmtui("vm", "show", "web-1", "--json").document
    assert document["vms"][0]["disk"][0]["target"] == "vda"


def test_vms_stand_by_name_when_nobody_asks_for_another_order(kvmtui: Shell) -> None:
    names = [row["name"] for row in kvmtui("vms", "--json").document["vms"]]
    assert names == sorted(names, key=natural)
    assert len(names) > 1


def test_a_mistyped_column_is_guessed(kvmtui: Shell) -> None:
    done = kvmtui("vms", "--columns", "nmae")
    assert (done.code, done.err) == (2, "kvmtui: There is no column nmae. Did you mean name?\n")
    assert "There are name, state, host" in kvmtui("vms", "--sort", "qqqq").err


# --- hosts that do not answer ---


def test_a_host_that_refuses_is_said_and_the_rest_is_shown(kvmtui: Shell) -> None:
    kvmtui.world.faults.close_door("hv2")
    done = kvmtui("vms", "--columns", "name,host")
    assert done.code == 0
    assert "hv2" in done.err
    assert "web-1" in done.out
    assert "hv2" not in done.out
    document = kvmtui("vms", "--columns", "name", "--json").document
    assert [error["host"] for error in document["errors"]] == ["hv2"]


def test_without_any_host_there_is_a_sentence_and_exit_3(kvmtui: Shell) -> None:
    for host in ("hv1", "hv2", "hv3"):
        kvmtui.world.faults.close_door(host)
    for words in (("vms",), ("vm", "start", "mail"), ("vm", "show", "mail")):
        done = kvmtui(*words)
        assert (done.code, done.out) == (Exit.NO_HOST, "")
        assert "refused the connection" in done.err
        assert "refused the connection" in kvmtui(*words, "--json").document["error"]
    hosts = kvmtui("hosts", "--columns", "name", "--json")
    assert hosts.code == Exit.NO_HOST
    assert len(hosts.document["hosts"]) == len(hosts.document["errors"]) == 3


def test_a_host_that_says_nothing_is_waited_for_only_so_long(kvmtui: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headless, "REACH_WITHIN", 0.5)
    kvmtui.world.faults.silence("hv3")
    done = kvmtui("vms", "--columns", "name,host")
    assert done.code == 0
    assert "hv3" in done.err
    assert "hv1" in done.out


def test_no_libvirt_and_no_host_never_means_the_demo(kvmtui: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvmtui.host_choice import Machine

    monkeypatch.setattr(Machine, "look", classmethod(lambda cls: cls("here")))
    done = kvmtui.bare("vms")
    assert (done.code, done.out) == (Exit.NO_HOST, "")
    assert "no libvirt" in done.err


# --- tasks ---


def test_what_was_done_is_in_the_journal(kvmtui: Shell) -> None:
    kvmtui("vm", "autostart-off", "web-1")
    kvmtui("vm", "shutdown", "web-2", "--yes")
    tasks = kvmtui.bare("tasks", "--json").document["tasks"]
    assert [(task["vm"], task["phase"]) for task in tasks] == [("web-2", "done"), ("web-1", "done")]
    assert tasks[0]["virsh"].endswith("shutdown web-2")
    assert kvmtui.bare("tasks", "vm:web-1", "--limit", "5").out.count("\n") == 2


def test_a_task_whose_process_died_is_unknown(kvmtui: Shell) -> None:
    code = (
        "import os\n"
        "from kvmtui.core.inventory import TaskPhase, TaskView\n"
        "from kvmtui.journal import Journal\n"
        "Journal().begin(TaskView('9-1', 'vm.start', 'start', 'hv1', '', 'web-1', '', 'ann', TaskPhase.RUNNING, 1.0))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    [task] = kvmtui.bare("tasks", "--json").document["tasks"]
    assert (task["vm"], task["phase"]) == ("web-1", "unknown")


def test_no_tasks_yet(kvmtui: Shell) -> None:
    assert kvmtui.bare("tasks") == (0, "", "kvmtui: There are no tasks yet.\n")
    assert kvmtui.bare("tasks", "--json").document == {"tasks": []}
    assert Journal().read() == ()


def test_a_journal_that_cannot_be_read_is_not_an_empty_one(
    kvmtui: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "kvmtui/journal.jsonl").mkdir(parents=True)
    done = kvmtui.bare("tasks")
    assert (done.code, done.out) == (1, "")
    assert done.err == f"kvmtui: The journal {tmp_path}/kvmtui/journal.jsonl cannot be read: Is a directory.\n"
