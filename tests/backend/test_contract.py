"""The contract, held against the demo and against libvirt's own test driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmtui.backend import backend_for
from kvmtui.backend.demo import DemoBackend, FleetAddress, World
from kvmtui.core.inventory import VmState
from tests.backend.contract import Bench, Contract, opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from kvmtui.core.inventory import Vm

VM = """
  <domain type='test'>
    <name>{name}</name>
    <uuid>{uuid}</uuid>
    <memory unit='KiB'>1048576</memory>
    <vcpu>2</vcpu>
    <os><type>hvm</type></os>
    <devices>
      <disk type='file' device='disk'>
        <source file='/var/lib/{name}.img'/><target dev='vda' bus='virtio'/>
      </disk>
      <interface type='network'>
        <mac address='52:54:00:00:00:{number:02x}'/><source network='default'/><model type='virtio'/>
      </interface>
    </devices>
  </domain>
"""
RUNNING = "11111111-1111-4111-8111-111111111111"
STOPPED = "22222222-2222-4222-8222-222222222222"


async def _demo() -> Bench:
    """A host of the small fleet, whose guests do at once what they are asked."""
    world = World(FleetAddress(story=False, pace=0.0))

    def choose(vms: Mapping[str, Vm]) -> tuple[str, str]:
        by_name = {vm.name: uuid for uuid, vm in vms.items()}
        return by_name["web-1"], by_name["mail"]

    return await opened(DemoBackend("demo:///hv1", world=world), choose)


async def _libvirt(folder: Path) -> Bench:
    """A world of libvirt's test driver that is this connection's own; it starts every VM that it reads."""
    path = folder / "node.xml"
    vms = "".join(
        VM.format(name=name, uuid=uuid, number=number)
        for number, (name, uuid) in enumerate((("one", RUNNING), ("two", STOPPED)))
    )
    path.write_text(f"<node><cpu><mhz>2000</mhz><model>i686</model><active>4</active></cpu>{vms}</node>")
    bench = await opened(
        backend_for(f"test://{path}"),
        lambda _: (RUNNING, STOPPED),
        # The test driver calls these "internal error".
        bare_refusals=frozenset({"start", "resume", "pause", "shutdown"}),
    )
    await bench.backend.power.force_off(STOPPED)
    await bench.until(STOPPED, lambda vm: vm.state is VmState.OFF)
    # Its late event would be taken for one of a test's own.
    await bench.woken(lambda wake: wake.uuid == STOPPED)
    bench.wakes.clear()
    return bench


@pytest.fixture(params=["demo", "libvirt"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    """Yield a bench of each backend."""
    made = await (_demo() if request.param == "demo" else _libvirt(tmp_path))
    yield made
    await made.backend.close()


class TestContract(Contract):
    """Every promise, for both."""


async def test_libvirts_default_test_host_can_be_read() -> None:
    backend = backend_for("test:///default")
    await backend.connect()
    try:
        assert [vm.name for vm in (await backend.inventory()).vms.values()] == ["test"]
    finally:
        await backend.close()
