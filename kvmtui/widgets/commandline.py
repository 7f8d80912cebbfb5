"""The `:` line: a command by name, with completion and history."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, ClassVar

from kvmtui.core.text import safe
from kvmtui.widgets.textline import TextBar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SHOWN = 12  # completions named at the right


def _none(_text: str) -> Sequence[str]:
    return ()


class CommandLine(TextBar):
    """Tab completes; up and down bring back what was entered; enter closes and says it."""

    PROMPT: ClassVar[str] = ":"

    def __init__(
        self,
        completer: Callable[[str], Sequence[str]] = _none,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.completer = completer
        """Gives the whole texts that what is typed can become, best first."""

    def open(self, text: str = "") -> None:
        """Take keys from now on."""
        super().open(text)

    def feed(self, key: str, character: str | None) -> None:
        """Take one key."""
        if key == "tab":
            self._complete()
            self.refresh()
            return
        super().feed(key, character)
        if key == "enter":
            self.close()

    def _complete(self) -> None:
        """Write what all completions begin with, or the next of them when that is there already."""
        found = list(self.completer(self.text))
        if not found:
            return
        same = takewhile(lambda letters: len(set(letters)) == 1, zip(*found, strict=False))
        common = "".join(letters[0] for letters in same)
        if len(common) > len(self.text):
            self.editor.put(common + (" " if len(found) == 1 and not common.endswith(" ") else ""))
        elif len(found) == 1:
            self.editor.put(found[0] + " ")
        self.changed()

    def hint(self) -> str:
        """Return what the word being typed can become."""
        found = self.completer(self.text)
        start = self.text.rfind(" ") + 1
        words = [text[start:] for text in found[:SHOWN]]
        return "  ".join(safe(word, limit=40) for word in words) + (" …" if len(found) > SHOWN else "")
