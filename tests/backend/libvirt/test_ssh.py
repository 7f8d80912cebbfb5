"""ssh for libvirt: nothing of it reaches the terminal, and a lane can end its own process and no other."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.libvirt import runtime, ssh
from kvmtui.backend.libvirt.masters import Master
from kvmtui.backend.libvirt.ssh_line import SshLine
from kvmtui.backend.libvirt.uri import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


LOGGED_IN = (
    'case " $* " in',
    '*" -V "*) echo OpenSSH_9.2p1 >&2; exit;;',
    '*" -G "*) exit;;',
    '*" -N "*) for word; do case "$word" in ControlPath=*) touch "${word#*=}";; esac; done; exit;;',
    "esac",
)
"""What an ssh does that is asked for its settings, or for a master."""


@pytest.fixture
def fake_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an ssh that logs in at once, and else writes its arguments down, tells its session, and stays."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "ssh"
    lines = (
        "#!/bin/sh",
        *LOGGED_IN,
        f"printf '%s\\n' \"$@\" > {tmp_path}/argv",
        f"ps -o sid= -p $$ > {tmp_path}/sid",
        "echo ready",
        "exec sleep 60",
    )
    program.write_text("\n".join(lines))
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def line() -> Iterator[SshLine]:
    made = SshLine(parse("qemu+ssh://root@hv1:2222/system?keyfile=/root/key"))
    yield made
    made.release()


def _start(line: SshLine) -> subprocess.Popen[str]:
    address = parse_command(line.prepare())
    process = subprocess.Popen([address, "-T", "--", "hv1"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def parse_command(uri: str) -> str:
    query = uri.partition("?")[2]
    return dict(part.split("=", 1) for part in query.split("&"))["command"]


def test_a_lane_ends_its_own_ssh(fake_ssh: Path, line: SshLine) -> None:
    process = _start(line)
    assert line.cut()
    assert process.wait(10) < 0


def test_a_process_that_cannot_be_proved_ours_is_left_alone(fake_ssh: Path, line: SshLine, tmp_path: Path) -> None:
    process = _start(line)
    report = tmp_path / "report"
    report.write_text(f"{process.pid}\n")
    assert not ssh.end_process("another token", report)
    report.write_text("not a number")
    assert not ssh.end_process("another token", report)
    assert process.poll() is None
    process.kill()
    process.wait()


def test_ssh_never_asks_bounds_its_waits_and_shares_a_connection(fake_ssh: Path, line: SshLine) -> None:
    process = _start(line)
    options = (fake_ssh / "argv").read_text().splitlines()
    for option in ("BatchMode=yes", "ConnectTimeout=8", "ServerAliveInterval=5", "ControlMaster=no", "LogLevel=ERROR"):
        assert option in options
    assert options[-3:] == ["-T", "--", "hv1"]
    # It has left our session, so no prompt finds the terminal.
    assert int((fake_ssh / "sid").read_text()) == process.pid
    process.kill()
    process.wait()


def test_the_uri_for_libvirt_keeps_what_was_given_and_allows_no_prompt(fake_ssh: Path, line: SshLine) -> None:
    made = line.prepare()
    assert made.startswith("qemu+ssh://root@hv1:2222/system?keyfile=/root/key&command=/")
    assert "no_tty=1" in made


def test_the_files_are_private_and_go_with_the_lane(fake_ssh: Path) -> None:
    line = SshLine(parse("qemu+ssh://hv1/system"))
    script = parse_command(line.prepare())
    assert os.stat(script).st_mode & 0o777 == 0o700  # noqa: PTH116
    assert os.stat(os.path.dirname(script)).st_mode & 0o777 == 0o700  # noqa: PTH116, PTH120
    line.release()
    assert not os.path.exists(script)  # noqa: PTH110


def test_hosts_share_a_master_only_when_all_that_matters_is_the_same() -> None:
    controls = {
        Master.of(parse(uri)).control
        for uri in (
            "qemu+ssh://hv1/system",
            "qemu+ssh://hv1/session",
            "qemu+ssh://hv2/system",
            "qemu+ssh://ann@hv1/system",
            "qemu+ssh://hv1:2222/system",
            "qemu+ssh://hv1/system?keyfile=/k",
        )
    }
    assert len(controls) == 5
    assert all(len(str(control)) < 90 for control in controls)


def test_a_master_ends_with_its_last_user_only(fake_ssh: Path) -> None:
    first, second = (Master.of(parse(f"qemu+ssh://hv1/{path}")) for path in ("system", "session"))
    first.control.touch()
    first.take()
    second.take()
    first.leave()
    first.end_if_idle()
    second.leave()
    runtime._farewells[-1].kill()
    runtime._farewells[-1].wait()
    first.control.unlink()
    told = runtime._farewells[-1].args
    assert isinstance(told, list)
    assert told[3:7] == ["-O", "exit", "-o", f"ControlPath={first.control}"]


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_has_is_not(tmp_path: Path) -> None:
    for name in ("kvmtui-dead", "kvmtui-living", "kvmtui-being-made"):
        (tmp_path / name).mkdir()
    (tmp_path / "kvmtui-dead/lock").touch()
    runtime._lock_for_life(tmp_path / "kvmtui-living")
    # So does systemd-tmpfiles before it removes what is older than ten days from a folder.
    aged = subprocess.run(["flock", "-n", tmp_path / "kvmtui-living", "true"], check=False)
    assert aged.returncode == 1
    runtime._sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"kvmtui-living", "kvmtui-being-made"}
