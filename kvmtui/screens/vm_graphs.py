"""A VM's figures over time: six charts that share a span of time and a read-out."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.containers import Grid, VerticalScroll

from kvmtui.core.fields import vm_row
from kvmtui.core.inventory import Severity, TaskPhase
from kvmtui.core.text import safe
from kvmtui.screens.graph_pictures import Drawer, Past
from kvmtui.screens.tabs import TabBody
from kvmtui.widgets.chart import Chart
from kvmtui.widgets.plot import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.binding import BindingType
    from textual.geometry import Size
    from textual.widget import Widget

    from kvmtui.core.inventory import Fleet, VmRef

SPANS = ((60.0, "1 minute"), (300.0, "5 minutes"), (900.0, "15 minutes"), (3600.0, "1 hour"), (0.0, "all that is kept"))
"""Seconds, 0 for all; and what each is called."""
FIRST_SPAN = 2
LOWEST = 8  # lines of a chart
TWO_COLUMNS = 76  # cells from which charts stand in two columns
DEVICES_AT_ONCE = 3  # lines of a chart that can be told apart are six
LEGEND = 32  # cells that the two figures of a device need to be named
CHARTS = ("cpu", "memory", "disk", "network", "iops", "latency")


class GraphsTab(TabBody, can_focus=True):
    """The charts of a VM."""

    DEFAULT_CSS = """
    GraphsTab VerticalScroll { height: 1fr; width: 100%; scrollbar-size-vertical: 1; }
    GraphsTab Grid { grid-gutter: 0 2; height: auto; width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "by(1)", "down", show=False),
        Binding("up,k", "by(-1)", "up", show=False),
        Binding("pagedown,ctrl+d,G,end", "by(100)", "down", show=False),
        Binding("pageup,ctrl+u,g,home", "by(-100)", "up", show=False),
    ]
    scroller = cached_property(lambda _: VerticalScroll(can_focus=False))
    grid = cached_property(lambda _: Grid())
    charts = cached_property(lambda tab: {name: tab.make_chart(name) for name in CHARTS})

    def __init__(self, ref: VmRef) -> None:
        super().__init__()
        self._ref = ref
        self._span: int | None = None  # None: as much as is kept, up to 15 minutes
        self._device = 0  # 0: all together
        self._several = False  # disks, or interfaces
        self._read_at: float | None = None
        self._drawn: tuple[object, ...] | None = None
        self._laid_out_for: Size | None = None

    def compose(self) -> Iterator[Widget]:
        """Compose the charts."""
        with self.scroller, self.grid:
            yield from self.charts.values()

    def make_chart(self, name: str) -> Chart:
        """Return a chart that has nothing to show yet."""
        chart = Chart(glyphs=self.face.glyphs, id=f"chart-{name}")
        chart.can_focus = False  # the keys are for all charts at once
        return chart

    def opened(self) -> None:
        """Have every reading kept from now on."""
        self.face.look_at(self._ref, graphs=True)

    def closed(self) -> None:
        """Go on looking at the VM; what was recorded stays for a while."""
        self.face.look_at(self._ref)

    def on_resize(self) -> None:
        """Give the charts the room there is."""
        self._lay_out()

    def _lay_out(self) -> None:
        self._laid_out_for = self.size
        columns = 2 if self.size.width >= TWO_COLUMNS else 1
        height = max(LOWEST, self.size.height // (len(CHARTS) // columns))
        grid = self.grid
        grid.styles.grid_size_columns = columns
        grid.styles.grid_rows = str(height)
        grid.styles.height = height * (len(CHARTS) // columns)
        for chart in self.charts.values():
            chart.styles.height = height
        self._drawn = None
        self.call_after_refresh(self._again)

    def _again(self) -> None:
        if self.is_attached and self.screen in self.app.screen_stack and self.display:
            self.show_fleet(self.face.fleet)

    # -- showing

    def show_fleet(self, fleet: Fleet) -> None:
        """Draw what is new."""
        # Textual tells a widget no size that it found out while it looked for another one, as it does for the focus.
        if self.size != self._laid_out_for:
            self._lay_out()
        history = self.face.history(self._ref)
        past = Past(history, history.full if history is not None else None)
        row = vm_row(fleet, self._ref, self.face.now())
        width = max(20, next(iter(self.charts.values())).size.width - 8)
        start, end = self._window(past, width)
        devices = self._devices(past, width)
        marks = self._marks(fleet, start, end)
        stamp = (past.newest, start, end, self._device, devices, marks, self.size, row is None)
        if stamp == self._drawn:
            return
        self._drawn = stamp
        note = self._note(SPANS[self._span_of(past)][1], devices)
        if note != self.note:
            self.note = note
            self.screen.show_subject()  # type: ignore[attr-defined] # a TabbedPage
        step = (end - start) / (2 * width)
        drawer = Drawer(
            past,
            start,
            end,
            step,
            marks,
            "no figures in this time" if row is None or row.vm.is_active else "it is off: there are no figures",
        )
        for name, picture in drawer.pictures(row, devices).items():
            self.charts[name].show(picture)

    def _window(self, past: Past, width: int) -> tuple[float, float]:
        """Return the time that is shown; its end moves by whole cells, so that most of a line stays as it was."""
        now, first = self.face.now(), past.first
        seconds = SPANS[self._span_of(past)][0]
        if not seconds:
            seconds = max(60.0, now - first + 1.0) if first is not None else 60.0
        cell = seconds / width
        end = (int(now / cell) + 1) * cell
        return end - seconds, end

    def _span_of(self, past: Past) -> int:
        """Return which span of time is shown; until a person chose, the one that what is kept fills best."""
        if self._span is not None:
            return self._span
        known = self.face.now() - past.first if past.first is not None else 0.0
        return next((index for index in range(1, FIRST_SPAN) if SPANS[index][0] >= known), FIRST_SPAN)

    def _devices(self, past: Past, width: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the disks and interfaces that are drawn each by itself; () for all together."""
        disks, nics = past.devices("read"), past.devices("rx")
        choices = 1 + max(len(disks), len(nics))
        self._several = choices > 2
        self._device %= choices if self._several else 1
        if not self._device:
            most = min(DEVICES_AT_ONCE, width // LEGEND)
            return (
                tuple(disks) if 1 < len(disks) <= most else (),
                tuple(nics) if 1 < len(nics) <= most else (),
            )
        return tuple(disks[self._device - 1 : self._device]), tuple(nics[self._device - 1 : self._device])

    def _note(self, span: str, devices: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
        words = [span, "+ - zoom", "left right read"]
        if self._device:
            words.insert(1, " ".join(safe(name, limit=20) for group in devices for name in group))
        if self._several:
            words.append("d device")
        return "   ".join(words)

    def _marks(self, fleet: Fleet, start: float, end: float) -> tuple[Mark, ...]:
        """Return what happened to the VM in the time that is shown."""
        ref = self._ref
        found = [
            Mark(event.at, event.subject)
            for event in fleet.events
            if event.vm is not None and event.vm.uuid == ref.uuid and event.severity is not Severity.NONE
        ]
        told = {round(mark.at / 5) for mark in found}
        found += [
            Mark(task.ended or task.started, f"{task.label} {task.phase.value}")
            for task in fleet.tasks
            if task.vm_uuid == ref.uuid
            and task.phase not in (TaskPhase.WAITING, TaskPhase.REFUSED)
            and round((task.ended or task.started) / 5) not in told
        ]
        return tuple(sorted(mark for mark in found if start <= mark.at <= end))

    # -- keys

    def action_by(self, lines: int) -> None:
        """Scroll the charts."""
        self.scroller.scroll_relative(y=lines, animate=False)

    def read_out(self, step: int) -> None:
        """Move the read-out of all charts."""
        if self._drawn is None:
            return  # there is nothing to be read yet
        first, *rest = self.charts.values()
        first.action_read(step)
        for chart in rest:
            chart.read(first.read_at)
        self._read_at = first.read_at

    def zoom(self, step: int) -> None:
        """Show a shorter or longer time."""
        history = self.face.history(self._ref)
        span = self._span_of(Past(history, history.full if history is not None else None))
        self._span = max(0, min(len(SPANS) - 1, span + step))
        self._show_again()

    def next_device(self) -> None:
        """Show the next disk and interface by itself, after the last one all together."""
        self._device += 1
        self._show_again()

    def _show_again(self) -> None:
        self._drawn = None
        if self.is_attached:  # else it is shown when it is
            self.show_fleet(self.face.fleet)
            self.screen.show_subject()  # type: ignore[attr-defined] # a TabbedPage

    def step_back(self) -> bool:
        """Take the read-out away."""
        if self._read_at is None:
            return False
        self._read_at = None
        for chart in self.charts.values():
            chart.read(None)
        return True

    @on(Chart.Read)
    def _read(self, event: Chart.Read) -> None:
        event.stop()
        self._read_at = event.at
        for chart in self.charts.values():
            if chart is not event.chart:
                chart.read(event.at)

    def take_focus(self) -> None:
        """Take the keys for all charts."""
        self.focus()
