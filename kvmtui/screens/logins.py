"""Shows the questions of logins one at a time, and never in the middle of something that a person types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from textual.app import App

    from kvmtui.prompts import Prompts, Waiting
    from kvmtui.widgets.login import LoginScreen

STILL = 0.8  # seconds without a key before a dialog may come up by itself
LOOK = 0.4  # seconds between two looks whether it may


class Surface(Protocol):
    """What is needed to know whether somebody types."""

    def idle_seconds(self) -> float: ...
    @property
    def is_free(self) -> bool:
        """Whether a page is shown, and nothing is asked or typed there."""
        ...


class Logins:
    """Takes a question from `Prompts` to a dialog and its answer back."""

    def __init__(self, app: App[int], surface: Surface, prompts: Prompts) -> None:
        self._app = app
        self._surface = surface
        self._prompts = prompts
        self._shown: tuple[Waiting, LoginScreen] | None = None
        self._looks = False

    def look(self) -> None:
        """Show the first question when that disturbs nobody; take away a dialog whose question was taken back."""
        first = self._prompts.first
        if self._shown is not None:
            waiting, screen = self._shown
            if first is not waiting:
                self._shown = None
                if screen.is_current:
                    _ = screen.dismiss(None)
        if first is None or self._shown is not None:
            return
        if self._surface.is_free and self._surface.idle_seconds() >= STILL:
            self._show(first)
        elif not self._looks:
            self._looks = True
            self._app.set_timer(LOOK, self._look_again)

    def _look_again(self) -> None:
        self._looks = False
        self.look()

    def _show(self, waiting: Waiting) -> None:
        from kvmtui.widgets.login import LoginScreen

        screen = LoginScreen(waiting.prompt)
        self._shown = (waiting, screen)

        def answered(text: str | None) -> None:
            if self._shown is not None and self._shown[0] is waiting:
                self._shown = None
            waiting.answer(text)

        self._app.push_screen(screen, answered)
