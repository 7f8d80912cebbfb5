"""Bringing a file of this machine into a pool: what is asked, and the task that streams it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.commands.base import Preview, Question, Target
from kvmtui.commands.judge import silence
from kvmtui.commands.making_fields import POOL, UPLOAD_FILE, UPLOAD_NAME
from kvmtui.commands.making_lines import upload_lines
from kvmtui.commands.making_questions import host_question, pool_choices
from kvmtui.commands.making_stock import local_file, need_pools
from kvmtui.commands.streaming import LocalFile, Pace, Stream, sent
from kvmtui.core import naming
from kvmtui.core.errors import NotFound, Refused, Unreachable
from kvmtui.core.sizing import said_by
from kvmtui.core.text import safe
from kvmtui.core.units import size

if TYPE_CHECKING:
    from kvmtui.commands.base import Answers, Context, Reach, Scene
    from kvmtui.core.inventory import HostEntry, Volume


class Uploading:
    """The `commands.base.Interview` of bringing a file into a pool."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._volumes: dict[tuple[str, str], tuple[Volume, ...]] = {}

    async def questions(self, scene: Scene, target: Target, answers: Answers) -> tuple[Question, ...]:
        """Return the questions, with the pools of the host."""
        entry = _answering(scene, str(answers.get("host") or target.host))
        pools = entry.state.pools if entry.state is not None else ()
        if entry.state is not None:
            need_pools(entry.state)
        choices = pool_choices(pools)
        names = [choice.value for choice in choices if not choice.blocked]
        given = answers.get("pool")
        pool = given if isinstance(given, str) and given in names else "default" if "default" in names else ""
        roomy = max((each for each in pools if each.name in names), key=lambda each: each.available, default=None)
        pool = pool or (roomy.name if roomy is not None else "")
        local, fault = await local_file(answers)
        room = next((each.available for each in pools if each.name == pool), 0)
        if local is not None and not fault and local.length > room:
            fault = f"{safe(pool)} has {size(room)} left, and it needs {size(local.length)}."
        written = answers.get("file")
        taken = {volume.name for volume in await self._in(entry.name, pool)} if pool else set()

        def name_fault(name: str) -> str:
            name = name or (local.name if local is not None else "")
            if not name:
                return ""
            return said_by(naming.new_volume_name)(name) or (f"{pool} has a volume {name} already." * (name in taken))

        return (
            replace(UPLOAD_FILE, check=lambda text: fault if text == written else ""),
            host_question(scene, entry.name),
            replace(POOL, choices=choices, initial=pool),
            replace(UPLOAD_NAME, check=name_fault),
        )

    async def _in(self, host: str, pool: str) -> tuple[Volume, ...]:
        if (host, pool) not in self._volumes:
            self._volumes[host, pool] = await self._reach(host).storage.volumes(pool)
        return self._volumes[host, pool]

    def target(self, scene: Scene, target: Target, answers: Answers) -> Target:
        """Return the host that the answers name."""
        return Target.of_host(_answering(scene, str(answers.get("host") or target.host)))

    async def preview(self, scene: Scene, target: Target, answers: Answers) -> Preview:
        """Return what would be sent where."""
        local, fault = await local_file(answers)
        if local is None:
            raise Refused(fault or "The file is missing.")
        made = self.target(scene, target, answers)
        name, pool = str(answers["name"]) or local.name, str(answers["pool"])
        said = (
            f"{safe(str(local.path))} ({size(local.length)}, {local.image.kind}) is sent to {safe(pool)}/{safe(name)}"
        )
        return Preview((f"{said} on {safe(made.host)}.",), upload_lines(made, str(local.path), pool, name))


def _answering(scene: Scene, name: str) -> HostEntry:
    entry = scene.fleet.host(name)
    if entry is None:
        raise NotFound(f"There is no host {safe(name)}.")
    if entry.state is None or not entry.condition.is_answering:
        raise Unreachable(silence(entry), hint="Choose another host, or reconnect to it.")
    return entry


async def upload(context: Context, target: Target, answers: Answers) -> str:
    """Stream a file of this machine into a pool; one that is stopped or fails leaves nothing."""
    local = await asyncio.to_thread(LocalFile.at, str(answers["file"]))
    pool, name = str(answers["pool"]), str(answers["name"]) or local.name
    naming.new_volume_name(name)
    storage = context.backend.storage
    if any(volume.name == name for volume in await storage.volumes(pool)):
        raise Refused(f"The pool {safe(pool)} of {safe(target.host)} has a volume {safe(name)} already.")
    stream = Stream.of_file(local)
    what = f"sending {safe(local.name)} to {safe(pool)}"
    pace = Pace(what, stream.size, context, time.monotonic)
    context.progress(what, 0.0)
    context.touches(f"{pool}/{name}")
    try:
        with context.stoppable(stream.halt):
            made = await sent(stream, storage.upload(pool, name, stream, kind=local.image.kind, progress=pace))
    finally:
        stream.close()
    return f"{safe(local.name)} is now {safe(pool)}/{safe(made.name)} on {safe(target.host)}: {size(made.capacity)}."
