"""A guest's addresses, agent and memory reports are asked for when they are wanted, and hold nothing up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kvmtui.core.errors import TimedOut
from kvmtui.core.inventory import AddressSource, ConditionKind, Guard, VmState
from kvmtui.core.policy import Policy
from tests.fleet_lab import running, virtual

if TYPE_CHECKING:
    from pathlib import Path


@virtual
async def test_an_address_is_known_soon_after_a_start_and_forgotten_when_off(tmp_path: Path) -> None:
    async with running(tmp_path, lease_interval=3600.0) as lab:
        ref = lab.ref("mail")
        await asyncio.sleep(60)
        await lab.engine.backend("hv1").power.start(ref.uuid)
        await lab.until(lambda: bool(lab.vm("mail").addresses), 60)
        assert lab.vm("mail").addresses[0].source is AddressSource.LEASE
        await lab.engine.backend("hv1").power.force_off(ref.uuid)
        await lab.until(lambda: lab.vm("mail").state is VmState.OFF)
        assert lab.vm("mail").addresses == ()


@virtual
async def test_the_agent_is_asked_only_for_the_vm_that_is_looked_at(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.sleep(40)
        agents = [vm for _, vm in lab.engine.fleet.vms() if any(a.source is AddressSource.AGENT for a in vm.addresses)]
        assert agents == []
        lab.engine.look_at(lab.ref("web-1"))
        took = await lab.until(lambda: any(a.source is AddressSource.AGENT for a in lab.vm("web-1").addresses))
        assert took < 1.0


@virtual
async def test_a_guest_agent_that_hangs_holds_nothing_up(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.refuse(TimedOut("The agent did not answer."), verb="addresses")
        lab.engine.look_at(lab.ref("web-1"))
        await asyncio.sleep(2)
        count = len(lab.backends["hv1"].sampled)
        await asyncio.sleep(10)
        assert len(lab.backends["hv1"].sampled) >= count + 9
        assert lab.kind("hv1") is ConditionKind.UP


@pytest.mark.parametrize(
    ("changes", "guard", "asked"),
    [
        ({}, Guard.ASK, 0),
        ({"balloon_period": 10}, Guard.ASK, 1),
        ({"balloon_period": 10, "read_only": True}, Guard.ASK, 0),
        ({"balloon_period": 10}, Guard.READ_ONLY, 0),
    ],
)
def test_memory_reports_are_asked_for_only_when_configured_and_once_a_start(
    tmp_path: Path, changes: dict[str, Any], guard: Guard, asked: int
) -> None:
    @virtual
    async def check() -> None:
        async with running(tmp_path, configs=lambda config: replace(config, guard=guard), **changes) as lab:
            await asyncio.sleep(120)
            uuid, owned = lab.ref("web-1").uuid, lab.ref("instance-0000002a").uuid
            calls = [call.uuid for call in lab.world.calls if "balloon" in call.verb]
            assert calls.count(uuid) == asked
            assert calls.count(owned) == 0
            if asked:
                power = lab.engine.backend("hv1").power
                await power.force_off(uuid)
                await asyncio.sleep(5)
                await power.start(uuid)
                await asyncio.sleep(60)
                calls = [call.uuid for call in lab.world.calls if "balloon" in call.verb]
                assert calls.count(uuid) == 2

    check()


@virtual
async def test_memory_reports_of_another_systems_vms_need_that_owner_allowed(tmp_path: Path) -> None:
    policy = Policy(allowed_owners=frozenset({"nova"}))
    async with running(tmp_path, balloon_period=5, policy=policy) as lab:
        owned = lab.ref("instance-0000002a").uuid
        await lab.until(lambda: any(call.uuid == owned for call in lab.world.calls), 60)
