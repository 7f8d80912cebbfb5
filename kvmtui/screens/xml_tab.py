"""A tab that shows XML as a host gave it: read when it is first looked at, coloured lightly, never interpreted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, overload

from rich.text import Text

from kvmtui.core.errors import KvmtuiError
from kvmtui.core.fields import Tone
from kvmtui.core.text import cell_width, safe
from kvmtui.core.units import hhmmss
from kvmtui.screens.actions import XML, bindings
from kvmtui.screens.sheet import wrap
from kvmtui.screens.tabs import TextTab
from kvmtui.widgets.textview import TextView
from kvmtui.widgets.work import work

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rich.style import Style
    from textual.binding import BindingType

    from kvmtui.core.inventory import Fleet

LONGEST_LINE = 20_000  # characters
_PARTS = re.compile(r"""(?P<mark></?|/?>|\?>|<!--|-->|=)|(?P<text>"[^"]*"|'[^']*')|(?P<word>[\w:.-]+)""")


class XmlLines(Sequence[Text]):
    """The lines of a document, made safe and coloured when they are looked at."""

    def __init__(self, document: str, tones: Mapping[Tone, Style]) -> None:
        self._raw = document.rstrip("\n").split("\n")
        self._tones = tones
        self._made: dict[int, Text] = {}
        self.width = max(map(cell_width, self._raw), default=0)

    def __len__(self) -> int:
        return len(self._raw)

    @overload
    def __getitem__(self, index: int) -> Text: ...
    @overload
    def __getitem__(self, index: slice) -> list[Text]: ...
    def __getitem__(self, index: int | slice) -> Text | list[Text]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        line = self._made.get(index)
        if line is None:
            line = self._made[index] = self._coloured(safe(self._raw[index].expandtabs(4), limit=LONGEST_LINE))
        return line

    def _coloured(self, text: str) -> Text:
        line = Text(text, no_wrap=True)
        muted, accent, value = self._tones[Tone.MUTED], self._tones[Tone.ACCENT], self._tones[Tone.GOOD]
        inside = opened = False
        for part in _PARTS.finditer(text):
            mark = part["mark"]
            if mark is not None and mark != "=":
                inside = opened = mark.startswith("<")
                line.stylize(muted, *part.span())
            elif inside and part["text"] is not None:
                line.stylize(value, *part.span())
            elif inside:
                line.stylize(accent if opened and mark is None else muted, *part.span())
                opened = False
        return line


class XmlTab(TextTab):
    """Read-only XML; `read` is awaited in a worker that leaving the tab cancels."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(XML)]
    note = "/ find"

    view = cached_property(lambda _: TextView(wide=True))

    def __init__(self, read: Callable[[bool], Awaitable[str]], *, versions: bool = False) -> None:
        super().__init__()
        self._read = read
        self._versions = versions  # live and stored
        self.inactive = False
        self._tones: Mapping[Tone, Style] | None = None
        self.document = ""

    def opened(self) -> None:
        """Read it, unless it was read."""
        if not self.document:
            self.read_again()

    def closed(self) -> None:
        """Wait for nothing any more."""
        self.workers.cancel_node(self)

    def read_again(self) -> None:
        """Read it anew."""
        self.note = "reading ..."
        self._tell("Reading the XML ..." if not self.document else "")
        self.run_worker(work(self._load), group="xml", exclusive=True)

    def action_stored(self) -> None:
        """Show the live definition, or the stored one."""
        if self._versions:
            self.inactive = not self.inactive
            self.document = ""
            self.read_again()

    async def _load(self) -> None:
        try:
            document = await self._read(self.inactive)
        except KvmtuiError as error:
            which = "stored " if self.inactive else ""
            self.document = ""
            self.note = ""
            self._tell(f"The {which}XML cannot be shown: {error}", bad=True)
        else:
            self.document = document
            which = ("stored" if self.inactive else "live") + ", t the other   " if self._versions else ""
            self.note = f"{which}read {hhmmss(self.face.now())}   / find   left right move"
            self._show_document()
        self.screen.show_subject()  # type: ignore[attr-defined] # a TabbedPage

    def _tell(self, sentence: str, *, bad: bool = False) -> None:
        if sentence:
            style = self.face.tones[Tone.BAD if bad else Tone.MUTED]
            room = max(20, self.size.width or 76)
            pieces = wrap(safe(sentence, limit=1000), room)
            if bad:
                pieces += ["", "r reads it again."]
            self.view.show([Text(piece, style, no_wrap=True) for piece in pieces])

    def show_fleet(self, fleet: Fleet) -> None:
        """Stay as it is, but for the colours: it is read once, and says when."""
        del fleet
        if self.document and self._tones is not self.face.tones:
            self._show_document()

    def _show_document(self) -> None:
        self._tones = self.face.tones
        lines = XmlLines(self.document, self._tones)
        self.view.show(lines, width=lines.width)
