"""Facts as lines of text: names with values, gauges, small tables, side by side where there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.style import Style
from rich.text import Text

from kvmtui.core.fields import Tone
from kvmtui.core.text import cell_width, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kvmtui.widgets.glyphs import Glyphs

NAME = 13  # cells of a fact's name, with the space after it
GAP = 3  # cells between columns of a sheet
GAUGE = 12  # cells
NARROW = 40  # cells below which there is no room for one
GLUE = "\u00a0"
EIGHTHS = " ▏▎▍▌▋▊▉"
BOLD = Style(bold=True)


class Span(NamedTuple):
    """A text that is safe to show, and how it is meant."""

    text: str
    tone: Tone = Tone.NORMAL


class Head(NamedTuple):
    """A column of a small table; one that grows takes the room that is left, up to twice its width."""

    title: str
    width: int
    right: bool = False
    grows: bool = False


class Sheet:
    """Collects lines of one width; texts given to it are safe already."""

    def __init__(self, tones: Mapping[Tone, Style], width: int, glyphs: Glyphs) -> None:
        self.tones = tones
        self.width = max(20, width)
        self.glyphs = glyphs
        self.lines: list[Text] = []

    @property
    def gauge_room(self) -> int:
        """The cells of a bar."""
        return GAUGE if self.width >= NARROW else 0

    def beside(self, width: int) -> Sheet:
        """Return an empty sheet of another width that looks the same."""
        return Sheet(self.tones, width, self.glyphs)

    def blank(self) -> None:
        """Leave a line free, unless one is."""
        if self.lines and self.lines[-1].plain:
            self.lines.append(Text())

    def head(self, title: str, note: str = "") -> None:
        """Begin a part."""
        self.blank()
        line = Text(no_wrap=True)
        line.append(title, self.tones[Tone.MUTED] + BOLD)
        if note:
            line.append(f"  {shorten(note, max(0, self.width - cell_width(title) - 2))}", self.tones[Tone.MUTED])
        self.lines.append(line)

    def line(self, *spans: Span) -> None:
        """Add a line of several texts; what is too long is cut at its end."""
        line = Text(no_wrap=True)
        for span in spans:
            line.append(span.text, self.tones[span.tone])
        line.truncate(self.width)
        self.lines.append(line)

    def fact(self, name: str, *spans: Span | str) -> None:
        """Add a name and its value; the last text loses its middle where it is too long, a muted note goes whole."""
        line = self._named(name)
        given = [Span(one) if isinstance(one, str) else one for one in spans]
        for index, span in enumerate(given):
            room = max(0, self.width - line.cell_len)
            if index and span.tone is Tone.MUTED and cell_width(span.text) > room:
                continue
            text = shorten(span.text, room) if index == len(given) - 1 else span.text
            line.append(text, self.tones[span.tone])
        line.truncate(self.width)
        self.lines.append(line)

    def wrapped(self, name: str, text: str, tone: Tone = Tone.NORMAL, *, most: int = 8) -> None:
        """Add a name and a long value in as many lines as it needs, at most `most`."""
        room = max(8, self.width - NAME)
        pieces = wrap(text, room)
        if len(pieces) > most:
            pieces = [*pieces[: most - 1], shorten(" ".join(pieces[most - 1 :]), room)]
        for index, piece in enumerate(pieces or [""]):
            line = self._named(name if not index else "")
            line.append(piece, self.tones[tone])
            self.lines.append(line)

    def _named(self, name: str) -> Text:
        line = Text(no_wrap=True)
        line.append(fitted(name, NAME - 1) + " ", self.tones[Tone.MUTED])
        return line

    def gauge(self, name: str, percent: float | None, tone: Tone, *spans: Span) -> None:
        """Add a name, a bar of a share with its figure, and what else is to be said; a muted word only as a whole."""
        line = self._named(name)
        drawn = fitted(bar(percent, self.gauge_room, self.glyphs), self.gauge_room)
        line.append(drawn, self.tones[Tone.ACCENT if tone is Tone.NORMAL else tone])
        figure = "-" if percent is None else f"{percent:.0f} %"
        line.append(f" {figure:>5}", self.tones[tone])
        for span in spans:
            if span.tone is not Tone.MUTED or line.cell_len + 2 + cell_width(span.text) <= self.width:
                line.append(f"  {span.text}", self.tones[span.tone])
        line.truncate(self.width)
        self.lines.append(line)

    def sentence(self, text: str, tone: Tone = Tone.NORMAL) -> None:
        """Add a text in as many lines as it needs."""
        for part in text.splitlines():
            self.lines += [Text(piece, self.tones[tone], no_wrap=True) for piece in wrap(part, self.width)]

    def grid(self, facts: Iterable[tuple[str, str, Tone]], cell: int = 34) -> None:
        """Add many short facts, in several columns where they fit; a long one takes a line of its own."""
        columns = max(1, (self.width + GAP) // (cell + GAP))
        each = (self.width - GAP * (columns - 1)) // columns
        short = Text(no_wrap=True)
        for name, value, tone in facts:
            if not value:
                continue
            used = 0 if not short else -(-(short.cell_len + GAP) // (each + GAP))
            if cell_width(value) > each - NAME or columns == 1:
                if cell_width(value) > self.width - NAME:
                    self.wrapped(name, value, tone, most=4)
                else:
                    self.fact(name, Span(value, tone))
                continue
            if short and used >= columns:
                self.lines.append(short)
                short = Text(no_wrap=True)
                used = 0
            if short:
                short.pad_right(max(0, used * (each + GAP) - short.cell_len))
            short.append(fitted(name, NAME - 1) + " ", self.tones[Tone.MUTED])
            short.append(value, self.tones[tone])
        if short:
            self.lines.append(short)

    def table(self, title: str, heads: Sequence[Head], rows: Iterable[Sequence[Span]], empty: str = "") -> None:
        """Add a small table under its title; columns at the end go where there is no room."""
        self.blank()
        kept = list(heads)
        while len(kept) > 1 and sum(head.width + 1 for head in kept) - 1 > self.width:
            kept.pop()
        spare = self.width - sum(head.width + 1 for head in kept) + 1
        kept = [
            head._replace(width=max(4, head.width + min(spare, head.width))) if head.grows else head for head in kept
        ]
        line = Text(no_wrap=True)
        line.append(fitted(title, kept[0].width), self.tones[Tone.MUTED] + BOLD)
        for head in kept[1:]:
            line.append(" " + fitted(head.title, head.width, right=head.right), self.tones[Tone.MUTED])
        line.rstrip()
        self.lines.append(line)
        some = False
        for row in rows:
            some = True
            if len(row) == 1:  # a line that belongs to the one above
                line = Text(no_wrap=True)
                line.append("  " + shorten(row[0].text, self.width - 2), self.tones[row[0].tone])
                self.lines.append(line)
                continue
            line = Text(no_wrap=True)
            for index, (head, cell) in enumerate(zip(kept, row, strict=False)):
                line.append(
                    (" " if index else "") + fitted(cell.text, head.width, right=head.right), self.tones[cell.tone]
                )
            line.rstrip()
            self.lines.append(line)
        if not some and empty:
            self.line(Span(empty, Tone.MUTED))


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Return a text in exactly `width` cells."""
    text = shorten(text, width)
    space = " " * (width - cell_width(text))
    return space + text if right else text + space


def bar(percent: float | None, width: int, glyphs: Glyphs) -> str:
    """Return a bar of at most `width` cells, in eighths where the terminal can."""
    if percent is None:
        return ""
    share = min(100.0, max(0.0, percent)) / 100
    if glyphs.ascii:
        return "#" * round(share * width)
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def wrap(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` cells, parted at spaces where it can be, but not at `GLUE`."""
    lines: list[str] = []
    for part in text.split("\n"):
        line = ""
        for word in part.split(" "):
            candidate = f"{line} {word}" if line else word
            if cell_width(candidate) <= width:
                line = candidate
                continue
            if line:
                lines.append(line)
            rest = word
            while cell_width(rest) > width:
                cut = width
                while cell_width(rest[:cut]) > width:
                    cut -= 1
                lines.append(rest[: max(1, cut)])
                rest = rest[max(1, cut) :]
            line = rest
        lines.append(line)
    return [line.replace(GLUE, " ") for line in lines]


def side_by_side(sheets: Sequence[Sheet]) -> list[Text]:
    """Return sheets as columns beside each other."""
    height = max((len(sheet.lines) for sheet in sheets), default=0)
    lines = []
    for y in range(height):
        line = Text(no_wrap=True)
        start = 0
        for sheet in sheets:
            if y < len(sheet.lines) and sheet.lines[y].plain:
                line.pad_right(max(0, start - line.cell_len))
                line.append_text(sheet.lines[y])
            start += sheet.width + GAP
        lines.append(line)
    return lines


def in_signs(line: Text, glyphs: Glyphs) -> Text:
    """Return a line with stand-ins for what the terminal cannot show."""
    if glyphs.ascii and not line.plain.isascii():
        line.plain = glyphs.fit(line.plain)
    return line


def greyed(lines: Iterable[Text], muted: Style) -> list[Text]:
    """Return lines that are old: what they say, in one colour."""
    return [Text(line.plain, muted, no_wrap=True) for line in lines]
