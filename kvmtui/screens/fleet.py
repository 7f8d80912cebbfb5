"""The first screen: hosts above, VMs below; each also alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.containers import Horizontal
from textual.reactive import reactive

from kvmtui.commands.base import Noun, Target
from kvmtui.core.fields import HOST_FIELDS, HostRow, by_name, host_rows
from kvmtui.core.limits import HOST_CPU
from kvmtui.core.order import Order
from kvmtui.core.text import safe
from kvmtui.screens.about import event_lines, host_about, side_lines
from kvmtui.screens.actions import PANES, bindings
from kvmtui.screens.places import Place
from kvmtui.screens.rows import bar_room, host_columns, host_line
from kvmtui.screens.status import grave
from kvmtui.screens.vm_list_page import VmListPage
from kvmtui.screens.vm_pane import SETTLE
from kvmtui.widgets.lines import Lines
from kvmtui.widgets.room import is_small
from kvmtui.widgets.table import ResourceTable, Row, Rule

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from textual.binding import BindingType
    from textual.widget import Widget

    from kvmtui.core.fields import Field
    from kvmtui.core.inventory import Fleet
    from kvmtui.core.problems import Problem

SETTLED = 0.05  # seconds
SIDE_WIDTH = 200  # columns from which the side detail pane is shown by itself
LEAST_SIDE, MOST_SIDE = 34, 64  # columns of that pane
EVENTS_FROM = (110, 30)  # columns and lines from which events are shown
EVENTS_SHARE = 7  # one line in so many is for events
HOSTS = by_name(HOST_FIELDS)


def _busiest(rows: Mapping[str, HostRow], hidden: Sequence[Hashable]) -> str:
    """Return which of the hosts that are not shown is the busiest, when one is busy; "" otherwise."""
    loads = {key: rows[str(key)].entry.state for key in hidden if rows[str(key)].live}
    shares = {
        key: state.load.cpu for key, state in loads.items() if state and state.load and state.load.cpu is not None
    }
    most = max(shares, key=lambda key: shares[key], default=None)
    if most is None or shares[most] <= HOST_CPU.warn:
        return ""
    return f"; the busiest is {safe(str(most), limit=20)}, CPU {shares[most]:.0f} %"


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
        "What stands grey is old: its host does not answer. - is not known, never zero.",
        "Hold shift to select text with the mouse.",
    )
    view: reactive[str] = reactive("fleet", init=False)

    hosts = cached_property(lambda page: ResourceTable(glyphs=page.face.glyphs, id="hosts"))
    events = cached_property(lambda _: Lines(id="events"))
    side = cached_property(lambda _: Lines(id="side"))

    def __init__(self, view: str = "fleet") -> None:
        super().__init__()
        self.set_reactive(FleetPage.view, view)
        self._by_host: Mapping[str, Problem] = {}
        self._host_fields: tuple[Field[HostRow] | None, ...] = ()
        self._host_sort = ""  # "" is worst first
        self._host_reverse = False
        self._host_places: Order[str] = Order()
        self._hosts_sorted = 0.0
        self._side_wanted: bool | None = None

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

    def on_resize(self) -> None:
        """Give each pane what the terminal has room for."""
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
        self._by_host = {
            problem.host: problem for problem in reversed(grave(self.face.problems)) if problem.ref is None
        }
        if self.hosts.display:
            self._show_hosts(fleet)
        if self.events.display:
            width, tones = self.size.width, self.face.tones
            self.events.show(event_lines(fleet.events, self.events.size.height or 5, width, tones))
        super().show_fleet(fleet)
        if self.side.display:
            self._show_side()

    def _show_hosts(self, fleet: Fleet, *, resort: bool = False) -> None:
        over_ssh = any(entry.ssh is not None for entry in fleet.hosts)
        self._host_fields, columns = host_columns(self.hosts.size.width or self.app.size.width, over_ssh=over_ssh)
        self.hosts.set_columns(columns)
        rows = {row.key: row for row in host_rows(fleet, self.face.now())}
        keys: list[Hashable] = self._host_order(list(rows.values()), resort=resort)
        room = self.hosts.size.height - 1
        if self.view != "hosts" and 0 < room < len(keys):
            quiet = len(keys) - (room - 1)
            # A host that is worth a look is never behind the line: the worst come first.
            keys = [*keys[: room - 1], Rule(f"{quiet} more hosts, 9 lists them{_busiest(rows, keys[room - 1 :])}")]
        self.hosts.show(keys, lambda key: self._host_line(rows[str(key)]))

    def _host_order(self, rows: list[HostRow], *, resort: bool) -> list[Hashable]:
        if self._host_sort:
            return [*self._chosen_host_order(rows, resort=resort)]
        ranks = {name: rank for rank, name in enumerate(self._by_host_ranked())}
        natural = HOSTS["name"].sort
        rows.sort(key=lambda row: (ranks.get(row.entry.name, len(ranks)), natural(row)))
        return [row.key for row in rows]

    def _chosen_host_order(self, rows: list[HostRow], *, resort: bool) -> list[str]:
        """Return the hosts by the field that was chosen; as the VMs they keep their places while somebody works."""
        now, one, reverse = self.face.now(), HOSTS[self._host_sort], self._host_reverse
        if resort or (self.face.idle_seconds() >= SETTLE and now - self._hosts_sorted >= SETTLE):
            self._hosts_sorted, resort = now, True
        self._host_places.touch(now)
        places = {row.entry.name: (0, (one.sort(row, reverse=reverse), row.entry.name)) for row in rows}
        return self._host_places.arrange(places, now, resort=resort)

    def _by_host_ranked(self) -> list[str]:
        ranked = [problem.host for problem in grave(self.face.problems) if problem.ref is None]
        return list(dict.fromkeys(ranked))

    def _host_line(self, row: HostRow) -> Row:
        room = bar_room(self.hosts.size.width or self.app.size.width)
        return host_line(row, self._host_fields, self._by_host.get(row.entry.name), self.face.glyphs, room=room)

    def _show_side(self) -> None:
        if not self.side.size.height:
            if self.side.display and self.view != "hosts" and not is_small(*self.app.size):
                self.set_timer(SETTLED, self._show_side)  # it has just been given its place, and no size yet
            return
        row = self.pane.row()
        lines = side_lines(row, self.fleet, self.face.tones, max(20, self.side.size.width - 2))
        height = self.side.size.height
        self.side.show((lines + [Text()] * height)[: height or 1])

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
        key = self.hosts.cursor
        entry = self.fleet.host(str(key)) if key is not None else None
        if entry is None:
            return Text()
        row = HostRow(entry, self.fleet, self.face.now())
        return host_about(row, self._by_host.get(entry.name), self.face.tones, self.size.width)

    def noun(self) -> Noun:
        """Say what commands act on."""
        return Noun.HOST if self.on_hosts else Noun.VM

    def targets(self) -> tuple[Target, ...]:
        """Return the host under the cursor, or the VMs."""
        if not self.on_hosts:
            return super().targets()
        entry = self.fleet.host(str(self.hosts.cursor)) if self.hosts.cursor is not None else None
        return (Target.of_host(entry),) if entry is not None else ()

    def hidden_targets(self) -> tuple[Target, ...]:
        """Return the marked VMs that the filter hides."""
        return () if self.on_hosts else super().hidden_targets()

    # -- keys

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
            if self.hosts.cursor is not None:
                self.face.open_host(str(self.hosts.cursor))
        else:
            super().action_look()

    def sort_by(self, name: str) -> None:
        """Order the focused list; a name of the other one is of a menu that was opened before the focus went there."""
        if name not in self.sort_fields().values():
            return
        if not self.on_hosts:
            super().sort_by(name)
            return
        if name == self._host_sort:
            self._host_reverse = not self._host_reverse
        self._host_sort = name
        self.hosts.set_sort(name, descending=not self._host_reverse)
        self._show_hosts(self.fleet, resort=True)

    def sort_fields(self) -> Mapping[str, str]:
        """Return the letters that may follow `o`, with the fields."""
        if not self.on_hosts:
            return super().sort_fields()
        return {one.letter: one.name for one in HOST_FIELDS if one.letter}

    def action_resort(self) -> None:
        """Sort again now; among the hosts, the worst first."""
        if self.on_hosts:
            self._host_sort, self._host_reverse = "", False
            self.hosts.set_sort("")
            self._show_hosts(self.fleet, resort=True)
        else:
            super().action_resort()

    def host_here(self) -> str | None:
        """Return the host of what is under the cursor."""
        if self.on_hosts:
            return str(self.hosts.cursor) if self.hosts.cursor is not None else None
        return super().host_here()

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
            self._host_reverse = event.column == self._host_sort and not self._host_reverse
            self._host_sort = event.column
            self.hosts.set_sort(event.column, descending=not self._host_reverse)
            self._show_hosts(self.fleet, resort=True)
