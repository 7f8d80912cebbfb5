"""ssh for libvirt: a wrapper per lane that never touches the terminal, and joins a master (`masters`).

libvirt starts the wrapper (`command=`) with the arguments that it would give to ssh. The wrapper leaves its
process id behind, so that the lane can end that very process, and leaves our session, so that no prompt
finds the terminal. What ssh has to ask goes to our askpass and so to a person; BatchMode refuses it where nobody
can be asked.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.libvirt import runtime
from kvmtui.backend.libvirt.masters import Master

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Asks", "Master", "end_process", "environment", "lane_text", "note", "options", "write_wrapper"]

CONNECT_TIMEOUT = 8  # seconds; a dead host is to be known dead within 10

_PLAIN = (
    # What a person wants of a shell of his own would end, or fill up, a connection that carries libvirt.
    "LogLevel=ERROR",
    "RequestTTY=no",
    "RemoteCommand=none",
    "PermitLocalCommand=no",
    "ClearAllForwardings=yes",
    "ForwardX11=no",
    "ConnectionAttempts=1",
    f"ConnectTimeout={CONNECT_TIMEOUT}",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
)
_PLAIN_OF_SESSIONS = ("ForkAfterAuthentication=no", "SessionType=default", "StdinNull=no")
_known: set[str] = set()
"""The options that ssh has named: an older one ends at a name that it does not know."""


class Asks(NamedTuple):
    """How ssh asks: our askpass, and the socket that it asks at."""

    program: Path
    address: Path


def options(*own: str, asks: bool) -> list[str]:
    """Return the arguments that every ssh of ours is given first, with options of its own."""
    names = (f"BatchMode={'no' if asks else 'yes'}", *own, *_PLAIN)
    return [word for name in names for word in ("-o", name)]


def note(settings: Mapping[str, str]) -> None:
    """Learn from what `ssh -G` lists which options the ssh that is installed knows."""
    _known.update(settings)


def environment(token: str, asks: Asks | None) -> dict[str, str]:
    """Return what makes ssh ask our program, or nobody, whatever terminal or display there is."""
    if asks is None:
        return {"KVMTUI_LANE": token, "SSH_ASKPASS_REQUIRE": "never"}
    return {
        "KVMTUI_LANE": token,
        "SSH_ASKPASS": str(asks.program),
        "KVMTUI_ASK": str(asks.address),
        "SSH_ASKPASS_REQUIRE": "force",
        "DISPLAY": os.environ.get("DISPLAY") or "none",  # an ssh before 8.4 knows no other way to be told
    }


def lane_text(token: str, control: Path, asks: Asks | None = None, way: Sequence[str] = ()) -> str:
    """Return what the wrapper reads of one lane: its environment and its options, of which `way` leads to the host."""
    recent = [option for option in _PLAIN_OF_SESSIONS if option.partition("=")[0].lower() in _known]
    line = shlex.join(options("ControlMaster=no", f"ControlPath={control}", *way, *recent, asks=asks is not None))
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment(token, asks).items())
    return f'{exports}set -- {line} "$@"\n'


_WRAPPER = """#!/bin/sh
. "$0.lane"
echo $$ > "$0.pid"
if command -v setsid > /dev/null; then
    exec setsid ssh "$@"
fi
exec ssh "$@"
"""
_writing = threading.Lock()


def write_wrapper(
    token: str, control: Path, asks: Asks | None = None, way: Sequence[str] = ()
) -> tuple[Path, Path, Path]:
    """Write what stands in for ssh on a lane: its path, that of its report, and what else goes with it."""
    script = runtime.unique("s")
    script.symlink_to(_wrapper())
    lane = script.with_suffix(".lane")
    handle = os.open(lane, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(lane_text(token, control, asks, way))
    return script, script.with_suffix(".pid"), lane


def _wrapper() -> Path:
    """Return the one program of all lanes.

    Another process writes it: what this one has open for writing, a child that a thread begins to start at that very
    moment has open, too, and then nobody may run it ("Text file busy").
    """
    path = runtime.directory() / "wrapper"
    with _writing:
        if not path.exists():
            made = 'cat > "$1.new" && chmod 700 "$1.new" && mv "$1.new" "$1"'
            subprocess.run(["/bin/sh", "-c", made, "sh", path], input=_WRAPPER.encode(), check=True)
    return path


def end_process(token: str, report: Path) -> bool:
    """End the ssh process that reported under `token`; False when it cannot be proved to be ours."""
    try:
        pid = int(report.read_text(encoding="ascii"))
        handle = os.pidfd_open(pid)
    except (OSError, ValueError):
        return False
    try:
        # The handle was opened first: should the number be given to another process, the proof fails.
        if f"KVMTUI_LANE={token}".encode() not in _environment(pid):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return False
    else:
        return True
    finally:
        with contextlib.suppress(OSError):
            os.close(handle)


def _environment(pid: int) -> list[bytes]:
    """Return a process's environment; for an instant while it becomes another program it shows none."""
    text = b""
    for _ in range(10):
        text = Path(f"/proc/{pid}/environ").read_bytes()
        if text:
            break
        time.sleep(0.001)
    return text.split(b"\0")
