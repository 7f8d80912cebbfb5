"""Starts the program that shows a VM's screen in a window: apart from this one, with its tunnel and its password.

The password goes through a file that only this user can read and that the viewer deletes; it is never an argument.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from kvmtui import paths
from kvmtui.commands.ways import through
from kvmtui.core.errors import KvmtuiError, Refused
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kvmtui.commands.ways import Way

PROGRAM = "remote-viewer"
TUNNEL_SECONDS = 12.0
_POLL = 0.05  # seconds between two looks whether the tunnel stands
_STARTS = 0.3  # seconds: what ends sooner has not come up
# The tunnel is a child of the shell, which ends it with the viewer, also when kvmtui has gone. The viewer starts when
# a line comes; when none does, nobody waits any more.
_SCRIPT = """
viewer=$1 file=$2
shift 2
"$@" </dev/null &
tunnel=$!
read -r go && "$viewer" "$file" </dev/null
kill "$tunnel" 2>/dev/null
"""
_SSH_OPTIONS = ("-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-o", "ConnectTimeout=10")


class Readiness(NamedTuple):
    """Whether a viewer can be opened here."""

    program: str  # its path, "" when it cannot
    why: str


def readiness(environment: Mapping[str, str]) -> Readiness:
    """Return what can open a window here, or one sentence that says what is missing."""
    if sys.platform != "darwin" and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        return Readiness("", "There is no display here: use these lines on a machine that has one.")
    program = shutil.which(PROGRAM)
    if program is None:
        return Readiness("", f"{PROGRAM} is not installed here (Debian's package virt-viewer).")
    return Readiness(program, "")


async def start(program: str, way: Way, title: str, password: str) -> None:
    """Open a window on a VM's screen; raises Refused when it does not come up."""
    if not way.host:
        raise Refused(way.why)
    if way.tunnel:
        way = through(way, _free_port())
    file = _write(way, title, password)
    try:
        if way.tunnel:
            await _start_behind(program, file, way)
        else:
            await _look_on(_popen([program, str(file)], subprocess.DEVNULL))
    except BaseException:
        file.unlink(missing_ok=True)
        raise


async def _start_behind(program: str, file: Path, way: Way) -> None:
    """Start the tunnel, and the viewer once it leads somewhere."""
    tunnel = (way.tunnel[0], *(_SSH_OPTIONS if way.tunnel[0] == "ssh" else ()), *way.tunnel[1:])
    shell = _popen(["sh", "-c", _SCRIPT, "sh", program, str(file), *tunnel], subprocess.PIPE)
    gate = shell.stdin
    if gate is None:
        raise Refused("The tunnel could not be started.")
    try:
        await _until_open(way.port or 0, shell)
        gate.write(b"go\n")
        gate.flush()
    except BrokenPipeError:
        raise Refused(f"The tunnel ended at once: {safe(way.line)}") from None
    finally:
        with suppress(BrokenPipeError):
            gate.close()
    await _look_on(shell)


async def _until_open(port: int, shell: subprocess.Popen[bytes]) -> None:
    """Wait until something listens at this end of the tunnel."""
    try:
        async with asyncio.timeout(TUNNEL_SECONDS):
            while not await _listens(port):
                if shell.poll() is not None:
                    raise Refused("The tunnel ended before it stood.")
                await asyncio.sleep(_POLL)
    except TimeoutError:
        raise Refused(
            f"The tunnel did not stand within {TUNNEL_SECONDS:.0f} s.",
            hint="Run its line in a shell to see what ssh says.",
        ) from None


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def _look_on(process: subprocess.Popen[bytes]) -> None:
    """Raise Refused when the program ends at once and not well."""
    await asyncio.sleep(_STARTS)
    code = process.poll()
    if code:
        raise Refused(f"{PROGRAM} ended at once, with {code}.", hint="Run it in a shell to see what it says.")


def _popen(argv: list[str], stdin: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise Refused(f"{argv[0]} could not be started: {os.strerror(error.errno or 0)}.") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write(way: Way, title: str, password: str) -> Path:
    """Write what the viewer reads and deletes; a text that would be more than one line of it is refused."""
    values = {
        "type": way.kind,
        "host": way.host,
        "port": str(way.port or ""),
        "tls-port": str(way.tls_port or ""),
        "password": password,
        "title": safe(title),
        "delete-this-file": "1",
    }
    if not all(value.isprintable() for value in values.values()):
        raise Refused("The display's password holds a character that no viewer could be given.")
    text = "".join(f"{name}={value}\n" for name, value in values.items() if value)
    try:
        folder = paths.runtime_dir()
        path = folder / f"screen-{os.getpid()}-{_free_port()}.vv"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise KvmtuiError(f"The viewer's file cannot be written: {os.strerror(error.errno or 0)}.") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"[virt-viewer]\n{text}")
    return path
