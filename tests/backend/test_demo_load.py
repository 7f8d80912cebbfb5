"""The guests of the simulated fleet work, wait and tell their memory as real ones do."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvmtui.backend.demo import FleetAddress, World
from kvmtui.core.rates import RateBook
from tests.backend.demo_lab import ALL, HOUR, Clock, Lab, cores


@settings(deadline=None, max_examples=25)
@given(steps=st.lists(st.floats(0.0, 20_000.0) | st.floats(0.0, 2e-8), min_size=1, max_size=6))
@example(steps=[0.5, *[2e-9] * 40])  # shorter than a counter's unit
def test_counters_never_fall_however_time_passes(steps: list[float]) -> None:
    lab = Lab()
    host = lab.world.hosts["hv1"]
    lab.world.advance(host)
    before = host.sample(*lab.world.advance(host), ALL)
    for seconds in steps:
        lab.go(seconds)
        after = host.sample(*lab.world.advance(host), ALL)
        for uuid, old in before.vms.items():
            new = after.vms[uuid]
            assert (new.cpu_ns or 0) >= (old.cpu_ns or 0)
            assert (new.delay_ns or 0) >= (old.delay_ns or 0)
            for target, disk in old.disks.items():
                assert all(low <= high for low, high in zip(disk[:8], new.disks[target][:8], strict=True))
            for target, nic in old.nics.items():
                assert all(low <= high for low, high in zip(nic, new.nics[target], strict=True))
        assert before.cpu is not None
        assert after.cpu is not None
        assert all(low <= high for low, high in zip(before.cpu, after.cpu, strict=True))
        assert before.per_cpu is not None
        assert after.per_cpu is not None
        for old_cpu, new_cpu in zip(before.per_cpu, after.per_cpu, strict=True):
            assert all(low <= high for low, high in zip(old_cpu, new_cpu, strict=True))
        before = after


async def test_nothing_uses_more_cpu_than_there_is() -> None:
    lab = Lab()
    backend = await lab.backend("hv1")
    before = await backend.sample(ALL)
    for _ in range(100):
        lab.go(2.0)
        after = await backend.sample(ALL)
        used = [cores(before, after, uuid) for uuid in before.vms]
        assert sum(used) <= 32.0
        assert all(share <= before.vms[uuid].vcpus for share, uuid in zip(used, before.vms, strict=True))
        assert before.cpu is not None
        assert after.cpu is not None
        whole = sum(after.cpu) - sum(before.cpu)
        assert whole == pytest.approx(2.0 * 32 * 1e9, rel=1e-6)
        before = after


async def test_web_servers_work_by_day_and_backups_by_night() -> None:
    world = World(FleetAddress(hosts=1, vms=400, seed=7, story=False), clock=(clock := Clock()))
    host = world.hosts["hv1"]

    def load(role: str, hour: float) -> float:
        """Return the cores in use by a role over half an hour."""
        clock.passed += (hour * HOUR - (clock.now() % 86_400)) % 86_400
        world.advance(host)
        guests = [guest for guest in host.running if guest.role.name == role]
        before = sum(guest.cpu_ns for guest in guests)
        for _ in range(60):
            clock.passed += 30.0
            world.advance(host)
        return sum(guest.cpu_ns for guest in guests) - before

    assert load("web", 18) > 1.5 * load("web", 5)
    assert load("backup", 2) > 5 * load("backup", 14)
    assert 0.7 < load("db", 14) / load("db", 3) < 1.5


async def test_guests_of_a_crowded_host_wait_and_those_of_a_quiet_one_do_not() -> None:
    lab = Lab()

    async def worst(host: str) -> float:
        backend = lab.backends[host]
        before = await backend.sample(ALL)
        lab.go(60.0)
        after = await backend.sample(ALL)
        return max(
            100 * ((after.vms[uuid].delay_ns or 0) - (old.delay_ns or 0)) / 60e9 / old.vcpus
            for uuid, old in before.vms.items()
        )

    for host in ("hv1", "hv2"):
        await lab.backend(host)
    assert await worst("hv1") > 8.0
    assert await worst("hv2") < 1.0


async def test_guests_tell_their_memory_unless_they_cannot() -> None:
    lab = Lab()
    await lab.backend("hv2")
    sample = await lab.backends["hv2"].sample(ALL)
    told = sample.vms[lab.world.ref("db-1").uuid].memory
    assert told.available is not None
    assert told.usable is not None
    assert 0 < told.usable < told.available <= (told.current or 0)
    assert told.updated is not None
    assert sample.wall - told.updated <= 10.0
    mute = sample.vms[lab.world.ref("cache-1").uuid].memory
    assert mute.available is None
    assert mute.rss
    await lab.backend("hv1")
    stale = (await lab.backends["hv1"].sample(ALL)).vms[lab.world.ref("win-rds-1").uuid].memory
    assert stale.updated is not None
    assert sample.wall - stale.updated > 30.0


@pytest.mark.parametrize("tick", [1.0, 2.0, 5.0])
async def test_only_guests_that_fell_silent_have_old_memory_figures(tick: float) -> None:
    lab = Lab()
    stale: set[str] = set()
    books = {name: (await lab.backend(name), RateBook()) for name in lab.backends}
    for _ in range(30):
        for backend, book in books.values():
            rates, _ = book.update(await backend.sample(ALL))
            vms = (await backend.inventory()).vms
            stale |= {vms[uuid].name for uuid, rate in rates.items() if rate.memory_stale}
        lab.go(tick)
    assert stale == {"win-rds-1", "db-2"}  # the one hangs, the other is paused
