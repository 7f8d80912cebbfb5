"""Where kvmtui keeps its files, after the XDG rules."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from kvmtui.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

_APP = "kvmtui"


def config_file() -> Path:
    """Return where the configuration is read from; it need not exist."""
    return _folder(platformdirs.user_config_path) / "config.toml"


def state_dir() -> Path:
    """Return the folder of what is remembered, made if missing, 0700; who cannot write to it says so when it does."""
    path = _folder(platformdirs.user_state_path)
    with suppress(OSError):
        for folder in (*reversed(path.parents), path):  # mkdir's own `parents` would leave those to the umask
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
    return path


def _folder(find: Callable[[str], Path]) -> Path:
    """Return what `find` finds; raises ConfigError where nothing tells which folder is this user's own."""
    try:
        path = find(_APP)
    except RuntimeError:
        path = Path()
    if not path.is_absolute():  # older versions of platformdirs say "~" then
        raise ConfigError("No home folder is known of this user.", hint="Set HOME to a folder of yours.")
    return path


def _kept(name: str) -> Path:
    """Return the path of a file of the state; raises ConfigError for a pipe or device, which would be waited for."""
    path = state_dir() / name
    try:
        mode = path.stat().st_mode
    except OSError:
        return path
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ConfigError(f"{path} is no file.", hint="Remove it: it is made anew.")
    return path


def journal_file() -> Path:
    """Return the journal's path."""
    return _kept("journal.jsonl")


def remembered_file() -> Path:
    """Return the path of the file that holds sort order, columns, theme and last place."""
    return _kept("state.json")


def log_file() -> Path:
    """Return the log's path."""
    return _kept("kvmtui.log")


def runtime_dir() -> Path:
    """Return a folder for sockets that is this user's alone (0700); raises ConfigError when it is not."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    # Under sudo the variable may still name the other user's folder: root's sockets do not belong there.
    own = Path(f"/tmp/{_APP}-{os.geteuid()}")  # noqa: S108 - owner, kind and mode are checked below
    path = Path(given) / _APP if given and _is_own(Path(given)) else own
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ConfigError(f"{path} belongs to somebody else.", hint="Remove it, or set XDG_RUNTIME_DIR.")
    if stat.S_IMODE(found.st_mode) != 0o700:
        path.chmod(0o700)
    return path


def _is_own(folder: Path) -> bool:
    try:
        found = folder.stat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
