"""The first screen: hosts above, VMs below; each also alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.containers import Horizontal
from textual.events import Resize
from textual.reactive import reactive

from kvmtui.commands.base import Noun, Target
from kvmtui.core.fields import HOST_FIELDS, HostRow, Tone
from kvmtui.core.text import safe, shorten, vm_name
from kvmtui.screens.about import event_lines, host_about
from kvmtui.screens.actions import PANES, bindings
from kvmtui.screens.host_table import HOSTS, HostTable
from kvmtui.screens.page import Page
from kvmtui.screens.places import Place
from kvmtui.screens.rows import many_vms
from kvmtui.screens.sheet import in_signs
from kvmtui.screens.vm_list_page import VmListPage
from kvmtui.widgets.lines import Lines
from kvmtui.widgets.room import is_small
from kvmtui.widgets.table import ResourceTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from textual.binding import BindingType
    from textual.geometry import Size
    from textual.widget import Widget

    from kvmtui.core.inventory import Fleet, HostEntry

SETTLED = 0.05  # seconds
SIDE_WIDTH = 200  # columns from which the side detail pane is shown by itself
LEAST_SIDE, MOST_SIDE = 34, 64  # columns of that pane
EVENTS_FROM = (110, 30)  # columns and lines from which events are shown
EVENTS_SHARE = 7  # one line in so many is for events
MARKING = frozenset(("mark", "mark_screen", "mark_invert", "this_row"))
"""Actions that do nothing while the cursor is among the hosts."""
CHOOSING = frozenset(("faults", "group", "wide", "columns"))
"""Actions on the list of VMs, which do nothing where it is not seen."""


class FleetPage(VmListPage):
    """Hosts and VMs of the whole fleet."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(PANES)]
    help_title = "Fleet"
    help_text = (
        "What is wrong comes first: the VMs above the rule have a problem; the line below names it.",
        (
            "Below the rule stands your order. It is held while you work, and made anew by =, by a sort key, or after"
            " 10 s without a key. The cursor belongs to a VM, not to a line."
        ),
        (
            "A change is a leader and a letter: x for what is ordinary, ! for what forces. The menu names its target,"
            " and the target does not change while the menu is open."
        ),
        "With VMs marked (space), a change acts on the marked ones; . before it means the cursor's row alone.",
        (
            "Before a name: > the cursor, * marked, ! something is wrong, x no answer or gone, ? as it was last seen."
            " The more a figure stands out, the worse it is; what is a problem stands in words, too."
        ),
        "What stands grey is old: its host does not answer. A figure that is a - is not known; it is never zero.",
        "Hold shift to select text with the mouse.",
    )
    view: reactive[str] = reactive("fleet", init=False)

    hosts = cached_property(lambda page: HostTable(glyphs=page.face.glyphs, id="hosts"))
    events = cached_property(lambda _: Lines(id="events"))
    side = cached_property(lambda _: Lines(id="side"))

    def __init__(self, view: str = "fleet") -> None:
        super().__init__()
        self.set_reactive(FleetPage.view, view)
        self._side_wanted: bool | None = None
        self._told_again: Size | None = None
        """The size that Textual will tell this screen of a second time, having given it to it."""

    # -- frame

    def where(self) -> Place:
        """Return the place that this is."""
        return Place(self.view)

    def body(self) -> Iterator[Widget]:
        """Yield hosts, VMs, events and the filter."""
        yield self.hosts
        with Horizontal(id="middle"):
            yield self.pane
            yield self.side
        yield self.events
        yield self.filter_bar

    def on_mount(self) -> None:
        """Begin with the VMs."""
        self.hosts.set_empty("No hosts: -c URI names one, or [hosts] in the configuration.")
        (self.hosts if self.view == "hosts" else self.pane.table).focus()
        self._lay_out()

    @on(Resize)
    def _fit(self, event: Resize) -> None:
        """Give each pane what the terminal has room for."""
        again, self._told_again = self._told_again, None
        if event.size == self.outer_size == again:
            event.prevent_default()  # it has been laid out for that
            return
        if event.size != self.outer_size:
            self._told_again = event.size
        self._lay_out()

    def watch_view(self) -> None:
        """Show hosts and VMs, or one of them alone."""
        self._lay_out()
        (self.hosts if self.view == "hosts" else self.pane.table).focus()

    def _lay_out(self) -> None:
        width, height = self.app.size
        only = self.view
        self.hosts.display = only != "vms"
        self.pane.parent.display = only != "hosts"  # type: ignore[union-attr] # its container
        count = len(self.fleet.hosts)
        self.hosts.styles.height = "1fr" if only == "hosts" else min(count, max(3, height // 3 - 3)) + 1
        self.events.styles.height = max(5, height // EVENTS_SHARE)
        self.events.display = width >= EVENTS_FROM[0] and height >= EVENTS_FROM[1] and only == "fleet"
        self.side.styles.width = max(LEAST_SIDE, min(MOST_SIDE, width * 9 // 20))
        self.side.display = self._side_wanted if self._side_wanted is not None else width >= SIDE_WIDTH
        self.call_after_refresh(self._show_again)

    def _show_again(self) -> None:
        self.show_fleet(self.fleet)

    # -- showing

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the newest fleet."""
        if self.hosts.display:
            self.hosts.show_fleet(fleet, alone=self.view == "hosts")
        if self.events.display:
            width, tones = self.size.width, self.face.tones
            self.events.show(event_lines(fleet.events, self.events.size.height or 5, width, tones))
        super().show_fleet(fleet)
        if self.side.display:
            self._show_side()

    def _show_side(self) -> None:
        if not self.side.size.height:
            if self.side.display and self.view != "hosts" and not is_small(*self.app.size):
                self.set_timer(SETTLED, self._show_side)  # it has just been given its place, and no size yet
            return
        height = self.side.size.height
        self.side.show((self._side_lines() + [Text()] * height)[:height])

    def _side_lines(self) -> list[Text]:
        """Return what is known of the VM under the cursor."""
        from kvmtui.screens.vm_overview import vm_lines

        row, face = self.pane.row(), self.face
        if row is None:
            return [Text("No VM is selected.", face.tones[Tone.MUTED])]
        width = max(20, self.side.size.width - 2)
        name = shorten(f"{vm_name(row.vm.name, row.vm.uuid)} on {safe(row.entry.name, limit=40)}", width)
        lines = [Text(name, face.tones[Tone.ACCENT], no_wrap=True), *vm_lines(row, face, width)]
        return [in_signs(line, face.glyphs) for line in lines]

    def highlighted(self) -> None:
        """Follow the cursor with the lines below, and with the side pane after a moment of rest."""
        super().highlighted()
        if self.side.display:
            self.rest_timer(self._show_side)

    # -- the foot

    @property
    def on_hosts(self) -> bool:
        """Whether the cursor is among the hosts."""
        return self.view == "hosts" or (self.hosts.has_focus and self.view != "vms")

    def about_line(self) -> Text:
        """Return the line about the VM or host under the cursor."""
        if not self.on_hosts:
            return super().about_line()
        entry = self._entry()
        if entry is None:
            return Text()
        row = HostRow(entry, self.fleet, self.face.now())
        return host_about(row, self.hosts.problem(entry.name), self.face.tones, self.size.width)

    def _entry(self) -> HostEntry | None:
        """Return the host under the cursor."""
        return self.fleet.host(self.hosts.pointed) if self.hosts.pointed is not None else None

    def marked_line(self) -> Text:
        """Return the line about marks; among the hosts, that keys do not act on them here."""
        if not self.on_hosts:
            return super().marked_line()
        if self.face.marks:
            said = f"{many_vms(len(self.face.marks))} marked; x acts on the host here"
            return Text(said, self.face.tones[Tone.WARN], no_wrap=True)
        return super().marked_line() if self.view == "fleet" else self.notice_line()

    def key_hints(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that work on the host, or on the VM."""
        if not self.on_hosts:
            yield from super().key_hints()
            return
        if self.hosts.pointed is not None:
            yield "enter", "look"
            yield "l", "why"
            yield "x", "host"
            yield "i", "facts"
            yield "y", "copy"
            yield "o", "sort"
            yield "r", "read again"
        yield "/", "find"
        if self.view == "fleet":
            yield "tab", "VMs"
        yield ":", "go"
        yield "?", "help"
        yield "n", "new"
        yield "q", "quit" if self.view == "fleet" else "back"

    def noun(self) -> Noun:
        """Say what commands act on."""
        return Noun.HOST if self.on_hosts else Noun.VM

    def targets(self) -> tuple[Target, ...]:
        """Return the host under the cursor, or the VMs."""
        if not self.on_hosts:
            return super().targets()
        entry = self._entry()
        return (Target.of_host(entry),) if entry is not None else ()

    def hidden_targets(self) -> tuple[Target, ...]:
        """Return the marked VMs that the filter hides."""
        return () if self.on_hosts else super().hidden_targets()

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let no key act on VMs that are not seen, nor mark one while the cursor is on a host."""
        if (action in MARKING and self.on_hosts) or (action in CHOOSING and self.view == "hosts"):
            return False
        return super().check_action(action, parameters)

    def open_text(self, key: str) -> bool:
        """Open the filter, with the VMs in sight, or the `:` line."""
        if key == "/" and self.view == "hosts":
            self.view = "fleet"
        return super().open_text(key)

    def step_back(self) -> bool:
        """Undo the first thing `esc` can undo here; marks and filter only where the VMs are seen."""
        return Page.step_back(self) if self.view == "hosts" else super().step_back()

    def action_next_pane(self) -> None:
        """Go to the other pane."""
        if self.view == "fleet":
            (self.pane.table if self.hosts.has_focus else self.hosts).focus()
            self.call_after_refresh(self.show_foot)

    def action_zoom(self) -> None:
        """Give the focused pane the whole height, or show both again."""
        self.view = "fleet" if self.view != "fleet" else "hosts" if self.on_hosts else "vms"

    def action_side(self) -> None:
        """Show or hide the side pane."""
        self._side_wanted = not self.side.display
        self._lay_out()

    def action_look(self) -> None:
        """Look inside what is under the cursor."""
        if self.on_hosts:
            if self.hosts.pointed is not None:
                self.face.open_host(self.hosts.pointed)
        else:
            super().action_look()

    def action_why(self) -> None:
        """Show why the host, or the VM, is as it is."""
        if not self.on_hosts:
            super().action_why()
        elif self.hosts.pointed is not None:
            self.face.open_host(self.hosts.pointed, "journal")

    def action_copy(self) -> None:
        """Offer what can be copied of the VM; copy the host's address."""
        if not self.on_hosts:
            super().action_copy()
        elif self.hosts.pointed is not None:
            self.copy_address(self.hosts.pointed)

    def sort_by(self, name: str) -> None:
        """Order the focused list; a name of the other one is of a menu that was opened before the focus went there."""
        if name not in self.sort_fields().values():
            return
        if not self.on_hosts:
            super().sort_by(name)
            return
        self.hosts.sort_by(name)

    def sort_fields(self) -> Mapping[str, str]:
        """Return the letters that may follow `o`, with the fields."""
        if not self.on_hosts:
            return super().sort_fields()
        return {one.letter: one.name for one in HOST_FIELDS if one.letter}

    def action_reverse(self) -> None:
        """Turn the order of the focused list round."""
        if self.on_hosts:
            self.hosts.reverse()
        else:
            super().action_reverse()

    def action_resort(self) -> None:
        """Sort again now; among the hosts, the worst first."""
        if self.on_hosts:
            self.hosts.worst_first()
        else:
            super().action_resort()

    def host_here(self) -> str | None:
        """Return the host of what is under the cursor."""
        return self.hosts.pointed if self.on_hosts else super().host_here()

    @on(ResourceTable.Highlighted, "#hosts")
    def _host_highlighted(self) -> None:
        self.highlighted()

    @on(ResourceTable.Chosen, "#hosts")
    def _host_chosen(self) -> None:
        if self.on_hosts:
            self.action_look()

    @on(ResourceTable.HeaderClicked, "#hosts")
    def _host_header(self, event: ResourceTable.HeaderClicked) -> None:
        self.hosts.focus()
        if event.column in HOSTS:
            self.hosts.sort_by(event.column)
