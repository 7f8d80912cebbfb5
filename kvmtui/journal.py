"""What was done, by whom, to what, and how it ended: JSON lines that are only ever appended to.

Several processes write to one file. A line is one write to a file opened for appending, so lines never mix.
A task has a line when it begins and one when it ends; one without the other belongs to a process that is
still alive, or its outcome is unknown. What was found out later about such a task is one more line, which counts.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import pwd
import socket
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from kvmtui import paths
from kvmtui.core.inventory import TaskPhase, TaskView
from kvmtui.core.secrets import without_secrets
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_log = logging.getLogger(__name__)
_MOST_BYTES = 2_000_000
_TAIL = 64_000  # bytes at the end of the file that `recent` reads
_END_OF_TIME = 253_000_000_000  # seconds after 1970: the year 9987
_KEPT = 4  # older files: journal.jsonl.1 is the newest of them
_ALIVE = 2.0  # seconds for which a process that had a task under way counts as alive
_OWED = 1000  # lines that wait for room on the disk


def user() -> str:
    """Return who is at the keyboard: the login, and whom sudo made of it."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = str(os.geteuid())
    behind = os.environ.get("SUDO_USER") or os.environ.get("DOAS_USER") or ""
    return f"{behind} as {name}" if os.geteuid() == 0 and behind not in ("", name) else name


@dataclass(frozen=True, slots=True)
class Process:
    """Which process a line is of: a number alone comes back after a while, and after each boot."""

    pid: int
    began: int  # clock ticks after boot
    boot: str
    space: str  # the namespace in which the pid counts
    machine: str

    @classmethod
    def own(cls) -> Process:
        """Return this process."""
        return cls(os.getpid(), _began(os.getpid()) or 0, _boot(), _space(), socket.gethostname())

    def may_be_alive(self) -> bool:
        """Tell whether it runs on this machine; one that cannot be seen from here counts as ended."""
        if (self.boot, self.space) != (_boot(), _space()):
            return False
        return _began(self.pid) == self.began


def _began(pid: int) -> int | None:
    """Return when a process began, in clock ticks after boot; None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace")
        return int(text.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


class Journal:
    """The journal on disk (0600); `most_bytes` is the size above which a new file is begun."""

    def __init__(self, path: Path | None = None, *, most_bytes: int = _MOST_BYTES) -> None:
        self.path = path or paths.journal_file()
        self.garbled = 0
        """Lines that could not be read by the last `read`."""
        self._most_bytes = most_bytes
        self._process = Process.own()
        self._owed: deque[bytes] = deque(maxlen=_OWED)
        self._recent: tuple[TaskView, ...] = ()
        self._recent_stamp: tuple[int, int] | None = None
        self._read_at = 0.0

    def begin(self, task: TaskView) -> None:
        """Write that a task begins, before anything is sent; raises OSError when that cannot be written now."""
        self._append({"kind": "begin", **_record(task), "process": asdict(self._process)})

    def end(self, task: TaskView) -> None:
        """Write how a task ended, by itself or as was found out later; raises OSError as `begin` does."""
        process = asdict(self._process) if task.ours else None
        self._append({"kind": "end", **_record(task), **_outcome(task), "process": process})

    @property
    def owes(self) -> int:
        """How many lines could not be written yet: they are kept, and written with the next that can be."""
        return len(self._owed)

    def pay(self) -> None:
        """Write what could not be written before; raises OSError when it still cannot be."""
        if self._owed:
            self._write()

    def read(self, limit: int = 200) -> tuple[TaskView, ...]:
        """Return the newest tasks, newest first; one whose process died without a word is unknown."""
        tasks, self.garbled = self._newest(self._lines(), limit)
        if self.garbled:
            _log.warning("%d lines of %s cannot be read", self.garbled, self.path)
        return tasks

    def recent(self) -> tuple[TaskView, ...]:
        """Return the tasks of the file's last part; cheap to ask again while nobody writes."""
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                stamp = (found.st_mtime_ns, found.st_size)
                if stamp != self._recent_stamp or self._may_have_died():
                    file.seek(max(0, found.st_size - _TAIL))
                    lines = file.read(_TAIL).split(b"\n")
                    self._recent, _ = self._newest(reversed(lines), len(lines))
                    self._recent_stamp = stamp
                    self._read_at = time.monotonic()
        except OSError:
            return ()
        return self._recent

    def _may_have_died(self) -> bool:
        """Tell whether it is time to look after other processes with a task under way: no line says that one died."""
        if time.monotonic() - self._read_at < _ALIVE:
            return False
        return any(task.phase is TaskPhase.RUNNING and not task.ours for task in self._recent)

    # --- writing -----------------------------------------------------------------------------

    def _append(self, record: Mapping[str, object]) -> None:
        self._owed.append(json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n")
        self._write()

    def _write(self) -> None:
        """Write all lines that are owed; those that could not be are owed still."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            while self._owed:
                line = self._owed[0]
                if size and os.pread(descriptor, 1, size - 1) != b"\n":
                    line = b"\n" + line  # a line was torn when its process or the machine died, or the disk was full
                if os.write(descriptor, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self._owed.popleft()
                size = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if size > self._most_bytes:
            with suppress(OSError):  # what was to be written is: that the file grows on is no reason to say it is not
                self._rotate()

    def _rotate(self) -> None:
        """Begin a new file, unless another process is doing that just now."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(self.path.with_name(f"{self.path.name}.lock"), flags, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            with suppress(FileNotFoundError):
                if self.path.stat().st_size <= self._most_bytes:
                    return
                for number in range(_KEPT, 1, -1):
                    with suppress(FileNotFoundError):
                        self._numbered(number - 1).replace(self._numbered(number))
                self.path.replace(self._numbered(1))
        finally:
            os.close(lock)

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    # --- reading -----------------------------------------------------------------------------

    def _lines(self) -> Iterator[bytes]:
        """Yield the lines of all files, newest first."""
        for path in (self.path, *(self._numbered(number) for number in range(1, _KEPT + 1))):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                _log.warning("%s cannot be read: %s", path, error.strerror)
                continue
            yield from reversed(data.split(b"\n"))

    def _newest(self, lines: Iterable[bytes], limit: int) -> tuple[tuple[TaskView, ...], int]:
        """Return the tasks of lines that come newest first, and how many lines could not be read."""
        found: dict[str, TaskView] = {}
        garbled = 0
        for line in lines:
            if len(found) >= limit:
                break
            if not line.strip():
                continue
            record = _parsed(line)
            task = None if record is None else self._task(record)
            if task is None:
                garbled += 1
            elif task.id not in found:  # read backwards, the end of a task comes before its beginning
                found[task.id] = task
        return tuple(sorted(found.values(), key=lambda task: task.started, reverse=True)), garbled

    def _task(self, record: Mapping[str, object]) -> TaskView | None:
        """Return the task that a line tells of, None when it tells of none."""
        task, process = _view(record), _process(record.get("process"))
        if task is not None and record.get("kind") == "end":
            return replace(task, ours=process == self._process)
        if task is None or process is None:
            return None
        task = replace(task, ours=process == self._process)
        if process.may_be_alive():
            return replace(task, phase=TaskPhase.RUNNING)
        where = "" if process.machine == self._process.machine else f" on {process.machine}"
        return replace(task, phase=TaskPhase.UNKNOWN, message=broken_off(task, where))


def broken_off(task: TaskView, where: str = "") -> str:
    """Return what is to be said of a task whose program ended under it."""
    left = f" It was at work on {', '.join(map(safe, task.touches))}." if task.touches else ""
    return f"kvmtui{where} ended before the outcome was known.{left}"


def _record(task: TaskView) -> dict[str, object]:
    return {
        "id": task.id,
        "command": task.command,
        "label": task.label,
        "host": task.host,
        "host_uuid": task.host_uuid,
        "vm": task.vm,
        "vm_uuid": task.vm_uuid,
        "user": task.user,
        "started": round(task.started, 3),
        "virsh": without_secrets(task.virsh),
        **({"to": task.to} if task.to else {}),
        **({"touches": list(task.touches)} if task.touches else {}),
    }


def _outcome(task: TaskView) -> dict[str, object]:
    ended = task.started if task.ended is None else task.ended
    return {
        "ended": round(ended, 3),
        "seconds": round(max(0.0, ended - task.started), 3),  # the clock may have been set back
        "result": task.phase.value,
        "message": without_secrets(task.message),
        **({"looked_up": True} if task.looked_up else {}),
    }


def _parsed(line: bytes) -> Mapping[str, object] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _view(record: Mapping[str, object]) -> TaskView | None:
    def text(key: str) -> str:
        value = record.get(key, "")
        return value if isinstance(value, str) else ""

    started, ended = record.get("started"), record.get("ended")
    if not text("id") or not _is_time(started) or record.get("kind") not in ("begin", "end"):
        return None
    try:
        phase = TaskPhase(text("result") or "unknown")
    except ValueError:
        return None
    return TaskView(
        id=text("id"),
        command=text("command"),
        label=text("label"),
        host=text("host"),
        host_uuid=text("host_uuid"),
        vm=text("vm"),
        vm_uuid=text("vm_uuid"),
        user=text("user"),
        phase=phase,
        started=float(started),
        ended=float(ended) if _is_time(ended) else None,
        message=text("message"),
        virsh=text("virsh"),
        ours=False,
        to=text("to"),
        touches=_texts(record.get("touches")),
        looked_up=record.get("looked_up") is True,
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _is_time(value: object) -> TypeGuard[float]:
    """Whether it is a time that a clock can show: before the year 9999, and not "not a number"."""
    return isinstance(value, int | float) and 0 <= value < _END_OF_TIME


def _process(value: object) -> Process | None:
    if not isinstance(value, dict):
        return None
    pid, began = value.get("pid"), value.get("began")
    if not isinstance(pid, int) or not isinstance(began, int):
        return None
    return Process(pid, began, str(value.get("boot", "")), str(value.get("space", "")), str(value.get("machine", "")))
