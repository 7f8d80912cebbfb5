"""ssh for libvirt: a wrapper per lane that never touches the terminal, over one master connection per host.

libvirt starts the wrapper (`command=`) with the arguments that it would give to ssh. The wrapper leaves its
process id behind, so that the lane can end that very process, and leaves our session, so that no prompt
finds the terminal. BatchMode refuses what would have to ask; a dialog takes its place by another `asking`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import runtime

if TYPE_CHECKING:
    from kvmtui.backend.libvirt.uri import Address

CONNECT_TIMEOUT = 10  # seconds

_users: Counter[Path] = Counter()
"""How many backends of this process use a master, by its control socket."""
NEVER_ASK = ("-o", "BatchMode=yes")


@dataclass(frozen=True, slots=True)
class Master:
    """The connection that all lanes to one host share; ssh keeps it for a minute after the last lane."""

    destination: tuple[str, ...]  # the host, and -p and -l as ssh takes them
    control: Path

    @classmethod
    def of(cls, address: Address) -> Master:
        """Return the master of this address; equal addresses share it."""
        destination = (
            *(("-p", str(address.port)) if address.port is not None else ()),
            *(("-l", address.user) if address.user else ()),
            "--",
            address.host,
        )
        name = hashlib.sha256("\0".join((*destination, address.parameter("keyfile"))).encode()).hexdigest()[:12]
        return cls(destination, runtime.directory() / f"m{name}")

    def take(self) -> None:
        """Note one more user of the master in this process."""
        _users[self.control] += 1

    def leave(self) -> None:
        """Note one user less; the master of none is asked to end, without waiting."""
        _users[self.control] -= 1
        self.end_if_idle(0)

    def end_if_idle(self, others: int = 1) -> None:
        """Ask the master to end when no more than `others` use it; its sessions end with it."""
        if _users[self.control] <= others and self.control.exists():
            runtime.farewell(["ssh", "-O", "exit", "-o", f"ControlPath={self.control}", *self.destination])


def wrapper_text(token: str, report: Path, control: Path, asking: tuple[str, ...] = NEVER_ASK) -> str:
    """Return the shell script that stands in for ssh on one lane."""
    options = (
        *asking,
        "-o",
        f"ConnectTimeout={CONNECT_TIMEOUT}",
        "-o",
        "ServerAliveInterval=5",
        "-o",
        "ServerAliveCountMax=3",
        "-o",
        "ControlMaster=auto",
        "-o",
        f"ControlPath={control}",
        "-o",
        "ControlPersist=60",
    )
    line = shlex.join(options)
    return (
        "#!/bin/sh\n"
        f"KVMTUI_LANE={shlex.quote(token)}\n"
        "export KVMTUI_LANE\n"
        f"echo $$ > {shlex.quote(str(report))}\n"
        "if command -v setsid > /dev/null; then\n"
        f'    exec setsid ssh {line} "$@"\n'
        "fi\n"
        f'exec ssh {line} "$@"\n'
    )


def write_wrapper(token: str, control: Path) -> tuple[Path, Path]:
    """Write a lane's wrapper; returns its path and that of the report it will write."""
    script = runtime.unique("s")
    report = script.with_suffix(".pid")
    handle = os.open(script, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(wrapper_text(token, report, control))
    return script, report


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
