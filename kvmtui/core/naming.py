"""What a new thing may be called, and what may stand in its definition; each rule raises Refused with one sentence.

What exists already may be called anything that its hypervisor took: the rules for it keep out only what would
name something else (a path) or cannot be sent. What is made here gets a name that every tool can take.
"""

from __future__ import annotations

import re
import uuid

from kvmtui.core.errors import Refused
from kvmtui.core.text import safe

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_USER = re.compile(r"[a-z_][a-z0-9_-]*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_KEY = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}( .*)?")
_UNSENDABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BRIDGE = re.compile(r"[^\s/:]{1,15}")

_MOST_NAME = 64
_MOST_FILE_NAME = 255  # bytes, of the file systems that pools lie on
_MOST_USER = 32
_MOST_HOSTNAME = 64  # what the kernel keeps
_MOST_LABEL = 63
_MOST_KEY = 16_384
_MOST_PATH = 4_096
_MOST_WORDS = 2_000  # QEMU hands on 2 KiB of kernel arguments


def vm_name(name: str) -> None:
    """Check the name of a VM to be made."""
    _new_name(name, "A name", "web-1")


def new_volume_name(name: str) -> None:
    """Check the name of a volume to be made."""
    _new_name(name, "A volume's name", "web-1.qcow2", most=_MOST_FILE_NAME - 16)


def volume_name(name: str) -> None:
    """Check the name of a volume that may be there already."""
    if not name or name in {".", ".."} or "/" in name:
        raise Refused(f"{_quoted(name)} cannot be a volume's name: it is a path, or nothing.")
    if len(name.encode(errors="replace")) > _MOST_FILE_NAME:
        raise Refused(f"A volume's name has at most {_MOST_FILE_NAME} bytes.")
    _sendable(name, "A volume's name")


def pool_name(name: str) -> None:
    """Check the name of a pool."""
    if not name or "/" in name:
        raise Refused(f"{_quoted(name)} cannot be a pool's name.")
    _sendable(name, "A pool's name")


def network_name(name: str) -> None:
    """Check the name of a virtual network."""
    if not name.strip() or "/" in name:
        raise Refused(f"{_quoted(name)} cannot be a network's name.")
    _sendable(name, "A network's name")


def bridge_name(name: str) -> None:
    """Check the name of a bridge of the host."""
    if not _BRIDGE.fullmatch(name) or name in {".", ".."}:
        raise Refused(f"{_quoted(name)} cannot be a bridge: its name has 1 to 15 characters, and no blank or slash.")
    one_line(name, "A bridge's name")


def user_name(name: str) -> None:
    """Check a user's name inside a guest."""
    if not _USER.fullmatch(name) or len(name) > _MOST_USER:
        raise Refused(
            f"{_quoted(name)} cannot be a user: the name begins with a small letter, and holds a-z, 0-9, _ and -, "
            f"{_MOST_USER} at most."
        )


def host_name(name: str) -> None:
    """Check a guest's host name, with or without a domain."""
    labels = name.split(".")
    if len(name) > _MOST_HOSTNAME or not all(_LABEL.fullmatch(label) and len(label) <= _MOST_LABEL for label in labels):
        raise Refused(
            f"{_quoted(name)} cannot be a host name: its parts hold letters, digits and dashes inside, and dots part "
            f"them, {_MOST_HOSTNAME} characters at most."
        )


def public_key(line: str) -> None:
    """Check one public ssh key, as a line of an authorized_keys file without options."""
    if line.startswith("-----BEGIN"):
        raise Refused("That is a private key, or no ssh key at all.", hint="Name the file that ends in .pub.")
    if not _KEY.fullmatch(line) or len(line) > _MOST_KEY:
        raise Refused("That is no public ssh key of one line.", hint="It begins like ssh-ed25519 AAAA.")
    one_line(line, "A key's comment")


def host_path(path: str, what: str) -> None:
    """Check the path of a file on a host; `what` begins the sentence: "The kernel"."""
    if not path.startswith("/") or len(path) > _MOST_PATH or ".." in path.split("/"):
        raise Refused(f"{what} needs its whole path on the host, which begins with /; {_quoted(path)} is none.")
    one_line(path, f"{what}'s path")


def kernel_arguments(words: str) -> None:
    """Check what a kernel is told at its start."""
    if len(words.encode(errors="replace")) > _MOST_WORDS:
        raise Refused(f"The kernel's arguments have at most {_MOST_WORDS} bytes.")
    one_line(words, "The text of the kernel's arguments")


def canonical_uuid(text: str) -> None:
    """Check a UUID as every part of the program writes it."""
    try:
        known = str(uuid.UUID(text))
    except ValueError:
        known = ""
    if known != text:
        raise Refused(f"{_quoted(text)} is no UUID in its usual form.")


def one_line(text: str, what: str) -> None:
    """Refuse what a definition cannot keep or a reader could be fooled by; `what` begins the sentence."""
    if safe(text, limit=len(text) + 1) != text:
        raise Refused(f"{what} holds a character that cannot be seen or does not belong there: {_quoted(text)}.")


def _sendable(text: str, what: str) -> None:
    if _UNSENDABLE.search(text):
        raise Refused(f"{what} holds a control character: {_quoted(text)}.")


def _new_name(name: str, what: str, example: str, *, most: int = _MOST_NAME) -> None:
    if not name:
        raise Refused(f"{what} is missing.", hint=f"For example: {example}")
    if len(name) > most:
        raise Refused(f"{what} has at most {most} characters; this one has {len(name)}.")
    if not _NAME.fullmatch(name):
        raise Refused(
            f"{what} begins with a letter or digit and holds only those and . _ + -; {_quoted(name)} does not.",
            hint=f"For example: {example}",
        )


def _quoted(text: str) -> str:
    return f"'{safe(text, limit=60)}'"
