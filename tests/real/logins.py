"""What a test of logins needs: root's password in this lab, sshd's that ask, and a person who answers dialogs."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.real.lab.process import output
from tests.real.program import READING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.lab import Host
    from tests.real.program import Program

PASSWORD = "correct horse"
ASKING = ("PasswordAuthentication yes", "PubkeyAuthentication no", "PermitRootLogin yes", "MaxAuthTries 20")
"""Lines for an sshd that takes root's password, and no key."""


@contextlib.contextmanager
def password_of_root() -> Iterator[None]:
    """Give root a password on all hosts of the lab."""
    shadow = Path("/etc/shadow")
    before = shadow.read_text()
    hashed = output(["openssl", "passwd", "-6", "-stdin"], stdin=PASSWORD).strip()
    shadow.write_text(re.sub(r"(?m)^root:[^:]*:", f"root:{hashed}:", before))
    try:
        yield
    finally:
        shadow.write_text(before)


@contextlib.contextmanager
def sshd(host: Host, port: int, *lines: str) -> Iterator[None]:
    """Run one more sshd on a host."""
    served = host.serve_ssh(port, *lines)
    try:
        yield
    finally:
        served.terminate()
        served.wait(10)


def key_of(host: Host, *names: str) -> str:
    """The line for known_hosts that makes a host known under more names ("[hv1]:2222")."""
    kind, key, _ = (host.folder / "ssh_host_key.pub").read_text().split(maxsplit=2)
    return f"{','.join(names)} {kind} {key}\n"


def answer(program: Program, text: str) -> None:
    """Read the dialog and answer it; what is asked next has a dialog of its own."""
    time.sleep(READING)
    program.type_text(text)
    program.keys("enter")
    program.wait_gone("esc gives the login up")


def logins_at(port: int) -> list[str]:
    """The connections of this machine to a port: where each begins, and whose it is."""
    lines = output(["ss", "-Htnp", "state", "established", f"dport = :{port}"]).splitlines()
    return [" ".join(line.split()[2:]) for line in lines]
