"""The table of hosts, VMs and tasks: asks for and paints only the rows that are seen, and only when they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kvmtui.core.fields import Tone
from kvmtui.widgets.contrast import readable_on
from kvmtui.widgets.glyphs import UNICODE, Glyphs
from kvmtui.widgets.rows import EMPTY_CELL, Cell, Column, Painter, Part, Row, Rule, lay_out
from kvmtui.widgets.scrolling import scroll_lines
from kvmtui.widgets.viewport import Viewport

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from textual import events

__all__ = ["EMPTY_CELL", "Cell", "Column", "ResourceTable", "Row", "Rule"]

WHEEL_ROWS = 3
RIGHT_BUTTON = 3


class _Line(NamedTuple):
    """What stands in one line of the screen."""

    content: Row | Rule | str
    look: str  # of the cursor: "", "cursor" or "blurred"


UNDIMMED = Style(dim=False)
"""Dim text that is reversed is a dim patch of background."""


def _shows_blanks(style: Style) -> bool:
    """Whether a blank in this style is seen, so that it cannot be drawn with what stands beside it."""
    return bool(style.reverse or style.underline or style.strike)


NOTHING = _Line("", "")
UNKNOWN = _Line("", "unknown")


class ResourceTable(Widget, can_focus=True):
    """Rows by key, a cursor that belongs to a key, and a header."""

    DEFAULT_CSS = """
    ResourceTable {
        height: 1fr;
        & > .table--header { color: $text-muted; text-style: bold; }
        & > .table--rule { color: $text-muted; }
        & > .table--cursor { background: $primary-muted; text-style: bold; }
        & > .table--blurred { background: $panel; }
        & > .table--mark { color: $text-accent; text-style: bold; }
        & > .table--muted { color: $text-muted; }
        & > .table--good { color: $text-success; }
        & > .table--warn { color: $text-warning; }
        & > .table--bad { color: $text-error; text-style: bold; }
        & > .table--accent { color: $text-accent; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--rule",
        "table--cursor",
        "table--blurred",
        "table--mark",
        *(f"table--{tone.value}" for tone in Tone if tone is not Tone.NORMAL),
    }
    # Priority bindings act before the app looks at the next key: `down` and `x` of one read act on the row below.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(keys, action, label, show=False, priority=True, id=f"table.{name}")
        for keys, action, label, name in (
            ("up,k", "move(-1)", "up", "up"),
            ("down,j", "move(1)", "down", "down"),
            ("pageup", "page(-1.0)", "page up", "page-up"),
            ("pagedown", "page(1.0)", "page down", "page-down"),
            ("ctrl+u", "page(-0.5)", "half a page up", "half-up"),
            ("ctrl+d", "page(0.5)", "half a page down", "half-down"),
            ("home,g", "first", "first row", "first"),
            ("end,G", "last", "last row", "last"),
            ("enter", "choose", "look", "choose"),
        )
    ]

    class Highlighted(Message):
        """The cursor is on another key; None: its row is gone."""

        def __init__(self, table: ResourceTable, key: Hashable | None) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> ResourceTable:
            """The table, for `on(..., selector)`."""
            return self.table

    class Chosen(Highlighted):
        """Enter or a double click on a row."""

    class MenuWanted(Highlighted):
        """A row was clicked with the right button."""

    class HeaderClicked(Message):
        """A column's title was clicked."""

        def __init__(self, table: ResourceTable, column: str) -> None:
            super().__init__()
            self.table = table
            self.column = column

        @property
        def control(self) -> ResourceTable:
            """The table, for `on(..., selector)`."""
            return self.table

    def __init__(
        self,
        columns: Sequence[Column] = (),
        *,
        glyphs: Glyphs = UNICODE,
        header: bool = True,
        driven: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._glyphs = glyphs
        self._painter = Painter(self._columns, [], 0, glyphs)
        self._header = int(header)
        self._driven = driven  # by the keys that its screen takes: it needs no focus to look as if it had it
        self._sorted = ("", False)
        self._empty: tuple[str, ...] = ()
        self._view = Viewport()
        self._cells: Callable[[Hashable], Row] | None = None
        self._rows: dict[Hashable, Row] = {}  # of the keys that are seen
        self._lines: list[_Line] = []
        self._fitted = Size()  # what the lines are made for
        self._painted_top = 0
        self._told: Hashable | None = None
        self._waiting = False
        self._styles_by_use: dict[tuple[str, str], Style] = {}

    # --- what it shows ---------------------------------------------------------------------------

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Draw other columns from the next `show` on."""
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._rows.clear()
            self._lay_out()
            self.refresh()

    def set_sort(self, column: str, *, descending: bool = False) -> None:
        """Mark the column that the rows are sorted by; "" for none."""
        if (column, descending) != self._sorted:
            self._sorted = (column, descending)
            self._refresh_line(0)

    def set_empty(self, *lines: str) -> None:
        """Say what to do when there are no rows."""
        self._empty = lines
        self._paint()

    def show(self, keys: Sequence[Hashable], cells: Callable[[Hashable], Row]) -> None:
        """Show these keys in this order; `cells` is asked for a key's row each time that it may be painted anew.

        The cursor stays on its key, and the key on its line of the screen.
        """
        self._cells = cells
        self._rows.clear()
        self._view.show(keys)
        self._paint()

    @property
    def columns_shown(self) -> tuple[str, ...]:
        """The columns that there is room for."""
        return tuple(self._columns[span.column].id for span in self._painter.spans)

    @property
    def keys_shown(self) -> tuple[Hashable, ...]:
        """The keys that are on the screen now, without rules."""
        return tuple(key for key in self._view.seen if not isinstance(key, Rule))

    # --- the cursor ------------------------------------------------------------------------------

    @property
    def cursor(self) -> Hashable | None:
        """The key under the cursor; None: there is none, or its row is gone."""
        return self._view.cursor

    @property
    def cursor_line(self) -> int | None:
        """The line of the widget that the cursor is on, the header counted."""
        view = self._view
        return None if view.cursor is None else view.place - view.top + self._header

    def move_to(self, key: Hashable) -> bool:
        """Put the cursor on a key; False: it is not there."""
        place = self._view.find(key)
        if place is None or isinstance(key, Rule):
            return False
        self._view.go(place, 1)
        self._soon()
        return True

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows, up when negative."""
        self._view.move(rows)
        self._soon()

    def action_page(self, pages: float) -> None:
        """Move the cursor by pages."""
        self.action_move(round(pages * max(1, self._view.height - 1)))

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self._view.go(0, 1)
        self._soon()

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self._view.go(len(self._view.keys), -1)
        self._soon()

    def action_choose(self) -> None:
        """Say that the row under the cursor is wanted."""
        if self.cursor is not None:
            self.post_message(self.Chosen(self, self.cursor))

    # --- painting --------------------------------------------------------------------------------

    def _soon(self) -> None:
        """Paint once for all keys that came together."""
        if not self._waiting and self.is_attached:
            self._waiting = True
            self.call_later(self._paint)

    def _paint(self) -> None:
        """Repaint the lines that show something else than before."""
        self._waiting = False
        view = self._view
        if view.cursor != self._told:
            self._told = view.cursor
            if self.is_attached:
                self.post_message(self.Highlighted(self, view.cursor))
        if view.height <= 0:
            return
        by, self._painted_top = view.top - self._painted_top, view.top
        before, self._lines = self._lines, [self._line(view.top + y) for y in range(view.height)]
        if self._gains(before, by) and scroll_lines(self, self._header, view.height, by):
            before = [*before[by:], *[UNKNOWN] * by] if by > 0 else [*[UNKNOWN] * -by, *before[:by]]
        for y, line in enumerate(self._lines):
            if y >= len(before) or line != before[y]:
                self._refresh_line(y + self._header)
        if len(self._rows) > 4 * view.height:
            seen = set(view.seen)
            self._rows = {key: row for key, row in self._rows.items() if key in seen}

    def _gains(self, before: Sequence[_Line], by: int) -> bool:
        """Tell whether most lines are what they were, only `by` lines further up."""
        height = self._view.height
        if len(before) != height or not 0 < abs(by) <= height // 2:
            return False
        same = sum(self._lines[y] == before[y + by] for y in range(max(0, -by), min(height, height - by)))
        return same > height // 2

    def _line(self, place: int) -> _Line:
        keys = self._view.keys
        if place >= len(keys) or self._cells is None:
            return NOTHING if keys or place >= len(self._empty) else _Line(self._empty[place], "")
        key = keys[place]
        if isinstance(key, Rule):
            return _Line(key, "")
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._cells(key)
        look = "" if key != self._view.cursor else "cursor" if self.has_focus or self._driven else "blurred"
        return _Line(row, look)

    def _refresh_line(self, y: int) -> None:
        self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        if self.size != self._fitted:
            self._fit()  # Textual paints a new size before it tells of it: the first picture is a whole one
        if y < self._header:
            by, descending = self._sorted
            return self._strip(self._painter.header(by, descending=descending))
        y -= self._header
        content, look = self._lines[y] if y < len(self._lines) else NOTHING
        if isinstance(content, Row):
            return self._strip(self._painter.row(content, cursor=look == "cursor"), look)
        if isinstance(content, Rule):
            return self._strip(self._painter.rule(content))
        return self._strip([("   " + self._glyphs.fit(content), "muted")])

    def _strip(self, parts: Sequence[Part], look: str = "") -> Strip:
        """Join texts and their uses to a line; what is drawn alike becomes one piece, for each costs 40 bytes."""
        segments: list[Segment] = []
        text, style = "", self._style("normal", look)
        for more, use in parts:
            its = style if more.isspace() and not _shows_blanks(style) else self._style(use, look)
            if its is not style and more:
                if text.isspace() and not _shows_blanks(its):
                    style = its
                elif text:
                    segments.append(Segment(text, style))
                    text = ""
                style = its
            text += more
        segments.append(Segment(text, style))
        return Strip(segments).adjust_cell_length(self.size.width, self._style("normal", look))

    def _style(self, use: str, look: str) -> Style:
        style = self._styles_by_use.get((use, look))
        if style is None:
            tone, _, struck = use.partition(" ")
            style = self.rich_style
            if tone != "normal":
                style += self.get_component_rich_style(f"table--{tone}", partial=True)
            if struck:
                style += Style(strike=True)
            if look:
                style = readable_on(style, self.get_component_rich_style(f"table--{look}", partial=True), self.app)
                if style.reverse:
                    style += UNDIMMED
            self._styles_by_use[use, look] = style
        return style

    def _lay_out(self) -> None:
        """Fit the columns to the width."""
        width = self.size.width
        self._painter = Painter(self._columns, lay_out(self._columns, width), width, self._glyphs)

    # --- what Textual tells ----------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """Forget the theme's styles."""
        super().notify_style_update()
        self._styles_by_use.clear()

    def on_resize(self) -> None:
        """Fit columns and rows to the new size, unless painting has done so."""
        if self.size != self._fitted:
            self._fit()
            self.refresh()
        self._paint()

    def _fit(self) -> None:
        view, self._fitted = self._view, self.size
        self._lay_out()
        view.fit(self.size.height - self._header)
        self._painted_top = view.top
        self._lines = [self._line(view.top + y) for y in range(max(0, view.height))]

    def watch_has_focus(self, has_focus: bool) -> None:
        """Draw the cursor as fits."""
        super().watch_has_focus(has_focus)
        self._soon()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move the cursor; nothing is ever done to a row that is not seen."""
        event.stop()
        event.prevent_default()
        self.action_move(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move the cursor."""
        event.stop()
        event.prevent_default()
        self.action_move(-WHEEL_ROWS)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse points, choose the row, or name the column."""
        if event.y < self._header:
            for index, start, width in self._painter.spans:
                if start <= event.x <= start + width:
                    self.post_message(self.HeaderClicked(self, self._columns[index].id))
            return
        place = self._view.top + event.y - self._header
        keys = self._view.keys
        if place >= len(keys) or not self.move_to(keys[place]):
            return
        if event.button == RIGHT_BUTTON:
            self.post_message(self.MenuWanted(self, keys[place]))
        elif event.chain == 2:
            self.action_choose()
