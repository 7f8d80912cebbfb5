"""A running guest goes from one real host to another, and is what it was; and what cannot go says why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.lab import Guest, GuestSpec, Host, until
from tests.real.program import Home, Program, kvmtui

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeGuest = Callable[[Host, GuestSpec], Guest]

DONE, FAILED = 0, 1
COUNTS = 20  # numbers that a guest is given the time to count


@pytest.fixture
def home(hv1: Host, hv2: Host) -> Home:
    """A configuration with both hosts."""
    return Home({"hv1": hv1.uri, "hv2": hv2.uri})


def verb(home: Home, *arguments: str, exit_code: int = DONE) -> dict[str, Any]:
    """What a headless verb says as JSON."""
    done = kvmtui("vm", *arguments, "--json", home=home)
    assert done.returncode == exit_code, f"{done.stdout}\n{done.stderr}"
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def has_no_gap(numbers: list[int]) -> bool:
    """Whether it counted on and on, from 1."""
    return numbers == list(range(1, len(numbers) + 1))


def test_a_guest_counts_on_while_it_goes_to_another_host_with_its_disk(
    hv1: Host, hv2: Host, home: Home, make_guest: MakeGuest
) -> None:
    """Headless: a copied disk; its autostart and its tags arrive; the old disk stays, and keeps it from going back."""
    guest = make_guest(hv1, GuestSpec("mover", disk_mib=32, counts=True)).start().wait_booted()
    verb(home, "autostart-on", "mover")
    verb(home, "tags", "mover", "--tags", "prod web")
    guest.execute("/bin/sh", "-c", "echo kept >/tmp/told; echo on-disk >/dev/vda; sync")
    until(lambda: len(guest.counted()) > COUNTS, "it counts")
    uuid = guest.uuid

    (task,) = verb(home, "migrate", "mover", "--to", "hv2", "--yes")["tasks"]
    guest.moved(hv2)
    assert (task["phase"], task["host"], task["to"]) == ("done", "hv1", "hv2")
    assert task["message"].startswith("mover runs on hv2 now. It starts with that host, too.")
    assert "migrate --live --p2p" in task["virsh"]
    assert "autostart mover" in task["virsh"]
    assert guest.state() == "running"
    assert guest.uuid == uuid
    assert "mover" not in hv1.virsh("list", "--all", "--name").split()
    assert "enable" in hv2.virsh("dominfo", "mover").partition("Autostart:")[2].splitlines()[0]
    assert "prod" in hv2.virsh("metadata", "mover", "--uri", "https://kvmtui.dev/xmlns/1")
    assert guest.read_proc("/tmp/told").strip() == "kept"
    assert guest.execute("/bin/sh", "-c", "head -c 7 /dev/vda") == "on-disk"
    before = len(guest.counted())
    until(lambda: len(guest.counted()) > before + COUNTS, "it counts on")
    assert has_no_gap(guest.counted())

    hv1.virsh("pool-refresh", "default")
    back = verb(home, "migrate", "mover", "--to", "hv1", "--yes", exit_code=FAILED)
    assert "hv1 has something else at" in back["errors"][0]["error"] + back["errors"][0]["hint"]
    assert guest.state() == "running"
