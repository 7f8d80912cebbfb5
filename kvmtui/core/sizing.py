"""What can be made, and how large: the kinds and the limits, and what is wrong with what a person wrote. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from kvmtui.core.errors import KvmtuiError
from kvmtui.core.units import parse_size, size

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
LEAST_MEMORY = 16 * MIB
MOST_MEMORY = 1 << 46
MOST_VCPUS = 4096
LEAST_DISK = MIB
MOST_DISK = 1 << 60


class DiskOrigin(StrEnum):
    """Where the first disk comes from."""

    NEW = "new"  # empty, of a size
    LINKED = "linked"  # builds upon an image, which must stay
    COPY = "copy"  # a full copy of an image
    EXISTING = "existing"  # a volume that is there already
    NONE = "none"


class BootKind(StrEnum):
    """What the VM starts from."""

    DISK = "disk"  # its first disk: a cloud image, or a volume with a system on it
    ISO = "iso"
    KERNEL = "kernel"


def said_by(check: Callable[[str], None]) -> Callable[[str], str]:
    """Turn a rule that raises into one that returns what is wrong, "" when nothing is."""

    def fault(text: str) -> str:
        try:
            check(text)
        except KvmtuiError as error:
            return str(error)
        return ""

    return fault


def vcpus_fault(text: str, most: int = MOST_VCPUS) -> str:
    """Return what is wrong with a number of virtual CPUs."""
    if not (text.isascii() and text.isdigit()) or len(text) > 6 or not int(text):
        return "A number of CPUs, such as 2, is needed."
    return f"At most {most} CPUs can be given here." if int(text) > most else ""


def memory_fault(text: str) -> str:
    """Return what is wrong with an amount of memory."""
    return _amount_fault(text, "2G", LEAST_MEMORY, MOST_MEMORY)


def disk_fault(text: str) -> str:
    """Return what is wrong with a disk's size."""
    return _amount_fault(text, "20G", LEAST_DISK, MOST_DISK)


def _amount_fault(text: str, example: str, least: int, most: int) -> str:
    try:
        amount = parse_size(text)
    except (ValueError, OverflowError):
        return f"A size such as {example} is needed."
    if amount < least:
        return f"That is less than {size(least)}: write it with its unit, such as {example}."
    return f"That is more than {size(most)}." if amount > most else ""
