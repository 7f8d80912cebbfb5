"""The dialog in which a login's question is answered: a password, a passphrase, a code, or yes to a host's key."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.widgets import Static

from kvmtui.backend.base import PromptKind
from kvmtui.core.text import safe
from kvmtui.widgets.dialog import Dialog
from kvmtui.widgets.driver import name_of, read_of
from kvmtui.widgets.guard import GUARD, Guard
from kvmtui.widgets.textline import LineEditor

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult

    from kvmtui.backend.base import Prompt

LONGEST = 2000  # characters of a question that are shown
_HEADS = {
    PromptKind.SECRET: "{host} asks for a login",
    PromptKind.HOST_KEY: "The key of {host} is not known",
    PromptKind.CONFIRM: "May a key be used for {host}?",
    PromptKind.NOTICE: "{host} waits for a key",
}


class LoginScreen(Dialog[str | None]):
    """Asks one `Prompt`. Dismissed with the answer, or None when the login is given up."""

    DEFAULT_CSS = """
    LoginScreen {
        align: left bottom;
        background: transparent;
        & > #login { width: 100%; height: auto; max-height: 100%; background: $panel; padding: 0 1; }
    }
    """
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(self, prompt: Prompt, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.prompt = prompt
        self._clock = clock
        self._editor = LineEditor()
        self.guard = Guard(GUARD)

    def compose(self) -> ComposeResult:
        """Compose the one panel."""
        yield Static(id="login", markup=False)

    def on_mount(self) -> None:
        """Say what is asked; keys count from when it can be read."""
        self._say()
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self.guard.begin(self._clock())

    def on_key(self, event: events.Key) -> None:
        """Take every key, and let none through to what lies below."""
        event.stop()
        event.prevent_default()
        read = read_of(event)
        arrived = self._clock() if read is None else read.at
        if not self.guard.lets(arrived, cancels=event.key == "escape"):
            return
        key = name_of(event)
        if key == "escape":
            _ = self.dismiss(None)
        elif key == "enter":
            if read is None or len(read.keys) == 1:
                self._answer()
        else:
            self._editor.key(key, key if len(key) == 1 else None)
            self._say()

    def on_paste(self, event: events.Paste) -> None:
        """Take a password that was pasted."""
        event.stop()
        if self.guard.lets(self._clock()):
            self._editor.insert(event.text)
            self._say()

    def _answer(self) -> None:
        text, kind = self._editor.text, self.prompt.kind
        agreed = kind is PromptKind.HOST_KEY and text.strip().lower() == "yes"
        if kind is PromptKind.SECRET:
            _ = self.dismiss(text)
        elif kind is PromptKind.CONFIRM or agreed:
            _ = self.dismiss("yes")

    def _say(self) -> None:
        self.query_one("#login", Static).update(self.told())

    def told(self) -> Text:
        """Return what the dialog says now; what was typed as a secret is never in it."""
        prompt = self.prompt
        lines = [Text(_HEADS[prompt.kind].format(host=safe(prompt.host)), style="bold")]
        if prompt.again:
            lines.append(Text("The answer before was not accepted."))
        lines += [Text(safe(line, limit=LONGEST)) for line in prompt.text.strip().splitlines()[:12]]
        if prompt.kind is PromptKind.HOST_KEY:
            lines.append(Text("Compare the fingerprint with the one that the host itself shows before you say yes."))
            lines.append(Text.assemble(("> ", "bold"), self._editor.shown, (" ", "reverse")))
        elif prompt.kind is PromptKind.SECRET:
            shown = f"{len(self._editor.text)} characters" if self._editor.text else ""
            lines.append(Text.assemble(("> ", "bold"), shown, (" ", "reverse")))
            lines.append(Text("It is kept in the memory of this program only.", style="dim"))
        demand = {
            PromptKind.SECRET: "enter logs in",
            PromptKind.HOST_KEY: "type yes and press enter",
            PromptKind.CONFIRM: "enter allows it",
            PromptKind.NOTICE: "touch the key",
        }[prompt.kind]
        lines.append(Text(f"{demand}   esc gives the login up", style="bold"))
        return Text("\n").join(lines)
