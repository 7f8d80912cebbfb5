"""Making a VM: asked as an interview, checked again, made step by step, and taken back whole when a step fails."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kvmtui.commands.base import Preview, Target
from kvmtui.commands.judge import silence
from kvmtui.commands.making_lines import shell_lines
from kvmtui.commands.making_plan import Plan, planned, said, warnings, with_paths
from kvmtui.commands.making_questions import Sheet
from kvmtui.commands.making_stock import Stock, View, local_file, public_keys, stock_of, usual_user
from kvmtui.commands.seed import seed_iso
from kvmtui.commands.start_check import start_check
from kvmtui.commands.streaming import Pace, Stream, sent
from kvmtui.core.creation import meta_data, user_data, with_devices, without_passwords
from kvmtui.core.errors import Aborted, BackendError, Conflict, KvmtuiError, NotFound, Refused, Unreachable
from kvmtui.core.inventory import HostEntry, Vm, VmState, Volume
from kvmtui.core.specs import VolumeName
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from kvmtui.backend.base import Backend
    from kvmtui.commands.base import Answers, Context, Question, Reach, Scene

UP_WITHIN = 20.0
"""Seconds in which a VM that was started is seen to run."""
REMOVE_WITHIN = 20.0
"""Seconds that taking back what was made may last."""
LEAVING = 6.0
"""The same when the program is about to end."""
LARGEST_DEVICES = 1 << 20  # bytes of a file of devices


class Making:
    """The `commands.base.Interview` of a new VM."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._stocks: dict[str, Stock] = {}
        self._uuid = str(uuid.uuid4())

    async def questions(self, scene: Scene, target: Target, answers: Answers) -> tuple[Question, ...]:
        """Return what is asked once these answers were given."""
        entry = _chosen(scene, target, answers)
        return Sheet(await self._view(scene, entry, answers), answers).questions()

    def target(self, scene: Scene, target: Target, answers: Answers) -> Target:
        """Return the VM that is to be: its host, its name, and a UUID of its own."""
        entry = _chosen(scene, target, answers)
        host_uuid = entry.state.host.uuid if entry.state is not None else ""
        return Target(entry.name, host_uuid, self._uuid, str(answers["name"]), None, entry.uri)

    async def preview(self, scene: Scene, target: Target, answers: Answers) -> Preview:
        """Return what would be made, with the definition; what the host has is read anew."""
        made = self.target(scene, target, answers)
        self._stocks.pop(made.host, None)
        view = await self._view(scene, _chosen(scene, target, answers), answers)
        plan = planned(view, made, answers)
        lines = said(view, plan)
        document = with_devices(await self._reach(made.host).creation.xml(plan.spec), await devices_of(answers))
        commands = list(shell_lines(made, answers, _image_format(view, plan)))
        if plan.spec.seed is not None:
            seed = plan.spec.seed
            texts = (("user-data", user_data(seed)), ("meta-data", meta_data(seed, _instance(plan))))
            commands[:0] = [f"cat >{name} <<'END'\n{text}END" for name, text in texts]
        return Preview(lines, tuple(commands), without_passwords(document), warnings(view, plan))

    async def _view(self, scene: Scene, entry: HostEntry, answers: Answers) -> View:
        stock = self._stocks.get(entry.name)
        if stock is None:
            stock = self._stocks[entry.name] = await _stock(self._reach(entry.name), entry)
        return await _seen(scene, entry, stock, answers)


def _chosen(scene: Scene, target: Target, answers: Answers) -> HostEntry:
    """Return the host that the answers name, or else the one that was pointed at; raises what speaks against it."""
    name = answers.get("host") or target.host
    entry = scene.fleet.host(str(name))
    if entry is None:
        raise NotFound(f"There is no host {safe(str(name))}.")
    if entry.state is None or not entry.condition.is_answering:
        raise Unreachable(silence(entry), hint="Choose another host, or reconnect to it.")
    return entry


async def _stock(backend: Backend, entry: HostEntry) -> Stock:
    if entry.state is None:
        raise Unreachable(silence(entry))
    return await stock_of(backend, entry.state)


async def _seen(scene: Scene, entry: HostEntry, stock: Stock, answers: Answers) -> View:
    keys = await public_keys(answers)
    local, fault = await local_file(answers)
    return View(scene, entry, stock, keys, local, fault, usual_user())


async def devices_of(answers: Answers) -> str:
    """Return the XML of further devices from the file that the answers name; raises Refused."""
    text = answers.get("devices")
    if not isinstance(text, str) or not text:
        return ""
    return await asyncio.to_thread(_read_devices, text)


def _read_devices(text: str) -> str:
    try:
        path = Path(text).expanduser()
        if not path.is_file() or path.stat().st_size > LARGEST_DEVICES:
            raise Refused(f"{safe(text)} is no file of devices.")
        return path.read_text("utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        raise Refused(f"{safe(text)} cannot be read.") from error


def _image_format(view: View, plan: Plan) -> str:
    image = plan.spec.disk.image
    if image is None:
        return ""
    known = view.stock.volume(str(image))
    return known.format if known is not None else plan.bring.file.image.kind if plan.bring is not None else ""


def _instance(plan: Plan) -> str:
    """Return what tells this making from all others: the new VM's own UUID."""
    return f"iid-{plan.spec.uuid}"


class Halt:
    """A person's wish to stop, and what is under way."""

    def __init__(self) -> None:
        self.asked = False
        self._stream: Stream | None = None

    def ask(self) -> None:
        """Stop what is streamed now, and begin nothing more."""
        self.asked = True
        if self._stream is not None:
            self._stream.halt()

    @contextmanager
    def over(self, stream: Stream) -> Iterator[None]:
        """Let the wish reach a stream while it lasts."""
        self._stream = stream
        if self.asked:
            stream.halt()
        try:
            yield
        finally:
            self._stream = None
            stream.close()

    def check(self) -> None:
        """Raise Aborted when a person has asked for it."""
        if self.asked:
            raise Aborted("It was stopped.")


class Work:
    """One VM while it is made."""

    def __init__(self, context: Context, target: Target, plan: Plan, halt: Halt) -> None:
        self._context = context
        self._backend = context.backend
        self._target = target
        self._plan = plan
        self._halt = halt
        self._begun: list[VolumeName] = []  # also the one of which nobody knows whether it was made
        self._doubtful: VolumeName | None = None
        self._defining = False
        self.volumes: dict[VolumeName, Volume] = {}

    async def bring(self) -> None:
        """Send the file of this machine."""
        bring = self._plan.bring
        if bring is None:
            return
        what = f"sending {safe(bring.file.name)} to {safe(bring.to.pool)}"
        await self._send(bring.to, Stream.of_file(bring.file), bring.file.image.kind, what)

    async def disk(self) -> None:
        """Make the disk."""
        new = self._plan.disk
        if new is None:
            return
        self._halt.check()
        name = VolumeName(new.pool, new.name)
        how = f"copying {safe(str(new.copy_of))} to" if new.copy_of is not None else "making"
        self._context.progress(f"{how} {safe(str(name))}")
        await self._kept(name, self._backend.storage.create_volume(new))

    async def seed(self) -> None:
        """Make the seed, and send it."""
        seed = self._plan.spec.seed
        if seed is None or seed.volume is None:
            return
        data = seed_iso(seed, _instance(self._plan))
        await self._send(seed.volume, Stream.of_bytes(data), "iso", f"sending the seed {safe(str(seed.volume))}")

    async def _send(self, to: VolumeName, stream: Stream, kind: str, what: str) -> None:
        with self._halt.over(stream):
            self._halt.check()
            self._context.progress(what, 0.0)
            pace = Pace(what, stream.size, self._context, time.monotonic)
            upload = self._backend.storage.upload(to.pool, to.name, stream, kind=kind, progress=pace)
            await self._kept(to, sent(stream, upload))

    async def _kept(self, name: VolumeName, making: Awaitable[Volume]) -> None:
        """Await a new volume, and remember it; whose answer does not come is remembered too."""
        try:
            self._doubtful = name
            self.volumes[name] = await making
        except BackendError as error:
            if not error.unknown:
                self._doubtful = None
            raise
        self._doubtful = None
        self._begun.append(name)

    async def define(self, devices: str) -> None:
        """Store the definition; the hypervisor validates it."""
        self._halt.check()
        self._context.progress("defining it")
        spec = with_paths(self._plan, self.volumes)
        document = with_devices(await self._backend.creation.xml(spec), devices)
        self._defining = True
        try:
            await self._backend.creation.define(document)
        except Conflict:
            self._defining = False  # whoever has the name or the UUID keeps it
            raise
        except BackendError as error:
            if not error.unknown:
                self._defining = False
                raise
            if await self._look() is None:
                raise

    async def start(self) -> bool:
        """Start it, and tell whether it was seen to run; raises Refused when the start check speaks against it."""
        vm = await self._look()
        if vm is None:
            raise NotFound(f"{safe(self._target.name)} was defined, and is gone again.")
        scene = self._context.scene()
        entry = scene.fleet.host(self._target.host)
        if entry is not None:
            finding = start_check(scene, entry, vm)
            if finding.refusal:
                raise Refused(finding.refusal, hint=finding.hint)
        self._context.progress("starting it")
        try:
            await self._backend.power.start(self._target.uuid)
        except BackendError as error:
            if not error.unknown or not await self._runs():
                raise
            return True
        return await self._runs()

    async def _runs(self) -> bool:
        def runs(vm: Vm | None) -> bool:
            return vm is not None and vm.state is VmState.RUNNING

        return await self._context.wait_for(runs, UP_WITHIN)

    async def _look(self) -> Vm | None:
        return await self._context.look(self._target.host)

    async def take_back(self) -> tuple[str, ...]:
        """Remove what was made, last first; return what is left, each with the reason."""
        left = []
        made = [*self._begun, *([self._doubtful] if self._doubtful else [])]
        if self._defining:
            try:
                if (vm := await self._look()) is not None and vm.is_active:
                    return (f"all of it, for somebody has started {safe(self._target.name)}",)
                await self._backend.definition.undefine(self._target.uuid, nvram=True, snapshots=True, saved=True)
            except NotFound:
                pass
            except BackendError as error:  # where a definition may be, somebody may start it
                why = safe(error.text).rstrip(".")
                return (f"the definition of {safe(self._target.name)} ({why})", *(safe(str(name)) for name in made))
        for name in reversed(made):
            try:
                await self._backend.storage.delete_volume(name.pool, name.name)
            except NotFound as error:
                if name == self._doubtful:
                    left.append(f"perhaps {safe(str(name))}: it may still come ({safe(error.text).rstrip('.')})")
            except BackendError as error:
                left.append(f"{safe(str(name))} ({safe(error.text).rstrip('.')})")
        return tuple(left)


async def create(context: Context, target: Target, answers: Answers) -> str:
    """Make the VM; when anything fails, what this made is removed and nothing else."""
    context.progress("checking again")
    plan, devices = await _checked(context, target, answers)
    halt = Halt()
    work = Work(context, target, plan, halt)
    name, host = safe(target.name), safe(target.host)
    if volumes := _volumes_of(plan):
        context.touches(*map(str, volumes))
    try:
        with context.stoppable(halt.ask):
            await work.bring()
            await work.disk()
            await work.seed()
            await work.define(devices)
            halt.check()
    except (KvmtuiError, asyncio.CancelledError) as error:
        raise await _taken_back(work, name, error) from error
    if not plan.start:
        await context.look(target.host)
        return f"{name} was made on {host}; it is off."
    try:
        runs = await work.start()
    except BackendError as error:
        if error.unknown:
            raise  # it may be running: nothing is taken away from under it
        raise await _taken_back(work, name, error) from error
    except KvmtuiError as error:
        raise await _taken_back(work, name, error) from error
    if not runs:
        raise BackendError(f"{name} was made on {host} and started, but it does not run.", hint="See its journal.")
    return f"{name} was made on {host} and started."


def _volumes_of(plan: Plan) -> list[VolumeName]:
    """Return the volumes that are made, in order."""
    made = [plan.bring.to] if plan.bring is not None else []
    if plan.disk is not None:
        made.append(VolumeName(plan.disk.pool, plan.disk.name))
    seed = plan.spec.seed
    return [*made, *([seed.volume] if seed is not None and seed.volume is not None else [])]


async def _checked(context: Context, target: Target, answers: Answers) -> tuple[Plan, str]:
    """Read the host anew and plan again; raises what speaks against it, before anything was sent."""
    backend = context.backend
    if await backend.host_uuid() != target.host_uuid:
        raise Refused(f"{safe(target.host)} is another machine than when you chose it: nothing was done.")
    scene = context.scene()
    entry = _chosen(scene, target, {"host": target.host})
    view = await _seen(scene, entry, await _stock(backend, entry), answers)
    plan = planned(view, target, answers)
    warnings(view, plan)
    context.written("\n".join(shell_lines(target, answers, _image_format(view, plan))))
    return plan, await devices_of(answers)


async def _taken_back(work: Work, name: str, error: BaseException) -> KvmtuiError:
    """Take back what was made, and return the error that says how it ended."""
    ends = isinstance(error, asyncio.CancelledError)
    try:
        async with asyncio.timeout(LEAVING if ends else REMOVE_WITHIN):
            left = await work.take_back()
    except TimeoutError:
        left = ("what had been made, for its host does not answer",)
    rest = f"Left there: {'; '.join(left)}." if left else "Nothing is left of it."
    if ends:
        return Aborted(f"kvmtui ended before {name} was made. {rest}")
    if isinstance(error, Aborted):
        return Aborted(f"{name} was not made: {error.text} {rest}", hint=error.hint)
    text = f"{name} was not made: {safe(str(error), limit=1500)} {rest}"
    if isinstance(error, BackendError):
        return type(error)(text, unknown=error.unknown and bool(left))
    return type(error)(text) if isinstance(error, KvmtuiError) else KvmtuiError(text)
