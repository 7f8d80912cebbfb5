"""Hosts and networks that fail under the running program: each fault is said in one sentence, and no other suffers."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from kvmtui.core.errors import Denied, TimedOut, Unreachable
from kvmtui.core.inventory import TaskPhase, VmState
from tests.screens.harness import Desk, FrozenClock, desk
from tests.screens.test_judging import asked

if TYPE_CHECKING:
    from collections.abc import Callable

# Hosts are read all the time, as in life, but quickly.
LIVE: dict[str, Any] = {
    "refresh": 0.2,
    "ping_interval": 0.05,
    "backoff_first": 0.05,
    "backoff_most": 0.1,
    "resync": 5.0,
}
SIZE = (120, 36)
HOST, OTHERS, VM = "hv1", ("hv2", "hv3"), "web-1"
STRANGER = "5a7a9e3c-0000-4000-8000-00000000beef"
TIME = r"\d\d:\d\d:\d\d"
AT_ONCE = 1.0  # seconds, on a machine that does a lot else


class Fault(NamedTuple):
    """What is done to a host, what the screen says of it then, and what it says when that is over."""

    hurt: Callable[[Desk], None]
    says: str  # a line of the screen
    heal: Callable[[Desk], None]
    says_after: str
    answers: bool = False  # the host goes on answering


def silent(it: Desk) -> None:
    it.faults.patience = 0.05
    it.faults.silence(HOST)


def speaks(it: Desk) -> None:
    it.faults.answer(HOST)
    it.faults.patience = 1.0


def cut_off(it: Desk) -> None:
    it.faults.close_door(HOST, Unreachable("There is no route to hv1.", hint="Is it on, and on this network?"))
    it.faults.cut(HOST)


def refused(it: Desk) -> None:
    it.faults.close_door(HOST, Unreachable("hv1 refused the connection.", hint="Is libvirtd running there?"))
    it.faults.cut(HOST)


def locked_out(it: Desk) -> None:
    it.faults.close_door(HOST, Denied("libvirt on hv1 does not let this user in.", hint="Join the group libvirt."))
    it.faults.cut(HOST)


def let_in(it: Desk) -> None:
    """Open the door; of its own accord nobody knocks again at one that was closed to him."""
    it.faults.open_door(HOST)
    it.app.run_worker(it.engine.reconnect(HOST))


def full(it: Desk) -> None:
    it.faults.close_door(HOST, TimedOut("hv1 takes connections, but libvirt there does not answer."))
    it.faults.cut(HOST)


def slow(it: Desk) -> None:
    it.faults.refuse(TimedOut("hv1 has not answered within 10 s."), verb="sample", host=HOST)


def swapped(it: Desk) -> None:
    it.faults.swap_identity(HOST, STRANGER)
    it.faults.cut(HOST)


def itself(it: Desk) -> None:
    it.faults.swap_identity(HOST, None)
    it.faults.cut(HOST)


def opened(it: Desk) -> None:
    it.faults.open_door(HOST)


OLD = "; 18 VMs as last seen"
FIGURES = r"^.{3}hv1 +\d+ "
FAULTS = {
    "silent": Fault(silent, rf"^.x hv1 +no answer since {TIME}{OLD}", speaks, FIGURES),
    "cut": Fault(cut_off, rf"^.x hv1 +down since {TIME}: There is no route to hv1{OLD}", opened, FIGURES),
    "refused": Fault(refused, rf"^.x hv1 +down since {TIME}: hv1 refused the connection{OLD}", opened, FIGURES),
    "denied": Fault(locked_out, rf"^.x hv1 +denied: libvirt on hv1 does not let this user in{OLD}", let_in, FIGURES),
    "full": Fault(
        full,
        rf"^.x hv1 +no answer since {TIME}: hv1 takes connections, but libvirt there does not answer; 18 VMs",
        opened,
        FIGURES,
    ),
    "slow": Fault(slow, r"^.! hv1 ", lambda it: it.faults.calm(), FIGURES, answers=True),
    "another": Fault(
        swapped,
        rf"^{TIME} . +hv1 is another machine than before +its UUID is {STRANGER[:8]}",
        itself,
        FIGURES,
        answers=True,
    ),
}


def shows(it: Desk, pattern: str) -> bool:
    return re.search(pattern, it.text, re.MULTILINE) is not None


async def keys_move(it: Desk) -> None:
    """See the cursor move with every key, at once."""
    table = it.vms.pane.table
    table.focus()
    await it.press("home")
    for key in ("j", "j", "k"):
        before, began = table.cursor, time.monotonic()
        await it.press(key)
        assert table.cursor != before
        assert time.monotonic() - began < AT_ONCE


async def others_live(it: Desk) -> None:
    """See what happens on the other hosts, and their figures being read."""
    for host in OTHERS:
        state = it.entry(host).state
        assert state is not None
        await it.until(lambda host=host, at=state.at: it.entry(host).state.at > at, f"{host} is read")  # type: ignore[misc, union-attr]
    it.faults.enter("hv2", it.world.ref("db-1").uuid, VmState.PAUSED)
    await it.until_state("db-1", VmState.PAUSED)
    it.faults.enter("hv2", it.world.ref("db-1").uuid, VmState.RUNNING)
    await it.until_state("db-1", VmState.RUNNING)


@pytest.mark.parametrize("name", FAULTS)
async def test_a_host_that_fails_is_said_in_one_sentence_and_comes_back_by_itself(name: str) -> None:
    fault = FAULTS[name]
    async with desk(size=SIZE, **LIVE) as it:
        await it.until(lambda: shows(it, FIGURES), "figures")
        fault.hurt(it)
        await it.until(lambda: shows(it, fault.says), fault.says)
        await keys_move(it)
        await others_live(it)
        assert ("hosts 3/3" if fault.answers else "hosts 2/3") in it.lines[0]
        if not fault.answers:
            seen = next(line for line in it.lines if "18 VMs of hv1" in line)
            assert re.search(rf"18 VMs of hv1 +as last seen at {TIME}", seen)
            assert " 18 old" in it.lines[0]
        assert it.app._exception is None
        fault.heal(it)
        await it.until(lambda: shows(it, fault.says_after), f"{name} is over")
        await it.until(lambda: "hosts 3/3" in it.lines[0], "all hosts answer")
        await keys_move(it)


async def test_a_host_without_figures_for_long_says_why_instead_of_old_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvmtui.monitor.connection._OLD", 0.0)
    async with desk(size=SIZE, **LIVE) as it:
        await it.until(lambda: shows(it, FIGURES), "figures")
        slow(it)
        await it.until(lambda: shows(it, rf"^.! hv1 +slow since {TIME}: hv1 has not answered within 10 s"), "why")
        await it.go_to(VM)
        assert shows(it, rf"^>..{VM} +on +hv1 +- ")  # its VMs are known, what they do is not
        assert not shows(it, r"^[> ]..\S+ +on +hv1 +\d")
        await others_live(it)
        it.faults.calm()
        await it.until(lambda: shows(it, FIGURES), "figures again")


async def test_a_vm_that_vanishes_between_the_list_and_the_question_is_said_to_be_gone() -> None:
    async with desk(size=SIZE) as it:
        await it.go_to(VM)
        await it.press("!", "f")
        await asked(it)
        it.world.host(HOST).guests.pop(it.world.ref(VM).uuid)  # nobody tells
        await it.press("!")
        (task,) = await it.until_done()
        assert (task.phase, it.calls) == (TaskPhase.REFUSED, [])
        await it.until_told("web-1 is not on hv1 any more: nothing was done.")
        await it.until(lambda: VM not in it.names, "it is listed no more")
        await keys_move(it)


@pytest.mark.parametrize("done", [True, False])
async def test_a_reply_that_is_lost_is_never_taken_for_a_failure(done: bool) -> None:
    async with desk(size=SIZE, **LIVE) as it:
        it.faults.patience = 0.02
        it.faults.lose_reply(HOST, verb="pause", done=done)
        await it.go_to(VM)
        await it.press("x", "p")
        await asked(it)
        await it.press("enter")
        if done:
            (task,) = await it.until_done()
            assert task.phase is TaskPhase.DONE  # as reading it again has shown
        else:
            await it.until(lambda: it.tasks and it.tasks[0].message.startswith("no answer came"), "it is read again")
            assert it.tasks[0].phase is TaskPhase.RUNNING, "it may still be done"
        await keys_move(it)
        assert len(it.calls) == 1, "it is never sent again"
        assert it.vm(VM).state is (VmState.PAUSED if done else VmState.RUNNING)


class JumpingClock(FrozenClock):
    """A wall clock that somebody sets while the program runs; what is measured goes by the other."""

    def __init__(self) -> None:
        super().__init__()
        self._offset = self.at - time.time()
        self._started = time.monotonic()

    def now(self) -> float:
        return time.time() + self._offset

    def monotonic(self) -> float:
        return time.monotonic()

    def set(self, seconds: float) -> None:
        """Set it so much ahead, or back."""
        self._offset += seconds


@pytest.mark.parametrize("hours", [-26, 30 * 24])
async def test_a_clock_that_jumps_makes_no_figure_wrong(hours: int) -> None:
    clock = JumpingClock()
    async with desk(size=SIZE, clock=clock, **LIVE) as it:
        await it.until(lambda: shows(it, FIGURES), "figures")
        ref = await it.go_to(VM)
        it.engine.look_at(ref, graphs=True)
        await it.until(lambda: (past := it.engine.history(ref)) is not None and past.full is not None, "a past")
        await it.press("x", "p")
        await asked(it)
        clock.set(hours * 3600.0)
        await it.press("enter")
        (task,) = await it.until_done()
        assert task.phase is TaskPhase.DONE
        for host in (HOST, *OTHERS):
            state = it.entry(host).state
            assert state is not None
            at = clock.now()
            await it.until(lambda host=host, at=at: it.entry(host).state.at >= at, f"{host} is read")  # type: ignore[misc, union-attr]
        await it.until(lambda: shows(it, FIGURES), "figures")
        for entry in it.engine.fleet.hosts:
            assert entry.condition.is_answering
            load, rates = entry.state.load, entry.state.rates  # type: ignore[union-attr]
            assert load is not None
            assert 0.0 <= (load.cpu or 0.0) <= 100.0
            for one in rates.values():
                assert 0.0 <= (one.cpu_percent or 0.0) <= 110.0
                assert (one.read_bps or 0.0) >= 0.0
        past = it.engine.history(ref)
        assert past is not None
        times, _ = past.series("cpu")
        assert list(times) == sorted(times), "a line leads from left to right"
        it.faults.enter(HOST, ref.uuid, VmState.RUNNING)
        await it.until_state(VM, VmState.RUNNING)
        await keys_move(it)
        await it.go_to(VM)
        await it.press("enter", ">")
        await it.settle()
        assert not re.search(r"(?<![\w.])-\d+(\.\d)? (s|min|h|d)\b", it.text), "no age is less than nothing"
        for key in ("7", "1", "9", "1"):
            await it.press(key)
        assert it.app._exception is None
