"""Above which figures a person should look, and above which something is wrong: the one place for all that judge."""

from __future__ import annotations

from math import inf
from typing import NamedTuple


class Limits(NamedTuple):
    """A figure above `warn` is worth a look; one above `bad` is wrong."""

    warn: float
    bad: float


VM_CPU = Limits(90.0, inf)  # percent of its vCPUs: to be busy is no fault
HOST_CPU = Limits(80.0, 95.0)  # percent
IOWAIT = Limits(10.0, 25.0)  # percent
STEAL = Limits(10.0, 30.0)  # percent; from `warn` on it is a problem
STEAL_ENDS = 7.0  # percent; at or below it the problem ends, which began above `STEAL.warn`
STEAL_FELT = 5.0  # percent from which it is said who shares the CPUs
MEMORY = Limits(90.0, 97.0)  # percent in use
SOLD = Limits(100.0, 130.0)  # percent of a host's memory; from `warn` on it is a problem
POOL = Limits(85.0, 95.0)  # percent of a storage pool; from `bad` on it is a problem
POOL_ENDS = 93.0  # percent; at or below it the problem ends, which began above `POOL.bad`
LATENCY = Limits(25.0, 75.0)  # milliseconds
