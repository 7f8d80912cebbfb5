"""What libvirt says becomes a kind and a sentence."""

from __future__ import annotations

import pytest

from kvmtui.backend.libvirt.errors import Fault, translate
from kvmtui.core.errors import (
    BackendError,
    Busy,
    Conflict,
    Denied,
    NotFound,
    NotSupported,
    TimedOut,
    Unreachable,
)

KINDS = (
    (Fault(42, 10, "Domain not found: no domain with matching uuid 'x'"), NotFound),
    (Fault(3, 20, "this function is not supported by the connection driver: virDomainReset"), NotSupported),
    (Fault(55, 10, "Requested operation is not valid: domain is already running"), Conflict),
    (Fault(68, 10, "Timed out during operation: cannot acquire state change lock (held by monitor=...)"), Busy),
    (Fault(29, 0, "operation forbidden: read only access prevents virDomainSuspend"), Denied),
    (Fault(88, 60, "access denied: 'QEMU' denied access"), Denied),
    (Fault(86, 10, "Guest agent is not responding: Guest agent not available for now"), TimedOut),
    (Fault(86, 10, "Guest agent is not responding: QEMU guest agent is not connected"), NotSupported),
    (Fault(1, 10, "internal error: unable to execute QEMU command 'cont': Failed to lock byte 100"), BackendError),
)


@pytest.mark.parametrize(("fault", "kind"), KINDS)
def test_a_code_becomes_its_kind(fault: Fault, kind: type[BackendError]) -> None:
    error = translate(fault, "hv1")
    assert type(error) is kind
    assert error.text.endswith(".")
    assert not error.unknown


def test_a_volume_that_is_there_is_a_conflict() -> None:
    assert type(translate(Fault(90, 18, "storage volume 'a' exists already"), "hv1")) is Conflict


def test_a_program_that_failed_speaks_for_itself() -> None:
    said = (
        "internal error: Child process (/usr/bin/qemu-img convert -f qcow2 -O raw /a /b) unexpected exit status 1: "
        "qemu-img: error while writing at byte 8388608: No space left on device"
    )
    text = translate(Fault(1, 18, said), "hv1").text
    assert text == "Qemu-img: error while writing at byte 8388608: No space left on device."
    assert "(/x)" in translate(Fault(1, 18, "Child process (/x) unexpected fatal signal 9"), "hv1").text


OPENING = (
    ("Cannot recv data: Host key verification failed.: Connection reset by peer", Denied, "know the key"),
    (
        "Cannot recv data: root@hv1: Permission denied (publickey,password).: Connection reset",
        Denied,
        "did not take the login",
    ),
    ("unable to connect to server at 'hv1:16509': Connection refused", Unreachable, "refused"),
    ("unable to connect to server at 'hv1:16509': No route to host", Unreachable, "no route"),
    ("unable to connect to server at 'hv1:16509': Connection timed out", Unreachable, "did not answer"),
    ("Failed to connect socket to '/run/libvirt/libvirt-sock': No such file or directory", Unreachable, "not running"),
    ("Failed to connect socket to '/run/libvirt/libvirt-sock': Permission denied", Denied, "may not open"),
    ("Cannot read CA certificate '/etc/pki/CA/cacert.pem': No such file or directory", Denied, "certificates"),
    ("Cannot recv data: sh: 1: nc: not found: Connection reset by peer", NotSupported, "nor nc"),
    ("Cannot recv data: ssh: Could not resolve hostname hv1: Name or service not known", Unreachable, "not known"),
    ("End of file while reading data: Input/output error", Unreachable, "lost"),
)


@pytest.mark.parametrize(("message", "kind", "part"), OPENING)
def test_a_connection_that_cannot_be_made_says_why_and_what_to_do(
    message: str, kind: type[BackendError], part: str
) -> None:
    error = translate(Fault(38, 7, message), "hv1", opening=True)
    assert type(error) is kind
    assert part in error.text
    assert "hv1" in error.text


@pytest.mark.parametrize(
    "fault",
    [
        Fault(
            94, 60, "authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix'"
        ),
        Fault(45, 60, "authentication failed: access denied by policy"),
        Fault(89, 60, "error from service: GDBus.Error: org.freedesktop.PolicyKit1 was not provided"),
    ],
)
def test_a_login_that_polkit_refuses_names_the_group(fault: Fault) -> None:
    error = translate(fault, "this machine", opening=True)
    assert type(error) is Denied
    assert "group libvirt" in error.hint


@pytest.mark.parametrize(
    ("said", "kind", "part"),
    [
        ("authentication failed: Failed to verify peer's certificate", Denied, "TLS certificates of hv1"),
        ("authentication failed: TLS handshake failed An unexpected TLS packet was received.", Unreachable, "over TLS"),
        ("Unable to read TLS confirmation: Input/output error", Unreachable, "when TLS stood"),
    ],
)
def test_what_is_wrong_with_tls_is_no_matter_of_groups(said: str, kind: type[BackendError], part: str) -> None:
    error = translate(Fault(38 if "read" in said else 45, 7, said), "hv1", opening=True, by_ssh=False)
    assert type(error) is kind
    assert part in error.text
    assert "group" not in error.hint


@pytest.mark.parametrize(
    "said",
    [
        "internal error: packet 1397966893 bytes received from server too large, want 33554432",
        "Unable to decode message payload",
    ],
)
def test_noise_comes_from_a_shell_only_where_there_is_one(said: str) -> None:
    told = translate(Fault(1, 7, said), "hv1", opening=True, by_ssh=False)
    assert type(told) is Unreachable
    assert told.text == "What answers on hv1 is not libvirt."
    assert "not libvirt" not in translate(Fault(1, 7, said), "hv1", opening=True).text


def test_a_login_that_asks_for_a_password_says_so() -> None:
    error = translate(
        Fault(79, 46, "authentication cancelled: Failed to collect auth credentials"), "hv1", opening=True
    )
    assert type(error) is Denied
    assert "password" in error.text


def test_a_connection_lost_under_a_change_leaves_its_outcome_unknown() -> None:
    fault = Fault(38, 7, "End of file while reading data: Input/output error")
    assert translate(fault, "hv1", change=True).unknown
    assert not translate(fault, "hv1").unknown


def test_this_machine_begins_a_sentence_with_a_capital() -> None:
    fault = Fault(38, 7, "Failed to connect socket: Connection refused")
    assert translate(fault, "this machine", opening=True).text == "This machine refused the connection."
