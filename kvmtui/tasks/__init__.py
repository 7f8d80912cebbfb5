"""Commands while they run."""

from kvmtui.tasks.runner import Hosts, TaskRunner

__all__ = ["Hosts", "TaskRunner"]
