"""Logins that ask: everything in dialogs of the program, nothing on the terminal, and nothing accepted unasked."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.real.lab.process import output
from tests.real.logins import ASKING, PASSWORD, answer, key_of, logins_at, password_of_root, sshd
from tests.real.program import READING, Home, Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real.lab import Host, Lab

PORT = 2222
RAW = r"Permission denied|yes/no/\[fingerprint\]\)\? *\Z|no place for strangers"


@pytest.fixture(scope="module")
def guarded(hv1: Host) -> Iterator[Host]:
    """A host whose second sshd takes root's password, and no key."""
    with password_of_root(), sshd(hv1, PORT, *ASKING):
        yield hv1


@pytest.fixture
def known_hosts(lab: Lab) -> Iterator[Path]:
    """The file of the keys that are known, with none in it; what a test adds is gone after it."""
    file = lab.folder / "home/.ssh/known_hosts"
    before = file.read_text()
    file.write_text("")
    yield file
    file.write_text(before)


def opened(host: Host) -> Program:
    return Program(Home({"guarded": f"qemu+ssh://root@{host.address}:{PORT}/system"}))


def accept(program: Program) -> None:
    program.wait("The key of .* is not known", timeout=30)
    program.wait("SHA256:")
    answer(program, "yes")


def test_an_unknown_key_a_wrong_password_and_the_right_one(guarded: Host, known_hosts: Path) -> None:
    with opened(guarded) as program:
        accept(program)
        program.wait("asks for a login", timeout=30)
        program.wait("password:")
        answer(program, "wrong")
        program.wait("was not accepted", timeout=30)
        answer(program, PASSWORD)
        program.wait_host("guarded", r"\d+ %")
        assert "ssh-ed25519" in known_hosts.read_text()
        # The lanes for reading and for changes are there without another question: one login carries them.
        assert len(logins_at(PORT)) == 1
        assert not re.search(RAW, program.text())
        told = program.home.log() + "".join(file.read_text() for file in program.home.folder.rglob("*.jsonl"))
        assert PASSWORD not in told
        program.leave()


def test_a_password_that_stays_wrong_is_refused_and_x_r_asks_again(guarded: Host, known_hosts: Path) -> None:
    with opened(guarded) as program:
        accept(program)
        for _ in range(3):
            program.wait("password:", timeout=30)
            answer(program, "wrong")
        program.wait_host("guarded", "denied: ssh on .* did not take the login", timeout=30)
        program.keys("tab")
        program.wait("^>..guarded ")
        program.keys("x")
        program.wait("^ x  guarded")
        program.keys("r")
        program.confirm("Reconnect guarded")
        program.wait("password:", timeout=30)
        answer(program, PASSWORD)
        program.wait_host("guarded", r"\d+ %")
        program.leave()


def test_a_login_that_is_given_up_is_refused(guarded: Host, known_hosts: Path) -> None:
    with opened(guarded) as program:
        program.wait("The key of .* is not known", timeout=30)
        time.sleep(READING)
        program.keys("escape")
        program.wait_host("guarded", "denied: ssh does not know the key of")
        program.leave()
        assert not known_hosts.read_text()


def test_a_key_that_has_changed_is_never_accepted(guarded: Host, known_hosts: Path, lab: Lab) -> None:
    other = lab.folder / "tmp/other_key"
    with contextlib.suppress(FileNotFoundError):
        other.unlink()
    output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other)])
    key = " ".join(other.with_suffix(".pub").read_text().split()[:2])
    known_hosts.write_text(f"{known_hosts.read_text()}[{guarded.address}]:{PORT} {key}\n")
    with opened(guarded) as program:
        program.wait_host("guarded", "denied: The key of .* is another than before", timeout=30)
        program.keys("tab")
        program.wait("ssh-keygen -R")
        assert not re.search("asks for a login", program.text())
        program.leave()


def test_a_passphrase(guarded: Host, known_hosts: Path, lab: Lab) -> None:
    key = lab.folder / "tmp/locked_key"
    for file in (key, key.with_suffix(".pub")):
        file.unlink(missing_ok=True)
    output(["ssh-keygen", "-q", "-t", "ed25519", "-N", PASSWORD, "-f", str(key)])
    known_hosts.write_text(key_of(guarded, f"[{guarded.address}]:{PORT + 1}"))
    home = Home({"locked": f"qemu+ssh://root@{guarded.address}:{PORT + 1}/system?keyfile={key}"})
    with sshd(guarded, PORT + 1, f"AuthorizedKeysFile {key}.pub", "StrictModes no"), Program(home) as program:
        program.wait("Enter passphrase for key", timeout=30)
        answer(program, "wrong")
        program.wait("was not accepted", timeout=30)
        answer(program, PASSWORD)
        program.wait_host("locked", r"\d+ %")
        program.leave()


def test_a_password_and_a_code_after_it(guarded: Host, known_hosts: Path, lab: Lab) -> None:
    """As with one-time codes: ssh asks twice, the second time by keyboard-interactive."""
    check, stack = lab.folder / "tmp/check", lab.folder / "tmp/pam"
    check.write_text(f'#!/bin/sh\n[ "$PAM_TYPE" != auth ] || grep -qx -e "{PASSWORD}" -e 314159\n')
    check.chmod(0o755)
    stack.write_text(
        f"auth required pam_exec.so expose_authtok quiet {check}\n"
        "auth required pam_permit.so\n"  # the other one says nothing of the rights that a session starts with
        "account required pam_permit.so\n"
        "session required pam_permit.so\n"
    )
    guarded.output("mount", "--bind", str(stack), "/etc/pam.d/sshd")
    known_hosts.write_text(key_of(guarded, f"[{guarded.address}]:{PORT + 2}"))
    lines = (*ASKING, "UsePAM yes", "KbdInteractiveAuthentication yes")
    home = Home({"coded": f"qemu+ssh://root@{guarded.address}:{PORT + 2}/system"})
    try:
        with (
            sshd(guarded, PORT + 2, *lines, "AuthenticationMethods password,keyboard-interactive"),
            Program(home) as program,
        ):
            program.wait("root@.*'s password:", timeout=30)
            answer(program, PASSWORD)
            program.wait(r"\(root@.*\) Password:", timeout=30)
            answer(program, "271828")
            program.wait("was not accepted", timeout=30)
            answer(program, "314159")
            program.wait_host("coded", r"\d+ %")
            assert len(logins_at(PORT + 2)) == 1
            program.leave()
    finally:
        guarded.output("umount", "/etc/pam.d/sshd")
