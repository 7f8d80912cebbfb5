"""A screen that takes every key for itself, the app's own among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

from kvmtui.widgets.selecting import LastingText

if TYPE_CHECKING:
    from textual import events


class KeyTaker(LastingText, Screen[None], inherit_bindings=False):
    """While it is on top, the app hands it each key and each paste in the order they came, and acts on none."""

    AUTO_FOCUS = None

    def take_key(self, event: events.Key) -> None:
        """Do what a key means here."""
        raise NotImplementedError

    def take_paste(self, text: str) -> None:
        """Take pasted text."""
        raise NotImplementedError
