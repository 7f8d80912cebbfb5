"""What chance alone hardly ever ends: errands of many keys, begun at random, carried out as far as the fleet lets."""

from __future__ import annotations

import asyncio
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.core.inventory import TaskPhase, VmState
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from tests.soak.hands import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.core.inventory import Vm
    from tests.soak.monkey import Monkey

LOOKS = 60  # how often something that may never come is looked for
PAUSE = 0.01  # seconds between two looks
READ = 0.03  # seconds in which a form that is asked for by a press on its button takes no other


class Errands:
    """Goes on errands by a monkey's hands; each begins at the fleet, and ends where it is given up or done."""

    def __init__(self, monkey: Monkey) -> None:
        self._monkey = monkey
        self._it = monkey.it
        self._made = 0

    async def run(self) -> None:
        """Go on one of them, by chance."""
        await self.home()
        await self._monkey.chance.choice((self.make, self.move, self.upload, self.cancel))()

    async def home(self) -> None:
        """Go back to where each begins."""
        await self._monkey.home()

    async def make(self) -> None:
        """Make a VM that starts from a kernel, having looked at its definition."""
        words = "--boot kernel --kernel /boot/vmlinuz --disk none --network none"
        await self._enter(f"create --name {self._name()} --host {self._host()} {words}")
        if await self._comes(lambda: isinstance(self._it.app.screen, Form)) and await self._click("[XML and commands]"):
            await self._comes(lambda: not isinstance(self._it.app.screen, Form))
            self._monkey.oracles.reach.saw(self._it.app)
            await self._monkey.press("j", "escape")
            await self._review()

    async def move(self) -> None:
        """Move a VM to another host."""
        host = self._host()
        vm = self._vm(VmState.RUNNING, VmState.OFF, but=host)
        if vm is not None:
            hosts = self._it.world.hosts
            for source in [one for one in hosts.values() if vm.uuid in one.guests]:  # CPUs of hostile names never fit
                hosts[host].facts = replace(hosts[host].facts, cpu_model=source.facts.cpu_model)
            await self._enter(f"migrate {shlex.quote(vm.name)} --to {host}")
            await self._agree()
            await self._comes(lambda: all(task.phase.is_final for task in self._it.tasks))

    async def upload(self) -> None:
        """Send a file to a pool."""
        host = self._host()
        entry = self._it.engine.fleet.host(host)
        pools = [pool.name for pool in entry.state.pools if pool.active] if entry and entry.state else []
        if not pools:
            return
        file = self._it.engine.journal.path.with_name("sent.img")
        file.write_bytes(bytes(4096))
        pool = self._monkey.chance.choice(pools)
        await self._enter(f"upload {host} --file {file} --pool {shlex.quote(pool)} --name {self._name()}")
        await self._review()

    async def cancel(self) -> None:
        """Have a guest asked to shut down that does not hear it, and cancel the task that waits for it."""
        vm = self._vm(VmState.RUNNING)
        if vm is None:
            return
        for host in self._it.world.hosts.values():
            if vm.uuid in host.guests:
                host.guests[vm.uuid].deaf = True
        await self._enter(f"shutdown {shlex.quote(vm.name)} --timeout 20s")
        await self._agree()
        waits = [task.id for task in self._it.tasks if task.phase is TaskPhase.RUNNING]
        if waits:
            await self._monkey.press("7", "home", "!", "c")
            await self._agree()
        for id_ in waits:  # another one may stand first, or the fleet may be in the way: nothing waits for minutes
            self._it.engine.cancel(id_)

    # -- by hand

    def _name(self) -> str:
        self._made += 1
        return f"errand-{self._made}"

    def _host(self) -> str:
        return self._monkey.chance.choice([entry.name for entry in self._it.engine.fleet.hosts])

    def _vm(self, *states: VmState, but: str = "") -> Vm | None:
        """Return a VM in one of these states, of a name that can be typed."""
        vms = [vm for entry, vm in self._it.engine.fleet.vms() if vm.state in states and entry.name != but]
        typed = [vm for vm in vms if vm.name.isprintable() and vm.name.strip()]
        return self._monkey.chance.choice(typed) if typed else None

    async def _enter(self, line: str) -> None:
        await self._monkey.press(":", *map(key_of, line), "enter")

    async def _agree(self) -> None:
        """Confirm what is asked, if anything is."""
        if await self._comes(lambda: isinstance(screen := self._it.app.screen, ConfirmScreen) and screen.is_running):
            screen = self._it.app.screen
            if isinstance(screen, ConfirmScreen):
                demand, phrase = screen.answering.demand, screen.answering.phrase
                right = (*phrase, "enter") if phrase else ("!" if "!" in demand else "enter",)
                await self._monkey.press(*map(key_of, right))
                await self._comes(lambda: not isinstance(self._it.app.screen, ConfirmScreen))

    async def _review(self) -> None:
        """Have a form say what it would do, and do it."""
        if await self._click("[Review]") and await self._click("[Do it]"):
            await self._comes(lambda: not isinstance(self._it.app.screen, Form))

    async def _click(self, words: str) -> bool:
        """Press a button once it is there."""
        if not await self._comes(lambda: words in self._it.text):
            return False
        await asyncio.sleep(READ)
        at = next(((line.index(words), y) for y, line in enumerate(self._it.lines) if words in line), None)
        if at is not None:
            await self._monkey.click(*at)
        return at is not None

    async def _comes(self, true: Callable[[], object]) -> bool:
        """Tell whether it comes soon; what the fleet lets nobody do never comes."""
        for _ in range(LOOKS):
            if true():
                return True
            await asyncio.sleep(PAUSE)
            await self._monkey.wait()
        return False
