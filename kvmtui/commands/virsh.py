"""The virsh line that does the same as a command."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmtui.commands.base import Target

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._+]*(-[A-Za-z0-9._+]+)*\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def vm_word(target: Target) -> str:
    """Return the VM's name, or its UUID when virsh or a shell could take the name for something else."""
    plain = _PLAIN.match(target.name) and not _UUID.match(target.name) and len(target.name) <= 64
    return target.name if plain else target.uuid


def word(option: str, text: str) -> tuple[str, ...]:
    """Return the words that give virsh a text, which may look like an option itself."""
    return (option, text) if text.startswith("-") else (text,)


def line(target: Target, verb: str, *rest: str) -> str:
    """Return one virsh call on the target's host."""
    connect = ("-c", target.uri) if target.uri else ()
    return shlex.join(("virsh", *connect, verb, *rest))


def vm_line(target: Target, verb: str, *rest: str) -> str:
    """Return one virsh call on the target VM."""
    return line(target, verb, vm_word(target), *rest)
