"""Keeps the developer's machine out of the tests: home, configuration, locale, clock's zone, terminal, libvirt."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import libvirtmod
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

REAL = Path(__file__).parent / "real"

FIXED = {
    "LC_ALL": "C.UTF-8",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "xterm-256color",
    "COLORTERM": "truecolor",
    "TEXTUAL_ANIMATIONS": "none",
    # A program that a test starts must not find this machine's own libvirtd either.
    "LIBVIRT_DEFAULT_URI": "test:///default",
}
FOREIGN = (
    "COLUMNS",
    "DISPLAY",
    "EDITOR",
    "FORCE_COLOR",
    "LANGUAGE",
    "LIBVIRT_AUTH_FILE",
    "LIBVIRT_DEBUG",
    "LIBVIRT_LOG_OUTPUTS",
    "LINES",
    "NO_COLOR",
    "PAGER",
    "SSH_ASKPASS",
    "SSH_AUTH_SOCK",
    "TMUX",
    "VISUAL",
    "WAYLAND_DISPLAY",
)
OPENERS = ("virConnectOpen", "virConnectOpenAuth", "virConnectOpenReadOnly")


def pytest_configure() -> None:
    """Set, before the modules under test read it, what the whole run shares."""
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(FIXED)
    time.tzset()


def _is_the_tests_own(uri: str | None) -> bool:
    """Tell whether `uri` leads to libvirt's test driver or to a socket, port or program that a test made."""
    if uri is None:
        return False
    parts = urlsplit(uri)
    own_end = {"socket", "command"} & parse_qs(parts.query).keys()
    return parts.scheme.startswith("test") or parts.hostname == "127.0.0.1" or bool(own_end)


def _opener(name: str) -> Callable[..., object]:
    """Return the libvirt opener `name`, which refuses the libvirtd of this machine and of the network."""
    original: Callable[..., object] = getattr(libvirtmod, name)

    def opened(uri: str | None, *rest: object) -> object:
        if not _is_the_tests_own(uri):
            message = f"a test outside tests/real asked libvirt for {uri!r}: no real host is opened here"
            raise AssertionError(message)
        return original(uri, *rest)

    return opened


@pytest.fixture(autouse=True)
def _own_machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give a test an empty home and no real libvirt; the lab of tests/real has a machine of its own."""
    if request.path.is_relative_to(REAL):
        return
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name, folder in {
        "XDG_CONFIG_HOME": ".config",
        "XDG_STATE_HOME": ".local/state",
        "XDG_DATA_HOME": ".local/share",
        "XDG_CACHE_HOME": ".cache",
        "XDG_RUNTIME_DIR": "run",
    }.items():
        monkeypatch.setenv(name, str(home / folder))
    (home / "run").mkdir(mode=0o700)
    for name in OPENERS:
        monkeypatch.setattr(libvirtmod, name, _opener(name))
