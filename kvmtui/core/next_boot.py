"""What changes when a VM is started anew: its running and its stored definition, compared item by item; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.text import safe
from kvmtui.core.units import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.core.inventory import Disk, Nic, Vm


class Difference(NamedTuple):
    """One thing that is another after the next start; both texts are safe, "" where there is nothing."""

    what: str  # "memory", "disk vdb"
    now: str
    then: str

    @property
    def sentence(self) -> str:
        """Return "memory 2.0G -> 4.0G", "disk vdb added: /srv/x.qcow2" or "cdrom sda removed"."""
        if not self.now:
            return f"{self.what} added: {self.then}"
        return f"{self.what} removed" if not self.then else f"{self.what} {self.now} -> {self.then}"


def differences(live: Vm, stored: Vm) -> tuple[Difference, ...]:
    """Return what the next start changes, in the order in which a person would ask."""
    return (*_sizes(live, stored), *_disks(live, stored), *_nics(live, stored))


def _sizes(live: Vm, stored: Vm) -> Iterator[Difference]:
    pairs = (
        ("memory", size(live.memory_max), size(stored.memory_max)),
        ("vCPUs", str(live.vcpus), str(stored.vcpus)),
        ("most vCPUs", str(live.vcpus_max), str(stored.vcpus_max)),
        ("firmware", live.firmware or "unknown", stored.firmware or "unknown"),
        ("NVRAM", live.nvram or "none", stored.nvram or "none"),
        ("TPM", _yes(live.tpm), _yes(stored.tpm)),
        ("host devices", ", ".join(live.immovable) or "none", ", ".join(stored.immovable) or "none"),
    )
    for what, now, then in pairs:
        if now != then and (what != "most vCPUs" or live.vcpus == stored.vcpus):
            yield Difference(what, safe(now), safe(then))


def _yes(so: bool) -> str:  # noqa: FBT001 - what is said of it
    return "yes" if so else "no"


def _disks(live: Vm, stored: Vm) -> Iterator[Difference]:
    here = {disk.target: disk for disk in live.disks}
    there = {disk.target: disk for disk in stored.disks}
    for target in (*here, *(target for target in there if target not in here)):
        now, then = here.get(target), there.get(target)
        kind = (now or then or live.disks[0]).device
        what = f"{safe(kind, limit=20)} {safe(target, limit=20)}"
        if now is None or then is None:
            yield Difference(what, *(_medium(one) for one in (now, then)))
        elif now.source != then.source:
            yield Difference(what, _medium(now), _medium(then))
        elif (now.device, now.bus, now.readonly) != (then.device, then.bus, then.readonly):
            yield Difference(what, _manner(now), _manner(then))


def _medium(disk: Disk | None) -> str:
    return "" if disk is None else safe(disk.source) or "empty"


def _manner(disk: Disk) -> str:
    words = f"{disk.device} on {disk.bus or 'its usual bus'}{', read-only' if disk.readonly else ''}"
    return safe(words, limit=80)


def _nics(live: Vm, stored: Vm) -> Iterator[Difference]:
    here = {nic.mac: nic for nic in live.nics}
    there = {nic.mac: nic for nic in stored.nics}
    for mac in (*here, *(mac for mac in there if mac not in here)):
        now, then = here.get(mac), there.get(mac)
        words = _place(now), _place(then)
        if words[0] != words[1]:
            yield Difference(f"interface {safe(mac, limit=20)}", *words)


def _place(nic: Nic | None) -> str:
    if nic is None:
        return ""
    return safe(f"{nic.kind} {nic.source}".strip() + (f" ({nic.model})" if nic.model else ""), limit=120)
