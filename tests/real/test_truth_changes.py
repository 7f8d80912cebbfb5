"""What others change while the program looks on is shown soon, whether libvirt tells of it or not."""

from __future__ import annotations

import asyncio
import os
import re
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from kvmtui.backend.libvirt import sampling
from kvmtui.config import HostConfig, Settings
from kvmtui.core.fields import VM_FIELDS, vm_row
from kvmtui.core.inventory import VmRef
from kvmtui.engine import Engine
from kvmtui.journal import Journal
from tests.real.lab import Guest, GuestSpec, Host, LabError
from tests.real.lab.guest import crowd
from tests.real.program import Home, Program

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

WAY = 30.0  # seconds that a busy machine may take for what two refreshes show
SETTINGS = Settings(refresh=1.0, resync=86_400.0)  # nothing is found because everything is read again
MIB = 1 << 20


class Watch:
    """A program without a screen that watches hosts, and what its columns say."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def text(self, ref: VmRef, field: str) -> str:
        """What a column says of a VM, "gone" when there is no such VM."""
        row = vm_row(self.engine.fleet, ref, time.time())
        return "gone" if row is None else next(one for one in VM_FIELDS if one.name == field).text(row)

    async def until(self, test: Callable[[], object], what: str) -> None:
        """Wait until something is so."""
        news = asyncio.Event()
        end = self.engine.watch(lambda _: news.set())
        try:
            async with asyncio.timeout(WAY):
                while not test():
                    await news.wait()
                    news.clear()
        except TimeoutError:
            raise AssertionError(f"not so within {WAY:g} s: {what}") from None
        finally:
            end()

    async def says(self, ref: VmRef, field: str, text: str) -> None:
        """Wait until a column says this of a VM."""
        try:
            await self.until(lambda: self.text(ref, field) == text, "")
        except AssertionError:
            assert self.text(ref, field) == text, field


@asynccontextmanager
async def watching(folder: Path, *hosts: Host) -> AsyncIterator[Watch]:
    """Watch hosts until the end."""
    known = tuple(HostConfig(host.name, host.uri) for host in hosts)
    engine = Engine(replace(SETTINGS, hosts=known), journal=Journal(folder / "journal.jsonl"))
    await engine.start()
    try:
        watch = Watch(engine)
        await watch.until(lambda: all(one.state and one.state.load for one in engine.fleet.hosts), "the hosts are read")
        yield watch
    finally:
        await engine.stop()


async def virsh(host: Host, line: str) -> None:
    """Tell virsh something without holding up who watches."""
    await asyncio.to_thread(host.virsh, *line.split())


class Change(NamedTuple):
    """What virsh is told, with the VM's name for {0}, and what a column says then."""

    virsh: str
    field: str
    says: str
    page: bool = False  # only who is on the VM's page sees it soon


CHANGES = (
    Change("autostart {0}", "autostart", "yes"),
    Change("autostart {0} --disable", "autostart", "no"),
    Change("desc {0} --title --live --config told", "title", "told"),
    Change("desc {0} --live --config more", "description", "more"),
    Change("attach-disk {0} {disk} vdb --subdriver qcow2", "disk", "{own}, {disk}"),
    Change("detach-disk {0} vdb", "disk", "{own}"),
    Change("snapshot-create-as {0} first", "snapshots", "1"),
    Change("snapshot-create-as {0} second", "snapshots", "2", page=True),
    Change("snapshot-delete {0} second", "snapshots", "1", page=True),
    Change("snapshot-delete {0} first", "snapshots", "0"),
    Change("setmaxmem {0} 128M --config", "flags", "N", page=True),
    Change("suspend {0}", "state", "paused: by user"),
    Change("resume {0}", "state", "on"),
    Change("undefine {0}", "flags", "T"),
    Change("define {file}", "flags", ""),
    Change("managedsave {0}", "reason", "saved"),
    Change("managedsave-remove {0}", "state", "off"),
    Change("domrename {0} {0}-again", "name", "{0}-again"),
    Change("domrename {0}-again {0}", "name", "{0}"),
    Change("autostart {0}", "state", "off, should be on"),
    Change("start {0}", "state", "on"),
    Change("destroy {0}", "state", "off, should be on"),
    Change("autostart {0} --disable", "state", "off: forced off"),
)


async def test_what_virsh_does_to_a_vm(
    tmp_path: Path, hv1: Host, make_guest: Callable[[Host, GuestSpec], Guest], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Twenty changes that are each looked for every 21 s would take minutes.
    monkeypatch.setattr(sampling, "MARKS_EVERY", 2.0)
    guest = make_guest(hv1, GuestSpec("changed", disk_mib=16, agent=False))
    ref = VmRef(hv1.name, guest.uuid)
    file, disk = hv1.folder / "guests/changed.xml", guest.disk.with_name("changed-more.qcow2")
    file.write_text(hv1.virsh("dumpxml", guest.name))
    hv1.output("qemu-img", "create", "-q", "-f", "qcow2", str(disk), "8M")
    guest.start()
    async with watching(tmp_path, hv1) as watch:
        await watch.says(ref, "state", "on")
        for change in CHANGES:
            watch.engine.look_at(ref if change.page else None)
            line, says = (
                text.format(guest.name, file=file, disk=disk, own=guest.disk) for text in (change.virsh, change.says)
            )
            await virsh(hv1, line)
            await watch.says(ref, change.field, says)
        hv1.output("rm", str(guest.disk))
        with pytest.raises(LabError):
            await virsh(hv1, f"start {guest.name}")
        await watch.says(ref, "state", "off: failed to start")
        await virsh(hv1, f"undefine {guest.name}")
        await watch.says(ref, "state", "gone")
    hv1.output("rm", str(disk))


# -- pools


@pytest.fixture
def tiny(own_host: Host) -> Iterator[str]:
    """A pool of 12 MiB, started while it was empty, in which a disk has come to occupy nearly all."""
    folder = "/var/lib/libvirt/tiny"
    own_host.output("mkdir", folder)
    own_host.output("mount", "-t", "tmpfs", "-o", "size=12M", "tiny", folder)
    own_host.virsh("pool-define-as", "tiny", "dir", "--target", folder)
    own_host.virsh("pool-start", "tiny")
    disk = f"{folder}/disk.qcow2"
    own_host.output("qemu-img", "create", "-q", "-f", "qcow2", disk, "64M")
    own_host.output("qemu-io", "-c", "write 0 11M", disk)
    yield disk
    own_host.virsh("pool-destroy", "tiny")


def test_a_pool_that_nobody_refreshes_is_as_full_as_its_disks(own_host: Host, tiny: str) -> None:
    (guest,) = crowd(own_host, 1, prefix="filler")
    with Program.on(own_host, size=(140, 40)) as program:
        row = program.wait_host(own_host.name, "yes|-|NO")
        assert "tiny" not in row
        own_host.virsh("attach-disk", guest.name, tiny, "vdb", "--subdriver", "qcow2")
        program.wait_host(own_host.name, r"9\d % .*\btiny ", timeout=WAY)
        found = re.search(r"Allocation: +(\d+)", own_host.virsh("pool-info", "tiny", "--bytes"))
        assert found, "what the pool says"
        assert int(found[1]) < MIB, "nobody has refreshed it"
        program.select(guest.name)
        program.keys("enter")
        program.wait(r"vdb +virtio +qcow2 +11\.\d/64M 1\d %", timeout=WAY)


# -- a host whose clock is another


def test_logs_are_read_by_the_clock_of_their_host(own_host: Host) -> None:
    """What its kernel said as a VM ended is found, though by its clock that was two hours later."""
    (guest,) = crowd(own_host, 1, prefix="skewed")
    folder = own_host.folder
    own_host.output("cp", "/bin/date", str(folder / "date.real"))
    up = float(Path("/proc/uptime").read_text().split()[0])
    said = f"[{up:12.6f}] blk_update_request: I/O error, dev sdb, sector 2048"
    stand_ins = {
        "/bin/date": f"exec {folder}/date.real -d '2 hours' \"$@\"",
        "/usr/bin/dmesg": f"echo '{said}'",
    }
    for place, script in stand_ins.items():
        file = folder / f"fake-{Path(place).name}"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
        own_host.output("mount", "--bind", str(file), place)
    with Program(Home({own_host.name: own_host.ssh_uri}), size=(140, 40)) as program:
        program.wait_vm(guest.name, "on", timeout=WAY)
        os.kill(own_host.qemu_pid(guest.name), 9)
        program.wait_vm(guest.name, "off: crashed", timeout=WAY)
        program.select(guest.name)
        program.keys("l")
        program.wait(rf"Times are by the clock of {own_host.name}: \d+ (min|h) ahead of this one", timeout=WAY)
        program.wait("! blk_update_request: I/O error, dev sdb")
    for place in stand_ins:
        own_host.output("umount", place)


# -- what no reading shows

# cli; out 0x443, 14 (a second and a half later the watchdog fires); hlt; jmp back to the hlt
FEEDS_ONCE = b"\xfa\xba\x43\x04\xb0\x0e\xee\xf4\xeb\xfd"


def set_watchdog(guest: Guest, action: str) -> None:
    """Give an idle guest that is off a watchdog, which it sets when it starts and never again."""
    host = guest.host
    sector = host.folder / f"guests/{guest.name}.img"
    sector.write_bytes((FEEDS_ONCE.ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0"))
    xml = re.sub(r"<source file='[^']*'/>", f"<source file='{sector}'/>", guest.halted_xml)
    file = host.folder / f"guests/{guest.name}.xml"
    file.write_text(xml.replace("</devices>", f"<watchdog model='ib700' action='{action}'/></devices>"))
    host.virsh("define", str(file))


def test_reboots_and_watchdogs_are_told(own_host: Host) -> None:
    dogs = [Guest(own_host, GuestSpec(name, 16, agent=False)) for name in ("halts", "resets")]
    crowd(own_host, 1, prefix="idle")
    for dog, action in zip(dogs, ("pause", "reset"), strict=True):
        set_watchdog(dog, action)
    with Program.on(own_host, size=(140, 40)) as program:
        program.wait_vm("idle-01", "on", timeout=WAY)
        own_host.virsh("reset", "idle-01")
        program.wait(rf"idle-01 was reset or rebooted on {own_host.name} .*not by kvmtui", timeout=WAY)
        for dog in dogs:
            dog.start()
        program.wait_vm("halts", "paused: watchdog", timeout=WAY)
        program.wait(rf"halts paused on {own_host.name} +watchdog", timeout=WAY)
        program.wait(rf"the watchdog of resets fired on {own_host.name} +it was reset", timeout=WAY)
        program.wait_vm("resets", "on", timeout=WAY)
        assert "resets was reset" not in program.text()
