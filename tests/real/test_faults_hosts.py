"""Hosts that hang, go deaf, lose their cable, crash and come back, all in one night, and one that has to wait."""

from __future__ import annotations

import itertools
import re
import socket
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Guest, GuestSpec, Host, Lab, until
from tests.real.lab.guest import crowd
from tests.real.lab.host import LIBVIRT_TCP_PORT
from tests.real.lab.process import output
from tests.real.program import Home, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# What finds a silent host is as everybody has it; one that refused is tried again somewhat sooner.
USUAL = "[ui]\nrefresh = 1.0\n[monitor]\nbackoff_most = 10.0\n"
SAYS_SO = 30.0  # seconds within which the row of a host says that it does not answer: 10, and a busy machine
BACK = 90.0  # seconds within which a host that answers again is shown so
MOST_CLIENTS = 12
BROKEN = 90.0  # seconds within which a connection without answers is given up, and another one tried
LEAVES = 3.0  # seconds that leaving takes at most: less than any call to a host that does not answer
SHORT = 12.0  # seconds that packets are lost, of which no connection dies
NAMES = ("well", "froze", "deaf", "cut", "dead", "short")
TIME = r"\d\d:\d\d:\d\d"
SIZE = (160, 60)
GATE = 'for _ in $(seq 1200); do [ -e "$0.open" ] && exit 0; sleep 0.1; done'
"""A hook's line that waits until the test opens the way."""

_numbers = itertools.count(1)


@pytest.fixture
def make_host(lab: Lab) -> Iterator[Callable[[str], Host]]:
    """Hosts for one test, which may do with them what it likes."""
    made: list[Host] = []

    def make(name: str) -> Host:
        made.append(lab.host(f"{name}{next(_numbers)}"))
        return made[-1]

    yield make
    for host in made:
        lab.drop(host)


def define(host: Host, *names: str) -> list[Guest]:
    """Define VMs that cost nothing, and are off."""
    guests = [Guest(host, GuestSpec(name, 16, agent=False)) for name in names]
    for guest in guests:
        output(["virsh", "-q", "-c", host.uri, "define", "/dev/stdin"], stdin=guest.halted_xml)
    return guests


def hold_starts(host: Host) -> None:
    """Let every start on a host wait until `let_start`, as a hook of its admin may."""
    host.hook(f'[ "$2" = prepare ] || exit 0\n{GATE}')


def let_start(host: Host) -> None:
    """Let the starts go on, those that wait and those that come."""
    (host.folder / "etc/hooks/qemu.open").touch()


def start(program: Program, guests: Iterable[Guest]) -> None:
    """Ask for starts, and see them under way."""
    for number, guest in enumerate(guests, 1):
        program.ask(f"start {guest.name}")
        program.wait(rf"\b{number} tasks?\b")


def leave_at_once(program: Program) -> None:
    """Leave a program as fast as any, whatever its hosts do."""
    began = time.monotonic()
    program.leave()
    assert time.monotonic() - began < LEAVES, "it waited for something"


def leaves_at_once(*hosts: Host) -> None:
    """See that a program which cannot reach these hosts is left as fast as any."""
    with Program(Home({host.name: host.uri for host in hosts}, USUAL)) as program:
        program.wait_host(hosts[0].name, "connecting|no answer|down")
        leave_at_once(program)


class Night:
    """Six hosts, of which five fail in their own ways, each at a bad moment, and the sixth has much to do."""

    def __init__(self, make_host: Callable[[str], Host]) -> None:
        self.hosts = [make_host(name) for name in NAMES]
        self.well, self.froze, self.deaf, self.cut, self.dead, self.short = self.hosts
        self.slow = define(self.well, *(f"slow-{number}" for number in range(1, 6)))
        (self.on_cut,), (self.on_dead,), (self.on_short,) = (
            define(host, f"on-{host.name}") for host in (self.cut, self.dead, self.short)
        )
        self.calm, *_ = [crowd(host, 2, prefix=host.name)[0] for host in (self.well, self.froze, self.deaf)]
        for host in (self.well, self.cut, self.dead, self.short):
            hold_starts(host)
        self.program = Program.on(*self.hosts, settings=USUAL, size=SIZE)
        start(self.program, [*self.slow, self.on_cut, self.on_dead, self.on_short])
        self.began = time.monotonic()

    def falls(self) -> None:
        """Break all, and see each row say so while the sixth host goes on."""
        program = self.program
        self.froze.stop()
        self.deaf.drop_packets()
        self.short.drop_packets()
        self.cut.unplug()
        self.dead.kill9()
        for host in (self.froze, self.deaf, self.short, self.cut):
            program.wait_host(host.name, rf"no answer since {TIME}", timeout=SAYS_SO)
        program.wait_host(self.dead.name, rf"down since {TIME}: \S+ refused the connection; 1 VM as last seen")
        program.wait(r"hosts 1/6")
        program.wait(rf"^.{{3}}2 VMs of {self.deaf.name} +as last seen at {TIME}")
        program.keys_work()
        program.sees_live(self.calm)

    def gets_short(self) -> None:
        """Let one host back before its connection is given up: what was under way was never lost."""
        program, short = self.program, self.short
        until(lambda: time.monotonic() - self.began > SHORT, "a while has passed", timeout=SHORT + 1)
        short.pass_packets()
        let_start(short)
        program.wait_host(short.name, r"\d+ %", timeout=BACK)
        program.wait_vm(self.on_short.name, rf"on +{short.name}", timeout=BACK)
        self.sees({self.on_short: "done", self.on_dead: "unknown"})  # not "failed": it was sent, and not answered

    def gets_long(self) -> None:
        """See what is said once connections are given up, and that nothing waits for them."""
        program = self.program
        program.wait_host(self.cut.name, rf"(no answer|down) since {TIME}: There is no route to ", BROKEN)
        program.wait_host(self.deaf.name, rf"no answer since {TIME}: \S+ has not answered the connection", BROKEN)
        program.wait_host(self.froze.name, rf"no answer since {TIME}: \S+ takes connections, but libvirt there", BROKEN)
        program.keys_work()
        program.sees_live(self.calm)
        leaves_at_once(self.froze, self.deaf, self.cut)
        self.sees({self.on_cut: "unknown", self.slow[0]: "running"})
        assert f"{self.well.name} stopped answering" not in program.text()
        assert program.text().count(f"{self.short.name} stopped answering") <= 1, "it did not come and go"

    def ends(self) -> None:
        """Mend all, and see everything come back by itself."""
        program = self.program
        self.froze.cont()
        self.deaf.pass_packets()
        self.cut.plug()
        self.dead.start()
        let_start(self.cut)
        let_start(self.well)
        for host in self.hosts:
            program.wait_host(host.name, r"\d+ %", timeout=BACK)
        program.wait("hosts 6/6")
        for guest in (*self.slow, self.on_cut):
            program.wait_vm(guest.name, rf"on +{guest.host.name}", timeout=BACK)
        program.wait_vm(self.on_dead.name, rf"off, start unknown +{self.dead.name}")
        assert not re.search(rf"{self.on_cut.name} started on .* not by kvmtui", program.text()), (
            "it was asked for here"
        )
        self.sees({**dict.fromkeys(self.slow, "done"), self.on_cut: "done"})  # looked up, once it could be

    def sees(self, ended: Mapping[Guest, str]) -> None:
        """See how starts ended, on the page of the tasks."""
        self.program.keys("7")
        for guest, how in ended.items():
            self.program.wait(rf"start +{guest.name} +{guest.host.name} +{how}", timeout=BROKEN)
        self.program.keys("1")
        self.program.wait("^EVENTS")


@pytest.mark.timeout(300)
def test_of_six_hosts_five_fail_in_their_own_ways_and_the_sixth_goes_on(make_host: Callable[[str], Host]) -> None:
    """The sixth has more slow calls than a connection may carry: its keepalives are answered all the same."""
    night = Night(make_host)
    with night.program as program:
        night.falls()
        night.gets_short()
        night.gets_long()
        night.ends()
        program.leave()
        assert "Traceback" not in program.home.log()


@contextmanager
def strangers(host: Host) -> Iterator[Callable[[], None]]:
    """Connect more clients to libvirt than it takes, at once those that it has and then those that it would have.

    They say nothing, and go when what is given is called.
    """
    with ExitStack() as sockets:
        for _ in range(2 * MOST_CLIENTS):
            sockets.enter_context(socket.create_connection((host.address, LIBVIRT_TCP_PORT), 10))
        yield sockets.close


@pytest.mark.timeout(300)
def test_a_server_with_no_client_to_spare_says_so_and_is_back_when_some_have_gone(own_host: Host, lab: Lab) -> None:
    _, guest, _ = lab.crowd(own_host, 3)
    own_host.configure(max_clients=MOST_CLIENTS, max_anonymous_clients=MOST_CLIENTS)
    with Program.on(own_host, settings=USUAL) as program, strangers(own_host) as go:
        program.ask("pause crowd-01")  # by the connections that it has
        program.confirm("Pause crowd-01")
        program.wait_vm("crowd-01", "paused")
        program.ask(f"reconnect {own_host.name}")
        program.confirm(f"Reconnect {own_host.name}")
        full = rf"no answer since {TIME}: \S+ takes connections, but libvirt there does not answer; 3 VMs as last"
        program.wait_host(own_host.name, full, timeout=BACK)
        program.keys("g", "enter")  # opens the line of its VMs
        program.wait(r"^.{3}crowd-03 +on at ")
        program.keys_work()
        leaves_at_once(own_host)
        go()
        program.wait_host(own_host.name, r"\d+ %", timeout=BACK)
        program.sees_live(guest)
        program.leave()
        assert "Traceback" not in program.home.log()
