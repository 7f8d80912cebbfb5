"""Volumes and definitions on libvirt's own test driver, which has no QEMU behind it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend import backend_for
from kvmtui.core.errors import BackendError, Conflict, NotFound, NotSupported
from kvmtui.core.specs import NewVolume

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kvmtui.backend.base import Backend

MIB = 1 << 20
VM = "<domain type='test'><name>{}</name><uuid>{}</uuid><memory>1024</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    made = backend_for("test:///default")
    await made.connect()
    yield made
    await made.close()


async def test_a_driver_without_domain_capabilities_offers_nothing(backend: Backend) -> None:
    with pytest.raises(NotSupported, match="offers no VMs"):
        await backend.creation.offers()


async def test_volumes_come_and_go(backend: Backend) -> None:
    storage = backend.storage
    before = await storage.volumes("default-pool")
    made = await storage.create_volume(NewVolume("default-pool", "made.qcow2", 64 * MIB))
    assert (made.name, made.capacity, made.path) == ("made.qcow2", 64 * MIB, "/default-pool/made.qcow2")
    assert {volume.name for volume in await storage.volumes("default-pool")} == {
        "made.qcow2",
        *(volume.name for volume in before),
    }
    with pytest.raises(Conflict):
        await storage.create_volume(NewVolume("default-pool", "made.qcow2", 64 * MIB))
    await storage.delete_volume("default-pool", "made.qcow2")
    with pytest.raises(NotFound):
        await storage.delete_volume("default-pool", "made.qcow2")
    assert await storage.volumes("default-pool") == before


async def test_a_definition_never_replaces_another(backend: Backend) -> None:
    (taken,) = (await backend.inventory()).vms.values()
    fresh = str(uuid.uuid4())
    for name, own in ((taken.name, fresh), ("other", taken.uuid), (taken.name, taken.uuid)):
        with pytest.raises(Conflict):
            await backend.creation.define(VM.format(name, own))
    assert await backend.creation.define(VM.format("other", fresh)) == fresh
    assert (await backend.vm(fresh)).name == "other"
    for text in ("", "<domain", "<domain/>", "no XML"):
        with pytest.raises(BackendError):
            await backend.creation.define(text)
    await backend.definition.undefine(fresh, nvram=False, snapshots=False, saved=False)
