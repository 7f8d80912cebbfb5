"""Composes hosts, tasks, events and history, and publishes one Fleet of them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from operator import is_
from typing import TYPE_CHECKING, NoReturn

from kvmtui.backend import backend_for
from kvmtui.commands.base import Answers, Command, Judgement, Level, Scene, Target
from kvmtui.core.errors import NotFound
from kvmtui.core.forecast import PoolBook
from kvmtui.core.inventory import Event, Fleet, Host, Moving, Severity, TaskView, Vm, VmRef
from kvmtui.core.text import safe
from kvmtui.engine.clock import SystemClock
from kvmtui.engine.histories import Histories
from kvmtui.engine.identities import Identities
from kvmtui.engine.publisher import EVERY, Publisher
from kvmtui.journal import Journal
from kvmtui.monitor import Means, Monitor, Opener
from kvmtui.tasks import EXPLAINS, TaskRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kvmtui.backend.base import Backend
    from kvmtui.config import Settings
    from kvmtui.core.clock import Clock
    from kvmtui.core.history import History
    from kvmtui.core.metrics import VmRates

_log = logging.getLogger(__name__)
_EVENTS_KEPT = 200
_SLOW_STEP = 0.010  # seconds of the loop that a step may take; longer ones are logged at level debug
_SIDE_BY_SIDE, _STAGGER = 4, 0.05  # hosts that are connected to at once, and seconds until the next so many
_LOOKS_BACK = 0.7  # seconds after the start: by then the hosts nearby are read
_LEAVING = 2.0  # seconds after which leaving does not wait any more for a backend to let go


class Engine:
    """The program without a screen; the app and the headless verbs are two faces of it."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        connector: Opener = backend_for,
        journal: Journal | None = None,
        looks_back: bool = False,
        every: float = EVERY,
    ) -> None:
        """`every`: the seconds between two fleets at least; who paints nothing wants each at once."""
        self.settings = settings
        self.journal = journal or Journal()
        self._clock = clock or SystemClock()
        means = Means(settings, self._clock, connector, self)
        count = max(1, len(settings.hosts))
        self._monitors = {host.name: Monitor(host, means, number / count) for number, host in enumerate(settings.hosts)}
        self._tasks = TaskRunner(settings, self._clock, self, self.journal)
        self._looks_back = looks_back
        self._looking_back: asyncio.Task[None] | None = None
        self._histories = Histories(settings.refresh)
        self._pools = PoolBook()
        self._publisher = Publisher(self._publish, every)
        self._events: deque[Event] = deque(maxlen=_EVENTS_KEPT)
        self._events_shown: tuple[Event, ...] | None = ()
        self._watchers: list[Callable[[Fleet], None]] = []
        self._identities = Identities()
        self._fault: asyncio.Future[NoReturn] | None = None
        self._looked_at: VmRef | None = None
        self._moves_of: tuple[TaskView, ...] = ()
        self._moves: tuple[TaskView, ...] = ()
        self._fleet = self._composed()

    # --- life --------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to connect to every host; returns at once."""
        loop = asyncio.get_running_loop()
        if self.settings.log_level == "debug":
            loop.set_debug(True)
            loop.slow_callback_duration = _SLOW_STEP
        self._fault = loop.create_future()
        for number, monitor in enumerate(self._monitors.values()):
            self.oversee(monitor.start(_STAGGER * (number // _SIDE_BY_SIDE)))
        if self._looks_back:
            self._looking_back = asyncio.create_task(self._look_back(), name="aftermath")
            self.oversee(self._looking_back)
        self._publish()

    async def _look_back(self) -> None:
        await asyncio.sleep(_LOOKS_BACK)
        from kvmtui.engine.aftermath import Aftermath  # noqa: PLC0415 - the first picture need not wait for it

        await Aftermath(self.journal, self._tasks, self.scene, self.backend).run(self.happened)

    async def stop(self) -> tuple[str, ...]:
        """Let go of everything, waiting for no host that is silent; returns what to say of tasks that it ended."""
        self._publisher.stop()
        if self._looking_back is not None:
            self._looking_back.cancel()
        told = await self._tasks.stop()
        leaving = [asyncio.create_task(monitor.stop()) for monitor in self._monitors.values()]
        if leaving:
            await asyncio.wait(leaving, timeout=_LEAVING)
        if self._fault is not None:
            self._fault.cancel()
        return told

    async def fault(self) -> NoReturn:
        """Wait for a fault of the program in a monitor or a task, and raise it; the app ends with its traceback."""
        if self._fault is None:
            raise RuntimeError("the engine has not been started")
        await asyncio.shield(self._fault)
        raise AssertionError

    def oversee(self, work: asyncio.Task[None]) -> None:
        """Hear of a fault of the program in this work."""

        def ended(work: asyncio.Task[None]) -> None:
            if work.cancelled():
                return
            error = work.exception()
            if error is None:
                return
            _log.critical("a fault of the program in %s", work.get_name(), exc_info=error)
            if self._fault is not None and not self._fault.done():
                self._fault.set_exception(error)

        work.add_done_callback(ended)

    # --- the fleet ---------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The clock that everything goes by."""
        return self._clock

    @property
    def fleet(self) -> Fleet:
        """What was published last."""
        return self._fleet

    def watch(self, callback: Callable[[Fleet], None]) -> Callable[[], None]:
        """Call back with each new fleet, on the loop; returns what ends that."""
        self._watchers.append(callback)

        def end() -> None:
            if callback in self._watchers:
                self._watchers.remove(callback)

        return end

    def scene(self) -> Scene:
        """Return what is known at this instant, for a judgement."""
        listed = {name: monitor.picture.listed for name, monitor in self._monitors.items()}
        return Scene(self._composed(), self.settings.policy, self._clock.now(), listed, self._journaled_moves())

    def _journaled_moves(self) -> tuple[TaskView, ...]:
        """Return the moves of the journal's last part."""
        recent = self.journal.recent()
        if recent is not self._moves_of:
            self._moves_of = recent
            self._moves = tuple(task for task in recent if task.to)
        return self._moves

    def history(self, ref: VmRef) -> History | None:
        """Return what is kept of a VM's past figures."""
        return self._histories.of(ref)

    def _composed(self) -> Fleet:
        """Return the fleet of this instant; its parts are the same objects while they do not change."""
        if self._events_shown is None:
            self._events_shown = tuple(self._events)
        return Fleet(
            at=self._clock.now(),
            hosts=tuple(monitor.entry for monitor in self._monitors.values()),
            tasks=self._tasks.views,
            events=self._events_shown,
            stopping=self._tasks.stopping(self._vm),
            moving=self._tasks.moving,
            growth=self._pools.growth,
            demo=self.settings.demo,
            read_only=self.settings.read_only,
            label=self.settings.label,
        )

    def _vm(self, ref: VmRef) -> Vm | None:
        monitor = self._monitors.get(ref.host)
        return monitor.state.vms.get(ref.uuid) if monitor is not None and monitor.state is not None else None

    def _publish(self) -> bool:
        """Show a new fleet to those who watch, if anything is new; tells whether there was."""
        old, new = self._fleet, self._composed()
        same_hosts = len(old.hosts) == len(new.hosts) and all(map(is_, old.hosts, new.hosts))
        if same_hosts and old.tasks is new.tasks and old.events is new.events and old.stopping == new.stopping:
            return False
        self._fleet = new
        for callback in tuple(self._watchers):
            callback(new)
        return True

    # --- what a person asks for --------------------------------------------------------------

    def backend(self, host: str) -> Backend:
        """Return a host's backend; raises NotFound, and ConfigError for an address that is not allowed."""
        return self.monitor(host).backend

    def judge(self, command: Command, target: Target) -> Judgement:
        """Return whether a command may run now, and what it asks."""
        return command.judge(self.scene(), target)

    def submit(
        self, command: Command, targets: Sequence[Target], answers: Answers, *, agreed: Level | None = None
    ) -> tuple[str, ...]:
        """Begin a task for each target, in order; returns their ids. Raises Refused for answers that will not do.

        `agreed` is the level at which a person was asked: a task that asks for more by then is refused.
        """
        return self._tasks.submit(command, targets, answers, agreed)

    async def wait(self, task_ids: Iterable[str]) -> tuple[TaskView, ...]:
        """Return the tasks, when all have ended."""
        return await self._tasks.wait(task_ids)

    def cancel(self, task_id: str) -> bool:
        """Stop a task that waits for its turn or for a guest; False for any other."""
        return self._tasks.cancel(task_id)

    def look_at(self, ref: VmRef | None, *, graphs: bool = False) -> None:
        """Read more of a VM; with `graphs`, keep an hour of it at full rate."""
        if self._looked_at is not None and (ref is None or ref.host != self._looked_at.host):
            before = self._monitors.get(self._looked_at.host)
            if before is not None:
                before.look_at(None)
        self._looked_at = ref
        if ref is not None and ref.host in self._monitors:
            self._monitors[ref.host].look_at(ref.uuid)
            if graphs:
                self._histories.record(ref)

    def look_at_host(self, host: str | None) -> None:
        """Read each CPU of this host, and of no other."""
        for monitor in self._monitors.values():
            monitor.look_at_host(on=monitor.name == host)

    def refresh(self, host: str | None = None) -> None:
        """Read a host, or all, again now."""
        for monitor in self._monitors.values():
            if host is None or monitor.name == host:
                monitor.refresh()

    async def reconnect(self, host: str) -> None:
        """Close a host's connection and open it anew; returns before it is open."""
        self._identities.close(host)
        self.oversee(await self.monitor(host).reconnect())

    async def disconnect(self, host: str) -> None:
        """Let a host go until it is reconnected; its last state stays."""
        self._identities.close(host)
        await self.monitor(host).disconnect()

    def unlock(self, host: str, seconds: float) -> None:
        """Let a read-only host be changed for a while."""
        monitor = self.monitor(host)
        until = self._clock.now() + seconds
        monitor.unlock(until)

        def lock() -> None:
            if monitor.entry.unlocked_until == until:
                monitor.unlock(None)

        asyncio.get_running_loop().call_later(seconds, lock)

    # --- what monitors and tasks tell --------------------------------------------------------

    def monitor(self, host: str) -> Monitor:
        """Return the monitor of a host; raises NotFound."""
        try:
            return self._monitors[host]
        except KeyError:
            raise NotFound(f"There is no host {safe(host)}.") from None

    def changed(self, *, urgent: bool) -> None:
        """Publish soon."""
        self._publisher.ask(urgent=urgent)

    def happened(self, event: Event) -> None:
        """Keep an event, and publish soon."""
        self._events.appendleft(event)
        self._events_shown = None
        self._publisher.ask(urgent=True)

    def say(self, subject: str, detail: str, severity: Severity) -> None:
        """Say something about the program itself."""
        self.happened(Event(self._clock.now(), severity, "", None, subject, detail, ""))

    def warn(self, host: str, text: str, detail: str = "") -> None:
        """Show a sentence among the events, once."""
        if not any(event.subject == text for event in self._events):
            self.happened(Event(self._clock.now(), Severity.WARN, host, None, text, detail, ""))

    def is_ours(self, ref: VmRef) -> bool:
        """Tell whether a task of this program is at work on a VM, or was just now."""
        return self._tasks.explains(ref)

    def moving(self, ref: VmRef) -> Moving | None:
        """Return how a task of this program moves a VM, or has moved it just now."""
        return self._tasks.moves(ref)

    def explain(self, ref: VmRef) -> str:
        """Return who did what just happened to a VM."""
        if self.is_ours(ref):
            return "you"
        monitor, now = self._monitors[ref.host], self._clock.now()
        host_uuid = monitor.picture.host.uuid
        for task in self.journal.recent():
            same = (task.host_uuid, task.vm_uuid) == (host_uuid, ref.uuid) or (task.to, task.vm_uuid) == ref
            if same and not task.ours and abs(now - (task.ended or now)) < EXPLAINS:
                return f"kvmtui, user {safe(task.user)}"
        return "not by kvmtui"

    def sampled(self, host: str, rates: Mapping[str, VmRates]) -> None:
        """Keep what the graphs will show."""
        now, state = self._clock.now(), self._monitors[host].state
        self._histories.sampled(host, now, rates)
        if state is not None:
            self._pools.sampled(host, now, state, rates)

    def same_as(self, name: str, uri: str, host: Host) -> str:
        """Return why a second connection to the same host must not be used; "" for the first."""
        refusal, warning = self._identities.open(name, uri, host)
        if warning:
            self.warn(name, warning, "no VM can move between them")
        return refusal
