"""The table of hosts: the worst first, or as a person chose, and in one line what there is no room for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from kvmtui.core.fields import HOST_FIELDS, HostRow, by_name, host_rows
from kvmtui.core.limits import HOST_CPU
from kvmtui.core.order import Order
from kvmtui.core.text import safe
from kvmtui.screens.rows import bar_room, host_columns, host_line
from kvmtui.screens.status import grave
from kvmtui.screens.vm_pane import SETTLE
from kvmtui.widgets.table import ResourceTable, Row, Rule

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from kvmtui.core.fields import Field
    from kvmtui.core.inventory import Fleet
    from kvmtui.core.problems import Problem
    from kvmtui.screens.face import Face
    from kvmtui.widgets.glyphs import Glyphs

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


class HostTable(ResourceTable):
    """The hosts, their order, and what is wrong with them."""

    def __init__(self, *, glyphs: Glyphs, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(glyphs=glyphs, id=id)
        self._fleet: Fleet | None = None
        self._alone = False
        self._problems: Mapping[str, Problem] = {}
        self._fields: tuple[Field[HostRow] | None, ...] = ()
        self._sort = ""  # "" is worst first
        self._reverse = False
        self._places: Order[str] = Order()
        self._sorted_at = 0.0

    @property
    def face(self) -> Face:
        """The app, as far as a screen may know it."""
        return cast("Face", self.app)

    # -- showing

    def show_fleet(self, fleet: Fleet, *, alone: bool, resort: bool = False) -> None:
        """Show the hosts; those there is no room for are counted, unless the table has the screen `alone`."""
        self._fleet, self._alone = fleet, alone
        ranked = [problem for problem in grave(self.face.problems) if problem.ref is None]
        self._problems = {problem.host: problem for problem in reversed(ranked)}
        over_ssh = any(entry.ssh is not None for entry in fleet.hosts)
        self._fields, columns = host_columns(self._width, over_ssh=over_ssh)
        self.set_columns(columns)
        rows = {row.key: row for row in host_rows(fleet, self.face.now())}
        keys: list[Hashable] = [*self._ordered(list(rows.values()), ranked, resort=resort)]
        room = self.size.height - 1
        if not alone and 0 < room < len(keys):
            quiet = len(keys) - (room - 1)
            # A host that is worth a look is never behind the line: the worst come first.
            keys = [*keys[: room - 1], Rule(f"{quiet} more hosts, 9 lists them{_busiest(rows, keys[room - 1 :])}")]
        self.show(keys, lambda key: self._row(rows[str(key)]))

    @property
    def _width(self) -> int:
        return self.size.width or self.app.size.width

    def _row(self, row: HostRow) -> Row:
        room = bar_room(self._width)
        return host_line(row, self._fields, self.problem(row.entry.name), self.face.glyphs, room=room)

    def problem(self, host: str) -> Problem | None:
        """Return the worst that is wrong with a host itself."""
        return self._problems.get(host)

    @property
    def pointed(self) -> str | None:
        """The host under the cursor."""
        return str(self.cursor) if self.cursor is not None else None

    # -- the order

    def _ordered(self, rows: list[HostRow], ranked: Sequence[Problem], *, resort: bool) -> Sequence[str]:
        if self._sort:
            return self._as_chosen(rows, resort=resort)
        ranks = {name: rank for rank, name in enumerate(dict.fromkeys(problem.host for problem in ranked))}
        natural = HOSTS["name"].sort
        rows.sort(key=lambda row: (ranks.get(row.entry.name, len(ranks)), natural(row)))
        return [row.key for row in rows]

    def _as_chosen(self, rows: list[HostRow], *, resort: bool) -> list[str]:
        """Return the hosts by the field that was chosen; as the VMs they keep their places while somebody works."""
        now, clock, one = self.face.now(), time.monotonic(), HOSTS[self._sort]
        if resort or (self.face.idle_seconds() >= SETTLE and clock - self._sorted_at >= SETTLE):
            self._sorted_at, resort = clock, True
        self._places.touch(now)
        wanted = self._places.places_to_find(now, resort=resort)  # some figures are dear where hosts are many
        places = {
            row.key: (0, (one.sort(row, reverse=self._reverse), row.key) if wanted(row.key) else None) for row in rows
        }
        return self._places.arrange(places, now, resort=resort)

    def sort_by(self, name: str) -> None:
        """Order by a field; by the same one again, the other way round."""
        self._reverse = not self._reverse if name == self._sort else False
        self._sort = name
        self._again()

    def reverse(self) -> None:
        """Turn the order round that was chosen."""
        if self._sort:
            self._reverse = not self._reverse
            self._again()

    def worst_first(self) -> None:
        """Forget the order that was chosen."""
        self._sort, self._reverse = "", False
        self._again()

    def _again(self) -> None:
        self.set_sort(self._sort, descending=bool(self._sort) and not self._reverse)
        if self._fleet is not None:
            self.show_fleet(self.face.fleet, alone=self._alone, resort=True)
