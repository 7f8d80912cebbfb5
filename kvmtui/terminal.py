"""The user's terminal while the screen is up: nothing but the screen may write to it.

libvirt, glib and ssh write to descriptor 2, which is also where the screen is painted. So the screen gets a
duplicate of it, and 2 itself points at the log until the screen is gone.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def screen_only(log: Path) -> Iterator[None]:
    """Give descriptor 2 to the file `log` and the terminal to `sys.__stderr__`, and undo both at the end."""
    try:
        kept = os.dup(2)
    except OSError:  # started with descriptor 2 closed: there is nothing to protect
        yield
        return
    before, before_original = sys.stderr, sys.__stderr__
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    screen = io.TextIOWrapper(io.FileIO(os.dup(kept), "w"), encoding="utf-8", errors="replace", write_through=True)
    os.dup2(sink, 2)
    os.close(sink)
    # Textual paints on `sys.__stderr__`, which typeshed rightly calls final: here it is the point.
    setattr(sys, "__stderr__", screen)  # noqa: B010
    # A traceback that Textual prints after the screen is gone belongs to the person, not to the log.
    sys.stderr = screen
    try:
        yield
    finally:
        screen.flush()
        os.dup2(kept, 2)
        os.close(kept)
        setattr(sys, "__stderr__", before_original)  # noqa: B010
        sys.stderr = before
