"""What every backend promises: one body of tests, for the demo, libvirt's test driver and real hosts alike.

A module that wants them subclasses `Contract` under a name that starts with Test and gives a `bench` fixture.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from kvmtui.backend.base import Backend, Wake, WakeKind, Want
from kvmtui.core.errors import BackendError, Conflict, NotFound, NotSupported, Unreachable
from kvmtui.core.host_log import MOST_LINES
from kvmtui.core.inventory import Host, Vm, VmState
from kvmtui.core.next_boot import differences

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kvmtui.core.metrics import Sample, VmCounters

NOWHERE = "00000000-0000-4000-8000-00000000dead"
ALL = Want(delay=True)
HOSTILE = (
    "[red]markup[/] & <b>\"quotes\"</b> 'too'",
    "\u202egnp.txt",  # turns the rest of a line round
    "\u009b31mC1",  # a terminal's escape in one character
    "日本語 🦊 e\u0301",
    "-- ; $(reboot) `x` %s {0}",
)
CTRL = 29


class Wakes(list[Wake]):
    """What was heard, and when the next came."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Event()

    def hear(self, wake: Wake) -> None:
        self.append(wake)
        self.heard.set()


@dataclass
class Bench:
    """A connected backend with two VMs that the tests may do anything to."""

    backend: Backend
    host: Host
    running: str  # UUID of a persistent VM that is on, and heeds the power button
    stopped: str  # UUID of a persistent VM that is off
    patience: float = 10.0  # seconds that a guest may take to obey
    saves: bool = True  # its running VM can be saved
    bare_refusals: frozenset[str] = frozenset()  # verbs refused by the driver without saying that it is the state
    wakes: Wakes = field(default_factory=Wakes)

    def refusal(self, verb: str) -> type[BackendError]:
        """Return what a verb raises in the wrong state."""
        return BackendError if verb in self.bare_refusals else Conflict

    async def until(self, uuid: str, test: Callable[[Vm], bool]) -> Vm:
        """Return the VM as soon as it passes the test."""
        async with asyncio.timeout(self.patience):
            while not test(vm := await self.backend.vm(uuid)):
                await self._something()
        return vm

    async def woken(self, test: Callable[[Wake], bool]) -> Wake:
        """Return the first wake that passes the test."""
        async with asyncio.timeout(self.patience):
            while True:
                for wake in self.wakes:
                    if test(wake):
                        return wake
                await self._something()

    async def _something(self) -> None:
        """Wait for the next wake, or a little while where a backend has no event for what changed."""
        self.wakes.heard.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wakes.heard.wait(), 0.05)

    async def sample(self) -> Sample:
        return await self.backend.sample(ALL)


async def opened(backend: Backend, choose: Callable[[Mapping[str, Vm]], tuple[str, str]], **more: Any) -> Bench:
    """Connect a backend and return its bench; `choose` picks the running and the stopped VM."""
    wakes = Wakes()
    backend.listen(wakes.hear)
    host = await backend.connect()
    running, stopped = choose((await backend.inventory()).vms)
    return Bench(backend, host, running, stopped, wakes=wakes, **more)


def _is(state: VmState) -> Callable[[Vm], bool]:
    return lambda vm: vm.state is state


def _totals(counters: VmCounters) -> tuple[int, ...]:
    """Return everything in a VM's counters that may only grow."""
    found = [counters.cpu_ns or 0, counters.delay_ns or 0]
    for _, disk in sorted(counters.disks.items()):
        found += disk[:8]
    for _, nic in sorted(counters.nics.items()):
        found += nic
    return tuple(found)


class Contract:
    """The promises, by what a user of the backend would notice."""

    # --- what is there ---

    async def test_the_host_says_who_and_what_it_is(self, bench: Bench) -> None:
        host = bench.host
        assert len(host.uuid) == 36
        assert host.hostname
        assert host.cpus > 0
        assert host.memory > 2**20
        assert host.libvirt_version > (0, 0, 0)
        assert await bench.backend.host_uuid() == host.uuid
        await bench.backend.ping()

    async def test_the_inventory_is_complete_and_agrees_with_each_vm(self, bench: Bench) -> None:
        inventory = await bench.backend.inventory()
        assert {bench.running, bench.stopped} <= inventory.vms.keys()
        for uuid, vm in inventory.vms.items():
            assert vm.uuid == uuid
            assert vm.name
            assert vm.memory_max > 0
            assert vm.vcpus_max >= vm.vcpus > 0
            assert (vm.domain_id is not None) == vm.is_active
            single = await bench.backend.vm(uuid)
            assert (single.name, single.state, single.disks, single.nics) == (vm.name, vm.state, vm.disks, vm.nics)
        again = await bench.backend.inventory()
        assert {uuid: vm.name for uuid, vm in again.vms.items()} == {
            uuid: vm.name for uuid, vm in inventory.vms.items()
        }

    async def test_a_vm_that_is_not_there_is_not_found(self, bench: Bench) -> None:
        backend = bench.backend
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: backend.vm(NOWHERE),
            lambda: backend.power.start(NOWHERE),
            lambda: backend.power.force_off(NOWHERE),
            lambda: backend.definition.xml(NOWHERE),
            lambda: backend.definition.set_tags(NOWHERE, ("a",)),
            lambda: backend.definition.undefine(NOWHERE, nvram=False, snapshots=False, saved=False),
        )
        for call in calls:
            with pytest.raises(NotFound):
                await call()

    async def test_details_describe_the_host(self, bench: Bench) -> None:
        details = await bench.backend.details()
        assert ET.fromstring(details.capabilities_xml).tag == "capabilities"
        assert sum(len(cell.cpus) for cell in details.cells) in (0, bench.host.cpus)

    # --- power ---

    async def test_a_started_vm_runs_and_its_start_is_told(self, bench: Bench) -> None:
        uuid = bench.stopped
        await bench.backend.power.start(uuid)
        vm = await bench.until(uuid, _is(VmState.RUNNING))
        assert vm.domain_id is not None
        wake = await bench.woken(lambda wake: wake.uuid == uuid and wake.kind is WakeKind.VM)
        assert wake.state in (None, VmState.RUNNING)

    async def test_a_vm_asked_to_shut_down_goes_off(self, bench: Bench) -> None:
        uuid = bench.running
        await bench.backend.power.shutdown(uuid)
        vm = await bench.until(uuid, _is(VmState.OFF))
        assert vm.domain_id is None
        await bench.woken(lambda wake: wake.uuid == uuid)

    async def test_a_vm_forced_off_is_off(self, bench: Bench) -> None:
        await bench.backend.power.force_off(bench.running)
        await bench.until(bench.running, _is(VmState.OFF))
        await bench.woken(lambda wake: wake.uuid == bench.running)
        assert (await bench.backend.inventory()).vms[bench.running].state is VmState.OFF

    async def test_pause_and_resume(self, bench: Bench) -> None:
        await bench.backend.power.pause(bench.running)
        await bench.until(bench.running, _is(VmState.PAUSED))
        await bench.backend.power.resume(bench.running)
        await bench.until(bench.running, _is(VmState.RUNNING))

    async def test_a_rebooted_or_reset_vm_stays_on(self, bench: Bench) -> None:
        before = await bench.backend.vm(bench.running)
        await bench.backend.power.reset(bench.running)
        await bench.backend.power.reboot(bench.running)
        after = await bench.until(bench.running, _is(VmState.RUNNING))
        assert after.domain_id == before.domain_id

    async def test_a_saved_vm_is_off_and_resumes_where_it_was(self, bench: Bench) -> None:
        power, uuid = bench.backend.power, bench.running
        if not bench.saves:
            with pytest.raises(NotSupported):
                await power.save(uuid)
            return
        told: list[float] = []
        await power.save(uuid, told.append)
        assert told == sorted(told)
        assert (await bench.until(uuid, _is(VmState.OFF))).saved
        await power.start(uuid)
        assert not (await bench.until(uuid, _is(VmState.RUNNING))).saved
        await power.save(uuid)
        await bench.until(uuid, _is(VmState.OFF))
        await power.drop_saved(uuid)
        await bench.until(uuid, lambda vm: not vm.saved)

    async def test_keys_and_nmi_reach_a_running_vm(self, bench: Bench) -> None:
        await bench.backend.power.send_keys(bench.running, (CTRL,))
        await bench.backend.power.nmi(bench.running)
        assert (await bench.backend.vm(bench.running)).is_active

    async def test_a_running_vm_cannot_be_started_or_resumed(self, bench: Bench) -> None:
        with pytest.raises(bench.refusal("start")):
            await bench.backend.power.start(bench.running)
        with pytest.raises(bench.refusal("resume")):
            await bench.backend.power.resume(bench.running)
        assert (await bench.backend.vm(bench.running)).state is VmState.RUNNING

    async def test_a_vm_that_is_off_takes_no_verb_but_start(self, bench: Bench) -> None:
        power, uuid = bench.backend.power, bench.stopped
        verbs: dict[str, Callable[[], Awaitable[None]]] = {
            "shutdown": lambda: power.shutdown(uuid),
            "reboot": lambda: power.reboot(uuid),
            "reset": lambda: power.reset(uuid),
            "force_off": lambda: power.force_off(uuid),
            "pause": lambda: power.pause(uuid),
            "resume": lambda: power.resume(uuid),
            "nmi": lambda: power.nmi(uuid),
            "send_keys": lambda: power.send_keys(uuid, (CTRL,)),
            "save": lambda: power.save(uuid),
        }
        for verb, call in verbs.items():
            with pytest.raises(bench.refusal(verb)) as raised:
                await call()
            assert not raised.value.unknown, verb
        assert (await bench.backend.vm(uuid)).state is VmState.OFF

    async def test_only_a_suspended_vm_can_be_woken(self, bench: Bench) -> None:
        for uuid in (bench.running, bench.stopped):
            with pytest.raises((Conflict, NotSupported, bench.refusal("wake"))):
                await bench.backend.power.wake(uuid)

    # --- definition ---

    async def test_autostart_goes_on_and_off(self, bench: Bench) -> None:
        for on in (True, False, True):
            await bench.backend.definition.set_autostart(bench.stopped, on=on)
            await bench.until(bench.stopped, lambda vm, on=on: vm.autostart is on)  # type: ignore[misc]

    async def test_a_vm_that_is_off_takes_a_new_name_and_keeps_its_uuid(self, bench: Bench) -> None:
        uuid = bench.stopped
        old = (await bench.backend.vm(uuid)).name
        await bench.backend.definition.rename(uuid, "renamed-1")
        assert (await bench.backend.vm(uuid)).name == "renamed-1"
        assert (await bench.backend.inventory()).vms[uuid].name == "renamed-1"
        await bench.backend.definition.rename(uuid, old)
        assert (await bench.backend.vm(uuid)).name == old

    async def test_a_name_that_is_taken_or_impossible_is_refused(self, bench: Bench) -> None:
        taken = (await bench.backend.vm(bench.running)).name
        before = (await bench.backend.vm(bench.stopped)).name
        for name in (taken, "a/b"):
            with pytest.raises(BackendError):
                await bench.backend.definition.rename(bench.stopped, name)
        with pytest.raises(bench.refusal("rename")):
            await bench.backend.definition.rename(bench.running, "other")
        assert (await bench.backend.vm(bench.stopped)).name == before

    @pytest.mark.parametrize("text", HOSTILE)
    async def test_any_text_comes_back_as_it_was_given(self, bench: Bench, text: str) -> None:
        for uuid in (bench.running, bench.stopped):
            await bench.backend.definition.set_text(uuid, title=text, description=f"{text}\nsecond line")
            vm = await bench.backend.vm(uuid)
            assert vm.title == text
            assert vm.description == f"{text}\nsecond line"
            await bench.backend.definition.set_text(uuid, title=None, description="")
            vm = await bench.backend.vm(uuid)
            assert (vm.title, vm.description) == (text, "")
            await bench.backend.definition.set_text(uuid, title="", description=None)
            assert not (await bench.backend.vm(uuid)).title

    async def test_control_characters_in_a_title_do_not_lose_the_vm(self, bench: Bench) -> None:
        before = await bench.backend.vm(bench.stopped)
        await bench.backend.definition.set_text(bench.stopped, title="a\x1b[31mred", description=None)
        vm = (await bench.backend.inventory()).vms[bench.stopped]
        assert (vm.name, vm.state, vm.vcpus_max) == (before.name, before.state, before.vcpus_max)
        assert "red" in vm.title
        assert (await bench.backend.vm(bench.stopped)).title == vm.title

    @pytest.mark.parametrize("tags", [("prod",), ("a b", "ü", "<x>&", "[b]"), HOSTILE, ()])
    async def test_tags_come_back_in_their_order(self, bench: Bench, tags: tuple[str, ...]) -> None:
        for uuid in (bench.running, bench.stopped):
            await bench.backend.definition.set_tags(uuid, ("before",))
            await bench.backend.definition.set_tags(uuid, tags)
            assert (await bench.backend.vm(uuid)).tags == tags
            assert (await bench.backend.inventory()).vms[uuid].tags == tags

    async def test_tags_outlive_a_restart(self, bench: Bench) -> None:
        await bench.backend.definition.set_tags(bench.running, ("kept", "twice"))
        await bench.backend.power.force_off(bench.running)
        assert (await bench.until(bench.running, _is(VmState.OFF))).tags == ("kept", "twice")

    async def test_an_undefined_vm_is_gone(self, bench: Bench) -> None:
        await bench.backend.definition.undefine(bench.stopped, nvram=True, snapshots=True, saved=True)
        assert bench.stopped not in (await bench.backend.inventory()).vms
        with pytest.raises(NotFound):
            await bench.backend.vm(bench.stopped)
        await bench.woken(lambda wake: wake.kind is WakeKind.INVENTORY or wake.uuid == bench.stopped)

    async def test_a_running_vm_that_is_undefined_runs_on_as_transient(self, bench: Bench) -> None:
        await bench.backend.definition.undefine(bench.running, nvram=True, snapshots=True, saved=True)
        vm = await bench.until(bench.running, lambda vm: not vm.persistent)
        assert vm.state is VmState.RUNNING
        await bench.backend.power.force_off(bench.running)
        with pytest.raises(NotFound):
            await bench.until(bench.running, lambda _: False)

    async def test_the_definition_is_readable_xml(self, bench: Bench) -> None:
        vm = await bench.backend.vm(bench.running)
        for inactive in (False, True):
            root = ET.fromstring(await bench.backend.definition.xml(bench.running, inactive=inactive))
            assert root.tag == "domain"
            assert root.findtext("name") == vm.name
            assert root.findtext("uuid") == vm.uuid
            assert ("id" in root.attrib) is not inactive

    async def test_the_stored_definition_is_that_of_the_next_start(self, bench: Bench) -> None:
        vm = await bench.backend.vm(bench.running)
        stored = await bench.backend.definition.stored(bench.running)
        assert (stored.uuid, stored.name) == (vm.uuid, vm.name)
        if not vm.pending:
            assert differences(vm, stored) == ()
        with pytest.raises(NotFound):
            await bench.backend.definition.stored(NOWHERE)

    # --- what its host and its guest tell beside libvirt ---

    async def test_logs_are_read_to_their_bound_where_they_can_be(self, bench: Bench) -> None:
        for uuid in (bench.running, bench.stopped):
            with contextlib.suppress(NotSupported):  # libvirt alone leads there
                logs = await bench.backend.logs.of_vm(uuid, None)
                assert logs.qemu.lines or logs.qemu.trouble
                assert len(logs.qemu.lines) <= MOST_LINES
        with pytest.raises(NotFound):
            await bench.backend.logs.of_vm(NOWHERE, None)

    async def test_who_is_logged_in_is_told_or_refused(self, bench: Bench) -> None:
        with contextlib.suppress(BackendError):
            for user in await bench.backend.guest.users(bench.running):
                assert isinstance(user.name, str)
        with pytest.raises(BackendError):
            await bench.backend.guest.users(bench.stopped)

    # --- figures ---

    async def test_counters_only_grow(self, bench: Bench) -> None:
        before = await bench.sample()
        await asyncio.sleep(0.02)
        after = await bench.sample()
        assert after.at > before.at
        if "stats" not in bench.host.lacks:
            assert bench.running in after.vms
            assert bench.stopped not in after.vms
        for uuid in before.vms.keys() & after.vms.keys():
            old, new = before.vms[uuid], after.vms[uuid]
            assert old.domain_id == new.domain_id
            assert old.disks.keys() == new.disks.keys()
            for low, high in zip(_totals(old), _totals(new), strict=True):
                assert low <= high
        if before.cpu is not None:
            assert after.cpu is not None
            assert all(low <= high for low, high in zip(before.cpu, after.cpu, strict=True))

    async def test_steal_and_the_node_are_read_only_when_wanted(self, bench: Bench) -> None:
        lean = await bench.backend.sample(Want(node=False))
        assert lean.cpu is None
        assert lean.memory is None
        assert lean.per_cpu is None
        assert all(counters.delay_ns is None for counters in lean.vms.values())

    # --- the end ---

    async def test_closing_is_immediate_and_may_be_repeated(self, bench: Bench) -> None:
        async with asyncio.timeout(1.0):
            await bench.backend.close()
            await bench.backend.close()

    async def test_nothing_works_after_close(self, bench: Bench) -> None:
        backend = bench.backend
        await backend.close()
        calls: tuple[Callable[[], Awaitable[object]], ...] = (
            backend.ping,
            backend.inventory,
            backend.host_uuid,
            backend.details,
            backend.guest.leases,
            lambda: backend.vm(bench.running),
            lambda: backend.sample(ALL),
            lambda: backend.power.start(bench.stopped),
            lambda: backend.definition.xml(bench.running),
            lambda: backend.definition.set_tags(bench.running, ()),
            lambda: backend.storage.disk_uses(bench.running),
        )
        for call in calls:
            with pytest.raises(Unreachable) as raised:
                await call()
            assert not raised.value.unknown
        wakes = len(bench.wakes)
        await asyncio.sleep(0.02)
        assert len(bench.wakes) == wakes
