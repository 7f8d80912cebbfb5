"""Logs in: makes the master that a lane needs, over the jump hosts that ~/.ssh/config names, or joins one that is.

A master of the user's own (ControlPath in ~/.ssh/config) is joined where it runs. Where nobody can be asked, which is
on the command line, one of another kvmtui of this user is joined too: its login was answered there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import re
import secrets
import shlex
import subprocess
import threading
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from kvmtui.backend.libvirt import errors, masters, runtime, ssh
from kvmtui.backend.libvirt.gates import Gate
from kvmtui.backend.libvirt.masters import Place, is_live
from kvmtui.core.errors import BackendError, Denied, Unreachable
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from kvmtui.backend.libvirt.asking import AskingServer

PAUSES = (0.2, 0.4, 0.8, 0.8, 0.8, 1.2, 1.2)  # seconds, about, before a login that was turned away is tried again
SETTINGS_SECONDS = 10.0
LONGEST_SAID = 4000  # bytes of what ssh says
LOOK = 0.1  # seconds between two looks whether somebody still waits
STEP = 0.05  # seconds: about what the keys of a login cost a processor
PERSIST = "60"  # seconds after its last session

_log = logging.getLogger(__name__)
_HOP = re.compile(r"(?:(?P<user>[^@]+)@)?(?P<host>\[[^\]]+\]|[^:@\[\]]+)(?::(?P<port>\d+))?")
_TURNED_AWAY = re.compile(r"(kex|ssh)_exchange_identification: .*(closed|reset)")
"""How it begins when sshd itself hangs up; before it stands what a way there has to say."""

_locks: dict[Path, threading.Lock] = {}
_failures: dict[Path, tuple[float, BackendError]] = {}
_ways: dict[Path, tuple[str, ...]] = {}
_joined: dict[Path, Path] = {}
"""The masters of others that stand in for ours, by the control socket that ours would have."""
_making = threading.Lock()
_next_login = 0.0  # when the next login may begin (monotonic)


class Joined(NamedTuple):
    """A master that runs, and the options that lead to its machine should it take no more sessions."""

    control: Path
    way: tuple[str, ...] = ()


class _Way(NamedTuple):
    """How a machine is reached."""

    options: tuple[str, ...]  # for ssh, besides its name
    bound: str  # the logins that have this in common go side by side only to a bounded number
    command: str = ""  # a ProxyCommand of the user's own


class Joining:
    """What one lane does to have a master; all but `cut` and `waits` runs on the lane's thread."""

    def __init__(self, server: AskingServer | None) -> None:
        self._server = server
        self._over = threading.Event()
        self._token = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._is_queued = False

    @property
    def waits(self) -> bool:
        """Whether it waits for a person or for its turn, and not for the host."""
        return self._is_queued or (self._server is not None and self._server.is_asking(self._token))

    def cut(self) -> bool:
        """End it, from any thread; False when there is nothing to end."""
        self._over.set()
        process = self._process
        if process is None or process.poll() is not None:
            return False
        process.kill()
        return True

    def join(self, place: Place, control: Path, label: str, below: tuple[Path, ...] = ()) -> Joined:
        """Return a master of `place`, made now where there is none; raises BackendError, and when it was cut.

        `label` is what a sentence calls the machine; `below` are the masters that wait for this one.
        """
        began = time.monotonic()
        with self._turn(control, label):
            if is_live(control):
                return Joined(control, _ways.get(control, ()))
            if control in _joined and is_live(_joined[control]):
                return Joined(_joined[control])
            failed_at, failure = _failures.get(control, (0.0, None))
            if failure is not None and failed_at > began:  # it failed while this one waited for it
                raise type(failure)(failure.text, hint=failure.hint)
            self._stop_if_over(label)
            try:
                return self._find_or_make(place, control, label, below)
            except BackendError as error:
                if not self._over.is_set():
                    _failures[control] = (time.monotonic(), error)
                raise

    @contextlib.contextmanager
    def _turn(self, control: Path, label: str) -> Iterator[None]:
        """Let one at a time make a master."""
        with _making:
            lock = _locks.setdefault(control, threading.Lock())
        self._is_queued = True
        while not lock.acquire(timeout=LOOK):
            self._stop_if_over(label)
        self._is_queued = False
        try:
            yield
        finally:
            lock.release()

    def _find_or_make(self, place: Place, control: Path, label: str, below: tuple[Path, ...]) -> Joined:
        settings = _settings(place, label)
        if control == place.control:
            theirs = _theirs(settings, control, nobody_asked=self._server is None)
            if theirs is not None:
                _joined[control] = theirs
                return Joined(theirs)
        way = self._way(place, settings, label, (*below, control))
        self._log_in(place, control, label, way)
        _ways[control] = way.options
        return Joined(control, way.options)

    def _way(self, place: Place, settings: Mapping[str, str], label: str, below: tuple[Path, ...]) -> _Way:
        """Return how to reach a place; a jump host is logged in to for that."""
        machine = f"{settings.get('hostname', place.host)}:{settings.get('port', '')}"
        first, _, last = settings.get("proxyjump", "none").rpartition(",")
        hop = _hop(last, first)
        if hop is None or hop.control in below:
            command = settings.get("proxycommand", "")
            return _Way((), command or settings.get("proxyjump") or machine, command)
        goal = label.partition(" (on the way to ")[2].rstrip(")") or label
        joined = self.join(hop, hop.control, f"{hop.host} (on the way to {goal})", below)
        masters.ride(below[-1], hop.control)
        own = ("ControlMaster=no", f"ControlPath={joined.control}", *joined.way)
        argv = ["ssh", *ssh.options(*own, asks=self._server is not None)]
        command = f"{_escaped(shlex.join(argv))} -W '[%h]:%p' {_escaped(shlex.join(hop.words))}"
        return _Way((f"ProxyCommand={command}", "ProxyUseFdpass=no"), f"{hop.name}\0{machine}")

    def _log_in(self, place: Place, control: Path, label: str, way: _Way) -> None:
        """Make the master; a machine that turns logins away because it has too many is asked again, quietly."""
        gate = Gate.to(way.bound)
        for pause in (*PAUSES, None):
            self._is_queued = True
            entered = gate.enter(self._over.is_set)
            self._keep_step()
            self._is_queued = False
            if not entered:
                self._stop_if_over(label)
            said: str | None = ""
            turned_away = False
            try:
                said = self._try(place, control, label, way.options)
                turned_away = said is not None and bool(_TURNED_AWAY.match(said))
            finally:
                gate.leave(turned_away=turned_away)
            if said is None:
                return
            self._stop_if_over(label)
            _log.info("ssh to %s: %s", label, safe(" ".join(said.split())))
            if pause is None or not turned_away:
                raise errors.of_ssh(said, label, command=way.command)
            # Those that were turned away together must not come back together.
            self._over.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311

    def _keep_step(self) -> None:
        """Begin a little after the login before: those of many hosts at once would all be as late as the last."""
        global _next_login  # noqa: PLW0603 - the pace of this process
        with _making:
            now = time.monotonic()
            due = max(now, _next_login)
            _next_login = due + STEP
        if due > now:
            self._over.wait(due - now)

    def _try(self, place: Place, control: Path, label: str, way: tuple[str, ...]) -> str | None:
        """Log in once; returns None, or what ssh said when it failed."""
        with contextlib.suppress(OSError):
            control.unlink()  # of a master that has died
        asks = None
        self._token = secrets.token_hex(16)
        if self._server is not None:
            self._server.expect(self._token, label, account=place.name)
            asks = ssh.Asks(self._server.program, self._server.address)
        report = runtime.unique("e")
        # A master that persists sends what its way says to nowhere, unless the way itself does otherwise.
        aside = f" 2>>{_escaped(shlex.quote(str(report)))}"
        told = (f"{option}{aside}" if option.startswith("ProxyCommand=") else option for option in way)
        own = ("ControlMaster=yes", f"ControlPath={control}", f"ControlPersist={PERSIST}", *told)
        argv = ["ssh", *ssh.options(*own, asks=asks is not None), "-T", "-f", "-N", *place.words]
        let_in = False
        try:
            # Not a pipe: who stays behind, as the master or on the way to it, would hold it open.
            with report.open("ab") as said:
                self._process = process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    env=os.environ | ssh.environment(self._token, asks),
                    start_new_session=True,
                )
            if self._over.is_set():
                process.kill()
            let_in = process.wait() == 0 and control.exists()
            return None if let_in else report.read_bytes()[-LONGEST_SAID:].decode("utf-8", "replace")
        except OSError as error:
            raise Unreachable(
                f"ssh cannot be started for {label}: {error.strerror}.", hint="Install OpenSSH's client."
            ) from None
        finally:
            if self._server is not None:
                self._server.forget(self._token, let_in=let_in)
            report.unlink(missing_ok=True)

    def _stop_if_over(self, label: str) -> None:
        if self._over.is_set():
            raise Unreachable(f"The connection to {label} was let go.")


def _settings(place: Place, label: str) -> dict[str, str]:
    """Return what ~/.ssh/config and the like say of a place, by lower-case name."""
    jump = ("-J", place.jump) if place.jump else ()
    try:
        said = subprocess.run(
            ["ssh", "-G", *jump, *place.words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SETTINGS_SECONDS,
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Unreachable(f"ssh cannot be started for {label}: {why}.", hint="Install OpenSSH's client.") from None
    if said.returncode != 0:
        why = " ".join(said.stderr.decode("utf-8", "replace").split())
        raise Denied(f"ssh cannot read its configuration for {label}: {why}.", hint="Mend it; x r tries again.")
    lines = (line.partition(" ") for line in said.stdout.decode("utf-8", "replace").splitlines())
    settings = {name: value for name, _, value in lines}
    ssh.note(settings)
    return settings


def _theirs(settings: Mapping[str, str], control: Path, *, nobody_asked: bool) -> Path | None:
    """Return a master that is not ours and may be joined."""
    path = settings.get("controlpath", "none")
    home = runtime.directory()
    candidates = [home / path] if path != "none" else []  # ssh gives it with everything replaced
    if nobody_asked:
        candidates += sorted(home.parent.glob(f"kvmtui-*/{control.name}"))
    for candidate in candidates:
        with contextlib.suppress(OSError):
            if candidate != control and candidate.stat().st_uid == os.geteuid() and is_live(candidate):
                return candidate
    return None


def _hop(text: str, before: str) -> Place | None:
    """Return a jump host, written as ssh has it, with what lies before it; None when it is not understood."""
    if text in ("", "none"):
        return None
    if text.startswith("ssh://"):
        with contextlib.suppress(ValueError):
            parts = urlsplit(text)
            if parts.hostname:
                return Place(parts.hostname, unquote(parts.username or ""), parts.port, jump=before)
        return None
    found = _HOP.fullmatch(text)
    if found is None or found["host"].startswith("-"):
        return None
    port = int(found["port"]) if found["port"] else None
    return Place(found["host"].strip("[]"), found["user"] or "", port, jump=before)


def _escaped(text: str) -> str:
    """Return a text that ssh replaces nothing in."""
    return text.replace("%", "%%")
