"""The contract suite over real hosts and guests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmtui.backend import backend_for
from tests.backend.contract import Bench, Contract, opened
from tests.real.lab import Guest, GuestSpec, Host, Lab
from tests.real.lab.process import LabError, output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

NEEDS_A_GUEST_THAT_LISTENS = frozenset({"test_a_vm_asked_to_shut_down_goes_off"})


class Pair:
    """A VM that is on and one that is off, brought back to that before each test."""

    def __init__(self, lab: Lab, host: Host) -> None:
        self.host = host
        self.on = lab.guest(host, GuestSpec("contract-on", disk_mib=16))
        self.off = lab.guest(host, GuestSpec("contract-off", disk_mib=16))
        self._definitions = {guest: host.virsh("dumpxml", guest.name) for guest in (self.on, self.off)}

    def restore(self, *, listening: bool) -> None:
        """Define what was undefined or changed, and start and stop what was stopped and started."""
        for guest, definition in self._definitions.items():
            self._drop_saved(guest)
            output(["virsh", "-q", "-c", self.host.uri, "define", "/dev/stdin"], stdin=definition)
            self.host.virsh("autostart", guest.name, "--disable")
        if self.off.state() != "shut off":
            self.host.virsh("destroy", self.off.name)
        if listening and self.on.state() != "shut off":
            # Whether it has booted since its last reset is not known.
            self.host.virsh("destroy", self.on.name)
        boots = self.on.boots()
        if self.on.state() == "shut off":
            self.on.start()
        elif self.on.state() == "paused":
            self.host.virsh("resume", self.on.name)
        if listening:
            self.on.wait_booted(boots + 1)

    def _drop_saved(self, guest: Guest) -> None:
        try:
            self.host.virsh("managedsave-remove", guest.name)
        except LabError:
            return

    def remove(self) -> None:
        """Remove both."""
        self.on.remove()
        self.off.remove()


@pytest.fixture(scope="module")
def pair(lab: Lab, hv2: Host) -> Iterator[Pair]:
    """The two VMs of this module."""
    made = Pair(lab, hv2)
    yield made
    made.remove()


@pytest.fixture
async def bench(request: pytest.FixtureRequest, pair: Pair) -> AsyncIterator[Bench]:
    """A backend over TCP with the two VMs."""
    pair.restore(listening=request.node.originalname in NEEDS_A_GUEST_THAT_LISTENS)
    on, off = pair.on.uuid, pair.off.uuid
    made = await opened(backend_for(pair.host.uri), lambda _: (on, off), patience=60.0)
    yield made
    await made.backend.close()


class TestContract(Contract):
    """Every promise, on a real host."""


async def test_the_same_host_over_ssh(pair: Pair) -> None:
    """Reading, a change, its event and the figures, through the one wrapper over ssh."""
    pair.restore(listening=False)
    on, off = pair.on.uuid, pair.off.uuid
    bench = await opened(backend_for(pair.host.ssh_uri), lambda _: (on, off), patience=60.0)
    try:
        contract = Contract()
        await contract.test_the_inventory_is_complete_and_agrees_with_each_vm(bench)
        await contract.test_counters_only_grow(bench)
        await contract.test_tags_come_back_in_their_order(bench, ("over", "ssh"))
        await contract.test_pause_and_resume(bench)
        await contract.test_a_started_vm_runs_and_its_start_is_told(bench)
        await contract.test_closing_is_immediate_and_may_be_repeated(bench)
    finally:
        await bench.backend.close()
