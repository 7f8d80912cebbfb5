"""ssh for libvirt: a wrapper per lane that never touches the terminal, over one master connection per host.

libvirt starts the wrapper (`command=`) with the arguments that it would give to ssh. The wrapper leaves its
process id behind, so that the lane can end that very process, and leaves our session, so that no prompt
finds the terminal. What ssh has to ask goes to our askpass and so to a person; BatchMode refuses it where nobody
can be asked. sshd lets a connection carry ten sessions: from the ninth lane on a second master is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.libvirt import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.backend.libvirt.uri import Address

CONNECT_TIMEOUT = 10  # seconds

_users: Counter[Path] = Counter()
"""How many backends of this process use a master, by its control socket."""
MOST_SESSIONS = 8  # of one master; sshd's MaxSessions is 10 by default

MOST_MASTERS = 8  # that are looked for; lanes are bounded far below what they carry

_sessions: Counter[Path] = Counter()
"""How many lanes of this process are in use over a master, by its control socket."""
_claiming = threading.Lock()


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

    def claim(self) -> Path:
        """Return the control socket for one more lane: the first master's that has room."""
        with _claiming:
            control = next(one for one in self._controls() if _sessions[one] < MOST_SESSIONS)
            _sessions[control] += 1
            return control

    @staticmethod
    def give_back(control: Path) -> None:
        """Note that a lane has ended."""
        with _claiming:
            _sessions[control] -= 1

    @property
    def in_use(self) -> tuple[int, int]:
        """How many lanes are in use, over how many logins."""
        with _claiming:
            counts = [_sessions[one] for one in islice(self._controls(), MOST_MASTERS)]
        return sum(counts), sum(count > 0 for count in counts)

    def _controls(self) -> Iterator[Path]:
        yield self.control
        for number in count(2):
            yield self.control.with_name(f"{self.control.name}-{number}")

    def take(self) -> None:
        """Note one more user of the master in this process."""
        _users[self.control] += 1

    def leave(self) -> None:
        """Note one user less; the master of none is asked to end, without waiting."""
        _users[self.control] -= 1
        self.end_if_idle(0)

    def end_if_idle(self, others: int = 1) -> None:
        """Ask the master to end when no more than `others` use it; its sessions end with it."""
        if _users[self.control] > others:
            return
        for control in islice(self._controls(), MOST_MASTERS):
            if control.exists():
                runtime.farewell(["ssh", "-O", "exit", "-o", f"ControlPath={control}", *self.destination])


class Asks(NamedTuple):
    """How ssh asks: our askpass, and the socket that it asks at."""

    program: Path
    address: Path


def wrapper_text(token: str, report: Path, control: Path, asks: Asks | None = None) -> str:
    """Return the shell script that stands in for ssh on one lane."""
    options = (
        "-o",
        f"BatchMode={'no' if asks else 'yes'}",
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
        f"{_environment_of(asks) if asks else ''}"
        f"echo $$ > {shlex.quote(str(report))}\n"
        "if command -v setsid > /dev/null; then\n"
        f'    exec setsid ssh {line} "$@"\n'
        "fi\n"
        f'exec ssh {line} "$@"\n'
    )


def _environment_of(asks: Asks) -> str:
    """Return the lines that make ssh ask our program, whatever terminal or display there is."""
    return (
        f"SSH_ASKPASS={shlex.quote(str(asks.program))}\n"
        f"KVMTUI_ASK={shlex.quote(str(asks.address))}\n"
        "SSH_ASKPASS_REQUIRE=force\n"
        'DISPLAY="${DISPLAY:-none}"\n'  # an ssh before 8.4 knows no other way to be told
        "export SSH_ASKPASS KVMTUI_ASK SSH_ASKPASS_REQUIRE DISPLAY\n"
    )


def write_wrapper(token: str, control: Path, asks: Asks | None = None) -> tuple[Path, Path]:
    """Write a lane's wrapper; returns its path and that of the report it will write."""
    script = runtime.unique("s")
    report = script.with_suffix(".pid")
    handle = os.open(script, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(wrapper_text(token, report, control, asks))
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
