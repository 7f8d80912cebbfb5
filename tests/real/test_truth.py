"""What is said of VMs and hosts, against what others say of the same: virsh, the kernels, the guest; field by field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.lab import Guest, Host, LabError, until
from tests.real.program import Home, kvmtui
from tests.real.test_headless import document

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20

Row = dict[str, Any]
"""A row of the program's JSON."""


def said(text: str, name: str) -> str:
    """The value that virsh prints after a name."""
    found = re.search(rf"^{re.escape(name)}: +(.*)$", text, re.MULTILINE)
    assert found, f"{name} is not in:\n{text}"
    return found[1].strip()


def dominfo(guest: Guest, name: str) -> str:
    return said(guest.host.virsh("dominfo", guest.name), name)


def xml(guest: Guest, pattern: str) -> str:
    found = re.search(pattern, guest.host.virsh("dumpxml", guest.name))
    return found[1] if found else ""


def column(text: str, number: int) -> list[str]:
    """A column of a table that virsh prints."""
    return [line.split()[number] for line in text.splitlines() if line.strip()]


def kib(text: str) -> int:
    return int(text.split(maxsplit=1)[0]) * 1024


def meminfo(text: str) -> dict[str, int]:
    return {line.split(":")[0]: int(line.split()[1]) * 1024 for line in text.splitlines()}


def used_inside(guest: Guest) -> int:
    memory = meminfo(guest.read_proc("/proc/meminfo"))
    return memory["MemTotal"] - memory["MemAvailable"]


def resident(guest: Guest) -> int:
    status = Path(f"/proc/{guest.host.qemu_pid(guest.name)}/status").read_text()
    return kib(said(status.replace("\t", " "), "VmRSS"))


def agent(guest: Guest) -> str:
    try:
        guest.host.agent(guest.name, "guest-ping")
    except LabError:
        return "disconnected"
    return "connected"


OF_VM: dict[str, Callable[[Guest], object]] = {
    "name": lambda guest: guest.host.virsh("domname", guest.uuid),
    "state": lambda guest: guest.host.virsh("domstate", guest.name),
    "reason": lambda guest: re.findall(r"\((.*)\)", guest.host.virsh("domstate", guest.name, "--reason"))[0],
    "id": lambda guest: int(guest.host.virsh("domid", guest.name)),
    "uuid": lambda guest: dominfo(guest, "UUID"),
    "vcpus": lambda guest: int(dominfo(guest, "CPU(s)")),
    "memory": lambda guest: kib(dominfo(guest, "Used memory")),
    "memory_max": lambda guest: kib(dominfo(guest, "Max memory")),
    "autostart": lambda guest: dominfo(guest, "Autostart") == "enable",
    "snapshots": lambda guest: len(guest.host.virsh("snapshot-list", guest.name, "--name").split()),
    "title": lambda guest: guest.host.virsh("desc", guest.name, "--title"),
    "description": lambda guest: guest.host.virsh("desc", guest.name),
    "mac": lambda guest: column(guest.host.virsh("domiflist", guest.name), 4),
    "vnet": lambda guest: column(guest.host.virsh("domiflist", guest.name), 0),
    "network": lambda guest: column(guest.host.virsh("domiflist", guest.name), 2),
    "agent": agent,
    "machine": lambda guest: xml(guest, r"machine='([^']*)'"),
    "arch": lambda guest: xml(guest, r"<type arch='([^']*)'"),
    "accel": lambda guest: xml(guest, r"<domain type='([^']*)'"),
    "cpu_model": lambda guest: xml(guest, r"<model fallback='forbid'>([^<]*)"),
}
"""Field -> what another program says it is, to the letter."""

ABOUT_VM: dict[str, tuple[Callable[[Guest], float], float]] = {
    "mem": (used_inside, 12 * MIB),
    "rss": (resident, 24 * MIB),
}
"""Field -> what another says it is, and how much may change between two looks."""


@pytest.fixture(scope="module")
def row(guest: Guest) -> Row:
    """What the program says of a guest that runs and has something of everything."""
    virsh = guest.host.virsh
    virsh("desc", guest.name, "--title", "the truth", "--live", "--config")
    virsh("desc", guest.name, "and nothing else", "--live", "--config")
    guest.address()
    until(lambda: "usable" in virsh("dommemstat", guest.name), "the guest tells of its memory")
    home = Home({guest.host.name: guest.host.uri})

    def told() -> Row:
        done = kvmtui("vms", "--json", "--rates", f"name:{guest.name}", home=home)
        assert done.returncode == 0, done.stderr
        (found,) = document(done)["vms"]
        assert isinstance(found, dict)
        return found if found["mem"] and found["rss"] and found["ip"] else {}

    return until(told, "the guest's figures are told", timeout=60)


@pytest.mark.parametrize("field", OF_VM)
def test_vm(field: str, guest: Guest, row: Row) -> None:
    assert (row[field] or "") == (OF_VM[field](guest) or "")


@pytest.mark.parametrize("field", ABOUT_VM)
def test_vm_about(field: str, guest: Guest, row: Row) -> None:
    measure, tolerance = ABOUT_VM[field]
    assert row[field] == pytest.approx(measure(guest), abs=tolerance)


def test_vm_disks(guest: Guest, row: Row) -> None:
    told = [line.split() for line in guest.host.virsh("domblklist", guest.name, "--details").splitlines()]
    shown = [[disk["kind"], disk["device"], disk["target"], disk["source"] or "-"] for disk in row["disk"]]
    assert shown == told


def test_vm_addresses(guest: Guest, row: Row) -> None:
    leased = {(line.split()[1], line.split()[3].partition("/")[0]) for line in _addresses(guest)}
    assert {(one["mac"], one["ip"]) for one in row["ip"] if one["source"] == "lease"} == leased


def _addresses(guest: Guest) -> list[str]:
    return guest.host.virsh("domifaddr", guest.name).splitlines()


# -- hosts


def nodeinfo(host: Host, name: str) -> str:
    return said(host.virsh("nodeinfo"), name)


def capability(host: Host, element: str) -> str:
    found = re.search(rf"<host>.*?<{element}>([^<]*)<", host.virsh("capabilities"), re.DOTALL)
    assert found, element
    return found[1]


def version(host: Host, of: str) -> str:
    found = re.search(rf"{of}.* ([\d.]+)$", host.virsh("version", "--daemon"), re.MULTILINE)
    assert found, of
    return found[1]


def fullest(host: Host) -> float:
    """The fill of the fullest pool, by what each pool says itself."""
    fills = []
    for name in host.virsh("pool-list", "--name").split():
        info = host.virsh("pool-info", name, "--bytes")
        capacity, available = int(said(info, "Capacity")), int(said(info, "Available"))
        fills.append(100 * (capacity - available) / capacity)
    return max(fills)


def promised(host: Host) -> float:
    """The most that the active VMs may come to use, without what QEMU itself needs, in percent of the memory."""
    names = host.virsh("list", "--name").split()
    most = sum(kib(said(host.virsh("dominfo", name), "Max memory")) for name in names)
    return 100 * most / meminfo(Path("/proc/meminfo").read_text())["MemTotal"]


OF_HOST: dict[str, Callable[[Host], object]] = {
    "hostname": lambda host: host.output("hostname").strip(),
    "uuid": lambda host: capability(host, "uuid"),
    "model": lambda host: f"{capability(host, 'vendor')} {capability(host, 'model')}",
    "arch": lambda host: nodeinfo(host, "CPU model"),
    "cpus": lambda host: int(nodeinfo(host, "CPU(s)")),
    "memory": lambda host: meminfo(host.output("cat", "/proc/meminfo"))["MemTotal"],
    "libvirt": lambda host: version(host, "Running against daemon"),
    "qemu": lambda host: version(host, "Running hypervisor"),
    "vms": lambda host: len(host.virsh("list", "--all", "--name").split()),
    "active": lambda host: len(host.virsh("list", "--name").split()),
}


@pytest.fixture(scope="module")
def hosts(guest: Guest, hv2: Host) -> dict[str, Row]:
    """What the program says of two hosts of one machine, of which one has a guest."""
    home = Home({host.name: host.uri for host in (guest.host, hv2)})
    done = kvmtui("hosts", "--json", "--rates", home=home)
    assert done.returncode == 0, done.stderr
    return {row["name"]: row for row in document(done)["hosts"]}


@pytest.mark.parametrize("field", OF_HOST)
def test_host(field: str, hosts: dict[str, Row], hv1: Host, hv2: Host) -> None:
    for host in (hv1, hv2):
        assert hosts[host.name][field] == OF_HOST[field](host)


def test_host_memory(hosts: dict[str, Row], hv1: Host) -> None:
    memory = meminfo(Path("/proc/meminfo").read_text())
    used = hosts[hv1.name]["used"]
    assert used["total"] == memory["MemTotal"]
    apart = memory["MemFree"] + memory["Buffers"] + memory["Cached"]
    assert used["used"] == pytest.approx(memory["MemTotal"] - apart, abs=0.05 * memory["MemTotal"])
    assert hosts[hv1.name]["sold"] == pytest.approx(promised(hv1), abs=5)
    assert hosts[hv1.name]["sold"] >= promised(hv1)


def test_host_pool(hosts: dict[str, Row], hv1: Host, hv2: Host) -> None:
    for host in (hv1, hv2):
        pool = hosts[host.name]["pool"]
        assert pool["name"] in host.virsh("pool-list", "--name").split()
        assert pool["percent"] == pytest.approx(fullest(host), abs=3)


def test_host_uptime(hosts: dict[str, Row], hv1: Host) -> None:
    """It is shown as about, for it is made of CPU counters that do not count what another kernel takes."""
    up = float(Path("/proc/uptime").read_text().split()[0])
    assert hosts[hv1.name]["uptime"] == pytest.approx(up, rel=0.2, abs=60)
