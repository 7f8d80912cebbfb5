"""Real libvirt hosts and guests on one machine, for the tests, the benchmarks and people who want to try something."""

from __future__ import annotations

from tests.real.lab.guest import Guest, GuestSpec
from tests.real.lab.host import Host
from tests.real.lab.process import LabError, until
from tests.real.lab.site import Lab, inside_lab
from tests.real.lab.terminal import Terminal

__all__ = ["Guest", "GuestSpec", "Host", "Lab", "LabError", "Terminal", "inside_lab", "until"]
