"""The user's terminal while the screen is up: nothing but the screen may write to it.

libvirt, glib and ssh write to descriptor 2, which is mostly the terminal that the screen is painted on. So the screen
gets a duplicate of it, and 2 itself points at the log until the screen is gone. Where a person has sent descriptor 2
elsewhere, as in `kvmtui 2>file`, it stays there, and the screen gets a duplicate of descriptor 1.
"""

from __future__ import annotations

import io
import os
import select
import sys
import termios
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _typeshed import ReadableBuffer

Restore = Callable[[], None]
"""Gives the terminal back as it was found; may be called from any thread, and never waits."""

_SHELLS = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[?7h\x1b[?1049l\x1b[?25h"
"""Mouse, focus, paste and keyboard reports off, lines wrap, the other screen is left, the cursor shows."""


class _Screen(io.FileIO):
    """A terminal that may be closed at any time: what cannot be shown any more is dropped.

    The toolkit writes from a thread. Were it to die of an error here, the program would wait for it for ever.
    """

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(memoryview(data).cast("B"))


@contextmanager
def screen_only(log: Path) -> Iterator[Restore]:
    """Give the terminal to `sys.__stderr__`, and where descriptor 2 is the terminal, 2 to `log`; undo that at the end.

    What it gives restores the terminal when the screen itself cannot any more.
    """
    shared = os.isatty(2)
    kept = os.dup(2 if shared else 1)
    try:
        modes = termios.tcgetattr(0)
    except termios.error:
        modes = None
    before, before_original = sys.stderr, sys.__stderr__
    screen = io.TextIOWrapper(_Screen(os.dup(kept), "w"), encoding="utf-8", errors="replace", write_through=True)
    # Textual paints on `sys.__stderr__`, which typeshed rightly calls final: here it is the point.
    setattr(sys, "__stderr__", screen)  # noqa: B010
    if shared:
        sink = _sink(log)
        os.dup2(sink, 2)
        os.close(sink)
        # A traceback that Textual prints after the screen is gone belongs to the person, not to the log.
        sys.stderr = screen
    restore = partial(_restore, kept, modes)
    try:
        yield restore
    finally:
        screen.flush()
        if _is_taken(modes):
            restore()  # what went wrong was the taking or giving back itself
        if shared:
            os.dup2(kept, 2)
        os.close(kept)
        setattr(sys, "__stderr__", before_original)  # noqa: B010
        sys.stderr = before


def _sink(log: Path) -> int:
    """Return a descriptor for what must not reach the screen: the log's, or with a full disk nobody's."""
    try:
        return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def _is_taken(modes: list[int | list[bytes | int]] | None) -> bool:
    """Whether the terminal is not as it was found."""
    try:
        return modes is not None and termios.tcgetattr(0) != modes
    except termios.error:
        return False


def _restore(screen: int, modes: list[int | list[bytes | int]] | None) -> None:
    if modes is not None:
        with suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, modes)
    with suppress(OSError, ValueError):
        if select.select((), (screen,), (), 0)[1]:
            os.write(screen, _SHELLS)
