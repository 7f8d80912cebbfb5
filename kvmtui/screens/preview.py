"""What would be done, in every detail: the sentences, the lines that do the same by hand, the definition."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Static

from kvmtui.core.fields import Tone
from kvmtui.core.text import safe
from kvmtui.screens.sheet import BOLD, wrap
from kvmtui.screens.xml_tab import XmlLines
from kvmtui.widgets.dialog import Dialog
from kvmtui.widgets.textview import TextView

if TYPE_CHECKING:
    from rich.style import Style
    from textual.app import ComposeResult

    from kvmtui.commands.base import Preview
    from kvmtui.screens.face import Face

LONGEST = 4000  # characters of a line


class PreviewScreen(Dialog[None]):
    """A `Preview` to read, over the form that it is of."""

    DEFAULT_CSS = """
    PreviewScreen { background: $background; }
    PreviewScreen > TextView { padding: 0 1; }
    PreviewScreen > #title { width: 100%; height: 1; text-style: bold; background: $panel; padding: 0 1; }
    PreviewScreen > #keys { width: 100%; height: 1; color: $text-muted; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", show=False)]
    AUTO_FOCUS: ClassVar[str | None] = "TextView"
    view = cached_property(lambda _: TextView(wide=True))

    def __init__(self, title: str, preview: Preview) -> None:
        super().__init__()
        self._heading = title
        self._preview = preview

    def compose(self) -> ComposeResult:
        """Compose the text."""
        yield Static(Text(safe(self._heading, limit=1000)), id="title")
        yield self.view
        yield Static("arrows scroll   left right move   esc back", id="keys", markup=False)

    def on_resize(self) -> None:
        """Fill the width that there is."""
        tones = cast("Face", self.app).tones
        xml = XmlLines(self._preview.document, tones) if self._preview.document else ()
        width = max(20, self.size.width - 4)
        lines = [
            Text(piece, no_wrap=True) for said in self._preview.lines for piece in wrap(safe(said, limit=2000), width)
        ]
        lines += _headed(tones[Tone.MUTED] + BOLD, "THE SAME BY HAND", self._commands())
        if xml:
            lines += _headed(tones[Tone.MUTED] + BOLD, "THE DEFINITION", list(xml))
        widest = max((line.cell_len for line in lines), default=0)
        self.view.show(lines, width=widest)

    def _commands(self) -> list[Text]:
        """Return the shell lines; one that holds a text keeps its line ends."""
        shown = (safe(part, limit=LONGEST) for command in self._preview.commands for part in command.splitlines())
        return [Text(line, no_wrap=True) for line in shown]

    def action_leave(self) -> None:
        """Go back to the form."""
        self.dismiss()


def _headed(style: Style, title: str, lines: list[Text]) -> list[Text]:
    return [Text(""), Text().append(title, style), *lines] if lines else []
