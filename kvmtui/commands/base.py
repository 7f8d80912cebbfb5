"""One row gives a command its key, footer entry, help, palette entry, confirmation, CLI verb and virsh line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple, Protocol

from kvmtui.backend.base import Backend
from kvmtui.core.errors import Refused
from kvmtui.core.inventory import Fleet, HostEntry, Vm, VmRef, VmState
from kvmtui.core.policy import Policy


class Noun(Enum):
    """What a command acts on."""

    VM = "vm"
    HOST = "host"
    TASK = "task"


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

    @property
    def ref(self) -> VmRef:
        """The VM's address."""
        return VmRef(self.host, self.uuid)


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


Answer = str | bool | tuple[str, ...]
Answers = Mapping[str, Answer]
"""By question name; validated by `Command.validate` before anything runs."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a judgement may look at. Pure."""

    fleet: Fleet
    policy: Policy
    now: float  # epoch seconds


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

    def progress(self, message: str, percent: float | None = None) -> None:
        """Say how far it is."""
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

    def cancel_task(self, task_id: str) -> bool:
        """Ask a task to stop; False when it cannot be stopped."""
        ...


Run = Callable[[Context, Target, Answers], Awaitable[str]]
"""Does it and returns what was done, one sentence; raises KvmtuiError."""


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
    proof: Callable[[Vm | None], bool] | None = None
    """Whether what is read afterwards shows that it was done; used when the outcome is unknown."""
    many: bool = True  # may be run on all marked

    def validate(self, answers: Answers) -> Answers:
        """Return the answers with what was not given filled in; raises Refused for a missing or unknown one."""

        known = {question.name: question for question in self.questions}
        for name in answers:
            if name not in known:
                text = f"{self.id} has no option {name!r}."
                raise Refused(text)
        full: dict[str, Answer] = {}
        for question in self.questions:
            answer = answers.get(question.name, question.initial)
            if question.required and not answer:
                text = f"{self.label} needs {question.label}."
                raise Refused(text)
            full[question.name] = answer
        return full
