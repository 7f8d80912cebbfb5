"""The page of tasks: what was done, and when."""

from __future__ import annotations

import time

from kvmtui.core.inventory import TaskPhase, TaskView
from tests.screens.harness import FrozenClock, desk


async def test_what_was_done_on_another_day_does_not_look_like_tonight() -> None:
    clock = FrozenClock()
    before = time.localtime(clock.at - 3 * 86_400)
    async with desk(clock=clock) as it:
        for number, ago in enumerate((60, 3 * 86_400, 400 * 86_400)):
            at = clock.at - ago
            done = TaskView(
                str(number), "vm.start", f"start {number}", "hv1", "", "web-1", "", "ann", TaskPhase.DONE, at
            )
            it.engine.journal.begin(done)
            it.engine.journal.end(done)
        await it.press("7")
        await it.until(lambda: "start 2" in it.text)
        rows = {
            name: line for line in it.text.splitlines() for name in ("start 0", "start 1", "start 2") if name in line
        }
    assert time.strftime("%H:%M:%S", time.localtime(clock.at - 60)) in rows["start 0"]
    assert time.strftime(f"{before.tm_mday} %b", before) in rows["start 1"]
    assert ":" not in rows["start 1"].partition("start")[0]
    assert time.strftime("%Y-%m", time.localtime(clock.at - 400 * 86_400)) in rows["start 2"]
