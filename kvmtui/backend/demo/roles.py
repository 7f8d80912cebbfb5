"""What the simulated guests do all day."""

from __future__ import annotations

import math
from typing import NamedTuple


class Rhythm(NamedTuple):
    """How the load goes through a day; 1 is an ordinary hour."""

    low: float
    high: float
    peak: float  # hour, UTC
    sharp: float  # how narrow the busy hours are

    def level(self, wall: float) -> float:
        """Return the level at a time (epoch seconds)."""
        hour = (wall % 86_400) / 3_600
        day = (1 + math.cos((hour - self.peak) * math.pi / 12)) / 2
        return self.low + (self.high - self.low) * float(day**self.sharp)


class Wobble(NamedTuple):
    """calm + swing x slow noise + jitter x fast noise, and a burst where the slow noise is above the knee."""

    calm: float
    swing: float
    jitter: float
    burst: float
    knee: float


class DiskUse(NamedTuple):
    """Requests a second for each core in use, and bytes a request."""

    reads: float
    writes: float
    read_size: int
    write_size: int


class NetUse(NamedTuple):
    """Packets a second for each core in use, and bytes a packet."""

    rx: float
    tx: float
    rx_size: int
    tx_size: int


class Role(NamedTuple):
    """How a kind of guest uses its CPUs, disks, network and memory."""

    name: str
    share: float  # of its vCPUs, on average
    memory: float  # share of its memory that the guest uses
    rhythm: Rhythm
    wobble: Wobble
    disk: DiskUse
    net: NetUse


_STEADY = Wobble(0.75, 0.35, 0.15, 0.0, 1.0)
_LIVELY = Wobble(0.45, 0.7, 0.4, 0.0, 1.0)
_SPIKY = Wobble(0.3, 0.3, 0.2, 4.5, 0.6)

_OFFICE = Rhythm(0.35, 1.5, 13.5, 1.3)
_EVENING = Rhythm(0.5, 1.4, 18.0, 1.0)
_NIGHT = Rhythm(0.06, 3.2, 2.5, 6.0)
_EVEN = Rhythm(0.9, 1.1, 14.0, 1.0)

KIB = 1024

WEB = Role("web", 0.3, 0.6, _EVENING, _LIVELY, DiskUse(4, 14, 16 * KIB, 8 * KIB), NetUse(900, 1400, 210, 1150))
APP = Role("app", 0.35, 0.72, _OFFICE, _LIVELY, DiskUse(9, 30, 16 * KIB, 8 * KIB), NetUse(700, 750, 480, 620))
DB = Role("db", 0.22, 0.69, _EVEN, _STEADY, DiskUse(620, 380, 16 * KIB, 16 * KIB), NetUse(1300, 1500, 260, 700))
CACHE = Role("cache", 0.12, 0.93, _EVENING, _STEADY, DiskUse(0, 3, 4 * KIB, 64 * KIB), NetUse(9000, 9000, 160, 420))
QUEUE = Role("queue", 0.2, 0.8, _OFFICE, _STEADY, DiskUse(40, 260, 64 * KIB, 96 * KIB), NetUse(5200, 5600, 900, 900))
MAIL = Role("mail", 0.15, 0.55, _OFFICE, _LIVELY, DiskUse(60, 140, 16 * KIB, 16 * KIB), NetUse(260, 240, 800, 800))
OFFICE = Role("office", 0.14, 0.64, _OFFICE, _LIVELY, DiskUse(45, 60, 24 * KIB, 16 * KIB), NetUse(220, 260, 300, 700))
INFRA = Role("infra", 0.06, 0.42, _EVEN, _STEADY, DiskUse(3, 14, 8 * KIB, 8 * KIB), NetUse(1500, 1500, 96, 160))
METRICS = Role("metrics", 0.24, 0.78, _EVEN, _STEADY, DiskUse(30, 420, 64 * KIB, 32 * KIB), NetUse(2600, 500, 900, 200))
STORE = Role(
    "store", 0.18, 0.7, _OFFICE, _LIVELY, DiskUse(320, 240, 128 * KIB, 128 * KIB), NetUse(5200, 7400, 900, 1300)
)
BACKUP = Role(
    "backup", 0.16, 0.5, _NIGHT, _LIVELY, DiskUse(260, 420, 512 * KIB, 512 * KIB), NetUse(19_000, 2600, 1380, 90)
)
CI = Role("ci", 0.3, 0.5, _OFFICE, _SPIKY, DiskUse(60, 260, 32 * KIB, 32 * KIB), NetUse(1300, 500, 1200, 300))
BATCH = Role("batch", 0.3, 0.66, _NIGHT, _SPIKY, DiskUse(420, 160, 256 * KIB, 128 * KIB), NetUse(900, 700, 1100, 900))

ROLES = (WEB, APP, DB, CACHE, QUEUE, MAIL, OFFICE, INFRA, METRICS, STORE, BACKUP, CI, BATCH)
