"""The page of one VM: overview, graphs, console, XML, and why it is as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text

from kvmtui.commands.base import Noun, Target
from kvmtui.core.fields import Tone, VmRow, state_text, vm_row
from kvmtui.core.fields.vm_state import state_tone
from kvmtui.core.inventory import Severity
from kvmtui.core.text import cell_width, safe, shorten, vm_name
from kvmtui.core.units import hhmm
from kvmtui.screens.actions import GO, GRAPHS, SHOWN, TABS, bindings
from kvmtui.screens.journal_lines import Past, Subject
from kvmtui.screens.places import Place
from kvmtui.screens.sheet import Span
from kvmtui.screens.tabs import TabbedPage, TabBody, TextTab
from kvmtui.screens.vm_overview import since_words, vm_lines
from kvmtui.screens.vm_why import WhyTab
from kvmtui.widgets.work import work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.binding import BindingType

    from kvmtui.core.inventory import Fleet, VmRef
    from kvmtui.core.problems import Problem
    from kvmtui.screens.vm_graphs import GraphsTab

GO_LAST = tuple(action for action in GO if action.id == "go.last")
ON_GRAPHS = frozenset(("read", "zoom", "device"))
TAB_NAMES = (
    ("overview", "Overview"),
    ("graphs", "Graphs"),
    ("console", "Console"),
    ("xml", "XML"),
    ("journal", "Journal"),
)


class VmPage(TabbedPage):
    """All that is known of one VM; it stays when the VM vanishes, and says so."""

    # On the graphs - zooms; elsewhere the second action of the key is taken, as everywhere else.
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TABS, SHOWN, GRAPHS, GO_LAST)]
    help_title = "A VM"
    help_text = (
        "> and < (or tab) change the tab. x and ! act on this VM alone, whatever is marked elsewhere.",
        (
            "Graphs: + and - zoom from a minute to all that is kept, left and right read exact values, esc ends that,"
            " d shows one disk and interface after the other. Every reading is kept while the graphs are looked at;"
            " before that, one in 10 s of CPU, memory, disk and network."
        ),
        "XML: / finds, enter goes to the next place, left and right move long lines, t shows the stored definition.",
        "What stands grey is old: its host does not answer.",
    )

    def __init__(self, ref: VmRef, tab: str = "") -> None:
        super().__init__(tab)
        self.ref = ref
        self.row: VmRow | None = None
        """How the VM is, or was when it was last seen."""
        self.gone = ""
        """How it vanished; "" while it is there."""
        self.past = Past()
        self._graphs: GraphsTab | None = None
        self._read_for: tuple[str, ...] | None = None

    def where(self) -> Place:
        """Return the place that this is."""
        return Place("vm", self.ref.host, self.ref.uuid)

    def tabs(self) -> Sequence[tuple[str, str]]:
        """Return the tabs."""
        return TAB_NAMES

    def make_tab(self, name: str) -> TabBody:
        """Return the body of a tab."""
        if name == "graphs":
            from kvmtui.screens.vm_graphs import GraphsTab

            self._graphs = GraphsTab(self.ref)
            return self._graphs
        if name == "console":
            from kvmtui.screens.console_tab import ConsoleTab

            return ConsoleTab(self.ref)
        if name == "xml":
            from kvmtui.screens.xml_tab import XmlTab

            return XmlTab(self._xml, versions=True)
        return WhyTab(self) if name == "journal" else OverviewTab(self)

    async def _xml(self, inactive: bool) -> str:
        definition = self.face.backend(self.ref.host).definition
        return await definition.xml(self.ref.uuid, inactive=inactive)

    # -- showing

    def on_mount(self) -> None:
        """Read this VM in detail while it is looked at."""
        self.face.look_at(self.ref)

    def on_screen_resume(self) -> None:
        """Read it in detail again."""
        self.face.look_at(self.ref, graphs=self.tab == "graphs")
        super().on_screen_resume()

    def on_screen_suspend(self) -> None:
        """Read no more of it than of others, unless another VM's page is opened."""
        super().on_screen_suspend()
        if not isinstance(self.app.screen, VmPage):
            self.face.look_at(None)

    def on_unmount(self) -> None:
        """The same when it is left for good."""
        if not self.app.screen_stack or not isinstance(self.app.screen, VmPage):
            self.face.look_at(None)

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the VM as it is now, or that it is gone."""
        row = vm_row(fleet, self.ref, self.face.now())
        if row is not None:
            self.row, self.gone = row, ""
        elif not self.gone and fleet.host(self.ref.host) is not None:
            self.gone = self._how(fleet)
        self._read_journal(fleet)
        super().show_fleet(fleet)

    def _how(self, fleet: Fleet) -> str:
        """Return how it vanished, as far as an event tells, and where it is now."""
        how = f"{hhmm(self.face.now())}: its host does not list it any more"
        for event in fleet.events:
            if event.vm == self.ref:
                by = f", {safe(event.by)}" if event.by else ""
                how = f"{hhmm(event.at)}: {safe(event.subject)}{by}"
                break
        elsewhere = [entry.name for entry, vm in fleet.vms() if vm.uuid == self.ref.uuid]
        return how + (f"; it is on {safe(', '.join(elsewhere))} now" if elsewhere else "")

    def _read_journal(self, fleet: Fleet) -> None:
        """Read the journal of earlier runs when the page is opened, and when a task of another program ended."""
        seen = tuple(task.id for task in fleet.tasks if task.phase.is_final and task.vm_uuid == self.ref.uuid)
        if seen != self._read_for:
            self._read_for = seen
            self.run_worker(work(self._load_journal), group="journal", exclusive=True)

    async def _load_journal(self) -> None:
        await self.past.load(self.face, self.whose())
        if self.shown is not None:
            self.shown.show_fleet(self.fleet)

    def whose(self) -> Subject:
        """Return whose journal it is."""
        return Subject(self.ref.host, "", self.ref.uuid)

    def problem(self) -> Problem | None:
        """Return the worst that is wrong with the VM."""
        return next((one for one in self.face.problems if one.ref == self.ref), None)

    def subject_line(self) -> Text:
        """Return its name, where it is and what it does."""
        tones, row, width = self.face.tones, self.row, self.size.width
        text = Text(no_wrap=True)
        if row is None:
            text.append(" This VM is not known.", tones[Tone.WARN])
            return text
        if self.gone:
            rest = [Span(f"   gone {self.gone}", Tone.WARN)]
        else:
            rest = [Span("   "), Span(state_text(row), state_tone(row)), Span(f"  {since_words(row)}", Tone.MUTED)]
            if not row.live:
                rest = [Span(f"   {state_text(row)}; its host does not answer", Tone.WARN)]
            problem = self.problem()
            if problem is not None and problem.text != state_text(row):
                tone = Tone.BAD if problem.severity is Severity.BAD else Tone.WARN
                rest.append(Span(f"   {problem.text}", tone))
        host = f" on {safe(row.entry.name, limit=40)}"
        taken = cell_width(host) + sum(cell_width(span.text) for span in rest)
        name = shorten(vm_name(row.vm.name, row.vm.uuid), max(24, width - 1 - taken))
        text.append(f" {name}", tones[Tone.ACCENT] + Style(bold=True, strike=bool(self.gone) or None))
        text.append(host, tones[Tone.MUTED])
        for span in rest:
            text.append(span.text, tones[span.tone])
        text.truncate(width)
        return text

    def key_hints(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that work now."""
        yield "< >", "tabs"
        if not self.gone:
            if self.face.bindings.text("vm.console"):
                yield self.face.bindings.text("vm.console"), "console"
            if self.face.bindings.text("vm.display"):
                yield self.face.bindings.text("vm.display"), "screen"
            yield "x", "power"
            if self.face.bindings.text("vm.migrate"):
                yield self.face.bindings.text("vm.migrate"), "move"
        if self.shown is not None and self.shown.searched() is not None:
            yield "/", "find"
        yield "r", "read again"
        yield "i", "facts"
        yield "y", "copy"
        yield "l", "why"
        yield from super().key_hints()
        yield "q", "back"

    # -- what commands act on

    def noun(self) -> Noun:
        """Commands act on the VM."""
        return Noun.VM

    def targets(self) -> tuple[Target, ...]:
        """Return the VM that is shown, unless it is gone."""
        entry, vm = self.fleet.host(self.ref.host), self.fleet.vm(self.ref)
        return (Target.of_vm(entry, vm),) if entry is not None and vm is not None else ()

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the keys of the graphs work there alone."""
        if action in ON_GRAPHS and self.tab != "graphs":
            return False
        return super().check_action(action, parameters)

    def action_read(self, step: int) -> None:
        """Move the read-out of the graphs."""
        if self._graphs is not None:
            self._graphs.read_out(step)

    def action_zoom(self, step: int) -> None:
        """Show a shorter or longer time."""
        if self._graphs is not None:
            self._graphs.zoom(step)

    def action_device(self) -> None:
        """Show the next disk and interface."""
        if self._graphs is not None:
            self._graphs.next_device()

    def action_why(self) -> None:
        """Show why it is in its state, with its journal."""
        self.tab = "journal"

    def action_read_again(self) -> None:
        """Read its host anew, and what is shown of it."""
        self.face.read_again(self.ref.host)
        super().action_read_again()

    def action_facts(self) -> None:
        """Show facts, and the virsh line of every command."""
        from kvmtui.screens.facts import FactsScreen

        targets = self.targets()
        if targets:
            self.app.push_screen(FactsScreen(Noun.VM, targets[0]))

    def action_copy(self) -> None:
        """Offer what can be copied."""
        from kvmtui.screens.copying import CopyScreen

        if self.row is not None:
            self.app.push_screen(CopyScreen(self.row))


class OverviewTab(TextTab):
    """How it stands, what it has and what it is."""

    def __init__(self, page: VmPage) -> None:
        super().__init__()
        self._page = page

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the newest figures."""
        del fleet
        page, face = self._page, self.face
        row = page.row
        if row is None or not self.size.width:
            return
        self.say(vm_lines(row, face, self.size.width - 1, page.past.tasks, gone=bool(page.gone)))
