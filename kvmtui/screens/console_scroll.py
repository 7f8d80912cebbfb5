"""Moving in a console's scrollback by keys, and looking for a text in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core.text import safe
from kvmtui.widgets.textline import LineEditor

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events

    from kvmtui.widgets.terminal import TerminalView

LINES = {"j": 1, "down": 1, "k": -1, "up": -1}
PAGES = {"pagedown": 1.0, " ": 1.0, "ctrl+d": 0.5, "pageup": -1.0, "ctrl+u": -0.5}
ENDS = frozenset({"q", "escape", "enter", "ctrl+c"})


class Scrolling:
    """Takes the keys while somebody looks back; says sentences by `note`, hands copied text to `copy`."""

    def __init__(self, view: TerminalView, note: Callable[[str], None], copy: Callable[[str], None]) -> None:
        self._view = view
        self._note = note
        self._copy = copy
        self.editor = LineEditor()
        """The text that is being typed after `/`."""

    def begin(self) -> None:
        """Stand still from now on."""
        self._view.scroll_by_lines(0)
        self._view.port.by_keys = True

    def key(self, key: str) -> bool:
        """Move, copy or end; False: the key is none of these."""
        view = self._view
        if key in LINES:
            view.scroll_by_lines(LINES[key])
        elif key in PAGES:
            view.scroll_by_lines(round(PAGES[key] * max(1, view.size.height - 1)))
        elif key in ("g", "home"):
            view.scroll_to_first()
        elif key in ("G", "end"):
            view.scroll_to_last()
        elif key in ("n", "N"):
            if not view.find_next(-1 if key == "n" else 1):
                self._note("There is no other place." if view.port.word else "Nothing was looked for yet: / does that.")
        elif key == "y":
            self._copy(view.port.text())
            self._note("What is seen was copied, if this terminal lets programs copy.")
        elif key in ENDS:
            view.follow()
        else:
            return False
        return True

    def search_key(self, event: events.Key) -> bool:
        """Take a key of the text that is looked for; True when it is complete, and was looked for."""
        if event.key != "enter":
            self.editor.key(event.key, event.character)
            return False
        found = self._view.find(self.editor.text)
        self.begin()
        self._note("" if found else f"{safe(self.editor.text, limit=40)} is nowhere in the scrollback.")
        return True
