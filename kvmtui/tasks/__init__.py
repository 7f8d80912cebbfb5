"""Commands while they run."""

from kvmtui.tasks.runner import EXPLAINS, TaskRunner
from kvmtui.tasks.task import Hosts

__all__ = ["EXPLAINS", "Hosts", "TaskRunner"]
