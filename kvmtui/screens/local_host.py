"""What this machine itself tells when it is the host: load, temperatures, disks, network, QEMU processes.

Reading is done on a thread of our own, which is given up when it hangs: a dead file system stops whoever looks at it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

DEADLINE = 4.0  # seconds
QEMU = ("qemu-system", "qemu-kvm", "kvm", "qemu")


class Volume(NamedTuple):
    """A mounted file system; sizes in bytes."""

    where: str
    device: str
    kind: str
    used: int
    total: int


class Flow(NamedTuple):
    """A disk's or interface's bytes per second; None until it was read twice."""

    name: str
    in_bps: float | None
    out_bps: float | None


class Process(NamedTuple):
    """A QEMU process."""

    pid: int
    vm: str  # the name it was given, "" when it has none
    cpu: float | None  # percent of one CPU; None until it was read twice
    rss: int


class Machine(NamedTuple):
    """One reading; `at` is epoch seconds."""

    at: float
    load: tuple[float, float, float]
    swap_used: int
    swap_total: int
    heat: tuple[tuple[str, float, float | None], ...]  # sensor, degrees Celsius, from where it is critical
    volumes: tuple[Volume, ...]
    disks: tuple[Flow, ...]
    nics: tuple[Flow, ...]
    processes: tuple[Process, ...]


class _Counters(NamedTuple):
    at: float  # monotonic seconds
    flows: Mapping[tuple[str, str], tuple[int, int]]
    cpu: Mapping[tuple[int, float], float]  # by pid and start; seconds


class LocalMachine:
    """Reads this machine again and again, one reading at a time."""

    def __init__(self) -> None:
        self._reading = False
        self._before: _Counters | None = None

    async def read(self, seconds: float = DEADLINE) -> Machine | None:
        """Return a reading; None when it did not end within `seconds`, or an older one still hangs."""
        if self._reading:
            return None
        self._reading = True
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Machine | None] = loop.create_future()

        def set_answer(machine: Machine | None) -> None:
            if not answer.done():
                answer.set_result(machine)

        def work() -> None:
            found: Machine | None = None
            try:
                found = self._read()
            except (OSError, psutil.Error) as error:
                _log.warning("this machine cannot be read: %s", error)
            finally:
                self._reading = False
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(set_answer, found)

        # A daemon: asyncio's own threads are waited for at exit.
        threading.Thread(target=work, name="local-machine", daemon=True).start()
        try:
            return await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            return None

    def _read(self) -> Machine:
        before, now = self._before, time.monotonic()
        seconds = now - before.at if before is not None else 0.0
        flows: dict[tuple[str, str], tuple[int, int]] = {}
        disks = _disk_counters()
        nics = {name: (one.bytes_recv, one.bytes_sent) for name, one in psutil.net_io_counters(pernic=True).items()}
        flows.update((("disk", name), pair) for name, pair in disks.items())
        flows.update((("nic", name), pair) for name, pair in nics.items())

        def flow(kind: str, name: str) -> Flow:
            old = before.flows.get((kind, name)) if before is not None and seconds > 0 else None
            if old is None:
                return Flow(name, None, None)
            new = flows[kind, name]
            return Flow(name, max(0, new[0] - old[0]) / seconds, max(0, new[1] - old[1]) / seconds)

        processes, cpu = _qemus(before, seconds)
        self._before = _Counters(now, flows, cpu)
        swap = psutil.swap_memory()
        return Machine(
            at=time.time(),
            load=os.getloadavg(),
            swap_used=swap.used,
            swap_total=swap.total,
            heat=_heat(),
            volumes=_volumes(),
            disks=tuple(flow("disk", name) for name in sorted(disks)),
            nics=tuple(flow("nic", name) for name in sorted(nics) if name != "lo" and any(nics[name])),
            processes=processes,
        )


def _disk_counters() -> Mapping[str, tuple[int, int]]:
    """Return the bytes read from and written to whole disks, which hold those of their partitions."""
    found = psutil.disk_io_counters(perdisk=True) or {}
    whole = set(os.listdir("/sys/block")) if os.path.isdir("/sys/block") else set(found)  # noqa: PTH112, PTH208 - names alone
    return {
        name: (one.read_bytes, one.write_bytes)
        for name, one in found.items()
        if name in whole and not name.startswith(("loop", "ram", "zram")) and one.read_count + one.write_count
    }


def _heat() -> tuple[tuple[str, float, float | None], ...]:
    """Return the hottest reading of each sensor."""
    sensors = getattr(psutil, "sensors_temperatures", None)
    if sensors is None:
        return ()
    found = []
    for name, readings in sensors().items():
        if readings:
            hottest = max(readings, key=lambda one: one.current)
            found.append((name, hottest.current, hottest.critical or hottest.high))
    return tuple(sorted(found))


def _volumes() -> tuple[Volume, ...]:
    """Return the mounted file systems that are on a disk, each once."""
    found: dict[str, Volume] = {}
    for part in psutil.disk_partitions(all=False):
        if part.device in found or part.fstype in ("squashfs", "iso9660"):
            continue
        with suppress(OSError):
            usage = psutil.disk_usage(part.mountpoint)
            if usage.total:
                found[part.device] = Volume(part.mountpoint, part.device, part.fstype, usage.used, usage.total)
    return tuple(sorted(found.values()))


def _qemus(before: _Counters | None, seconds: float) -> tuple[tuple[Process, ...], dict[tuple[int, float], float]]:
    """Return the QEMU processes with what they use, and their CPU seconds for the next reading."""
    found: list[Process] = []
    spent: dict[tuple[int, float], float] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if not process.name().startswith(QEMU):
                continue
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info()
                key = (process.pid, process.create_time())
                words = process.cmdline()
            spent[key] = times.user + times.system
            old = before.cpu.get(key) if before is not None else None
            cpu = 100.0 * (spent[key] - old) / seconds if old is not None and seconds > 0 else None
            found.append(Process(process.pid, guest_name(words), cpu, memory.rss))
    return tuple(sorted(found, key=lambda one: (-(one.cpu or 0.0), -one.rss, one.pid))), spent


def guest_name(words: list[str]) -> str:
    """Return the name that a QEMU command line gives its guest: of `-name guest=web-1,debug-threads=on`."""
    for option, value in pairwise(words):
        if option in ("-name", "--name"):
            # libvirt writes a comma within a name twice.
            first = value.replace(",,", "\0").split(",")[0].replace("\0", ",")
            return first.removeprefix("guest=")
    return ""
