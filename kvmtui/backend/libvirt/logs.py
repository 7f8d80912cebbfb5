"""The logs of a host that tell why a VM ended: QEMU's own, and what its kernel says of memory and disks.

libvirt carries neither. They are read by a small shell script, which a local shell gets, or that of the host over the
ssh that its lanes use. The VM's name is hostile: it reaches the script as octal numbers, and none with a slash does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shlex
import signal
import time
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.base import HostLogs, LogPart
from kvmtui.backend.libvirt import ssh
from kvmtui.backend.libvirt.uri import Address, Transport
from kvmtui.core.errors import BackendError, Denied, NotSupported, TimedOut, Unreachable
from kvmtui.core.host_log import AFTER, KERNEL_WORDS, LONGEST, MOST_LINES, NEAR, ending, kernel_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lanes import Lanes

SECONDS = 15.0  # for all of it
MOST_BYTES = 65_536  # of QEMU's log, and of the kernel's lines
MOST_ANSWER = 2 * MOST_BYTES + 8192
SKEW = 30.0  # seconds between the host's clock and ours that are no matter of how long an answer takes
END_SECONDS = 1.0  # what a process that was killed may take to be gone
_NAME_SECONDS = 10.0
_SSH_FAILED = 255
_LONGEST_SAID = 400  # characters of what ssh or the shell says

_SCRIPT = """\
LC_ALL=C; export LC_ALL
n=$(printf '%bx' '{name}'); n=${{n%x}}
d=/var/log/libvirt/qemu; r=/run/libvirt/qemu
if [ {session} = 1 ] && [ "$(id -u)" != 0 ]; then
    d=${{XDG_CACHE_HOME:-$HOME/.cache}}/libvirt/qemu/log; r=${{XDG_RUNTIME_DIR:-/run/user/$(id -u)}}/libvirt/qemu/run
fi
echo "{token} now $(date +%s) $(cut -d' ' -f1 /proc/uptime)"
echo "{token} pid $(head -c 20 -- "$r/$n.pid" 2>/dev/null)"
if [ -r "$d/$n.log" ]; then echo "{token} qemu read"; tail -c {bytes} -- "$d/$n.log"; echo
elif [ -e "$d/$n.log" ] || {{ [ -d "${{d%/*}}" ] && [ ! -x "${{d%/*}}" ]; }} || {{ [ -d "$d" ] && [ ! -x "$d" ]; }}
then echo "{token} qemu denied"
else echo "{token} qemu none"
fi
t() {{ grep -aiE '{words}' | tail -n {lines} | tail -c {bytes}; }}
if [ -n "$(journalctl -kqn1 --no-pager 2>/dev/null)" ]; then
    echo "{token} kernel read"; journalctl -kq --no-pager -o short-unix {span} 2>/dev/null | t
elif dmesg >/dev/null 2>&1; then echo "{token} kernel read"; dmesg | t
else echo "{token} kernel denied"
fi
echo "{token} end"
"""


class _Way(NamedTuple):
    """How a shell of the host is reached."""

    argv: tuple[str, ...]
    environment: dict[str, str]


class _Asked(NamedTuple):
    """What the host was asked for."""

    token: str
    name: str  # the VM's
    around: float | None  # by our clock
    at: float  # about when it answered, by our clock


class LibvirtLogs:
    """The logs facet of one host."""

    def __init__(self, lanes: Callable[[], Lanes], address: Address) -> None:
        self._lanes = lanes
        self._address = address

    async def of_vm(self, uuid: str, around: float | None) -> HostLogs:
        """Read what the host's logs say of a VM; see `backend.base.Logs`."""
        lanes = self._lanes()
        name = await lanes.detail(lambda session: session.domain(uuid).name(), _NAME_SECONDS)
        transport = self._address.transport
        if transport not in (Transport.UNIX, Transport.SSH):
            raise NotSupported(
                f"The logs of {self._address.label} cannot be read over {transport or 'the test driver'}:"
                " libvirt does not carry them.",
                hint=f"Run there: sudo tail -n 50 {shlex.quote(f'/var/log/libvirt/qemu/{name}.log')}; "
                "sudo dmesg -T | grep -iE 'out of memory|i/o error'",
            )
        if not name or "/" in name or "\0" in name:
            raise NotSupported("A VM with such a name can have no log.")
        token = secrets.token_hex(8)
        script = _SCRIPT.format(
            name="".join(f"\\0{byte:03o}" for byte in name.encode(errors="surrogateescape")),
            token=token,
            session=int(self._address.is_session),
            bytes=MOST_BYTES,
            lines=MOST_LINES,
            words=KERNEL_WORDS,
            span="--since=-7d"
            if around is None
            else f'--since="@{_ago(around - NEAR)}" --until="@{_ago(around + AFTER)}"',
        )
        asked = time.time()
        answer = await self._run(script)
        if f"{token} end" not in answer:
            raise BackendError(f"The shell of {self._address.label} did not read its logs to their end.")
        return _understood(_Asked(token, name, around, (asked + time.time()) / 2), answer, self._address.label)

    async def _run(self, script: str) -> str:
        """Give the script to a shell of the host, and return what it prints."""
        if self._address.transport is Transport.UNIX:
            return await _printed(_Way(("/bin/sh", "-s"), {}), script, self._address.label)
        master = ssh.Master.of(self._address)
        control = master.claim()
        try:
            return await _printed(_over_ssh(self._address, control), script, self._address.label)
        finally:
            master.give_back(control)


def _over_ssh(address: Address, control: os.PathLike[str]) -> _Way:
    """Return the way over the lanes' master; without one there, a login that asks nobody is made for this alone."""
    options = {
        "BatchMode": "yes",
        "ConnectTimeout": str(ssh.CONNECT_TIMEOUT),
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "3",
        "ControlMaster": "no",
        "ControlPath": os.fspath(control),
        "ClearAllForwardings": "yes",
    }
    argv = ["ssh", "-T", "-e", "none"]
    for name, value in options.items():
        argv += ["-o", f"{name}={value}"]
    for flag, given in (("-i", address.parameter("keyfile")), ("-p", address.port or ""), ("-l", address.user)):
        argv += [flag, str(given)] if given else []
    return _Way((*argv, "--", address.host, "exec /bin/sh -s"), {"SSH_ASKPASS_REQUIRE": "never"})


async def _printed(way: _Way, script: str, host: str) -> str:
    """Run a shell with a script as its input; it ends with this call, however that ends."""
    try:
        process = await asyncio.create_subprocess_exec(
            *way.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **way.environment},
            start_new_session=True,
        )
    except OSError as error:
        raise Unreachable(f"{way.argv[0]} cannot be run: {error.strerror}.") from None
    said = asyncio.create_task(_said(process))
    try:
        async with asyncio.timeout(SECONDS):
            answer = await _answer(process, script)
            code = await process.wait()
    except TimeoutError:
        raise TimedOut(f"The logs of {host} did not come within {SECONDS:.0f} s.") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # Its end must be heard: a loop that is closed before would complain on the terminal.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), END_SECONDS)
        # What it started may keep its standard error open.
        done, _ = await asyncio.wait({said}, timeout=0.2)
        said.cancel()
    if code == _SSH_FAILED and way.argv[0] == "ssh":
        words = said.result() if done else ""
        kind = Denied if "ermission denied" in words else Unreachable
        raise kind(f"ssh to {host} did not come to read its logs{f': {words}' if words else ''}.")
    return answer.decode(errors="replace")


async def _answer(process: asyncio.subprocess.Process, script: str) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise AssertionError
    with contextlib.suppress(OSError):  # it has ended already, and says why
        process.stdin.write(script.encode("ascii"))
        await process.stdin.drain()
        process.stdin.close()
    answer = bytearray()
    while len(answer) < MOST_ANSWER and (piece := await process.stdout.read(16_384)):
        answer += piece
    return bytes(answer)


async def _said(process: asyncio.subprocess.Process) -> str:
    """Return the last line of what a process says on its standard error."""
    said = bytearray()
    while process.stderr is not None and (piece := await process.stderr.read(4096)):
        said = (said + piece)[-4096:]
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1][:_LONGEST_SAID].rstrip(".") if lines else ""


def _ago(at: float) -> str:
    """Return for the host's shell when that was by its own clock, which may differ from ours."""
    return f"$(($(date +%s) - {int(time.time() - at)}))"


def _understood(asked: _Asked, answer: str, host: str) -> HostLogs:
    parts: dict[str, tuple[str, list[str]]] = {}
    lines: list[str] = []
    for line in answer.split("\n"):
        if line.startswith(f"{asked.token} "):
            _, key, value = (*line.split(" ", 2), "")[:3]
            lines = []
            parts[key] = (value, lines)
        else:
            lines.append(line.rstrip("\r"))
    now, _, uptime = parts.get("now", ("", []))[0].partition(" ")
    at, up = _number(now), _number(uptime)
    ahead = at - asked.at if at and abs(at - asked.at) > SKEW else 0.0
    around = None if asked.around is None else asked.around + ahead
    pid = parts.get("pid", ("", []))[0].strip()
    qemu = _qemu(*parts.get("qemu", ("none", [])), host)
    ended = ending(qemu.lines)
    return HostLogs(
        qemu=qemu,
        kernel=kernel_lines(
            [line for line in parts.get("kernel", ("", []))[1] if line],
            name=asked.name,
            pid=int(pid) if pid.isascii() and pid.isdecimal() else None,
            booted=at - up,
            around=around if around is not None or ended is None else ended.at,
            until=at,
        ),
        kernel_trouble=_KERNEL_DENIED.format(host=host) if parts.get("kernel", ("", []))[0] == "denied" else "",
        ahead=ahead,
    )


_KERNEL_DENIED = (
    "This login may not read the kernel's log of {host}. Join the group adm or systemd-journal there, or run there:"
    " sudo dmesg -T"
)


def _qemu(state: str, lines: list[str], host: str) -> LogPart:
    if state == "denied":
        return LogPart((), f"This login may not read QEMU's logs on {host}; root there may.")
    if state == "none":
        return LogPart((), f"There is no log of it on {host}: it has not been started there.")
    kept = [line[:LONGEST] for line in lines if line.strip()]
    return LogPart(tuple(kept[-MOST_LINES:]))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
