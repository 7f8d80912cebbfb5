"""The ways to a host: ssh, the machine itself, a user's own session; and what the row says where a way is closed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.real.lab import Guest, GuestSpec, Host, Lab
from tests.real.lab.guest import crowd
from tests.real.lab.process import output
from tests.real.program import KVMTUI, Home, Program

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeGuest = Callable[[Host, GuestSpec], Guest]

NO_SSH = "lab: this is no place for strangers|banner|Permission denied|Host key verification failed"


def as_other(host: Host, *arguments: str) -> Program:
    """The program on a host, started by a user without rights there."""
    home = Home({})
    (home.folder / "config/kvmtui/config.toml").unlink()
    return Program(home, *arguments, argv=host.command_of_other(KVMTUI))


def allow_only(host: Host, *lines: str) -> None:
    """Let libvirtd's own socket be opened as these lines of its configuration say."""
    file = host.folder / "etc/libvirtd.conf"
    kept = [line for line in file.read_text().splitlines() if not line.startswith(("auth_unix_rw", "unix_sock_rw"))]
    file.write_text("\n".join([*kept, *lines, ""]))
    host.restart()


def test_ssh_with_a_key(hv1: Host, hv2: Host) -> None:
    """Two hosts, each over one ssh connection; what ssh says on its standard error is not on the screen."""
    (guest,) = crowd(hv2, 1, prefix="remote")
    try:
        with Program(Home({"hv1": hv1.ssh_uri, "hv2": hv2.ssh_uri})) as program:
            program.wait_host("hv1", r"\d+ %")
            program.wait_vm("remote-01", r"on +hv2 +\d\.\d/1")
            program.select("remote-01")
            program.chord("x", "p", "remote-01")
            program.confirm(r"Pause remote-01 on hv2\?")
            program.wait_vm("remote-01", "paused")
            assert guest.state() == "paused"
            hv2.virsh("resume", "remote-01")
            program.wait_vm("remote-01", "on")
            logins = output(["ss", "-Htn", "state", "established", "dport = :22"]).splitlines()
            assert len(logins) == 2, "one connection for each host, whatever is done over it"
            assert not re.search(NO_SSH, program.text())
            program.leave()
    finally:
        guest.remove()


def test_ssh_with_a_key_that_is_refused_says_so(hv1: Host, lab: Lab) -> None:
    key = lab.folder / "tmp/stranger"
    output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    # The lab's own key has a usual name and is offered too: so it must be a user who takes none.
    with Program(Home({"hv1": f"qemu+ssh://nobody@{hv1.address}/system?keyfile={key}"})) as program:
        program.wait_host("hv1", "denied: ssh on .* did not take the login")
        program.keys("tab")
        program.wait("ssh-add")
        assert not re.search(NO_SSH, program.text())
        program.leave()


def test_the_machine_itself(hv2: Host) -> None:
    """Without any argument or configuration: this machine's libvirt, named after it."""
    (guest,) = crowd(hv2, 1, prefix="local")
    try:
        home = Home({})
        (home.folder / "config/kvmtui/config.toml").unlink()
        with Program(home, "--refresh", "1", argv=hv2.command(KVMTUI)) as program:
            program.wait_host("hv2", r"\d+ %")
            program.wait_vm("local-01", r"on +hv2 +\d\.\d/1")
            program.select("local-01")
            program.chord("!", "f", "local-01")
            program.confirm(r"Force off local-01 on hv2\?", "!")
            program.wait_vm("local-01", "off")
            assert guest.state() == "shut off"
            assert "DEMO" not in program.text()
            program.leave()
    finally:
        guest.remove()


def test_a_user_who_may_not_open_the_socket_is_told_what_to_do(own_host: Host) -> None:
    allow_only(own_host, 'auth_unix_rw = "none"', 'unix_sock_rw_perms = "0770"')
    with as_other(own_host) as program:
        program.wait_host(own_host.name, "denied: This user may not open libvirt's socket")
        program.keys("tab")
        program.wait("Join the group libvirt")
        program.leave()


def test_a_user_whom_polkit_refuses_is_told_what_to_do(own_host: Host) -> None:
    allow_only(own_host, 'auth_unix_rw = "polkit"')
    with as_other(own_host) as program:
        program.wait_host(own_host.name, "denied: libvirt on this machine does not let this user")
        program.keys("tab")
        program.wait("Join the group libvirt")
        program.leave()


def test_a_users_own_session(own_host: Host) -> None:
    """Their daemon is started by libvirt itself; a VM in it is started and stopped."""
    spec = GuestSpec("mine", memory_mib=16, nic=False, agent=False)
    halted = own_host.folder / "guests/mine.xml"
    halted.write_text(Guest(own_host, spec).halted_xml)
    virsh = own_host.command_of_other("virsh", "-q", "-c", "qemu:///session")
    output([*virsh, "define", str(halted)])
    with as_other(own_host, "-c", "qemu:///session", "--refresh", "1") as program:
        program.wait_vm("mine", f"off +{own_host.name}")
        program.select("mine")
        program.chord("x", "s", "mine")
        program.wait_task("start mine")
        program.wait_vm("mine", rf"on +{own_host.name} +\d\.\d/1")
        assert output([*virsh, "domstate", "mine"]).strip() == "running"
        program.chord("!", "f", "mine")
        program.confirm("Force off mine", "!")
        program.wait_vm("mine", "off")
        assert output([*virsh, "domstate", "mine"]).strip() == "shut off"
        program.leave()
