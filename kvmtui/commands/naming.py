"""Which VM a word means: NAME, HOST/NAME or a UUID; on the command line and after `:`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.errors import NotFound, Refused
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kvmtui.core.inventory import Fleet, HostEntry, Vm

MOST_COMPARED = 500  # names that a mistyped one is compared with, which takes up to 25 ms and holds the screen


class Found(NamedTuple):
    """A VM and its host."""

    entry: HostEntry
    vm: Vm


def find_all(fleet: Fleet, words: Iterable[str]) -> tuple[Found, ...]:
    """Return the VMs, each once, in the order of the words; raises Refused or NotFound before anything is done."""
    found: dict[tuple[str, str], Found] = {}
    for word in words:
        one = find(fleet, word)
        found.setdefault((one.entry.name, one.vm.uuid), one)
    return tuple(found.values())


def find(fleet: Fleet, word: str) -> Found:
    """Return the one VM that a word means; raises NotFound for none, Refused for several."""
    # Whoever may name a VM could call it by another one's UUID, or by its host and name: neither takes its place.
    named, there = _named(fleet, word), _on_host(fleet, word)
    meant = _with_uuid(fleet, word) or [*named, *(one for one in there if one not in named)]
    if not meant:
        deaf = [safe(entry.name) for entry in fleet.hosts if entry.state is None]
        names = {one.vm.name for one in _all(fleet)}
        near = get_close_matches(word, names, n=1, cutoff=0.7) if len(names) <= MOST_COMPARED else []
        hints = (f"Did you mean {safe(near[0])}?" if near else "", f"Not heard: {', '.join(deaf)}." if deaf else "")
        hint = " ".join(filter(None, hints)) or "`kvmtui vms` lists them."
        raise NotFound(f"There is no VM {safe(word)}.", hint=hint)
    if len(meant) > 1:
        raise Refused(f"{safe(word)} is on several hosts: {_written_out(meant)}.", hint="Say which one.")
    return meant[0]


def _all(fleet: Fleet) -> Iterable[Found]:
    return (Found(entry, vm) for entry, vm in fleet.vms())


def _named(fleet: Fleet, word: str) -> list[Found]:
    return [found for found in _all(fleet) if found.vm.name == word]


def _with_uuid(fleet: Fleet, word: str) -> list[Found]:
    wanted = word.lower()
    return [found for found in _all(fleet) if found.vm.uuid.lower() == wanted]


def _on_host(fleet: Fleet, word: str) -> list[Found]:
    """Return what HOST/NAME or HOST/UUID means; a VM's own name may hold a slash, a host's never does."""
    host, slash, name = word.partition("/")
    entry = fleet.host(host) if slash else None
    if entry is None or entry.state is None:
        return []
    vms = entry.state.vms.values()
    return [Found(entry, vm) for vm in vms if vm.name == name or vm.uuid.lower() == name.lower()]


def _written_out(meant: Sequence[Found]) -> str:
    """Return each as HOST/NAME, or HOST/UUID where a host has the name twice."""
    names = [f"{found.entry.name}/{found.vm.name}" for found in meant]
    return ", ".join(
        safe(name if names.count(name) == 1 else f"{found.entry.name}/{found.vm.uuid}")
        for name, found in zip(names, meant, strict=True)
    )
