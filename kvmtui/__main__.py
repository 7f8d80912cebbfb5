"""`python -m kvmtui` and the `kvmtui` command."""

from __future__ import annotations

import sys

from kvmtui import cli


def main() -> None:
    """Run the program and leave with its exit code."""
    sys.exit(cli.main())


if __name__ == "__main__":
    main()
