"""`python -m kvmtui` and the `kvmtui` command."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress
from typing import NoReturn

gc.disable()  # what loads from here on stays: searching it for garbage would cost a tenth of the start

from kvmtui import cli  # noqa: E402 - see above
from kvmtui.cli.output import Exit  # noqa: E402


def main() -> NoReturn:
    """Run the program and leave with its exit code."""
    _stand_in()
    code = cli.main()
    # The process ends here, without the interpreter being taken down first: every thread of ours is a daemon, and what
    # must be tidied is, but to free all objects one by one would take as long as to ask a host for its VMs.
    atexit._run_exitfuncs()  # noqa: SLF001 - os._exit leaves them out
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = Exit.BROKEN_PIPE
    except OSError:
        code = code or Exit.FAILED
    with suppress(OSError):  # what nobody can read changes nothing of what was done
        sys.stderr.flush()
    os._exit(code)


def _stand_in() -> None:
    """Have nobody's file stand in for each standard stream that was closed, before another file takes its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - it stays open; pathlib loads slowly


if __name__ == "__main__":
    main()
