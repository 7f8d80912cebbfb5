"""Commands while they run."""

from kvmtui.tasks.runner import EXPLAINS, Hosts, TaskRunner

__all__ = ["EXPLAINS", "Hosts", "TaskRunner"]
