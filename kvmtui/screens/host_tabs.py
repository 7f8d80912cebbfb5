"""The tabs of a host's page: its overview, its VMs, its CPUs and its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from kvmtui.core.fields import HostRow, Tone, condition_text
from kvmtui.core.text import safe
from kvmtui.core.units import hhmmss
from kvmtui.screens.host_cpus import cpu_lines
from kvmtui.screens.host_sheets import overview
from kvmtui.screens.journal_lines import entries, long_lines, short_lines
from kvmtui.screens.sheet import Sheet, Span, greyed, wrap
from kvmtui.screens.tabs import TabBody, TextTab

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from textual.app import ComposeResult

    from kvmtui.backend.base import HostDetails
    from kvmtui.core.inventory import Fleet
    from kvmtui.screens.host_sheets import HostPicture
    from kvmtui.screens.journal_lines import Past, Subject
    from kvmtui.screens.vm_pane import VmPane

    class HostOfPage(Protocol):
        """What the tabs must know of their page."""

        details: HostDetails | None
        past: Past

        def row(self) -> HostRow | None: ...
        def picture(self, row: HostRow, recent: Sequence[Text]) -> HostPicture: ...
        def whose(self) -> Subject: ...


RECENT = 6  # lines of the journal in the overview


class VmsTab(TabBody):
    """The host's VMs."""

    def __init__(self, pane: VmPane) -> None:
        super().__init__()
        self._pane = pane

    def compose(self) -> ComposeResult:
        """Compose the list."""
        yield self._pane

    def opened(self) -> None:
        """Follow the fleet."""
        self._pane.display = True

    def closed(self) -> None:
        """Cost nothing."""
        self._pane.display = False

    def take_focus(self) -> None:
        """Give the keys to the list."""
        self._pane.table.focus()


class HostText(TextTab):
    """A tab with a text about the host."""

    def __init__(self, page: HostOfPage) -> None:
        super().__init__()
        self.about = page

    def sheet(self) -> Sheet:
        """Return an empty sheet of the tab's width."""
        return Sheet(self.face.tones, self.size.width - 1, self.face.glyphs)

    def show_fleet(self, fleet: Fleet) -> None:
        """Show what is new."""
        row = self.about.row()
        if row is None or not self.size.width:
            return
        lines = self.lines(row, fleet)
        if not row.live and row.entry.state is not None:
            tones = self.face.tones
            head = Text(f"as last seen at {hhmmss(row.entry.state.at)}", tones[Tone.WARN], no_wrap=True)
            lines = [head, *greyed(lines, tones[Tone.MUTED])]
        self.say(lines)

    def lines(self, row: HostRow, fleet: Fleet) -> list[Text]:
        """Return the text."""
        raise NotImplementedError


class OverviewTab(HostText):
    """How it stands, what it has and what it is."""

    def lines(self, row: HostRow, fleet: Fleet) -> list[Text]:
        """Return the overview."""
        page, now = self.about, self.face.now()
        found = entries(fleet, page.whose(), page.past.tasks)[:RECENT]
        return overview(page.picture(row, short_lines(found, now, self.face.tones)), self.sheet())


class CpusTab(HostText):
    """Its CPUs one by one, and its NUMA cells."""

    def lines(self, row: HostRow, fleet: Fleet) -> list[Text]:
        """Return the CPUs."""
        del fleet
        return cpu_lines(row, self.about.details, self.sheet())


class JournalTab(HostText):
    """How it stands with the host, then what was done on it and what happened."""

    note = "newest first   / find"

    def show_fleet(self, fleet: Fleet) -> None:
        """Show what is new; the past is not old."""
        row = self.about.row()
        if row is not None and self.size.width:
            self.say(self.lines(row, fleet))

    def lines(self, row: HostRow, fleet: Fleet) -> list[Text]:
        """Return the journal."""
        page, sheet = self.about, self.sheet()
        condition = row.entry.condition
        sheet.head("WHY")
        sheet.wrapped("condition", condition_text(row.entry, row.now), Tone.NORMAL if row.live else Tone.BAD)
        sheet.fact("since", hhmmss(condition.since))
        for name, text in (("why", condition.why), ("what to do", condition.hint)):
            if text:
                sheet.lines += [
                    Text(f"{name if not index else '':<13}{piece}", no_wrap=True)
                    for index, piece in enumerate(wrap(safe(text, limit=1000), max(20, sheet.width - 13)))
                ]
        sheet.head("JOURNAL")
        found = entries(fleet, page.whose(), page.past.tasks)
        sheet.lines += long_lines(found, self.face.now(), self.face.tones, sheet.width)
        if not found:
            sheet.line(Span("Nothing was done on it, and nothing was seen.", Tone.MUTED))
        return sheet.lines
