"""One row gives a command its key, footer entry, help, palette entry, confirmation, CLI verb and virsh line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kvmtui.backend.base import Backend
from kvmtui.core.errors import Refused
from kvmtui.core.inventory import Fleet, HostEntry, TaskView, Vm, VmRef, VmState
from kvmtui.core.policy import Policy

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


MOST_NAMED = 12  # choices that a sentence about a wrong one names


class Noun(Enum):
    """What a command acts on."""

    VM = "vm"
    HOST = "host"
    TASK = "task"

    @property
    def word(self) -> str:
        """What a sentence calls it."""
        return "VM" if self is Noun.VM else self.value


class Level(IntEnum):
    """What would be lost, and so what is asked."""

    LOOK = 0
    EASY = 1  # asks nothing
    ORDINARY = 2  # `enter` for one, the number typed for several
    FORCED = 3  # `!` again for one, the number typed for several
    LOSS = 4  # the full name typed for one, "delete N" for several


class Target(NamedTuple):
    """What a command was asked for: fixed when the leader key is pressed, and checked again before acting."""

    host: str  # the fleet's name of the host
    host_uuid: str
    uuid: str  # of the VM; "" for a command on a host; a task's id for a command on a task
    name: str  # as shown
    state: VmState | None  # as seen; None for a host or a task
    uri: str = ""  # of the host, for the virsh line
    persistent: bool = True  # a definition of it is stored; for the virsh line, too
    tpm: bool = False  # it has one; the same

    @property
    def ref(self) -> VmRef:
        """The VM's address."""
        return VmRef(self.host, self.uuid)

    @classmethod
    def of_vm(cls, entry: HostEntry, vm: Vm) -> Target:
        """Fix a VM as it is seen now."""
        host_uuid = entry.state.host.uuid if entry.state else ""
        return cls(entry.name, host_uuid, vm.uuid, vm.name, vm.state, entry.uri, vm.persistent, vm.tpm)

    @classmethod
    def of_host(cls, entry: HostEntry) -> Target:
        """Fix a host as it is seen now."""
        host_uuid = entry.state.host.uuid if entry.state else ""
        return cls(entry.name, host_uuid, "", entry.name, None, entry.uri)

    @classmethod
    def of_task(cls, task: TaskView) -> Target:
        """Fix a task; its name says what it does, and to what."""
        return cls(task.host, task.host_uuid, task.id, f"{task.label} {task.vm or task.host}", None)


class FieldKind(Enum):
    """How a question is answered."""

    TEXT = "text"
    FLAG = "flag"
    ONE = "one"  # one of the choices
    SOME = "some"  # any of the choices


class Choice(NamedTuple):
    """A possible answer; `blocked` says why it cannot be chosen, `note` what to know about it."""

    value: str
    label: str
    note: str = ""
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing a command asks: a field of a form, or an option of the command line (`--name`)."""

    name: str
    label: str
    kind: FieldKind
    help: str
    initial: str | bool | tuple[str, ...] = ""
    choices: tuple[Choice, ...] = ()
    required: bool = False
    option: bool = False  # an option of `:` and of the command line only: no form opens for it
    alone: bool = False  # asked for one target only: of several, each keeps the first answer
    check: Callable[[str], str] | None = None
    """Says what is wrong with an answer that is a text, one sentence; "" when nothing is."""

    def fault(self, answer: Answer) -> str:
        """Return what is wrong with an answer, "" when nothing is."""
        if self.required and not answer:
            return f"{self.label} is needed."
        if self.check is not None and isinstance(answer, str):
            return self.check(answer)
        values = {choice.value: choice for choice in self.choices}
        given = (answer,) if isinstance(answer, str) else answer if isinstance(answer, tuple) else ()
        for value in given if values else ():
            if value not in values:
                more = f" and {len(values) - MOST_NAMED} more" if len(values) > MOST_NAMED else ""
                return f"{self.label} has no choice {value}: there is {', '.join(list(values)[:MOST_NAMED])}{more}."
            if values[value].blocked:
                return f"{value} cannot be chosen: {values[value].blocked}."
        return ""


Answer = str | bool | tuple[str, ...]
Answers = Mapping[str, Answer]
"""By question name; validated by `Command.validate` before anything runs."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a judgement may look at. Pure."""

    fleet: Fleet
    policy: Policy
    now: float  # epoch seconds
    listed: Mapping[str, float] = field(default_factory=dict)  # when all VMs of a host were last read, by its name
    moves: tuple[TaskView, ...] = ()  # moves that the journal tells of, also those of other programs and runs


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a command may run on a target now: a refusal, or the level at which it asks, and what to know."""

    level: Level
    refusal: str = ""  # one sentence; "" when it may run
    hint: str = ""
    warnings: tuple[str, ...] = ()  # shown in the confirmation

    @property
    def allowed(self) -> bool:
        """Whether it may run."""
        return not self.refusal


class Context(Protocol):
    """What a running command is given."""

    @property
    def backend(self) -> Backend:
        """The target's host."""
        ...

    @property
    def entry(self) -> HostEntry:
        """The target's host in the fleet, as last published."""
        ...

    def backend_of(self, host: str) -> Backend:
        """Return another host of the fleet; raises NotFound."""
        ...

    def stoppable(self, stop: Callable[[], None]) -> AbstractContextManager[None]:
        """While it lasts, cancelling the task calls `stop`; the command then ends itself, by Aborted or as it may."""
        ...

    def progress(self, message: str, percent: float | None = None) -> None:
        """Say how far it is."""
        ...

    def written(self, virsh: str) -> None:
        """Say which virsh line does what is really done, where that shows only now."""
        ...

    def touches(self, *volumes: str) -> None:
        """Say which volumes it makes or deletes from here on, as pool/name or by path: the journal keeps it."""
        ...

    async def look(self, host: str) -> Vm | None:
        """Read the target VM anew on this or another host; None: it is not there. What is read is shown at once."""
        ...

    @property
    def shutdown_wait(self) -> float:
        """How many seconds a guest has to shut down, by the settings."""
        ...

    def scene(self) -> Scene:
        """Return what is known now, of all hosts."""
        ...

    async def wait_for(self, test: Callable[[Vm | None], bool], seconds: float) -> bool:
        """Return True when the target VM (None: gone), read again at each event, passes; False when time is up."""
        ...

    async def reconnect(self) -> None:
        """Close and open the target's host anew."""
        ...

    async def disconnect(self) -> None:
        """Let the target's host go until it is reconnected."""
        ...

    async def unlock(self, seconds: float) -> None:
        """Let the target's read-only host be changed for a while."""
        ...

    def cancel_task(self, task_id: str) -> bool:
        """Ask a task to stop; False when it cannot be stopped."""
        ...


Reach = Callable[[str], Backend]
"""Gives the backend of a host by its name in the fleet; raises NotFound."""

Run = Callable[[Context, Target, Answers], Awaitable[str]]
"""Does it and returns what was done, one sentence; raises KvmtuiError."""


class Preview(NamedTuple):
    """What would be done with some answers: raw text, made safe where it is shown."""

    lines: tuple[str, ...]  # sentences for the review: what is made, and what to know
    commands: tuple[str, ...]  # the shell lines that do the same, in order
    document: str = ""  # the definition that would be stored
    warnings: tuple[str, ...] = ()  # of the lines, those that without a person need to be agreed to


class Interview(Protocol):
    """The questions of something that is to be made: asked anew as answers come, each host read once."""

    async def questions(self, scene: Scene, target: Target, answers: Answers) -> tuple[Question, ...]:
        """Return what is asked once these answers were given; a first answer is what goes without saying."""
        ...

    def target(self, scene: Scene, target: Target, answers: Answers) -> Target:
        """Return what a task would act on: the host that the answers name, and what would be made there."""
        ...

    async def preview(self, scene: Scene, target: Target, answers: Answers) -> Preview:
        """Return what would be done, having changed nothing; raises KvmtuiError when it would be refused."""
        ...


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a person can do to an item."""

    id: str  # "vm.force-off": what people rebind, and the CLI verb without its noun
    noun: Noun
    chord: tuple[str, str] | None  # leader and letter; None: palette, `:` and CLI only
    label: str  # "force off"
    help: str  # one sentence for `?`, the palette and --help
    judge: Callable[[Scene, Target], Judgement]
    run: Run
    virsh: Callable[[Target, Answers], str]
    aliases: tuple[str, ...] = ()  # other names that `:` and the palette know, e.g. virsh's "destroy"
    questions: tuple[Question, ...] = ()  # all that it can ask; the CLI makes options of these
    ask: Callable[[Backend, Target], Awaitable[tuple[Question, ...]]] | None = None
    """The same questions with the choices and first answers of this target, read from the host."""
    survey: Callable[[Scene, Reach, Target], Awaitable[tuple[Question, ...]]] | None = None
    """Like `ask`, for a command that reads more hosts than its target's."""
    toward: str = ""  # the question that names a second host, on which it works too
    proof: Callable[[Vm | None], bool] | None = None
    """Whether what is read afterwards shows that it was done; used when the outcome is unknown."""
    many: bool = True  # may be run on all marked
    key: str = ""  # the single key that opens its form; only for a command that asks something
    headless: bool = True  # whether it is a verb of the command line
    level: Level = Level.ORDINARY  # the usual one; `judge` says the one that holds now
    narrow: Callable[[Scene, Target, tuple[Question, ...]], tuple[Question, ...]] | None = None
    """Blocks, of the questions that `ask` read from the host, what other hosts forbid. Pure."""
    interview: Callable[[Reach], Interview] | None = None
    """Asks in place of `ask` and `survey`: for a command whose questions hang on the answers."""
    interview_all: Callable[[Reach, tuple[Target, ...]], Interview] | None = None
    """The same for a command on several targets together."""
    title: str = ""  # of its form, where "label target" does not say it

    @property
    def verb(self) -> str:
        """Its name on the command line and after `:`, the id without its noun."""
        return self.id.partition(".")[2]

    @property
    def form(self) -> tuple[Question, ...]:
        """The questions that a form shows before it runs."""
        return tuple(question for question in self.questions if not question.option)

    async def asked(self, scene: Scene, reach: Reach, target: Target) -> tuple[Question, ...]:
        """Return the questions with the choices and first answers of this target."""
        if self.survey is not None:
            questions = await self.survey(scene, reach, target)
        else:
            questions = self.questions if self.ask is None else await self.ask(reach(target.host), target)
        return questions if self.narrow is None else self.narrow(scene, target, questions)

    def complete(self, questions: Sequence[Question], answers: Answers) -> Answers:
        """Return the answers to what is asked now, with what goes without saying; raises Refused for a wrong one."""
        asked = {question.name: question for question in questions}
        for name in answers:
            if name not in asked:
                raise Refused(f"{name} does not go with the other answers.")
        full = {name: answers.get(name, question.initial) for name, question in asked.items()}
        for name, question in asked.items():
            if fault := question.fault(full[name]):
                raise Refused(fault)
        return {question.name: question.initial for question in self.questions} | full

    def validate(self, answers: Answers) -> Answers:
        """Return the answers with what was not given filled in; raises Refused for one that will not do."""
        known = {question.name: question for question in self.questions}
        for name in answers:
            if name not in known:
                raise Refused(f"{self.label} has no option {name}.")
        full: dict[str, Answer] = {}
        for question in self.questions:
            answer = answers.get(question.name, question.initial)
            if fault := question.fault(answer):
                raise Refused(fault)
            full[question.name] = answer
        return full
