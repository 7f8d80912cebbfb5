"""`python -m kvmtui` and the `kvmtui` command."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import NoReturn

gc.disable()  # what loads from here on stays: searching it for garbage would cost a tenth of the start

from kvmtui import cli  # noqa: E402 - see above
from kvmtui.cli.output import Exit  # noqa: E402


def main() -> NoReturn:
    """Run the program and leave with its exit code."""
    code = cli.main()
    # The process ends here, without the interpreter being taken down first: every thread of ours is a daemon, and what
    # must be tidied is, but to free all objects one by one would take as long as to ask a host for its VMs.
    atexit._run_exitfuncs()  # noqa: SLF001 - os._exit leaves them out
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = Exit.BROKEN_PIPE
    os._exit(code)


if __name__ == "__main__":
    main()
