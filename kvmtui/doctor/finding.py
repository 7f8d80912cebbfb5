"""One thing that was looked at."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """How it stands."""

    OK = "ok"
    NOTE = "note"  # good to know; nothing is wrong
    WARN = "warning"  # something will not work as well as it could
    BAD = "bad"  # something does not work


class Area(StrEnum):
    """What it is about."""

    HARDWARE = "hardware"
    LIBVIRT = "libvirt"
    HOSTS = "hosts"
    FILES = "files"
    TERMINAL = "terminal"


class Finding(NamedTuple):
    """What was looked at, how it stands, and what mends it."""

    area: Area
    name: str
    verdict: Verdict
    text: str  # one sentence
    mend: str = ""  # a command, or what else to do; "" when nothing needs to be done
