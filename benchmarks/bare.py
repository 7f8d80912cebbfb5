"""The least that a Textual program can be: it paints one line. What kvmtui's start is held against."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static


class Bare(App[None]):
    """One line on the screen."""

    def compose(self) -> ComposeResult:
        """Compose the line."""
        yield Static("this line is the bare program")


if __name__ == "__main__":
    Bare().run()
