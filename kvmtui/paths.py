"""Where kvmtui keeps its files, after the XDG rules."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs

from kvmtui.core.errors import ConfigError

_APP = "kvmtui"


def config_file() -> Path:
    """Return where the configuration is read from; it need not exist."""
    return platformdirs.user_config_path(_APP) / "config.toml"


def state_dir() -> Path:
    """Return the folder of what is remembered, made if missing, 0700."""
    path = platformdirs.user_state_path(_APP)
    try:
        for folder in (*reversed(path.parents), path):  # mkdir's own `parents` would leave those to the umask
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        text = f"The folder {path} cannot be made: {os.strerror(error.errno or 0)}."
        raise ConfigError(text, hint="Set XDG_STATE_HOME to a folder of yours.") from None
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
    if given and Path(given).is_dir() and Path(given).stat().st_uid == os.geteuid():
        path = Path(given) / _APP
    else:
        path = Path("/tmp") / f"{_APP}-{os.geteuid()}"  # noqa: S108 - owner, kind and mode are checked below
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ConfigError(f"{path} belongs to somebody else.", hint="Remove it, or set XDG_RUNTIME_DIR.")
    if stat.S_IMODE(found.st_mode) != 0o700:
        path.chmod(0o700)
    return path
