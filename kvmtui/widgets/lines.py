"""Lines of text that repaint only when they say something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from kvmtui.core.text import cell_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console


def drawn(line: Text, width: int, style: Style, console: Console) -> Strip:
    """Return a line in exactly `width` cells on a widget's own style; one that is too long ends in an ellipsis."""
    if line.cell_len > width:
        line = line.copy()
        line.truncate(width, overflow="ellipsis")
    base = Style(color=style.color, bgcolor=style.bgcolor)
    if line.style:  # Rich drops it when nothing else is styled
        base += console.get_style(line.style)
    return Strip(line.render(console, end="")).apply_style(base).adjust_cell_length(width, style)


def packed(hints: Sequence[str], width: int) -> list[str]:
    """Return what keys do in lines of at most `width` cells; none of them is parted."""
    lines: list[str] = []
    for hint in hints:
        longer = f"{lines[-1]}   {hint}" if lines else hint
        if lines and cell_width(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(hint)
    return lines


class Lines(Widget):
    """A few lines, each painted anew only when it changed; as high as they are many unless CSS says otherwise."""

    DEFAULT_CSS = """
    Lines { height: auto; width: 100%; }
    """

    def __init__(self, lines: Sequence[Text] = (), *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Text, ...] = tuple(lines)

    @property
    def plain(self) -> str:
        """What it says, without styles."""
        return "\n".join(line.plain for line in self._lines)

    def show(self, lines: Sequence[Text]) -> None:
        """Show these lines, repainting those that differ."""
        before, self._lines = self._lines, tuple(lines)
        if len(before) != len(self._lines):
            self.refresh(layout=True)
            return
        for y, (old, new) in enumerate(zip(before, self._lines, strict=True)):
            if old.plain != new.plain or old.spans != new.spans or old.style != new.style:
                self.refresh(Region(0, y, self.size.width, 1))

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """Return the number of lines."""
        del container, viewport, width
        return max(1, len(self._lines))

    def get_content_width(self, container: object, viewport: object) -> int:
        """Return the longest line's width."""
        del container, viewport
        return max((line.cell_len for line in self._lines), default=0)

    def render_line(self, y: int) -> Strip:
        """Draw one line, cut or filled to the width."""
        style = self.rich_style
        width = self.size.width
        if y >= len(self._lines):
            return Strip.blank(width, style)
        return drawn(self._lines[y], width, style, self.app.console)


class Line(Lines):
    """One line."""

    DEFAULT_CSS = """
    Line { height: 1; }
    """

    def say(self, line: Text | str) -> None:
        """Show this line."""
        self.show((Text(line) if isinstance(line, str) else line,))
