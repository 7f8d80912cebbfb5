"""What the program remembers between runs: sort, columns, theme, last place."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import tempfile
from pathlib import Path

from kvmtui import paths

_log = logging.getLogger(__name__)
_REST = 1.0  # seconds after the last change until it is written

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


class StateFile:
    """A JSON object on disk; written a second after the last change, replaced as a whole.

    A file that cannot be read is ignored, one that cannot be written is only logged: nothing here is
    worth stopping for. Another process's keys survive, since only the keys set here are written over.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or paths.remembered_file()
        self._values = self._read()
        self._changed: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def get(self, key: str, default: JsonValue = None) -> JsonValue:
        """Return what was remembered under `key`."""
        return self._values.get(key, default)

    def set(self, key: str, value: JsonValue) -> None:
        """Remember `value`; it reaches the disk a second later, or with `save`."""
        if key in self._values and self._values[key] == value:
            return
        self._values[key] = value
        self._changed.add(key)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._timer = loop.call_later(_REST, self.save)

    def save(self) -> None:
        """Write what changed, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._changed:
            return
        merged = self._read() | {key: self._values[key] for key in self._changed}
        try:
            self._replace(json.dumps(merged, ensure_ascii=True, indent=1))
        except OSError as error:
            _log.warning("%s could not be written: %s", self._path, error.strerror)
            return
        self._values = merged
        self._changed.clear()

    def _read(self) -> dict[str, JsonValue]:
        try:
            loaded = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            _log.warning("%s is ignored, it cannot be read: %s", self._path, error)
            return {}
        if not isinstance(loaded, dict):
            _log.warning("%s is ignored, it holds no JSON object", self._path)
            return {}
        return loaded

    def _replace(self, text: str) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".state-", dir=self._path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(temporary).replace(self._path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise
