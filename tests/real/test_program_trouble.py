"""Hosts and guests that hang, crash and come back, as the screen shows them; and a terminal that nothing spoils."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Guest, Host, Lab, until
from tests.real.lab.guest import crowd
from tests.real.program import SETTINGS, Home, Program
from tests.real.test_faults_hosts import leave_at_once, leaves_at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

USUAL = "[ui]\nrefresh = 1.0\n"  # what finds a silent host, and brings it back, as everybody has it
SAYS_SO = 10.0  # seconds within which the row of a host says that it does not answer


@pytest.fixture
def others(hv1: Host) -> Iterator[list[Guest]]:
    """A few guests on hv1 that cost nothing, beside the host that gets into trouble."""
    guests = crowd(hv1, 4, prefix="well")
    yield guests
    for guest in guests:
        guest.remove()


def test_a_host_that_hangs_says_so_and_spoils_nothing_else(
    others: list[Guest], hv1: Host, own_host: Host, lab: Lab
) -> None:
    _, well, *_ = others
    _, mended = lab.crowd(own_host, 2)
    with Program.on(hv1, own_host, settings=USUAL) as program:
        program.wait_vm("crowd-02", rf"on +{own_host.name}")
        own_host.stop()
        try:
            program.wait_host(own_host.name, r"no answer since \d\d:\d\d:\d\d", timeout=SAYS_SO)
            program.wait(r"hosts 1/2")
            program.wait(rf"^.{{3}}2 VMs of {own_host.name} +as last seen at \d\d:\d\d:\d\d")
            program.sees_live(well)
            program.keys_work()
            hv1.virsh("destroy", "well-01")
            program.wait_vm("well-01", "off")
            assert "no answer since" in program.wait_host(own_host.name, "no answer since")
        finally:
            own_host.cont()
        program.wait_host(own_host.name, r"\d+ %")
        program.wait(rf"^\d\d:\d\d:\d\d +{own_host.name} answers again")
        program.wait(rf"^.{{3}}crowd-02 +on +{own_host.name}")
        program.sees_live(mended)


def test_nothing_can_be_changed_on_a_host_that_hangs(own_host: Host, lab: Lab) -> None:
    (guest,) = lab.crowd(own_host, 1)
    with Program.on(own_host) as program:
        program.select(guest.name)
        own_host.stop()
        program.wait_host(own_host.name, "no answer since", timeout=SAYS_SO)
        program.keys("escape")
        program.ask(f"force-off {guest.name}")
        program.wait(rf"{own_host.name} (does not answer|has not answered)|no answer")
        own_host.cont()
        program.wait_host(own_host.name, r"\d+ %")
        assert guest.state() == "running"


def test_a_crashed_libvirtd_comes_back_by_itself(own_host: Host, lab: Lab) -> None:
    guest, *_ = lab.crowd(own_host, 3)
    with Program.on(own_host) as program:
        program.wait_vm(guest.name, "on")
        own_host.kill9()
        program.wait_host(own_host.name, r"(down|no answer) since", timeout=SAYS_SO)
        program.wait("hosts 0/1")
        program.keys("g", "enter")  # opens the line of its VMs
        program.wait(r"^.{3}crowd-03 +on at ")
        program.keys_work()
        leaves_at_once(own_host)
        own_host.restart()
        program.wait_host(own_host.name, r"\d+ %")
        program.wait_vm(guest.name, rf"on +{own_host.name} +\d\.\d/1")
        own_host.virsh("destroy", guest.name)
        program.wait_vm(guest.name, "off")


def test_a_guest_that_hangs_is_shown_and_the_others_go_on(own_host: Host, lab: Lab) -> None:
    """A stopped QEMU: its monitor answers nobody, and libvirt makes everybody wait who asks for it."""
    hung, well, better, _ = lab.crowd(own_host, 4)
    with Program.on(own_host, settings=USUAL) as program:
        program.wait_vm(hung.name, r"on +\S+ +\d\.\d/1")
        pid = own_host.qemu_pid(hung.name)
        os.kill(pid, signal.SIGSTOP)
        try:
            program.wait_vm(hung.name, r"on, no answer +\S+ +- ", timeout=60)
            program.wait("1 PROBLEM")
            program.wait_vm(well.name, r"on +\S+ +\d\.\d/1", timeout=60)
            assert "hosts 1/1" in program.text(), "the host itself answers"
            own_host.virsh("suspend", well.name)
            program.wait_vm(well.name, "paused")
            program.keys_work()
            program.sees_live(better)
            with Program.on(own_host, settings=USUAL) as another:  # and one that finds it so
                another.wait_vm(better.name, rf"on +{own_host.name}")
                leave_at_once(another)
        finally:
            os.kill(pid, signal.SIGCONT)
        program.wait_vm(hung.name, r"on +\S+ +\d\.\d/1", timeout=90)


def test_leaving_is_immediate_while_a_host_hangs(own_host: Host) -> None:
    with Program.on(own_host) as program:
        own_host.stop()
        try:
            program.wait_host(own_host.name, "no answer since", timeout=SAYS_SO)
            leave_at_once(program)
        finally:
            own_host.cont()


def test_leaving_before_a_host_has_answered(own_host: Host) -> None:
    own_host.stop()
    try:
        with Program(Home({own_host.name: own_host.uri})) as program:
            program.wait_host(own_host.name, "connecting")
            program.leave()
    finally:
        own_host.cont()


def test_leaving_before_there_is_a_screen(hv1: Host) -> None:
    """What is typed ahead of the first screen waits for it; beside a reply of the terminal it is dropped, and said."""
    with Program(Home({"hv1": hv1.uri})) as program:
        program.keys("Q")
        for pressed in range(1, 6):
            with suppress(AssertionError):
                program.wait_exit(5)
                break
            assert program.home.log().count("ignored") >= pressed, program.text()
            program.keys("Q")
        assert program.wait_exit() == 0, program.text()
        until(program.is_restored, "the terminal is as it was before", timeout=5)
        assert "Traceback" not in program.text()


FOREIGN = """
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None)

def noise():
    while not os.path.exists(os.environ["NOISE"]):
        time.sleep(0.05)
    for number in range(40):
        text = b"FOREIGN %d\\n" % number
        libc.write(2, text, len(text))
        time.sleep(0.05)

threading.Thread(target=noise, daemon=True).start()
from kvmtui.__main__ import main
sys.exit(main())
"""


def test_what_a_library_writes_never_reaches_the_screen(hv1: Host) -> None:
    """As glib, libvirt and ssh do: straight to descriptor 2, from C."""
    home = Home({"hv1": hv1.uri})
    begins = home.folder / "noise"
    with Program(home, argv=[sys.executable, "-c", FOREIGN], env={"NOISE": str(begins)}) as program:
        program.wait_host("hv1", r"\d+ %")
        begins.touch()

        def all_is_in_the_log() -> bool:
            assert "FOREIGN" not in program.text()
            return "FOREIGN 39" in home.log()

        until(all_is_in_the_log, "the noise is in the log")
        program.leave()
        assert "FOREIGN" not in program.text()


def test_the_screen_survives_a_flapping_host(own_host: Host) -> None:
    """What libvirt and glib say of broken connections stays out of the screen: each row is one that belongs there."""
    with Program.on(own_host, settings=SETTINGS) as program:
        for _ in range(3):
            own_host.kill9()
            program.wait("hosts 0/1", SAYS_SO)
            own_host.restart()
            program.wait_host(own_host.name, r"\d+ %")
        figures = rf"^.{{3}}{own_host.name} +\d+ .*~\d+ "  # the whole row: its CPU is the last to be known
        program.wait(figures)
        before = program.screen()
        program.keys("ctrl+l")
        program.wait_quiet(0.2)
        program.wait(figures)
        belongs = {shape(row) for row in program.screen()}
        assert [row for row in before if shape(row) not in belongs] == [], "a repaint has removed these"
        program.leave()


def shape(row: str) -> str:
    """The row without what may change from one second to the next: figures, and which events are the newest."""
    if re.match(r"\d\d:\d\d:\d\d( x)? +own\d+ (is not connected|stopped answering|answers again)", row):
        return "an event"
    return re.sub(r"[\d.█▏▎▍▌▋▊▉▁▂▃▄▅▆▇ -]+", " ", row)
