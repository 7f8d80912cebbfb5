"""Logins: who shares one, how many go side by side, and what is tried again without a word."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.libvirt import joining, ssh
from kvmtui.backend.libvirt.gates import MOST, Gate
from kvmtui.backend.libvirt.joining import Joining
from kvmtui.backend.libvirt.masters import Master, Place
from kvmtui.backend.libvirt.uri import parse
from kvmtui.core.errors import BackendError, Denied, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CLOSED = "kex_exchange_identification: Connection closed by remote host"


class FakeSsh:
    """An ssh whose settings and logins a test writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings("hostname hv1", "port 22")
        self.logins("true")

    def settings(self, *lines: str) -> None:
        (self.folder / "settings").write_text("\n".join(lines) + "\n")

    def logins(self, *lines: str) -> None:
        """Give the shell script of a login; a control socket is there when it ends well."""
        (self.folder / "login").write_text("\n".join(lines) + "\n")

    @property
    def commands(self) -> list[str]:
        """The logins so far."""
        file = self.folder / "commands"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSsh:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "ssh"
    program.write_text(
        "#!/bin/sh\n"
        f'case " $* " in *" -G "*) exec cat {tmp_path}/settings;; esac\n'
        f'echo "$*" >> {tmp_path}/commands\n'
        'for word; do case "$word" in ControlPath=*) control="${word#*=}";; esac; done\n'
        f". {tmp_path}/login && touch $control\n"
    )
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(joining, "PAUSES", (0.01, 0.01, 0.01))
    return FakeSsh(tmp_path)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Master]:
    """A machine that no other test has."""
    master = Master.of(parse(f"qemu+ssh://root@{request.node.name.replace('_', '-')[:40]}/system"))
    yield master
    master.control.unlink(missing_ok=True)


def test_a_login_that_is_turned_away_is_tried_again_quietly(fake: FakeSsh, place: Master) -> None:
    fake.logins(f'[ $(wc -l < {fake.folder}/commands) -ge 3 ] || {{ echo "{CLOSED}" >&2; exit 255; }}')
    joined = Joining(None).join(place.place, place.control, "hv1")
    assert joined.control == place.control
    assert len(fake.commands) == 3


def test_one_that_is_always_turned_away_ends_with_a_sentence(fake: FakeSsh, place: Master) -> None:
    fake.logins(f'echo "{CLOSED}" >&2; exit 255')
    with pytest.raises(Unreachable, match="sshd on hv1 closes connections before the login"):
        Joining(None).join(place.place, place.control, "hv1")
    assert len(fake.commands) == 4


def test_what_else_fails_is_tried_once(fake: FakeSsh, place: Master) -> None:
    fake.logins('echo "root@hv1: Permission denied (publickey)." >&2; exit 255')
    with pytest.raises(Denied, match="ssh on hv1 did not take the login"):
        Joining(None).join(place.place, place.control, "hv1")
    assert len(fake.commands) == 1


def test_those_that_wait_for_a_login_share_its_end(fake: FakeSsh, place: Master) -> None:
    denied = 'echo "root@hv1: Permission denied (password)." >&2; exit 255'
    fake.logins(f"until [ -e {fake.folder}/go ]; do sleep 0.02; done; {denied}")
    errors: list[BackendError] = []

    def join() -> None:
        try:
            Joining(None).join(place.place, place.control, "hv1")
        except BackendError as error:
            errors.append(error)

    threads = [threading.Thread(target=join) for _ in range(5)]
    for thread in threads:
        thread.start()
    while not fake.commands:
        time.sleep(0.02)
    (fake.folder / "go").touch()
    for thread in threads:
        thread.join(20)
    assert [type(error) for error in errors] == [Denied] * 5
    assert len(fake.commands) == 1


def test_a_login_that_nobody_waits_for_any_more_ends(fake: FakeSsh, place: Master) -> None:
    fake.logins("exec sleep 60")
    work = Joining(None)
    failures: list[BackendError] = []

    def join() -> None:
        try:
            work.join(place.place, place.control, "hv1")
        except BackendError as error:
            failures.append(error)

    thread = threading.Thread(target=join)
    thread.start()
    while not fake.commands:
        time.sleep(0.02)
    work.cut()
    thread.join(20)
    assert [error.text for error in failures] == ["The connection to hv1 was let go."]


def test_a_master_of_the_users_own_that_runs_is_joined(fake: FakeSsh, place: Master, tmp_path: Path) -> None:
    own = tmp_path / "own"
    fake.settings("hostname hv1", f"controlpath {own}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(own))
        listener.listen()
        assert Joining(None).join(place.place, place.control, "hv1").control == own
        fake.settings("hostname hv1")  # each further lane joins it without asking ssh where it is
        assert Joining(None).join(place.place, place.control, "hv1").control == own
        assert not fake.commands
    own.unlink()
    assert Joining(None).join(place.place, place.control, "hv1").control == place.control


def test_a_jump_host_is_logged_in_to_once_and_ridden_on(fake: FakeSsh, place: Master) -> None:
    # ssh is asked for the settings of both, and says the same of both: a way that leads back is left to ssh.
    fake.settings("hostname hv1", "proxyjump ann@gate:2222")
    joined = Joining(None).join(place.place, place.control, "hv1")
    hop, goal = fake.commands
    assert hop.endswith("-p 2222 -l ann -- gate")
    assert goal.endswith(place.place.host)
    assert f"ControlPath={Place('gate', 'ann', 2222).control}" in joined.way[0]
    assert "-W '[%h]:%p' -p 2222 -l ann -- gate" in joined.way[0]
    Place("gate", "ann", 2222).control.unlink()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("gate", Place("gate")),
        ("ann@gate", Place("gate", "ann")),
        ("ann@gate:2222", Place("gate", "ann", 2222)),
        ("[fe80::1]:22", Place("fe80::1", "", 22)),
        ("ssh://ann@gate:2222", Place("gate", "ann", 2222)),
        ("none", None),
        ("", None),
        ("-oProxyCommand=x", None),
        ("a:b:c", None),
    ],
)
def test_jump_hosts_are_read_as_ssh_writes_them(text: str, place: Place | None) -> None:
    assert joining._hop(text, "") == place


def test_a_gate_lets_a_bounded_number_through_and_fewer_after_a_refusal() -> None:
    gate = Gate()
    assert all(gate.enter(lambda: True) for _ in range(MOST))
    assert not gate.enter(lambda: True)
    for _ in range(MOST):
        gate.leave(turned_away=False)
    gate.enter(lambda: True)
    gate.leave(turned_away=True)
    assert sum(gate.enter(lambda: True) for _ in range(MOST)) == MOST // 2


def test_what_disturbs_a_session_is_switched_off_where_ssh_knows_it(tmp_path: Path) -> None:
    ssh.note({"sessiontype": "none"})
    text = ssh.lane_text("token", tmp_path / "control")
    for option in ("RemoteCommand=none", "RequestTTY=no", "LogLevel=ERROR", "SessionType=default"):
        assert option in text
