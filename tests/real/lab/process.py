"""Programs that the lab runs, and waiting for what they bring about."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Found = TypeVar("Found")


class LabError(Exception):
    """A program of the lab failed, or something that was waited for did not come."""


def output(argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60) -> str:
    """Run a program to its end and give its standard output; LabError holds what it wrote when it fails."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(argv)} did not end in {timeout:g} s") from error
    if done.returncode:
        raise LabError(f"{' '.join(argv)} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def until(condition: Callable[[], Found], what: str, *, timeout: float = 30, pause: float = 0.05) -> Found:
    """Ask every `pause` seconds until the answer is true, and give it; LabError says what did not come."""
    deadline = time.monotonic() + timeout
    while True:
        if found := condition():
            return found
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout:g} s in vain for this: {what}")
        time.sleep(pause)
