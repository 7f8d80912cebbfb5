"""The tab about the machine that kvmtui runs on, beside what libvirt says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from kvmtui.core.fields import Tone
from kvmtui.core.fields.field import rising
from kvmtui.core.text import safe
from kvmtui.core.units import bps, hhmmss, pair, percent, size
from kvmtui.screens.local_host import LocalMachine, Machine
from kvmtui.screens.sheet import Head, Sheet, Span, bar, side_by_side
from kvmtui.screens.tabs import TextTab
from kvmtui.widgets.work import work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.timer import Timer

    from kvmtui.core.inventory import Fleet

EVERY = 3.0  # seconds
TWO_COLUMNS = 100


class MachineTab(TextTab):
    """Load, temperatures, disks, network and the QEMU processes; read only while it is looked at."""

    note = "what this computer itself tells"

    def __init__(self, machine: LocalMachine | None = None) -> None:
        super().__init__()
        self._machine = machine or LocalMachine()
        self._reading: Machine | None = None
        self._silent = False
        self._timer: Timer | None = None

    def opened(self) -> None:
        """Read again and again."""
        if self._timer is None:
            self._timer = self.set_interval(EVERY, self.read_again)
        self._timer.resume()
        self.read_again()

    def closed(self) -> None:
        """Read no more."""
        if self._timer is not None:
            self._timer.pause()

    def read_again(self) -> None:
        """Read it now."""
        if not any(not worker.is_finished for worker in self.workers if worker.node is self):
            self.run_worker(work(self._read), group="machine")

    async def _read(self) -> None:
        reading = await self._machine.read()
        self._silent = reading is None
        self._reading = reading or self._reading
        self._show()

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the last reading: the fleet brings nothing for it, but the width may have changed."""
        del fleet
        if not self.view.plain:
            self._show()

    def on_resize(self) -> None:
        """Lay the text out anew."""
        self._show()

    def _show(self) -> None:
        tones, width = self.face.tones, self.size.width - 1
        if width < 1:
            return
        sheet = Sheet(tones, width, self.face.glyphs)
        if self._reading is None:
            said = (
                "This machine does not answer: a file system may hang." if self._silent else "Reading this machine ..."
            )
            self.say([Text(said, tones[Tone.MUTED])])
            return
        lines = machine_lines(self._reading, sheet)
        if self._silent:
            said = f"as last seen at {hhmmss(self._reading.at)}: reading it hangs, perhaps in a file system"
            lines.insert(0, Text(said, tones[Tone.WARN], no_wrap=True))
        self.say(lines)


def machine_lines(machine: Machine, sheet: Sheet) -> list[Text]:
    """Return what the machine tells."""
    if sheet.width < TWO_COLUMNS:
        _load(machine, sheet)
        _processes(machine, sheet)
        _flows(machine, sheet)
        return sheet.lines
    left = sheet.beside((sheet.width - 3) // 2)
    right = sheet.beside(sheet.width - 3 - left.width)
    _load(machine, left)
    _flows(machine, left)
    _processes(machine, right)
    return side_by_side([left, right])


def _load(machine: Machine, sheet: Sheet) -> None:
    sheet.head("MACHINE")
    one, five, fifteen = machine.load
    sheet.fact("load", f"{one:.2f}  {five:.2f}  {fifteen:.2f}", Span("  over 1, 5 and 15 min", Tone.MUTED))
    if machine.swap_total:
        share = 100.0 * machine.swap_used / machine.swap_total
        sheet.gauge("swap", share, rising(share, 25.0, 75.0), Span(pair(machine.swap_used, machine.swap_total)))
    else:
        sheet.fact("swap", "none")
    for name, degrees, critical in machine.heat:
        near = critical if critical and critical > 0 else 95.0
        said = f"  critical at {critical:.0f}" if critical else ""
        sheet.fact(
            safe(name, limit=12), Span(f"{degrees:.0f} C", rising(degrees, near - 15, near - 5)), Span(said, Tone.MUTED)
        )


def _flows(machine: Machine, sheet: Sheet) -> None:
    heads: Sequence[Head] = (
        Head("FILE SYSTEMS", 20, grows=True),
        Head("fill", 12),
        Head("", 5, right=True),
        Head("used", 10, right=True),
    )
    rows = []
    for volume in machine.volumes:
        share = 100.0 * volume.used / volume.total
        tone = rising(share, 85.0, 95.0)
        fill = Span(bar(share, 12, sheet.glyphs), Tone.ACCENT if tone is Tone.NORMAL else tone)
        rows.append((Span(safe(volume.where)), fill, Span(percent(share), tone), Span(pair(volume.used, volume.total))))
    sheet.table("FILE SYSTEMS", heads, rows, "none on a disk")
    for title, ways, flows in (("DISKS", ("read", "write"), machine.disks), ("NETWORK", ("rx", "tx"), machine.nics)):
        heads = (Head(title, 16, grows=True), Head(ways[0], 9, right=True), Head(ways[1], 9, right=True))
        cells = [(Span(safe(one.name, limit=40)), Span(bps(one.in_bps)), Span(bps(one.out_bps))) for one in flows]
        sheet.table(title, heads, cells, "none")


def _processes(machine: Machine, sheet: Sheet) -> None:
    heads = (
        Head("QEMU PROCESSES", 20, grows=True),
        Head("PID", 8, right=True),
        Head("CPU %", 6, right=True),
        Head("RSS", 6, right=True),
    )
    rows = [
        (
            Span(safe(one.vm) or "without a name", Tone.NORMAL if one.vm else Tone.MUTED),
            Span(str(one.pid), Tone.MUTED),
            Span("-" if one.cpu is None else f"{one.cpu:.0f}"),
            Span(size(one.rss)),
        )
        for one in machine.processes
    ]
    sheet.table("QEMU PROCESSES", heads, rows, "none run here")
