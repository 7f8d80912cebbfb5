"""Hostile texts in the fleet of a game: what is in a name, a note, a lease, an error or a question shall not act."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.core.inventory import Network, Pool, TaskPhase, TaskView
from tests.hostile.corpus import ITEMS, TEXTS
from tests.hostile.planting import poisoned

if TYPE_CHECKING:
    import random

    from kvmtui.backend.demo import World
    from kvmtui.journal import Journal

SHARE = 0.3  # of the VMs: the others keep names that a line after `:` can give
LINES_BEFORE = 40  # tasks that another program has written into the journal
LONGEST = 300  # characters; more of the same is no more hostile, and costs time
OF_A_HOST = 4  # pools and networks
UUID = "00000000-0000-4000-8000-{:012x}"
ACTING = tuple(
    item.text[:LONGEST] for item in ITEMS if item.family in ("controls", "sequences", "strings", "other escapes")
)
"""What a terminal would act upon; the other families are of readers, layouts and shells."""


def some(chance: random.Random) -> str:
    """Return one hostile text; every other one is meant for the terminal."""
    return chance.choice(ACTING) if chance.random() < 0.5 else chance.choice(TEXTS)[:LONGEST]


def poison(world: World, chance: random.Random) -> None:
    """Put hostile texts into names, titles, notes, tags, addresses and disks of some VMs, and into what hosts have."""
    for host in world.hosts.values():
        for guest in host.guests.values():
            if chance.random() < SHARE:
                name, texts = some(chance), [some(chance) for _ in range(40)]
                guest.vm = poisoned(guest.vm, name, texts, chance.randrange(100))
        host.facts = replace(host.facts, hostname=some(chance), cpu_model=some(chance), driver=some(chance))
        host.pools += tuple(
            Pool(UUID.format(at), some(chance), active=True, capacity=10, allocation=5, available=5, path=some(chance))
            for at in range(OF_A_HOST)
        )
        host.networks += tuple(
            Network(UUID.format(at), some(chance), active=True, autostart=False, bridge=some(chance))
            for at in range(OF_A_HOST)
        )


def poison_journal(journal: Journal, chance: random.Random, now: float) -> None:
    """Write tasks as another program that shares the journal could."""
    for number in range(LINES_BEFORE):
        journal.end(
            TaskView(
                id=f"other-{number}",
                command=some(chance),
                label=some(chance),
                host=chance.choice(("hv1", some(chance))),
                host_uuid="",
                vm=some(chance),
                vm_uuid="",
                user=some(chance),
                phase=chance.choice([phase for phase in TaskPhase if phase.is_final]),
                started=now - 60.0 * number,
                message=some(chance),
                virsh=some(chance),
            )
        )
