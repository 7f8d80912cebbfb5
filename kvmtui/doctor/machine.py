"""The machine as the checks see it: files, rights, programs and the environment, so that a test can make one up."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec:/usr/lib/qemu"
PATIENCE = 5.0  # seconds that a program has to say its version


class Person(NamedTuple):
    """Who asks."""

    uid: int
    name: str
    groups: frozenset[str]  # of this login
    member_of: frozenset[str]  # by the machine's lists: those count from the next login on

    @classmethod
    def look(cls) -> Person:
        """Return who runs this process."""
        uid = os.geteuid()
        try:
            name = pwd.getpwuid(uid).pw_name
        except KeyError:
            name = str(uid)
        present = {_group(gid) for gid in {*os.getgroups(), os.getegid()}}
        listed = {entry.gr_name for entry in grp.getgrall() if name in entry.gr_mem}
        return cls(uid, name, frozenset(present), frozenset(listed))


class Process(NamedTuple):
    """A program that runs."""

    pid: int
    began: float  # seconds since the epoch
    is_replaced: bool  # its file is another one by now, as after an upgrade


class Screen(NamedTuple):
    """The terminal, if there is one."""

    is_terminal: bool
    columns: int
    rows: int

    @classmethod
    def look(cls) -> Screen:
        """Return what standard output is."""
        is_terminal = sys.stdout.isatty()
        # What a shell once exported as COLUMNS is not asked: the screen does not believe it either.
        size = os.get_terminal_size(sys.stdout.fileno()) if is_terminal else os.terminal_size((0, 0))
        return cls(is_terminal, size.columns, size.lines)


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine whose files lie under `root`."""

    root: Path = Path("/")
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    person: Person = field(default_factory=Person.look)
    screen: Screen = field(default_factory=Screen.look)

    def at(self, path: str) -> Path:
        """Return where a file of this machine really lies."""
        return self.root / path.lstrip("/")

    def read(self, path: str) -> str | None:
        """Return a file's text, None when it cannot be read."""
        try:
            return self.at(path).read_text("utf-8", "replace").strip()
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file."""
        try:
            return self.at(path).exists()
        except OSError:
            return False

    def names(self, path: str) -> tuple[str, ...]:
        """Return what a folder holds, () when it cannot be read."""
        try:
            return tuple(sorted(entry.name for entry in self.at(path).iterdir()))
        except OSError:
            return ()

    def is_socket(self, path: str) -> bool:
        """Tell whether there is a socket."""
        try:
            return stat.S_ISSOCK(self.at(path).stat().st_mode)
        except OSError:
            return False

    def may_use(self, path: str) -> bool:
        """Tell whether this person may read and write it."""
        return os.access(self.at(path), os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids)

    def group_of(self, path: str) -> str:
        """Return the group that a file belongs to, "" when it is not known."""
        try:
            return _group(self.at(path).stat().st_gid)
        except OSError:
            return ""

    def is_open_to_all(self, path: str) -> bool:
        """Tell whether everybody may write to it, so that something else decides who may."""
        try:
            return bool(self.at(path).stat().st_mode & stat.S_IWOTH)
        except OSError:
            return False

    def running(self, program: str) -> Process | None:
        """Return the oldest process of a program, None when there is none; what others run counts too."""
        found = [one for pid in self.names("/proc") if pid.isdigit() and (one := self._process(pid, program))]
        return min(found, key=lambda one: one.began, default=None)

    def _process(self, pid: str, program: str) -> Process | None:
        if self.read(f"/proc/{pid}/comm") != program[:15]:  # the kernel keeps no more of a name
            return None
        # The name stands in brackets and may hold anything; the times are counted from the last bracket on.
        times = (self.read(f"/proc/{pid}/stat") or "").rpartition(")")[2].split()
        booted = next((line.split()[1] for line in (self.read("/proc/stat") or "").splitlines() if "btime" in line), "")
        try:
            began = float(booted) + int(times[19]) / os.sysconf("SC_CLK_TCK")
        except (IndexError, ValueError):
            return None
        return Process(int(pid), began, self._is_replaced(pid, program, began))

    def _is_replaced(self, pid: str, program: str, began: float) -> bool:
        """Tell it by the process's own file, which only root may see, else by when the program's file came here."""
        try:
            return str(self.at(f"/proc/{pid}/exe").readlink()).endswith(" (deleted)")
        except OSError:
            pass
        try:
            return Path(self.program(program)).stat().st_ctime > began + 1.0 if self.program(program) else False
        except OSError:
            return False

    def program(self, name: str) -> str:
        """Return where a program is, "" when there is none."""
        search = os.pathsep.join((self.environ.get("PATH", ""), SEARCH))
        places = os.pathsep.join(str(self.at(part)) for part in search.split(os.pathsep) if part)
        return shutil.which(name, path=places) or ""

    def said(self, argv: Sequence[str]) -> str:
        """Return the first line that a program prints, "" when it fails or says nothing in time."""
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.TimeoutExpired, ValueError):
            return ""
        lines = (done.stdout or done.stderr).splitlines()
        return lines[0].strip() if lines else ""


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
