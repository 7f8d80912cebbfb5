"""The table of hosts, VMs and tasks: asks for and paints only the rows that are seen, and only when they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kvmtui.core.fields import Tone
from kvmtui.core.text import cell_width, safe, shorten
from kvmtui.widgets.glyphs import UNICODE, Glyphs
from kvmtui.widgets.scrolling import scroll_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from textual import events

GUTTER = 3  # cells: cursor or mark, sign, space
WHEEL_ROWS = 3


class Column(NamedTuple):
    """How a column is drawn; cells are given in the order of the columns."""

    id: str
    title: str
    width: int  # cells; of the flexible column the least
    right: bool = False
    flexible: bool = False  # one of the columns may take the rest
    priority: int = 0  # on a narrow screen the highest goes first; 0 never goes


class Cell(NamedTuple):
    """A text that is safe to show, and how it is meant."""

    text: str
    tone: Tone = Tone.NORMAL


EMPTY_CELL = Cell("")


class Row(NamedTuple):
    """What a line shows; with fewer cells than columns the last one takes the rest of the line."""

    cells: tuple[Cell, ...]
    sign: Cell = EMPTY_CELL  # severity, one character
    marked: bool = False
    struck: bool = False  # it is gone, and stays until the cursor leaves it
    muted: bool = False  # old


class Rule(NamedTuple):
    """A key that is a line between rows: nothing can be done with it. Two rules of a table differ."""

    text: str


class _Line(NamedTuple):
    """What stands in one line of the screen."""

    content: Row | Rule | str
    look: str  # of the cursor: "", "cursor" or "blurred"


NOTHING = _Line("", "")
UNKNOWN = _Line("", "unknown")


class ResourceTable(Widget, can_focus=True):
    """Rows by key, a cursor that belongs to a key, and a header."""

    DEFAULT_CSS = """
    ResourceTable {
        height: 1fr;
        & > .table--header { color: $text-muted; text-style: bold; }
        & > .table--rule { color: $text-muted; }
        & > .table--cursor { background: $primary 35%; text-style: bold; }
        & > .table--blurred { background: $primary 15%; }
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
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._columns = tuple(columns)
        self._spans: list[tuple[int, int, int]] = []  # column's index, first cell, width
        self._glyphs = glyphs
        self._header = int(header)
        self._sorted: tuple[str, bool] | None = None
        self._empty: tuple[str, ...] = ()
        self._keys: tuple[Hashable, ...] = ()
        self._cells: Callable[[Hashable], Row] | None = None
        self._rows: dict[Hashable, Row] = {}  # of the keys that are seen
        self._cursor: Hashable | None = None
        self._place = 0  # the cursor's index in the keys, also when its row is gone
        self._top = 0  # index of the first key that is seen
        self._moved = False  # by a person
        self._lines: list[_Line] = []
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
        wanted = (column, descending) if column else None
        if wanted != self._sorted:
            self._sorted = wanted
            self._refresh_line(0)

    def set_empty(self, *lines: str) -> None:
        """Say what to do when there are no rows."""
        self._empty = lines
        self._paint()

    def show(self, keys: Sequence[Hashable], cells: Callable[[Hashable], Row]) -> None:
        """Show these keys in this order; `cells` is asked for a key's row each time that it may be painted anew.

        The cursor stays on its key, and the key on its line of the screen.
        """
        line = self._place - self._top
        self._keys = tuple(keys)
        self._cells = cells
        self._rows.clear()
        place = self._find(self._cursor)
        if place is not None:
            resting = not self._moved and place < self._height
            self._top = 0 if resting else place - line
            self._place = place
        elif self._cursor is not None:
            self._cursor = None
        elif not self._moved and self._told is None:
            self._put_cursor(self._near(0, 1))
        self._paint()

    @property
    def columns_shown(self) -> tuple[str, ...]:
        """The columns that there is room for."""
        return tuple(self._columns[index].id for index, _, _ in self._spans)

    @property
    def keys_shown(self) -> tuple[Hashable, ...]:
        """The keys that are on the screen now, without rules."""
        return tuple(key for key in self._keys[self._top : self._top + self._height] if not isinstance(key, Rule))

    # --- the cursor ------------------------------------------------------------------------------

    @property
    def cursor(self) -> Hashable | None:
        """The key under the cursor; None: there is none, or its row is gone."""
        return self._cursor

    @property
    def cursor_line(self) -> int | None:
        """The line of the widget that the cursor is on, the header counted."""
        return None if self._cursor is None else self._place - self._top + self._header

    def move_to(self, key: Hashable) -> bool:
        """Put the cursor on a key; False: it is not there."""
        place = self._find(key)
        if place is None or isinstance(key, Rule):
            return False
        self._moved = True
        self._put_cursor(place)
        self._soon()
        return True

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows, up when negative."""
        step = 1 if rows > 0 else -1
        start = self._place + rows
        if self._cursor is None:  # its row is gone: the next one has moved up to its place
            start -= rows > 0
        self._go(start, step)

    def action_page(self, pages: float) -> None:
        """Move the cursor by pages."""
        self.action_move(round(pages * max(1, self._height - 1)))

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self._go(0, 1)

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self._go(len(self._keys) - 1, -1)

    def action_choose(self) -> None:
        """Say that the row under the cursor is wanted."""
        if self._cursor is not None:
            self.post_message(self.Chosen(self, self._cursor))

    def _go(self, place: int, step: int) -> None:
        self._moved = True
        self._put_cursor(self._near(max(0, min(place, len(self._keys) - 1)), step))
        self._soon()

    def _near(self, place: int, step: int) -> int | None:
        """Return the first place from `place` on, or else before it, that holds a row."""
        for way in (step, -step):
            at = place
            while 0 <= at < len(self._keys):
                if not isinstance(self._keys[at], Rule):
                    return at
                at += way
        return None

    def _put_cursor(self, place: int | None) -> None:
        if place is None:
            self._cursor = None
            return
        self._cursor, self._place = self._keys[place], place
        first = self._near(0, 1)
        if place == first:
            self._top = 0  # with the rule above it
        self._keep_seen()

    def _keep_seen(self) -> None:
        """Scroll as little as shows the cursor and fills the screen."""
        height = self._height
        if height <= 0:
            return
        if self._cursor is not None:
            self._top = min(self._top, self._place)
            self._top = max(self._top, self._place - height + 1)
        self._top = max(0, min(self._top, len(self._keys) - height))

    def _find(self, key: Hashable | None) -> int | None:
        if key is None:
            return None
        if self._place < len(self._keys) and self._keys[self._place] == key:
            return self._place
        try:
            return self._keys.index(key)
        except ValueError:
            return None

    # --- painting --------------------------------------------------------------------------------

    @property
    def _height(self) -> int:
        return max(0, self.size.height - self._header)

    def _soon(self) -> None:
        """Paint once for all keys that came together."""
        if not self._waiting and self.is_attached:
            self._waiting = True
            self.call_later(self._paint)

    def _paint(self) -> None:
        """Repaint the lines that show something else than before."""
        self._waiting = False
        if self._cursor != self._told:
            self._told = self._cursor
            if self.is_attached:
                self.post_message(self.Highlighted(self, self._cursor))
        if not self._height:
            return
        self._keep_seen()
        by, self._painted_top = self._top - self._painted_top, self._top
        before, self._lines = self._lines, [self._line(self._top + y) for y in range(self._height)]
        if (
            len(before) == self._height
            and self._gains(before, by)
            and scroll_lines(self, self._header, self._height, by)
        ):
            before = [*before[by:], *[UNKNOWN] * by] if by > 0 else [*[UNKNOWN] * -by, *before[:by]]
        for y, line in enumerate(self._lines):
            if y >= len(before) or line != before[y]:
                self._refresh_line(y + self._header)
        if len(self._rows) > 4 * self._height:
            seen = set(self.keys_shown)
            self._rows = {key: row for key, row in self._rows.items() if key in seen}

    def _gains(self, before: Sequence[_Line], by: int) -> bool:
        """Tell whether most lines are what they were, only `by` lines further up."""
        height = self._height
        if not 0 < abs(by) <= height // 2:
            return False
        same = sum(self._lines[y] == before[y + by] for y in range(max(0, -by), min(height, height - by)))
        return same > height // 2

    def _line(self, place: int) -> _Line:
        if place >= len(self._keys) or self._cells is None:
            return NOTHING if self._keys or place >= len(self._empty) else _Line(self._empty[place], "")
        key = self._keys[place]
        if isinstance(key, Rule):
            return _Line(key, "")
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._cells(key)
        look = "" if key != self._cursor else "cursor" if self.has_focus else "blurred"
        return _Line(row, look)

    def _refresh_line(self, y: int) -> None:
        self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width = self.size.width
        if y < self._header:
            return self._draw_header(width)
        line = self._lines[y - self._header] if y - self._header < len(self._lines) else NOTHING
        if isinstance(line.content, Row):
            return self._draw_row(line.content, line.look, width)
        if isinstance(line.content, Rule):
            return self._draw_rule(line.content, width)
        return self._strip([("   " + self._glyphs.fit(line.content), "muted")], "", width)

    def _draw_header(self, width: int) -> Strip:
        parts = [" " * GUTTER]
        for index, _, room in self._spans:
            column = self._columns[index]
            title = column.title
            if self._sorted and self._sorted[0] == column.id:
                mark = self._glyphs.descending if self._sorted[1] else self._glyphs.ascending
                title = shorten(title, room - 1) + mark
            parts.append(self._fitted(title, room, right=column.right) + " ")
        return self._strip([("".join(parts), "header")], "", width)

    def _draw_rule(self, rule: Rule, width: int) -> Strip:
        dash = self._glyphs.dash
        text = f"{dash * 2} {self._fitted(rule.text, min(cell_width(rule.text), width - 6))} "
        return self._strip([(text + dash * (width - cell_width(text)), "rule")], "", width)

    def _draw_row(self, row: Row, look: str, width: int) -> Strip:
        glyphs = self._glyphs
        mark = glyphs.mark if row.marked else " "
        parts = [
            (glyphs.cursor, "normal") if look else (mark, "mark"),
            (row.sign.text[:1] or " ", row.sign.tone.value),
            (mark if look else " ", "mark"),
        ]
        last = len(row.cells) - 1
        for index, start, room in self._spans:
            if index > last:
                break
            column = self._columns[index]
            cell = row.cells[index]
            spans = index == last < len(self._columns) - 1
            text = self._fitted(cell.text, width - start if spans else room, right=column.right and not spans)
            tone = Tone.MUTED if row.muted else cell.tone
            parts.append((text + " ", tone.value))
        return self._strip(parts, look + (" struck" if row.struck else ""), width)

    def _fitted(self, text: str, width: int, *, right: bool = False) -> str:
        if not text.isprintable():
            text = safe(text)
        used = cell_width(text)
        if used > width:
            text = self._glyphs.fit(shorten(text, width))
            used = cell_width(text)
        return " " * (width - used) + text if right else text + " " * (width - used)

    def _strip(self, parts: Sequence[tuple[str, str]], look: str, width: int) -> Strip:
        """Join texts and their uses to a line; what is drawn alike becomes one piece, for each costs 40 bytes."""
        segments: list[Segment] = []
        text, use = "", parts[0][1]
        for more, its_use in parts:
            if its_use != use and not more.isspace():
                if text.isspace():
                    use = its_use
                else:
                    segments.append(Segment(text, self._style(use, look)))
                    text, use = "", its_use
            text += more
        segments.append(Segment(text, self._style(use, look)))
        return Strip(segments).adjust_cell_length(width, self._style("normal", look))

    def _style(self, use: str, look: str) -> Style:
        style = self._styles_by_use.get((use, look))
        if style is None:
            style = self.rich_style
            if use != "normal":
                style += self.get_component_rich_style(f"table--{use}", partial=True)
            for name in look.split():
                struck = name == "struck"
                style += Style(strike=True) if struck else self.get_component_rich_style(f"table--{name}", partial=True)
            self._styles_by_use[use, look] = style
        return style

    # --- columns ---------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        """Give each column its place; drop what there is no room for."""
        kept = list(range(len(self._columns)))
        room = self.size.width - GUTTER

        def needed() -> int:
            return sum(self._columns[index].width + 1 for index in kept) - 1

        while kept and needed() > room:
            worst = max(kept, key=lambda index: (self._columns[index].priority, index))
            if not self._columns[worst].priority:
                break
            kept.remove(worst)
        spare = max(0, room - needed()) if kept else 0
        self._spans = []
        start = GUTTER
        for index in kept:
            column = self._columns[index]
            width = column.width + (spare if column.flexible else 0)
            self._spans.append((index, start, width))
            start += width + 1

    # --- what Textual tells ----------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """Forget the theme's styles."""
        super().notify_style_update()
        self._styles_by_use.clear()

    def on_resize(self) -> None:
        """Fit columns and rows to the new size."""
        self._lay_out()
        self._lines = []
        self.refresh()
        self._paint()

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
            for index, start, width in self._spans:
                if start <= event.x <= start + width:
                    self.post_message(self.HeaderClicked(self, self._columns[index].id))
            return
        place = self._top + event.y - self._header
        if place < len(self._keys) and self.move_to(self._keys[place]) and event.chain == 2:
            self.action_choose()
