"""The one place where an error of libvirt becomes a sentence for a person.

VIR_ERR_*            becomes
NO_DOMAIN, NO_...    NotFound
NO_SUPPORT, ...      NotSupported
AUTH_*, *_DENIED     Denied
OPERATION_TIMEOUT    Busy (another operation holds the VM)
OPERATION_INVALID    Conflict (not in the state that the call needs)
AGENT_UNRESPONSIVE   TimedOut, or NotSupported when there is no agent at all
of the transport     Denied or Unreachable, by what the text says
"""

from __future__ import annotations

from typing import NamedTuple

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
from kvmtui.core.secrets import without_secrets


class Fault(NamedTuple):
    """What libvirt says of an error; `code` is VIR_ERR_*, `domain` VIR_FROM_*."""

    code: int
    domain: int
    message: str


FROM_RPC = 7
FROM_REMOTE = 13
INTERNAL_ERROR = 1
NO_SUPPORT = 3
NO_CONNECT = 5
INVALID_CONN = 6
SYSTEM_ERROR = 38
NO_DOMAIN = 42
NO_STORAGE_VOLUME = 50
OPERATION_INVALID = 55
AUTH_CANCELLED = 79
AGENT_UNRESPONSIVE = 86

_KINDS: dict[int, type[BackendError]] = {
    28: Conflict,  # DOM_EXIST
    29: Denied,  # OPERATION_DENIED
    NO_DOMAIN: NotFound,
    43: NotFound,  # NO_NETWORK
    45: Denied,  # AUTH_FAILED
    49: NotFound,  # NO_STORAGE_POOL
    NO_STORAGE_VOLUME: NotFound,
    OPERATION_INVALID: Conflict,
    67: NotSupported,  # CONFIG_UNSUPPORTED
    68: Busy,  # OPERATION_TIMEOUT
    72: NotFound,  # NO_DOMAIN_SNAPSHOT
    74: NotSupported,  # ARGUMENT_UNSUPPORTED
    AUTH_CANCELLED: Denied,
    80: NotFound,  # NO_DOMAIN_METADATA
    84: NotSupported,  # OPERATION_UNSUPPORTED
    AGENT_UNRESPONSIVE: TimedOut,
    87: Busy,  # RESOURCE_BUSY
    88: Denied,  # ACCESS_DENIED
    90: Conflict,  # STORAGE_VOL_EXIST
    94: Denied,  # AUTH_UNAVAILABLE
    NO_SUPPORT: NotSupported,
}
REFUSALS = frozenset({29, 88})  # OPERATION_DENIED, ACCESS_DENIED
_LOGIN = frozenset({45, AUTH_CANCELLED, 94})
_LOST = frozenset({INTERNAL_ERROR, NO_CONNECT, INVALID_CONN, SYSTEM_ERROR})


class _Sign(NamedTuple):
    """What a part of a transport's error text means."""

    part: str  # lower case
    kind: type[BackendError]
    text: str  # with {host}
    hint: str = ""


START = "Start it: sudo systemctl start libvirtd, or virtqemud.socket where the daemons are split."
GROUP = "Join the group libvirt: sudo usermod -aG libvirt $USER, then log in again; or run as root."
_NOISE = "bytes received from server too"
_SIGNS = (
    _Sign(
        _NOISE,
        Unreachable,
        "The login shell on {host} prints something where libvirt's answer should be.",
        "Let ~/.bashrc and the like there print only when the shell is interactive.",
    ),
    _Sign(
        "remote host identification has changed",
        Denied,
        "The key of {host} is another than before: it was set up anew, or somebody stands between.",
        "Ask who runs it; if it is right, forget the old key with ssh-keygen -R and log in again.",
    ),
    _Sign(
        "host key verification failed",
        Denied,
        "ssh does not know the key of {host}, or it has changed.",
        "Connect once by hand with ssh, compare the key and accept it.",
    ),
    _Sign(
        "permission denied (",
        Denied,
        "ssh on {host} did not take the login of this user.",
        "Load the key into the ssh agent (ssh-add) or name it in ~/.ssh/config; check the user; x r asks again.",
    ),
    _Sign("too many authentication failures", Denied, "ssh on {host} was offered too many keys.", "Name one key."),
    _Sign(
        "certificate",
        Denied,
        "The TLS certificates of {host} and of this machine do not agree, or are missing.",
        "See libvirt's guide to TLS, or use qemu+ssh.",
    ),
    _Sign(
        "tls confirmation",
        Unreachable,
        "libvirt on {host} ended the connection when TLS stood.",
        "It may not take this machine's certificate: look at its CA and its tls_allowed_dn_list.",
    ),
    _Sign(
        "tls handshake failed",
        Unreachable,
        "What answers on {host} does not come to terms over TLS.",
        "Is it libvirt's port for TLS (16514)? Its certificate, or this machine's, may not be taken either.",
    ),
    _Sign("could not resolve hostname", Unreachable, "The name {host} is not known.", "Check the address."),
    _Sign("name or service not known", Unreachable, "The name {host} is not known.", "Check the address."),
    _Sign(
        "unable to resolve address",
        Unreachable,
        "The name {host} is not known.",
        "Check the address.",
    ),
    _Sign(
        "connection refused",
        Unreachable,
        "{host} refused the connection.",
        "Is libvirt (or sshd) running there, and listening?",
    ),
    _Sign("no route to host", Unreachable, "There is no route to {host}.", "Is it on, and on this network?"),
    _Sign("network is unreachable", Unreachable, "There is no route to {host}.", "Is this machine's network up?"),
    _Sign("timed out", Unreachable, "{host} did not answer the connection.", "Is it on, and not behind a firewall?"),
    _Sign(
        "no such file or directory",
        Unreachable,
        "libvirt is not running on {host}.",
        START,
    ),
    _Sign(
        "not found",
        NotSupported,
        "{host} has neither virt-ssh-helper nor nc.",
        "Install libvirt's daemon or netcat-openbsd there.",
    ),
    _Sign("permission denied", Denied, "This user may not open libvirt's socket on {host}.", GROUP),
    _Sign("keepalive timeout", Unreachable, "The connection to {host} broke: no answer for 30 s."),
)


_NO_LIBVIRT = _Sign(
    _NOISE,
    Unreachable,
    "What answers on {host} is not libvirt.",
    "Check the port in the address: libvirt's is 16509 for TCP, 16514 for TLS.",
)
_TLS = ("peer's certificate", "tls handshake", "tls confirmation")
"""What is in a text that tells of TLS, although libvirt calls it a login."""
_OF_LIBVIRT = frozenset(
    {
        "certificate",
        "tls confirmation",
        "tls handshake failed",
        "no such file or directory",
        "not found",
        "permission denied",
    }
)
"""The signs that say nothing of a login by ssh."""

_LOGIN_SIGNS = (
    _Sign(
        "during banner exchange",
        Unreachable,
        "{host} takes connections where its sshd should be, but none answers.",
        "Is it stopped or overloaded, or is the port another's?",
    ),
    _Sign(
        "invalid format",
        Unreachable,
        "What answers {host}'s port is not an sshd.",
        "Check the port in the address and in ~/.ssh/config.",
    ),
    _Sign(
        "forwarding request failed",
        Unreachable,
        "The jump host does not reach {host}, or lets nobody through to it.",
        "Is it on? The jump host's sshd may have AllowTcpForwarding no.",
    ),
    _Sign("no matching", Unreachable, "ssh here and sshd on {host} have no method in common.", "Is one very old?"),
)
_TURNED_AWAY = _Sign(
    "exchange_identification",
    Unreachable,
    "sshd on {host} closes connections before the login.",
    "Has it too many (MaxStartups), does it not serve this machine, or is the port another's?",
)


_EMPTY = (": broken pipe", ": input/output error")
"""How a transport's error ends that says nothing more."""
_NO_WAY = _Sign(
    "exchange_identification",
    Unreachable,
    "The ProxyCommand that should lead to {host} ended before the login.",
    "Try what ~/.ssh/config says of this host by hand.",
)


def of_ssh(said: str, host: str, *, command: str = "") -> BackendError:
    """Return the error of a login that failed, by what ssh said; `command` is the user's own way there."""
    low = said.lower()
    last = _NO_WAY if command not in ("", "none") else _TURNED_AWAY
    for sign in (*_LOGIN_SIGNS, *(sign for sign in _SIGNS if sign.part not in _OF_LIBVIRT), last):
        if sign.part in low:
            return sign.kind(sign.text.format(host=host), hint=sign.hint)
    if last is _NO_WAY and not said.strip():
        return Unreachable(last.text.format(host=host), hint=last.hint)
    why = " ".join(said.split())
    if why:
        return Unreachable(f"The login to {host} failed: {why}.")
    return Unreachable(
        f"The login to {host} ended, and ssh gave no reason.", hint="`ssh -v` to it shows how far that comes."
    )


def is_lost(fault: Fault) -> bool:
    """Tell whether the connection itself failed, and not the call."""
    return fault.domain in (FROM_RPC, FROM_REMOTE) and fault.code in _LOST


def translate(
    fault: Fault, host: str, *, change: bool = False, opening: bool = False, by_ssh: bool = True, lives: bool = False
) -> BackendError:
    """Return the error to raise; `change` says that a request was sent which may still be carried out.

    `lives`: the connection is known to stand, whatever the error sounds like.
    """
    said = " ".join(without_secrets(fault.message).split())
    if opening and (found := _of_opening(fault, said, host, by_ssh=by_ssh)):
        return found
    if is_lost(fault) and not lives:
        return _of_transport(said, host, change=change and not opening, opening=opening)
    kind = Conflict if "not in suspended state" in said else _KINDS.get(fault.code, BackendError)
    if kind is Denied:
        return _of_rights(said, host)
    if kind is Busy:
        return Busy(f"Another operation holds it: {said}.", hint="Try again when that has ended.")
    if kind is TimedOut and "not connected" in said:
        return NotSupported("The guest agent is not running.", hint="Install and start qemu-guest-agent in the guest.")
    return kind(_sentence(said))


def _of_opening(fault: Fault, said: str, host: str, *, by_ssh: bool) -> BackendError | None:
    """Return what kept a connection from being made, None when it is told as any other error."""
    low = said.lower()
    if not by_ssh and (_NOISE in low or "decode message" in low):
        return _NO_LIBVIRT.kind(_NO_LIBVIRT.text.format(host=host), hint=_NO_LIBVIRT.hint)
    if any(part in low for part in _TLS):
        return _of_transport(said, host, change=False, opening=True)
    if _asks_who_we_are(fault, said):
        return _of_login(fault.code, said, host)
    if fault.code in _LOST or _NOISE in low:
        return _of_transport(said, host, change=False, opening=True)
    return None


def lost(host: str, *, change: bool) -> Unreachable:
    """Return the error of a connection that ended under a call."""
    return Unreachable(f"The connection to {host} was lost.", unknown=change)


def not_opened(host: str, seconds: float, *, is_taken: bool | None) -> TimedOut:
    """Return the error of a connection that did not open; `is_taken`: it stands, and only libvirt is silent."""
    name = _capital(host, "{host}")
    if is_taken:
        return TimedOut(
            f"{name} takes connections, but libvirt there does not answer.",
            hint="It is stopped or overloaded, or it serves all the clients that its max_clients allows.",
        )
    text = f"{name} has not answered the connection within {seconds:g} s."
    if is_taken is None:
        return TimedOut(text, hint="Is libvirt there overloaded or stopped?")
    return TimedOut(text, hint="Is it on, and not behind a firewall?")


def no_more(host: str) -> TimedOut:
    """Return the error of one more connection that did not open, to a host that answers on another."""
    return TimedOut(
        f"{_capital(host, '{host}')} answers, but takes no more connections.",
        hint="It may serve all the clients that its max_clients allows: end some, or raise it in libvirtd.conf.",
    )


def _of_transport(said: str, host: str, *, change: bool, opening: bool = False) -> BackendError:
    low = said.lower()
    for sign in _SIGNS:
        if sign.part in low:
            return sign.kind(sign.text.format(host=_capital(host, sign.text)), hint=sign.hint, unknown=change)
    if "end of file" in low or "reset" in low or "hangup" in low or "closed" in low or "broken pipe" in low:
        why = said.partition(" data: ")[2]
        if opening and why and not low.endswith(_EMPTY):
            return Unreachable(f"The connection to {host} ended: {why}.")
        return lost(host, change=change)
    return Unreachable(f"The connection to {host} failed: {said}.", unknown=change)


def _asks_who_we_are(fault: Fault, said: str) -> bool:
    low = said.lower()
    return fault.code in _LOGIN or any(word in low for word in ("polkit", "policykit", "dbus", "system bus"))


def _of_login(code: int, said: str, host: str) -> Denied:
    if code == AUTH_CANCELLED and "polkit" not in said.lower():
        return Denied(
            f"{_capital(host, '{host}')} asks for a password.",
            hint="Put the login into libvirt's auth.conf, or use qemu+ssh with a key.",
        )
    return Denied(f"libvirt on {host} does not let this user in: {said}.", hint=GROUP)


def _of_rights(said: str, host: str) -> Denied:
    if "read only access" in said:
        return Denied(
            f"The connection to {host} is read-only.", hint="Start kvmtui without read-only to change things."
        )
    return Denied(f"libvirt on {host} does not allow this user to do it: {said}.")


def _capital(host: str, text: str) -> str:
    """Return the host's label as it stands in `text`: "this machine" begins a sentence with a capital."""
    return host[:1].upper() + host[1:] if text.startswith("{host}") and " " in host else host


def _sentence(said: str) -> str:
    """Return libvirt's text as a sentence, without the class of error that it begins with.

    Of a program that it ran and that failed, what the program said is enough.
    """
    for prefix in ("internal error: ", "operation failed: ", "Requested operation is not valid: "):
        said = said.removeprefix(prefix)
    if said.startswith("Child process ("):
        said = said.partition(" unexpected exit status ")[2].partition(": ")[2] or said
    text = said[:1].upper() + said[1:] if said else "libvirt gave no reason"
    return text if text.endswith((".", "!", "?")) else f"{text}."
