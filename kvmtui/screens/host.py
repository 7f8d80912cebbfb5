"""The page of one host: overview, its VMs, its CPUs, capabilities, what the machine itself tells, and its journal."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from rich.style import Style
from rich.text import Text

from kvmtui.commands.base import Noun, Target
from kvmtui.core.errors import KvmtuiError
from kvmtui.core.fields import HostRow, Tone, condition_text
from kvmtui.core.inventory import ConditionKind, Severity
from kvmtui.core.text import cell_width, safe, shorten
from kvmtui.screens.actions import TABS, bindings
from kvmtui.screens.host_sheets import HostPicture
from kvmtui.screens.host_tabs import CpusTab, JournalTab, OverviewTab, VmsTab
from kvmtui.screens.journal_lines import Past, Subject
from kvmtui.screens.places import Place
from kvmtui.screens.tabs import TabbedPage, TabBody
from kvmtui.screens.vm_list_page import VmListPage
from kvmtui.screens.vm_pane import VmPane
from kvmtui.widgets.filterbar import FilterBar
from kvmtui.widgets.work import work

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.binding import BindingType
    from textual.widget import Widget

    from kvmtui.backend.base import HostDetails
    from kvmtui.core.inventory import Fleet, HostEntry
    from kvmtui.core.problems import Problem

DETAILS_EVERY = 30.0  # seconds between two readings of what the fleet does not bring
TAB_NAMES = (
    ("overview", "Overview"),
    ("vms", "VMs"),
    ("cpus", "CPUs"),
    ("capabilities", "Capabilities"),
    ("local", "Machine"),
    ("journal", "Journal"),
)
LIST_ONLY = frozenset(
    (
        *("look", "filter", "faults", "sort_menu", "reverse", "resort", "group", "wide", "columns"),
        *("mark", "mark_screen", "mark_invert", "unmark", "this_row"),
    )
)
"""Actions that are for the list of VMs alone."""


class HostPage(TabbedPage, VmListPage):
    """All that is known of one host."""

    DEFAULT_CSS = """
    HostPage.-list #about, HostPage.-list #marked { display: block; }
    HostPage.-list #bodies { padding: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TABS)]
    help_title = "A host"
    help_text = (
        "> and < (or tab) change the tab. x acts on the host; on the tab VMs, on the VM under the cursor or marked.",
        "Sold is what its active VMs may come to use, with QEMU's overhead, of its memory.",
        "N+1 says whether its VMs would fit on the other hosts.",
        "Each CPU is read only while this page is open.",
        "Machine is what this computer itself tells, and is there only for the host that kvmtui runs on.",
    )
    pane = cached_property(lambda page: VmPane(host=page.host, id="pane"))
    filter_bar = cached_property(lambda _: FilterBar(id="filter"))

    def __init__(self, host: str, tab: str = "") -> None:
        super().__init__(tab)
        self.host = host
        self.details: HostDetails | None = None
        self.trouble = ""
        """Why there are no details."""
        self.past = Past()
        self._read_for: tuple[str, ...] | None = None

    def where(self) -> Place:
        """Return the place that this is."""
        return Place("host", self.host)

    def body(self) -> Iterator[Widget]:
        """Yield the tabs and the filter of the VMs."""
        yield from super().body()
        yield self.filter_bar

    def tabs(self) -> Sequence[tuple[str, str]]:
        """Return the tabs; the machine's own only where kvmtui runs on it."""
        entry = self.entry
        local = entry is not None and entry.state is not None and entry.state.host.local
        return [tab for tab in TAB_NAMES if tab[0] != "local" or local]

    def early_tabs(self) -> dict[str, TabBody]:
        """Return the list of VMs, which the page's keys expect."""
        body = VmsTab(self.pane)
        body.display = False
        return {"vms": body}

    def make_tab(self, name: str) -> TabBody:
        """Return the body of a tab."""
        if name == "capabilities":
            from kvmtui.screens.xml_tab import XmlTab

            return XmlTab(self._capabilities)
        if name == "local":
            from kvmtui.screens.machine_tab import MachineTab

            return MachineTab()
        return {"overview": OverviewTab, "cpus": CpusTab, "journal": JournalTab}[name](self)

    async def _capabilities(self, _inactive: bool) -> str:
        return (await self.face.backend(self.host).details()).capabilities_xml

    @property
    def entry(self) -> HostEntry | None:
        """The host as it is now."""
        return self.fleet.host(self.host)

    def row(self) -> HostRow | None:
        """Return the host's row."""
        entry = self.entry
        return HostRow(entry, self.fleet, self.face.now()) if entry is not None else None

    def picture(self, row: HostRow, recent: Sequence[Text]) -> HostPicture:
        """Return what the overview is made of."""
        return HostPicture(row, self.problem(), self.details, self.trouble, recent)

    def problem(self) -> Problem | None:
        """Return the worst that is wrong with the host itself."""
        return next((one for one in self.face.problems if one.ref is None and one.host == self.host), None)

    # -- life

    def on_mount(self) -> None:
        """Read each CPU, and now and then what the fleet does not bring."""
        self.face.look_at_host(self.host)
        self.set_interval(DETAILS_EVERY, self.read_details)
        self.read_details()

    def on_screen_resume(self) -> None:
        """Read each CPU again."""
        self.face.look_at_host(self.host)
        super().on_screen_resume()

    def on_screen_suspend(self) -> None:
        """Read no CPU by itself any more, unless another host's page is opened."""
        super().on_screen_suspend()
        if not isinstance(self.app.screen, HostPage):
            self.face.look_at_host(None)

    def on_unmount(self) -> None:
        """The same when it is left for good."""
        if not self.app.screen_stack or not isinstance(self.app.screen, HostPage):
            self.face.look_at_host(None)

    def read_details(self) -> None:
        """Read what the fleet does not bring, while somebody looks and the host answers."""
        entry = self.entry
        if self.is_current and entry is not None and (entry.condition.is_answering or self.details is None):
            self.run_worker(work(self._load_details), group="details", exclusive=True)

    async def _load_details(self) -> None:
        try:
            self.details = await self.face.backend(self.host).details()
            self.trouble = ""
        except KvmtuiError as error:
            self.trouble = safe(str(error), limit=400)
        self.show_fleet(self.fleet)

    async def _load_journal(self, subject: Subject) -> None:
        await self.past.load(self.face, subject)
        self.show_fleet(self.fleet)

    # -- showing

    def whose(self) -> Subject:
        """Return whose journal it is."""
        entry = self.entry
        known = entry is not None and entry.state is not None
        return Subject(self.host, entry.state.host.uuid if known and entry and entry.state else "")

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the host as it is now."""
        subject = self.whose()
        ended = tuple(task.id for task in fleet.tasks if task.phase.is_final and subject.has_task(task))
        if ended != self._read_for:
            self._read_for = ended
            self.run_worker(work(self._load_journal, subject), group="journal", exclusive=True)
        super().show_fleet(fleet)

    def watch_tab(self) -> None:
        """Show the lines about VMs under the list alone."""
        self.set_class(self.tab == "vms", "-list")
        super().watch_tab()

    def subject_line(self) -> Text:
        """Return its name and how it stands."""
        tones, row = self.face.tones, self.row()
        text = Text(no_wrap=True)
        if row is None:
            text.append(f" {safe(self.host)} is no host of this fleet any more.", tones[Tone.WARN])
            return text
        entry = row.entry
        text.append(
            f" {shorten(safe(entry.name), max(20, self.size.width // 2))}", tones[Tone.ACCENT] + Style(bold=True)
        )
        kind = entry.condition.kind
        tone = Tone.GOOD if kind is ConditionKind.UP else Tone.MUTED if kind is ConditionKind.CONNECTING else Tone.BAD
        said = condition_text(entry, row.now)
        text.append(f"   {said}", tones[tone])
        problem = self.problem()
        if problem is not None and said not in problem.text:
            text.append(f"   {problem.text}", tones[Tone.BAD if problem.severity is Severity.BAD else Tone.WARN])
        if entry.state is not None:
            host = entry.state.host
            what = f"   {host.cpus} CPUs  {safe(host.cpu_model, limit=40)}"
            if text.cell_len + cell_width(what) <= self.size.width:
                text.append(what, tones[Tone.MUTED])
        text.truncate(self.size.width)
        return text

    @property
    def on_list(self) -> bool:
        """Whether the list of VMs is shown."""
        return self.tab == "vms"

    def about_line(self) -> Text:
        """Return the line about the VM under the cursor."""
        return super().about_line() if self.on_list else Text()

    def marked_line(self) -> Text:
        """Return the line about the marks."""
        return super().marked_line() if self.on_list else Text()

    def key_hints(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that work now."""
        yield "< >", "tabs"
        if self.on_list:
            yield from super().key_hints()
            return
        yield "x", "host"
        if self.shown is not None and self.shown.searched() is not None:
            yield "/", "find"
        yield "r", "read again"
        yield "i", "facts"
        yield "l", "journal"
        yield ":", "go"
        yield "?", "help"
        yield "q", "back"

    # -- what commands act on

    def noun(self) -> Noun:
        """Commands act on the host, and on the list on its VMs."""
        return Noun.VM if self.on_list else Noun.HOST

    def targets(self) -> tuple[Target, ...]:
        """Return the host, or the VMs."""
        if self.on_list:
            return super().targets()
        entry = self.entry
        return (Target.of_host(entry),) if entry is not None else ()

    def hidden_targets(self) -> tuple[Target, ...]:
        """Return the marked VMs that the filter hides."""
        return super().hidden_targets() if self.on_list else ()

    def host_here(self) -> str | None:
        """Return the host."""
        return self.host

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let the keys of the list alone work on it."""
        if action in LIST_ONLY and not self.on_list:
            return False
        return super().check_action(action, parameters)

    def open_text(self, key: str) -> bool:
        """Open the filter of the VMs, the search of a text, or the `:` line."""
        if key == "/" and not self.on_list:
            if self.shown is None or self.shown.searched() is None:
                return True
            self.search.open("")
            return True
        return super().open_text(key)

    def step_back(self) -> bool:
        """Undo the first thing `esc` can undo here; marks and filter only where they are seen."""
        if self.on_list:
            return super().step_back()
        if self.menu.is_open:
            self.close_menu()
            return True
        return self.undo_search() or (self.shown is not None and self.shown.step_back())

    def action_read_again(self) -> None:
        """Read the host anew, and what is shown of it."""
        self.face.read_again(self.host)
        self.read_details()
        if self.shown is not None:
            self.shown.read_again()
        self.face.tell(f"Reading {safe(self.host)} again.")

    def action_why(self) -> None:
        """Show the journal, or why the VM under the cursor is in its state."""
        if self.on_list:
            super().action_why()
        else:
            self.tab = "journal"

    def action_copy(self) -> None:
        """Offer what can be copied of the VM under the cursor."""
        if self.on_list:
            super().action_copy()
        else:
            self.copy_address(self.host)
