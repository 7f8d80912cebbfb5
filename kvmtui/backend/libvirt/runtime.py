"""The process's private directory (0700) for relay sockets, ssh wrappers and ssh's control sockets."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import itertools
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

_LONGEST = 60  # a socket's path may have 107 bytes, and ssh adds 17 to that of its control socket

FAREWELL_SECONDS = 0.3  # what the end of the program may take

_lock = threading.Lock()
_numbers = itertools.count(1)
_made: list[Path] = []
_farewells: list[subprocess.Popen[bytes]] = []


def directory() -> Path:
    """Return the private directory, made at the first call and removed when the process ends."""
    with _lock:
        if not _made:
            _made.append(_make())
            atexit.register(_remove, _made[0])
        return _made[0]


def unique(prefix: str) -> Path:
    """Return a path in the private directory that no one else in this process gets."""
    return directory() / f"{prefix}{next(_numbers)}"


def farewell(argv: list[str]) -> None:
    """Run a program that ends something of ours, without waiting for it."""
    with contextlib.suppress(OSError):
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _farewells[:] = [one for one in _farewells if one.poll() is None]
        _farewells.append(process)


def end_master(control: Path) -> None:
    """Ask the ssh that listens at a control socket to end, without waiting for it."""
    # "-F none": a fault in the user's configuration must not keep it alive.
    farewell(["ssh", "-F", "none", "-O", "exit", "-o", f"ControlPath={control}", "--", "master"])


def _end_masters(folder: Path) -> None:
    """End what ssh has left running there, within the time of a farewell."""
    deadline = time.monotonic() + FAREWELL_SECONDS
    for control in folder.glob("m*"):
        if control.is_socket():
            end_master(control)
    for process in _farewells:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))


def _make() -> Path:
    """Return a new directory in the first place that is short enough, and lets programs in it run."""
    places = [os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), os.environ.get("XDG_CACHE_HOME", "")]
    for place in places:
        if not place or len(place) > _LONGEST or not Path(place).is_dir():
            continue
        _sweep(Path(place))
        with contextlib.suppress(OSError):
            made = Path(tempfile.mkdtemp(prefix="kvmtui-", dir=place))
            if _runs_programs(made):
                _lock_for_life(made)
                return made
            shutil.rmtree(made, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix="kvmtui-"))


def _sweep(place: Path) -> None:
    """Remove what processes that were killed have left: nobody holds their lock any more."""
    for left in place.glob("kvmtui-*/lock"):
        with contextlib.suppress(OSError):
            with left.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _end_masters(left.parent)
            shutil.rmtree(left.parent, ignore_errors=True)


def _lock_for_life(made: Path) -> None:
    """Hold two locks until the process ends: one says that it lives, one keeps systemd-tmpfiles from what grows old."""
    lock = made / "lock.new"
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    lock.rename(made / "lock")  # nobody sees it who could take it first
    fcntl.flock(os.open(made, os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_SH)


def _runs_programs(place: Path) -> bool:
    """Tell whether the file system is mounted without noexec."""
    probe = place / "probe"
    probe.touch(mode=0o700)
    runs = os.access(probe, os.X_OK)
    probe.unlink()
    return runs


def _remove(made: Path) -> None:
    _end_masters(made)
    shutil.rmtree(made, ignore_errors=True)
