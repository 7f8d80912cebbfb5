"""The rows that make something on a host: a VM, and a volume from a file of this machine.

What they do loads when it is first used: it is kept off the way to the first screen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.commands.base import Command, Judgement, Level, Noun, Target
from kvmtui.commands.judge import host_finding
from kvmtui.commands.making_fields import HOST, POOL, QUESTIONS, UPLOAD_FILE, UPLOAD_NAME

if TYPE_CHECKING:
    from kvmtui.commands.base import Answers, Context, Interview, Reach, Scene


def judge(scene: Scene, target: Target) -> Judgement:
    """Refuse what the host's condition or its guard rules out; nothing is lost by making something."""
    finding = host_finding(scene, scene.fleet.host(target.host), target)
    return Judgement(Level.EASY, finding.refusal, finding.hint)


async def _create(context: Context, target: Target, answers: Answers) -> str:
    from kvmtui.commands import making  # noqa: PLC0415 - only who makes a VM needs it

    return await making.create(context, target, answers)


def _create_lines(target: Target, answers: Answers) -> str:
    from kvmtui.commands.making_lines import shell_lines  # noqa: PLC0415 - only who makes a VM needs it

    return "\n".join(shell_lines(target, answers))


def _making(reach: Reach) -> Interview:
    from kvmtui.commands.making import Making  # noqa: PLC0415 - only who makes a VM needs it

    return Making(reach)


async def _upload(context: Context, target: Target, answers: Answers) -> str:
    from kvmtui.commands import uploading  # noqa: PLC0415 - only who sends a file needs it

    return await uploading.upload(context, target, answers)


def _upload_line(target: Target, answers: Answers) -> str:
    from kvmtui.commands.making_lines import upload_lines  # noqa: PLC0415 - only who sends a file needs it

    file, pool = str(answers.get("file") or "FILE"), str(answers.get("pool") or "POOL")
    return "\n".join(upload_lines(target, file, pool, str(answers.get("name") or "")))


def _uploading(reach: Reach) -> Interview:
    from kvmtui.commands.uploading import Uploading  # noqa: PLC0415 - only who sends a file needs it

    return Uploading(reach)


CREATE = (
    Command(
        "vm.create",
        Noun.HOST,
        None,
        "create",
        "Make a VM on the host: from a cloud image, an ISO or a kernel; a failure leaves nothing behind.",
        judge,
        _create,
        _create_lines,
        aliases=("new",),
        questions=QUESTIONS,
        interview=_making,
        many=False,
        level=Level.EASY,
        title="New VM",
    ),
    Command(
        "volume.upload",
        Noun.HOST,
        None,
        "upload",
        "Send an image or ISO of this machine to a pool of the host; one that is stopped leaves nothing behind.",
        judge,
        _upload,
        _upload_line,
        aliases=("vol-upload",),
        questions=(UPLOAD_FILE, HOST, POOL, UPLOAD_NAME),
        interview=_uploading,
        many=False,
        level=Level.EASY,
        title="Send a file to a pool",
    ),
)
