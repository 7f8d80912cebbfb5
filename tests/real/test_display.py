"""The way to a real VM's screen: what is told of it leads to the VNC server, through a real tunnel."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend import backend_for
from kvmtui.commands.ways import way_to
from kvmtui.screens.viewer import readiness, start
from tests.real.lab import GuestSpec, Host, until
from tests.real.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.lab import Guest

HUSH = "hush4321"
# Plays remote-viewer: connects to what the file names, and notes the greeting of what answers there.
VIEWER = """
import configparser, os, socket, sys
given = configparser.ConfigParser()
given.read(sys.argv[1])
os.remove(sys.argv[1])
told = given["virt-viewer"]
with socket.create_connection((told["host"], int(told["port"])), 10) as line:
    greeting = line.recv(12)
with open({answer!r}, "w") as file:
    file.write(greeting.decode() + told.get("password", ""))
"""


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the window noted; it runs in place of remote-viewer on a machine with a display."""
    path = tmp_path / "answer"
    script = tmp_path / "viewer.py"
    script.write_text(VIEWER.format(answer=str(path)))
    program = tmp_path / "remote-viewer"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":99")
    return path


@pytest.mark.parametrize(
    "listen",
    [
        "<listen type='address' address='127.0.0.1'/>",
        "<listen type='address' address='0.0.0.0'/>",
        "<listen type='socket'/>",
    ],
    ids=["loopback", "network", "socket"],
)
async def test_a_window_reaches_the_screen(
    hv1: Host, make_guest: Callable[[Host, GuestSpec], Guest], answer: Path, listen: str
) -> None:
    graphics = f"<graphics type='vnc' autoport='yes' passwd='{HUSH}'>{listen}</graphics>"
    guest = make_guest(hv1, GuestSpec("seen", agent=False, nic=False, devices=graphics)).start()
    backend = backend_for(hv1.ssh_uri)
    await backend.connect()
    try:
        [plain] = await backend.console.displays(guest.uuid)
        assert plain.password == ""
        [display] = await backend.console.displays(guest.uuid, secret=True)
        assert display.password == HUSH
        way = way_to(display, hv1.ssh_uri)
        await start(readiness(os.environ).program, way, "seen on hv1", display.password)
        said = await asyncio.to_thread(until, lambda: _read(answer), "the window notes what it sees")
        assert said == f"RFB 003.008\n{HUSH}"
    finally:
        await backend.close()


def test_the_program_says_the_way_and_shows_no_password(
    hv1: Host, make_guest: Callable[[Host, GuestSpec], Guest]
) -> None:
    graphics = (
        f"<graphics type='vnc' port='5942' passwd='{HUSH}'><listen type='address' address='127.0.0.1'/></graphics>"
    )
    make_guest(hv1, GuestSpec("shown", agent=False, nic=False, devices=graphics)).start()
    with Program.on(hv1) as program:
        program.select("shown")
        program.keys("v")
        program.wait("Screen of shown on hv1")
        program.wait(rf"ssh -N -L 15942:127\.0\.0\.1:5942 {hv1.address}")
        program.wait("remote-viewer vnc://127.0.0.1:15942")
        program.wait("There is no display here")
        assert HUSH not in program.text()


def _read(path: Path) -> str:
    text = path.read_text() if path.exists() else ""
    return text if len(text) >= len("RFB 003.008\n") else ""
