"""The way to a VM's screen: what is said of it, and the window that is opened."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Display
from kvmtui.commands.ways import way_to
from kvmtui.core.errors import Refused, TimedOut
from kvmtui.screens import viewer
from kvmtui.screens.display import DisplayScreen
from kvmtui.screens.viewer import readiness, start
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORD = "hush 4321"


async def opened(here: Desk, name: str) -> DisplayScreen:
    """Press `v` on a VM and wait for what is said."""
    await here.go_to(name)
    await here.press("v")
    await here.until(lambda: isinstance(here.app.screen, DisplayScreen), "the way")
    screen = here.app.screen
    assert isinstance(screen, DisplayScreen)
    return screen


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (60, 15)])
async def test_it_says_where_the_screen_is_and_the_line_that_leads_there(size: tuple[int, int]) -> None:
    async with desk(size=size) as here:
        await opened(here, "web-1")
        await here.until_text("Screen of web-1 on hv1", "VNC at 127.0.0.1:59")
        line = here.line_of("reach it").split("reach it")[1].strip()
        assert line.startswith("ssh -N -L 159")
        assert line.endswith(" hv1")
        assert "remote-viewer vnc://127.0.0.1:159" in here.line_of("look ")
        assert "simulated" in here.text
        assert "enter opens" not in here.text
        await here.press("y")
        assert here.app.clipboard == line
        assert all(len(each) <= size[0] for each in here.lines)
        await here.press("escape")
        assert not isinstance(here.app.screen, DisplayScreen)


async def test_a_password_is_never_shown() -> None:
    async with desk() as here:
        await opened(here, "win-rds-1")
        await here.until_text("SPICE at 0.0.0.0:")
        assert "simulated" in here.text
        assert "password" not in here.text


async def test_a_vm_that_is_off_has_none() -> None:
    async with desk() as here:
        await here.go_to("mail")
        await here.press("v")
        await here.until(lambda: any("mail is off, so it has no screen" in toast for toast in here.toasts), "said")


async def test_a_host_that_does_not_say_is_told() -> None:
    async with desk() as here:
        here.faults.refuse(TimedOut("hv1 did not answer within 10 s."), verb="displays")
        await opened(here, "web-1")
        await here.until_text("hv1 did not answer within 10 s.")


# --- the window ---


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that stand for the real ones, a display, and a runtime folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    monkeypatch.setenv("DISPLAY", ":99")
    return folder


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)


def stand_in_viewer(folder: Path) -> None:
    """Install a viewer that notes what it is given, waits until `end` is there, and deletes the file."""
    program(
        folder,
        "remote-viewer",
        f'cp "$1" {folder}/file; stat -c %a "$1" > {folder}/mode; echo "$@" > {folder}/arguments\n'
        f'touch {folder}/up; while [ ! -e {folder}/end ]; do sleep 0.05; done; rm "$1"',
    )


def stand_in_ssh(folder: Path) -> None:
    """Install an ssh that listens on this end of its tunnel."""
    source = folder / "tunnel.py"
    source.write_text(
        "import socket, sys\n"
        "port = int(sys.argv[sys.argv.index('-L') + 1].partition(':')[0])\n"
        f"open({str(folder / 'ssh.arguments')!r}, 'w').write(' '.join(sys.argv[1:]))\n"
        "server = socket.create_server(('127.0.0.1', port))\n"
        "while True: server.accept()[0].close()\n"
    )
    program(folder, "ssh", f'echo $$ > {folder}/ssh.pid; exec {sys.executable} {source} "$@"')


async def until(test: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not test():  # noqa: ASYNC110 - other programs do it
            await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    try:
        return path.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_the_window_gets_its_password_by_a_file_alone(programs: Path) -> None:
    stand_in_viewer(programs)
    ready = readiness(os.environ)
    way = way_to(Display("vnc", "127.0.0.1", 5901, None, "", PASSWORD), "qemu:///system")
    await start(ready.program, way, "web\x1b-1 on hv1", PASSWORD)
    await until((programs / "up").exists)
    text = (programs / "file").read_text()
    assert text.startswith("[virt-viewer]\ntype=vnc\nhost=127.0.0.1\nport=5901\n")
    assert f"password={PASSWORD}\n" in text
    assert "delete-this-file=1\n" in text
    assert "title=web\\x1b-1 on hv1\n" in text
    assert (programs / "mode").read_text().strip() == "600"
    assert PASSWORD not in (programs / "arguments").read_text()
    (programs / "end").touch()
    await until(lambda: not list((programs.parent / "run").rglob("*.vv")))


async def test_a_tunnel_stands_before_the_window_and_ends_with_it(programs: Path) -> None:
    stand_in_viewer(programs)
    stand_in_ssh(programs)
    way = way_to(Display("vnc", "127.0.0.1", 5901, None, "", ""), "qemu+ssh://root@hv1/system")
    await start(readiness(os.environ).program, way, "web-1 on hv1", "")
    await until((programs / "up").exists)
    words = (programs / "ssh.arguments").read_text().split()
    goal = words[words.index("-L") + 1]
    assert goal.endswith(":127.0.0.1:5901")
    assert f"port={goal.partition(':')[0]}\n" in (programs / "file").read_text()
    assert "BatchMode=yes" in words
    assert words[-1] == "root@hv1"
    pid = int((programs / "ssh.pid").read_text())
    assert is_alive(pid)
    (programs / "end").touch()
    await until(lambda: not is_alive(pid))


async def test_a_tunnel_that_fails_is_told_and_leaves_nothing(programs: Path) -> None:
    stand_in_viewer(programs)
    program(programs, "ssh", "exit 255")
    way = way_to(Display("vnc", "127.0.0.1", 5901, None, "", ""), "qemu+ssh://root@hv1/system")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viewer, "TUNNEL_SECONDS", 1.0)
        with pytest.raises(Refused, match="tunnel"):
            await start(readiness(os.environ).program, way, "web-1 on hv1", PASSWORD)
    assert not (programs / "up").exists()
    assert not list((programs.parent / "run").rglob("*.vv"))


async def test_a_viewer_that_fails_is_told(programs: Path) -> None:
    program(programs, "remote-viewer", "exit 3")
    way = way_to(Display("vnc", "127.0.0.1", 5901, None, "", ""), "qemu:///system")
    with pytest.raises(Refused, match="ended at once"):
        await start(readiness(os.environ).program, way, "web-1", PASSWORD)
    assert not list((programs.parent / "run").rglob("*.vv"))


async def test_a_password_of_several_lines_is_refused(programs: Path) -> None:
    stand_in_viewer(programs)
    way = way_to(Display("vnc", "127.0.0.1", 5901, None, "", ""), "qemu:///system")
    with pytest.raises(Refused):
        await start(readiness(os.environ).program, way, "web-1", "a\nproxy=evil")
    assert not (programs / "up").exists()


def test_it_says_what_is_missing_for_a_window(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(programs))
    assert "not installed" in readiness(os.environ).why
    stand_in_viewer(programs)
    assert readiness(os.environ) == (str(programs / "remote-viewer"), "")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "no display here" in readiness(os.environ).why


def test_files_of_a_viewer_are_private(programs: Path) -> None:
    way = way_to(Display("vnc", "127.0.0.1", 5901, None, "", ""), "qemu:///system")
    path = viewer._write(way, "web-1", PASSWORD)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert programs.parent in path.parents
