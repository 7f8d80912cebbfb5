"""What the tests of the command line share."""

from tests.cli.shell import kvmtui

__all__ = ["kvmtui"]
