"""The program without a screen: hosts, tasks, journal and history under one roof."""

from kvmtui.engine.engine import Engine

__all__ = ["Engine"]
