"""A screen over another one, which it leaves as it found it."""

from __future__ import annotations

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen, ScreenResultType

from kvmtui.widgets.selecting import LastingText


class Dialog(LastingText, ModalScreen[ScreenResultType]):
    """A modal screen that can be left once only, whatever reaches it afterwards.

    Textual would take away whichever screen is on top by then, and end the program where there is none below it.
    """

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave it with a result; does nothing when it is not on top, as after it has been left."""
        return super().dismiss(result) if self.is_current else AwaitComplete()
