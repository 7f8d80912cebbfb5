"""Moving and making VMs: what the program takes for it, against the same by virsh in the same run."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, percentile, spread
from benchmarks.own_hosts import carry_out, command, complete, engine_on, find, seen
from kvmtui.commands.base import Target
from tests.real.lab import GuestSpec, Lab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.engine import Engine
    from tests.real.lab import Guest, Host

MOVES = 8  # of each kind, half of them in each direction
MADE = 6  # VMs of each kind
REST = 1.0  # seconds between two of them
SETTLE = 3.0
IMAGES = Path("/var/lib/libvirt/images")
MOVE_FLAGS = ("--live", "--p2p", "--persistent", "--undefinesource")


def migrate() -> list[Figure]:
    """An idle guest between two hosts: a task of the program, its checks and its proof included, against virsh."""
    with Lab() as lab:
        here, there = lab.host("hv1"), lab.host("hv2")
        guest = lab.guest(here, GuestSpec("idler", nic=False)).start().wait_booted()
        time.sleep(SETTLE)
        ours, virsh = asyncio.run(_moves(guest, here, there))
    name = "migrate"
    return _against(name, "an idle guest, against virsh migrate", ours, virsh, 1.1)


async def _moves(guest: Guest, here: Host, there: Host) -> tuple[Sequence[float], Sequence[float]]:
    ours: list[float] = []
    virsh: list[float] = []
    async with engine_on(here, there) as engine:
        for count in range(2 * MOVES):
            # Ours, virsh, virsh, ours: each goes as often in either direction.
            by_us = count % 4 in (0, 3)
            took = await (_move(engine, guest, there) if by_us else _virsh_move(guest, there))
            (ours if by_us else virsh).append(took)
            guest.moved(there)
            here, there = there, here
            now = guest.host.name
            await seen(engine, lambda fleet, now=now: find(fleet, now, guest.name), f"{guest.name} on {now}")  # type: ignore[misc]
            await asyncio.sleep(REST)
    return ours, virsh


async def _move(engine: Engine, guest: Guest, to: Host) -> float:
    found = find(engine.fleet, guest.host.name, guest.name)
    assert found is not None
    move = command("vm.migrate")
    target, answers = await complete(engine, move, Target.of_vm(*found), {"to": to.name})
    began = time.perf_counter()
    await carry_out(engine, move, target, answers)
    return time.perf_counter() - began


async def _virsh_move(guest: Guest, to: Host) -> float:
    began = time.perf_counter()
    await asyncio.to_thread(guest.host.virsh, "migrate", guest.name, to.uri, *MOVE_FLAGS)
    return time.perf_counter() - began


def create() -> list[Figure]:
    """A VM from an image to running: a task of the program against qemu-img and virsh, which make the same one."""
    with Lab() as lab:
        host = lab.host("hv1")
        host.add_cloud_image()
        ours, by_hand = asyncio.run(_makes(host))
    return _against("create", "from an image to running, against qemu-img and virsh", ours, by_hand, 1.3)


async def _makes(host: Host) -> tuple[Sequence[float], Sequence[float]]:
    ours: list[float] = []
    by_hand: list[float] = []
    async with engine_on(host) as engine:
        for _ in range(MADE):
            ours.append(await _make(engine, host, "made"))
            xml = await asyncio.to_thread(host.virsh, "dumpxml", "made", "--inactive")
            await _clear_away(host, "made")
            by_hand.append(await asyncio.to_thread(_make_by_hand, host, "made", xml))
            await _clear_away(host, "made")
            gone = "made is gone"
            await seen(engine, lambda fleet: find(fleet, host.name, "made") is None, gone)
    return ours, by_hand


async def _make(engine: Engine, host: Host, name: str) -> float:
    make = command("vm.create")
    target, answers = await complete(
        engine,
        make,
        Target.of_host(engine.fleet.hosts[0]),
        {
            "name": name,
            "host": host.name,
            "vcpus": "1",
            "memory": "128M",
            "accel": "qemu",
            "disk": "copy",
            "image": "default/cloud.qcow2",
            "seed": "none",
        },
    )
    began = time.perf_counter()
    await carry_out(engine, make, target, answers)
    return time.perf_counter() - began


def _make_by_hand(host: Host, name: str, xml: str) -> float:
    """Copy the image, define and start: as a person would who has the definition at hand."""
    file = host.folder / "by-hand.xml"
    file.write_text(re.sub(r"<uuid>.*?</uuid>", f"<uuid>{uuid.uuid4()}</uuid>", xml, count=1))
    began = time.perf_counter()
    source, disk = str(IMAGES / "cloud.qcow2"), str(IMAGES / f"{name}.qcow2")
    host.output("qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", source, disk)
    host.virsh("define", str(file))
    host.virsh("start", name)
    took = time.perf_counter() - began
    host.virsh("pool-refresh", "default")
    return took


async def _clear_away(host: Host, name: str) -> None:
    for words in (("destroy", name), ("undefine", name), ("vol-delete", f"{name}.qcow2", "--pool", "default")):
        await asyncio.to_thread(host.virsh, *words)
    await asyncio.sleep(REST)


def _against(name: str, what: str, ours: Sequence[float], others: Sequence[float], most: float) -> list[Figure]:
    # What else runs on the machine only ever adds: the first quartile tells more of the work than the median.
    quick = [1000 * percentile(values, 25) for values in (ours, others)]
    about = f"first quartiles of {len(ours)} each, by turns"
    return [
        Figure(name, what, quick[0] / quick[1], "times", most, about),
        Figure(name, "kvmtui, from the key that confirms to the proof", quick[0], "ms", about=_spread(ours)),
        Figure(name, "the others", quick[1], "ms", about=_spread(others)),
    ]


def _spread(seconds: Sequence[float]) -> str:
    return spread([1000 * each for each in seconds])
