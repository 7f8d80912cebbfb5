"""What can be done to a host's connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvmtui.commands.base import Command, FieldKind, Judgement, Level, Noun, Question, Scene
from kvmtui.commands.duration import seconds_in, span_fault
from kvmtui.commands.virsh import line
from kvmtui.core.errors import Refused
from kvmtui.core.inventory import ConditionKind, Guard, HostEntry
from kvmtui.core.text import safe
from kvmtui.core.units import hhmm

if TYPE_CHECKING:
    from kvmtui.commands.base import Answers, Context, Target

LONGEST_UNLOCK = 24 * 3600


def time_fault(text: str) -> str:
    """Return what is wrong with how long a host is unlocked, "" when nothing is."""
    if fault := span_fault(text):
        return fault
    return "" if 0 < (seconds_in(text) or 0) <= LONGEST_UNLOCK else "A host is unlocked for up to 24h."


TIME = Question(
    "time", "for how long", FieldKind.TEXT, "As in 15m or 2h.", initial="15m", required=True, check=time_fault
)


@dataclass(frozen=True, slots=True)
class HostJudge:
    """The judgement of a command on a host; called with the scene and the target."""

    refusal: Callable[[Scene, HostEntry], tuple[str, str]]  # a sentence and a hint, "" when nothing speaks against it

    def __call__(self, scene: Scene, target: Target) -> Judgement:
        """Return the refusal, or the level of an ordinary change."""
        entry = scene.fleet.host(target.host)
        if entry is None:
            return Judgement(Level.ORDINARY, f"{safe(target.name)} is not among the hosts.")
        refusal, hint = self.refusal(scene, entry)
        easy = entry.guard is Guard.FREE and not refusal
        return Judgement(Level.EASY if easy else Level.ORDINARY, refusal, hint)


def _may_connect(_scene: Scene, _entry: HostEntry) -> tuple[str, str]:
    """Let a host be connected to anew in every condition: that may be just what it needs."""
    return "", ""


def _may_let_go(_scene: Scene, entry: HostEntry) -> tuple[str, str]:
    if entry.condition.kind is ConditionKind.DISCONNECTED:
        return f"{safe(entry.name)} is not connected.", ""
    return "", ""


def _may_unlock(scene: Scene, entry: HostEntry) -> tuple[str, str]:
    if scene.fleet.read_only:
        return "kvmtui runs read-only: no host can be unlocked.", "Start it without --read-only."
    if entry.guard is not Guard.READ_ONLY:
        return f"{safe(entry.name)} is not locked.", ""
    return "", ""


async def reconnect(context: Context, target: Target, _answers: Answers) -> str:
    """Close what is open to the host and open it anew."""
    await context.reconnect()
    return f"{safe(target.name)} is being connected to anew."


async def disconnect(context: Context, target: Target, _answers: Answers) -> str:
    """Let the host go; what was seen last stays on the screen."""
    await context.disconnect()
    return f"{safe(target.name)} was let go."


async def unlock(context: Context, target: Target, answers: Answers) -> str:
    """Let a read-only host be changed for a while."""
    seconds = seconds_in(str(answers["time"]))
    if not seconds:
        raise Refused(f"{safe(str(answers['time']))} is no time.", hint="Say 90s, 15m or 2h.")
    await context.unlock(float(seconds))
    return f"{safe(target.name)} can be changed until {hhmm(context.scene().now + seconds)}."


def _no_line(_target: Target, _answers: Answers) -> str:
    """Return nothing: virsh knows nothing like it."""
    return ""


HOST = (
    Command(
        "host.reconnect",
        Noun.HOST,
        ("x", "r"),
        "reconnect",
        "Connect to the host anew.",
        HostJudge(_may_connect),
        reconnect,
        lambda target, _answers: line(target, "uri"),
        aliases=("connect",),
        headless=False,
    ),
    Command(
        "host.disconnect",
        Noun.HOST,
        ("x", "o"),
        "disconnect",
        "Let the host go until it is reconnected; its VMs run on.",
        HostJudge(_may_let_go),
        disconnect,
        _no_line,
        headless=False,
    ),
    Command(
        "host.unlock",
        Noun.HOST,
        None,
        "unlock",
        "Let a host that the configuration makes read-only be changed for a while.",
        HostJudge(_may_unlock),
        unlock,
        _no_line,
        questions=(TIME,),
        many=False,
        headless=False,
    ),
)
