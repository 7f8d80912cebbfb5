"""Calls of a host that do not end: a hook that holds up a start, a pool that is refreshed for ever, VMs that vanish."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.real.lab.gate import Gate, SlowPool
from tests.real.program import Home, Program, kvmtui
from tests.real.test_faults_hosts import LEAVES, leave_at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.lab import Host, Lab

HASTY = """
import sys
from kvmtui.backend.libvirt import power
from kvmtui.tasks import runner
power.START_SECONDS, runner._PROOF = 3.0, 3.0
from kvmtui.__main__ import main
sys.exit(main())
"""
LOOKS_LONG = """
import sys
from kvmtui.backend.libvirt import power
from kvmtui.tasks import runner
power.START_SECONDS, runner._PROOF = 1.0, 300.0
from kvmtui.__main__ import main
sys.exit(main())
"""


def test_a_start_that_a_hook_holds_up_is_unknown_until_it_is_seen(own_host: Host, lab: Lab) -> None:
    held, other, _third = lab.crowd(own_host, 3)
    gate = Gate(own_host, "prepare begin")
    own_host.virsh("destroy", held.name)
    gate.shut()
    home = Home({own_host.name: own_host.uri})
    try:
        with Program(home, argv=[sys.executable, "-c", HASTY]) as program:
            program.wait_vm(held.name, "off")
            program.ask(f"start {held.name}")
            gate.wait_reached()
            program.keys_work()
            program.ask(f"pause {other.name}")
            program.confirm(f"Pause {other.name}")
            program.wait_vm(other.name, "paused")
            assert other.state() == "paused"
            program.wait_said("Whether it was done is not known, and it is not tried again")
            program.wait(rf"^.!.{held.name} ")  # it is a problem
            assert [line["result"] for line in home.journal() if "result" in line] == ["done", "unknown"]
            gate.open()
            program.wait_vm(held.name, rf"on +{own_host.name}", timeout=30)
            program.wait_said(rf"start {held.name}.*is running on {own_host.name}, as was asked")
            program.wait(rf"^(>| ) .{held.name} ")
            assert home.journal()[-1]["result"] == "done"
            program.leave()
    finally:
        gate.open()
    assert "Traceback" not in home.log()


def cancel(program: Program, task: str) -> None:
    """Ask the newest task to stop, on the page of the tasks."""
    program.keys("7")
    program.wait(rf"^>.*{task}")
    program.keys("!")
    program.wait(rf"^ !  {task}")
    program.keys("c")
    program.confirm(rf"Cancel {task}\?", "!")


def test_a_start_that_a_hook_holds_up_is_not_said_to_be_cancelled(own_host: Host, lab: Lab) -> None:
    """It cannot be called back: neither by cancelling it, nor by leaving the program, nor by waiting no longer."""
    one, other = lab.crowd(own_host, 2)
    gate = Gate(own_host, "prepare begin")
    own_host.virsh(f"destroy {one.name}; destroy {other.name}")
    gate.shut()
    home = Home({own_host.name: own_host.uri})
    try:
        with Program(home) as program:
            program.wait_vm(one.name, "off")
            program.ask(f"start {one.name}")
            gate.wait_reached()
            cancel(program, f"start {one.name}")
            program.wait_said(rf"start {one.name} cannot be stopped: {own_host.name} was asked, and has not answered")
            program.wait(rf"start +{one.name} +{own_host.name} +running")
            program.keys("Q")
            program.confirm(r"Quit while a task runs\?")
            assert program.wait_exit(LEAVES) == 0
        gate.open()
        with Program(home, argv=[sys.executable, "-c", LOOKS_LONG]) as program:
            program.wait_said(rf"start {one.name}: {one.name} is running on {own_host.name}, as was asked")
            gate.shut()
            program.ask(f"start {other.name}")
            gate.wait_reached()
            program.wait("no answer came: reading again")
            cancel(program, f"start {other.name}")
            program.wait(rf"start +{other.name} +{own_host.name} +unknown")
            gate.open()
            program.keys("1")
            program.wait_said(rf"start {other.name}: .*{other.name} is running on {own_host.name}, as was asked")
            program.wait_vm(other.name, rf"on +{own_host.name}", timeout=60)
            assert "not by kvmtui" not in program.text()
            ended = [line for line in home.journal() if line["command"] == "vm.start" and "result" in line]
            results = [(line["vm"], line["result"]) for line in ended]
            assert results == [(guest.name, how) for guest in (one, other) for how in ("unknown", "done")]
            program.leave()
    finally:
        gate.open()
    assert "Traceback" not in home.log()


@pytest.fixture
def slow(own_host: Host) -> Iterator[SlowPool]:
    pool = SlowPool(own_host)
    yield pool
    pool.go_on()


def test_a_pool_that_is_refreshed_for_ever_holds_up_nothing_else(own_host: Host, slow: SlowPool, lab: Lab) -> None:
    one, other, _third = lab.crowd(own_host, 3)
    with Program.on(own_host) as program:
        program.wait_vm(one.name, "on")
        slow.hang()
        program.keys("r")
        program.wait_said("pool slow on .*what it holds is as last seen")
        program.keys_work()
        own_host.virsh("destroy", one.name)
        program.wait_vm(one.name, "off")
        program.ask(f"pause {other.name}")
        program.confirm(f"Pause {other.name}")
        program.wait_vm(other.name, "paused")
        program.ask("create --name never --accel qemu")
        program.wait(r"^ New VM")
        program.wait(r"pool \* +default")
        program.keys("escape")
        program.wait_gone(r"^ New VM")
        slow.go_on()
        program.wait_said("the storage of .*again")
        program.leave()
        assert "Traceback" not in program.home.log()


def test_a_host_whose_storage_hangs_from_the_start_is_shown_without_it(
    own_host: Host, slow: SlowPool, lab: Lab
) -> None:
    (guest,) = lab.crowd(own_host, 1)
    slow.hang()
    home = Home({own_host.name: own_host.uri})
    listed = kvmtui("vms", home=home)
    assert listed.returncode == 0, listed.stderr
    assert guest.name in listed.stdout
    with Program(home) as program:
        program.wait_vm(guest.name, "on")
        leave_at_once(program)
    with Program(home) as program:
        program.wait_vm(guest.name, "on")
        program.ask("create --name never --accel qemu")
        program.wait_said("what pools it has is not known yet")
        slow.go_on()
        program.wait_said("the storage of .*again")
        program.wait_host(own_host.name, r"50 %")
        program.leave()


def test_vms_that_come_and_go_all_the_time_are_no_trouble(own_host: Host, lab: Lab) -> None:
    """Between the listing and the asking each of them may have gone."""
    stays, *others = lab.crowd(own_host, 6)
    over = threading.Event()

    def churn() -> None:
        while not over.is_set():
            for one in others:
                file = own_host.folder / f"guests/crowd/{one.name}.xml"
                own_host.virsh(f"destroy {one.name}; undefine {one.name}; define {file}; start {one.name}")

    with Program.on(own_host) as program:
        churning = threading.Thread(target=churn)
        churning.start()
        try:
            began = time.monotonic()
            while time.monotonic() - began < 4:
                program.keys("r", "j")
                listed = kvmtui("vms", "--json", home=program.home)
                assert listed.returncode == 0, listed.stderr
                assert stays.name in listed.stdout
        finally:
            over.set()
            churning.join(60)
        assert "hosts 1/1" in program.text()
        for one in (stays, *others):
            program.wait_vm(one.name, rf"on +{own_host.name}", timeout=60)
        program.leave()
        noise = [line for line in program.home.log().splitlines() if " ERROR " in line or " WARNING " in line]
        assert noise == []
