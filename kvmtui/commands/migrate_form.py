"""What is asked before a VM is moved: which host can take it, how its disks get there, and what to agree to."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.commands.base import Choice, Preview, Question
from kvmtui.commands.judge import WORDS
from kvmtui.commands.moving import Case, copied_bytes, lines_of, plan_of, read_case, storage_words
from kvmtui.commands.moving_fields import BANDWIDTH, STORAGE, TO, UNSAFE, VIA
from kvmtui.core.errors import Refused
from kvmtui.core.text import safe
from kvmtui.core.units import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kvmtui.commands.base import Answers, Reach, Scene, Target
    from kvmtui.core.migration import MovePlan, Verdict

READ_AT_ONCE = 8
"""How many marked VMs the form asks the hosts about; the others are judged when their turn comes."""


async def survey(scene: Scene, reach: Reach, target: Target) -> tuple[Question, ...]:
    """Ask all other hosts whether they can take the VM."""
    return await MoveInterview(reach, (target,)).questions(scene, target, {})


class MoveInterview:
    """The questions of a move of one VM or several; every host is asked once, and once more for the review."""

    def __init__(self, reach: Reach, targets: Sequence[Target]) -> None:
        self._reach = reach
        self._targets = tuple(targets)
        self._cases: tuple[Case, ...] = ()

    async def questions(self, scene: Scene, _target: Target, answers: Answers) -> tuple[Question, ...]:
        """Return what is asked once these answers were given."""
        if not self._cases:
            self._cases = await self._read(scene)
        choices = _choices(scene, self._cases, len(self._targets))
        able = [choice.value for choice in choices if not choice.blocked]
        to = replace(TO, choices=choices, initial=able[0] if len(able) == 1 else "")
        host = str(answers.get("to") or to.initial)
        given = {**answers, "to": host}
        asked = [to]
        if any(not disk.readonly for case in self._cases for disk in case.subject.disks):
            asked.append(replace(STORAGE, choices=tuple(self._way(choice, given) for choice in STORAGE.choices)))
        judged = [found for case in self._cases if (found := case.verdict(host, given)) is not None]
        if any(one.unsafe and not one.obstacles for one in judged):
            asked.append(UNSAFE)
        asked.append(BANDWIDTH)
        unknown = any(host in case.offers and not case.offers[host].address for case in self._cases)
        asked.append(replace(VIA, option=not (host and unknown)))
        return tuple(asked)

    def target(self, _scene: Scene, target: Target, _answers: Answers) -> Target:
        """Return what a task acts on: the VM itself."""
        return target

    async def preview(self, scene: Scene, _target: Target, answers: Answers) -> Preview:
        """Ask the chosen host again, and return what would be done; raises Refused when no VM can go there."""
        host = str(answers.get("to", ""))
        lines: list[str] = []
        commands: list[str] = []
        refused: list[Refused] = []
        able = sent = 0
        for case in await self._read(scene, host):
            try:
                plan, judged = plan_of(case, host, answers)
            except Refused as error:
                refused.append(error)
                continue
            name = f"{safe(case.subject.name)}: " if len(self._targets) > 1 else ""
            lines += [f"{name}{told}" for told in _told(case, host, plan, judged)]
            commands += lines_of(case, host, plan)
            able += 1
            sent += copied_bytes(case, judged)
        if refused and not commands:
            raise refused[0]
        lines += [f"Not moved: {error}" for error in refused]
        if len(self._targets) > 1:
            lines.insert(0, self._summary(host, able, len(refused), sent))
        return Preview(tuple(lines), tuple(commands))

    def _summary(self, host: str, able: int, refused: int, sent: int) -> str:
        """Return what matters over all the VMs, one line."""
        asked, whole = able + refused, len(self._targets)
        of = str(whole) if asked == whole else f"the first {asked}"
        copied = f" and {size(sent)} of disks are copied" if sent else ""
        rest = f"; {whole - asked} more are judged when their turn comes" if whole > asked else ""
        return f"{able} of {of} can go to {safe(host)}{copied}{rest}."

    async def _read(self, scene: Scene, host: str = "") -> tuple[Case, ...]:
        hosts = {host} if host else None
        targets = self._targets[:READ_AT_ONCE]
        return tuple(await asyncio.gather(*(read_case(scene, self._reach, one, hosts) for one in targets)))

    def _way(self, choice: Choice, answers: Answers) -> Choice:
        """Say what a way means for the chosen host, or why it cannot be."""
        host = str(answers["to"])
        wanted = {**answers, "copy-storage": choice.value}
        if not host or len(self._cases) > 1:
            return choice
        case = self._cases[0]
        judged = case.verdict(host, wanted)
        if judged is None or case.refusal(host, {**answers, "copy-storage": "auto"})[0]:
            return choice
        refusal, _ = case.refusal(host, wanted)
        return choice._replace(note=storage_words(case, judged), blocked=refusal.rstrip("."))


def _choices(scene: Scene, cases: Sequence[Case], whole: int) -> tuple[Choice, ...]:
    """Offer the hosts, those that can take the VM first, with the most memory free; the others say why not."""
    found: list[tuple[float, Choice]] = []
    sources = {case.target.host for case in cases}
    for entry in scene.fleet.hosts:
        if sources == {entry.name}:
            continue
        found.append(_choice(entry.name, cases, whole))
    found.sort(key=lambda one: one[0])
    return tuple(choice for _, choice in found)


def _choice(host: str, cases: Sequence[Case], whole: int) -> tuple[float, Choice]:
    """Return a host as an answer for so many VMs, of which these were asked about, and where it stands among them."""
    refusals = [case.refusal(host, {}) for case in cases]
    able = [case for case, (text, _) in zip(cases, refusals, strict=True) if not text]
    if not able:
        text, hint = refusals[0]
        return 1.0, Choice(host, host, blocked=f"{text} {hint}".strip().rstrip("."))
    free, notes = 0.0, []
    offer = able[0].offers[host]
    if offer.room is not None and offer.room.memory_free is not None:
        free = float(offer.room.memory_free)
        notes.append(f"{size(free)} free")
    if len(cases) > 1:
        if len(cases) < whole:
            notes.append(f"{len(able)} of the first {len(cases)} can")
        else:
            notes.append("all can go there" if len(able) == whole else f"{len(able)} of {whole} can go there")
    else:
        judged = able[0].verdict(host, {})
        if judged is not None:
            notes += [words] if (words := storage_words(able[0], judged)) else []
            notes += ["libvirt calls it unsafe"] if judged.unsafe else []
    return -free, Choice(host, host, note=", ".join(notes))


def _told(case: Case, host: str, plan: MovePlan, judged: Verdict) -> list[str]:
    """Return what is to be known of a move before it is begun."""
    name, there = safe(case.subject.name), safe(host)
    what = f"Moves {name} to {there} while it is {WORDS[case.subject.state]}"
    if not plan.live:
        what = f"Moves the definition of {name}, which is off, to {there}"
    words = storage_words(case, judged)
    lines = [f"{what}; {words}." if words else f"{what}."]
    if judged.unsafe:
        lines.append(f"You agree to this: {judged.unsafe}")
    return [*lines, *judged.cautions]
