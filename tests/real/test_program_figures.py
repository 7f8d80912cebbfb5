"""The figures on the screen, against what the guest's own /proc and the machine's say of the same seconds."""

from __future__ import annotations

import re
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Guest, GuestSpec, Host, Lab, until
from tests.real.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

READINGS = 8
LOAD = (
    "(while :; do dd if=/dev/zero of=/dev/vda bs=64k count=16 conv=fsync; sleep 0.3; done) >/dev/null 2>&1 & "
    "ping -i 0.1 -s 4000 {gateway} >/dev/null 2>&1 &"
)
UNITS = {"": 1, "B": 1, "K": 2**10, "M": 2**20, "G": 2**30}
SECTOR = 512


def size(text: str) -> float:
    """A size as the screen writes it, in bytes."""
    found = re.fullmatch(r"([\d.]+)([BKMG]?)", text)
    assert found, f"{text!r} is no size"
    return float(found[1]) * UNITS[found[2]]


@dataclass(frozen=True)
class Totals:
    """What /proc counted up to a moment."""

    at: float
    guest_busy: float  # seconds
    qemu_busy: float  # seconds
    machine_busy: float  # seconds, of all CPUs
    machine_all: float
    written: float  # bytes
    received: float
    sent: float

    @classmethod
    def of(cls, guest: Guest) -> Totals:
        """Read them all."""
        text = guest.execute("/bin/cat", "/proc/stat", "/proc/diskstats", "/proc/net/dev")
        cpu = [int(word) for word in text.splitlines()[0].split()[1:]]
        disk = next(line for line in text.splitlines() if " vda " in line).split()
        card = next(line for line in text.splitlines() if "eth0:" in line).partition(":")[2].split()
        pid = guest.host.qemu_pid(guest.name)
        times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        here = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return cls(
            at=time.monotonic(),
            guest_busy=(sum(cpu) - cpu[3] - cpu[4]) / 100,
            qemu_busy=(int(times[11]) + int(times[12])) / 100,
            machine_busy=(sum(here) - here[3] - here[4]) / 100,
            machine_all=sum(here) / 100,
            written=int(disk[9]) * SECTOR,
            received=int(card[0]),
            sent=int(card[8]),
        )


@dataclass(frozen=True)
class Measured:
    """What the screen showed over some seconds, row after row, and what /proc says of them."""

    vm: list[str]
    host: list[str]
    before: Totals
    after: Totals
    meminfo: dict[str, int]  # of the guest, bytes
    machine: dict[str, int]  # of this machine, bytes

    def rate(self, name: str) -> float:
        """What one of the totals grew by in a second."""
        return float(getattr(self.after, name) - getattr(self.before, name)) / (self.after.at - self.before.at)

    def shown(self, pattern: str, *, host: bool = False) -> list[re.Match[str]]:
        """What a pattern finds in each row."""
        found = [re.search(pattern, row) for row in (self.host if host else self.vm)]
        assert all(found), f"{pattern} is not in each of these rows: {self.host if host else self.vm}"
        return [one for one in found if one]


def meminfo(text: str) -> dict[str, int]:
    """A /proc/meminfo in bytes."""
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in text.splitlines()}


@pytest.fixture(scope="module")
def measured(lab: Lab, hv1: Host) -> Iterator[Measured]:
    """One guest that computes, writes and is pinged, and one program that looks on."""
    guest = lab.guest(hv1, GuestSpec("loaded", disk_mib=64, load=40)).start().wait_booted()
    gateway = f"{guest.address().rpartition('.')[0]}.1"
    guest.execute("/bin/sh", "-c", LOAD.format(gateway=gateway))
    with Program.on(hv1) as program:
        program.select("loaded")
        program.wait_vm("loaded", r"on +hv1 +\d\.\d/1 .* [\d.]+[KM]?/[\d.]+[KM] +[\d.]+K/[\d.]+K")
        until(lambda: "usable" in hv1.virsh("dommemstat", "loaded"), "the guest tells of its memory")
        vm: list[str] = []
        host: list[str] = []
        before = Totals.of(guest)
        while len(vm) < READINGS:
            row = program.vm("loaded")
            until(lambda row=row: program.vm("loaded") != row, "the next reading", pause=0.01)  # type: ignore[misc]
            vm.append(program.vm("loaded"))
            host.append(program.vm("hv1"))
        after = Totals.of(guest)
        yield Measured(
            vm,
            host,
            before,
            after,
            meminfo(guest.read_proc("/proc/meminfo")),
            meminfo(Path("/proc/meminfo").read_text()),
        )
        program.leave()
    guest.remove()


def test_cpu(measured: Measured) -> None:
    """Of a machine that does a lot else QEMU gets less than its guest believes to use."""
    cores = statistics.fmean(float(found[1]) for found in measured.shown(r" hv1 +(\d\.\d)/1 "))
    assert cores == pytest.approx(measured.rate("qemu_busy"), abs=0.2)
    assert cores == pytest.approx(measured.rate("guest_busy"), abs=0.5)


def test_memory(measured: Measured) -> None:
    found = measured.shown(r" (\d+)/(\d+)M ")[-1]
    used = measured.meminfo["MemTotal"] - measured.meminfo["MemAvailable"]
    assert float(found[1]) * 2**20 == pytest.approx(used, abs=12 * 2**20)
    assert float(found[2]) == 112


def test_disk(measured: Measured) -> None:
    written = statistics.fmean(size(found[1]) for found in measured.shown(r" [\d.]+[KMB]?/([\d.]+[KMB]?) +\S+/\S+$"))
    assert written == pytest.approx(measured.rate("written"), rel=0.4)


def test_network(measured: Measured) -> None:
    rows = measured.shown(r" ([\d.]+[KMB]?)/([\d.]+[KMB]?)$")
    assert statistics.fmean(size(found[1]) for found in rows) == pytest.approx(measured.rate("received"), rel=0.4)
    assert statistics.fmean(size(found[2]) for found in rows) == pytest.approx(measured.rate("sent"), rel=0.4)


def test_host(measured: Measured) -> None:
    busy = 100 * measured.rate("machine_busy") / measured.rate("machine_all")
    shown = statistics.fmean(float(found[1]) for found in measured.shown(r"hv1 +(\d+) ", host=True))
    assert shown == pytest.approx(busy, abs=25)
    used, total = measured.shown(r" ([\d.]+)/([\d.]+)G ", host=True)[-1].groups()
    memory = measured.machine
    apart = memory["MemFree"] + memory["Buffers"] + memory["Cached"]
    assert float(total) * 2**30 == pytest.approx(memory["MemTotal"], rel=0.05)
    assert float(used) * 2**30 == pytest.approx(memory["MemTotal"] - apart, abs=0.05 * memory["MemTotal"])
