"""Questions of three in the morning whose answers only a real host has: its logs, its agents, its definitions."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import struct
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.libvirt.backend import LibvirtBackend
from kvmtui.core.host_log import Kind
from tests.real.lab import GuestSpec, until
from tests.real.lab.guest import crowd
from tests.real.lab.process import output
from tests.real.program import KVMTUI, Home, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.real.lab import Guest, Host

WAY = 60.0  # seconds for what a busy machine may take


@pytest.fixture
def killed(own_host: Host) -> Iterator[Guest]:
    """A VM whose QEMU is killed as the kernel does it, on a host whose kernel says so.

    The kernel that says so is a stand-in for `dmesg`, since a real one is shared with the machine of the tests.
    """
    victim, other = crowd(own_host, 2, prefix="oom")
    pid = own_host.qemu_pid(victim.name)
    script = own_host.folder / "dmesg"
    up = float(Path("/proc/uptime").read_text().split()[0])
    lines = (
        *("qemu-system-x86 invoked oom-killer: gfp_mask=0x140cca, order=0", "usb 1-1: new device"),
        f"oom-kill:constraint=CONSTRAINT_NONE,task_memcg=/machine.slice/machine-qemu\\x2d1\\x2doom\\x2d01.scope,pid={pid}",
        f"Out of memory: Killed process {pid} (qemu-system-x86) total-vm:1kB",
        "Out of memory: Killed process 4194000 (java) total-vm:1kB",
        "blk_update_request: I/O error, dev sdb, sector 2048",
    )
    text = "\n".join(f"[{up:12.6f}] {line}" for line in lines)
    script.write_text(f"#!/bin/sh\ncat <<'EOF'\n{text}\nEOF\n")
    script.chmod(0o755)
    own_host.output("mount", "--bind", str(script), "/usr/bin/dmesg")
    os.kill(pid, 9)
    victim.wait_state("shut off")
    assert other.state() == "running"
    yield victim
    own_host.output("umount", "/usr/bin/dmesg")


def explained(program: Program) -> None:
    """See the page of a VM's why tell why the VM of `killed` went off."""
    program.wait(r"cause +its host ran out of memory at \d\d:\d\d:\d\d: the kernel killed its QEMU", timeout=WAY)
    program.wait(r"^ *\d\d:\d\d:\d\d +shutting down, reason=crashed")
    program.wait(r"x Out of memory: Killed process \d+ \(qemu-system-x86\)")
    program.wait(r"! blk_update_request: I/O error, dev sdb")
    assert "java" not in program.text(), "another process's end is not this VM's"
    assert "usb" not in program.text()
    program.keys("j", "k")
    assert "Killed process" in program.text()


def test_why_a_vm_was_killed_over_the_ssh_that_is_there(killed: Guest) -> None:
    host = killed.host
    with Program(Home({host.name: host.ssh_uri}), size=(140, 40)) as program:
        program.wait_vm(killed.name, "off", timeout=WAY)
        program.select(killed.name)
        program.keys("l")
        explained(program)
        program.leave()


def test_why_a_vm_was_killed_on_this_very_machine(killed: Guest) -> None:
    host = killed.host
    home = Home({host.name: "qemu:///system"})
    with Program(home, argv=host.command(KVMTUI), size=(140, 40)) as program:
        program.wait_vm(killed.name, "off", timeout=WAY)
        program.select(killed.name)
        program.keys("l")
        explained(program)


def test_why_a_vm_stops_while_it_is_looked_at_and_what_tcp_cannot_tell(own_host: Host) -> None:
    (guest,) = crowd(own_host, 1, prefix="looked")
    with Program.on(own_host, size=(140, 40)) as program:
        program.select(guest.name)
        program.keys("l")
        program.wait("cannot be read over tcp: libvirt does not carry them", timeout=WAY)
        program.wait(rf"^ *Run there: sudo tail -n 50 /var/log/libvirt/qemu/{guest.name}\.log")
        os.kill(own_host.qemu_pid(guest.name), 9)
        program.wait(r"state +off: crashed", timeout=WAY)


def test_logs_that_never_come_hold_nothing_up_and_end_with_the_program(own_host: Host) -> None:
    (guest,) = crowd(own_host, 1, prefix="slow")
    script = own_host.folder / "dmesg"
    script.write_text("#!/bin/sh\nexec sleep 987\n")
    script.chmod(0o755)
    own_host.output("mount", "--bind", str(script), "/usr/bin/dmesg")
    with Program(Home({own_host.name: own_host.ssh_uri})) as program:
        program.wait_vm(guest.name, "on", timeout=WAY)
        program.select(guest.name)
        program.keys("l")
        program.wait(rf"Reading the logs of {own_host.name}", timeout=WAY)
        program.keys("<", "q")
        program.wait_vm(guest.name, "on")
        program.keys("l")
        program.wait(rf"Reading the logs of {own_host.name}", timeout=WAY)
        program.leave()
        assert "Traceback" not in program.text()
        assert "Exception ignored" not in program.text() + program.home.log()
    until(lambda: not shells_of(own_host), "no ssh of the program is left", timeout=WAY)


def shells_of(host: Host) -> list[str]:
    """The processes here that read logs of a host."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = process.read_bytes().split(b"\0")
            if b"exec /bin/sh -s" in words and host.address.encode() in words:
                found.append(str(process))
    return found


HOSTILE = (
    "$(touch ran) `touch ran` | touch ran & touch ran",
    "' ; touch ran ; '",
    '" ; touch ran ; "',
    "-n 1 %s %n \\n \\0101",
    "..secret",
    "name\twith\ttabs & é 仮 *",
)


async def test_names_of_vms_are_never_words_of_a_shell(own_host: Host) -> None:
    """Each VM's own log comes back, over ssh and through the shell of this machine's kind, and nothing is run."""
    log = own_host.folder / "log/qemu"
    log.mkdir(exist_ok=True)
    (own_host.folder / "log/secret.log").write_text("2026-01-01 00:00:00.000+0000: not of this folder\n")
    for number, name in enumerate(HOSTILE):
        escaped = name.replace("&", "&amp;").replace("<", "&lt;")
        domain = f"<domain type='qemu'><name>{escaped}</name><memory>16384</memory><os><type>hvm</type></os></domain>"
        output(["virsh", "-q", "-c", own_host.uri, "define", "/dev/stdin"], stdin=domain)
        (log / f"{name}.log").write_text(f"this is the log of number {number}\n")
    backend = LibvirtBackend(own_host.ssh_uri)
    await backend.connect()
    try:
        found = {vm.name: vm.uuid for vm in (await backend.inventory()).vms.values()}
        assert set(found) >= set(HOSTILE)
        for number, name in enumerate(HOSTILE):
            logs = await backend.logs.of_vm(found[name], None)
            assert logs.qemu.lines == (f"this is the log of number {number}",), name
    finally:
        await backend.close()
    assert not (Path.home() / "ran").exists()


async def test_a_log_without_end_is_read_to_its_bound(own_host: Host) -> None:
    (guest,) = crowd(own_host, 1, prefix="chatty")
    log = own_host.folder / f"log/qemu/{guest.name}.log"
    with log.open("a") as file:
        file.writelines(f"line {number} {'x' * 2000}\n" for number in range(3000))
        file.write("2026-11-22 23:00:00.000+0000: \x1b[31mthe last \x00 line\n")
    backend = LibvirtBackend(own_host.ssh_uri)
    await backend.connect()
    try:
        (vm,) = (await backend.inventory()).vms.values()
        sessions = dict((await backend.details()).facts)["ssh"]
        before = time.monotonic()
        logs = await backend.logs.of_vm(vm.uuid, None)
        assert time.monotonic() - before < WAY
        assert sum(map(len, logs.qemu.lines)) <= 65_536
        assert "the last" in logs.qemu.lines[-1]
        assert all(line.kind in Kind for line in logs.kernel)
        assert dict((await backend.details()).facts)["ssh"] == sessions, "its session is given back"
        assert sessions.endswith("over 1 login")
    finally:
        await backend.close()


# -- whose is it


def test_whose_address_disk_or_interface_it_is(guest: Guest) -> None:
    host = guest.host
    row = host.virsh("domiflist", guest.name).split()
    tap, mac = row[0], row[-1]
    words = {
        "its MAC": mac.upper(),
        "its address": f"ip={guest.address()}",
        "its disk": str(guest.disk),
        "its UUID": guest.uuid,
        "its interface on the host": f"vnet={tap}",
    }
    with Program.on(host) as program:
        program.wait_vm(guest.name, "on", timeout=WAY)
        for what, word in words.items():
            program.keys("escape")
            program.wait_gone("esc clears it")
            program.type_text(f"/{word}")
            # A lease is read a moment after the VM: the filter is of what is known by then.
            program.wait(r"filter .*: 1 of \d+ VMs", timeout=WAY)
            program.keys("enter")
            assert program.vm(guest.name), what


# -- what changes at its next start, and what others did


def test_what_changes_at_the_next_start_and_who_changed_it(
    own_host: Host, make_guest: Callable[[Host, GuestSpec], Guest]
) -> None:
    guest = make_guest(own_host, GuestSpec("pending", disk_mib=16, agent=False)).start()
    own_host.virsh("setmaxmem", guest.name, "256M", "--config")
    own_host.virsh("setvcpus", guest.name, "3", "--config", "--maximum")
    own_host.virsh("detach-disk", guest.name, "vda", "--config")
    with Program.on(own_host, size=(120, 40)) as program:
        program.wait_vm(guest.name, r"on .*N", timeout=WAY)
        program.select(guest.name)
        program.keys("l")
        program.wait("AT ITS NEXT START", timeout=WAY)
        program.wait(r"memory 112M -> 256M")
        program.wait(r"most vCPUs 1 -> 3")
        program.wait(r"disk vda removed")
        own_host.virsh("suspend", guest.name)
        program.wait(r"state +paused", timeout=WAY)
        program.keys("0")
        program.wait(rf"not by kvmtui +seen +{guest.name} ", timeout=WAY)
    own_host.virsh("resume", guest.name)


# -- who is logged in


def utmp(user: str, line: str, at: int) -> bytes:
    """A record of somebody who is logged in, as the C library of a 64-bit Linux keeps it."""
    name, tty = user.encode(), line.encode()
    return struct.pack("<hxxi32s4s32s256shhiii16s20x", 7, 99, tty, b"1", name, b"", 0, 0, 0, at, 0, b"")


def test_who_is_logged_in_and_who_holds_the_console(guest: Guest) -> None:
    record = base64.b64encode(utmp("dana", "tty1", int(time.time()) - 7200)).decode()
    guest.execute("/bin/sh", "-c", f"mkdir -p /var/run; echo {record} | base64 -d > /var/run/utmp")
    with Program.on(guest.host, size=(120, 40)) as program:
        program.wait_vm(guest.name, "on", timeout=WAY)
        program.select(guest.name)
        program.keys("l")
        program.wait("console +not open here", timeout=WAY)
        program.wait(r"logged in +dana since \d\d:\d\d:\d\d", timeout=WAY)
        with guest.hold_console():
            program.keys("c")
            program.wait("Somebody else holds the console", timeout=WAY)
            program.keys("ctrl+]", "d")
            program.wait("console +somebody else holds it", timeout=WAY)
    guest.execute("/bin/rm", "/var/run/utmp")
    assert re.search("running", guest.state())


# -- where does it go


def test_where_a_vm_goes_that_somebody_else_moves(
    hv1: Host, hv2: Host, make_guest: Callable[[Host, GuestSpec], Guest]
) -> None:
    """The source does not say it; that the target awaits it does."""
    guest = make_guest(hv1, GuestSpec("goer", agent=False)).start()
    guest.moved(hv2).moved(hv1)
    slowly = ["migrate", guest.name, hv2.uri, "--live", "--p2p", "--bandwidth", "1"]
    moving = subprocess.Popen(["virsh", "-q", "-c", hv1.uri, *slowly], stdout=subprocess.DEVNULL)
    try:
        with Program.on(hv1, hv2) as program:
            program.wait(rf"^.{{3}}{guest.name} +to hv2(, \d+ %)? +hv1", timeout=WAY)
            program.wait(rf"^.{{3}}{guest.name} +from hv1(, \d+ %)? +hv2", timeout=WAY)
            hv1.virsh("domjobabort", guest.name)
            program.wait_vm(guest.name, r"on +hv1", timeout=WAY)
            assert "to hv2" not in program.vm(guest.name)
        guest.moved(hv2).wait_state("gone")
        guest.moved(hv1)
    finally:
        moving.kill()
        moving.wait()
