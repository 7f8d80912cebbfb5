"""Where libvirt's daemons are split: one that does not run takes only what is its own from the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libvirt
import pytest

from kvmtui.backend.libvirt import LibvirtBackend
from kvmtui.core.errors import BackendError, Unreachable

if TYPE_CHECKING:
    from kvmtui.backend.base import Wake

ABSENT = "Failed to connect socket to '/var/run/libvirt/virt{}d-sock': No such file or directory"
DEAD = "Failed to connect socket to '/var/run/libvirt/virt{}d-sock': Connection refused"
SYSTEM_ERROR, FROM_RPC = 38, 7
OPERATION_DENIED, FROM_ACCESS = 88, 56


class Refused(libvirt.libvirtError):  # type: ignore[misc]
    """What virtqemud answers in the name of another daemon."""

    def __init__(self, message: str, code: int, domain: int) -> None:
        super().__init__(message)
        self._said = (code, domain, message)

    def get_error_code(self) -> int:
        return self._said[0]

    def get_error_domain(self) -> int:
        return self._said[1]

    def get_error_message(self) -> str:
        return self._said[2]


def refuse(patch: pytest.MonkeyPatch, message: str, code: int = SYSTEM_ERROR, domain: int = FROM_RPC) -> None:
    """Let all that is asked of networks and pools be refused so."""
    for call, kind in (("listAllNetworks", "network"), ("listAllStoragePools", "storage")):

        def refusing(*_: object, kind: str = kind) -> object:
            raise Refused(message.format(kind), code, domain)

        patch.setattr(libvirt.virConnect, call, refusing)


async def seen(patch: pytest.MonkeyPatch, message: str, code: int = SYSTEM_ERROR, domain: int = FROM_RPC) -> list[bool]:
    """See a host whose other daemons refuse so; returns whether its storage is said not to answer, twice."""
    refuse(patch, message, code, domain)
    backend = LibvirtBackend("test:///default")
    wakes: list[Wake] = []
    backend.listen(wakes.append)
    await backend.connect()
    late = []
    for _ in range(2):
        inventory = await backend.inventory()
        assert [vm.name for vm in inventory.vms.values()] == ["test"]
        assert (inventory.networks, inventory.pools) == ((), ())
        late.append(inventory.pools_late)
    await backend.ping()
    assert wakes == [], "nobody says that the connection was lost"
    await backend.close()
    return late


async def test_a_daemon_that_is_not_there_costs_no_vm(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await seen(monkeypatch, ABSENT) == [False, False]


async def test_storage_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await seen(monkeypatch, DEAD) == [True, True]


async def test_what_a_user_may_not_see_costs_no_vm(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await seen(monkeypatch, "access denied", OPERATION_DENIED, FROM_ACCESS) == [False, False]


async def test_pools_that_were_known_are_kept_and_said_to_be_old(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = LibvirtBackend("test:///default")
    await backend.connect()
    before = await backend.inventory()
    refuse(monkeypatch, ABSENT)
    after = await backend.inventory()
    assert (after.networks, after.pools_late) == (before.networks, True)
    assert [(pool.name, pool.late) for pool in after.pools] == [(pool.name, True) for pool in before.pools]
    await backend.close()


async def test_the_sentence_is_that_of_the_other_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = LibvirtBackend("test:///default")
    await backend.connect()
    refuse(monkeypatch, ABSENT)
    with pytest.raises(BackendError, match=r"Failed to connect socket to .*virtstoraged-sock") as told:
        await backend._lanes().detail(lambda session: session.conn.listAllStoragePools(0), 10.0, change=True)
    assert not isinstance(told.value, Unreachable)
    assert not told.value.unknown, "it was answered, if not kindly"
    await backend.close()
