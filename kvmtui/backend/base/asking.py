"""What the way to a host asks of a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import NamedTuple


class PromptKind(Enum):
    """How a question of a login is answered."""

    SECRET = "secret"  # noqa: S105 - the kind of a password, a passphrase or a code; it is never shown
    HOST_KEY = "host key"  # "yes" or "no" to a key that is not known
    CONFIRM = "confirm"  # whether a key may be used
    NOTICE = "notice"  # nothing to answer: touch the key


class Prompt(NamedTuple):
    """What a host, or the way to it, asks before it lets us in."""

    host: str
    text: str  # in the words of ssh: hostile
    kind: PromptKind
    again: bool  # the answer before was wrong


Asker = Callable[[Prompt], Awaitable[str | None]]
"""Asks a person; None: the login is given up. Answers are kept in memory only."""
