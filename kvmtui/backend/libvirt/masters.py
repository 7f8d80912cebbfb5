"""One login per host: the master connections that all lanes to a host share, and the jump hosts before them.

sshd lets a connection carry ten sessions, so from the ninth lane on a second master is opened, which is answered
by what was right before. A jump host has a master too, and all hosts behind it share that one. A master ends with
the last who uses it, and by itself a minute after its last session, whatever became of this program.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections import Counter
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import runtime
from kvmtui.core.inventory import SshUse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.backend.libvirt.uri import Address

MOST_SESSIONS = 8  # of one master; sshd's MaxSessions is 10 by default
MOST_MASTERS = 8  # that are looked for; lanes are bounded far below what they carry

_users: Counter[Path] = Counter()
"""How many backends of this process use a master, by its control socket."""
_sessions: Counter[Path] = Counter()
"""How many lanes of this process are in use over a master, by its control socket."""
_riders: dict[Path, set[Path]] = {}
"""The masters that were made over another one, to a jump host, by its control socket."""
_claiming = threading.Lock()


@dataclass(frozen=True, slots=True)
class Place:
    """A machine that ssh logs in to, as it is told to ssh."""

    host: str
    user: str = ""
    port: int | None = None
    keyfile: str = ""
    jump: str = ""  # the machines to go over, as ssh writes them: "" leaves that to ~/.ssh/config

    @classmethod
    def of(cls, address: Address) -> Place:
        """Return where an address leads."""
        return cls(address.host, address.user, address.port, address.parameter("keyfile"))

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments that name it to ssh, without the way there."""
        return (
            *(("-i", self.keyfile) if self.keyfile else ()),
            *(("-p", str(self.port)) if self.port is not None else ()),
            *(("-l", self.user) if self.user else ()),
            "--",
            self.host,
        )

    @property
    def name(self) -> str:
        """What tells it from all other places."""
        return "\0".join((*self.words, self.jump))

    @property
    def control(self) -> Path:
        """The control socket of its first master of ours."""
        return runtime.directory() / f"m{hashlib.sha256(self.name.encode()).hexdigest()[:12]}"


@dataclass(frozen=True, slots=True)
class Master:
    """The connection that all lanes to one host share."""

    place: Place
    control: Path

    @classmethod
    def of(cls, address: Address) -> Master:
        """Return the master of this address; equal addresses share it."""
        place = Place.of(address)
        return cls(place, place.control)

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
    def in_use(self) -> SshUse | None:
        """How many lanes are in use, over how many logins; None without any."""
        with _claiming:
            counts = [_sessions[one] for one in islice(self._controls(), MOST_MASTERS)]
        logins = sum(count > 0 for count in counts)
        return SshUse(logins, sum(counts), logins * MOST_SESSIONS) if logins else None

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
        """Ask the master to end when no more than `others` use it, and nobody rides on it; its sessions end with it."""
        if _users[self.control] > others or any(map(is_live, _riders.get(self.control, ()))):
            return
        for control in islice(self._controls(), MOST_MASTERS):
            if control.exists():
                runtime.end_master(control)


def ride(control: Path, over: Path) -> None:
    """Note that a master is made over that of a jump host, which must not end before it."""
    with _claiming:
        _riders.setdefault(over, set()).add(control)


def is_live(control: Path) -> bool:
    """Tell whether a master answers at a control socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(1.0)
        line.connect(str(control))
        return True
    return False
