"""What keeps the state of each host fresh: one `Monitor` a host."""

from kvmtui.monitor.host import Monitor
from kvmtui.monitor.means import Means, Opener, Sink

__all__ = ["Means", "Monitor", "Opener", "Sink"]
