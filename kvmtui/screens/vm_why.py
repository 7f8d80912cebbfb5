"""Why a VM is as it is: its state, its host's logs, who makes it slow or sits at it, what its next start changes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.text import Text
from textual.css.query import NoMatches

from kvmtui.consoles.session import Phase
from kvmtui.core.errors import KvmtuiError
from kvmtui.core.fields import Tone, state_text
from kvmtui.core.fields.vm_state import state_tone
from kvmtui.core.host_log import cause, ending, qemu_line
from kvmtui.core.inventory import AgentState, Severity, VmState
from kvmtui.core.neighbours import slowness
from kvmtui.core.next_boot import differences
from kvmtui.core.text import safe
from kvmtui.core.units import duration
from kvmtui.screens.journal_lines import entries, long_lines, when
from kvmtui.screens.sheet import GLUE, Sheet, Span, wrap
from kvmtui.screens.tabs import TextTab
from kvmtui.screens.vm_overview import remedy, since_words
from kvmtui.widgets.work import work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable
    from typing import Protocol

    from kvmtui.backend.base import GuestUser, HostLogs
    from kvmtui.core.fields import VmRow
    from kvmtui.core.inventory import Fleet, Vm, VmRef
    from kvmtui.core.next_boot import Difference
    from kvmtui.core.problems import Problem
    from kvmtui.screens.journal_lines import Past, Subject

    class VmOfPage(Protocol):
        """What the tab must know of its page."""

        ref: VmRef
        row: VmRow | None
        gone: str
        past: Past

        def problem(self) -> Problem | None: ...
        def whose(self) -> Subject: ...


FIRST = 6  # entries of the journal above the logs
SHOWN = 14  # lines of each log
WRAPPED = 3  # lines of the screen that a line of a log may take


class WhyTab(TextTab):
    """Why it is in its state, then what was done to it and what happened to it."""

    note = "newest first   / find"

    def __init__(self, page: VmOfPage) -> None:
        super().__init__()
        self._page = page
        self._is_open = False
        self._asked: tuple[object, ...] | None = None
        """How the VM stood when its host was asked; None: it has yet to be."""
        # What was asked of the host: None while it is awaited, a sentence where there is no answer.
        self._logs: HostLogs | str | None = None
        self._users: tuple[GuestUser, ...] | str | None = None
        self._changes: tuple[Difference, ...] | str | None = None

    # -- asking the host

    def opened(self) -> None:
        """Ask what only this page shows."""
        self._is_open = True
        self._ask()

    def closed(self) -> None:
        """Ask no more."""
        self._is_open, self._asked = False, None
        self.workers.cancel_group(self, "why")

    def read_again(self) -> None:
        """Ask anew."""
        self._ask()

    def _ask(self) -> None:
        row = self._page.row
        if row is None or self._page.gone or not row.live:
            self._asked = None  # once it answers
            return
        self._asked = _stands(row.vm)
        self.run_worker(work(self._inquire, row.vm), group="why", exclusive=True)

    async def _inquire(self, vm: Vm) -> None:
        """Ask for each thing by itself, and show it when it comes; leaving the page cancels all."""
        self._logs = self._users = self._changes = None
        async with asyncio.TaskGroup() as group:
            for asking in (self._ask_logs(vm), self._ask_agent(vm), self._ask_stored(vm)):
                group.create_task(self._shown_after(asking))

    async def _shown_after(self, asking: Awaitable[None]) -> None:
        await asking
        with suppress(NoMatches):  # the page is being taken away, and what it shows with it
            self.show_fleet(self.face.fleet)

    async def _ask_logs(self, vm: Vm) -> None:
        stopped = vm.since is not None and vm.since.exact and vm.state is not VmState.RUNNING
        around = vm.since.at if stopped and vm.since is not None else None
        try:
            self._logs = await self.face.backend(self._page.ref.host).logs.of_vm(vm.uuid, around)
        except KvmtuiError as error:
            self._logs = f"{safe(error.text, limit=600)}\n{safe(error.hint, limit=600)}"

    async def _ask_agent(self, vm: Vm) -> None:
        try:
            if vm.state is not VmState.RUNNING or vm.agent is not AgentState.CONNECTED:
                self._users = _SILENT_AGENTS.get(vm.agent, "unknown: its agent cannot answer now")
            else:
                self._users = await self.face.backend(self._page.ref.host).guest.users(vm.uuid)
        except KvmtuiError as error:
            self._users = f"unknown: {safe(str(error), limit=600)}"

    async def _ask_stored(self, vm: Vm) -> None:
        self._changes = ()
        if not (vm.pending and vm.is_active):
            return
        self._changes = None
        try:
            self._changes = differences(vm, await self.face.backend(self._page.ref.host).definition.stored(vm.uuid))
        except KvmtuiError as error:
            self._changes = safe(str(error), limit=600)

    # -- showing

    def show_fleet(self, fleet: Fleet) -> None:
        """Show what is new."""
        page, face = self._page, self.face
        width = self.size.width - 1
        if page.row is None or width < 1:
            return
        row = page.row
        if self._is_open and self._asked != (_stands(row.vm) if row.live and not page.gone else None):
            self._ask()  # it has stopped or was started, so the logs say something else; or its host is back
        sheet = Sheet(face.tones, width, face.glyphs)
        self._why(row, sheet)
        self._next_start(row, sheet)
        self._who(row, sheet)
        found = entries(fleet, page.whose(), page.past.tasks)
        sheet.head("JOURNAL")
        sheet.lines += long_lines(found[:FIRST], face.now(), face.tones, width)
        if not found:
            said = "Nothing was done to it, and nothing was seen." if page.past.read else "Reading the journal ..."
            sheet.line(Span(said, Tone.MUTED))
        self._host_logs(row, sheet)
        if len(found) > FIRST:
            sheet.head("EARLIER")
            sheet.lines += long_lines(found[FIRST:], face.now(), face.tones, width)
        self.say(sheet.lines)

    def _why(self, row: VmRow, sheet: Sheet) -> None:
        page, vm = self._page, row.vm
        sheet.head("WHY")
        if page.gone:
            sheet.wrapped("gone", page.gone, Tone.WARN)
        sheet.fact("state", Span(state_text(row), state_tone(row)))
        sheet.fact("reason", vm.reason.value or "the hypervisor gives none")
        if since_words(row):
            exact = vm.since is not None and vm.since.exact
            note = Span("" if exact else "  the change itself was not seen", Tone.MUTED)
            sheet.fact("since", since_words(row).removeprefix("since "), note)
        if not vm.is_active and self._logs is not None and not isinstance(self._logs, str):
            said = cause(self._logs.kernel, ending(self._logs.qemu.lines))
            if said:
                sheet.wrapped("cause", safe(said), Tone.WARN)
        _of_host(row, sheet)
        problem = page.problem()
        if problem is not None:
            _of_problem(row, problem, sheet)
        for one in slowness(row):
            who = f"; busiest there: {one.said(vm.uuid)}" if one.takers else ""
            sheet.wrapped("slow", f"{one.measure}: it waits for the {one.what}{who}", Tone.WARN)

    def _next_start(self, row: VmRow, sheet: Sheet) -> None:
        vm, changes = row.vm, self._changes
        if not (vm.pending and vm.is_active) or self._page.gone:
            return
        sheet.head("AT ITS NEXT START")
        if isinstance(changes, str):
            sheet.sentence(changes, Tone.WARN)
        elif changes is None:
            sheet.sentence(_awaited(row, "Reading its stored definition ..."), Tone.MUTED)
        elif not changes:
            sheet.sentence("Something differs that has no name here: t on the tab XML shows both.", Tone.MUTED)
        for one in changes if isinstance(changes, tuple) else ():
            sheet.sentence(one.sentence, Tone.NORMAL)

    def _who(self, row: VmRow, sheet: Sheet) -> None:
        if not row.vm.is_active or self._page.gone:
            return
        sheet.head("WHO IS THERE")
        sheet.wrapped("console", self._holder())
        users = self._users
        if users is None:
            sheet.fact("logged in", Span(_awaited(row, "asking its agent ..."), Tone.MUTED))
        elif isinstance(users, str):
            sheet.wrapped("logged in", users, Tone.MUTED)
        else:
            sheet.wrapped("logged in", _users_text(users, row.now) or "nobody, its agent says")

    def _holder(self) -> str:
        """Return who holds its console, as far as that was seen: nobody can be asked."""
        for number, session in enumerate(self.face.consoles.sessions, 1):
            if session.ref.uuid != self._page.ref.uuid:
                continue
            if session.phase is Phase.LIVE:
                return f"open here, as console {number}"
            if session.phase is Phase.TAKEN:
                return f"somebody else holds it; !{GLUE}c takes it over"
        return "not open here; whether somebody else holds it shows when c opens it"

    def _host_logs(self, row: VmRow, sheet: Sheet) -> None:
        logs, host = self._logs, safe(row.entry.name, limit=40)
        if self._page.gone:
            return
        if logs is None or isinstance(logs, str):
            sheet.head("LOGS OF ITS HOST")
            said = _awaited(row, f"Reading the logs of {host} ...") if logs is None else logs
            sheet.sentence(said, Tone.MUTED if logs is None else Tone.WARN)
            return
        sheet.head("QEMU'S LOG", f"on {host}, its end")
        if logs.ahead:
            side = "ahead of" if logs.ahead > 0 else "behind"
            sheet.sentence(f"Times are by the clock of {host}: {duration(abs(logs.ahead))} {side} this one.", Tone.WARN)
        if logs.qemu.trouble or not logs.qemu.lines:
            sheet.sentence(safe(logs.qemu.trouble, limit=600) or "It is empty.", Tone.MUTED)
        for at, text in _qemu_shown(logs.qemu.lines):
            self._log_line(at, " ", text, Tone.MUTED if at is None else Tone.NORMAL, sheet)
        sheet.head("THE KERNEL", f"of {host}, on memory and disks about then, and on this VM's process")
        if logs.kernel_trouble:
            sheet.sentence(safe(logs.kernel_trouble, limit=600), Tone.WARN)
        elif not logs.kernel:
            sheet.sentence("It says nothing of these.", Tone.MUTED)
        for line in logs.kernel[-SHOWN:]:
            sign, tone = ("x", Tone.BAD) if line.own else ("!", Tone.WARN)
            self._log_line(line.at, sign, line.text, tone, sheet)

    def _log_line(self, at: float | None, sign: str, text: str, tone: Tone, sheet: Sheet) -> None:
        moment = when(at, self.face.now()) if at is not None else ""
        room = max(20, sheet.width - 11)
        for number, piece in enumerate(wrap(safe(text, limit=600), room)[:WRAPPED]):
            line = Text(no_wrap=True)
            line.append(f"{'' if number else moment:>8} ", sheet.tones[Tone.MUTED])
            line.append(f"{' ' if number else sign} ", sheet.tones[tone])
            line.append(piece, sheet.tones[tone])
            sheet.lines.append(line)


_SILENT_AGENTS = {
    AgentState.NONE: "unknown: it has no guest agent",
    AgentState.DISCONNECTED: "unknown: its agent does not answer",
}


def _of_host(row: VmRow, sheet: Sheet) -> None:
    """Add what is wrong with a host that does not answer."""
    condition = row.entry.condition
    if condition.is_answering:
        return
    sheet.fact("host", Span(f"{safe(row.entry.name)}: {condition.kind.value}", Tone.BAD))
    if condition.why:
        sheet.wrapped("", safe(condition.why))
    if condition.hint:
        sheet.wrapped("what to do", safe(condition.hint))


def _of_problem(row: VmRow, problem: Problem, sheet: Sheet) -> None:
    sheet.wrapped("problem", problem.text, Tone.BAD if problem.severity is Severity.BAD else Tone.WARN)
    advice = remedy(row, problem)
    if advice:
        sheet.wrapped("what to do", advice)


def _stands(vm: Vm) -> tuple[object, ...]:
    """Return what makes the answers old when it changes."""
    return vm.state, vm.reason, vm.domain_id, vm.pending, vm.agent


def _awaited(row: VmRow, words: str) -> str:
    return words if row.live else "Not known: its host does not answer."


def _users_text(users: Iterable[GuestUser], now: float) -> str:
    """Return "dana since 13:12, root"; the agent tells no terminal."""
    words = []
    for user in users:
        domain = f"{safe(user.domain, limit=40)}\\" if user.domain else ""
        since = f" since {when(user.since, now)}" if user.since is not None else ""
        words.append(f"{domain}{safe(user.name, limit=60)}{since}")
    return ", ".join(words)


def _qemu_shown(lines: Iterable[str]) -> list[tuple[float | None, str]]:
    """Return the last lines of QEMU's log, without its command line, which is long and says nothing of an end."""
    told = []
    goes_on = False
    for line in lines:
        if not goes_on and not line.rstrip().endswith("\\") and "/qemu-system" not in line[:80]:
            told.append(line)
        goes_on = line.rstrip().endswith("\\")
    return [qemu_line(line) for line in told[-SHOWN:]]
