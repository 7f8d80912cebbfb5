"""The `/` line: filters while it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.message import Message

from kvmtui.core.errors import FilterError
from kvmtui.widgets.textline import TextBar

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterBar(TextBar):
    """Says each text that can be a filter, and what is wrong with one that cannot, and where."""

    PROMPT: ClassVar[str] = "/"

    class Changed(Message):
        """Another filter is wanted; "" for none."""

        def __init__(self, bar: FilterBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

        @property
        def control(self) -> FilterBar:
            """The bar, for `on(..., selector)`."""
            return self.bar

    def __init__(
        self,
        check: Callable[[str], object] | None = None,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._check = check
        self.filter = ""
        """The last text that could be a filter: what is in force."""

    def open(self, text: str | None = None) -> None:
        """Take keys from now on, beginning with the filter in force."""
        super().open(self.filter if text is None else text)

    def clear(self) -> None:
        """Take the filter away."""
        self.editor.put("")
        self.changed()
        self.refresh()

    def changed(self) -> None:
        """Say the filter if it can be one."""
        super().changed()
        try:
            if self._check is not None:
                self._check(self.text)
        except FilterError as error:
            self.complain(f"column {error.column + 1}: {error}")
            return
        if self.text != self.filter:
            self.filter = self.text
            self.post_message(self.Changed(self, self.filter))

    def feed(self, key: str, character: str | None) -> None:
        """Take one key: escape clears the filter and closes, enter keeps it and closes."""
        if key == "escape":
            self.clear()
        super().feed(key, character)
        if key == "enter":
            self.close()
