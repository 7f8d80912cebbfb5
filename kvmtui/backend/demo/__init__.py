"""A simulated fleet: to look first, for tests, for scale and for screenshots."""

from __future__ import annotations

from kvmtui.backend.demo.address import FleetAddress, hosts_of, parse
from kvmtui.backend.demo.backend import DemoBackend
from kvmtui.backend.demo.world import Call, World, forget_worlds, world_of

__all__ = ["Call", "DemoBackend", "FleetAddress", "World", "forget_worlds", "hosts_of", "parse", "world_of"]
