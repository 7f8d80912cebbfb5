"""Many hosts over ssh: one login each, jump hosts, the user's own configuration, and what every broken way says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Want
from kvmtui.backend.libvirt.backend import LibvirtBackend
from tests.real.lab.process import output, until
from tests.real.logins import ASKING, PASSWORD, answer, key_of, logins_at, password_of_root, sshd
from tests.real.program import Home, Program, kvmtui

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.backend.base import Prompt
    from tests.real.lab import Host, Lab

FIRST = 2300  # the ports of this module's sshd's: what another module's client still keeps is none of ours
NOISE = "debug1|yes/no|no place for strangers|Welcome to this host"


@pytest.fixture
def ssh_folder(lab: Lab) -> Iterator[Path]:
    """The user's own ~/.ssh, with what a test changes in it taken back."""
    folder = lab.folder / "home/.ssh"
    known = (folder / "known_hosts").read_text()
    yield folder
    (folder / "known_hosts").write_text(known)
    for name in ("config", "more"):
        (folder / name).unlink(missing_ok=True)


@pytest.fixture
def runtime(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An XDG_RUNTIME_DIR for the programs of one test, so that what they leave there is theirs."""
    folder = lab.folder / "run"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    yield folder
    assert not masters(folder), "a test left an ssh behind"


def masters(folder: Path) -> list[int]:
    """The processes of ssh that keep a control socket in a runtime folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{folder}/kvmtui-".encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def know(folder: Path, host: Host, *names: str) -> None:
    """Let ssh know a host under more names."""
    with (folder / "known_hosts").open("a") as known:
        known.write(key_of(host, *names))


def reached(home: Home, *, port: int = 0) -> tuple[dict[str, str], list[str]]:
    """What a headless run says of its hosts: the errors by name, and the logins at a port after it."""
    ran = kvmtui("hosts", "--json", home=home)
    said = json.loads(ran.stdout)
    assert not re.search(NOISE, ran.stderr), ran.stderr
    return {one["host"]: one["error"] for one in said["errors"]}, logins_at(port) if port else []


class Person:
    """Answers every question of every login, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[Prompt] = []

    async def ask(self, prompt: Prompt) -> str | None:
        self.asked.append(prompt)
        return PASSWORD


async def connected(uris: list[str], person: Person | None = None) -> list[LibvirtBackend]:
    """Connect to all hosts side by side."""
    backends = [LibvirtBackend(uri, ask=person.ask if person else None) for uri in uris]
    await asyncio.gather(*(backend.connect() for backend in backends))
    return backends


async def close_all(backends: list[LibvirtBackend]) -> None:
    for backend in backends:
        await backend.close()
    # Lanes that are given up take their leave on the loop.
    await asyncio.sleep(0.2)


# --- masters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("most", "logins"), [(10, 2), (4, 2), (2, 2)])
async def test_many_lanes_are_few_logins_that_ask_once(hv1: Host, ssh_folder: Path, most: int, logins: int) -> None:
    """With sshd's own bound of ten sessions, and with smaller ones, where lanes that find no room log in beside."""
    port = FIRST + most
    know(ssh_folder, hv1, f"[{hv1.address}]:{port}")
    person = Person()
    with password_of_root(), sshd(hv1, port, f"MaxSessions {most}", *ASKING):
        (backend,) = await connected([f"qemu+ssh://root@{hv1.address}:{port}/system"], person)
        lanes = backend._lanes()
        opened = [await lanes.console(lambda: None) for _ in range(8)]
        assert [prompt.text for prompt in person.asked] == [f"root@{hv1.address}'s password: "]
        if most == 10:
            assert len(logins_at(port)) == logins
        else:
            assert len(logins_at(port)) > logins
        facts = dict((await backend.details()).facts)
        assert re.fullmatch(r"1[01] connections over 2 logins", facts["ssh"])
        used = backend.ssh_use
        assert used is not None
        assert (used.logins, used.room) == (2, 16)
        for lane in opened:
            lane.close()
        await close_all([backend])
    until(lambda: not logins_at(port), "the logins end with the host", timeout=30)


async def test_over_a_long_link_a_host_and_its_vms_are_shown_before_all_of_them_is_known(
    hv1: Host, ssh_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kvmtui.backend.libvirt.backend.LONG_CALL", -1.0)
    backend = LibvirtBackend(hv1.ssh_uri, ask=Person().ask)
    sketch = await backend.connect()
    assert sketch.libvirt_version == (0, 0, 0)
    outline = await backend.inventory()
    assert outline.is_outline
    whole = await backend.inventory()
    assert not whole.is_outline
    assert whole.vms.keys() == outline.vms.keys()
    host = whole.host
    assert host is not None
    assert (host.uuid, host.hostname, host.cpus) == (sketch.uuid, sketch.hostname, sketch.cpus)
    assert host.libvirt_version > (0, 0, 0)
    assert (await backend.sample(Want())).cpu is not None
    await close_all([backend])


def test_a_master_that_dies_is_replaced_without_a_question(hv1: Host, ssh_folder: Path, runtime: Path) -> None:
    port = FIRST + 20
    know(ssh_folder, hv1, f"[{hv1.address}]:{port}")
    home = Home({"guarded": f"qemu+ssh://root@{hv1.address}:{port}/system"})
    with password_of_root(), sshd(hv1, port, *ASKING), Program(home) as program:
        program.wait("password:", timeout=30)
        answer(program, PASSWORD)
        program.wait_host("guarded", r"\d+ %")
        found = re.search(r"pid=(\d+)", logins_at(port)[0])
        assert found
        os.kill(int(found[1]), signal.SIGKILL)

        def is_another() -> bool:
            others = re.findall(r"pid=(\d+)", "".join(logins_at(port)))
            return bool(others) and found[1] not in others

        until(is_another, "another login", timeout=30)
        program.wait_host("guarded", r"\d+ %")
        assert "asks for a login" not in program.text()
        program.leave()
        until(lambda: not masters(runtime), "no ssh is left", timeout=30)
        assert not list(runtime.glob("kvmtui-*"))


def test_nothing_is_left_after_a_hangup_nor_by_the_start_after_a_crash(hv1: Host, runtime: Path) -> None:
    home = Home({"hv1": hv1.ssh_uri})
    with Program(home) as program:
        program.wait_host("hv1", r"\d+ %")
        program.process.send_signal(signal.SIGHUP)
        program.wait_exit()
    until(lambda: not masters(runtime), "no ssh is left after a hangup", timeout=30)
    assert not list(runtime.glob("kvmtui-*"))
    with Program(home) as program:
        program.wait_host("hv1", r"\d+ %")
        before = set(masters(runtime))
        program.process.kill()
        program.wait_exit()
    assert before
    with Program(home) as program:
        program.wait_host("hv1", r"\d+ %")
        until(lambda: not before & set(masters(runtime)), "the next start ends what the crash left", timeout=30)
        assert len(list(runtime.glob("kvmtui-*"))) == 1
        program.leave()
    until(lambda: not masters(runtime), "no ssh is left", timeout=30)


# --- ~/.ssh/config ---------------------------------------------------------------------------------------------------


def test_what_the_user_configured_is_honoured_and_what_would_disturb_is_not(
    hv1: Host, lab: Lab, ssh_folder: Path, runtime: Path
) -> None:
    port = FIRST + 30
    key = lab.folder / "tmp/own_key"
    for file in (key, key.with_suffix(".pub")):
        file.unlink(missing_ok=True)
    output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)])
    own = ssh_folder / "mine"
    (ssh_folder / "config").write_text(
        "Include more\n"
        "Host *\n RequestTTY force\n LogLevel DEBUG3\n RemoteCommand tmux attach\n SessionType none\n"
        " ForkAfterAuthentication yes\n LocalForward 22222 localhost:22\n ExitOnForwardFailure yes\n"
        f" ControlMaster auto\n ControlPath {own}\n ControlPersist 30\n PermitLocalCommand yes\n"
        " LocalCommand echo Welcome to this host\n"
    )
    (ssh_folder / "more").write_text(f"Host short\n HostName hv1\n Port {port}\n User root\n IdentityFile {key}\n")
    know(ssh_folder, hv1, f"[hv1]:{port}")
    home = Home({"short": "qemu+ssh://short/system"})
    with sshd(hv1, port, f"AuthorizedKeysFile {key}.pub", "StrictModes no"):
        with Program(home) as program:
            program.wait_host("short", r"\d+ %")
            assert not re.search(NOISE, program.text())
            assert not own.exists()
            program.leave()
        until(lambda: not logins_at(port), "the program's login has ended", timeout=30)
        # A master of the user's own that runs is joined, and outlives the run.
        output(
            ["ssh", "-o", "RemoteCommand=none", "-o", "LogLevel=ERROR", "-o", "SessionType=default", "short", "true"]
        )
        (login,) = logins_at(port)
        assert reached(home, port=port) == ({}, [login])
        output(["ssh", "-O", "exit", "short"])


def test_a_headless_run_joins_the_login_of_a_running_program(hv1: Host, ssh_folder: Path, runtime: Path) -> None:
    """A password was typed there; on the command line nobody could."""
    port = FIRST + 31
    know(ssh_folder, hv1, f"[{hv1.address}]:{port}")
    home = Home({"guarded": f"qemu+ssh://root@{hv1.address}:{port}/system"})
    with password_of_root(), sshd(hv1, port, *ASKING), Program(home) as program:
        errors, _ = reached(home)
        assert "did not take the login" in errors["guarded"]
        program.wait("password:", timeout=30)
        answer(program, PASSWORD)
        program.wait_host("guarded", r"\d+ %.* [2-5] of 8")
        (login,) = logins_at(port)
        assert reached(home, port=port) == ({}, [login])
        program.leave()
    until(lambda: not masters(runtime), "no ssh is left", timeout=30)


# --- jump hosts ------------------------------------------------------------------------------------------------------


def test_the_dialog_says_which_machine_asks_and_all_behind_it_share_its_login(
    hv1: Host, hv2: Host, ssh_folder: Path, runtime: Path
) -> None:
    port = FIRST + 40
    know(ssh_folder, hv1, f"[{hv1.address}]:{port}")
    (ssh_folder / "config").write_text(
        f"Host far far2\n HostName {hv2.address}\n User root\n ProxyJump root@{hv1.address}:{port}\n"
    )
    know(ssh_folder, hv2, f"[{hv2.address}]:2341")
    home = Home({"far": "qemu+ssh://far/system", "far2": "qemu+ssh://far2:2341/system"})
    with ExitStack() as stack:
        stack.enter_context(password_of_root())
        stack.enter_context(sshd(hv1, port, *ASKING))
        stack.enter_context(sshd(hv2, 2341))
        program = stack.enter_context(Program(home))
        program.wait(rf"{re.escape(hv1.address)} \(on the way to far2?\) asks for a login", timeout=30)
        answer(program, PASSWORD)
        # Both are the same machine, which is opened once; to know that, both had to be reached.
        until(
            lambda: (
                any(re.search(r"\d+ %", program.vm(name)) for name in ("far", "far2"))
                and any("same" in program.vm(name) or "disconnected" in program.vm(name) for name in ("far", "far2"))
            ),
            "both hosts were reached",
            timeout=60,
        )
        assert "asks for a login" not in program.text()
        assert len(logins_at(port)) == 1
        program.leave()
        until(lambda: not masters(runtime), "no ssh is left", timeout=30)


async def test_twelve_hosts_behind_one_jump_host_that_takes_one_login_at_a_time(
    hv1: Host, hv2: Host, ssh_folder: Path
) -> None:
    jump, port = FIRST + 50, FIRST + 51
    know(ssh_folder, hv1, f"[hv1]:{jump}")
    know(ssh_folder, hv2, f"[hv2]:{port}")
    names = [f"far{number}" for number in range(12)]
    (ssh_folder / "config").write_text(
        f"Host {' '.join(names)}\n HostName hv2\n Port {port}\n User root\n ProxyJump root@hv1:{jump}\n"
    )
    with sshd(hv1, jump, "MaxStartups 1:100:1"), sshd(hv2, port):
        backends = await connected([f"qemu+ssh://{name}/system" for name in names])
        assert len(logins_at(jump)) == 1
        await close_all(backends)


async def test_twelve_names_of_one_machine_that_turns_logins_away(hv1: Host, ssh_folder: Path) -> None:
    """From the third login under way on, this sshd hangs up; each is tried again, and in the end all are in."""
    port = FIRST + 52
    know(ssh_folder, hv1, f"[hv1]:{port}")
    names = [f"name{number}" for number in range(12)]
    (ssh_folder / "config").write_text(f"Host {' '.join(names)}\n HostName hv1\n Port {port}\n User root\n")
    with sshd(hv1, port, "MaxStartups 3:100:5"):
        backends = await connected([f"qemu+ssh://{name}/system" for name in names])
        assert len(logins_at(port)) == len(names)
        await close_all(backends)


# --- what is broken says so ------------------------------------------------------------------------------------------

MUTE = "k.append(s.accept())"
DEAF = "s.accept()[0].close()"
SERVER = "import socket\ns=socket.socket();s.setsockopt(1,2,1);s.bind(('',{port}));s.listen(50);k=[]\nwhile 1: {does}"
HIDDEN = (
    "exec unshare -m sh -c 'mount -t tmpfs -o mode=700 none /run/libvirt && {then} sh -c \"$SSH_ORIGINAL_COMMAND\"'"
)

BROKEN = {
    # name: (line of sshd's configuration or what listens there, what the row says)
    "unplugged": ("", "{address} did not answer the connection"),
    "mute": (MUTE, "takes connections where its sshd should be, but none answers"),
    "deaf": (DEAF, "sshd on {address} closes connections before the login"),
    "refusing": ("", "{address} refused the connection"),
    "bare": (f"ForceCommand {HIDDEN.format(then='')}", "libvirt is not running on {address}"),
    "strange": (
        f"ForceCommand {HIDDEN.format(then='setpriv --reuid=other --clear-groups')}",
        "denied: This user may not open libvirt's socket on {address}",
    ),
    "noisy": (
        'ForceCommand echo Welcome to this host; sh -c "$SSH_ORIGINAL_COMMAND"',
        "The login shell on {address} prints something",
    ),
    "helpless": (
        'ForceCommand PATH={folder}; export PATH; sh -c "$SSH_ORIGINAL_COMMAND"',
        "{address} has neither virt-ssh-helper nor nc",
    ),
}


def test_every_broken_way_says_what_is_wrong_within_ten_seconds(hv1: Host, lab: Lab, ssh_folder: Path) -> None:
    folder = lab.folder / "tmp/path"
    folder.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        (folder / "sh").symlink_to("/bin/sh")
    ports = {name: FIRST + 60 + number for number, name in enumerate(BROKEN)}
    drop = ("INPUT", "-p", "tcp", "--dport", str(ports["unplugged"]), "-j", "DROP")
    with ExitStack() as stack:
        for name, (what, _) in BROKEN.items():
            know(ssh_folder, hv1, f"[{hv1.address}]:{ports[name]}")
            if what.startswith("ForceCommand"):
                stack.enter_context(sshd(hv1, ports[name], what.format(folder=folder) if "{folder}" in what else what))
            elif what:
                server = hv1.run([sys.executable, "-c", SERVER.format(port=ports[name], does=what)])
                stack.callback(server.wait)
                stack.callback(server.kill)
        hv1.output("iptables", "-I", *drop)
        stack.callback(hv1.output, "iptables", "-D", *drop)
        home = Home({name: f"qemu+ssh://root@{hv1.address}:{port}/system" for name, port in ports.items()})
        began = time.monotonic()
        program = stack.enter_context(Program(home, size=(160, 36)))
        for name, (_, said) in BROKEN.items():
            program.wait_host(name, re.escape(said.format(address=hv1.address)), timeout=60)
        assert time.monotonic() - began < 20
        assert not re.search(NOISE, program.text())
        program.leave()


def test_a_jump_host_that_leads_nowhere(hv1: Host, hv2: Host, ssh_folder: Path) -> None:
    port = FIRST + 70
    know(ssh_folder, hv1, f"[hv1]:{port}")
    (ssh_folder / "config").write_text(
        f"Host far\n HostName hv2\n User root\n ProxyJump root@hv1:{port}\n"
        "Host lost\n HostName hv2\n User root\n ProxyCommand no-such-program %h %p\n"
    )
    home = Home({"far": "qemu+ssh://far/system", "lost": "qemu+ssh://lost/system"})
    with sshd(hv1, port, "AllowTcpForwarding no"):
        errors, _ = reached(home)
    assert "The jump host does not reach far, or lets nobody through to it" in errors["far"]
    assert "The ProxyCommand that should lead to lost ended before the login" in errors["lost"]
    (ssh_folder / "config").write_text("Host far\n Nonsense yes\n")
    errors, _ = reached(Home({"far": "qemu+ssh://far/system"}))
    assert "ssh cannot read its configuration for far" in errors["far"]
