"""A simulated fleet in which every place that somebody else can write to holds items of the corpus."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.core.inventory import Address, AddressSource, AgentState, Job, Network, Pool, Since
from tests.hostile.corpus import TEXTS, packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.backend.demo import World
    from kvmtui.core.inventory import Vm

HOST = "hv1"
PACKS = packed()


def poisoned(vm: Vm, name: str, texts: Sequence[str], at: int) -> Vm:
    """Return the VM with this name and, in each other place, another of `texts`, beginning with that at `at`."""
    number = at

    def text() -> str:
        nonlocal number
        number += 1
        return texts[number % len(texts)]

    return replace(
        vm,
        name=name,
        title=text(),
        description=f"{text()}\n{text()}",
        tags=(text(), text(), text()),
        owner=text() if at % 3 == 0 else "",
        os=text(),
        machine=text(),
        arch=text(),
        cpu_model=text(),
        firmware=text(),
        nvram=text(),
        agent=AgentState.CONNECTED,
        template=False,
        job=Job(text(), 12.0, ours=False) if at % 4 == 0 else None,
        immovable=(text(), text()),
        since=Since(0.0, exact=False),
        disks=tuple(
            replace(disk, target=text(), device="disk", bus=text(), kind=text(), source=text(), format=text())
            for disk in vm.disks
        ),
        nics=tuple(
            replace(nic, mac=text(), target=text(), model=text(), kind=text(), source=text()) for nic in vm.nics
        ),
        addresses=tuple(Address(text(), text(), source, 0.0) for source in AddressSource),
    )


def plant_names(world: World) -> None:
    """Give each item to one VM as its name, and to others in all of the other places."""
    guests = [guest for host in world.hosts.values() for guest in host.guests.values()]
    assert len(guests) >= len(TEXTS)
    for at, (guest, name) in enumerate(zip(guests, TEXTS, strict=False)):
        guest.vm = poisoned(guest.vm, name, TEXTS, at * 31)


def plant_packs(world: World) -> None:
    """Fill the places of few VMs with many items each: over all VMs, each place holds all of them."""
    guests = [guest for host in world.hosts.values() for guest in host.guests.values()]
    for at, guest in enumerate(guests):
        guest.vm = poisoned(guest.vm, f"{at} {PACKS[at % len(PACKS)]}", PACKS, at)


def plant_hosts(world: World) -> None:
    """Fill what hosts say of themselves, and give them one pool, network and volume for each item."""
    for at, host in enumerate(world.hosts.values()):
        pack = PACKS[at % len(PACKS)]
        host.facts = replace(host.facts, hostname=pack, cpu_model=pack, arch=pack, driver=pack)
        uuid = "00000000-0000-4000-8000-{:012x}"
        host.pools = tuple(
            Pool(uuid.format(number), text, active=True, capacity=10, allocation=5, available=5, path=text)
            for number, text in enumerate(TEXTS)
        )
        host.networks = tuple(
            Network(uuid.format(number), text, active=True, autostart=False, bridge=text)
            for number, text in enumerate(TEXTS)
        )
