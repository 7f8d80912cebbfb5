"""Open files: as many as may be, and a sentence instead of a crash of the client library where there are no more."""

from __future__ import annotations

import subprocess
import sys

SHOWS = """
import asyncio, resource
from kvmtui.backend.libvirt import LibvirtBackend, api
from kvmtui.core.errors import BackendError

async def main():
    files = []
    try:
        for _ in range(30):
            await LibvirtBackend("test:///default").connect()
            files.append(open("/dev/null"))
    except BackendError as error:
        print(error.text)
    print("limit", resource.getrlimit(resource.RLIMIT_NOFILE)[0])

asyncio.run(main())
"""


def said(limits: str) -> str:
    """What a program says that connects until it may not, under these limits."""
    argv = ["bash", "-c", f'{limits}; exec "$0" -c "$1"', sys.executable, SHOWS]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_at_the_limit_a_connection_is_refused_in_a_sentence() -> None:
    assert "The limit of 60 open files leaves no room for a connection to" in said("ulimit -S -n 60; ulimit -H -n 60")


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    assert said("ulimit -S -n 60; ulimit -H -n 500") == "limit 500\n"
