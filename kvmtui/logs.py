"""The log file: 0600, bounded, and safe to read in a terminal."""

from __future__ import annotations

import logging
import logging.handlers
import os
from io import FileIO, TextIOWrapper
from typing import TYPE_CHECKING

from kvmtui import paths
from kvmtui.core.secrets import without_secrets
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 2_000_000
_KEPT = 2
_LONGEST = 20_000  # characters of one entry, tracebacks included


class _SafeFormatter(logging.Formatter):
    """Formats an entry so that no text of a host or guest reaches a terminal unescaped, and no password a file."""

    def format(self, record: logging.LogRecord) -> str:
        return safe(without_secrets(super().format(record)), limit=_LONGEST, newlines=True)


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """A rotating file that only its owner may read."""

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.baseFilename, flags, 0o600)
        return TextIOWrapper(FileIO(descriptor, "a"), encoding="utf-8", errors="replace", write_through=True)


def set_up(level: str, path: Path | None = None) -> Path:
    """Send what the program logs from `level` on to the log file, and nothing to the terminal."""
    target = path or paths.log_file()
    logging.raiseExceptions = False  # a full disk is no reason to write over the screen
    logging.lastResort = None  # nor is a log that cannot be opened
    handler = _PrivateFile(target, maxBytes=_MOST_BYTES, backupCount=_KEPT, encoding="utf-8")
    handler.setFormatter(_SafeFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old, _PrivateFile):
            root.removeHandler(old)
            old.close()
    root.addHandler(handler)
    root.setLevel(level.upper())
    return target
