"""Lines of text that scroll: only what is seen is drawn, only what differs is painted, and a text can be found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kvmtui.widgets.lines import drawn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

SIDEWAYS = 8  # cells that one key moves a long line


class TextView(ScrollView, can_focus=True):
    """A text of any length; with `wide`, lines longer than the screen can be moved sideways."""

    DEFAULT_CSS = """
    TextView {
        height: 1fr;
        width: 100%;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-background: $background;
        scrollbar-background-hover: $background;
        scrollbar-background-active: $background;
        scrollbar-color: $panel-lighten-2;
        & > .text--found { background: $warning 40%; }
        & > .text--here { background: $warning; color: $background; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"text--found", "text--here"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "by(-1)", "up", show=False, id="text.up"),
        Binding("down,j", "by(1)", "down", show=False, id="text.down"),
        Binding("pageup", "page(-1.0)", "page up", show=False, id="text.page-up"),
        Binding("pagedown,space", "page(1.0)", "page down", show=False, id="text.page-down"),
        Binding("ctrl+u", "page(-0.5)", "half a page up", show=False, id="text.half-up"),
        Binding("ctrl+d", "page(0.5)", "half a page down", show=False, id="text.half-down"),
        Binding("home,g", "first", "first line", show=False, id="text.first"),
        Binding("end,G", "last", "last line", show=False, id="text.last"),
        Binding("left", "sideways(-1)", "left", show=False, id="text.left"),
        Binding("right", "sideways(1)", "right", show=False, id="text.right"),
        Binding("enter", "next_hit", "next place found", show=False, id="text.next"),
    ]

    def __init__(
        self,
        *,
        wide: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._wide = wide
        self._lines: Sequence[Text] = ()
        self._wanted = ""
        self._hits: list[int] = []  # lines that hold what is looked for
        self._hit = -1

    # --- what it shows ---------------------------------------------------------------------------

    def show(self, lines: Sequence[Text], *, width: int = 0) -> None:
        """Show these lines and stay where the reader is; `width` is the longest one's, where it is wide."""
        before, self._lines = self._lines, lines
        if self._wanted:
            at = self._hits[self._hit] if self._hits else 0
            self._look(at)
        size = Size(width if self._wide else 0, len(lines))
        if size != self.virtual_size:
            self.virtual_size = size
            self.refresh()
            return
        top = self.scroll_offset.y
        for y in range(top, min(len(lines), top + self.size.height)):
            old, new = before[y], lines[y]
            if old is not new and (old.plain != new.plain or old.spans != new.spans or old.style != new.style):
                self.refresh_line(y)

    @property
    def plain(self) -> str:
        """What it says, without styles."""
        return "\n".join(line.plain for line in self._lines)

    @property
    def seen(self) -> str:
        """What of it is on the screen."""
        top = self.scroll_offset.y
        return "\n".join(line.plain for line in self._lines[top : top + self.size.height])

    # --- finding ---------------------------------------------------------------------------------

    def find(self, text: str) -> int:
        """Mark where a text stands, whatever its case, and go to the first place from here on; returns how many."""
        self._wanted = text.casefold()
        self._look(self.scroll_offset.y)
        self._go_to_hit()
        self.refresh()
        return len(self._hits)

    def _look(self, top: int) -> None:
        """Find the lines that hold what is looked for; the one that is shown is the first from `top` on."""
        self._hits = [y for y, line in enumerate(self._lines) if self._wanted and self._wanted in line.plain.casefold()]
        self._hit = next((index for index, y in enumerate(self._hits) if y >= top), 0) if self._hits else -1

    @property
    def found(self) -> tuple[int, int]:
        """Which of the lines found is shown, from 1, and how many there are."""
        return self._hit + 1, len(self._hits)

    def action_next_hit(self) -> None:
        """Go to the next line that holds what is looked for; after the last, to the first."""
        if self._hits:
            self._hit = (self._hit + 1) % len(self._hits)
            self._go_to_hit()
            self.refresh()

    def _go_to_hit(self) -> None:
        if self._hit < 0:
            return
        y, height = self._hits[self._hit], max(1, self.size.height)
        if not self.scroll_offset.y <= y < self.scroll_offset.y + height:
            self.scroll_to(y=max(0, y - height // 3), animate=False)
        if self._wide:
            at = self._lines[y].plain.casefold().find(self._wanted)
            x = self.scroll_offset.x
            if not x <= at < x + self.size.width - len(self._wanted):
                self.scroll_to(x=max(0, at - self.size.width // 2), animate=False)

    # --- moving ----------------------------------------------------------------------------------

    def action_by(self, lines: int) -> None:
        """Move by lines."""
        self.scroll_relative(y=lines, animate=False)

    def action_page(self, pages: float) -> None:
        """Move by pages."""
        self.scroll_relative(y=round(pages * max(1, self.size.height - 1)), animate=False)

    def action_first(self) -> None:
        """Go to the first line."""
        self.scroll_to(x=0, y=0, animate=False)

    def action_last(self) -> None:
        """Go to the last line."""
        self.scroll_to(y=self.max_scroll_y, animate=False)

    def action_sideways(self, steps: int) -> None:
        """Move long lines."""
        if self._wide:
            self.scroll_relative(x=steps * SIDEWAYS, animate=False)

    # --- drawing ---------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        x, top = self.scroll_offset
        style, width = self.rich_style, self.size.width
        index = top + y
        if index >= len(self._lines):
            return Strip.blank(width, style)
        line = self._lines[index]
        if self._wanted and self._hits:
            line = self._marked(line, here=0 <= self._hit < len(self._hits) and self._hits[self._hit] == index)
        room = max(width, line.cell_len) if self._wide else width
        return drawn(line, room, style, self.app.console).crop_extend(x, x + width, style)

    def _marked(self, line: Text, *, here: bool) -> Text:
        """Return a line with what was found in it marked."""
        plain, wanted = line.plain.casefold(), self._wanted
        at = plain.find(wanted)
        if at < 0 or len(plain) != len(line.plain):
            return line
        marked = line.copy()
        style = self.get_component_rich_style("text--here" if here else "text--found", partial=True)
        while at >= 0:
            marked.stylize(style, at, at + len(wanted))
            at = plain.find(wanted, at + len(wanted))
        return marked
