"""What the prefix and `?` show in a console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from kvmtui.core.fields import Tone
from kvmtui.screens.actions import CONSOLE
from kvmtui.screens.text_page import TextPage

if TYPE_CHECKING:
    from kvmtui.screens.face import Face

ABOUT = ("Every key goes to the guest, also ctrl-c, escape and tab. Only {prefix} is kept: one of these may follow.",)
MORE = (
    "A console that was left stays open and goes on reading; c on its VM comes back, {prefix} x closes it.",
    "When the VM restarts, or moves to another host of the fleet, its console opens again by itself; a line",
    "says where output may be missing. Leaving kvmtui closes all.",
    "",
    "The wheel scrolls back; the next key that is typed goes to the guest and shows its screen again. In a program",
    "that has the screen for itself, such as an editor or a pager, the wheel sends arrow keys.",
    "Scrolling by {prefix} v: j k, pages, g G move, / finds, n and N go on finding, y copies what is seen, q ends.",
    "",
    "To copy with the mouse, hold shift while you drag (option in some terminals): the terminal selects, not kvmtui.",
    "A paste goes to the guest, in pieces that a serial line keeps up with; ctrl-c stops a long one.",
    "",
    "Nothing tells a guest how large its serial console is: {prefix} r at a shell lets programs use all of it.",
)


class ConsoleHelp(TextPage):
    """A page of text over the console."""

    def __init__(self, face: Face) -> None:
        super().__init__()
        self._face = face

    def text(self) -> Text:
        """Return the keys behind the prefix, and what else to know."""
        tones, prefix = self._face.tones, self._face.key_map.prefix
        text = Text()
        text.append("A console\n", tones[Tone.ACCENT])
        for line in ABOUT:
            text.append(f"{line.format(prefix=prefix)}\n")
        text.append("\n")
        for action in CONSOLE:
            text.append(f"  {prefix} {action.shown:<5}", tones[Tone.WARN])
            text.append(f"{action.help}\n")
        text.append("\n")
        for line in MORE:
            text.append(f"{line.format(prefix=prefix)}\n")
        text.append("\nesc or q goes back", tones[Tone.MUTED])
        return text
