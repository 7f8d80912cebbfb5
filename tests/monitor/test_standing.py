"""A host that does not answer, answers late, lets nobody in or comes back is called what it is."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.core.errors import Denied, TimedOut, Unreachable
from kvmtui.core.inventory import ConditionKind, Reason, VmState
from tests.fleet_lab import now, running, virtual

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from kvmtui.backend.demo import World


@virtual
async def test_a_silent_host_is_named_within_10_s_and_the_others_go_on(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.sleep(10)
        last, began = lab.entry("hv1").state, now()
        lab.faults.silence("hv1")
        assert await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT) < 10.0
        condition = lab.entry("hv1").condition
        assert began - 3.5 < condition.since <= began
        assert lab.entry("hv1").state is not None
        assert last is not None
        assert lab.vm("web-1").state is VmState.RUNNING
        assert lab.said("hv1 stopped answering")
        seen = lab.entry("hv2").state
        await asyncio.sleep(20)
        other = lab.entry("hv2").state
        assert seen is not None
        assert other is not None
        assert other.at - seen.at > 15.0


@virtual
async def test_a_silent_host_is_back_at_its_first_answer_with_what_happened_meanwhile(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.silence("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT)
        guest = lab.world.host("hv1").guest(lab.ref("web-1").uuid)
        guest.vm = replace(guest.vm, state=VmState.OFF, domain_id=None)
        lab.faults.answer("hv1")
        assert await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP) < 4.0
        assert await lab.until(lambda: lab.vm("web-1").state is VmState.OFF) < 2.0
        assert lab.said("hv1 answers again")


@virtual
async def test_late_figures_beside_answers_are_slow_not_silent(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.refuse(TimedOut("The figures of hv1 did not come within 15 s."), verb="sample", host="hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SLOW)
        assert lab.entry("hv1").condition.why == "The figures of hv1 did not come within 15 s."
        await asyncio.sleep(20)
        assert lab.kind("hv1") is ConditionKind.SLOW
        lab.faults.calm()
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP, 60)


@virtual
async def test_a_lost_connection_comes_back_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.sleep(20)
        since = lab.vm("web-2").since
        lab.faults.close_door("hv1", Unreachable("Nobody answers at hv1.", hint="Is libvirtd running?"))
        lab.faults.cut("hv1", "End of file.")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.DOWN)
        await lab.until(lambda: lab.entry("hv1").condition.why == "Nobody answers at hv1.")
        assert lab.entry("hv1").condition.hint == "Is libvirtd running?"
        assert lab.vm("web-1").state is VmState.RUNNING
        lab.faults.enter("hv1", lab.ref("web-1").uuid, VmState.OFF, Reason.CRASHED)
        lab.faults.open_door("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP)
        assert lab.vm("web-1").state is VmState.OFF
        found = lab.vm("web-1").since
        assert found is not None
        assert not found.exact  # nobody saw it happen
        assert lab.vm("web-2").since == since  # the same run of it: the domain's id tells


@virtual
async def test_it_tries_again_with_growing_pauses_and_jitter(tmp_path: Path) -> None:
    async with running(tmp_path, backoff_first=1.0, backoff_most=60.0) as lab:
        await asyncio.sleep(20)
        backend = lab.backends["hv1"]
        lab.faults.close_door("hv1")
        lab.faults.cut("hv1")
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(600)
        tries = [at for at in backend.connects if at > began]
        pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
        for pause, wanted in zip(pauses, (2, 4, 8, 16, 32, 60, 60), strict=False):
            assert 0.7 * wanted < pause < 1.3 * wanted
        assert any(pause != round(pause) for pause in pauses)
        lab.faults.open_door("hv1")
        lab.engine.refresh("hv1")
        await lab.engine.reconnect("hv1")
        assert await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP) < 1.0


@virtual
async def test_a_host_that_lets_nobody_in_is_not_asked_again_until_a_person_asks(tmp_path: Path) -> None:
    denied = Denied("hv1 refused the key of ann.", hint="Add the key with ssh-copy-id.")
    async with running(tmp_path, prepare=lambda world: world.faults.close_door("hv1", denied), up=False) as lab:
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.DENIED)
        condition = lab.entry("hv1").condition
        assert (condition.why, condition.hint) == (denied.text, denied.hint)
        await asyncio.sleep(300)
        assert len(lab.backends["hv1"].connects) == 1
        lab.faults.open_door("hv1")
        await lab.engine.reconnect("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP)


@virtual
async def test_a_host_that_never_answers_the_connection_is_silent_not_down(tmp_path: Path) -> None:
    async with running(tmp_path, prepare=lambda world: world.faults.silence("hv1"), up=False) as lab:
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT)
        await lab.until(lambda: lab.kind("hv2") is ConditionKind.UP)
        lab.faults.answer("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP, 90)


@virtual
async def test_a_silent_host_whose_connection_breaks_stays_silent_until_it_is_known_to_refuse(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.silence("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT)
        since = lab.entry("hv1").condition.since
        lab.faults.cut("hv1", "connection closed due to keepalive timeout")
        for _ in range(600):
            await asyncio.sleep(0.1)
            assert lab.kind("hv1") is ConditionKind.SILENT
        assert lab.entry("hv1").condition.since == since
        lab.faults.close_door("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.DOWN)
        assert lab.entry("hv1").condition.since == since, "it was lost when it was last heard, not when that was found"


@virtual
async def test_after_a_loss_of_packets_a_host_does_not_come_and_go_with_each_of_its_connections(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.silence("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT)
        backend, ping = lab.backends["hv1"], lab.backends["hv1"].ping

        async def late() -> None:
            await asyncio.sleep(4.0)
            raise TimedOut("hv1 did not answer within 4 s.")

        backend.ping = late  # type: ignore[method-assign] # its connection still waits to send again; others do not
        lab.faults.answer("hv1")
        await lab.until(lambda: lab.kind("hv1") is not ConditionKind.SILENT, 10)
        for _ in range(300):
            await asyncio.sleep(0.1)
            assert lab.entry("hv1").condition.is_answering
        assert lab.kind("hv1") is ConditionKind.SLOW
        backend.ping = ping  # type: ignore[method-assign]
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP, 10)
        assert sum("stopped answering" in event.subject for event in lab.engine.fleet.events) == 1


@virtual
async def test_a_host_that_falls_silent_while_it_is_slow_is_silent(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.refuse(TimedOut("The figures of hv1 did not come."), verb="sample", host="hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.SLOW)
        lab.faults.silence("hv1")
        assert await lab.until(lambda: lab.kind("hv1") is ConditionKind.SILENT) < 10.0


@virtual
async def test_figures_that_are_too_old_are_none(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await asyncio.sleep(3)
        lab.faults.refuse(TimedOut("The figures of hv1 did not come."), verb="sample", host="hv1")
        await asyncio.sleep(5)
        state = lab.entry("hv1").state
        assert state is not None
        assert state.load is not None, "they are of a moment ago"
        await asyncio.sleep(15)
        state = lab.entry("hv1").state
        assert state is not None
        assert (state.load, dict(state.rates)) == (None, {})
        assert lab.vm("web-1").state is VmState.RUNNING


@virtual
async def test_a_full_reading_that_never_comes_is_tried_more_and_more_seldom(tmp_path: Path) -> None:
    """Each keeps one of the daemon's workers, which are few."""
    async with running(tmp_path, resync=20.0) as lab:
        lab.faults.refuse(TimedOut("hv1 did not answer within 15 s."), verb="inventory", host="hv1")
        before = lab.backends["hv1"].inventories
        await asyncio.sleep(900)
        assert lab.backends["hv1"].inventories - before < 10
        lab.faults.calm()
        lab.engine.refresh("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP, 10)


@virtual
async def test_a_host_that_answers_and_does_not_list_its_vms_is_not_called_silent(tmp_path: Path) -> None:
    def locked(world: World) -> None:
        world.faults.refuse(TimedOut("hv1 did not answer within 15 s."), verb="inventory", host="hv1")

    async with running(tmp_path, prepare=locked, up=False) as lab:
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.DOWN)
        assert lab.entry("hv1").condition.why == "hv1 answers, but its list of VMs does not come."
        assert "hook" in lab.entry("hv1").condition.hint
        lab.faults.calm()
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP)


@virtual
async def test_another_machine_at_the_address_is_said(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        lab.faults.swap_identity("hv1", "5a7a9e3c-0000-4000-8000-00000000beef")
        lab.faults.cut("hv1")
        await lab.until(lambda: lab.said("hv1 is another machine than before its UUID is 5a7a9e3c-"))


@virtual
async def test_disconnected_by_wish_it_keeps_what_was_seen(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        await lab.engine.disconnect("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.DISCONNECTED)
        connects = len(lab.backends["hv1"].connects)
        await asyncio.sleep(300)
        assert len(lab.backends["hv1"].connects) == connects
        assert lab.vm("web-1").state is VmState.RUNNING
        await lab.engine.reconnect("hv1")
        await lab.until(lambda: lab.kind("hv1") is ConditionKind.UP)


def test_the_same_host_under_two_addresses_is_said_not_shown_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kvmtui.engine.identities.connection_scope", lambda uri, host: host.driver)

    def same(world: World) -> None:
        facts = world.hosts["hv1"].facts
        world.hosts["hv2"].facts = replace(world.hosts["hv2"].facts, uuid=facts.uuid, hostname=facts.hostname)

    @virtual
    async def check() -> None:
        async with running(tmp_path, prepare=same, up=False) as lab:
            kinds = {ConditionKind.UP, ConditionKind.DISCONNECTED}
            await lab.until(lambda: {lab.kind("hv1"), lab.kind("hv2")} == kinds)
            doubled = "hv1" if lab.kind("hv1") is ConditionKind.DISCONNECTED else "hv2"
            assert "same host as" in lab.entry(doubled).condition.why
            assert lab.entry(doubled).state is None

    check()
