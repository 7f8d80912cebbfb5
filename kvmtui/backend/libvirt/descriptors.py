"""How many files this process may hold open: at the limit libvirt's event loop would end the program."""

from __future__ import annotations

import contextlib
import os
import resource

MOST = 16_384  # 18 lanes to each of 100 hosts; an old libvirt closes each number up to the limit before it starts ssh
RESERVE = 32  # for one more lane, and for all else that the program opens


def allow_many() -> None:
    """Raise this process's limit as far as it may, which is 1,024 at most logins: a host takes some 10 and more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if hard == resource.RLIM_INFINITY else min(MOST, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def room() -> tuple[bool, int]:
    """Return whether one more lane can be opened, and the limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return True, limit
    try:
        taken = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only, without a Path for each
    except OSError:
        return False, limit
    return taken + RESERVE <= limit, limit
