"""Record what programs write to a terminal, and what tmux shows for it: `python -m tests.emulator.record [NAME...]`.

Needs root, unshare, setpriv, tmux and the programs. They run as a user `admin` on a host `guest`, in namespaces with
a home and processes of their own, so that nothing of the machine is in what they write but its load. For each session
`data/NAME.gz` holds the bytes and `data/NAME.screens` the screens that tmux gave for them at each checkpoint.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from kvmtui.emulator import Emulator
from tests.emulator.corpus import COLUMNS, DATA, ROWS, Checkpoint, screens_text
from tests.emulator.sessions import NOTES, PLAY, SESSIONS, WORLD, Session

PATIENCE = 20.0  # seconds until a program must have written something


def record(session: Session, folder: str) -> tuple[bytes, list[tuple[str, int]]]:
    """Run a session in a terminal of its own, with a copy of `folder` as home.

    Returns its output, and the label of each checkpoint with the number of bytes before it.
    """
    child, descriptor = pty.fork()
    if not child:
        command = ["unshare", "-m", "-u", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c", WORLD, "world"]
        os.execvp(command[0], [*command, folder, session.term, *session.command])  # noqa: S606 - it gets a list
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    output, places = b"", []
    terminal = Emulator(COLUMNS, ROWS)
    for label, keys in session.steps:
        os.write(descriptor, keys.encode())
        output += _read(descriptor, terminal, session.quiet)
        places.append((label, len(output)))
    os.close(descriptor)
    os.waitpid(child, 0)
    return output, places


def _read(descriptor: int, terminal: Emulator, quiet: float) -> bytes:
    """Read until nothing has come for a while, and answer what a terminal answers."""
    output = b""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ready, _, _ = select.select([descriptor], [], [], quiet if output else 2.0)
        if not ready:
            break
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # the program has ended
            break
        output += data
        terminal.feed(data)
        replies = terminal.take_replies()
        if replies:
            os.write(descriptor, replies)
    return output


class Tmux:
    """A pane of tmux that shows what is written into a pipe."""

    def __init__(self, folder: Path) -> None:
        self._socket = str(folder / "socket")
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        show = f"stty raw -echo; printf ready; read -r -n 1 _ < {pipe}.go; clear; exec cat {pipe}"
        os.mkfifo(f"{pipe}.go")
        environment = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        config = folder / "config"
        config.write_text("set -g status off\nset -g default-terminal xterm-256color\n")
        subprocess.run(
            [
                *("tmux", "-S", self._socket, "-f", str(config), "new-session", "-d"),
                *("-x", str(COLUMNS), "-y", str(ROWS), "bash", "-c", show),
            ],
            check=True,
            env=environment,
        )
        Path(f"{pipe}.go").write_bytes(b"\n")
        self._pipe = pipe.open("wb", buffering=0)
        self._settled()

    def show(self, data: bytes) -> tuple[str, ...]:
        """Write into the pane; return its rows when they change no more."""
        self._pipe.write(data)
        return self._settled()

    def close(self) -> None:
        self._pipe.close()
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], check=False, stderr=subprocess.DEVNULL)

    def _settled(self) -> tuple[str, ...]:
        before, same = self._rows(), 0
        while same < 5:
            time.sleep(0.1)
            now = self._rows()
            same = same + 1 if now == before else 0
            before = now
        return before

    def _rows(self) -> tuple[str, ...]:
        done = subprocess.run(
            ["tmux", "-S", self._socket, "capture-pane", "-p"],
            check=True,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        lines = [line.rstrip(" ") for line in done.stdout.decode().split("\n")]
        return tuple((lines + [""] * ROWS)[:ROWS])


def shown_by_tmux(output: bytes, places: list[tuple[str, int]]) -> list[Checkpoint]:
    """Return what tmux shows at each checkpoint."""
    checkpoints = []
    with tempfile.TemporaryDirectory() as folder:
        pane = Tmux(Path(folder))
        start = 0
        for label, end in places:
            checkpoints.append(Checkpoint(label, end, pane.show(output[start:end])))
            start = end
        pane.close()
    return checkpoints


def main() -> None:
    """Record the sessions that are named, or all."""
    DATA.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SESSIONS:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "notes.txt").write_text(NOTES)
            Path(folder, "play.py").write_text(PLAY)
            output, places = record(SESSIONS[name], folder)
        checkpoints = shown_by_tmux(output, places)
        (DATA / f"{name}.gz").write_bytes(gzip.compress(output, mtime=0))
        (DATA / f"{name}.screens").write_text(screens_text(checkpoints))
        sys.stdout.write(f"{name}: {len(output)} bytes, {len(checkpoints)} checkpoints\n")


if __name__ == "__main__":
    main()
